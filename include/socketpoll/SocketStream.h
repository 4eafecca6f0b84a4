/* SPDX-License-Identifier: MIT
 * SocketStream.h - bytes in order, both ways, on a loop: a TCP connection, a unix socket, a pipe, a
 * FIFO or a terminal. What a kind cannot do gives SOCKET_ENOTSUP; all else is the same for each.
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
  SOCKET_STREAM_MAX_SEND_FDS = 16,   /* descriptors of one SocketStream_send_fds */
  SOCKET_STREAM_MAX_FDS = 253,       /* the most that SocketStream_set_max_fds takes */
  SOCKET_STREAM_WRITE_TIMEOUT_MS =
      60000 /* queued output without any progress for so long: closed */
};

/* Lets go of memory that SocketStream_write_ref borrowed. Called once, on the loop's thread, never
 * from inside SocketStream_write_ref. */
typedef void (*SocketRelease_T)(const void *data, void *user);

/* Connects to a unix socket, "unix:/path" or "unix:@name" (abstract, Linux), or to "host:port": a
 * number, "127.0.0.1:80" or "[::1]:80", or a name, which is looked up without blocking
 * (SocketResolver.h). Of several addresses the first is tried at once and the next ones 250 ms
 * later each, or as soon as one fails, IPv6 and IPv4 in turn; the first that connects is taken
 * (Happy Eyeballs, RFC 8305). The outcome is an event: SOCKET_CONNECTED, or SOCKET_CLOSED with
 * SOCKET_ECONNREFUSED, SOCKET_ETIMEDOUT (the kernel's, or timeout_ms passed, which counts the
 * lookup; -1: none of ours), SOCKET_ENONAME, SOCKET_ENAMESERVER, SOCKET_ENETUNREACH,
 * SOCKET_EHOSTUNREACH, SOCKET_EMFILE and the like; of unix sockets SOCKET_ENOENT, SOCKET_EACCES,
 * SOCKET_ENOTDIR, SOCKET_ELOOP, and SOCKET_ECONNREFUSED: nobody accepts streams there. While such a
 * socket's backlog is full it is tried again until timeout_ms have passed. The caller frees the
 * handle; freeing the loop does so as well. connect(2). NULL with SOCKET_EADDRESS, SOCKET_EPORT,
 * SOCKET_ENAMETOOLONG (also a path over sun_path, unix(7)), SOCKET_ENOMEM, SOCKET_EINVAL
 * (timeout_ms < -1) or SOCKET_ENOTSUP (no abstract names here, or a simulated loop, which has only
 * TCP). */
SOCKET_API SocketStream_T SocketStream_connect(SocketLoop_T loop, const char *address,
                                               int timeout_ms);

/* A stream over a descriptor that is open already: a connected stream socket (TCP, unix), a pipe, a
 * FIFO or a terminal. On success the descriptor is the stream's, which closes it; if this fails it
 * stays yours, untouched. It delivers no SOCKET_CONNECTED. Directions that the descriptor was not
 * opened for give SOCKET_ESTATE. A terminal whose other side is gone has come to its end,
 * SOCKET_EOF. Of a pipe without a reader only a write tells, SOCKET_EPIPE.
 *
 * A stream never blocks, and O_NONBLOCK belongs to the open file description, which other processes
 * may share: a shell's terminal, the other commands of a pipeline. A pipe, FIFO or terminal is
 * therefore opened anew, by /proc/self/fd or the terminal's name, and takes the old one's place
 * under the same number: the shared description stays as it was, but what this process's children
 * inherit is non-blocking. Where that cannot be done (sockets, the controlling side of a terminal,
 * a FIFO that all writers have left, no right to open it) the flag is set on the shared description
 * and taken back when the stream is freed. To keep your own descriptor, hand over a dup(2) of it.
 *
 * On Windows `fd` is a SOCKET, as everywhere (SocketPoll.h); its pipes and consoles are nothing
 * that can be waited for.
 *
 * NULL with SOCKET_EBADF, SOCKET_EPERM (a regular file, a folder, a device that is no terminal:
 * nothing that can be waited for), SOCKET_EINVAL (a listening socket), SOCKET_ENOTCONN,
 * SOCKET_ENOTSUP (a socket of datagrams or packets; a simulated loop), SOCKET_EAFNOSUPPORT (another
 * family) or SOCKET_ENOMEM. */
