#include "net/os/os_thread.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <sched.h>
#include <unistd.h>

namespace socketpoll::os {

SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  sigfillset(&all);
  for (const int raised : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    sigdelset(&all, raised);
  pthread_sigmask(SIG_BLOCK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Status start_thread(pthread_t &thread, void *(*run)(void *), void *argument) noexcept {
  const SignalsBlocked blocked;
  const int error = pthread_create(&thread, nullptr, run, argument);
  if (error) return Error{error == ENOMEM ? SOCKET_ENOMEM : SOCKET_ELIMIT};
  return {};
}

#if defined(__linux__)

void name_this_thread(const char *name) noexcept { pthread_setname_np(pthread_self(), name); }

namespace {
// More processors than the kernel is built for on any machine; a smaller set than the kernel's is
// refused, sched_getaffinity(2).
struct Processors {
  cpu_set_t sets[16];
  static constexpr int kMost = 16 * CPU_SETSIZE;

  bool ask() noexcept {
    CPU_ZERO_S(sizeof sets, sets);
    return sched_getaffinity(0, sizeof sets, sets) == 0;
  }
  int count() const noexcept { return CPU_COUNT_S(sizeof sets, sets); }
};
} // namespace

int processor_count() noexcept {
  Processors processors;
  return processors.ask() ? std::max(1, processors.count()) : 1;
}

Status pin_this_thread(int index) noexcept {
  Processors processors;
  if (!processors.ask()) return last_system_error();
  int left = index % std::max(1, processors.count());
  int number = 0;
  while (number < Processors::kMost - 1 &&
         !(CPU_ISSET_S(number, sizeof processors.sets, processors.sets) && left-- == 0))
    number++;
  CPU_ZERO_S(sizeof processors.sets, processors.sets);
  CPU_SET_S(number, sizeof processors.sets, processors.sets);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof processors.sets, processors.sets);
  return error ? Status(error_from_errno(error)) : Status();
}

#else

void name_this_thread(const char *) noexcept {}

int processor_count() noexcept {
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

Status pin_this_thread(int) noexcept { return Error{SOCKET_ENOTSUP}; }

#endif

} // namespace socketpoll::os
