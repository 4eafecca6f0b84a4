// Times inside are nanoseconds of a monotonic clock, in int64_t; the interface speaks milliseconds.
#pragma once

#include <cstdint>

namespace socketpoll {

inline constexpr int64_t kNsPerMs = 1'000'000;

} // namespace socketpoll
