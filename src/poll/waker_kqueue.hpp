// Poll floor. How one thread makes another return from kevent(2). Tokens are counted here; the
// kernel is told only that there are some: by EVFILT_USER where the system has it, which costs no
// descriptor, otherwise (OpenBSD, NetBSD before 10) by a byte in the Waker's pipe.
#pragma once

#include "base/error.hpp"
#include "poll/waker.hpp"

#include <atomic>
#include <sys/event.h>
#include <sys/types.h>

namespace socketpoll {

class KqueueWaker {
public:
  Status open(int set) noexcept;
  int fd() const noexcept { return pipe_.fd(); } // -1: it has none
  bool sent(const struct kevent &one) const noexcept;

  // Who finds tokens there need not trigger, because whoever leaves some behind does so again.
  Status give(int64_t count = 1) noexcept {
    return tokens_.fetch_add(count) > 0 ? Status() : trigger();
  }
  bool take() noexcept {
    acknowledge();
    int64_t tokens = tokens_.load();
    while (tokens > 0 && !tokens_.compare_exchange_weak(tokens, tokens - 1)) {
    }
    if (tokens > 1) static_cast<void>(trigger());
    return tokens > 0;
  }
  void give_to_all() noexcept { static_cast<void>(give(int64_t{1} << 32)); }

private:
  Status trigger() noexcept;
  void acknowledge() noexcept;
  Status change(uintptr_t ident, int filter, unsigned flags, unsigned fflags) noexcept {
    struct kevent one {};
    one.ident = ident;
    one.filter = static_cast<decltype(one.filter)>(filter);
    one.flags = static_cast<decltype(one.flags)>(flags);
    one.fflags = fflags;
    // With no room for events the error of the change is the error of the call.
    return ::kevent(set_, &one, 1, nullptr, 0, nullptr) < 0 ? Status(last_system_error())
                                                            : Status();
  }

  bool by_pipe() const noexcept { return pipe_.fd() >= 0; }

#if defined(EVFILT_USER)
  static constexpr int kUserFilter = EVFILT_USER;
  static constexpr unsigned kUserTrigger = NOTE_TRIGGER;
#else
  static constexpr int kUserFilter = 0;
  static constexpr unsigned kUserTrigger = 0;
#endif

  int set_ = -1;
  std::atomic<int64_t> tokens_{0};
  Waker pipe_; // opened where there is no EVFILT_USER
};

inline Status KqueueWaker::open(int set) noexcept {
  set_ = set;
  if (kUserFilter && !Waker::pipes_only) {
    const Status added = change(0, kUserFilter, EV_ADD | EV_CLEAR, 0);
    // NetBSD's headers may be younger than its kernel.
    if (added || added.error().code != SOCKET_EINVAL) return added;
  }
  if (Status opened = pipe_.open(); !opened) return opened;
  return change(static_cast<uintptr_t>(pipe_.fd()), EVFILT_READ, EV_ADD | EV_CLEAR, 0);
}

inline bool KqueueWaker::sent(const struct kevent &one) const noexcept {
  return by_pipe() ? static_cast<int>(one.ident) == pipe_.fd() : one.filter == kUserFilter;
}

inline Status KqueueWaker::trigger() noexcept {
  return by_pipe() ? pipe_.give() : change(0, kUserFilter, 0, kUserTrigger);
}

// Before a token is taken: the byte of a token given later stays for its own event.
inline void KqueueWaker::acknowledge() noexcept {
  while (by_pipe() && pipe_.take()) {
  }
}

} // namespace socketpoll
