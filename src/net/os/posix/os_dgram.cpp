#include "net/os/os_dgram.hpp"

#include "SocketDgram.h"

#include "base/error.hpp"
#include "net/os/posix/descriptors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ifaddrs.h>
#include <netinet/udp.h>

#if defined(__linux__)
#include <linux/errqueue.h>
#endif

namespace socketpoll::os {

namespace {

Status status_of(ssize_t outcome) noexcept {
  return outcome < 0 ? Status(last_system_error()) : Status();
}

template <class Get> Result<SockName> name_from(Get &&get) noexcept {
  SockName name;
  if (get(name.room(), &name.length) < 0) return last_system_error();
  return name;
}

// A message of one slice, with room for one control message that holds an int.
struct Message {
  msghdr header; // left alone until it is used: a batch has many
  iovec slice;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];

  void set(const void *data, size_t size) noexcept {
    header = {};
    slice = {const_cast<void *>(data), size};
    header.msg_iov = &slice;
    header.msg_iovlen = 1;
  }
  void receive_into(std::span<char> into, SockName &from, bool joined) noexcept {
    set(into.data(), into.size());
    header.msg_name = from.room();
    header.msg_namelen = from.length;
    header.msg_control = joined ? control : nullptr;
    header.msg_controllen = joined ? sizeof control : 0;
  }
  void send(const Departure &departure) noexcept {
    set(departure.bytes.data(), departure.bytes.size());
    if (!departure.to) return;
    header.msg_name = const_cast<sockaddr *>(departure.to->get());
    header.msg_namelen = departure.to->length;
  }
};

// The size of the datagrams that were joined into this message, or 0.
uint32_t joined_size(msghdr &header) noexcept {
#if defined(UDP_GRO)
  if (header.msg_controllen == 0) return 0;
  for (cmsghdr *part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_UDP || part->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(part), sizeof size);
    return size > 0 ? static_cast<uint32_t>(size) : 0;
  }
#endif
  static_cast<void>(header);
  return 0;
}

Arrived arrived(msghdr &header, size_t length) noexcept {
  return {length, joined_size(header), (header.msg_flags & MSG_TRUNC) != 0};
}

} // namespace

Result<Fd> dgram_socket(int family) noexcept {
  Fd fd(new_socket(family, SOCK_DGRAM));
  if (!fd) return last_system_error();
  return fd;
}

Status bind_name(int fd, const SockName &name) noexcept {
  return status_of(::bind(fd, name.get(), name.length));
}

Status connect_name(int fd, const SockName &name) noexcept {
  return status_of(restart([&] { return ::connect(fd, name.get(), name.length); }));
}

Status disconnect(int fd) noexcept {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  const int outcome = ::connect(fd, &nobody, sizeof nobody);
  // BSD has done it and complains all the same.
  return outcome < 0 && errno == EAFNOSUPPORT ? Status() : status_of(outcome);
}

Result<SockName> local_name(int fd) noexcept {
  return name_from([&](sockaddr *to, socklen_t *length) { return ::getsockname(fd, to, length); });
}

Result<SockName> peer_name(int fd) noexcept {
  return name_from([&](sockaddr *to, socklen_t *length) { return ::getpeername(fd, to, length); });
}

// ---- Receiving

Result<Arrived> receive_from(int fd, std::span<char> into, SockName &from, bool joined) noexcept {
#if defined(__linux__)
  if (!joined) {
    // With MSG_TRUNC the answer is the datagram's own length, which spares the message header.
    const ssize_t length = restart([&] {
      return ::recvfrom(fd, into.data(), into.size(), MSG_TRUNC, from.room(), &from.length);
    });
    if (length < 0) return last_system_error();
    const size_t whole = static_cast<size_t>(length);
    return Arrived{std::min(whole, into.size()), 0, whole > into.size()};
  }
#endif
  Message message;
  const ssize_t length = restart([&] {
    message.receive_into(into, from, joined);
    return ::recvmsg(fd, &message.header, 0);
  });
  if (length < 0) return last_system_error();
  from.length = message.header.msg_namelen;
  return arrived(message.header, static_cast<size_t>(length));
}

