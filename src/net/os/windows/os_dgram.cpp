#include "net/os/os_dgram.hpp"

#include "SocketDgram.h"

#include "net/os/windows/sockets.hpp"

#include <memory>
#include <mstcpip.h>
#include <new>

namespace socketpoll::os {

namespace {

#if !defined(SIO_UDP_CONNRESET) // mswsock.h of older headers lacks it
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#endif

template <class Get> Result<SockName> name_from(Get &&get) noexcept {
  SockName name;
  sockaddr *const room = name.room();
  if (get(room, &name.length) != 0) return last_system_error();
  return name;
}

// Whether a port that is unreachable makes the next receive fail. Of an unconnected socket that
// would tell nothing, as it does not say whose.
void tell_unreachable(int fd, bool on) noexcept {
  BOOL value = on;
  DWORD ignored = 0;
  (void)::WSAIoctl(socket_of(fd), SIO_UDP_CONNRESET, &value, sizeof value, nullptr, 0, &ignored,
                   nullptr, nullptr);
}

// Of datagrams it means what ICMP says of a port that nobody has.
Error dgram_error() noexcept {
  const Error error = last_system_error();
  return error.code == SOCKET_ECONNRESET ? Error{SOCKET_ECONNREFUSED} : error;
}

} // namespace

Result<Fd> dgram_socket(int family) noexcept {
  auto fd = make_socket(family, SOCK_DGRAM);
  if (fd.ok()) tell_unreachable(fd->get(), false);
  return fd;
}

Status bind_name(int fd, const SockName &name) noexcept {
  return status_of(::bind(socket_of(fd), name.get(), name.length));
}

Status connect_name(int fd, const SockName &name) noexcept {
  const Status status = status_of(::connect(socket_of(fd), name.get(), name.length));
  if (status.ok()) tell_unreachable(fd, true);
  return status;
}

// To the address of nobody, as Winsock has it.
Status disconnect(int fd) noexcept {
  auto own = local_name(fd);
  if (!own.ok()) return own.error();
  sockaddr_storage nobody{};
  nobody.ss_family = static_cast<ADDRESS_FAMILY>(own->family());
  tell_unreachable(fd, false);
  return status_of(
      ::connect(socket_of(fd), reinterpret_cast<const sockaddr *>(&nobody), own->length));
}

Result<SockName> local_name(int fd) noexcept {
  return name_from(
      [&](sockaddr *to, socklen_t *length) { return ::getsockname(socket_of(fd), to, length); });
}

Result<SockName> peer_name(int fd) noexcept {
  auto peer = name_from(
      [&](sockaddr *to, socklen_t *length) { return ::getpeername(socket_of(fd), to, length); });
  // After disconnect() some say that it is nobody, and not that there is none.
  if (peer.ok() && peer->internet() && peer->port() == 0) return Error{SOCKET_ENOTCONN};
  return peer;
}

// ---- Receiving

Result<Arrived> receive_from(int fd, std::span<char> into, SockName &from, bool) noexcept {
  sockaddr *const room = from.room();
  const int length =
      ::recvfrom(socket_of(fd), into.data(), length_of(into.size()), 0, room, &from.length);
  if (length >= 0) return Arrived{static_cast<size_t>(length), 0, false};
  if (WSAGetLastError() == WSAEMSGSIZE) return Arrived{into.size(), 0, true};
  return dgram_error();
}

Result<int> receive_batch(int fd, std::span<Arrival> arrivals, bool joined) noexcept {
  int count = 0;
  for (Arrival &arrival : arrivals.first(std::min<size_t>(arrivals.size(), kMostMessages))) {
    auto got = receive_from(fd, arrival.into, *arrival.from, joined);
    if (!got.ok()) return count > 0 ? Result<int>(count) : Result<int>(got.error());
    arrival.outcome = *got;
    count++;
  }
  return count;
}

// ---- Sending

Status send_one(int fd, const Departure &departure) noexcept {
  const auto [to, bytes] = departure;
  const int length = length_of(bytes.size());
  const int sent = to ? ::sendto(socket_of(fd), bytes.data(), length, 0, to->get(), to->length)
                      : ::send(socket_of(fd), bytes.data(), length, 0);
  return sent < 0 ? Status(dgram_error()) : Status();
}

Result<int> send_batch(int fd, std::span<const Departure> departures) noexcept {
  int count = 0;
  for (const Departure &departure :
       departures.first(std::min<size_t>(departures.size(), kMostMessages))) {
    const Status status = send_one(fd, departure);
    if (!status.ok()) return count > 0 ? Result<int>(count) : Result<int>(status.error());
    count++;
  }
  return count;
}

Status send_segments(int, const Departure &, int) noexcept { return Error{SOCKET_ENOTSUP}; }
bool wants_plain_sends(int code) noexcept { return code == SOCKET_ENOTSUP; }

Status keep_errors(int, int, bool) noexcept { return {}; }
Result<QueuedError> take_error(int) noexcept { return Error{SOCKET_EAGAIN}; }
int dgram_capabilities(int, int) noexcept { return 0; }

// ---- Interfaces

Status set_multicast_interface_v4(int fd, int index) noexcept {
  // An index instead of an address: within 0.0.0.0/8, in network order.
  return kernel::set_option(fd, IPPROTO_IP, IP_MULTICAST_IF,
                            static_cast<int>(htonl(static_cast<u_long>(index))));
}

Status set_raw_option(int fd, int level, int name, const void *value, size_t size) noexcept {
  return status_of(::setsockopt(socket_of(fd), level, name, static_cast<const char *>(value),
                                static_cast<int>(size)));
}

uint32_t interface_with(const Address &address) noexcept {
  constexpr ULONG kFlags =
      GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER;
  ULONG size = 16 * 1024;
  for (int attempt = 0; attempt < 4; attempt++) {
    const std::unique_ptr<char[]> memory(new (std::nothrow) char[size]);
    if (!memory) return 0;
    auto *const first = reinterpret_cast<IP_ADAPTER_ADDRESSES *>(memory.get());
    const ULONG outcome = ::GetAdaptersAddresses(address.family, kFlags, nullptr, first, &size);
    if (outcome == ERROR_BUFFER_OVERFLOW) continue; // `size` says how much it takes
    if (outcome != NO_ERROR) return 0;
    for (const auto *one = first; one; one = one->Next)
      for (const auto *at = one->FirstUnicastAddress; at; at = at->Next)
        if (same_host(at->Address.lpSockaddr, address))
          return address.family == AF_INET6 ? one->Ipv6IfIndex : one->IfIndex;
  }
  return 0;
}

} // namespace socketpoll::os
