// Emulated kqueue: what a filter says about a descriptor now.
#pragma once

#include <cstdint>

namespace emulated_kqueue {

struct Condition {
  bool holds = false;
  bool eof = false;
  uint32_t fflags = 0;
  intptr_t data = 0;
};

Condition look_read(int fd, uint32_t note, intptr_t low_water);
Condition look_write(int fd, uint32_t note, intptr_t low_water);

} // namespace emulated_kqueue
