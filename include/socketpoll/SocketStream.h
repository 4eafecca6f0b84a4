/* SPDX-License-Identifier: MIT
 * SocketStream.h - a TCP connection, accepted or connected, on a loop.
 *
 * A stream's events, in order: SOCKET_CONNECTED (only if it was connected, not accepted),
 * SOCKET_DATA any number of times, SOCKET_EOF at most once, SOCKET_CLOSED exactly once and last;
 * SOCKET_DRAINED may come anywhere between the first and the last. After SOCKET_CLOSED the handle
 * is still to be freed. After SocketStream_free nothing more is delivered. A stream whose two sides
 * have both ended stays until it is closed or freed.
 *
 * Nothing that arrived is lost to an error: when sending fails because the peer has gone, a stream
 * that has been started goes on to deliver what the kernel had received from it, and only then
 * reports SOCKET_CLOSED with the reason. A paused one reports it at once.
 *
 * Threads and bad handles: as SocketLoop.h says. SOCKET_ECLOSED: the stream has been closed, by
 * either side. */
#ifndef SOCKETPOLL_SOCKETSTREAM_H
#define SOCKETPOLL_SOCKETSTREAM_H

#include "SocketLoop.h"

typedef struct SocketStream *SocketStream_T;

enum SocketStreamDefaults {
  SOCKET_STREAM_HIGH_MARK = 1048576, /* bytes of queued output at which writes are refused */
  SOCKET_STREAM_LOW_MARK = 262144,   /* bytes at which SOCKET_DRAINED is reported */
  SOCKET_STREAM_WRITE_TIMEOUT_MS =
      60000 /* queued output without any progress for so long: closed */
};

/* Lets go of memory that SocketStream_write_ref borrowed. Called once, on the loop's thread, never
 * from inside SocketStream_write_ref. */
typedef void (*SocketRelease_T)(const void *data, void *user);

/* Connects to "host:port": a number, "127.0.0.1:80" or "[::1]:80", or a name, which is looked up
 * without blocking (SocketResolver.h). Of several addresses the first is tried at once and the next
 * ones 250 ms later each, or as soon as one fails, IPv6 and IPv4 in turn; the first that connects
 * is taken (Happy Eyeballs, RFC 8305). The outcome is an event: SOCKET_CONNECTED, or SOCKET_CLOSED
 * with SOCKET_ECONNREFUSED, SOCKET_ETIMEDOUT (the kernel's, or timeout_ms passed, which counts the
 * lookup; -1: none of ours), SOCKET_ENONAME, SOCKET_ENAMESERVER, SOCKET_ENETUNREACH,
 * SOCKET_EHOSTUNREACH, SOCKET_EMFILE and the like. The caller frees the handle; freeing the loop
 * does so as well. connect(2). NULL with SOCKET_EADDRESS, SOCKET_EPORT, SOCKET_ENAMETOOLONG,
 * SOCKET_ENOMEM, or SOCKET_EINVAL (timeout_ms < -1). */
SOCKET_API SocketStream_T SocketStream_connect(SocketLoop_T loop, const char *address,
                                               int timeout_ms);

/* Closes the socket at once, dropping output that is still queued, and frees the handle; use
 * SocketStream_close first where that output matters. NULL accepted; the variable is nulled. */
SOCKET_API void SocketStream_free(SocketStream_T *stream);

/* The stream's events go to `callback` with `user` (kept, not touched), or are pulled with `user`
 * if callback is NULL. An accepted stream starts in pull delivery. */
SOCKET_API int SocketStream_set_callback(SocketStream_T stream, SocketCallback_T callback,
                                         void *user);

/* Gives the connection to another loop, which any thread may own: for one listener that deals its
 * connections out to many loops (SocketWorkers.h). On success `stream` is stale; on the other
 * loop's thread a new stream arrives whose callback and user are those given here, and whose first
 * event is SOCKET_ACCEPTED (with no source); it is pulled there if callback is NULL. It has the
 * default marks and timeouts and is no longer counted among its listener's connections; what the
 * peer has sent meanwhile is there to be read. If that loop is freed first, or has no memory for
 * it, the connection is closed. 0; SOCKET_ESTATE once it was started, read from, shut down or while
 * output is queued; SOCKET_ENOTCONN, SOCKET_ECLOSED, SOCKET_ENOMEM; SOCKET_ENOTSUP for a simulated
 * stream, and for one that is no plain socket. Whatever fails leaves the stream as it was. */
SOCKET_API int SocketStream_move(SocketStream_T stream, SocketLoop_T loop,
                                 SocketCallback_T callback, void *user);

/* Starts reading, and after SocketStream_pause goes on. In push delivery the bytes lie in the
 * loop's scratch memory, at most 64 KiB an event; in pull delivery at most 16 KiB an event, one
 * event of a stream a wait, so that a slow consumer slows down its peer and no one else. A
 * connecting stream starts to read once it is connected. What operations (SocketAsync.h) left over
 * comes first. 0, SOCKET_ECLOSED, or SOCKET_EBUSY while SocketAsync_read or the like is under way.
 */
