// extern "C" functions of SocketHTTPServer.h.
#include "SocketHTTPServer.h"

#include "http/server.hpp"
#include "net/object_c.hpp"
#include "net/tls/config_handle.hpp"

using namespace socketpoll;
using http::Limits;
using http::Server;

namespace {

int set_limit(SocketHTTPServer_T server, int64_t Limits::*limit, int64_t value, int64_t least,
              int64_t most) noexcept {
  return with<Server>(server,
                      [&](Server &self) { return self.set_limit(limit, value, least, most); });
}

int set_timeout(SocketHTTPServer_T server, int64_t Limits::*limit, int64_t value) noexcept {
  return with<Server>(server, [&](Server &self) { return self.set_timeout(limit, value); });
}

// A head is kept in memory whole, so there is a most that a limit may allow.
constexpr int64_t kMostHead = 1 << 24;

} // namespace

SocketHTTPServer_T SocketHTTPServer_new(SocketLoop_T loop) {
  return new_on_loop<SocketHTTPServer_T>(loop, [](Loop &on) { return Server::create(on); });
}

void SocketHTTPServer_free(SocketHTTPServer_T *server) { free_object<Server>(server); }

int SocketHTTPServer_route(SocketHTTPServer_T server, const char *method, const char *pattern,
                           SocketHTTPHandler_T handler, void *user) {
  return with<Server>(server, [&](Server &self) -> Status {
    if (!method || !pattern) return Error{SOCKET_EINVAL};
    return self.route(method, pattern, handler, user);
  });
}

int SocketHTTPServer_use(SocketHTTPServer_T server, SocketHTTPHandler_T handler, void *user) {
  return with<Server>(server, [&](Server &self) -> Status {
    return handler ? self.use(handler, user) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketHTTPServer_static(SocketHTTPServer_T server, const char *prefix, const char *folder,
                            int flags) {
  return with<Server>(server, [&](Server &self) -> Status {
    if (!prefix || !folder) return Error{SOCKET_EINVAL};
    return self.serve_folder(prefix, folder, flags);
  });
}

int SocketHTTPServer_listen(SocketHTTPServer_T server, const char *address) {
  return with<Server>(server, [&](Server &self) {
    return address ? self.listen(address) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketHTTPServer_listen_fd(SocketHTTPServer_T server, int fd) {
  return with<Server>(server, [&](Server &self) { return self.listen_on(fd); });
}

int SocketHTTPServer_set_tls(SocketHTTPServer_T server, SocketTLS_T tls) {
  return with<Server>(server, [&](Server &self) -> Status {
    auto config = tls::for_listening(tls);
    if (!config.ok()) return config.error();
    self.set_tls(config.take());
    return {};
  });
}

int SocketHTTPServer_set_reuseport(SocketHTTPServer_T server, int how) {
  return with<Server>(server, [&](Server &self) { return self.set_reuseport(how); });
}

int SocketHTTPServer_get_fd(SocketHTTPServer_T server) {
  return with<Server>(server, [](Server &self) { return self.listen_fd(); });
}

int SocketHTTPServer_get_port(SocketHTTPServer_T server) {
  return with<Server>(server, [](Server &self) { return self.port(); });
}

int SocketHTTPServer_get_connections(SocketHTTPServer_T server) {
  return with<Server>(server, [](Server &self) { return Result<int>(self.connections()); });
}

int SocketHTTPServer_stop(SocketHTTPServer_T server, int timeout_ms) {
  return with<Server>(server, [&](Server &self) { return self.stop(timeout_ms); });
}

int SocketHTTPServer_set_stop_grace(SocketHTTPServer_T server, int64_t ms) {
  return with<Server>(server, [&](Server &self) { return self.set_stop_grace(ms); });
}

int SocketHTTPServer_set_callback(SocketHTTPServer_T server, SocketCallback_T callback,
                                  void *user) {
  return set_callback<Server>(server, callback, user);
}

int SocketHTTPServer_set_log(SocketHTTPServer_T server, SocketHTTPHandler_T log, void *user) {
  return with<Server>(server, [&](Server &self) {
    self.set_log(log, user);
    return Status();
  });
}

int SocketHTTPServer_set_max_head(SocketHTTPServer_T server, int64_t bytes) {
  return set_limit(server, &Limits::max_head, bytes, 1, kMostHead);
}

int SocketHTTPServer_set_max_target(SocketHTTPServer_T server, int64_t bytes) {
  return set_limit(server, &Limits::max_target, bytes, 1, kMostHead);
}

int SocketHTTPServer_set_max_fields(SocketHTTPServer_T server, int64_t fields) {
  return set_limit(server, &Limits::max_fields, fields, 1, http::kMaxFields);
}

int SocketHTTPServer_set_max_body(SocketHTTPServer_T server, int64_t bytes) {
  return set_limit(server, &Limits::max_body, bytes, 0, INT64_MAX);
}

int SocketHTTPServer_set_max_connections(SocketHTTPServer_T server, int64_t connections) {
  return set_limit(server, &Limits::max_connections, connections, 1, INT32_MAX);
}

int SocketHTTPServer_set_head_timeout(SocketHTTPServer_T server, int64_t timeout_ms) {
  return set_timeout(server, &Limits::head_timeout_ms, timeout_ms);
}

int SocketHTTPServer_set_body_timeout(SocketHTTPServer_T server, int64_t timeout_ms) {
  return set_timeout(server, &Limits::body_timeout_ms, timeout_ms);
}

int SocketHTTPServer_set_idle_timeout(SocketHTTPServer_T server, int64_t timeout_ms) {
  return set_timeout(server, &Limits::idle_timeout_ms, timeout_ms);
}

int SocketHTTPServer_set_write_timeout(SocketHTTPServer_T server, int64_t timeout_ms) {
  return set_timeout(server, &Limits::write_timeout_ms, timeout_ms);
}

int SocketHTTPServer_set_marks(SocketHTTPServer_T server, int64_t low, int64_t high) {
  return with<Server>(server, [&](Server &self) { return self.set_marks(low, high); });
}
