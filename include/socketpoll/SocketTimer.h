/* SPDX-License-Identifier: MIT
 * SocketTimer.h - timers on a loop, one-shot and repeating. Millisecond resolution, never early.
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETTIMER_H
#define SOCKETPOLL_SOCKETTIMER_H

#include "SocketLoop.h"

typedef struct SocketTimer *SocketTimer_T;

/* A timer that is not running yet. The caller frees it; freeing the loop does so as well.
 * NULL with SOCKET_ENOMEM. */
SOCKET_API SocketTimer_T SocketTimer_new(SocketLoop_T loop);

/* Stops and frees it; no event of it is delivered any more. NULL accepted; the variable is nulled.
 */
SOCKET_API void SocketTimer_free(SocketTimer_T *timer);

/* SOCKET_TIMER goes to `callback` with `user` (kept, not touched), or is pulled if callback is
 * NULL. */
SOCKET_API int SocketTimer_set_callback(SocketTimer_T timer,
                                        SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* Starts the timer, or reschedules it if it runs: due in delay_ms (0: in the next turn), and then,
 * if period_ms > 0, at each multiple of period_ms after that, without drift. Never early. Inside a
 * callback of the loop the delay counts from the moment at which the loop has control again, which
 * spares a look at the clock. Expirations that the loop was too busy for are reported as one event
 * whose length counts them. An expiration not yet delivered is forgotten. 0, or SOCKET_EINVAL for a
 * negative number. Never allocates. */
SOCKET_API int SocketTimer_start(SocketTimer_T timer, int64_t delay_ms, int64_t period_ms);

/* Stops it; an expiration not yet delivered is forgotten. 0, also if it was not running. */
SOCKET_API int SocketTimer_stop(SocketTimer_T timer);

/* Milliseconds until it is due, rounded up; -1 if it is not running. */
SOCKET_API int64_t SocketTimer_get_remaining(SocketTimer_T timer);

#endif
