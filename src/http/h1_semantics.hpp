// HTTP floor: what the request line and the fields mean, apart from how they are cut out of the
// bytes. Each function answers 0 or the status of the refusal.
#pragma once

#include "http/h1_parser.hpp"

namespace socketpoll::http {

// uri-host [ ":" port ] without userinfo (RFC 9110 4.2.4); an empty host is refused.
bool valid_authority(std::string_view text) noexcept;

// Splits a target whose bytes are already checked (RFC 9112 3.2).
int interpret_target(RequestHead &head, const char *base) noexcept;
// Takes note of one field, the last of `head.fields`.
int interpret_field(RequestHead &head, const char *base, const HeaderField &field) noexcept;
// Framing, host and persistence, once all fields are there (RFC 9112 6.3, 9.3).
int interpret_head(RequestHead &head) noexcept;

} // namespace socketpoll::http
