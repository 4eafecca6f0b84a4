// extern "C" functions of SocketLimiter.h.
#include "SocketLimiter.h"

#include "net/object_c.hpp"
#include "net/pipeline/limiter.hpp"

#include <algorithm>

using namespace socketpoll;

SocketLimiter_T SocketLimiter_new(SocketLoop_T loop, int64_t bytes_per_second, int64_t burst) {
  return new_on_loop<SocketLimiter_T>(
      loop, [&](Loop &on) { return Limiter::create(on, bytes_per_second, burst); });
}

void SocketLimiter_free(SocketLimiter_T *limiter) { free_object<Limiter>(limiter); }

int64_t SocketLimiter_take(SocketLimiter_T limiter, int64_t bytes) {
  return with<Limiter>(limiter, [&](Limiter &self) -> Result<int64_t> {
    if (bytes < 0) return Error{SOCKET_EINVAL};
    const int64_t taken = std::clamp<int64_t>(self.bucket()->available(), 0, bytes);
    self.bucket()->spend(taken);
    return taken;
  });
}

int64_t SocketLimiter_delay(SocketLimiter_T limiter, int64_t bytes) {
  return with<Limiter>(limiter, [&](Limiter &self) -> Result<int64_t> {
    if (bytes < 0) return Error{SOCKET_EINVAL};
    const int64_t ns = self.bucket()->delay_ns(bytes);
    return ns / kNsPerMs + (ns % kNsPerMs > 0);
  });
}

int SocketLimiter_set_rate(SocketLimiter_T limiter, int64_t bytes_per_second, int64_t burst) {
  return with<Limiter>(limiter, [&](Limiter &self) -> Status {
    if (!TokenBucket::valid(bytes_per_second, burst)) return Error{SOCKET_EINVAL};
    self.bucket()->set_rate(bytes_per_second, burst);
    return {};
  });
}

int64_t SocketLimiter_get_rate(SocketLimiter_T limiter) {
  return with<Limiter>(limiter,
                       [](Limiter &self) { return Result<int64_t>(self.bucket()->rate()); });
}

int64_t SocketLimiter_get_burst(SocketLimiter_T limiter) {
  return with<Limiter>(limiter,
                       [](Limiter &self) { return Result<int64_t>(self.bucket()->burst()); });
}
