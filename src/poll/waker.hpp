// Poll floor. A counter of tokens with a descriptor that is readable while there are any: how one
// thread makes another return from a kernel wait. An eventfd where the system has them (a sandbox
// may forbid them), otherwise a pipe.
#pragma once

#include "base/result.hpp"
#include "poll/os_fd.hpp"

#include <cstddef>
#include <cstdint>

namespace socketpoll {

class Waker {
public:
  // For tests, which set it before the first is opened.
  inline static constinit bool pipes_only = false;

  Status open() noexcept;
  int fd() const noexcept { return read_end_.get(); }

  // Any thread, any time. A counter that is full is not an error: there are tokens enough.
  Status give(uint64_t tokens = 1) noexcept;
  // Takes one token; false if there was none, as when another thread was faster.
  bool take() noexcept;
  // Gives more tokens than there are threads: for the end, when every waiter is to leave.
  void give_to_all() noexcept;

private:
  size_t token_bytes() const noexcept { return write_end_ ? 1 : sizeof(uint64_t); }

  OsFd read_end_;
  OsFd write_end_; // of the pipe; an eventfd has one descriptor
};

} // namespace socketpoll
