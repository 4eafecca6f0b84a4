/* SPDX-License-Identifier: MIT
 * SocketLimiter.h - so many bytes a second: a token bucket on the loop's clock.
 *
 * The bucket holds up to `burst` bytes, is full at first and fills at `bytes_per_second`. Whoever
 * moves bytes takes as many from it. Any number of pipelines (SocketPipeline_add_limiter) and the
 * program itself may share one: pipelines that wait for it have their turns in order. Nothing polls
 * it; it wakes who waits when there is something to take.
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETLIMITER_H
#define SOCKETPOLL_SOCKETLIMITER_H

#include "SocketLoop.h"

typedef struct SocketLimiter *SocketLimiter_T;

enum SocketLimiterLimits {
  SOCKET_LIMITER_MAX = 2147483647 /* bytes of a burst, at most; and KiB a second */
};

/* A limiter with a full bucket. bytes_per_second from 1 to 1024 * SOCKET_LIMITER_MAX, burst from 1
 * to SOCKET_LIMITER_MAX. The caller frees it; freeing the loop does so as well. NULL with
 * SOCKET_EINVAL or SOCKET_ENOMEM. */
SOCKET_API SocketLimiter_T SocketLimiter_new(SocketLoop_T loop, int64_t bytes_per_second,
                                             int64_t burst);

/* Frees the handle. Pipelines that it was added to are limited as before, and share as before,
 * until they end. NULL accepted; the variable is nulled. */
SOCKET_API void SocketLimiter_free(SocketLimiter_T *limiter);

/* How many of `bytes` may pass now, 0 to `bytes`: that many are taken out of the bucket.
 * SOCKET_EINVAL if negative. */
SOCKET_API int64_t SocketLimiter_take(SocketLimiter_T limiter, int64_t bytes);

/* Milliseconds, rounded up, until the bucket holds `bytes`, or is full if that is less; 0: it does
 * now. Others may have taken them by then. SOCKET_EINVAL if negative. */
SOCKET_API int64_t SocketLimiter_delay(SocketLimiter_T limiter, int64_t bytes);

/* Changes both from now on, also for who waits. What the bucket holds stays, up to the new burst.
 * 0 or SOCKET_EINVAL. */
SOCKET_API int SocketLimiter_set_rate(SocketLimiter_T limiter, int64_t bytes_per_second,
                                      int64_t burst);
SOCKET_API int64_t SocketLimiter_get_rate(SocketLimiter_T limiter);
SOCKET_API int64_t SocketLimiter_get_burst(SocketLimiter_T limiter);

#endif
