// Poll floor. A set of registrations over one backend: what SocketPoll_T is made of, and what the
// event loop stands on. Any thread may call anything but the destructor.
//
// Changes are serialized by a mutex and go to the kernel first, then into the table. Waiting takes
// no mutex: what a wait reports is checked against the table, and only where the two disagree, for
// an event just registered or just dropped, is the mutex taken for a second look.
#pragma once

#include "SocketPoll.h"
#include "base/handle_table.hpp"
#include "base/time.hpp"
#include "poll/batch.hpp"
#include "poll/fd_table.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>

namespace socketpoll {

class Poller {
public:
  static constexpr HandleKind kHandleKind = HandleKind::poll;

  // `backend_name` null: $SOCKETPOLL_BACKEND, else the platform's best. SOCKET_ENOTSUP for a name
  // that is unknown, SOCKET_EINVAL for a negative `max_events` (0: 256).
  static Result<std::unique_ptr<Poller>> create(const char *backend_name, int max_events);
  static Result<std::unique_ptr<Poller>> create(std::unique_ptr<Backend> backend, int max_events);

  // All may throw std::bad_alloc and have then changed nothing.
  Status add(int fd, int events, void *data);
  Status mod(int fd, int events, void *data);
  Status modify(int fd, int add_events, int remove_events);
  Status del(int fd);

  // Empty when the time is up or after a wakeup. The span lives until the calling thread's next
  // wait here. `max_events` 0: as many as said at creation. SOCKET_EBADHANDLE once closed.
  // Inline, because each call that is open across a system call costs 6 to 20 ns more than one that
  // is not, measured; all the rest of this function takes about 10. `now_ns`: the caller's fresh
  // reading of the clock, which saves another one.
  Result<std::span<SocketEvent_T>> wait(int timeout_ms, int max_events = 0, int64_t now_ns = 0);
  Status wakeup() noexcept { return backend_->wakeup(); }
  // Every wait, blocked or coming, returns SOCKET_EBADHANDLE from here on.
  void close() noexcept;

  int pollable_fd() const noexcept { return backend_->pollable_fd(); } // -1: there is none
  const char *backend_name() const noexcept { return backend_->name(); }
  int capabilities() const noexcept { return backend_->capabilities(); }
  int64_t now_ns() const noexcept { return backend_->now_ns(); }

  int default_timeout() const noexcept { return default_timeout_.load(std::memory_order_relaxed); }
  Status set_default_timeout(int timeout_ms) noexcept;
  int count() const noexcept { return count_.load(std::memory_order_relaxed); }
  int list(std::span<int> fds); // how many were written, in ascending order
  int limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  Status set_limit(int limit) noexcept;

private:
  Poller(std::unique_ptr<Backend> backend, int max_events) noexcept
      : backend_(std::move(backend)), max_events_(max_events) {}

  Status change(int fd, int events, void *data, const FdRecord::View &present, FdRecord &record);
  FdRecord *live_record(int fd) const noexcept;
  Result<std::span<SocketEvent_T>> wait_on(Batch &batch, std::span<ReadyEvent> ready,
                                           int timeout_ms, int64_t deadline,
                                           Result<Backend::Outcome> outcome);
  std::span<SocketEvent_T> translate(Batch &batch, int count, Status &trouble);
  bool claim(const ReadyEvent &ready, SocketEvent_T &event) noexcept;
  Status leave_behind(Batch &batch, const ReadyEvent &ready, SocketEvent_T &event, bool &claimed);
  Status rebuild();

  static constexpr int kMostEvents = 65536;
  static constexpr int kUnasked = POLL_ERROR | POLL_HANGUP;

  const std::unique_ptr<Backend> backend_;
  const int max_events_;
  std::atomic<bool> closing_{false};
  std::atomic<int> default_timeout_{SOCKET_POLL_TIMEOUT_INFINITE};
  std::atomic<int> limit_{0};
  std::atomic<int> count_{0};
  std::mutex mutex_; // guards changes of the table and of the backend's set
  uint64_t removals_ = 1;
  FdTable table_;
  BatchList batches_;
};

inline bool Poller::claim(const ReadyEvent &ready, SocketEvent_T &event) noexcept {
  FdRecord *record = table_.find(fd_of(ready.key));
  int wanted;
  if (!record || !record->claim(generation_of(ready.key), SOCKET_POLL_ONESHOT, wanted, event.data))
    return false;
  event.fd = fd_of(ready.key);
  event.events = ready.events & (wanted | kUnasked);
  return event.events != 0;
}

inline Result<std::span<SocketEvent_T>> Poller::wait(int timeout_ms, int max_events,
                                                     int64_t now_ns) {
  if (timeout_ms == SOCKET_POLL_TIMEOUT_USE_DEFAULT) timeout_ms = default_timeout();
  if (timeout_ms < SOCKET_POLL_TIMEOUT_INFINITE || max_events < 0) return Error{SOCKET_EINVAL};
  const int capacity = max_events ? std::min(max_events, kMostEvents) : max_events_;
  Batch &batch = batches_.mine(*backend_, static_cast<size_t>(capacity));
  const std::span<ReadyEvent> ready(batch.ready.data(), static_cast<size_t>(capacity));
  int64_t deadline = 0;
  if (timeout_ms > 0) deadline = (now_ns ? now_ns : backend_->now_ns()) + timeout_ms * kNsPerMs;
  auto outcome = backend_->wait(*batch.scratch, ready, timeout_ms);
  // One event, the common case of a turn, and nothing out of the ordinary about it.
  if (outcome.ok() && outcome->count == 1 && !closing_.load(std::memory_order_acquire) &&
      claim(ready[0], batch.array->events[0])) [[likely]]
    return std::span<SocketEvent_T>(batch.array->events.data(), 1);
  return wait_on(batch, ready, timeout_ms, deadline, outcome);
}

} // namespace socketpoll
