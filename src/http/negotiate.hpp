// HTTP floor: what a client is ready to take (RFC 9110 12.5).
#pragma once

#include <cstddef>
#include <string_view>

namespace socketpoll::http {

// Whether the lines of Accept-Encoding ask for gzip at least as much as for the plain bytes. No
// line at all means that nothing is known of the client: plain.
bool prefers_gzip(const std::string_view *lines, size_t count) noexcept;

} // namespace socketpoll::http
