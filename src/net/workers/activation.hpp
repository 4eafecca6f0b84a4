// Listening sockets that were handed to this process, sd_listen_fds(3), and handing them on.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace socketpoll::activation {

inline constexpr int kFirstFd = 3;
inline constexpr int kMostFds = 4096;
// With the byte that says "ready", from the successor to its predecessor.
inline constexpr char kReadyVariable[] = "SOCKETPOLL_READY_FD";

// Each is close-on-exec from then on.
Result<int> count() noexcept;
Result<int> fd(int index) noexcept;
Result<std::string_view> name(int index) noexcept;
Status ready() noexcept;

struct Successor {
  int ready_fd = -1;
  int64_t pid = 0;
};
// Throws std::bad_alloc.
Result<Successor> spawn(const char *program, const char *const *arguments,
                        std::span<const int> fds);

} // namespace socketpoll::activation
