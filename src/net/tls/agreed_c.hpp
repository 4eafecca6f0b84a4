// What the extern "C" functions that tell of a connection's TLS have in common: of a stream's, and
// of a request's.
#pragma once

#include "net/object_c.hpp"
#include "net/tls/engine.hpp"

#include <cstring>

namespace socketpoll::tls {

// SOCKET_ENOTCONN before the handshake is over, or why there is no engine.
inline Result<Agreement> agreement_of(const Result<const Engine *> &engine) noexcept {
  if (!engine.ok()) return engine.error();
  const Agreement agreed = (*engine)->agreement();
  if (!agreed.suite) return Error{SOCKET_ENOTCONN};
  return agreed;
}

inline const char *version_text(const Agreement &agreed) noexcept {
  return agreed.version == Version::tls13 ? "TLSv1.3" : "TLSv1.2";
}

// A text of what was agreed on.
inline Result<int> write_agreed(const Result<const Engine *> &engine,
                                std::string_view Agreement::*text, char *out,
                                int capacity) noexcept {
  if (!is_room(out, capacity)) return Error{SOCKET_EINVAL};
  auto agreed = agreement_of(engine);
  if (!agreed.ok()) return agreed.error();
  return write_text((*agreed).*text, out, capacity);
}

// Throws std::bad_alloc.
inline Result<int64_t> write_certificate(const Result<const Engine *> &engine, int index, void *out,
                                         int64_t capacity) {
  if (!is_room(out, capacity) || index < 0) return Error{SOCKET_EINVAL};
  if (auto agreed = agreement_of(engine); !agreed.ok()) return agreed.error();
  auto der = (*engine)->peer_certificate(index);
  if (!der.ok()) return der.error();
  if (static_cast<int64_t>(der->size()) > capacity) return Error{SOCKET_ENOBUFS};
  std::memcpy(out, der->data(), der->size());
  return static_cast<int64_t>(der->size());
}

} // namespace socketpoll::tls
