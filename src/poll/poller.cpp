#include "poll/poller.hpp"

#include "base/error.hpp"
#include "poll/os_fd.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace socketpoll {
namespace {

constexpr int kDefaultMaxEvents = 256;
constexpr int kReportable =
    POLL_READ | POLL_WRITE | POLL_ERROR | POLL_HANGUP | SOCKET_POLL_PEER_CLOSED;
constexpr int kTriggers = SOCKET_POLL_LEVEL | SOCKET_POLL_ONESHOT | SOCKET_POLL_EXCLUSIVE;

// epoll_ctl(2): EPOLLEXCLUSIVE goes with few other bits. The same rule on every backend.
bool valid(int events) noexcept {
  if (events & ~(kReportable | kTriggers)) return false;
  return !(events & SOCKET_POLL_EXCLUSIVE) ||
         !(events & (SOCKET_POLL_ONESHOT | SOCKET_POLL_PEER_CLOSED));
}

} // namespace

Result<std::unique_ptr<Poller>> Poller::create(const char *backend_name, int max_events) {
  const BackendEntry *entry = backends().front();
  if (!backend_name) {
    const char *wanted = std::getenv("SOCKETPOLL_BACKEND");
    if (wanted && *wanted) backend_name = wanted;
  }
  if (backend_name) entry = find_backend(backend_name);
  if (!entry) return explain(Error{SOCKET_ENOTSUP}, "no readiness backend \"%s\"", backend_name);
  if (max_events < 0) return Error{SOCKET_EINVAL};
  auto backend = entry->create();
  if (!backend.ok()) return backend.error();
  return create(backend.take(), max_events);
}

Result<std::unique_ptr<Poller>> Poller::create(std::unique_ptr<Backend> backend, int max_events) {
  if (max_events < 0) return Error{SOCKET_EINVAL};
  const int batch = max_events ? std::min(max_events, kMostEvents) : kDefaultMaxEvents;
  return std::unique_ptr<Poller>(new Poller(std::move(backend), batch));
}

FdRecord *Poller::live_record(int fd) const noexcept {
  FdRecord *record = plausible_descriptor(fd) ? table_.find(fd) : nullptr;
  return record && record->view().live ? record : nullptr;
}

Status Poller::add(int fd, int events, void *data) {
  if (!plausible_descriptor(fd)) return Error{SOCKET_EBADF};
  if (!valid(events)) return Error{SOCKET_EINVAL};
  std::lock_guard lock(mutex_);
  // The largest number that is open bounds the table, whatever the caller passes.
  if (!table_.find(fd) && !backend_->is_open(fd)) return Error{SOCKET_EBADF};
  FdRecord &record = table_.at(fd);
  const FdRecord::View present = record.view();
  const int limit = limit_.load(std::memory_order_relaxed);
  if (!present.live && limit && count() >= limit) {
    if (!backend_->is_open(fd)) return Error{SOCKET_EBADF};
    return Error{SOCKET_ENOSPC};
  }
  const uint32_t generation = present.generation + 1;
  if (Status added = backend_->add({fd, events, make_key(fd, generation), true}); !added)
    return added;
  // Accepted though it was live: the file it was registered for is closed, this is another.
  if (present.live)
    removals_++;
  else
    count_.fetch_add(1, std::memory_order_relaxed);
  record.publish(generation, events, data);
  return {};
}

Status Poller::change(int fd, int events, void *data, const FdRecord::View &present,
                      FdRecord &record) {
  if (!valid(events)) return Error{SOCKET_EINVAL};
  // A one-shot's arming is a generation: the event of an earlier one must not use it up.
  const bool one_shot = ((present.events | events) & SOCKET_POLL_ONESHOT) != 0;
  const uint32_t generation = present.generation + (one_shot ? 1 : 0);
  const Registration before{fd, present.events, make_key(fd, present.generation), present.armed};
  if (Status changed = backend_->mod(before, {fd, events, make_key(fd, generation), true});
      !changed)
    return changed;
  if (one_shot) removals_++;
  record.publish(generation, events, data);
  return {};
}

Status Poller::mod(int fd, int events, void *data) {
  if (!valid(events)) return Error{SOCKET_EINVAL};
  std::lock_guard lock(mutex_);
  FdRecord *record = live_record(fd);
  if (!record) return Error{backend_->is_open(fd) ? SOCKET_ENOENT : SOCKET_EBADF};
  return change(fd, events, data, record->view(), *record);
}

