// One descriptor's place in the loop. The owner says what it wants to know; changes are gathered
// and handed to the kernel once a turn. Level-triggered. Wanting nothing leaves the kernel's set,
// because a hung-up descriptor would otherwise be reported for ever.
#pragma once

#include "SocketPoll.h"

#include "base/list.hpp"
#include "base/result.hpp"

namespace socketpoll {

class Loop;
struct ChangedTag;

class Watch : public Linked<ChangedTag> {
public:
  explicit Watch(Loop &loop) noexcept : loop_(loop) {}
  Watch(const Watch &) = delete;
  Watch &operator=(const Watch &) = delete;
  virtual ~Watch();

  Loop &loop() const noexcept { return loop_; }
  int watched_fd() const noexcept { return fd_; }

  // Names the descriptor; it stays the owner's, who calls unwatch() before closing it.
  void watch(int fd) noexcept { fd_ = fd; }
  // POLL_READ, POLL_WRITE or neither, from the next wait on.
  void want(int events) noexcept;
  int wanted() const noexcept { return wanted_; }
  // The same at once, with the kernel's answer. Throws std::bad_alloc.
  Status want_now(int events);
  // Leaves the kernel's set at once; no event arrives any more, not even from the present batch.
  void unwatch() noexcept;
  // Goes on with the descriptor of `other`, which watches nothing from here on, and with what it
  // wanted. It stays in the kernel's set, which hears of this with the next change.
  void take_over(Watch &other) noexcept;

  // While on, the descriptor is not read, whatever is wanted; what it is wanted for stays as it is.
  // False if it was so already.
  bool hold_reading(bool on) noexcept;
  bool reading_held() const noexcept { return reading_held_; }

  virtual void on_ready(int events) = 0;
  // Held no longer.
  virtual void on_released() noexcept {}
  // The kernel refused what was wanted: SOCKET_ENOSPC, SOCKET_ENOMEM, SOCKET_EBADF...
  virtual void on_refused(int code) noexcept = 0;
  // on_ready threw std::bad_alloc.
  virtual void on_no_memory() noexcept = 0;

private:
  friend class Loop;
  short effective() const noexcept {
    return reading_held_ ? static_cast<short>(wanted_ & ~(POLL_READ | SOCKET_POLL_PEER_CLOSED))
                         : wanted_;
  }
  // Beside what is registered: for another Watch. Differs from anything wanted.
  static constexpr short kElsewhere = 0x4000;
  Loop &loop_;
  int fd_ = -1;
  short wanted_ = 0;
  short registered_ = 0;
  bool reading_held_ = false;
};

} // namespace socketpoll