Result<int> receive_batch(int fd, std::span<Arrival> arrivals, bool joined) noexcept {
  arrivals = arrivals.first(std::min<size_t>(arrivals.size(), kMostMessages));
#if defined(__linux__)
  Message messages[kMostMessages];
  mmsghdr headers[kMostMessages];
  for (size_t i = 0; i < arrivals.size(); i++) {
    messages[i].receive_into(arrivals[i].into, *arrivals[i].from, joined);
    headers[i].msg_hdr = messages[i].header;
  }
  const int count = restart([&] {
    return ::recvmmsg(fd, headers, static_cast<unsigned>(arrivals.size()), MSG_DONTWAIT, nullptr);
  });
  if (count < 0) return last_system_error();
  for (int i = 0; i < count; i++) {
    arrivals[static_cast<size_t>(i)].from->length = headers[i].msg_hdr.msg_namelen;
    arrivals[static_cast<size_t>(i)].outcome = arrived(headers[i].msg_hdr, headers[i].msg_len);
  }
  return count;
#else
  int count = 0;
  for (Arrival &arrival : arrivals) {
    auto got = receive_from(fd, arrival.into, *arrival.from, joined);
    if (!got.ok()) return count > 0 ? Result<int>(count) : Result<int>(got.error());
    arrival.outcome = *got;
    count++;
  }
  return count;
#endif
}

// ---- Sending

Status send_one(int fd, const Departure &departure) noexcept {
  const auto [to, bytes] = departure;
  return status_of(restart([&, to = to, bytes = bytes] {
    return to ? ::sendto(fd, bytes.data(), bytes.size(), kNoSignal, to->get(), to->length)
              : ::send(fd, bytes.data(), bytes.size(), kNoSignal);
  }));
}

Result<int> send_batch(int fd, std::span<const Departure> departures) noexcept {
  if (departures.size() == 1) {
    const Status status = send_one(fd, departures[0]);
    return status.ok() ? Result<int>(1) : Result<int>(status.error());
  }
  departures = departures.first(std::min<size_t>(departures.size(), kMostMessages));
#if defined(__linux__)
  Message messages[kMostMessages];
  mmsghdr headers[kMostMessages];
  for (size_t i = 0; i < departures.size(); i++) {
    messages[i].send(departures[i]);
    headers[i].msg_hdr = messages[i].header;
  }
  const int count = restart(
      [&] { return ::sendmmsg(fd, headers, static_cast<unsigned>(departures.size()), kNoSignal); });
  if (count < 0) return last_system_error();
  return count;
#else
  int count = 0;
  for (const Departure &departure : departures) {
    const Status status = send_one(fd, departure);
    if (!status.ok()) return count > 0 ? Result<int>(count) : Result<int>(status.error());
    count++;
  }
  return count;
#endif
}

Status send_segments(int fd, const Departure &departure, int segment) noexcept {
#if defined(UDP_SEGMENT)
  Message message;
  message.send(departure);
  message.header.msg_control = message.control;
  message.header.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  cmsghdr *part = CMSG_FIRSTHDR(&message.header);
  part->cmsg_level = SOL_UDP;
  part->cmsg_type = UDP_SEGMENT;
  part->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const auto size = static_cast<uint16_t>(segment);
  std::memcpy(CMSG_DATA(part), &size, sizeof size);
  return status_of(restart([&] { return ::sendmsg(fd, &message.header, kNoSignal); }));
#else
  static_cast<void>(fd), static_cast<void>(departure), static_cast<void>(segment);
  return Error{SOCKET_ENOTSUP};
#endif
}

// EINVAL: a segment over the path's MTU, or checksums switched off; EIO: a device that cannot;
// EMSGSIZE: fewer segments a call than we asked for. udp(7), net/ipv4/udp.c.
bool wants_plain_sends(int code) noexcept {
  return code == SOCKET_EINVAL || code == SOCKET_EIO || code == SOCKET_EMSGSIZE ||
         code == SOCKET_ENOTSUP;
}

// ---- The error queue

#if defined(__linux__)

