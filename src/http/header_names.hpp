// HTTP floor: the header names that the server itself looks at, recognised once while parsing so
// that nobody compares names afterwards.
#pragma once

#include <cstdint>
#include <string_view>

namespace socketpoll::http {

// X (identifier, name in lower case)
#define SOCKETPOLL_KNOWN_HEADERS(X)                                                                \
  X(accept, "accept")                                                                              \
  X(accept_encoding, "accept-encoding")                                                            \
  X(accept_language, "accept-language")                                                            \
  X(authorization, "authorization")                                                                \
  X(cache_control, "cache-control")                                                                \
  X(connection, "connection")                                                                      \
  X(content_encoding, "content-encoding")                                                          \
  X(content_length, "content-length")                                                              \
  X(content_type, "content-type")                                                                  \
  X(cookie, "cookie")                                                                              \
  X(date, "date")                                                                                  \
  X(expect, "expect")                                                                              \
  X(host, "host")                                                                                  \
  X(if_match, "if-match")                                                                          \
  X(if_modified_since, "if-modified-since")                                                        \
  X(if_none_match, "if-none-match")                                                                \
  X(if_range, "if-range")                                                                          \
  X(if_unmodified_since, "if-unmodified-since")                                                    \
  X(keep_alive, "keep-alive")                                                                      \
  X(origin, "origin")                                                                              \
  X(range, "range")                                                                                \
  X(referer, "referer")                                                                            \
  X(sec_websocket_extensions, "sec-websocket-extensions")                                          \
  X(sec_websocket_key, "sec-websocket-key")                                                        \
  X(sec_websocket_protocol, "sec-websocket-protocol")                                              \
  X(sec_websocket_version, "sec-websocket-version")                                                \
  X(te, "te")                                                                                      \
  X(trailer, "trailer")                                                                            \
  X(transfer_encoding, "transfer-encoding")                                                        \
  X(upgrade, "upgrade")                                                                            \
  X(user_agent, "user-agent")                                                                      \
  X(x_forwarded_for, "x-forwarded-for")

enum class KnownHeader : uint8_t {
  other,
#define SOCKETPOLL_KNOWN_HEADER_ID(id, name) id,
  SOCKETPOLL_KNOWN_HEADERS(SOCKETPOLL_KNOWN_HEADER_ID)
#undef SOCKETPOLL_KNOWN_HEADER_ID
      count
};

// `name` must be a token; case does not matter.
KnownHeader known_header(std::string_view name) noexcept;
// In lower case; empty for `other`.
std::string_view header_name(KnownHeader id) noexcept;

} // namespace socketpoll::http
