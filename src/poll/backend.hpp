// Poll floor. The contract of a readiness mechanism, stated once. A backend is one kernel set of
// (fd, interest, key) and nothing more: names, generations, deadlines, batches and errors of misuse
// belong to Poller, which is the only caller.
//
// Every backend_*.cpp holds these functions in this order, so that two of them can be read side by
// side, and alone includes the OS's event headers.
//
// Threads: add, mod, del, forget and rebuild are never called at the same time (Poller's lock is
// held). wait runs in any number of threads at once, each with its own Scratch, beside those and
// beside wakeup and close, which any thread may call at any time.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "poll/fd_key.hpp"
#include "poll/os_fd.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace socketpoll {

// What the kernel said: bits of SocketPollEvent for the registration that was given this key.
struct ReadyEvent {
  FdKey key;
  int events;
};

struct Registration {
  int fd;
  int events; // SocketPollEvent bits, trigger bits included
  FdKey key;
  bool armed; // false: a one-shot that has fired
};

class Backend {
public:
  // What one waiting thread owns: epoll's event array, poll's snapshot of the set.
  class Scratch {
  public:
    virtual ~Scratch() = default;
  };
  struct Outcome {
    int count = 0;      // how many of `ready` were filled
    bool woken = false; // this wait took the token of one wakeup()
  };

  virtual ~Backend() = default;
  virtual const char *name() const noexcept = 0;
  virtual int capabilities() const noexcept = 0; // SOCKET_POLL_CAN_*

  // Codes: EBADF, EPERM for what cannot be polled, EINVAL for the backend's own fds. The same file
  // under the same number twice is EEXIST; another file under a number that was closed is accepted.
  // On failure, an exception included, nothing has changed.
  virtual Status add(const Registration &wanted) = 0;
  // Re-arms. EBADF: not open. ENOENT: the number is another file than the one added.
  virtual Status mod(const Registration &present, const Registration &wanted) = 0;
  // Never fails: what the kernel has forgotten is gone as well.
  virtual void del(int fd) noexcept = 0;

  // wait() has reported a key of `fd` that was del'ed before the wait began, and nothing is
  // registered under that number now. True: it will not be reported again.
  virtual bool forget(int fd) noexcept {
    static_cast<void>(fd);
    return true;
  }
  // The same where forget() is of no help: keep `live` and nothing else. Repeats are allowed.
  virtual Status rebuild(std::span<const Registration> live) {
    static_cast<void>(live);
    return {};
  }

  virtual std::unique_ptr<Scratch> make_scratch() { return std::make_unique<Scratch>(); }
  // Blocks for up to `timeout_ms` (-1: no end), holding no lock, and may return empty earlier: a
  // signal, or a change by another thread. What is ready beyond ready.size() comes first next time.
  // A level-triggered condition repeats; a one-shot goes to one waiter and is then disarmed.
  virtual Result<Outcome> wait(Scratch &scratch, std::span<ReadyEvent> ready, int timeout_ms) = 0;
  // Leaves a token that one wait takes: a blocked one or the next.
  virtual Status wakeup() noexcept = 0;
  // From here on every wait, blocked or coming, returns at once.
  virtual void close() noexcept = 0;

  // -1 where the kernel has no object for the set.
  virtual int pollable_fd() const noexcept { return -1; }
  // Whether anything is open under that number, whatever the number.
  virtual bool is_open(int fd) const noexcept { return is_open_descriptor(fd); }
  // The clock of deadlines, in nanoseconds: CLOCK_MONOTONIC, unless time is simulated.
  virtual int64_t now_ns() const noexcept { return monotonic_ns(); }
};

// One row of the table of what is compiled in (backends.cpp).
struct BackendEntry {
  const char *name;
  int capabilities;
  Result<std::unique_ptr<Backend>> (*create)();
};

#if defined(__linux__)
extern const BackendEntry kEpollBackend;
#endif
#if defined(SOCKETPOLL_KQUEUE)
extern const BackendEntry kKqueueBackend;
#endif
#if defined(_WIN32)
extern const BackendEntry kIocpBackend;
#else
extern const BackendEntry kPollBackend;
#endif

std::span<const BackendEntry *const> backends() noexcept; // best first
const BackendEntry *find_backend(const char *name) noexcept;

} // namespace socketpoll
