#include "net/os/os_thread.hpp"

#include "base/error.hpp"
#include "net/os/posix/signals_blocked.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

namespace socketpoll::os {

namespace {

void *run_body(void *argument) noexcept {
  const auto &body = *static_cast<const ThreadBody *>(argument);
  body.run(body.argument);
  return nullptr;
}

void *argument_of(const ThreadBody &body) noexcept { return const_cast<ThreadBody *>(&body); }

Status started(int problem) noexcept {
  if (problem) return Error{problem == ENOMEM ? SOCKET_ENOMEM : SOCKET_ELIMIT};
  return {};
}

} // namespace

static_assert(sizeof(pthread_t) == sizeof(uintptr_t));

Status Thread::start(const ThreadBody &body) noexcept {
  const SignalsBlocked blocked;
  pthread_t thread;
  const int problem = pthread_create(&thread, nullptr, run_body, argument_of(body));
  if (!problem) std::memcpy(&native_, &thread, sizeof native_);
  return started(problem);
}

void Thread::join() noexcept {
  pthread_t thread;
  std::memcpy(&thread, &native_, sizeof thread);
  pthread_join(thread, nullptr);
}

Status start_detached(const ThreadBody &body, size_t stack_bytes) noexcept {
  const SignalsBlocked blocked;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return Error{SOCKET_ENOMEM};
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  size_t usual = 0;
  pthread_attr_getstacksize(&attributes, &usual);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_t thread;
  int problem = pthread_create(&thread, &attributes, run_body, argument_of(body));
  if (problem == EINVAL) { // the program's thread-local variables, which live there, need more
    pthread_attr_setstacksize(&attributes, usual);
    problem = pthread_create(&thread, &attributes, run_body, argument_of(body));
  }
  pthread_attr_destroy(&attributes);
  return started(problem);
}

void at_fork_in_child(void (*call)()) noexcept { (void)pthread_atfork(nullptr, nullptr, call); }

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
