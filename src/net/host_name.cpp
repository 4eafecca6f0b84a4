#include "net/host_name.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netdb.h>

namespace socketpoll {

namespace {

constexpr size_t kMostName = 253;
constexpr size_t kMostLabel = 63;
// An address, '%' and the name of an interface.
constexpr size_t kMostNumeric = INET6_ADDRSTRLEN + 64;

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
  const auto foreign = [](char c) { return c <= ' ' || c == '\x7f' || c == ':' || c == '%'; };
  if (std::any_of(name.begin(), name.end(), foreign)) return Error{SOCKET_EADDRESS};
  name = without_final_dot(name);
  if (name.size() > kMostName) return Error{SOCKET_ENAMETOOLONG};
  return check_labels(name);
}

} // namespace

Result<Address> parse_host(std::string_view text, int family) noexcept {
  const Error bad{SOCKET_EADDRESS};
  char host[kMostNumeric];
  if (text.size() >= sizeof host || text.find('\0') != text.npos) return bad;
  std::memcpy(host, text.data(), text.size());
  host[text.size()] = '\0';
  Address address;
  if (text.find(':') == text.npos) {
    if (family == AF_INET6 || inet_pton(AF_INET, host, address.bytes) != 1) return bad;
    address.family = AF_INET;
    return address;
  }
  // With AI_NUMERICHOST it asks nobody; it knows the scopes of link-local addresses (RFC 4007, 11).
  addrinfo hints{};
  hints.ai_family = AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo *found = nullptr;
  if (family == AF_INET || getaddrinfo(host, nullptr, &hints, &found) != 0) return bad;
  sockaddr_storage storage{};
  std::memcpy(&storage, found->ai_addr, std::min<size_t>(found->ai_addrlen, sizeof storage));
  freeaddrinfo(found);
  return Address::from_sockaddr(storage);
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
