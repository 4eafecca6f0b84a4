// The system calls of datagram sockets, as results. The only file of this floor that knows which
// platform has recvmmsg, segmentation offload or an error queue; where one is missing, the same
// result comes by a loop, or SOCKET_ENOTSUP says so.
#pragma once

#include "base/result.hpp"
#include "net/names/sock_name.hpp"
#include "net/os/os_socket.hpp"

#include <cstdint>
#include <span>

namespace socketpoll::os {

// What one system call takes or gives at most, of the batches.
inline constexpr int kMostMessages = 64;
// No datagram of UDP is longer, over IPv4 or IPv6 without jumbograms.
inline constexpr size_t kMostDatagramBytes = 65536;

// A non-blocking, close-on-exec datagram socket.
Result<Fd> dgram_socket(int family) noexcept;
Status bind_name(int fd, const SockName &name) noexcept;
// A datagram socket connects at once or not at all.
Status connect_name(int fd, const SockName &name) noexcept;
Status disconnect(int fd) noexcept;
Result<SockName> local_name(int fd) noexcept;
Result<SockName> peer_name(int fd) noexcept;

struct Arrived {
  size_t length = 0;    // bytes that are there
  uint32_t segment = 0; // where the kernel joined several datagrams: the size of each but the last
  bool truncated = false;
};
// SOCKET_EAGAIN when there is none. `joined`: the kernel may join datagrams (GRO).
Result<Arrived> receive_from(int fd, std::span<char> into, SockName &from, bool joined) noexcept;

struct Arrival {
  std::span<char> into;
  SockName *from = nullptr;
  Arrived outcome;
};
// How many of `arrivals`, at most kMostMessages, were filled.
Result<int> receive_batch(int fd, std::span<Arrival> arrivals, bool joined) noexcept;

struct Departure {
  const SockName *to = nullptr; // nullptr: the connected peer
  std::span<const char> bytes;
};
Status send_one(int fd, const Departure &departure) noexcept;
// How many of `departures`, at most kMostMessages, went; an error only if none did.
Result<int> send_batch(int fd, std::span<const Departure> departures) noexcept;
// Sends the bytes as datagrams of `segment` bytes, the last one perhaps shorter; all or none. At
// most kMostMessages and 65,507 bytes. What cannot be done so gives an error that
// wants_plain_sends() knows.
Status send_segments(int fd, const Departure &departure, int segment) noexcept;
bool wants_plain_sends(int code) noexcept;

struct QueuedError {
  int code = 0; // 0: nothing that the network said
  SockName to;
};
// Whether errors of unconnected sends are kept for take_error(): ip(7), IP_RECVERR.
Status keep_errors(int fd, int family, bool on) noexcept;
// SOCKET_EAGAIN when there is none.
Result<QueuedError> take_error(int fd) noexcept;

enum class DgramOption : uint8_t {
  broadcast,
  reuseaddr,
  reuseport,
  v6only,
  receive_buffer,
  send_buffer,
  ttl,
  multicast_ttl,
  multicast_loop,
  multicast_interface, // by its index
  gro,
  count
};
// SOCKET_ENOTSUP where the family has no such option.
Status set_dgram_option(int fd, int family, DgramOption option, int value) noexcept;

enum class Membership : uint8_t { join, leave };
// `source` may be nullptr: any. interface_index 0: the system's choice.
Status set_membership(int fd, Membership action, const SockName &group, const SockName *source,
                      uint32_t interface_index) noexcept;
// The interface with this name, or with this numeric address; SOCKET_EADDRNOTAVAIL.
Result<uint32_t> interface_index(const char *text) noexcept;

// ---- What the options are made of, in each family of systems

bool same_host(const sockaddr *one, const Address &other) noexcept;
// 0: none has that address.
uint32_t interface_with(const Address &address) noexcept;
Status set_multicast_interface_v4(int fd, int index) noexcept;
// SOCKET_EADDRNOTAVAIL: no such device; SOCKET_ENOTSUP: the kernel has never heard of the option.
Status set_raw_option(int fd, int level, int name, const void *value, size_t size) noexcept;

// What the kernel knows, as far as this family goes: SOCKET_DGRAM_CAN_*.
int dgram_capabilities(int fd, int family) noexcept;

} // namespace socketpoll::os
