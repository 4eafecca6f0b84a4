// Times inside are nanoseconds of a monotonic clock, in int64_t; the interface speaks milliseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace socketpoll {

inline constexpr int64_t kNsPerMs = 1'000'000;

// What is further away than this, 73 years, is never reached, and no sum with it overflows.
inline constexpr int64_t kLongestMs = INT64_MAX / kNsPerMs / 4;

constexpr int64_t ns_of_ms(int64_t ms) noexcept {
  return (ms < kLongestMs ? ms : kLongestMs) * kNsPerMs;
}

inline int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

} // namespace socketpoll
