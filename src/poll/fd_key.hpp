// Poll floor. How the kernel names a registration to us: the fd and the generation that the number
// had when it was registered, so that an event of a closed file is never taken for its successor's.
#pragma once

#include <cstdint>

namespace socketpoll {

using FdKey = uint64_t;

constexpr FdKey make_key(int fd, uint32_t generation) noexcept {
  return (static_cast<FdKey>(generation) << 32) | static_cast<uint32_t>(fd);
}
constexpr int fd_of(FdKey key) noexcept { return static_cast<int>(static_cast<uint32_t>(key)); }
constexpr uint32_t generation_of(FdKey key) noexcept { return static_cast<uint32_t>(key >> 32); }

} // namespace socketpoll
