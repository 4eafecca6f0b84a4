#include "site.hpp"

#include "SocketListener.h"
#include "SocketPlatform.h"
#include "system.hpp"

#include <algorithm>
#include <new>

namespace cli {

int Site::open(SocketLoop_T loop, int index, Sockets &sockets) {
  loop_ = loop;
  server_ = SocketHTTPServer_new(loop);
  if (!server_) return Socket_last_error();
  const int flags = settings_.listing ? SOCKET_HTTP_LISTING : 0;
  int code = SocketHTTPServer_static(server_, "/", settings_.folder.c_str(), flags);
  if (code == 0 && tls_) code = SocketHTTPServer_set_tls(server_, tls_);
  if (code == 0) code = listen(index, sockets);
  if (code == 0) code = SocketHTTPServer_set_callback(server_, on_event, this);
  if (code == 0 && log_) code = SocketHTTPServer_set_log(server_, on_exchange, log_);
  return code;
}

// Every socket that was given is listened on by somebody, since what the kernel has put into its
// queue is in no other. Where there are more workers than sockets, some share one.
int Site::listen(int index, Sockets &sockets) {
  const int given = static_cast<int>(sockets.given.size());
  for (int i = index; given > 0 && i < std::max(given, sockets.workers); i += sockets.workers) {
    const int fd = sockets.given[static_cast<size_t>(i % given)];
    if (const int code = take_over(fd, i >= given)) return code;
    if (i < given) sockets.open.push_back(fd);
  }
  if (given > 0) return 0;
  const bool first = index == 0;
  const bool one_for_all =
      settings_.over_unix() || !(SocketPlatform_capabilities() & SOCKET_CAN_SHARE_PORT);
  if (one_for_all && !first) return take_over(sockets.open[0], true);
  if (sockets.workers > 1 && !one_for_all)
    SocketHTTPServer_set_reuseport(server_,
                                   first ? SOCKET_REUSEPORT_FIRST : SOCKET_REUSEPORT_SHARE);
  const int port = first ? settings_.port : sockets.port;
  if (const int code = SocketHTTPServer_listen(server_, settings_.address(port).c_str()))
    return code;
  sockets.open.push_back(SocketHTTPServer_get_fd(server_));
  if (first) sockets.port = SocketHTTPServer_get_port(server_);
  return 0;
}

int Site::take_over(int fd, bool shared) {
  if (!shared) return SocketHTTPServer_listen_fd(server_, fd);
  const int copy = duplicate_socket(fd);
  const int code = copy < 0 ? int{SOCKET_EMFILE} : SocketHTTPServer_listen_fd(server_, copy);
  if (code != 0 && copy >= 0) close_socket(copy);
  return code;
}

void Site::stop(int grace_ms) {
  grace_ms_ = grace_ms;
  if (SocketLoop_post(loop_, stop_here, this) != 0) stopped_(*this, SOCKET_ENOMEM, user_);
}

void Site::stop_here(const SocketCompletion_T *, void *user) {
  auto *self = static_cast<Site *>(user);
  SocketHTTPServer_set_stop_grace(self->server_, self->grace_ms_);
  SocketHTTPServer_stop(self->server_, kDrainMs);
}

void Site::on_exchange(SocketHTTP_T exchange, void *log) noexcept {
  try {
    static_cast<AccessLog *>(log)->add(exchange);
  } catch (const std::bad_alloc &) {
    // A line less; nothing may be thrown into the library.
  }
}

void Site::on_event(const SocketCompletion_T *event, void *user) {
  auto *self = static_cast<Site *>(user);
  if (event->kind == SOCKET_HTTP_STOPPED) self->stopped_(*self, event->status, self->user_);
}

} // namespace cli
