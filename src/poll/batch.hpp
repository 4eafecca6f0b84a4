// Poll floor. The array that a wait hands out belongs to the waiting thread until its next wait on
// the same poll. A poll keeps one batch for each thread that waits on it, found by the thread's
// token: without a lock among the recent ones, under a mutex otherwise. The batch of a thread that
// has ended is taken over by the next newcomer, so that there are never more than there were
// threads at one time.
//
// When a poll ends while some thread still reads its array, the array passes to that thread, which
// drops it when it first waits on another poll, or ends.
#pragma once

#include "SocketPoll.h"
#include "base/handle_table.hpp"
#include "poll/backend.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace socketpoll {

struct EventArray {
  std::vector<SocketEvent_T> events;
  std::unique_ptr<EventArray> next; // of those that a thread has inherited
};

// What others may know of a thread, during its life and after.
class ThreadLife {
public:
  void inherit(std::unique_ptr<EventArray> array) noexcept;
  void drop_inheritance() noexcept;
  void end() noexcept;
  // True: all that the thread has done is visible to the caller.
  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }

private:
  std::mutex mutex_;
  std::unique_ptr<EventArray> inherited_;
  std::atomic<bool> ended_{false};
};

struct Batch {
  std::atomic<uint64_t> owner{0}; // thread_token()
  std::shared_ptr<ThreadLife> owner_life;
  std::unique_ptr<Backend::Scratch> scratch;
  std::vector<ReadyEvent> ready;
  std::unique_ptr<EventArray> array; // of the same size as `ready`
  uint64_t stale_seen_at = 0;        // see Poller::leave_behind
};

class BatchList {
public:
  BatchList() noexcept = default;
  ~BatchList();

  // The calling thread's batch, with room for `capacity` events. May throw std::bad_alloc.
  Batch &mine(Backend &backend, size_t capacity) {
    const uint64_t token = thread_token();
    Batch *batch = recent_[token % kRecent].load(std::memory_order_acquire);
    if (batch && batch->owner.load(std::memory_order_relaxed) == token &&
        batch->ready.size() >= capacity) [[likely]]
      return *batch;
    return prepare(backend, token, capacity);
  }

private:
  static constexpr size_t kRecent = 8;
  Batch &prepare(Backend &backend, uint64_t token, size_t capacity);
  Batch &find_or_make(Backend &backend, uint64_t token);

  std::atomic<Batch *> recent_[kRecent] = {};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Batch>> all_;
};

} // namespace socketpoll
