/* SPDX-License-Identifier: MIT
 * SocketFuture.h - one outcome that is not there yet: of an operation (SocketAsync.h), or of
 * whatever the program completes itself.
 *
 * A future ends exactly once: completed, failed, timed out or canceled. From then on its outcome
 * never changes, and nothing of the caller's that was lent to the operation is touched any more.
 * There are three ways to learn of it:
 *   push    SocketFuture_then() with a callback;
 *   pull    SocketFuture_then() without one: SOCKET_COMPLETED in the array of SocketLoop_wait();
 *   await   SocketFuture_await(), SocketFuture_select() or asking. Without SocketFuture_then no
 *           event of it is ever delivered.
 *
 * SOCKET_COMPLETED carries in status 0 or why it failed, in length the result (of an operation that
 * failed: how many bytes it had moved), in source what it was begun on, in data what belongs to the
 * outcome: the caller's buffer, or a new stream of SocketAsync_connect and SocketAsync_accept.
 *
 * Threads and bad handles: as SocketLoop.h says, but for SocketFuture_await, _select, _all_done,
 * _complete, _is_done, _get_status, _get_result, _get_progress and _get_lost, which any thread may
 * call. */
#ifndef SOCKETPOLL_SOCKETFUTURE_H
#define SOCKETPOLL_SOCKETFUTURE_H

#include "SocketLoop.h"

typedef struct SocketFuture *SocketFuture_T;

/* A future that the program completes. The caller frees it; freeing the loop does so as well.
 * NULL with SOCKET_ENOMEM. */
SOCKET_API SocketFuture_T SocketFuture_new(SocketLoop_T loop);

/* Cancels it if it is still under way, and frees it; no event of it is delivered any more, and
 * threads that await it get SOCKET_ECANCELED. A stream that came with the outcome and was neither
 * delivered nor asked for with SocketFuture_get_data is freed too. NULL accepted; the variable is
 * nulled. */
SOCKET_API void SocketFuture_free(SocketFuture_T *future);

/* Has it freed as soon as its outcome has been delivered: for a callback that needs nothing but its
 * event. Only after SocketFuture_then. The handle is stale once the event is there. 0, or
 * SOCKET_ESTATE: nothing will be delivered (any more). */
SOCKET_API int SocketFuture_release(SocketFuture_T future);

/* Completes one of SocketFuture_new with the status (0 or a code that says why it failed), a result
 * of 0 or more and a pointer that is kept, not touched. From another thread than the loop's it
 * takes effect in the loop's next turn. Any thread. 0; SOCKET_ESTATE if that was done before, or if
 * it is an operation's or has been canceled; SOCKET_EINVAL (status > 0, result < 0); SOCKET_ENOMEM.
 */
SOCKET_API int SocketFuture_complete(SocketFuture_T future, int status, int64_t result,
                                     SOCKET_OPAQUE void *data);

/* Ends it with SOCKET_ECANCELED, at once: the caller's memory is free when this returns. 0, also if
 * it has ended already, which changes nothing. Bytes that were moved before are not taken back:
 * SocketFuture_get_progress counts them. */
SOCKET_API int SocketFuture_cancel(SocketFuture_T future);

/* SOCKET_COMPLETED goes to `callback` with `user` (kept, not touched), or is pulled if callback is
 * NULL. If the future has ended already, in the loop's next delivery; never from inside this call.
 * Once delivered it is not delivered again. 0. */
SOCKET_API int SocketFuture_then(SocketFuture_T future, SOCKET_NULLABLE SocketCallback_T callback,
                                 void *user);

/* Waits until it has ended, up to timeout_ms (0: looks and runs one turn; -1: no limit). On the
 * loop's thread this runs the loop, whether or not it is called from inside a callback of the loop:
 * other callbacks run meanwhile, SocketLoop_wait's events stay queued, memory of what is freed is
 * given back when the outermost turn ends, and a stream whose bytes the callback was handed
 * receives no more until that callback returns, which its idle timeout does not count. A callback
 * of a SocketWatch or a SocketTimer is not entered again either. On any other thread
 * it blocks without using the processor, and somebody else has to run the loop. Any thread.
 * The result, or why it failed; SOCKET_ETIMEDOUT when timeout_ms passed first, which changes
 * nothing (SocketFuture_is_done tells it from an operation's own timeout); SOCKET_ESTOPPED after
 * SocketLoop_stop; SOCKET_EINVAL for less than -1. */
SOCKET_API int64_t SocketFuture_await(SocketFuture_T future, int timeout_ms);

/* Waits likewise for the first of `count` futures of one loop, and returns its index, the lowest if
 * several have ended. SOCKET_EINVAL for NULL, count < 1 or futures of several loops,
 * SOCKET_EBADHANDLE if any is none; otherwise as SocketFuture_await. Any thread. */
SOCKET_API int SocketFuture_select(const SocketFuture_T *futures, int count, int timeout_ms);

/* Waits likewise until all have ended, well or not: 0. Any thread. */
SOCKET_API int SocketFuture_all_done(const SocketFuture_T *futures, int count, int timeout_ms);

/* A future for the first of `count` futures of the loop (required, 1 to 65536; not kept): it
 * completes when one has, with its index as the result, and with its status. Or for all of them:
 * completes when the last has, with `count` as the result, or fails as soon as one fails, with its
 * status. A member that is freed counts as canceled. Canceling it leaves the members alone. The
 * caller frees it. NULL with SOCKET_EINVAL, SOCKET_EBADHANDLE or SOCKET_ENOMEM. */
SOCKET_API SocketFuture_T SocketFuture_any(const SocketFuture_T *futures, int count);
SOCKET_API SocketFuture_T SocketFuture_all(const SocketFuture_T *futures, int count);

/* 1 once it has ended, otherwise 0. Any thread. */
SOCKET_API int SocketFuture_is_done(SocketFuture_T future);

/* 0 or why it failed; SOCKET_EAGAIN while it has not ended. Any thread. */
SOCKET_API int SocketFuture_get_status(SocketFuture_T future);

/* Why it failed, in a sentence: of a connection with TLS what SocketStream_get_tls_failure says,
 * otherwise what its status means; "" if it did not fail. Written into `out` with a NUL, the length
 * returned. SOCKET_EAGAIN while it has not ended, SOCKET_ENOBUFS, SOCKET_EINVAL. Any thread. */
SOCKET_API int SocketFuture_get_failure(SocketFuture_T future, char *out, int capacity);

/* The result; or what SocketFuture_get_status says if that is not 0. Any thread. */
SOCKET_API int64_t SocketFuture_get_result(SocketFuture_T future);

/* How many bytes the operation has moved so far, failed or not. Of what happens on another thread,
 * as of a moment ago. Any thread. */
SOCKET_API int64_t SocketFuture_get_progress(SocketFuture_T future);

/* How many bytes an operation that failed had taken from where they were and could not hand over:
 * gone for good. 0 for all but SocketAsync_splice, and while it has not ended. Any thread. */
SOCKET_API int64_t SocketFuture_get_lost(SocketFuture_T future);

/* What belongs to the outcome (see above); NULL if there is nothing, with SOCKET_EAGAIN while it
 * has not ended. A stream is the caller's from here on. */
SOCKET_API void *SocketFuture_get_data(SocketFuture_T future);

#endif