SOCKET_API SocketStream_T SocketStream_new_fd(SocketLoop_T loop, int fd);

/* Two unix sockets, each other's peers: *a on `loop`, *b on `loop_b`, or on `loop` if that is NULL.
 * On Windows they are two TCP sockets of 127.0.0.1, which carry no descriptors and name no peer.
 * Both loops are the calling thread's. a and b are required, and left alone on failure; the caller
 * frees both streams. socketpair(2). 0, SOCKET_EINVAL, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM
 * or SOCKET_ENOTSUP (a simulated loop). */
SOCKET_API int SocketStream_new_socketpair(SocketLoop_T loop, SOCKET_NULLABLE SocketLoop_T loop_b,
                                           SocketStream_T *a, SocketStream_T *b);

/* The two ends of a pipe, in the same way. pipe2(2). SOCKET_ENOTSUP on Windows (SOCKET_CAN_PIPES).
 */
SOCKET_API int SocketStream_new_pipe(SocketLoop_T loop, SocketStream_T *reader,
                                     SocketStream_T *writer);

/* Closes the socket at once, dropping output that is still queued, and frees the handle; use
 * SocketStream_close first where that output matters. NULL accepted; the variable is nulled. */
SOCKET_API void SocketStream_free(SocketStream_T *stream);

/* The stream's events go to `callback` with `user` (kept, not touched), or are pulled with `user`
 * if callback is NULL. An accepted stream starts in pull delivery. */
SOCKET_API int SocketStream_set_callback(SocketStream_T stream,
                                         SOCKET_NULLABLE SocketCallback_T callback, void *user);

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
                                 SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* Starts reading, and after SocketStream_pause goes on. In push delivery the bytes lie in the
 * loop's scratch memory, at most 64 KiB an event; in pull delivery at most 16 KiB an event, one
 * event of a stream a wait, so that a slow consumer slows down its peer and no one else. A
 * connecting stream starts to read once it is connected. What operations (SocketAsync.h) left over
 * comes first. 0, SOCKET_ECLOSED, SOCKET_ESTATE (open for writing only), or SOCKET_EBUSY while
 * SocketAsync_read or the like is under way. */
SOCKET_API int SocketStream_start(SocketStream_T stream);

/* Stops reading; the kernel's window then stops the peer. 0 or SOCKET_ECLOSED. */
SOCKET_API int SocketStream_pause(SocketStream_T stream);

/* Sends `length` bytes of `data` in order after everything written before: at once as far as the
 * kernel takes them, the rest is copied and queued. Returns the bytes that are now queued: 0 means
 * all was sent. If it is above the low mark, SOCKET_DRAINED follows when it has fallen to it.
 * SOCKET_EAGAIN when the queue is at or over the high mark: nothing was taken, wait for
 * SOCKET_DRAINED. SOCKET_EINVAL (NULL or negative), SOCKET_ECLOSED, SOCKET_ENOTCONN (still
 * connecting), SOCKET_ESTATE (after shutdown or close, open for reading only), SOCKET_EBUSY
 * (SocketAsync_write is under way), SOCKET_EPIPE, SOCKET_ECONNRESET or SOCKET_ENOMEM: the stream is
 * broken, what was queued is dropped, and SOCKET_CLOSED follows with the code. send(2). */
SOCKET_API int64_t SocketStream_write(SocketStream_T stream, const void *data, int64_t length);

/* The same without a copy: `data` must stay as it is until `release (data, user)` is called
 * (required), which happens exactly once if this function returns 0 or more, and not at all if it
 * fails. */
SOCKET_API int64_t SocketStream_write_ref(SocketStream_T stream, SOCKET_LENT const void *data,
                                          int64_t length, SocketRelease_T release, void *user);

/* Ends our sending side once the queue is empty; reading goes on: shutdown(2) with SHUT_WR, or
 * close(2) of a pipe's writing end. 0, SOCKET_ECLOSED, SOCKET_ENOTCONN, SOCKET_ESTATE (open for
 * reading only) or SOCKET_ENOTSUP (a terminal or FIFO open for both has no such end). */
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
 * the options below: 0, SOCKET_ENOTCONN (not connected yet), SOCKET_ECLOSED, or SOCKET_ENOTSUP:
 * this and keepalive are TCP's, the buffers are sockets'. */
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

