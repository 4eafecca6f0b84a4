// extern "C" functions of SocketTimer.h.
#include "SocketTimer.h"

#include "base/boundary.hpp"
#include "net/object_c.hpp"
#include "net/timer.hpp"

using namespace socketpoll;

SocketTimer_T SocketTimer_new(SocketLoop_T loop) {
  return new_on_loop<SocketTimer_T>(loop, [](Loop &on) { return Timer::create(on); });
}

void SocketTimer_free(SocketTimer_T *timer) { free_object<Timer>(timer); }

int SocketTimer_set_callback(SocketTimer_T timer, SocketCallback_T callback, void *user) {
  return set_callback<Timer>(timer, callback, user);
}

int SocketTimer_start(SocketTimer_T timer, int64_t delay_ms, int64_t period_ms) {
  return with<Timer>(timer, [&](Timer &self) { return self.start(delay_ms, period_ms); });
}

int SocketTimer_stop(SocketTimer_T timer) {
  return with<Timer>(timer, [](Timer &self) {
    self.stop();
    return Status();
  });
}

int64_t SocketTimer_get_remaining(SocketTimer_T timer) {
  // -1 is no error here.
  auto found = find<Timer>(timer);
  return found.ok() ? (*found)->remaining_ms() : record_error(found.code());
}
