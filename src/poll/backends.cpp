// Poll floor. The one table of the backends that this platform has, best first.
#include "poll/backend.hpp"

#include <cstring>
#include <ctime>

namespace socketpoll {

namespace {
constexpr const BackendEntry *kBackends[] = {
#if defined(__linux__)
    &kEpollBackend,
#endif
    &kPollBackend,
};
} // namespace

std::span<const BackendEntry *const> backends() noexcept { return kBackends; }

const BackendEntry *find_backend(const char *name) noexcept {
  for (const BackendEntry *entry : kBackends)
    if (std::strcmp(entry->name, name) == 0) return entry;
  return nullptr;
}

int64_t Backend::now_ns() const noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

} // namespace socketpoll
