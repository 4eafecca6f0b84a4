#include "net/names/system_lookup.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace socketpoll {

constinit NameService name_service;

namespace {

// `system_error`: errno, for EAI_SYSTEM.
int code_of(int outcome, [[maybe_unused]] int system_error) noexcept {
  switch (outcome) {
  case 0: return 0;
  case EAI_NONAME: return SOCKET_ENONAME;
#if defined(EAI_NODATA)
  case EAI_NODATA: return SOCKET_ENONAME;
#endif
#if defined(EAI_ADDRFAMILY)
  case EAI_ADDRFAMILY: return SOCKET_ENONAME;
#endif
  case EAI_FAMILY: return SOCKET_EAFNOSUPPORT;
  case EAI_MEMORY: return SOCKET_ENOMEM;
#if defined(EAI_SYSTEM)
  case EAI_SYSTEM: return error_from_errno(system_error).code;
#endif
  default: return SOCKET_ENAMESERVER; // EAI_AGAIN, EAI_FAIL
  }
}

bool same_host(const Address &left, const Address &right) noexcept {
  return left.family == right.family &&
         std::memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
}

void append(const addrinfo &found, std::vector<Address> &addresses) {
  if (found.ai_family != AF_INET && found.ai_family != AF_INET6) return;
  sockaddr_storage storage{};
  std::memcpy(&storage, found.ai_addr, std::min<size_t>(found.ai_addrlen, sizeof storage));
  // An address that needs a scope cannot be connected to without it, and Address keeps none.
  if (found.ai_family == AF_INET6 && reinterpret_cast<sockaddr_in6 &>(storage).sin6_scope_id)
    return;
  const Address address = Address::from_sockaddr(storage);
  const auto equals = [&](const Address &other) { return same_host(address, other); };
  // The hosts file may well name one twice.
  if (std::none_of(addresses.begin(), addresses.end(), equals)) addresses.push_back(address);
}

} // namespace

void look_up(const char *host, int family, Resolved &out) noexcept {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM; // or each address would come once for each type
  // No questions for a family that this machine has no address of.
  hints.ai_flags = family == AF_UNSPEC ? AI_ADDRCONFIG : 0;
  addrinfo *list = nullptr;
  errno = 0;
  const int outcome = name_service.find(host, nullptr, &hints, &list);
  out.code = code_of(outcome, errno);
  if (out.code) return;
  try {
    for (const addrinfo *next = list; next && out.addresses.size() < kMostAddresses;
         next = next->ai_next)
      append(*next, out.addresses);
    interleave_families(out.addresses);
    if (out.addresses.empty()) out.code = SOCKET_ENONAME;
  } catch (const std::bad_alloc &) {
    out.addresses.clear();
    out.code = SOCKET_ENOMEM;
  }
  if (list) name_service.release(list);
}

void interleave_families(std::span<Address> addresses) noexcept {
  for (size_t i = 1; i < addresses.size(); i++) {
    const auto place = addresses.begin() + static_cast<std::ptrdiff_t>(i);
    const uint8_t family = addresses[i - 1].family;
    const auto other = std::find_if(
        place, addresses.end(), [&](const Address &address) { return address.family != family; });
    if (other == addresses.end()) return;
    std::rotate(place, other, other + 1);
  }
}

} // namespace socketpoll
