// HTTP floor: answers a GET or HEAD with a file: conditions first (RFC 9110 13), then ranges (14).
#pragma once

#include "http/exchange.hpp"
#include "http/file_content.hpp"

namespace socketpoll::http {

// Whatever fails once the head is on its way ends the connection; nothing is left to be done.
// `now`: seconds since 1970. Throws std::bad_alloc.
Status respond_content(Exchange &exchange, const FileRef &content, int64_t now);

} // namespace socketpoll::http
