// extern "C" functions of SocketResolver.h.
#include "SocketResolver.h"

#include "net/future.hpp"
#include "net/names/resolver_pool.hpp"
#include "net/names/resolver_query.hpp"
#include "net/object_c.hpp"

using namespace socketpoll;

namespace {

constexpr int kMostThreads = 64;
constexpr int kMost = 1'000'000;

Status apply_settings() {
  ResolverPool::instance().apply_settings();
  return {};
}

} // namespace

int SocketResolver_set_threads(int threads, int queue) {
  return guarded([&]() -> Status {
    if (threads < 1 || threads > kMostThreads || queue < 1 || queue > kMost)
      return Error{SOCKET_EINVAL};
    resolver_settings.threads = threads;
    resolver_settings.queued = queue;
    return apply_settings();
  });
}

int SocketResolver_set_cache(int entries, int found_ms, int failed_ms) {
  return guarded([&]() -> Status {
    if (entries < 0 || entries > kMost || found_ms < 0 || failed_ms < 0)
      return Error{SOCKET_EINVAL};
    resolver_settings.cached = entries;
    resolver_settings.found_ms = found_ms;
    resolver_settings.failed_ms = failed_ms;
    return apply_settings();
  });
}

int SocketResolver_flush_cache(void) {
  return guarded([] {
    ResolverPool::instance().flush_cache();
    return Status();
  });
}

int SocketResolver_get_address(SocketFuture_T future, int index, char *out, int capacity) {
  const Pinned<Future> pinned(word_of_handle(future));
  if (!pinned) return record_error(SOCKET_EBADHANDLE);
  return guarded([&]() -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    if (!pinned->done()) return Error{SOCKET_EAGAIN};
    const auto addresses = pinned->addresses();
    if (index < 0 || static_cast<size_t>(index) >= addresses.size()) return Error{SOCKET_ENOENT};
    return addresses[static_cast<size_t>(index)].format_host({out, static_cast<size_t>(capacity)});
  });
}

int SocketResolver_set_hook(SocketLoop_T loop, SocketResolverHook_T hook,
                            SocketResolverCancel_T cancel, void *user) {
  return with<Loop>(loop, [&](Loop &self) {
    self.resolver_hook() = {hook, cancel, user};
    return Status();
  });
}

int SocketResolver_add_address(SocketQuery_T query, const char *address) {
  return with<Query>(query, [&](Query &self) -> Status {
    if (!address) return Error{SOCKET_EINVAL};
    return self.add(address);
  });
}

int SocketResolver_finish(SocketQuery_T query, int code) {
  return with<Query>(query, [&](Query &self) { return self.finish(code); });
}
