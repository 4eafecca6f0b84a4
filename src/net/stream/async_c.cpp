// extern "C" functions of SocketAsync.h.
#include "SocketAsync.h"

#include "net/buffer/buf_handle.hpp"
#include "net/dgram/dgram.hpp"
#include "net/future.hpp"
#include "net/names/resolve_future.hpp"
#include "net/object_c.hpp"
#include "net/stream/listener.hpp"
#include "net/stream/splice.hpp"
#include "net/stream/stream.hpp"

using namespace socketpoll;

namespace {

// Looks up what the operation is begun on; `begin (it)` returns a Result<Future *>.
template <class T, class Handle, class Begin>
SocketFuture_T begin_on(Handle handle, Begin &&begin) noexcept {
  return guarded_new<SocketFuture_T>([&]() -> Result<HandleWord> {
    auto found = find<T>(handle);
    if (!found.ok()) return found.error();
    Result<Future *> future = begin(**found);
    if (!future.ok()) return future.error();
    return (*future)->handle();
  });
}

SocketFuture_T begin_read(SocketStream_T stream, void *buffer, int64_t capacity, int64_t least,
                          std::span<const char> delimiter, int timeout_ms) noexcept {
  return begin_on<Stream>(stream, [&](Stream &self) -> Result<Future *> {
    if (!buffer || capacity < 1) return Error{SOCKET_EINVAL};
    const std::span<char> into(static_cast<char *>(buffer), static_cast<size_t>(capacity));
    return self.async_read(
        {.buffer = into, .least = static_cast<size_t>(least), .delimiter = delimiter}, timeout_ms);
  });
}

Result<int> address_family(int family) noexcept {
  switch (family) {
  case SOCKET_FAMILY_ANY: return int{AF_UNSPEC};
  case SOCKET_FAMILY_IPV4: return int{AF_INET};
  case SOCKET_FAMILY_IPV6: return int{AF_INET6};
  default: return Error{SOCKET_EINVAL};
  }
}

} // namespace

SocketFuture_T SocketAsync_sleep(SocketLoop_T loop, int64_t ms) {
  return begin_on<Loop>(loop, [&](Loop &on) { return Future::create_sleep(on, ms); });
}

SocketFuture_T SocketAsync_resolve(SocketLoop_T loop, const char *name, int family,
                                   int timeout_ms) {
  return begin_on<Loop>(loop, [&](Loop &on) -> Result<Future *> {
    const auto wanted = address_family(family);
    if (!name || !wanted.ok()) return Error{SOCKET_EINVAL};
    return ResolveFuture::create(on, name, *wanted, timeout_ms);
  });
}

SocketFuture_T SocketAsync_connect(SocketLoop_T loop, const char *address, int timeout_ms) {
  return begin_on<Loop>(loop, [&](Loop &on) -> Result<Future *> {
    const char *const to = address ? address : "NULL";
    auto future = Stream::async_connect(on, to, timeout_ms);
    return future.ok() ? future : explain(future.error(), "cannot connect to %s", to);
  });
}

SocketFuture_T SocketAsync_accept(SocketListener_T listener, int timeout_ms) {
  return begin_on<Listener>(listener,
                            [&](Listener &self) { return self.async_accept(timeout_ms); });
}

SocketFuture_T SocketAsync_read(SocketStream_T stream, void *buffer, int64_t capacity,
                                int timeout_ms) {
  return begin_read(stream, buffer, capacity, 1, {}, timeout_ms);
}

SocketFuture_T SocketAsync_read_exactly(SocketStream_T stream, void *buffer, int64_t length,
                                        int timeout_ms) {
  return begin_read(stream, buffer, length, length, {}, timeout_ms);
}

SocketFuture_T SocketAsync_read_until(SocketStream_T stream, void *buffer, int64_t capacity,
                                      const void *delimiter, int delimiter_length, int timeout_ms) {
  const bool usable =
      delimiter && delimiter_length >= 1 && delimiter_length <= SOCKET_ASYNC_MAX_DELIMITER;
  // An unusable delimiter is refused where the buffer is, after the handle was looked at.
  return begin_read(stream, usable ? buffer : nullptr, capacity, capacity,
                    usable ? bytes_of(delimiter, delimiter_length) : std::span<const char>(),
                    timeout_ms);
}

