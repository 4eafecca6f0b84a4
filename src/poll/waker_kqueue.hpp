// Poll floor. How one thread makes another return from kevent(2). EVFILT_USER where the system has
// it: no descriptor, no read, no write. Otherwise (OpenBSD, NetBSD before 10) the Waker's pipe.
#pragma once

#include "base/error.hpp"
#include "poll/waker.hpp"

#include <atomic>
#include <sys/event.h>
#include <sys/types.h>

namespace socketpoll {

#if defined(EVFILT_USER) && !defined(SOCKETPOLL_WAKER_PIPE)

class KqueueWaker {
public:
  Status open(int set) noexcept {
    set_ = set;
    return change(EV_ADD | EV_CLEAR, 0);
  }
  int fd() const noexcept { return -1; }
  bool sent(const struct kevent &one) const noexcept { return one.filter == EVFILT_USER; }

  // The kernel knows one trigger, pending or not. So whoever takes a token and leaves others behind
  // passes the trigger on, and whoever finds some there need not pull it.
  Status give() noexcept { return give_tokens(1); }
  bool take() noexcept {
    int64_t tokens = tokens_.load();
    while (tokens > 0 && !tokens_.compare_exchange_weak(tokens, tokens - 1)) {
    }
    if (tokens > 1) static_cast<void>(trigger());
    return tokens > 0;
  }
  void give_to_all() noexcept { static_cast<void>(give_tokens(int64_t{1} << 32)); }

private:
  Status give_tokens(int64_t count) noexcept {
    return tokens_.fetch_add(count) > 0 ? Status() : trigger();
  }
  Status trigger() noexcept { return change(0, NOTE_TRIGGER); }
  Status change(unsigned flags, unsigned fflags) noexcept {
    struct kevent one {};
    one.filter = EVFILT_USER;
    one.flags = static_cast<decltype(one.flags)>(flags);
    one.fflags = fflags;
    // With no room for events the error of the change is the error of the call.
    return ::kevent(set_, &one, 1, nullptr, 0, nullptr) < 0 ? Status(last_system_error())
                                                            : Status();
  }

  int set_ = -1;
  std::atomic<int64_t> tokens_{0};
};

#else

class KqueueWaker {
public:
  Status open(int set) noexcept {
    if (Status opened = pipe_.open(); !opened) return opened;
    struct kevent one {};
    one.ident = static_cast<decltype(one.ident)>(pipe_.fd());
    one.filter = EVFILT_READ;
    one.flags = EV_ADD;
    return ::kevent(set, &one, 1, nullptr, 0, nullptr) < 0 ? Status(last_system_error()) : Status();
  }
  int fd() const noexcept { return pipe_.fd(); }
  bool sent(const struct kevent &one) const noexcept {
    return static_cast<int>(one.ident) == pipe_.fd();
  }

  Status give() noexcept { return pipe_.give(); }
  bool take() noexcept { return pipe_.take(); }
  void give_to_all() noexcept { pipe_.give_to_all(); }

private:
  Waker pipe_;
};

#endif

} // namespace socketpoll
