#include "net/os/posix/os_process.hpp"

#include "base/error.hpp"
#include "net/os/os_socket.hpp"
#include "net/os/posix/descriptors.hpp"
#include "net/os/posix/signals_blocked.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace socketpoll::os {

namespace {

// From here to execve(2) only what signal-safety(7) allows: other threads of the parent may have
// held any lock at the fork.

// A handler would run on the child's copy of the parent's memory and descriptors.
void forget_handlers() noexcept {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void write_pid(char *digits) noexcept {
  char reversed[kPidDigits];
  int length = 0;
  for (int64_t rest = ::getpid(); rest > 0; rest /= 10)
    reversed[length++] = static_cast<char>('0' + rest % 10);
  while (length > 0) *digits++ = reversed[--length];
  *digits = '\0';
}

// First all out of the way, so that none is overwritten before it is copied; dup2(2) then clears
// the close-on-exec flag.
bool place_descriptors(const Launch &launch, int &report) noexcept {
  const int beyond = launch.first_fd + static_cast<int>(launch.fds.size());
  report = ::fcntl(report, F_DUPFD_CLOEXEC, beyond);
  if (report < 0) return false;
  for (size_t i = 0; i < launch.fds.size(); i++) {
    launch.moved[i] = ::fcntl(launch.fds[i], F_DUPFD_CLOEXEC, beyond);
    if (launch.moved[i] < 0) return false;
  }
  for (size_t i = 0; i < launch.fds.size(); i++)
    if (::dup2(launch.moved[i], launch.first_fd + static_cast<int>(i)) < 0) return false;
  return true;
}

[[noreturn]] void become(const Launch &launch, int report) noexcept {
  const int original = report;
  if (place_descriptors(launch, report)) {
    forget_handlers();
    write_pid(launch.pid_digits);
    ::execve(launch.path, launch.arguments, launch.environment);
  }
  const int problem = errno;
  (void)!::write(report >= 0 ? report : original, &problem, sizeof problem);
  ::_exit(127);
}

} // namespace

Result<int64_t> launch(const Launch &launch) noexcept {
  int ends[2];
  if (!new_pipe(ends, 0)) return last_system_error();
  const Fd outcome(ends[0]);
  Fd report(ends[1]);
  pid_t child;
  {
    const SignalsBlocked blocked;
    child = ::fork();
    if (child == 0) become(launch, report.get());
  }
  if (child < 0) return Error{errno == ENOMEM ? SOCKET_ENOMEM : SOCKET_ELIMIT};
  report.reset();
  int problem = 0;
  ssize_t count;
  do count = ::read(outcome.get(), &problem, sizeof problem);
  while (count < 0 && errno == EINTR);
  if (count == 0) return int64_t{child}; // closed by execve(2)
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error_from_errno(problem);
}

} // namespace socketpoll::os
