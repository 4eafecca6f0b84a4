#include "net/names/sock_name.hpp"

#include <charconv>
#include <cstdio>
#include <cstring>

namespace socketpoll {

namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kPathAt = offsetof(sockaddr_un, sun_path);
constexpr size_t kPathBytes = sizeof(sockaddr_un::sun_path);

#if defined(__linux__)
constexpr bool kHasAbstract = true;
#else
constexpr bool kHasAbstract = false;
#endif

Result<SockName> parse_unix(std::string_view path) noexcept {
  const bool abstract = path.starts_with('@');
  if (path.size() <= size_t{abstract} || path.find('\0') != path.npos)
    return Error{SOCKET_EADDRESS};
  if (abstract && !kHasAbstract) return Error{SOCKET_ENOTSUP};
  if (path.size() >= kPathBytes) return Error{SOCKET_ENAMETOOLONG};
  SockName name;
  std::memset(&name.storage, 0, sizeof name.storage);
  auto &local = reinterpret_cast<sockaddr_un &>(name.storage);
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  if (abstract) local.sun_path[0] = '\0';
  // A path has its NUL, an abstract name ends with the length, unix(7).
  name.length = static_cast<socklen_t>(kPathAt + path.size() + !abstract);
  return name;
}

// 0: no such interface.
uint32_t interface_of(std::string_view scope) noexcept {
  uint32_t index = 0;
  const char *const last = scope.data() + scope.size();
  const auto [end, problem] = std::from_chars(scope.data(), last, index);
  if (problem == std::errc{} && end == last) return index;
  char name[kInterfaceNameBytes];
  if (scope.empty() || scope.size() >= sizeof name || scope.find('\0') != scope.npos) return 0;
  std::memcpy(name, scope.data(), scope.size());
  name[scope.size()] = '\0';
  return if_nametoindex(name);
}

Result<SockName> parse_scoped(const HostPortText &parts, size_t percent) noexcept {
  auto address = Address::parse_host(parts.host.substr(0, percent));
  if (!parts.bracketed || !address.ok() || address->family != AF_INET6)
    return Error{SOCKET_EADDRESS};
  const uint32_t scope = interface_of(parts.host.substr(percent + 1));
  if (scope == 0) return Error{SOCKET_EADDRESS};
  auto port = parse_port(parts.port);
  if (!port.ok()) return port.error();
  address->port = *port;
  SockName name(*address);
  reinterpret_cast<sockaddr_in6 &>(name.storage).sin6_scope_id = scope;
  return name;
}

} // namespace

Result<SockName> SockName::parse(std::string_view text) noexcept {
  if (is_unix(text)) return parse_unix(text.substr(kUnixPrefix.size()));
  if (auto parts = take_apart(text); parts.ok())
    if (const size_t percent = parts->host.find('%'); percent != text.npos)
      return parse_scoped(*parts, percent);
  auto address = Address::parse(text);
  if (!address.ok()) return address.error();
  return SockName(*address);
}

uint32_t SockName::scope() const noexcept {
  if (family() != AF_INET6) return 0;
  return reinterpret_cast<const sockaddr_in6 &>(storage).sin6_scope_id;
}

bool SockName::operator==(const SockName &other) const noexcept {
  if (family() != other.family()) return false;
  if (!internet()) return length == other.length && !std::memcmp(&storage, &other.storage, length);
  const Address mine = address(), theirs = other.address();
  return mine.port == theirs.port && scope() == other.scope() &&
         !std::memcmp(mine.bytes, theirs.bytes, sizeof mine.bytes);
}

Result<int> SockName::format_path(std::span<char> out) const noexcept {
  if (family() != AF_UNIX) return Error{SOCKET_EAFNOSUPPORT};
  const auto &local = reinterpret_cast<const sockaddr_un &>(storage);
  size_t size = static_cast<size_t>(length) > kPathAt ? static_cast<size_t>(length) - kPathAt : 0;
  const bool abstract = size > 0 && local.sun_path[0] == '\0';
  if (!abstract) size = strnlen(local.sun_path, size);
  if (size >= out.size()) return Error{SOCKET_EINVAL};
  for (size_t i = 0; i < size; i++) out[i] = local.sun_path[i] ? local.sun_path[i] : '@';
  out[size] = '\0';
  return static_cast<int>(size);
}

Result<int> SockName::format(std::span<char> out) const noexcept {
  if (family() == AF_UNIX) {
    if (out.size() <= kUnixPrefix.size()) return Error{SOCKET_EINVAL};
    std::memcpy(out.data(), kUnixPrefix.data(), kUnixPrefix.size());
    auto length = format_path(out.subspan(kUnixPrefix.size()));
    if (!length.ok()) return length;
    return static_cast<int>(kUnixPrefix.size()) + *length;
  }
  if (scope() == 0) return address().format(out);
  char host[INET6_ADDRSTRLEN], interface[kInterfaceNameBytes];
  if (auto length = address().format_host(host); !length.ok()) return length;
  if (!if_indextoname(scope(), interface)) // gone since
    std::snprintf(interface, sizeof interface, "%u", scope());
  const int length =
      std::snprintf(out.data(), out.size(), "[%s%%%s]:%u", host, interface, unsigned{port()});
  if (length < 0 || static_cast<size_t>(length) >= out.size()) return Error{SOCKET_EINVAL};
  return length;
}

} // namespace socketpoll
