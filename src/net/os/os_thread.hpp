// Threads of the library's own, and the processors they may use.
#pragma once

#include "base/result.hpp"

#include <csignal>
#include <pthread.h>

namespace socketpoll::os {

// Threads inherit the mask of who starts them: the program's signals are for its own threads. Those
// that a thread's own instructions raise stay as they are: blocked, they would end the process
// without a word, and run-times live on them.
class SignalsBlocked {
public:
  SignalsBlocked() noexcept;
  SignalsBlocked(const SignalsBlocked &) = delete;
  SignalsBlocked &operator=(const SignalsBlocked &) = delete;
  ~SignalsBlocked();

private:
  sigset_t before_;
};

// In it, signals are blocked as above. SOCKET_ELIMIT: the system gives no more threads.
Status start_thread(pthread_t &thread, void *(*run)(void *), void *argument) noexcept;

// At most 15 bytes; a system that names no threads is none the worse for it.
void name_this_thread(const char *name) noexcept;

// Processors that the calling thread may use, sched_getaffinity(2); at least 1.
int processor_count() noexcept;
// Keeps it on the index-th of them, counted around. SOCKET_ENOTSUP where there is
// no such call.
Status pin_this_thread(int index) noexcept;

} // namespace socketpoll::os