SocketFuture_T SocketAsync_write(SocketStream_T stream, const void *data, int64_t length,
                                 int timeout_ms) {
  return SocketAsync_writev(stream, &data, &length, 1, timeout_ms);
}

SocketFuture_T SocketAsync_writev(SocketStream_T stream, const void *const *data,
                                  const int64_t *lengths, int count, int timeout_ms) {
  return begin_on<Stream>(stream, [&](Stream &self) -> Result<Future *> {
    if (!data || !lengths || count < 1 || count > SOCKET_ASYNC_MAX_SLICES)
      return Error{SOCKET_EINVAL};
    std::vector<iovec> pieces;
    pieces.reserve(static_cast<size_t>(count));
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
      if (!valid_bytes(data[i], lengths[i]) || lengths[i] > INT64_MAX - total)
        return Error{SOCKET_EINVAL};
      total += lengths[i];
      pieces.push_back({const_cast<void *>(data[i]), static_cast<size_t>(lengths[i])});
    }
    return self.async_write(std::move(pieces), {}, timeout_ms);
  });
}

SocketFuture_T SocketAsync_receive_from(SocketDgram_T dgram, void *buffer, int64_t capacity,
                                        int timeout_ms) {
  return begin_on<Dgram>(dgram, [&](Dgram &self) -> Result<Future *> {
    if (!buffer || capacity < 1) return Error{SOCKET_EINVAL};
    return self.async_receive({static_cast<char *>(buffer), static_cast<size_t>(capacity)},
                              timeout_ms);
  });
}

SocketFuture_T SocketAsync_send_to(SocketDgram_T dgram, const char *address, const void *data,
                                   int64_t length, int timeout_ms) {
  return begin_on<Dgram>(dgram, [&](Dgram &self) -> Result<Future *> {
    if (!valid_bytes(data, length) || timeout_ms < -1) return Error{SOCKET_EINVAL};
    SockName name;
    auto to = self.send_target(address, name);
    if (!to.ok()) return to.error();
    return self.async_send(*to, bytes_of(data, length), timeout_ms);
  });
}

SocketFuture_T SocketAsync_read_buf(SocketStream_T stream, SocketBuf_T buf, int timeout_ms) {
  return begin_on<Stream>(stream, [&](Stream &self) -> Result<Future *> {
    if (const Status status = self.may_begin_reading(); !status.ok()) return status.error();
    auto hold = hold_room(buf, 1);
    if (!hold.ok()) return hold.error();
    const std::span<char> room = hold->room();
    return self.async_read({.buffer = room, .hold = hold.take(), .data = buf}, timeout_ms);
  });
}

SocketFuture_T SocketAsync_write_buf(SocketStream_T stream, SocketBuf_T buf, int timeout_ms) {
  return begin_on<Stream>(stream, [&](Stream &self) -> Result<Future *> {
    if (const Status status = self.may_begin_writing(); !status.ok()) return status.error();
    auto hold = hold_readable(buf);
    if (!hold.ok()) return hold.error();
    const std::span<const char> bytes = hold->bytes();
    return self.async_write({{const_cast<char *>(bytes.data()), bytes.size()}}, hold.take(),
                            timeout_ms);
  });
}

SocketFuture_T SocketAsync_splice(SocketStream_T from, SocketStream_T to, int64_t length,
                                  int timeout_ms) {
  return begin_on<Stream>(from, [&](Stream &source) -> Result<Future *> {
    auto destination = find<Stream>(to);
    if (!destination.ok()) return destination.error();
    return begin_splice(source, **destination, length, timeout_ms);
  });
}

SocketFuture_T SocketAsync_send_file(SocketStream_T stream, int fd, int64_t offset, int64_t length,
                                     int timeout_ms) {
  return begin_on<Stream>(
      stream, [&](Stream &to) { return begin_send_file(to, fd, offset, length, timeout_ms); });
}
