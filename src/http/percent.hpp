// HTTP floor: percent-encoding (RFC 3986 2.1), one layer at a time.
#pragma once

#include "http/ascii.hpp"

#include <string>

namespace socketpoll::http {

// Takes one byte, decoded, off the front of `text`, which is not empty; false at an escape that is
// not % and two hexadecimal digits.
inline bool take_decoded(std::string_view &text, char &byte) noexcept {
  byte = text.front();
  if (byte != '%') {
    text.remove_prefix(1);
    return true;
  }
  if (text.size() < 3) return false;
  const int high = hex_value(text[1]), low = hex_value(text[2]);
  if (high < 0 || low < 0) return false;
  byte = static_cast<char>(high << 4 | low);
  text.remove_prefix(3);
  return true;
}

// Decodes into `out`, which has room for text.size() bytes and may be text.data() itself. Returns
// the decoded length, or -1 for a broken escape. '+' stays.
ptrdiff_t percent_decode(std::string_view text, char *out) noexcept;

// Appends `text`, with everything but unreserved characters escaped; '/' stays if `keep_slashes`.
void percent_encode(std::string &out, std::string_view text, bool keep_slashes);

// Appends `text` for HTML content or a quoted attribute. Controls and whatever is not UTF-8 become
// U+FFFD, so that the page is always well-formed.
void html_escape(std::string &out, std::string_view text);

} // namespace socketpoll::http
