#include "net/os/os_socket.hpp"

#include "SocketListener.h"

#include "net/os/windows/sockets.hpp"

#include <mstcpip.h>

namespace socketpoll::os {

namespace {

// The system takes whatever one send is given, however much that is, as long as anything is free:
// more at a time would lie in its memory and not count against the stream's marks.
constexpr size_t kMostPerSend = 256 * 1024;

// A port of this machine that nobody listens on refuses at once; Windows asks three times, a second
// each, unless it is told not to.
void refuse_at_once(int fd, const Address &address) noexcept {
  const bool v4 = address.family == AF_INET && address.bytes[0] == 127;
  constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const bool v6 =
      address.family == AF_INET6 && std::equal(kLoopback6, kLoopback6 + 16, address.bytes);
  if (!v4 && !v6) return;
  TCP_INITIAL_RTO_PARAMETERS once{};
  once.Rtt = TCP_INITIAL_RTO_UNSPECIFIED_RTT;
  once.MaxSynRetransmissions = TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS;
  DWORD ignored = 0;
  (void)::WSAIoctl(socket_of(fd), SIO_TCP_INITIAL_RTO, &once, sizeof once, nullptr, 0, &ignored,
                   nullptr, nullptr);
}

// A connection that the peer has reset is one that this system has aborted, as the case may be.
Error stream_error() noexcept {
  const Error error = last_system_error();
  return error.code == SOCKET_ECONNABORTED ? Error{SOCKET_ECONNRESET} : error;
}

template <class Get> Result<Address> address_from(Get &&get) noexcept {
  sockaddr_storage storage{};
  int length = sizeof storage;
  if (get(reinterpret_cast<sockaddr *>(&storage), &length) != 0) return last_system_error();
  return Address::from_sockaddr(storage);
}

} // namespace

Status prepare_listening(int fd) noexcept {
  const auto type = option_of<int>(fd, SOL_SOCKET, SO_TYPE);
  if (!type.ok()) return type.error();
  if (*type != SOCK_STREAM) return Error{SOCKET_EINVAL};
  const auto listens = option_of<int>(fd, SOL_SOCKET, SO_ACCEPTCONN);
  if (!listens.ok()) return listens.error();
  if (!*listens) return Error{SOCKET_ESTATE};
  return set_nonblocking(fd, true);
}

namespace kernel {

Result<Fd> tcp_socket(int family) noexcept { return make_socket(family, SOCK_STREAM); }

// SO_REUSEADDR would let others take the port over; without it, Windows binds beside connections
// that are in TIME_WAIT as it is.
Result<Fd> listen_tcp(const Address &address, const ListenOptions &options) noexcept {
  if (options.reuseport) return Error{SOCKET_ENOTSUP};
  auto fd = tcp_socket(address.family);
  if (!fd.ok()) return fd;
  const int number = fd->get();
  Status status = set_option(number, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
  if (status.ok() && address.family == AF_INET6)
    status = set_option(number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (status.ok() && options.receive_buffer)
    status = set_option(number, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
  if (status.ok() && options.send_buffer)
    status = set_option(number, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
  if (!status.ok()) return status.error();
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  if (::bind(socket_of(number), reinterpret_cast<sockaddr *>(&storage), length) != 0) {
    const Error error = last_system_error();
    // What SO_EXCLUSIVEADDRUSE says of a port that another has.
    return error.code == SOCKET_EACCES ? Error{SOCKET_EADDRINUSE} : error;
  }
  if (::listen(socket_of(number), options.backlog) != 0) return last_system_error();
  return fd;
}

Result<Accepted> accept_tcp(int listener) noexcept {
  sockaddr_storage storage{};
  int length = sizeof storage;
  auto fd =
      descriptor(::accept(socket_of(listener), reinterpret_cast<sockaddr *>(&storage), &length));
  // The peer was gone before it could be accepted.
  if (fd.code() == SOCKET_ECONNRESET) return Error{SOCKET_ECONNABORTED};
  if (!fd.ok()) return fd.error();
  (void)::SetHandleInformation(handle_of(fd->get()), HANDLE_FLAG_INHERIT, 0);
  if (const Status status = set_nonblocking(fd->get(), true); !status.ok()) return status.error();
  Accepted accepted{fd.take(), Address::from_sockaddr(storage)};
  if (storage.ss_family == AF_UNIX || length == 0) accepted.peer.family = AF_UNIX;
  return accepted;
}

Status connect_tcp(int fd, const Address &address) noexcept {
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  refuse_at_once(fd, address);
  return status_of(::connect(socket_of(fd), reinterpret_cast<sockaddr *>(&storage), length));
}

Status pending_error(int fd) noexcept {
  const auto error = option_of<DWORD>(fd, SOL_SOCKET, SO_ERROR);
  if (!error.ok()) return error.error();
  return *error ? Status(error_from_system(*error)) : Status();
}

Result<Address> local_address(int fd) noexcept {
  return address_from(
      [&](sockaddr *to, int *length) { return ::getsockname(socket_of(fd), to, length); });
}

Result<Address> peer_address(int fd) noexcept {
  return address_from(
      [&](sockaddr *to, int *length) { return ::getpeername(socket_of(fd), to, length); });
}

Status set_option(int fd, int level, int name, int value) noexcept {
  return status_of(::setsockopt(socket_of(fd), level, name, reinterpret_cast<const char *>(&value),
                                sizeof value));
}

// Each by its own option since Windows 10, 1709; before, there was one call, and always ten probes.
Status set_keepalive(int fd, int idle_s, int interval_s, int count) noexcept {
  constexpr int kKeepIdle = 3, kKeepCount = 16, kKeepInterval = 17; // TCP_KEEP*
  if (set_option(fd, IPPROTO_TCP, kKeepIdle, idle_s).ok() &&
      set_option(fd, IPPROTO_TCP, kKeepInterval, interval_s).ok() &&
      set_option(fd, IPPROTO_TCP, kKeepCount, count).ok())
    return set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  tcp_keepalive values{};
  values.onoff = 1;
  values.keepalivetime = static_cast<ULONG>(idle_s) * 1000;
  values.keepaliveinterval = static_cast<ULONG>(interval_s) * 1000;
  DWORD ignored = 0;
  return status_of(::WSAIoctl(socket_of(fd), SIO_KEEPALIVE_VALS, &values, sizeof values, nullptr, 0,
                              &ignored, nullptr, nullptr));
}

Result<size_t> receive(int fd, std::span<char> into) noexcept {
  const int received = ::recv(socket_of(fd), into.data(), length_of(into.size()), 0);
  if (received < 0) return stream_error();
  // Wine takes note of a reset while it polls, and shows an end here; to send nothing is refused.
  if (received == 0 && !into.empty() && ::send(socket_of(fd), "", 0, 0) != 0 &&
      WSAGetLastError() == WSAECONNRESET)
    return last_system_error();
  return static_cast<size_t>(received);
}

Result<size_t> send(int fd, std::span<const iovec> slices, bool) noexcept {
  WSABUF buffers[kMaxSlices];
  DWORD count = 0;
  size_t room = kMostPerSend;
  for (const iovec &slice : slices) {
    if (room == 0 || count == kMaxSlices) break;
    const size_t length = std::min(slice.iov_len, room);
    buffers[count++] = {static_cast<ULONG>(length), static_cast<char *>(slice.iov_base)};
    room -= length;
  }
  DWORD sent = 0;
  if (::WSASend(socket_of(fd), buffers, count, &sent, 0, nullptr, nullptr) != 0)
    return stream_error();
  return size_t{sent};
}

// TransmitFile would wait, or end elsewhere than in the loop's turn.
Result<size_t> send_file(Channel channel, int file, int64_t offset, size_t length) noexcept {
  return send_copied(channel, file, offset, length);
}

Status shutdown_sending(int fd) noexcept { return status_of(::shutdown(socket_of(fd), SD_SEND)); }

} // namespace kernel

Result<Pipe> make_pipe() noexcept { return Error{SOCKET_ENOTSUP}; }
bool can_splice(Channel) noexcept { return false; }
Result<size_t> splice_from(int, const Pipe &, size_t) noexcept { return Error{SOCKET_ENOTSUP}; }
Result<size_t> splice_to(int, const Pipe &, size_t, bool) noexcept { return Error{SOCKET_ENOTSUP}; }

} // namespace socketpoll::os
