// extern "C" functions of SocketStream.h.
#include "base/os_types.hpp"

#include "SocketStream.h"

#include "net/object_c.hpp"
#include "net/os/os_terminal.hpp"
#include "net/stream/stream.hpp"

using namespace socketpoll;

namespace {

static_assert(SOCKET_STREAM_MAX_FDS == os::kMostFds);

// For the options that are nothing but a socket option with a value of at least `least`, of the
// descriptor that `ask` finds.
template <class Ask> int set_socket_option(SocketStream_T stream, Ask &&ask, int level, int name,
                                           int value, int least) noexcept {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    if (value < least) return Error{SOCKET_EINVAL};
    auto fd = ask(self);
    return fd.ok() ? os::set_option(*fd, level, name, value) : Status(fd.error());
  });
}

int set_buffer(SocketStream_T stream, int name, int bytes) noexcept {
  const auto socket_of = [](Stream &self) { return self.socket_fd(); };
  return set_socket_option(stream, socket_of, SOL_SOCKET, name, bytes, 1);
}

template <class Ask> int format_name(SocketStream_T stream, char *out, int capacity, Ask &&ask) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    auto name = ask(self);
    if (!name.ok()) return name.error();
    return name->format({out, static_cast<size_t>(capacity)});
  });
}

template <class T> void store(T *where, T value) noexcept {
  if (where) *where = value;
}

// Two new streams into the caller's variables; `make` returns a Result<Stream::Pair>.
template <class Make>
Status store_pair(SocketStream_T *first, SocketStream_T *second, Make &&make) {
  if (!first || !second) return Error{SOCKET_EINVAL};
  const auto pair = make();
  if (!pair.ok()) return pair.error();
  *first = handle_of_word<SocketStream_T>((*pair).first->handle());
  *second = handle_of_word<SocketStream_T>((*pair).second->handle());
  return {};
}

} // namespace

SocketStream_T SocketStream_connect(SocketLoop_T loop, const char *address, int timeout_ms) {
  return new_on_loop<SocketStream_T>(loop, [&](Loop &on) -> Result<Stream *> {
    const char *const to = address ? address : "NULL";
    auto stream = Stream::connect(on, to, timeout_ms);
    return stream.ok() ? stream : explain(stream.error(), "cannot connect to %s", to);
  });
}

SocketStream_T SocketStream_new_fd(SocketLoop_T loop, int fd) {
  return new_on_loop<SocketStream_T>(loop, [&](Loop &on) -> Result<Stream *> {
    auto stream = Stream::adopt_fd(on, fd);
    return stream.ok() ? stream
                       : explain(stream.error(), "cannot make a stream of descriptor %d", fd);
  });
}

int SocketStream_new_socketpair(SocketLoop_T loop, SocketLoop_T loop_b, SocketStream_T *a,
                                SocketStream_T *b) {
  return with<Loop>(loop, [&](Loop &on) -> Status {
    const auto other = find<Loop>(loop_b ? loop_b : loop);
    if (!other.ok()) return other.error();
    return store_pair(a, b, [&] { return Stream::socketpair(on, **other); });
  });
}

int SocketStream_new_pipe(SocketLoop_T loop, SocketStream_T *reader, SocketStream_T *writer) {
  return with<Loop>(
      loop, [&](Loop &on) { return store_pair(reader, writer, [&] { return Stream::pipe(on); }); });
}

void SocketStream_free(SocketStream_T *stream) { free_object<Stream>(stream); }

int SocketStream_set_callback(SocketStream_T stream, SocketCallback_T callback, void *user) {
  return set_callback<Stream>(stream, callback, user);
}

int SocketStream_move(SocketStream_T stream, SocketLoop_T loop, SocketCallback_T callback,
                      void *user) {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    const Pinned<Loop> to(word_of_handle(loop));
    return to ? self.move(*to, callback, user) : Status(Error{SOCKET_EBADHANDLE});
  });
}

int SocketStream_start(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return self.start(); });
}

int SocketStream_pause(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return self.pause(); });
}

int64_t SocketStream_write(SocketStream_T stream, const void *data, int64_t length) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int64_t> {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    return self.write(bytes_of(data, length));
  });
}