Status Poller::modify(int fd, int add_events, int remove_events) {
  if ((add_events | remove_events) & ~(kReportable | kTriggers)) return Error{SOCKET_EINVAL};
  std::lock_guard lock(mutex_);
  FdRecord *record = live_record(fd);
  if (!record) return Error{backend_->is_open(fd) ? SOCKET_ENOENT : SOCKET_EBADF};
  const FdRecord::View present = record->view();
  return change(fd, (present.events | add_events) & ~remove_events, present.data, present, *record);
}

Status Poller::del(int fd) {
  std::lock_guard lock(mutex_);
  FdRecord *record = live_record(fd);
  if (!record) return Error{backend_->is_open(fd) ? SOCKET_ENOENT : SOCKET_EBADF};
  backend_->del(fd);
  record->drop();
  removals_++;
  count_.fetch_sub(1, std::memory_order_relaxed);
  return {};
}

Status Poller::set_default_timeout(int timeout_ms) noexcept {
  if (timeout_ms < SOCKET_POLL_TIMEOUT_INFINITE) return Error{SOCKET_EINVAL};
  default_timeout_.store(timeout_ms, std::memory_order_relaxed);
  return {};
}

Status Poller::set_limit(int limit) noexcept {
  std::lock_guard lock(mutex_);
  if (limit < 0 || (limit && limit < count())) return Error{SOCKET_EINVAL};
  limit_.store(limit, std::memory_order_relaxed);
  return {};
}

int Poller::list(std::span<int> fds) {
  std::lock_guard lock(mutex_);
  size_t written = 0;
  table_.for_each_live([&](int fd, const FdRecord::View &) {
    if (written == fds.size()) return false;
    fds[written++] = fd;
    return true;
  });
  return static_cast<int>(written);
}

void Poller::close() noexcept {
  closing_.store(true, std::memory_order_release);
  backend_->close();
}

Result<std::span<SocketEvent_T>> Poller::wait_on(Batch &batch, std::span<ReadyEvent> ready,
                                                 int timeout_ms, int64_t deadline,
                                                 Result<Backend::Outcome> outcome) {
  for (;;) {
    if (closing_.load(std::memory_order_acquire)) return Error{SOCKET_EBADHANDLE};
    if (!outcome.ok()) return outcome.error();
    Status trouble;
    const std::span<SocketEvent_T> events = translate(batch, outcome->count, trouble);
    if (!events.empty() || outcome->woken) return events;
    if (!trouble) return trouble.error();
    // A batch of nothing but stale events says nothing about the rest: look again at once.
    const bool looked = outcome->count == 0;
    if (timeout_ms == 0 && looked) return events;
    int left_ms = timeout_ms;
    if (timeout_ms > 0) {
      const int64_t left = deadline - backend_->now_ns();
      if (left <= 0 && looked) return events;
      left_ms = left <= 0 ? 0 : static_cast<int>((left + kNsPerMs - 1) / kNsPerMs);
    }
    outcome = backend_->wait(*batch.scratch, ready, left_ms);
  }
}

std::span<SocketEvent_T> Poller::translate(Batch &batch, int count, Status &trouble) {
  SocketEvent_T *const events = batch.array->events.data();
  size_t written = 0;
  for (int i = 0; i < count; i++) {
    bool claimed = claim(batch.ready[i], events[written]);
    if (!claimed) [[unlikely]] {
      if (Status left = leave_behind(batch, batch.ready[i], events[written], claimed); !left)
        trouble = left;
    }
    if (claimed) written++;
  }
  return {events, written};
}

// The table does not know the event. Registered this moment: it does now. Dropped this moment: the
// event was on its way, and no later wait brings another. Otherwise the kernel holds on to a file
// that was closed without being dropped while a duplicate keeps it alive; such an event would come
// again and again. The last is certain when this thread has met a stale event before and nothing
// was dropped since.
Status Poller::leave_behind(Batch &batch, const ReadyEvent &ready, SocketEvent_T &event,
                            bool &claimed) {
  std::lock_guard lock(mutex_);
  claimed = claim(ready, event);
  if (claimed) return {};
  const int fd = fd_of(ready.key);
  FdRecord *record = live_record(fd);
  if (record && record->view().generation == generation_of(ready.key)) return {};
  const bool orphaned = batch.stale_seen_at == removals_;
  batch.stale_seen_at = removals_;
  if (!orphaned || (!record && backend_->forget(fd))) return {};
  return rebuild();
}

Status Poller::rebuild() {
  std::vector<Registration> live;
  live.reserve(static_cast<size_t>(count()));
  table_.for_each_live([&](int fd, const FdRecord::View &view) {
    live.push_back({fd, view.events, make_key(fd, view.generation), view.armed});
    return true;
  });
  return backend_->rebuild(live);
}

} // namespace socketpoll
