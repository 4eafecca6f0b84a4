// Net floor. Descriptors as the library makes them: closed by exec, non-blocking, and raising no
// SIGPIPE where the system can be told so of a descriptor. From their first moment on where there
// are calls for it; macOS has none, and a fork between two of its calls passes them on.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace socketpoll::os {

// The call again for as long as a signal interrupts it.
template <class Call> auto restart(Call &&call) noexcept {
  decltype(call()) outcome;
  do outcome = call();
  while (outcome < 0 && errno == EINTR);
  return outcome;
}

// Linux's own.
#if defined(MSG_MORE)
inline constexpr int kMoreFollows = MSG_MORE;
#else
inline constexpr int kMoreFollows = 0;
#endif

// The headers of macOS know MSG_NOSIGNAL, most of its kernels do not.
#if defined(MSG_NOSIGNAL) && !defined(__APPLE__)
inline constexpr int kNoSignal = MSG_NOSIGNAL;
#else
inline constexpr int kNoSignal = 0;
#endif

// No write to it raises SIGPIPE: SO_NOSIGPIPE, and for a pipe what macOS and NetBSD have like it.
inline void forbid_sigpipe([[maybe_unused]] int fd) noexcept {
#if defined(SO_NOSIGPIPE)
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0) return;
#endif
#if defined(F_SETNOSIGPIPE)
  (void)::fcntl(fd, F_SETNOSIGPIPE, 1);
#endif
}

#if defined(SOCK_CLOEXEC) && !defined(__APPLE__)

inline int new_socket(int family, int type) noexcept {
  return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
inline bool new_pair(int type, int (&ends)[2]) noexcept {
  return ::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0;
}
inline int accept_from(int listener, sockaddr *peer, socklen_t *length) noexcept {
  return ::accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
inline bool new_pipe(int (&ends)[2], int flags = O_NONBLOCK) noexcept {
  return ::pipe2(ends, flags | O_CLOEXEC) == 0;
}
inline int copy_onto(int fd, int number, bool close_on_exec) noexcept {
  return ::dup3(fd, number, close_on_exec ? O_CLOEXEC : 0);
}

#else

// The descriptor, or -1 with errno and it is closed again.
inline int prepared(int fd, int flags = O_NONBLOCK) noexcept {
  if (fd < 0) return -1;
  forbid_sigpipe(fd);
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, flags) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}
inline bool both_prepared(int (&ends)[2], int flags = O_NONBLOCK) noexcept {
  const bool first = prepared(ends[0], flags) >= 0, second = prepared(ends[1], flags) >= 0;
  if (first == second) return first;
  const int error = errno;
  ::close(ends[first ? 0 : 1]);
  errno = error;
  return false;
}
inline int new_socket(int family, int type) noexcept { return prepared(::socket(family, type, 0)); }
inline bool new_pair(int type, int (&ends)[2]) noexcept {
  return ::socketpair(AF_UNIX, type, 0, ends) == 0 && both_prepared(ends);
}
inline int accept_from(int listener, sockaddr *peer, socklen_t *length) noexcept {
  return prepared(::accept(listener, peer, length));
}
inline bool new_pipe(int (&ends)[2], int flags = O_NONBLOCK) noexcept {
  return ::pipe(ends) == 0 && both_prepared(ends, flags);
}
inline int copy_onto(int fd, int number, bool close_on_exec) noexcept {
  const int copy = ::dup2(fd, number);
  if (copy >= 0 && close_on_exec) (void)::fcntl(copy, F_SETFD, FD_CLOEXEC);
  return copy;
}

#endif

} // namespace socketpoll::os
