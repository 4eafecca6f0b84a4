// Numeric IPv4 and IPv6 addresses with a port.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <netinet/in.h>
#include <span>
#include <string_view>
#include <sys/socket.h>

namespace socketpoll {

// 20 bytes, so that every connection can keep its peer's.
struct Address {
  uint8_t bytes[16] = {};
  uint16_t port = 0; // host order
  uint8_t family = AF_UNSPEC;

  // "127.0.0.1:80", "[::1]:80", "localhost:80"; SOCKET_EADDRESS for anything else.
  static Result<Address> parse(std::string_view text) noexcept;
  static Address from_sockaddr(const sockaddr_storage &storage) noexcept;
  // Fills `storage` and returns the length that bind(2) and connect(2) want.
  socklen_t to_sockaddr(sockaddr_storage &storage) const noexcept;

  static constexpr size_t kTextBytes = 48;
  // Writes "127.0.0.1:80" or "[::1]:80" and a NUL; the length, or SOCKET_EINVAL if it does not fit.
  Result<int> format(std::span<char> out) const noexcept;
  // The same without the port and the brackets: "127.0.0.1", "::1".
  Result<int> format_host(std::span<char> out) const noexcept;
};

} // namespace socketpoll
