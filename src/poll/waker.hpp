// Poll floor. A counter of tokens with a descriptor that is readable while there are any: how one
// thread makes another return from a kernel wait. An eventfd where there is one, otherwise a pipe.
#pragma once

#include "base/result.hpp"
#include "poll/os_fd.hpp"

namespace socketpoll {

class Waker {
public:
  Status open() noexcept;
  int fd() const noexcept { return read_end_.get(); }

  // Any thread, any time. A counter that is full is not an error: there are tokens enough.
  Status give() noexcept;
  // Takes one token; false if there was none, as when another thread was faster.
  bool take() noexcept;
  // Gives more tokens than there are threads: for the end, when every waiter is to leave.
  void give_to_all() noexcept;

private:
  OsFd read_end_;
  OsFd write_end_; // of the pipe; an eventfd has one descriptor
};

} // namespace socketpoll