/* Writes the address as "127.0.0.1:8080", "[::1]:8080", "[fe80::1%eth0]:8080", "unix:/path",
 * "unix:@name" or "unix:" (a unix socket without a name, as most that connect are) with a final NUL
 * into `out` (required, yours) and returns its length. SOCKET_EINVAL if capacity is too small (128
 * is enough), SOCKET_ECLOSED, SOCKET_ENOTCONN, SOCKET_ENOTSUP (no socket). getpeername(2),
 * getsockname(2). */
SOCKET_API int SocketStream_get_peer(SocketStream_T stream, char *out, int capacity);
SOCKET_API int SocketStream_get_local(SocketStream_T stream, char *out, int capacity);

/* The descriptor, the stream's own: for getsockopt(2) and the like. SOCKET_ENOTCONN,
 * SOCKET_ECLOSED. */
SOCKET_API int SocketStream_get_fd(SocketStream_T stream);

/* ---- Unix sockets */

/* Who the peer is, as the kernel knows it from when it connected or made the pair: its process, -1
 * where the system does not tell, its effective user and group. Each pointer may be NULL.
 * SO_PEERCRED, unix(7); getpeereid(3). 0, SOCKET_ENOTCONN, SOCKET_ECLOSED or SOCKET_ENOTSUP. */
SOCKET_API int SocketStream_get_peer_credentials(SocketStream_T stream,
                                                 SOCKET_NULLABLE int64_t *pid,
                                                 SOCKET_NULLABLE int64_t *uid,
                                                 SOCKET_NULLABLE int64_t *gid);

/* Sends `length` bytes, at least 1, with copies of `count` descriptors, 1 to 16, which arrive with
 * the first of them; yours stay yours and may be closed at once. All or nothing: descriptors cannot
 * be queued, so SOCKET_EAGAIN says that output is queued or the kernel has no room, and nothing was
 * taken; SOCKET_DRAINED tells when to try again. Returns the bytes that are now queued, as
 * SocketStream_write does. SOCKET_EBADF (one of `fds` is not open) and SOCKET_ELIMIT (too many
 * descriptors on their way) leave the stream as it is; so do SOCKET_EINVAL, SOCKET_ENOTSUP. All
 * else as of SocketStream_write. SCM_RIGHTS, unix(7). */
SOCKET_API int64_t SocketStream_send_fds(SocketStream_T stream, const void *data, int64_t length,
                                         const int *fds, int count);

/* How many received descriptors may wait to be taken, 0 to 253. 0, the default: none are received,
 * and what a peer sends unasked the kernel closes at once. Set it before the bytes that bring them
 * are read. What is more than this is closed as well, and so is what a splice moves. 0,
 * SOCKET_EINVAL, SOCKET_ENOTSUP or SOCKET_ENOMEM. */
SOCKET_API int SocketStream_set_max_fds(SocketStream_T stream, int count);

/* Takes up to `capacity` (at least 1) of the descriptors that came with the bytes delivered so far,
 * the oldest first, into `out` (required): yours to close, close-on-exec. Those that nobody takes
 * are closed with the stream's handle. Returns how many; 0: none. Once for each loss, before what
 * is there: SOCKET_ETRUNCATED (more came than may wait), SOCKET_EMFILE (this process could have no
 * more); the bytes are unharmed. SOCKET_EINVAL, SOCKET_ENOTSUP. */
SOCKET_API int SocketStream_take_fds(SocketStream_T stream, int *out, int capacity);

/* ---- Terminals */

/* 1: every byte as it is typed and written, without echo, line editing or signals, cfmakeraw(3).
 * 0: as it was before, which freeing the stream does as well. 0, SOCKET_ENOTSUP (no terminal),
 * SOCKET_ECLOSED, SOCKET_EMFILE, SOCKET_EIO or SOCKET_ENOMEM. */
SOCKET_API int SocketStream_set_raw(SocketStream_T stream, int on);

/* The size of its window in characters; 0 where nobody knows. Each pointer may be NULL. 0,
 * SOCKET_ENOTSUP (no terminal) or SOCKET_ECLOSED. TIOCGWINSZ, tty_ioctl(4). */
SOCKET_API int SocketStream_get_window(SocketStream_T stream, SOCKET_NULLABLE int *columns,
                                       SOCKET_NULLABLE int *rows);

#endif
