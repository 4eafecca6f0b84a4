#include "poll/waker.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <unistd.h>

#if __has_include(<sys/eventfd.h>)
#include <sys/eventfd.h>
#endif

namespace socketpoll {
namespace {

#if defined(EFD_SEMAPHORE)
int open_counter() noexcept { return ::eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK); }
#else
int open_counter() noexcept {
  errno = ENOSYS;
  return -1;
}
#endif

// Not for want of descriptors or memory, which a pipe needs more of.
bool lacks_counters(int error) noexcept {
  return error == ENOSYS || error == EINVAL || error == EPERM;
}

bool prepare(int fd) noexcept {
  return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

} // namespace

Status Waker::open() noexcept {
  if (!pipes_only) {
    OsFd counter(open_counter());
    if (!counter && !lacks_counters(errno)) return last_system_error();
    read_end_ = std::move(counter);
    if (read_end_) return {};
  }
  int ends[2];
  if (::pipe(ends) < 0) return last_system_error();
  OsFd read_end(ends[0]), write_end(ends[1]);
  if (!prepare(ends[0]) || !prepare(ends[1])) return last_system_error();
  read_end_ = std::move(read_end);
  write_end_ = std::move(write_end);
  return {};
}

// A token is a byte in the pipe, whichever, or one more in the counter.
Status Waker::give(uint64_t tokens) noexcept {
  const int fd = write_end_ ? write_end_.get() : read_end_.get();
  while (::write(fd, &tokens, token_bytes()) < 0) {
    if (errno == EAGAIN) return {};
    if (errno != EINTR) return last_system_error();
  }
  return {};
}

bool Waker::take() noexcept {
  uint64_t token;
  ssize_t got;
  do got = ::read(fd(), &token, token_bytes());
  while (got < 0 && errno == EINTR);
  return got > 0;
}

void Waker::give_to_all() noexcept {
  if (!write_end_) {
    static_cast<void>(give(uint64_t{1} << 32));
    return;
  }
  const char tokens[4096] = {};
  while (::write(write_end_.get(), tokens, sizeof tokens) > 0 || errno == EINTR) {
  }
}

} // namespace socketpoll