SOCKET_API int SocketStream_start(SocketStream_T stream);

/* Stops reading; the kernel's window then stops the peer. 0 or SOCKET_ECLOSED. */
SOCKET_API int SocketStream_pause(SocketStream_T stream);

/* Sends `length` bytes of `data` in order after everything written before: at once as far as the
 * kernel takes them, the rest is copied and queued. Returns the bytes that are now queued: 0 means
 * all was sent. If it is above the low mark, SOCKET_DRAINED follows when it has fallen to it.
 * SOCKET_EAGAIN when the queue is at or over the high mark: nothing was taken, wait for
 * SOCKET_DRAINED. SOCKET_EINVAL (NULL or negative), SOCKET_ECLOSED, SOCKET_ENOTCONN (still
 * connecting), SOCKET_ESTATE (after shutdown or close), SOCKET_EBUSY (SocketAsync_write is under
 * way), SOCKET_EPIPE, SOCKET_ECONNRESET or SOCKET_ENOMEM: the stream is broken, what was queued is
 * dropped, and SOCKET_CLOSED follows with the code. send(2). */
SOCKET_API int64_t SocketStream_write(SocketStream_T stream, const void *data, int64_t length);

/* The same without a copy: `data` must stay as it is until `release (data, user)` is called
 * (required), which happens exactly once if this function returns 0 or more, and not at all if it
 * fails. */
SOCKET_API int64_t SocketStream_write_ref(SocketStream_T stream, const void *data, int64_t length,
                                          SocketRelease_T release, void *user);

/* Ends our sending side once the queue is empty; reading goes on: shutdown(2) with SHUT_WR. 0,
 * SOCKET_ECLOSED or SOCKET_ENOTCONN. */
SOCKET_API int SocketStream_shutdown(SocketStream_T stream);

/* Closes gracefully: stops reading, sends what is queued (bounded by the write timeout), then
 * closes and reports SOCKET_CLOSED. What the peer sent and nobody read makes the kernel reset the
 * connection then, which may cost the peer the end of the output (RFC 2525, 2.17): where that
 * matters, use SocketStream_shutdown and close at SOCKET_EOF. 0, also if it is closing already;
 * SOCKET_ECLOSED. */
SOCKET_API int SocketStream_close(SocketStream_T stream);

/* The marks of the output queue, in bytes. SOCKET_EINVAL unless 0 <= low < high. */
SOCKET_API int SocketStream_set_marks(SocketStream_T stream, int64_t low, int64_t high);

/* How long queued output may make no progress before the stream is closed with SOCKET_ETIMEDOUT, in
 * ms; -1: for ever. SOCKET_EINVAL for 0 or less than -1. */
SOCKET_API int SocketStream_set_write_timeout(SocketStream_T stream, int timeout_ms);

/* How long nothing may arrive before the stream is closed with SOCKET_ETIMEDOUT, in ms, counted
 * while it reads: not while it is paused or a pulled SOCKET_DATA waits to be fetched, nor after
 * SOCKET_EOF. -1, the default: for ever. SOCKET_EINVAL for 0 or less than -1. */
SOCKET_API int SocketStream_set_idle_timeout(SocketStream_T stream, int timeout_ms);

/* TCP_NODELAY, tcp(7). Default 1: the library gathers what belongs together by itself. For this and
 * the options below: 0, SOCKET_ENOTCONN (not connected yet) or SOCKET_ECLOSED. */
SOCKET_API int SocketStream_set_nodelay(SocketStream_T stream, int on);

/* Probes an idle peer after idle_s seconds, then every interval_s seconds, and gives up with
 * SOCKET_ETIMEDOUT after `count` unanswered: SO_KEEPALIVE, tcp(7). idle_s 0 switches it off, the
 * default. SOCKET_EINVAL if negative. */
SOCKET_API int SocketStream_set_keepalive(SocketStream_T stream, int idle_s, int interval_s,
                                          int count);

/* SO_RCVBUF and SO_SNDBUF in bytes, socket(7). SOCKET_EINVAL under 1. */
SOCKET_API int SocketStream_set_receive_buffer(SocketStream_T stream, int bytes);
SOCKET_API int SocketStream_set_send_buffer(SocketStream_T stream, int bytes);

/* Bytes of output that are queued. */
SOCKET_API int64_t SocketStream_get_queued(SocketStream_T stream);

/* Writes the address as "127.0.0.1:8080" or "[::1]:8080" with a final NUL into `out` (required,
 * yours) and returns its length. SOCKET_EINVAL if capacity is too small (48 is enough),
 * SOCKET_ECLOSED, SOCKET_ENOTCONN. getpeername(2), getsockname(2). */
SOCKET_API int SocketStream_get_peer(SocketStream_T stream, char *out, int capacity);
SOCKET_API int SocketStream_get_local(SocketStream_T stream, char *out, int capacity);

/* The socket's descriptor, the stream's own: for getsockopt(2) and the like. SOCKET_ENOTCONN,
 * SOCKET_ECLOSED. */
SOCKET_API int SocketStream_get_fd(SocketStream_T stream);

#endif
