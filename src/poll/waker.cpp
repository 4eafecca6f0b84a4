#include "poll/waker.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <unistd.h>

#if __has_include(<sys/eventfd.h>) && !defined(SOCKETPOLL_WAKER_PIPE)
#define SOCKETPOLL_WAKER_EVENTFD 1
#include <sys/eventfd.h>
#endif

namespace socketpoll {

#if defined(SOCKETPOLL_WAKER_EVENTFD)

Status Waker::open() noexcept {
  OsFd made(::eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made) return last_system_error();
  read_end_ = std::move(made);
  return {};
}

static Status give_tokens(int fd, uint64_t tokens) noexcept {
  while (::write(fd, &tokens, sizeof tokens) < 0) {
    if (errno == EAGAIN) return {};
    if (errno != EINTR) return last_system_error();
  }
  return {};
}

Status Waker::give() noexcept { return give_tokens(fd(), 1); }

bool Waker::take() noexcept {
  uint64_t token;
  ssize_t got;
  do got = ::read(fd(), &token, sizeof token);
  while (got < 0 && errno == EINTR);
  return got > 0;
}

void Waker::give_to_all() noexcept { static_cast<void>(give_tokens(fd(), uint64_t{1} << 32)); }

#else

static bool prepare(int fd) noexcept {
  return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

Status Waker::open() noexcept {
  int ends[2];
  if (::pipe(ends) < 0) return last_system_error();
  OsFd read_end(ends[0]), write_end(ends[1]);
  if (!prepare(ends[0]) || !prepare(ends[1])) return last_system_error();
  read_end_ = std::move(read_end);
  write_end_ = std::move(write_end);
  return {};
}

Status Waker::give() noexcept {
  const char token = 0;
  while (::write(write_end_.get(), &token, 1) < 0) {
    if (errno == EAGAIN) return {};
    if (errno != EINTR) return last_system_error();
  }
  return {};
}

bool Waker::take() noexcept {
  char token;
  ssize_t got;
  do got = ::read(fd(), &token, 1);
  while (got < 0 && errno == EINTR);
  return got > 0;
}

void Waker::give_to_all() noexcept {
  const char tokens[4096] = {};
  while (::write(write_end_.get(), tokens, sizeof tokens) > 0 || errno == EINTR) {
  }
}

#endif

} // namespace socketpoll
