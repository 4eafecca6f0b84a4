// Threads of the library's own, and the processors they may use.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>

namespace socketpoll::os {

// What runs in a thread of the library's own: with the program's signals blocked, where there are
// signals.
struct ThreadBody {
  void (*run)(void *argument) noexcept = nullptr;
  void *argument = nullptr;
};

// A thread that somebody waits for; its owner joins it.
class Thread {
public:
  // `body` lives as long as the thread. SOCKET_ELIMIT: the system gives no more threads.
  Status start(const ThreadBody &body) noexcept;
  void join() noexcept;

private:
  uintptr_t native_ = 0; // pthread_t, or a HANDLE
};

// One that nobody waits for. A stack of at least `stack_bytes`; `body` as above.
Status start_detached(const ThreadBody &body, size_t stack_bytes) noexcept;

// Calls `call` in every child that fork(2) makes of this process, where there is such a thing.
void at_fork_in_child(void (*call)()) noexcept;

// At most 15 bytes; a system that names no threads is none the worse for it.
void name_this_thread(const char *name) noexcept;

// Processors that the calling thread may use, sched_getaffinity(2); at least 1.
int processor_count() noexcept;
// Keeps it on the index-th of them, counted around. SOCKET_ENOTSUP where there is
// no such call.
Status pin_this_thread(int index) noexcept;

} // namespace socketpoll::os
