// SocketAsync_splice and SocketAsync_send_file: a mover whose end is a future's.
#pragma once

#include "net/future.hpp"
#include "net/stream/stream.hpp"

namespace socketpoll {

// All throw std::bad_alloc and have then begun nothing.
Result<Future *> begin_splice(Stream &from, Stream &to, int64_t length, int timeout_ms);
Result<Future *> begin_send_file(Stream &to, int fd, int64_t offset, int64_t length,
                                 int timeout_ms);

} // namespace socketpoll
