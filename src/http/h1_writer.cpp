// HTTP floor: decimal numbers, status lines and field checks of the response writer.
#include "http/h1_writer.hpp"

#include "http/ascii.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

struct StatusEntry {
  int code;
  std::string_view line; // "HTTP/1.1 " code " " reason CRLF
};
constexpr StatusEntry kStatuses[] = {
#define SOCKETPOLL_STATUS_LINE(code, reason) {code, "HTTP/1.1 " #code " " reason "\r\n"},
    SOCKETPOLL_STATUS_TABLE(SOCKETPOLL_STATUS_LINE)
#undef SOCKETPOLL_STATUS_LINE
};
constexpr int kFirstCode = 100;
constexpr size_t kCodes = 500;
constexpr size_t kReasonOffset = 13;

constexpr std::array<uint8_t, kCodes> make_index() {
  std::array<uint8_t, kCodes> index{};
  uint8_t number = 0;
  for (const StatusEntry &entry : kStatuses)
    index[static_cast<size_t>(entry.code - kFirstCode)] = ++number;
  return index;
}
// 0 for an unknown code, else its place in kStatuses plus 1.
constexpr std::array<uint8_t, kCodes> kStatusIndex = make_index();

constexpr std::array<char, 200> make_pairs() {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; i++) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr std::array<char, 200> kPairs = make_pairs();

} // namespace

std::string_view status_line(int code) noexcept {
  const size_t slot = static_cast<size_t>(code - kFirstCode);
  if (code < kFirstCode || slot >= kCodes || kStatusIndex[slot] == 0) return {};
  return kStatuses[kStatusIndex[slot] - 1].line;
}

std::string_view reason_phrase(int code) noexcept {
  const std::string_view line = status_line(code);
  return line.empty() ? line : line.substr(kReasonOffset, line.size() - kReasonOffset - 2);
}

char *put_decimal(char *out, uint64_t value) noexcept {
  char digits[kMaxDecimal];
  char *at = digits + kMaxDecimal;
  for (; value >= 100; value /= 100) std::memcpy(at -= 2, &kPairs[value % 100 * 2], 2);
  if (value >= 10)
    std::memcpy(at -= 2, &kPairs[value * 2], 2);
  else
    *--at = static_cast<char>('0' + value);
  const size_t length = static_cast<size_t>(digits + kMaxDecimal - at);
  std::memcpy(out, at, length);
  return out + length;
}

bool valid_field_name(std::string_view name) noexcept { return is_token(name); }

bool valid_field_value(std::string_view value) noexcept {
  if (value.empty()) return true;
  if (is_ows(value.front()) || is_ows(value.back())) return false;
  return std::all_of(value.begin(), value.end(), [](char c) { return is_value_byte(c); });
}

void HeadWriter::status(int code) noexcept {
  const std::string_view known = status_line(code);
  if (!known.empty()) return text(known);
  if (!valid_status(code)) return status(500);
  // The phrase may be empty, the space before it may not (RFC 9112 4).
  char digits[kMaxDecimal];
  text("HTTP/1.1 ");
  text({digits, static_cast<size_t>(put_decimal(digits, static_cast<uint64_t>(code)) - digits)});
  text(" \r\n");
}

void HeadWriter::field(std::string_view name, uint64_t value) noexcept {
  char digits[kMaxDecimal];
  field(name, {digits, static_cast<size_t>(put_decimal(digits, value) - digits)});
}

bool HeadWriter::checked_field(std::string_view name, std::string_view value) noexcept {
  if (!valid_field_name(name) || !valid_field_value(value)) return false;
  field(name, value);
  return true;
}

} // namespace socketpoll::http
