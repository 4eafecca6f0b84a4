// Net floor, TLS. Whether a certificate is for whom we wanted to reach (RFC 9525), and which of a
// server's certificates a name asks for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace socketpoll::tls {

// Whom a client wants to reach.
struct Server {
  std::string name;             // in lower case and without a final dot; or:
  std::vector<uint8_t> address; // 4 or 16 bytes in network order

  // "example.com", "192.0.2.1", "2001:db8::1". Throws std::bad_alloc.
  static Server parse(std::string_view text);
};

// Names of a certificate's or of a configuration's: exact but for case, or with "*" as the whole
// first label, which stands for one label (RFC 9525, 6.3). Wildcards for "*.com" and the like are
// the issuing authorities' business.
bool name_matches(std::string_view pattern, std::string_view name) noexcept;

// "a, b", without the blanks around them. Throws std::bad_alloc.
std::vector<std::string> split_list(std::string_view list);

} // namespace socketpoll::tls
