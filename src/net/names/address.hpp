// Numeric IPv4 and IPv6 addresses with a port.
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace socketpoll {

// A host and a port, still as text: what is before and after the last colon.
struct HostPortText {
  std::string_view host; // without its brackets
  std::string_view port;
  bool bracketed = false;
};
// "host:port" or "[v6]:port". SOCKET_EADDRESS where there is no such colon, or where a host without
// brackets has one of its own.
Result<HostPortText> take_apart(std::string_view text) noexcept;
// Decimal digits up to 65535; SOCKET_EPORT for all else, nothing at all included.
Result<uint16_t> parse_port(std::string_view digits) noexcept;

struct HostPort {
  std::string_view host; // without its brackets; views the text
  uint16_t port = 0;     // host order
  bool bracketed = false;
};
// For hosts that are names as well, which are not looked up here: SOCKET_EADDRESS where there is no
// host, or one with a blank, a control character, a slash or an unbracketed colon;
// SOCKET_ENAMETOOLONG beyond 253 characters (RFC 1035, 2.3.4), a final dot aside; SOCKET_EPORT.
Result<HostPort> split_host_port(std::string_view text) noexcept;

// 20 bytes, so that every connection can keep its peer's. Keeps no scope: see SockName. The family
// may be AF_UNIX as well, of a peer whose name is asked of its descriptor where it matters.
struct Address {
  uint8_t bytes[16] = {};
  uint16_t port = 0; // host order
  uint8_t family = AF_UNSPEC;

  // "127.0.0.1:80", "[::1]:80", "localhost:80" (127.0.0.1). The host is judged first:
  // SOCKET_EADDRESS unless it is numeric, then SOCKET_EPORT.
  static Result<Address> parse(std::string_view text) noexcept;
  // The same without the port: "127.0.0.1", "::1". SOCKET_EADDRESS.
  static Result<Address> parse_host(std::string_view text) noexcept;
  static Address from_sockaddr(const sockaddr_storage &storage) noexcept;
  // Fills `storage` and returns the length that bind(2) and connect(2) want.
  socklen_t to_sockaddr(sockaddr_storage &storage) const noexcept;

  static constexpr size_t kTextBytes = 48;
  // Writes "127.0.0.1:80", "[::1]:80" or "unix:" and a NUL; the length, or SOCKET_EINVAL if it does
  // not fit.
  Result<int> format(std::span<char> out) const noexcept;
  // The same without the port and the brackets: "127.0.0.1", "::1", "unix:".
  Result<int> format_host(std::span<char> out) const noexcept;
};

} // namespace socketpoll
