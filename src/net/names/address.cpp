#include "net/names/address.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>

namespace socketpoll {

namespace {

constexpr size_t kLongestHost = 253;

bool plausible_host(std::string_view host) noexcept {
  for (const char c : host)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '/') return false;
  return !host.empty();
}

Result<Address> numeric(std::string_view host, int family) noexcept {
  char name[INET6_ADDRSTRLEN];
  if (host.size() >= sizeof name || host.find('\0') != host.npos) return Error{SOCKET_EADDRESS};
  std::memcpy(name, host.data(), host.size());
  name[host.size()] = '\0';
  Address address;
  address.family = static_cast<uint8_t>(family);
  if (inet_pton(family, name, address.bytes) != 1) return Error{SOCKET_EADDRESS};
  return address;
}

} // namespace

Result<HostPortText> take_apart(std::string_view text) noexcept {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return Error{SOCKET_EADDRESS};
  HostPortText parts{text.substr(0, colon), text.substr(colon + 1)};
  std::string_view &host = parts.host;
  parts.bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (parts.bracketed) host = host.substr(1, host.size() - 2);
  const bool lone_bracket = host.find_first_of("[]") != host.npos;
  if (lone_bracket || (!parts.bracketed && host.find(':') != host.npos))
    return Error{SOCKET_EADDRESS};
  return parts;
}

Result<uint16_t> parse_port(std::string_view digits) noexcept {
  uint16_t port = 0;
  const char *const last = digits.data() + digits.size();
  const auto [end, problem] = std::from_chars(digits.data(), last, port);
  if (digits.empty() || problem != std::errc{} || end != last) return Error{SOCKET_EPORT};
  return port;
}

Result<HostPort> split_host_port(std::string_view text) noexcept {
  auto parts = take_apart(text);
  if (!parts.ok()) return parts.error();
  if (!plausible_host(parts->host)) return Error{SOCKET_EADDRESS};
  const size_t final_dot = parts->host.back() == '.';
  if (parts->host.size() > kLongestHost + final_dot) return Error{SOCKET_ENAMETOOLONG};
  auto port = parse_port(parts->port);
  if (!port.ok()) return port.error();
  return HostPort{parts->host, *port, parts->bracketed};
}

Result<Address> Address::parse(std::string_view text) noexcept {
  auto parts = take_apart(text);
  if (!parts.ok()) return parts.error();
  if (parts->host == "localhost" && !parts->bracketed) parts->host = "127.0.0.1";
  auto address = numeric(parts->host, parts->bracketed ? AF_INET6 : AF_INET);
  if (!address.ok()) return address;
  auto port = parse_port(parts->port);
  if (!port.ok()) return port.error();
  address->port = *port;
  return address;
}

Result<Address> Address::parse_host(std::string_view text) noexcept {
  return numeric(text, text.find(':') == text.npos ? AF_INET : AF_INET6);
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
  if (family == AF_UNIX) {
    const int length = std::snprintf(out.data(), out.size(), "unix:");
    return static_cast<size_t>(length) < out.size() ? Result<int>(length) : Error{SOCKET_EINVAL};
  }
  if (!inet_ntop(family, bytes, out.data(), static_cast<socklen_t>(out.size())))
    return Error{SOCKET_EINVAL};
  return static_cast<int>(std::strlen(out.data()));
}

Result<int> Address::format(std::span<char> out) const noexcept {
  if (family == AF_UNIX) return format_host(out);
  char host[INET6_ADDRSTRLEN];
  if (const auto length = format_host(host); !length.ok()) return length;
  const char *shape = family == AF_INET6 ? "[%s]:%u" : "%s:%u";
  const int length = std::snprintf(out.data(), out.size(), shape, host, unsigned{port});
  if (length < 0 || static_cast<size_t>(length) >= out.size()) return Error{SOCKET_EINVAL};
  return length;
}

} // namespace socketpoll
