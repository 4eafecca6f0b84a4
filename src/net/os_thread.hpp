// Threads of the library's own, and the processors they may use.
#pragma once

#include "base/result.hpp"

#include <csignal>
#include <pthread.h>

namespace socketpoll::os {

// Threads inherit the mask of who starts them: the program's signals are for its own threads.
class AllSignalsBlocked {
public:
  AllSignalsBlocked() noexcept;
  AllSignalsBlocked(const AllSignalsBlocked &) = delete;
  AllSignalsBlocked &operator=(const AllSignalsBlocked &) = delete;
  ~AllSignalsBlocked();

private:
  sigset_t before_;
};

// Every signal blocked in it. SOCKET_ELIMIT: the system gives no more threads.
Status start_thread(pthread_t &thread, void *(*run)(void *), void *argument) noexcept;

// At most 15 bytes; a system that names no threads is none the worse for it.
void name_this_thread(const char *name) noexcept;

// Processors that the calling thread may use, sched_getaffinity(2); at least 1.
int processor_count() noexcept;
// Keeps it on the index-th of them, counted around. SOCKET_ENOTSUP where there is
// no such call.
Status pin_this_thread(int index) noexcept;

} // namespace socketpoll::os
