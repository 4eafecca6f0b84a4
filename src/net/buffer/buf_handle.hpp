// From a SocketBuf_T to its buffer: for the functions of SocketBuf.h, and for operations that use a
// buffer in place of the caller's memory.
#pragma once

#include "net/buffer/buffer.hpp"
#include "net/pinned_c.hpp"

#include "SocketBuf.h"

namespace socketpoll {

// Runs `body (buffer)` in the calling thread's turn.
template <class Body> auto with_buffer(SocketBuf_T buf, Body &&body) noexcept {
  return with_pinned<Buffer>(buf, [&](Buffer &self) -> decltype(body(self)) {
    const Buffer::Turn turn(self);
    if (!turn) return Error{SOCKET_EBUSY};
    return body(self);
  });
}

// See Buffer::hold_room and hold_readable. SOCKET_EBADHANDLE; may throw std::bad_alloc.
inline Result<BufferHold> hold_room(SocketBuf_T buf, int64_t at_least) {
  const Pinned<Buffer> pinned(word_of_handle(buf));
  if (!pinned) return Error{SOCKET_EBADHANDLE};
  return pinned->hold_room(at_least);
}
inline Result<BufferHold> hold_readable(SocketBuf_T buf) noexcept {
  const Pinned<Buffer> pinned(word_of_handle(buf));
  if (!pinned) return Error{SOCKET_EBADHANDLE};
  return pinned->hold_readable();
}

} // namespace socketpoll
