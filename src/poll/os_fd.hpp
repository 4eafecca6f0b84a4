// Poll floor. A descriptor that is the library's own, closed with its owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace socketpoll {

class OsFd {
public:
  OsFd() noexcept = default;
  explicit OsFd(int fd) noexcept : fd_(fd) {}
  OsFd(OsFd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OsFd &operator=(OsFd &&other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OsFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

private:
  int fd_ = -1;
};

} // namespace socketpoll
