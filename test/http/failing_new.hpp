// Makes the nth allocation of the program fail. Include it in one file of a test.
#pragma once

#include <cstdlib>
#include <new>

inline long allocations_left = -1; // negative: no end

// The thread sanitizer brings operators of its own that cannot be replaced; what includes this is
// then linked, but not run.
#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if !__has_feature(thread_sanitizer)
void *operator new(size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) allocations_left--;
  if (void *memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

// Runs `body` with its first, its second, ... allocation failing, until it runs through; returns
// how many failed.
template <class Body> long fail_each_allocation(Body &&body) {
  for (long n = 0;; n++) {
    allocations_left = n;
    try {
      body();
      allocations_left = -1;
      return n;
    } catch (const std::bad_alloc &) {
      allocations_left = -1;
    }
  }
}
