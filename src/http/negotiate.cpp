// HTTP floor: Accept-Encoding and its q-values.
#include "http/negotiate.hpp"

#include "http/ascii.hpp"

namespace socketpoll::http {
namespace {

constexpr int kAbsent = -1;

// qvalue in thousandths (RFC 9110 12.4.2), or kAbsent if malformed.
int quality_of(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return kAbsent;
  if (text.size() > 1 && text[1] != '.') return kAbsent;
  int thousandths = 0;
  for (size_t i = 2; i < 5; i++) {
    const char digit = i < text.size() ? text[i] : '0';
    if (!is_digit(digit)) return kAbsent;
    thousandths = thousandths * 10 + (digit - '0');
  }
  if (text[0] == '1') return thousandths == 0 ? 1000 : kAbsent;
  return thousandths;
}

// codings [ OWS ";" OWS "q=" qvalue ]; what is malformed is left out.
bool read_element(std::string_view element, std::string_view &coding, int &quality) noexcept {
  const size_t semicolon = element.find(';');
  coding = trim_ows(element.substr(0, semicolon));
  quality = 1000;
  if (semicolon != std::string_view::npos) {
    const std::string_view weight = trim_ows(element.substr(semicolon + 1));
    if (weight.size() < 2 || to_lower(weight[0]) != 'q' || weight[1] != '=') return false;
    quality = quality_of(weight.substr(2));
  }
  return quality != kAbsent;
}

} // namespace

bool prefers_gzip(const std::string_view *lines, size_t count) noexcept {
  int gzip = kAbsent, any = kAbsent, identity = kAbsent;
  for (size_t i = 0; i < count; i++) {
    std::string_view rest = lines[i], element, coding;
    int quality = 0;
    while (next_element(rest, element)) {
      if (!read_element(element, coding, quality)) continue;
      // x-gzip is gzip (RFC 9110 8.4.1.3).
      if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip"))
        gzip = quality;
      else if (equals_ignoring_case(coding, "identity"))
        identity = quality;
      else if (coding == "*")
        any = quality;
    }
  }
  if (gzip == kAbsent) gzip = any;
  return gzip > 0 && gzip >= identity;
}

} // namespace socketpoll::http
