#include "net/address.hpp"

#include <arpa/inet.h>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace socketpoll {

Result<Address> Address::parse(std::string_view text) noexcept {
  const Error bad{SOCKET_EADDRESS};
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);

  Address address;
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || problem != std::errc{} || end != port.data() + port.size()) return bad;

  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host == "localhost" && !bracketed) host = "127.0.0.1";
  char name[INET6_ADDRSTRLEN];
  if (host.size() >= sizeof name || host.find('\0') != host.npos) return bad;
  std::memcpy(name, host.data(), host.size());
  name[host.size()] = '\0';
  address.family = bracketed ? AF_INET6 : AF_INET;
  if (inet_pton(address.family, name, address.bytes) != 1) return bad;
  return address;
}

Address Address::from_sockaddr(const sockaddr_storage &storage) noexcept {
  Address address;
  if (storage.ss_family == AF_INET) {
    const auto &v4 = reinterpret_cast<const sockaddr_in &>(storage);
    std::memcpy(address.bytes, &v4.sin_addr, sizeof v4.sin_addr);
    address.port = ntohs(v4.sin_port);
    address.family = AF_INET;
  } else if (storage.ss_family == AF_INET6) {
    const auto &v6 = reinterpret_cast<const sockaddr_in6 &>(storage);
    std::memcpy(address.bytes, &v6.sin6_addr, sizeof v6.sin6_addr);
    address.port = ntohs(v6.sin6_port);
    address.family = AF_INET6;
  }
  return address;
}

socklen_t Address::to_sockaddr(sockaddr_storage &storage) const noexcept {
  std::memset(&storage, 0, sizeof storage);
  if (family == AF_INET) {
    auto &v4 = reinterpret_cast<sockaddr_in &>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes, sizeof v4.sin_addr);
    return sizeof v4;
  }
  auto &v6 = reinterpret_cast<sockaddr_in6 &>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes, sizeof v6.sin6_addr);
  return sizeof v6;
}

Result<int> Address::format_host(std::span<char> out) const noexcept {
  if (family == AF_UNSPEC) return Error{SOCKET_ENOTCONN};
  if (!inet_ntop(family, bytes, out.data(), static_cast<socklen_t>(out.size())))
    return Error{SOCKET_EINVAL};
  return static_cast<int>(std::strlen(out.data()));
}

Result<int> Address::format(std::span<char> out) const noexcept {
  char host[INET6_ADDRSTRLEN];
  if (const auto length = format_host(host); !length.ok()) return length;
  const char *shape = family == AF_INET6 ? "[%s]:%u" : "%s:%u";
  const int length = std::snprintf(out.data(), out.size(), shape, host, unsigned{port});
  if (length < 0 || static_cast<size_t>(length) >= out.size()) return Error{SOCKET_EINVAL};
  return length;
}

} // namespace socketpoll
