// Poll floor. Descriptors, whatever they are to the system: on POSIX its small numbers, on Windows
// the value of a SOCKET or of a file's HANDLE, both of which keep to 32 bits.
#pragma once

#include <utility>

namespace socketpoll {

// Descriptors are multiples of this: the kernel of Windows ignores the two lowest bits of a handle.
#if defined(_WIN32)
inline constexpr int kDescriptorStep = 4;
#else
inline constexpr int kDescriptorStep = 1;
#endif
constexpr bool plausible_descriptor(int fd) noexcept {
  return fd >= 0 && fd % kDescriptorStep == 0;
}

// Of one that is open; never waits.
void close_descriptor(int fd) noexcept;
// Any number whatever.
bool is_open_descriptor(int fd) noexcept;

// A descriptor that is the library's own, closed with its owner.
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
    if (fd_ >= 0) close_descriptor(fd_);
  }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

private:
  int fd_ = -1;
};

} // namespace socketpoll
