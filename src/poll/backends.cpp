// Poll floor. The one table of the backends that this platform has, best first.
#include "poll/backend.hpp"

#include <cstring>

namespace socketpoll {

namespace {
constexpr const BackendEntry *kBackends[] = {
#if defined(__linux__)
    &kEpollBackend,
#endif
#if defined(SOCKETPOLL_KQUEUE)
    &kKqueueBackend,
#endif
#if defined(_WIN32)
    &kIocpBackend,
#else
    &kPollBackend,
#endif
};
} // namespace

std::span<const BackendEntry *const> backends() noexcept { return kBackends; }

const BackendEntry *find_backend(const char *name) noexcept {
  for (const BackendEntry *entry : kBackends)
    if (std::strcmp(entry->name, name) == 0) return entry;
  return nullptr;
}

} // namespace socketpoll