int64_t SocketStream_write_ref(SocketStream_T stream, const void *data, int64_t length,
                               SocketRelease_T release, void *user) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int64_t> {
    if (!valid_bytes(data, length) || !release) return Error{SOCKET_EINVAL};
    Borrowed borrowed;
    borrowed.bytes = bytes_of(data, length);
    borrowed.release = release;
    borrowed.user = user;
    return self.write_ref(std::move(borrowed));
  });
}

int SocketStream_shutdown(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return self.shutdown(); });
}

int SocketStream_close(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return self.close(); });
}

int SocketStream_set_marks(SocketStream_T stream, int64_t low, int64_t high) {
  return with<Stream>(stream, [&](Stream &self) { return self.set_marks(low, high); });
}

int SocketStream_set_write_timeout(SocketStream_T stream, int timeout_ms) {
  return with<Stream>(stream, [&](Stream &self) { return self.set_write_timeout(timeout_ms); });
}

int SocketStream_set_idle_timeout(SocketStream_T stream, int timeout_ms) {
  return with<Stream>(stream, [&](Stream &self) { return self.set_idle_timeout(timeout_ms); });
}

int SocketStream_set_nodelay(SocketStream_T stream, int on) {
  const auto tcp_of = [](Stream &self) { return self.tcp_fd(); };
  return set_socket_option(stream, tcp_of, IPPROTO_TCP, TCP_NODELAY, on != 0, 0);
}

int SocketStream_set_keepalive(SocketStream_T stream, int idle_s, int interval_s, int count) {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    if (idle_s < 0 || interval_s < 0 || count < 0) return Error{SOCKET_EINVAL};
    auto fd = self.tcp_fd();
    return fd.ok() ? os::set_keepalive(*fd, idle_s, interval_s, count) : Status(fd.error());
  });
}

int SocketStream_set_receive_buffer(SocketStream_T stream, int bytes) {
  return set_buffer(stream, SO_RCVBUF, bytes);
}

int SocketStream_set_send_buffer(SocketStream_T stream, int bytes) {
  return set_buffer(stream, SO_SNDBUF, bytes);
}

int64_t SocketStream_get_queued(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return Result<int64_t>(self.queued()); });
}

int SocketStream_get_peer(SocketStream_T stream, char *out, int capacity) {
  return format_name(stream, out, capacity, [](Stream &self) { return self.peer_name(); });
}

int SocketStream_get_local(SocketStream_T stream, char *out, int capacity) {
  return format_name(stream, out, capacity, [](Stream &self) { return self.own_name(); });
}

int SocketStream_get_fd(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return self.open_fd(); });
}

int SocketStream_get_peer_credentials(SocketStream_T stream, int64_t *pid, int64_t *uid,
                                      int64_t *gid) {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    const auto peer = self.peer_credentials();
    if (!peer.ok()) return peer.error();
    store(pid, (*peer).pid);
    store(uid, (*peer).uid);
    store(gid, (*peer).gid);
    return {};
  });
}

int64_t SocketStream_send_fds(SocketStream_T stream, const void *data, int64_t length,
                              const int *fds, int count) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int64_t> {
    if (!data || length < 1 || !fds || count < 1 || count > SOCKET_STREAM_MAX_SEND_FDS)
      return Error{SOCKET_EINVAL};
    return self.send_fds(bytes_of(data, length), {fds, static_cast<size_t>(count)});
  });
}

int SocketStream_set_max_fds(SocketStream_T stream, int count) {
  return with<Stream>(stream, [&](Stream &self) {
    const bool valid = count >= 0 && count <= SOCKET_STREAM_MAX_FDS;
    return valid ? self.set_max_fds(count) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketStream_take_fds(SocketStream_T stream, int *out, int capacity) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    return self.take_fds({out, static_cast<size_t>(capacity)});
  });
}

int SocketStream_set_raw(SocketStream_T stream, int on) {
  return with<Stream>(stream, [&](Stream &self) { return self.set_raw(on != 0); });
}

int SocketStream_get_window(SocketStream_T stream, int *columns, int *rows) {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    const auto size = self.window_size();
    if (!size.ok()) return size.error();
    store(columns, (*size).columns);
    store(rows, (*size).rows);
    return {};
  });
}
