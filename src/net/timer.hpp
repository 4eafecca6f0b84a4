// SocketTimer: a heap node whose expirations are the program's events.
#pragma once

#include "net/loop.hpp"

namespace socketpoll {

class Timer final : public LoopObject, private TimerNode {
public:
  static constexpr HandleKind kHandleKind = HandleKind::timer;

  static Result<Timer *> create(Loop &loop) {
    return adopt(std::unique_ptr<Timer>(new Timer(loop)));
  }

  Status start(int64_t delay_ms, int64_t period_ms) noexcept {
    if (delay_ms < 0 || period_ms < 0) return Error{SOCKET_EINVAL};
    stop();
    period_ns_ = ns_of_ms(period_ms);
    loop().arm_after(*this, ns_of_ms(delay_ms));
    return {};
  }
  void stop() noexcept {
    loop().timers().disarm(*this);
    withdraw(SOCKET_TIMER);
    expirations_ = 0;
  }
  int64_t remaining_ms() const noexcept {
    if (!armed()) return -1;
    const int64_t now = loop().clock().now_ns();
    loop().timers().sort(now);
    const int64_t left = deadline() - now;
    return std::max<int64_t>(0, (left + kNsPerMs - 1) / kNsPerMs);
  }

private:
  explicit Timer(Loop &loop) : LoopObject(loop, kHandleKind) { loop.timers().join(*this); }

  // Periods count from the deadline, not from now, so lateness never adds up.
  void on_timer() override {
    int64_t passed = 1;
    if (period_ns_ > 0) {
      passed += (loop().now_ns() - deadline()) / period_ns_;
      loop().timers().arm(*this, deadline() + passed * period_ns_);
    }
    expirations_ += passed;
    raise(SOCKET_TIMER);
  }
  void on_no_memory() noexcept override {}
  // A callback that awaits for longer than the period hears of the rest when it has returned.
  void deliver() override {
    if (delivering_) return;
    delivering_ = true;
    LoopObject::deliver();
    delivering_ = false;
  }
  void describe(SocketCompletion_T &event) noexcept override {
    event.length = std::exchange(expirations_, 0);
  }
  void on_dispose() noexcept override { loop().timers().disarm(*this); }

  int64_t period_ns_ = 0;
  int64_t expirations_ = 0;
  bool delivering_ = false;
};

} // namespace socketpoll
