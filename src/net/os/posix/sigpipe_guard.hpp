// Net floor. For the system calls that have no MSG_NOSIGNAL: SIGPIPE is blocked around them, and
// one that they caused is taken off the thread again. A SIGPIPE that was pending before stays
// pending.
#pragma once

#include <cerrno>
#include <csignal>
#include <fcntl.h>

namespace socketpoll::os {

class SigpipeGuard {
public:
  SigpipeGuard() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    if (sigismember(&before_, SIGPIPE)) {
      sigset_t pending;
      sigpending(&pending);
      was_pending_ = sigismember(&pending, SIGPIPE) != 0;
    }
  }
  SigpipeGuard(const SigpipeGuard &) = delete;
  SigpipeGuard &operator=(const SigpipeGuard &) = delete;
  ~SigpipeGuard() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void swallow() noexcept {
    if (was_pending_) return;
#if defined(F_SETNOSIGPIPE) // macOS, NetBSD: the descriptor raises none (descriptors.hpp)
#elif defined(__OpenBSD__)
    sigset_t pending;
    int number;
    if (sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE)) sigwait(&sigpipe_, &number);
#else
    const timespec now{0, 0};
    while (sigtimedwait(&sigpipe_, nullptr, &now) < 0 && errno == EINTR) {
    }
#endif
  }

private:
  sigset_t sigpipe_, before_;
  bool was_pending_ = false;
};

} // namespace socketpoll::os
