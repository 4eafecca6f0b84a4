// Net floor. One getaddrinfo(3), from its hints to a list of addresses and a code of ours. Blocks:
// the pool's threads alone call it.
#pragma once

#include "base/os_types.hpp"

#include "net/names/address.hpp"

#include <span>
#include <vector>

namespace socketpoll {

// Addresses beyond these are dropped: nobody would get around to trying them.
inline constexpr size_t kMostAddresses = 64;

struct Resolved {
  std::vector<Address> addresses; // without ports, families taking turns
  int code = 0;                   // or why there are none
};

// Fills `out`. In the order of RFC 6724, which getaddrinfo gives, as far as the turns leave it.
void look_up(const char *host, int family, Resolved &out) noexcept;

// Moves addresses up so that the families alternate from the first one's on (RFC 8305, section 4).
void interleave_families(std::span<Address> addresses) noexcept;

// What a test puts in the place of the system.
struct NameService {
  int (*find)(const char *, const char *, const addrinfo *, addrinfo **) = ::getaddrinfo;
  void (*release)(addrinfo *) = ::freeaddrinfo;
};
extern NameService name_service; // changed only while no lookup is under way

} // namespace socketpoll
