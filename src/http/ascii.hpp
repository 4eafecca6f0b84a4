// HTTP floor: the byte classes of RFC 9110 5.6.2 and RFC 3986, and the few text helpers the codecs
// share. Locale-free, allocation-free.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace socketpoll::http {

// A piece of text by its place, so that the text may move.
struct TextRange {
  uint32_t offset = 0;
  uint32_t length = 0;
  std::string_view in(const char *base) const noexcept { return {base + offset, length}; }
};

namespace byte_class {
inline constexpr uint8_t kToken = 0x01;   // tchar
inline constexpr uint8_t kTarget = 0x02;  // what a request-target may hold: VCHAR but '#'
inline constexpr uint8_t kValue = 0x04;   // VCHAR, SP, HTAB, obs-text
inline constexpr uint8_t kRegName = 0x08; // unreserved, sub-delims
inline constexpr uint8_t kUnreserved = 0x10;

constexpr bool in(const char *set, int byte) {
  for (; *set; ++set)
    if (*set == byte) return true;
  return false;
}
constexpr std::array<uint8_t, 256> make_table() {
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; c++) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    uint8_t bits = 0;
    if (alnum || in("!#$%&'*+-.^_`|~", c)) bits |= kToken;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTarget;
    if ((c >= 0x20 && c != 0x7f) || c == '\t') bits |= kValue;
    if (alnum || in("-._~!$&'()*+,;=", c)) bits |= kRegName;
    if (alnum || in("-._~", c)) bits |= kUnreserved;
    table[static_cast<size_t>(c)] = bits;
  }
  return table;
}
inline constexpr std::array<uint8_t, 256> kTable = make_table();
} // namespace byte_class

constexpr bool has_class(char c, uint8_t bits) noexcept {
  return (byte_class::kTable[static_cast<uint8_t>(c)] & bits) != 0;
}
constexpr bool is_token_byte(char c) noexcept { return has_class(c, byte_class::kToken); }
constexpr bool is_value_byte(char c) noexcept { return has_class(c, byte_class::kValue); }
constexpr bool is_target_byte(char c) noexcept { return has_class(c, byte_class::kTarget); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_ows(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool is_token(std::string_view text) noexcept {
  for (char c : text)
    if (!is_token_byte(c)) return false;
  return !text.empty();
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

constexpr std::string_view trim_ows(std::string_view text) noexcept {
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

// The next element of a comma-separated list without quoted strings, trimmed, perhaps empty; `rest`
// moves on. False at the end: a list of n commas has n + 1 elements.
constexpr bool next_element(std::string_view &rest, std::string_view &element) noexcept {
  if (rest.data() == nullptr) return false;
  const size_t comma = rest.find(',');
  element = trim_ows(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  return true;
}

} // namespace socketpoll::http
