#include "net/pipeline/token_bucket.hpp"

#include "SocketLimiter.h"

#include <algorithm>
#include <cmath>

namespace socketpoll {

namespace {
constexpr double kNsPerSecond = 1e9;
constexpr double kRounding = 1e-6; // what rounding may cost
// Who waits is woken for this much of a second, so that a fast bucket is not emptied byte by byte.
constexpr int64_t kPortionsPerSecond = 100;
} // namespace

bool TokenBucket::valid(int64_t rate, int64_t burst) noexcept {
  return rate >= 1 && rate <= int64_t{SOCKET_LIMITER_MAX} * 1024 && burst >= 1 &&
         burst <= SOCKET_LIMITER_MAX;
}

TokenBucket::TokenBucket(Loop &loop, int64_t rate, int64_t burst)
    : loop_(loop), rate_(rate), burst_(burst), level_(static_cast<double>(burst)),
      filled_ns_(loop.clock().now_ns()) {
  loop.timers().join(*this);
}

void TokenBucket::refill() noexcept {
  const int64_t now = loop_.clock().now_ns();
  const auto elapsed = static_cast<double>(std::max<int64_t>(0, now - filled_ns_));
  level_ = std::min(static_cast<double>(burst_),
                    level_ + elapsed * static_cast<double>(rate_) / kNsPerSecond);
  filled_ns_ = now;
}

int64_t TokenBucket::available() noexcept {
  refill();
  return static_cast<int64_t>(std::floor(level_ + kRounding));
}

int64_t TokenBucket::delay_ns(int64_t bytes) noexcept {
  refill();
  const double missing = static_cast<double>(std::min(bytes, burst_)) - level_;
  if (missing <= kRounding) return 0;
  const double ns = std::ceil(missing * kNsPerSecond / static_cast<double>(rate_));
  return std::max<int64_t>(1, static_cast<int64_t>(std::min(ns, 4e18)));
}

void TokenBucket::set_rate(int64_t rate, int64_t burst) noexcept {
  refill();
  rate_ = rate;
  burst_ = burst;
  level_ = std::min(level_, static_cast<double>(burst));
  if (!waiters_.empty()) schedule();
}

bool TokenBucket::admit(BucketWaiter &waiter) noexcept {
  const bool told = admitted_ == &waiter;
  if (told) admitted_ = nullptr;
  if ((told || waiters_.empty()) && available() > 0) return true;
  if (!List<BucketWaiter, BucketTag>::contains(waiter)) waiters_.push_back(waiter);
  if (!armed()) schedule();
  return false;
}

void TokenBucket::leave(BucketWaiter &waiter) noexcept {
  List<BucketWaiter, BucketTag>::remove(waiter);
  if (admitted_ == &waiter) admitted_ = nullptr;
  if (waiters_.empty()) loop_.timers().disarm(*this);
}

int64_t TokenBucket::portion_delay_ns() noexcept {
  return delay_ns(std::max<int64_t>(1, rate_ / kPortionsPerSecond));
}

void TokenBucket::schedule() noexcept {
  const int64_t delay = portion_delay_ns();
  loop_.timers().arm(*this, filled_ns_ + delay);
}

// One a turn, who takes what it wants before the next one is asked.
void TokenBucket::on_timer() {
  if (portion_delay_ns() > 0) return schedule(); // somebody has taken it meanwhile
  admitted_ = waiters_.pop_front();
  if (!admitted_) return;
  admitted_->on_tokens();
  if (!waiters_.empty()) schedule();
}

} // namespace socketpoll
