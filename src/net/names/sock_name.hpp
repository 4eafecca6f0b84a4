// A socket's name of any family, as the system's calls take and give it, and as text:
// "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/path", "unix:@abstract".
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"
#include "net/names/address.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace socketpoll {

struct SockName {
  sockaddr_storage storage; // read only as far as `length`
  socklen_t length = 0;

  SockName() noexcept { storage.ss_family = AF_UNSPEC; }
  explicit SockName(const Address &address) noexcept { length = address.to_sockaddr(storage); }

  // Internet addresses as Address::parse, with a scope (RFC 4007, 11) that is the name or the
  // number of an interface. What begins with "unix:" is a path, or after '@' an abstract name.
  // SOCKET_EADDRESS: does not parse, an interface that is not there, an empty path; SOCKET_EPORT;
  // SOCKET_ENAMETOOLONG: a path over sun_path; SOCKET_ENOTSUP: abstract names where there are none.
  static Result<SockName> parse(std::string_view text) noexcept;
  static bool is_unix(std::string_view text) noexcept { return text.starts_with("unix:"); }

  int family() const noexcept { return length ? storage.ss_family : AF_UNSPEC; }
  bool internet() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  // Host order; 0 where the family has none.
  uint16_t port() const noexcept { return address().port; }
  // Loses the scope; AF_UNSPEC for what is no internet address.
  Address address() const noexcept { return Address::from_sockaddr(storage); }
  uint32_t scope() const noexcept;
  // "/path"; "@name" for an abstract one, whose NULs are shown as '@'; "" for an unnamed socket.
  Result<int> format_path(std::span<char> out) const noexcept;
  bool operator==(const SockName &other) const noexcept;

  static constexpr size_t kTextBytes = 128;
  // With a NUL, as parse() takes it; "unix:" for a socket without a name. The length, SOCKET_EINVAL
  // if it does not fit, SOCKET_ENOTCONN if there is no name at all.
  Result<int> format(std::span<char> out) const noexcept;

  const sockaddr *get() const noexcept { return reinterpret_cast<const sockaddr *>(&storage); }
  // For a call that fills it in.
  sockaddr *room() noexcept {
    length = sizeof storage;
    return reinterpret_cast<sockaddr *>(&storage);
  }
};

} // namespace socketpoll
