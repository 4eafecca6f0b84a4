// Time, as the loop takes it: behind a seam, so that a simulation can bring its own.
#pragma once

#include "base/time.hpp"

#include <cstdint>
#include <ctime>

namespace socketpoll {

class Clock {
public:
  virtual ~Clock() = default;
  // CLOCK_MONOTONIC in nanoseconds.
  virtual int64_t now_ns() noexcept = 0;
  // Seconds since the epoch, for Date and Last-Modified.
  virtual std::time_t wall_seconds() noexcept = 0;
};

class SystemClock final : public Clock {
public:
  int64_t now_ns() noexcept override { return monotonic_ns(); }
  std::time_t wall_seconds() noexcept override { return std::time(nullptr); }
};

} // namespace socketpoll
