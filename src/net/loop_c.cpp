// extern "C" functions of SocketLoop.h.
#include "SocketLoop.h"

#include "base/boundary.hpp"
#include "net/loop.hpp"

#include <cstddef>

using namespace socketpoll;

namespace {

static_assert(sizeof(SocketCompletion_T) == (sizeof(void *) == 8 ? 48 : 32));
static_assert(offsetof(SocketCompletion_T, status) == 4);
static_assert(offsetof(SocketCompletion_T, subject) == 8);
static_assert(offsetof(SocketCompletion_T, source) == 8 + sizeof(void *));
static_assert(offsetof(SocketCompletion_T, data) == 8 + 2 * sizeof(void *));
static_assert(offsetof(SocketCompletion_T, user) ==
              offsetof(SocketCompletion_T, length) + sizeof(int64_t));

// For the functions that any thread may call, and those that make the caller the owner.
template <class Body> auto with_pinned(SocketLoop_T handle, Body &&body) noexcept {
  using Outcome = decltype(to_code(body(std::declval<Loop &>())));
  const Pinned<Loop> loop(word_of_handle(handle));
  if (!loop) return static_cast<Outcome>(record_error(SOCKET_EBADHANDLE));
  return guarded([&] { return body(*loop); });
}

} // namespace

SocketLoop_T SocketLoop_new(void) { return SocketLoop_new_backend(nullptr); }

SocketLoop_T SocketLoop_new_backend(const char *name) {
  return guarded_new<SocketLoop_T>([&] { return Loop::create(name); });
}

void SocketLoop_free(SocketLoop_T *variable) {
  if (!variable || !*variable) return;
  const Pinned<Loop> loop(word_of_handle(*variable));
  if (!loop) {
    record_error(SOCKET_EBADHANDLE);
  } else if (const Status closed = loop->close(); !closed.ok()) {
    record_error(closed.code());
    return;
  }
  *variable = nullptr;
}

int SocketLoop_claim(SocketLoop_T loop) {
  return with_pinned(loop, [](Loop &self) {
    const Status status = self.claim();
    return status.code() == SOCKET_EBUSY ? Status() : status; // inside its callback: ours already
  });
}

int SocketLoop_run(SocketLoop_T loop) {
  return with_pinned(loop, [](Loop &self) { return self.run(); });
}

int SocketLoop_run_once(SocketLoop_T loop, int timeout_ms) {
  return with_pinned(loop, [&](Loop &self) { return self.run_once(timeout_ms); });
}

int SocketLoop_wait(SocketLoop_T loop, SocketCompletion_T *out, int capacity, int timeout_ms) {
  return with_pinned(loop, [&](Loop &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    return self.wait({out, static_cast<size_t>(capacity)}, timeout_ms);
  });
}

int SocketLoop_stop(SocketLoop_T loop) {
  return with_pinned(loop, [](Loop &self) {
    self.stop();
    return Status();
  });
}

int SocketLoop_post(SocketLoop_T loop, SocketCallback_T callback, void *user) {
  return with_pinned(loop, [&](Loop &self) { return self.post(callback, user); });
}

int64_t SocketLoop_now(SocketLoop_T loop) {
  return with<Loop>(loop, [](Loop &self) { return Result<int64_t>(self.now_ns() / kNsPerMs); });
}

int SocketLoop_get_fd(SocketLoop_T loop) {
  return with<Loop>(loop, [](Loop &self) -> Result<int> {
    const int fd = self.poller().pollable_fd();
    return fd < 0 ? Result<int>(Error{SOCKET_ENOTSUP}) : fd;
  });
}

int SocketLoop_get_timeout(SocketLoop_T loop) {
  // A negative answer is no error here.
  auto found = find<Loop>(loop);
  if (!found.ok()) return record_error(found.code());
  // What waits to be pulled is work of the program's, which the loop itself never wakes up for.
  return (*found)->owes_pulled() ? 0 : (*found)->due_in_ms((*found)->clock().now_ns());
}

int64_t SocketLoop_get_stat(SocketLoop_T loop, int which) {
  return with_pinned(loop, [&](Loop &self) -> Result<int64_t> {
    if (which < 0 || which >= SOCKET_STAT_COUNT) return Error{SOCKET_EINVAL};
    if (which == SOCKET_STAT_DESCRIPTORS) return self.poller().count();
    return self.stats().get(static_cast<SocketStat>(which));
  });
}

const char *SocketLoop_get_backend_name(SocketLoop_T loop) {
  return with_pointer<Loop>(loop, [](Loop &self) { return self.poller().backend_name(); });
}
