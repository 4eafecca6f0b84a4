// HTTP floor: percent-encoding (RFC 3986 2.1), one layer at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace socketpoll::http {

// Takes one byte, decoded, off the front of `text`, which is not empty; false at an escape that is
// not % and two hexadecimal digits.
bool take_decoded(std::string_view &text, char &byte) noexcept;

// Decodes into `out`, which has room for text.size() bytes and may be text.data() itself. Returns
// the decoded length, or -1 for a broken escape. '+' stays.
ptrdiff_t percent_decode(std::string_view text, char *out) noexcept;

// Appends `text`, with everything but unreserved characters escaped; '/' stays if `keep_slashes`.
void percent_encode(std::string &out, std::string_view text, bool keep_slashes);

// Appends `text` for HTML content or a quoted attribute. Controls and whatever is not UTF-8 become
// U+FFFD, so that the page is always well-formed.
void html_escape(std::string &out, std::string_view text);

} // namespace socketpoll::http
