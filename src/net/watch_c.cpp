// extern "C" functions of SocketWatch.h.
#include "SocketWatch.h"

#include "net/foreign_watch.hpp"
#include "net/object_c.hpp"

using namespace socketpoll;

SocketWatch_T SocketWatch_new(SocketLoop_T loop, int fd, int events) {
  return new_on_loop<SocketWatch_T>(loop,
                                    [&](Loop &on) { return ForeignWatch::create(on, fd, events); });
}

void SocketWatch_free(SocketWatch_T *watch) { free_object<ForeignWatch>(watch); }

int SocketWatch_set_callback(SocketWatch_T watch, SocketCallback_T callback, void *user) {
  return set_callback<ForeignWatch>(watch, callback, user);
}

int SocketWatch_set_events(SocketWatch_T watch, int events) {
  return with<ForeignWatch>(watch, [&](ForeignWatch &self) { return self.set_events(events); });
}
