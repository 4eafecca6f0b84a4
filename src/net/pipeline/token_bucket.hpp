// A token bucket: how many bytes may pass, and whose turn it is to take them. Shared by the handle
// that made it and by the pipelines that it limits.
#pragma once

#include "net/loop.hpp"

namespace socketpoll {

struct BucketTag;

// Waits its turn.
class BucketWaiter : public Linked<BucketTag> {
public:
  virtual void on_tokens() noexcept = 0;

protected:
  ~BucketWaiter() = default;
};

class TokenBucket final : private TimerNode {
public:
  // Throws std::bad_alloc.
  TokenBucket(Loop &loop, int64_t rate, int64_t burst);
  static bool valid(int64_t rate, int64_t burst) noexcept;

  // Bytes that may pass now; negative while a debt is paid off.
  int64_t available() noexcept;
  // May go into debt, for what cannot be divided.
  void spend(int64_t bytes) noexcept { level_ -= static_cast<double>(bytes); }
  // Nanoseconds until `bytes` are available, or the bucket is full.
  int64_t delay_ns(int64_t bytes) noexcept;
  void set_rate(int64_t rate, int64_t burst) noexcept;
  int64_t rate() const noexcept { return rate_; }
  int64_t burst() const noexcept { return burst_; }

  // Whether it is the waiter's turn and something is there; if not, it is told when.
  bool admit(BucketWaiter &waiter) noexcept;
  void leave(BucketWaiter &waiter) noexcept;

private:
  void refill() noexcept;
  int64_t portion_delay_ns() noexcept;
  void schedule() noexcept;
  void on_timer() override;
  void on_no_memory() noexcept override {}

  Loop &loop_;
  int64_t rate_;
  int64_t burst_;
  double level_;
  int64_t filled_ns_; // the time at which level_ was right
  List<BucketWaiter, BucketTag> waiters_;
  BucketWaiter *admitted_ = nullptr; // has been told, and has not come yet
};

} // namespace socketpoll
