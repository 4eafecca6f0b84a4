#include "net/names/host_name.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace socketpoll {

namespace {

constexpr size_t kMostName = 253;
constexpr size_t kMostLabel = 63;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool ends_in_localhost(std::string_view name) noexcept {
  constexpr std::string_view kLocalhost = "localhost";
  return name.size() >= kLocalhost.size() &&
         std::equal(kLocalhost.begin(), kLocalhost.end(), name.end() - kLocalhost.size(),
                    [](char wanted, char c) { return wanted == lower(c); });
}

std::string_view without_final_dot(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// What the WHATWG's URL standard calls an ending in a number: all digits, or hexadecimal.
bool is_number(std::string_view label) noexcept {
  if (label.starts_with("0x") || label.starts_with("0X"))
    return label.find_first_not_of("0123456789abcdefABCDEF", 2) == label.npos;
  return std::all_of(label.begin(), label.end(), is_digit);
}

Status check_labels(std::string_view name) noexcept {
  for (;;) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty()) return Error{SOCKET_EADDRESS};
    if (label.size() > kMostLabel) return Error{SOCKET_ENAMETOOLONG};
    if (dot != name.npos) {
      name.remove_prefix(dot + 1);
      continue;
    }
    return is_number(label) ? Status(Error{SOCKET_EADDRESS}) : Status();
  }
}

Status check_ascii(std::string_view name) noexcept {
  const auto unseen = [](char c) { return c <= ' ' || c == '\x7f'; };
  // Of a URL or an address that was not taken apart; no name service has it in a name.
  constexpr std::string_view kForeign = ":/?#[]@%\\";
  if (std::any_of(name.begin(), name.end(), unseen) || name.find_first_of(kForeign) != name.npos)
    return Error{SOCKET_EADDRESS};
  name = without_final_dot(name);
  if (name.size() > kMostName) return Error{SOCKET_ENAMETOOLONG};
  return check_labels(name);
}

} // namespace

Result<Address> parse_host(std::string_view text, int family) noexcept {
  auto address = Address::parse_host(text);
  if (address.ok() && family != AF_UNSPEC && family != address->family)
    return Error{SOCKET_EADDRESS};
  return address;
}

Status check_host_name(std::string_view name) noexcept {
  const auto above_ascii = [](char c) { return static_cast<unsigned char>(c) > 127; };
  if (std::any_of(name.begin(), name.end(), above_ascii))
    return explain({SOCKET_EADDRESS}, "a host name beyond ASCII has to be in its xn-- form");
  const Status status = check_ascii(name);
  if (status.ok()) return status;
  return explain(status.error(), "\"%.*s\" cannot be a host", static_cast<int>(name.size()),
                 name.data());
}

bool is_localhost(std::string_view name) noexcept {
  name = without_final_dot(name);
  constexpr size_t kLength = 9;
  return ends_in_localhost(name) &&
         (name.size() == kLength || name[name.size() - kLength - 1] == '.');
}

std::array<Address, 2> loopback_addresses() noexcept {
  std::array<Address, 2> loopback;
  loopback[0].family = AF_INET6;
  loopback[0].bytes[15] = 1;
  loopback[1].family = AF_INET;
  loopback[1].bytes[0] = 127;
  loopback[1].bytes[3] = 1;
  return loopback;
}

} // namespace socketpoll
