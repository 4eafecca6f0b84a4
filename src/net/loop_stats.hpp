// What a loop counts of itself: written by its thread alone, read by any, so that counting costs an
// addition and no lock, and takes no reading of the clock that the loop does not need anyway.
#pragma once

#include "SocketLoop.h"

#include <atomic>
#include <cstdint>

namespace socketpoll {

class LoopStats {
public:
  void add(SocketStat which, int64_t amount = 1) noexcept {
    std::atomic<int64_t> &counter = counters_[which];
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void raise_to(SocketStat which, int64_t value) noexcept {
    if (value > get(which)) counters_[which].store(value, std::memory_order_relaxed);
  }
  int64_t get(SocketStat which) const noexcept {
    return counters_[which].load(std::memory_order_relaxed);
  }

private:
  std::atomic<int64_t> counters_[SOCKET_STAT_COUNT] = {};
};

} // namespace socketpoll
