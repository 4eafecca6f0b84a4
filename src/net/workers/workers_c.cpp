// extern "C" functions of SocketWorkers.h.
#include "SocketWorkers.h"

#include "net/os/os_thread.hpp"
#include "net/pinned_c.hpp"
#include "net/workers/workers.hpp"

using namespace socketpoll;

SocketWorkers_T SocketWorkers_new(void) {
  return guarded_new<SocketWorkers_T>([] { return publish(Workers::create()); });
}

void SocketWorkers_free(SocketWorkers_T *variable) {
  if (!variable || !*variable) return;
  const Pinned<Workers> workers(word_of_handle(*variable));
  if (workers && workers->is_mine()) {
    record_error(SOCKET_ESTATE);
    return;
  }
  free_pinned<Workers>(variable, [](Workers &self) { self.close(); });
}

int SocketWorkers_set_name(SocketWorkers_T workers, const char *prefix) {
  return with_pinned<Workers>(workers, [&](Workers &self) {
    return prefix ? self.set_name(prefix) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketWorkers_set_pinning(SocketWorkers_T workers, int on) {
  return with_pinned<Workers>(workers, [&](Workers &self) { return self.set_pinning(on != 0); });
}

int SocketWorkers_processors(void) { return os::processor_count(); }

int SocketWorkers_start(SocketWorkers_T workers, int count, SocketWorkersSetup_T setup,
                        void *user) {
  return with_pinned<Workers>(workers,
                              [&](Workers &self) { return self.start(count, setup, user); });
}

int SocketWorkers_get_failed(SocketWorkers_T workers) {
  // A negative answer is no error here.
  const Pinned<Workers> self(word_of_handle(workers));
  return self ? self->failed() : record_error(SOCKET_EBADHANDLE);
}

int SocketWorkers_get_count(SocketWorkers_T workers) {
  return with_pinned<Workers>(workers, [](Workers &self) { return Result<int>(self.count()); });
}

SocketLoop_T SocketWorkers_get_loop(SocketWorkers_T workers, int index) {
  return new_from_pinned<Workers, SocketLoop_T>(workers,
                                                [&](Workers &self) { return self.loop(index); });
}

int SocketWorkers_stop(SocketWorkers_T workers) {
  return with_pinned<Workers>(workers, [](Workers &self) {
    self.stop();
    return Status();
  });
}

int SocketWorkers_join(SocketWorkers_T workers, int timeout_ms) {
  return with_pinned<Workers>(workers, [&](Workers &self) { return self.join(timeout_ms); });
}
