// HTTP floor: the Range header and the framing of multipart/byteranges.
#include "http/range.hpp"

#include "http/ascii.hpp"
#include "http/h1_writer.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

// 1*DIGIT at the front, saturating: a position beyond any file is still a position.
bool take_number(std::string_view &text, uint64_t &number) noexcept {
  size_t digits = 0;
  number = 0;
  for (; digits < text.size() && is_digit(text[digits]); digits++) {
    const uint64_t digit = static_cast<uint64_t>(text[digits] - '0');
    number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

enum class Spec { malformed, unsatisfiable, satisfiable };

Spec read_spec(std::string_view text, uint64_t size, ByteRange &range) noexcept {
  uint64_t first = 0, last = 0;
  const bool has_first = take_number(text, first);
  if (!text.starts_with('-')) return Spec::malformed;
  text.remove_prefix(1);
  const bool has_last = take_number(text, last);
  if (!text.empty() || (!has_first && !has_last)) return Spec::malformed;
  if (has_first && has_last && first > last) return Spec::malformed;
  if (!has_first) {
    const uint64_t suffix = std::min(last, size);
    if (suffix == 0) return Spec::unsatisfiable;
    range = {size - suffix, size - 1};
    return Spec::satisfiable;
  }
  if (first >= size) return Spec::unsatisfiable;
  range = {first, has_last ? std::min(last, size - 1) : size - 1};
  return Spec::satisfiable;
}

} // namespace

RangeOutcome parse_range(std::string_view value, uint64_t size, RangeSet &set) noexcept {
  constexpr std::string_view kUnit = "bytes=";
  set.count = 0;
  if (!equals_ignoring_case(value.substr(0, kUnit.size()), kUnit)) return RangeOutcome::whole;
  std::string_view rest = value.substr(kUnit.size()), element;
  size_t specs = 0;
  uint64_t sum = 0;
  while (next_element(rest, element)) {
    if (element.empty()) continue;
    if (++specs > kMaxRanges) return RangeOutcome::whole;
    ByteRange &range = set.ranges[set.count];
    const Spec spec = read_spec(element, size, range);
    if (spec == Spec::malformed) return RangeOutcome::whole;
    if (spec == Spec::unsatisfiable) continue;
    if (range.length() > size - sum) return RangeOutcome::whole;
    sum += range.length();
    set.count++;
  }
  if (specs == 0) return RangeOutcome::whole;
  return set.count ? RangeOutcome::partial : RangeOutcome::unsatisfiable;
}

size_t content_range(char *out, ByteRange range, uint64_t size) noexcept {
  std::memcpy(out, "bytes ", 6);
  char *at = put_decimal(out + 6, range.first);
  *at++ = '-';
  at = put_decimal(at, range.last);
  *at++ = '/';
  return static_cast<size_t>(put_decimal(at, size) - out);
}

size_t unsatisfied_range(char *out, uint64_t size) noexcept {
  std::memcpy(out, "bytes */", 8);
  return static_cast<size_t>(put_decimal(out + 8, size) - out);
}

void make_boundary(char *out, uint64_t random) noexcept {
  std::memcpy(out, "socketpoll-part-", 16);
  for (size_t i = 16; i < kBoundaryLength; i++, random >>= 4)
    out[i] = "0123456789abcdef"[random & 15];
}

size_t MultipartRanges::part_head(size_t index, char *out, size_t capacity) const noexcept {
  HeadWriter writer(out, capacity);
  if (index > 0) writer.text("\r\n");
  writer.text("--");
  writer.text(boundary);
  writer.text("\r\n");
  if (!content_type.empty()) writer.field("Content-Type", content_type);
  char place[kMaxContentRange];
  writer.field("Content-Range", {place, content_range(place, set.ranges[index], size)});
  writer.end();
  return writer.overflowed() ? 0 : writer.length();
}

size_t MultipartRanges::closing(char *out, size_t capacity) const noexcept {
  HeadWriter writer(out, capacity);
  writer.text("\r\n--");
  writer.text(boundary);
  writer.text("--\r\n");
  return writer.overflowed() ? 0 : writer.length();
}

uint64_t MultipartRanges::total_length() const noexcept {
  constexpr size_t kFixed = std::string_view("--\r\nContent-Range: \r\n\r\n").size();
  uint64_t total = boundary.size() + std::string_view("\r\n----\r\n").size();
  for (size_t i = 0; i < set.count; i++) {
    char place[kMaxContentRange];
    total += kFixed + boundary.size() + content_range(place, set.ranges[i], size);
    if (i > 0) total += 2;
    if (!content_type.empty()) total += content_type.size() + 16; // "Content-Type: " and CRLF
    total += set.ranges[i].length();
  }
  return total;
}

} // namespace socketpoll::http
