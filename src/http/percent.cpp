// HTTP floor: percent-encoding and HTML escaping.
#include "http/percent.hpp"

#include "http/ascii.hpp"

namespace socketpoll::http {
namespace {

// The length of the well-formed UTF-8 sequence at the front (RFC 3629 4), or 0.
size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto tail = [&](size_t i, int low = 0x80, int high = 0xbf) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool second = tail(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    return second && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool second = tail(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

} // namespace

ptrdiff_t percent_decode(std::string_view text, char *out) noexcept {
  ptrdiff_t length = 0;
  while (!text.empty())
    if (!take_decoded(text, out[length++])) return -1;
  return length;
}

void percent_encode(std::string &out, std::string_view text, bool keep_slashes) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (char c : text) {
    if (has_class(c, byte_class::kUnreserved) || (keep_slashes && c == '/')) {
      out += c;
      continue;
    }
    out += '%';
    out += kHex[static_cast<uint8_t>(c) >> 4];
    out += kHex[static_cast<uint8_t>(c) & 15];
  }
}

void html_escape(std::string &out, std::string_view text) {
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = utf8_length(text);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else if (length == 0 || (length == 1 && (static_cast<uint8_t>(c) < 0x20 || c == 0x7f)))
      out += "\xef\xbf\xbd";
    else
      out.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

} // namespace socketpoll::http
