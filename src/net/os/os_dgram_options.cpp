// Options and multicast membership of datagram sockets.
#include "net/os/os_dgram.hpp"

#include "base/error.hpp"
#include "base/os_types.hpp"

#include <cstring>

namespace socketpoll::os {

namespace {

constexpr int kNone = -1; // the level where a family has no such option

// A row for each DgramOption.
struct OptionRow {
  int v4_level, v4_name, v6_level, v6_name, local_level, local_name;
};
constexpr OptionRow kOptions[] = {
    {SOL_SOCKET, SO_BROADCAST, SOL_SOCKET, SO_BROADCAST, kNone, 0},
    {SOL_SOCKET, SO_REUSEADDR, SOL_SOCKET, SO_REUSEADDR, SOL_SOCKET, SO_REUSEADDR},
#if defined(SO_REUSEPORT)
    {SOL_SOCKET, SO_REUSEPORT, SOL_SOCKET, SO_REUSEPORT, kNone, 0},
#else
    {kNone, 0, kNone, 0, kNone, 0},
#endif
    {kNone, 0, IPPROTO_IPV6, IPV6_V6ONLY, kNone, 0},
    {SOL_SOCKET, SO_RCVBUF, SOL_SOCKET, SO_RCVBUF, SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_SNDBUF, SOL_SOCKET, SO_SNDBUF, SOL_SOCKET, SO_SNDBUF},
    {IPPROTO_IP, IP_TTL, IPPROTO_IPV6, IPV6_UNICAST_HOPS, kNone, 0},
    {IPPROTO_IP, IP_MULTICAST_TTL, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kNone, 0},
    {IPPROTO_IP, IP_MULTICAST_LOOP, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, kNone, 0},
    {IPPROTO_IP, IP_MULTICAST_IF, IPPROTO_IPV6, IPV6_MULTICAST_IF, kNone, 0},
#if defined(__linux__) || defined(UDP_GRO) // without a header it must not get lost in silence
    {SOL_UDP, UDP_GRO, SOL_UDP, UDP_GRO, kNone, 0},
#else
    {kNone, 0, kNone, 0, kNone, 0},
#endif
};
static_assert(std::size(kOptions) == static_cast<size_t>(DgramOption::count));

template <class Value> Status set(int fd, int level, int name, const Value &value) noexcept {
  if (level == kNone) return Error{SOCKET_ENOTSUP};
  return set_raw_option(fd, level, name, &value, sizeof value);
}

// In an option's value BSD looks at the length that a name there begins with.
void put_name(sockaddr_storage &place, const SockName &name) noexcept {
  std::memcpy(&place, &name.storage, name.length);
#if defined(SIN6_LEN)
  place.ss_len = static_cast<decltype(place.ss_len)>(name.length);
#endif
}

} // namespace

bool same_host(const sockaddr *one, const Address &other) noexcept {
  if (!one || one->sa_family != other.family) return false;
  sockaddr_storage storage{};
  std::memcpy(&storage, one,
              one->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  const Address address = Address::from_sockaddr(storage);
  return !std::memcmp(address.bytes, other.bytes, sizeof address.bytes);
}

Status set_dgram_option(int fd, int family, DgramOption option, int value) noexcept {
  const OptionRow &row = kOptions[static_cast<size_t>(option)];
  if (family == AF_INET6) return set(fd, row.v6_level, row.v6_name, value);
  if (family != AF_INET) return set(fd, row.local_level, row.local_name, value);
  if (option == DgramOption::multicast_interface) return set_multicast_interface_v4(fd, value);
  return set(fd, row.v4_level, row.v4_name, value);
}

#if defined(MCAST_JOIN_GROUP)

// RFC 3678, 5.1: one interface for both families.
Status set_membership(int fd, Membership action, const SockName &group, const SockName *source,
                      uint32_t interface_index) noexcept {
  const int level = group.family() == AF_INET6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP};
  const bool join = action == Membership::join;
  if (!source) {
    group_req request{};
    request.gr_interface = interface_index;
    put_name(request.gr_group, group);
    return set(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, request);
  }
  group_source_req request{};
  request.gsr_interface = interface_index;
  put_name(request.gsr_group, group);
  put_name(request.gsr_source, *source);
  return set(fd, level, join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP, request);
}

#else // OpenBSD

Status set_membership(int, Membership, const SockName &, const SockName *, uint32_t) noexcept {
  return Error{SOCKET_ENOTSUP};
}

#endif

Result<uint32_t> interface_index(const char *text) noexcept {
  uint32_t index = if_nametoindex(text);
  if (index == 0)
    if (auto address = Address::parse_host(text); address.ok()) index = interface_with(*address);
  if (index == 0) return Error{SOCKET_EADDRNOTAVAIL};
  return index;
}

} // namespace socketpoll::os
