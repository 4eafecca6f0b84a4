// Poll floor. The array that a wait hands out belongs to the waiting thread until its next wait on
// the same poll. A poll keeps one batch for each thread that waits on it, found by the thread's
// token: without a lock among the recent ones, under a mutex otherwise. The batch of a thread that
// has ended is taken over by the next newcomer, so that there are never more than there were
// threads at one time.
#pragma once

#include "SocketPoll.h"
#include "poll/backend.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace socketpoll {

struct Batch {
  std::atomic<uint64_t> owner{0}; // thread_token()
  std::weak_ptr<const char> owner_lives;
  std::unique_ptr<Backend::Scratch> scratch;
  std::vector<ReadyEvent> ready;
  std::vector<SocketEvent_T> events;
  uint64_t stale_seen_at = 0; // see Poller::leave_behind
};

class BatchList {
public:
  // The calling thread's batch, with room for `capacity` events. May throw std::bad_alloc.
  Batch &mine(Backend &backend, size_t capacity);

private:
  static constexpr size_t kRecent = 8;
  Batch &find_or_make(Backend &backend, uint64_t token);

  std::atomic<Batch *> recent_[kRecent] = {};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Batch>> all_;
};

} // namespace socketpoll
