#include "support/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> left{-1};
std::atomic<long> made{0};
std::atomic<long> live{0};

[[maybe_unused]] void *take(std::size_t size) {
  if (left.load() >= 0 && left.fetch_sub(1) == 0) throw std::bad_alloc();
  void *memory = std::malloc(size ? size : 1);
  if (!memory) throw std::bad_alloc();
  made++;
  live++;
  return memory;
}
[[maybe_unused]] void give_back(void *memory) noexcept {
  if (memory) live--;
  std::free(memory);
}

} // namespace

// The thread sanitizer brings operators of its own that cannot be replaced; what links this is then
// built, but no suite of its.
#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if !__has_feature(thread_sanitizer)
void *operator new(std::size_t size) { return take(size); }
void *operator new[](std::size_t size) { return take(size); }
void operator delete(void *memory) noexcept { give_back(memory); }
void operator delete[](void *memory) noexcept { give_back(memory); }
void operator delete(void *memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void *memory, std::size_t) noexcept { give_back(memory); }
#endif

void allocations_fail_at(long n) { left = n; }
int allocations_failed() { return left.load() < 0; }
long allocations_made() { return made; }
long allocations_live() { return live; }
