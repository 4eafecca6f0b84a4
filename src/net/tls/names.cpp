#include "net/tls/names.hpp"

#include "net/names/host_name.hpp"

#include <algorithm>

namespace socketpoll::tls {

namespace {
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_but_for_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view without_final_dot(std::string_view name) noexcept {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}
} // namespace

Server Server::parse(std::string_view text) {
  Server server;
  // The scope of a link-local address (RFC 4007, 11) is this machine's own business.
  if (auto number = parse_host(text.substr(0, text.find('%')), AF_UNSPEC); number.ok()) {
    server.address.assign(number->bytes, number->bytes + (number->family == AF_INET6 ? 16 : 4));
    return server;
  }
  text = without_final_dot(text);
  server.name.resize(text.size());
  std::ranges::transform(text, server.name.begin(), lower);
  return server;
}

bool name_matches(std::string_view pattern, std::string_view name) noexcept {
  pattern = without_final_dot(pattern);
  name = without_final_dot(name);
  if (name.empty()) return false;
  if (!pattern.starts_with("*.")) return equal_but_for_case(pattern, name);
  const size_t dot = name.find('.');
  return dot != name.npos && dot > 0 && equal_but_for_case(pattern.substr(1), name.substr(dot));
}

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const size_t end = list.find(',');
    std::string_view part = list.substr(0, end);
    list.remove_prefix(end == list.npos ? list.size() : end + 1);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.emplace_back(part);
  }
  return parts;
}

} // namespace socketpoll::tls
