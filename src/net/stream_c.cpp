// extern "C" functions of SocketStream.h.
#include "SocketStream.h"

#include "net/object_c.hpp"
#include "net/stream.hpp"

#include <netinet/tcp.h>

using namespace socketpoll;

namespace {

// For the options that are nothing but a socket option with a value of at least `least`.
int set_socket_option(SocketStream_T stream, int level, int name, int value, int least) noexcept {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    if (value < least) return Error{SOCKET_EINVAL};
    auto fd = self.open_fd();
    return fd.ok() ? os::set_option(*fd, level, name, value) : Status(fd.error());
  });
}

template <class Ask> int format_address(SocketStream_T stream, char *out, int capacity, Ask &&ask) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    auto fd = self.open_fd();
    if (!fd.ok()) return fd;
    auto address = ask(*fd);
    if (!address.ok()) return address.error();
    return address->format({out, static_cast<size_t>(capacity)});
  });
}

} // namespace

SocketStream_T SocketStream_connect(SocketLoop_T loop, const char *address, int timeout_ms) {
  return new_on_loop<SocketStream_T>(loop, [&](Loop &on) -> Result<Stream *> {
    const char *const to = address ? address : "NULL";
    auto stream = Stream::connect(on, to, timeout_ms);
    return stream.ok() ? stream : explain(stream.error(), "cannot connect to %s", to);
  });
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
  return set_socket_option(stream, IPPROTO_TCP, TCP_NODELAY, on != 0, 0);
}

int SocketStream_set_keepalive(SocketStream_T stream, int idle_s, int interval_s, int count) {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    if (idle_s < 0 || interval_s < 0 || count < 0) return Error{SOCKET_EINVAL};
    auto fd = self.open_fd();
    return fd.ok() ? os::set_keepalive(*fd, idle_s, interval_s, count) : Status(fd.error());
  });
}

int SocketStream_set_receive_buffer(SocketStream_T stream, int bytes) {
  return set_socket_option(stream, SOL_SOCKET, SO_RCVBUF, bytes, 1);
}

int SocketStream_set_send_buffer(SocketStream_T stream, int bytes) {
  return set_socket_option(stream, SOL_SOCKET, SO_SNDBUF, bytes, 1);
}

int64_t SocketStream_get_queued(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return Result<int64_t>(self.queued()); });
}

int SocketStream_get_peer(SocketStream_T stream, char *out, int capacity) {
  return format_address(stream, out, capacity, os::peer_address);
}

int SocketStream_get_local(SocketStream_T stream, char *out, int capacity) {
  return format_address(stream, out, capacity, os::local_address);
}

int SocketStream_get_fd(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) { return self.open_fd(); });
}
