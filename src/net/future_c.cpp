// extern "C" functions of SocketFuture.h.
#include "SocketFuture.h"

#include "net/future_group.hpp"
#include "net/object_c.hpp"

using namespace socketpoll;

namespace {

// For the questions that any thread may ask; body returns a Status or an integral Result.
template <class Body> auto with_pinned(SocketFuture_T handle, Body &&body) noexcept {
  using Outcome = decltype(to_code(body(std::declval<Future &>())));
  const Pinned<Future> future(word_of_handle(handle));
  if (!future) return static_cast<Outcome>(record_error(SOCKET_EBADHANDLE));
  return guarded([&] { return body(*future); });
}

Result<int> first_done(std::span<Future *const> futures) noexcept {
  for (size_t i = 0; i < futures.size(); i++)
    if (futures[i]->done()) return static_cast<int>(i);
  return Error{SOCKET_ETIMEDOUT};
}

SocketFuture_T new_group(const SocketFuture_T *futures, int count,
                         FutureGroup::Until until) noexcept {
  return guarded_new<SocketFuture_T>([&]() -> Result<HandleWord> {
    PinnedFutures members;
    if (const Status status = members.pin(futures, count); !status.ok()) return status.error();
    for (int i = 0; i < count; i++)
      if (auto mine = find<Future>(futures[i]); !mine.ok()) return mine.error();
    auto group = FutureGroup::create(members.all().front()->loop(), members.all(), until);
    if (!group.ok()) return group.error();
    return (*group)->handle();
  });
}

} // namespace

SocketFuture_T SocketFuture_new(SocketLoop_T loop) {
  return new_on_loop<SocketFuture_T>(loop, [](Loop &on) { return Future::create_open(on); });
}

void SocketFuture_free(SocketFuture_T *future) { free_object<Future>(future); }

int SocketFuture_release(SocketFuture_T future) {
  return with<Future>(future, [](Future &self) { return self.release(); });
}

int SocketFuture_complete(SocketFuture_T future, int status, int64_t result, void *data) {
  return with_pinned(future, [&](Future &self) {
    return self.complete(word_of_handle(future), status, result, data);
  });
}

int SocketFuture_cancel(SocketFuture_T future) {
  return with<Future>(future, [](Future &self) {
    self.cancel();
    return Status();
  });
}

int SocketFuture_then(SocketFuture_T future, SocketCallback_T callback, void *user) {
  return with<Future>(future, [&](Future &self) {
    self.then(callback, user);
    return Status();
  });
}

int64_t SocketFuture_await(SocketFuture_T future, int timeout_ms) {
  return with_pinned(future, [&](Future &self) -> Result<int64_t> {
    Future *const one[] = {&self};
    const Status status = Future::await(one, 1, timeout_ms);
    return status.ok() ? self.result() : status.error();
  });
}

int SocketFuture_select(const SocketFuture_T *futures, int count, int timeout_ms) {
  return guarded([&]() -> Result<int> {
    PinnedFutures some;
    if (const Status status = some.pin(futures, count); !status.ok()) return status.error();
    const Status status = Future::await(some.all(), 1, timeout_ms);
    return status.ok() ? first_done(some.all()) : status.error();
  });
}

int SocketFuture_all_done(const SocketFuture_T *futures, int count, int timeout_ms) {
  return guarded([&]() -> Status {
    PinnedFutures some;
    if (const Status status = some.pin(futures, count); !status.ok()) return status;
    return Future::await(some.all(), some.all().size(), timeout_ms);
  });
}

SocketFuture_T SocketFuture_any(const SocketFuture_T *futures, int count) {
  return new_group(futures, count, FutureGroup::Until::first);
}

SocketFuture_T SocketFuture_all(const SocketFuture_T *futures, int count) {
  return new_group(futures, count, FutureGroup::Until::all);
}

int SocketFuture_is_done(SocketFuture_T future) {
  return with_pinned(future, [](Future &self) { return Result<int>(self.done()); });
}

int SocketFuture_get_status(SocketFuture_T future) {
  return with_pinned(future, [](Future &self) {
    const int status = self.status();
    return status ? Status(Error{status}) : Status();
  });
}

int SocketFuture_get_failure(SocketFuture_T future, char *out, int capacity) {
  return with_pinned(future, [&](Future &self) -> Result<int> {
    const int status = self.status();
    if (!is_room(out, capacity)) return Error{SOCKET_EINVAL};
    if (status == SOCKET_EAGAIN) return Error{status};
    const std::string_view why = self.failure();
    return write_text(why.empty() && status != 0 ? error_text(status) : why, out, capacity);
  });
}

int64_t SocketFuture_get_result(SocketFuture_T future) {
  return with_pinned(future, [](Future &self) { return self.result(); });
}

int64_t SocketFuture_get_progress(SocketFuture_T future) {
  return with_pinned(future, [](Future &self) { return Result<int64_t>(self.progress()); });
}

int64_t SocketFuture_get_lost(SocketFuture_T future) {
  return with_pinned(future, [](Future &self) { return Result<int64_t>(self.lost()); });
}

void *SocketFuture_get_data(SocketFuture_T future) {
  return with_pointer<Future>(future, [](Future &self) -> void * {
    if (self.done()) return self.take_data();
    record_error(SOCKET_EAGAIN);
    return nullptr;
  });
}
