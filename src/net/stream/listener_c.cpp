// extern "C" functions of SocketListener.h.
#include "SocketListener.h"

#include "net/object_c.hpp"
#include "net/stream/listener.hpp"

using namespace socketpoll;

SocketListener_T SocketListener_new(SocketLoop_T loop) {
  return new_on_loop<SocketListener_T>(loop, [](Loop &on) { return Listener::create(on); });
}

void SocketListener_free(SocketListener_T *listener) { free_object<Listener>(listener); }

int SocketListener_set_callback(SocketListener_T listener, SocketCallback_T callback, void *user) {
  return with<Listener>(listener, [&](Listener &self) {
    self.set_callback(callback, user);
    return Status();
  });
}

int SocketListener_set_backlog(SocketListener_T listener, int backlog) {
  return with<Listener>(listener, [&](Listener &self) {
    if (backlog < 1) return Status(Error{SOCKET_EINVAL});
    return self.configure([&](os::ListenOptions &options) { options.backlog = backlog; });
  });
}

int SocketListener_set_reuseport(SocketListener_T listener, int how) {
  return with<Listener>(listener, [&](Listener &self) {
    if (how < SOCKET_REUSEPORT_OFF || how > SOCKET_REUSEPORT_FIRST)
      return Status(Error{SOCKET_EINVAL});
    return self.configure([&](os::ListenOptions &options) { options.reuseport = how; });
  });
}

int SocketListener_set_receive_buffer(SocketListener_T listener, int bytes) {
  return with<Listener>(listener, [&](Listener &self) {
    if (bytes < 0) return Status(Error{SOCKET_EINVAL});
    return self.configure([&](os::ListenOptions &options) { options.receive_buffer = bytes; });
  });
}

int SocketListener_set_send_buffer(SocketListener_T listener, int bytes) {
  return with<Listener>(listener, [&](Listener &self) {
    if (bytes < 0) return Status(Error{SOCKET_EINVAL});
    return self.configure([&](os::ListenOptions &options) { options.send_buffer = bytes; });
  });
}

int SocketListener_set_mode(SocketListener_T listener, int mode) {
  return with<Listener>(listener, [&](Listener &self) {
    if (mode < -1 || mode > 0777) return Status(Error{SOCKET_EINVAL});
    return self.configure([&](os::ListenOptions &options) { options.mode = mode; });
  });
}

int SocketListener_set_max_connections(SocketListener_T listener, int connections) {
  return with<Listener>(listener, [&](Listener &self) {
    if (connections < 1) return Status(Error{SOCKET_EINVAL});
    self.acceptor().set_limit(connections);
    return Status();
  });
}

int SocketListener_listen(SocketListener_T listener, const char *address) {
  return with<Listener>(listener, [&](Listener &self) {
    return address ? self.listen(address) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketListener_listen_fd(SocketListener_T listener, int fd) {
  return with<Listener>(listener, [&](Listener &self) { return self.listen_on(fd); });
}

int SocketListener_get_fd(SocketListener_T listener) {
  return with<Listener>(listener, [](Listener &self) -> Result<int> {
    if (!self.acceptor().listening()) return Error{SOCKET_ESTATE};
    return self.acceptor().fd();
  });
}

int SocketListener_get_port(SocketListener_T listener) {
  return with<Listener>(listener, [](Listener &self) { return self.port(); });
}

int SocketListener_pause(SocketListener_T listener) {
  return with<Listener>(listener, [](Listener &self) {
    self.acceptor().pause(true);
    return Status();
  });
}

int SocketListener_resume(SocketListener_T listener) {
  return with<Listener>(listener, [](Listener &self) {
    self.acceptor().pause(false);
    return Status();
  });
}
