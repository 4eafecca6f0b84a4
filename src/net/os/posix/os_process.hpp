// Starting another program with chosen descriptors.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <span>

namespace socketpoll::os {

struct Launch {
  const char *path = nullptr; // as execve(2) takes it
  char *const *arguments = nullptr;
  char *const *environment = nullptr;
  char *pid_digits = nullptr; // in `environment`: the child writes its process id and a NUL here
  std::span<const int> fds;   // become the child's `first_fd` and the following
  std::span<int> moved;       // as many, for the child to work with
  int first_fd = 3;
};
inline constexpr int kPidDigits = 20;

// Blocks until execve(2) has worked or failed. The process id, or why it failed.
Result<int64_t> launch(const Launch &launch) noexcept;

} // namespace socketpoll::os