Status keep_errors(int fd, int family, bool on) noexcept {
  if (family == AF_INET) return set_option(fd, IPPROTO_IP, IP_RECVERR, on);
  if (family != AF_INET6) return {};
  // Of IPv4 peers as well: the socket may speak both.
  (void)set_option(fd, IPPROTO_IP, IP_RECVERR, on);
  return set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, on);
}

Result<QueuedError> take_error(int fd) noexcept {
  QueuedError queued;
  alignas(cmsghdr) char control[512];
  msghdr message{};
  message.msg_control = control;
  const ssize_t outcome = restart([&] {
    message.msg_name = queued.to.room();
    message.msg_namelen = queued.to.length;
    message.msg_controllen = sizeof control;
    return ::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  });
  if (outcome < 0) return last_system_error();
  queued.to.length = message.msg_namelen;
  for (cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    // What the kernel itself refused was the answer of the call that tried.
    if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6)
      queued.code = error_from_errno(static_cast<int>(error.ee_errno)).code;
  }
  return queued;
}

#else

Status keep_errors(int, int, bool) noexcept { return {}; }
Result<QueuedError> take_error(int) noexcept { return Error{SOCKET_EAGAIN}; }

#endif

int dgram_capabilities(int fd, int family) noexcept {
  int can = 0;
#if defined(__linux__)
  can |= SOCKET_DGRAM_CAN_BATCH;
  if (family == AF_UNIX) return can | SOCKET_DGRAM_CAN_ABSTRACT;
  can |= SOCKET_DGRAM_CAN_TELL_ERRORS;
#endif
  int value = 0;
  socklen_t size = sizeof value;
#if defined(UDP_SEGMENT)
  if (::getsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, &size) == 0) can |= SOCKET_DGRAM_CAN_SEGMENT;
#endif
#if defined(UDP_GRO)
  size = sizeof value;
  if (::getsockopt(fd, SOL_UDP, UDP_GRO, &value, &size) == 0) can |= SOCKET_DGRAM_CAN_GRO;
#endif
  static_cast<void>(fd), static_cast<void>(family), static_cast<void>(value);
  static_cast<void>(size);
  return can;
}

// ---- Interfaces

uint32_t interface_with(const Address &address) noexcept {
  ifaddrs *all = nullptr;
  if (::getifaddrs(&all) < 0) return 0;
  uint32_t index = 0;
  for (const ifaddrs *one = all; one && index == 0; one = one->ifa_next)
    if (same_host(one->ifa_addr, address)) index = if_nametoindex(one->ifa_name);
  ::freeifaddrs(all);
  return index;
}

#if defined(__NetBSD__) || defined(__OpenBSD__)

// These know an interface by one of its addresses.
Status set_multicast_interface_v4(int fd, int index) noexcept {
  char name[IF_NAMESIZE] = "";
  ifaddrs *all = nullptr;
  if (index != 0 && !::if_indextoname(static_cast<unsigned>(index), name))
    return Error{SOCKET_EADDRNOTAVAIL};
  if (::getifaddrs(&all) < 0) return last_system_error();
  in_addr interface {};
  for (const ifaddrs *one = all; one; one = one->ifa_next)
    if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET && !std::strcmp(one->ifa_name, name))
      interface = reinterpret_cast<const sockaddr_in *>(one->ifa_addr)->sin_addr;
  ::freeifaddrs(all);
  if (index != 0 && interface.s_addr == INADDR_ANY) return Error{SOCKET_EADDRNOTAVAIL};
  return set_raw_option(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface);
}

#else

Status set_multicast_interface_v4(int fd, int index) noexcept {
  ip_mreqn interface {};
  interface.imr_ifindex = index;
  return set_raw_option(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface);
}

#endif

// "No such device" is, for what is asked here, an address that this machine lacks.
Status set_raw_option(int fd, int level, int name, const void *value, size_t size) noexcept {
  if (::setsockopt(fd, level, name, value, static_cast<socklen_t>(size)) == 0) return {};
  if (errno == ENODEV || errno == ENXIO) return Error{SOCKET_EADDRNOTAVAIL};
  if (errno == ENOPROTOOPT) return Error{SOCKET_ENOTSUP};
  return last_system_error();
}

} // namespace socketpoll::os
