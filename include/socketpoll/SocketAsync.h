/* SPDX-License-Identifier: MIT
 * SocketAsync.h - every operation that completes once.
 *
 *   SocketFuture_T read = SocketAsync_read (stream, buffer, sizeof buffer, 5000);
 *   int64_t n = SocketFuture_await (read, -1);    // or SocketFuture_then (read, on_read, user)
 *   SocketFuture_free (&read);
 *
 * Each begins at once and returns a future, which the caller frees. What is wrong with the call
 * itself gives NULL and a code: SOCKET_EINVAL, SOCKET_EBUSY (another such operation is under way),
 * SOCKET_ESTATE (a stream that delivers events by SocketStream_start), SOCKET_ENOMEM. What happens
 * on the way is the future's outcome.
 *
 * timeout_ms: how long the operation may take in all, -1 for ever; less is SOCKET_EINVAL. After it
 * the future ends with SOCKET_ETIMEDOUT. Canceling, timing out or freeing the future takes back the
 * caller's memory at once, and leaves the stream as it is, with what was moved so far moved.
 * Freeing the handle that an operation was begun on ends it with SOCKET_ECANCELED, closing it with
 * SOCKET_ECLOSED.
 *
 * A stream has room for one reading and one writing operation at a time; a second of either is
 * SOCKET_EBUSY. SOCKET_CLOSED is delivered to streams used by operations as to others.
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETASYNC_H
#define SOCKETPOLL_SOCKETASYNC_H

#include "SocketBuf.h"
#include "SocketDgram.h"
#include "SocketFuture.h"
#include "SocketListener.h"
#include "SocketResolver.h"
#include "SocketStream.h"

enum SocketAsyncLimits {
  SOCKET_ASYNC_MAX_DELIMITER = 16, /* bytes of SocketAsync_read_until's delimiter */
  SOCKET_ASYNC_MAX_SLICES = 1024   /* pieces of SocketAsync_writev */
};

/* Completes after `ms` milliseconds, 0 or more, with the result 0. */
SOCKET_API SocketFuture_T SocketAsync_sleep(SocketLoop_T loop, int64_t ms);

/* Resolves a name, or a numeric address without a port, for `family` (enum SocketFamily). The
 * result is how many addresses there are, at least 1: SocketResolver_get_address tells them. What
 * happens with names is in SocketResolver.h. NULL with SOCKET_EADDRESS or SOCKET_ENAMETOOLONG as
 * well. getaddrinfo(3). */
SOCKET_API SocketFuture_T SocketAsync_resolve(SocketLoop_T loop, const char *name, int family,
                                              int timeout_ms);

/* Connects to an address, as SocketStream_connect does. The outcome's data is the stream, in pull
 * delivery and not started; no SOCKET_CONNECTED is delivered. */
SOCKET_API SocketFuture_T SocketAsync_connect(SocketLoop_T loop, const char *address,
                                              int timeout_ms);

/* Takes the next connection of a listener that listens, the oldest that has not been delivered
 * first. The outcome's data is the stream; no SOCKET_ACCEPTED is delivered for it. */
SOCKET_API SocketFuture_T SocketAsync_accept(SocketListener_T listener, int timeout_ms);

/* Receives what comes next, at least 1 and at most `capacity` bytes, straight into `buffer`
 * (required, lent until the future ends). The result is how many; 0 at the end of the stream, now
 * and ever after. recv(2). */
SOCKET_API SocketFuture_T SocketAsync_read(SocketStream_T stream, SOCKET_LENT void *buffer,
                                           int64_t capacity, int timeout_ms);

/* Receives exactly `length` bytes. A result below that: the stream ended before. */
SOCKET_API SocketFuture_T SocketAsync_read_exactly(SocketStream_T stream, SOCKET_LENT void *buffer,
                                                   int64_t length, int timeout_ms);

/* Receives up to and including the delimiter (1 to 16 bytes, copied). The result counts it; bytes
 * behind it wait for the next operation or SocketStream_start. SOCKET_ENOBUFS: `capacity` bytes are
 * there and no delimiter among them; they stay in the buffer. If the stream ends before it, the
 * result is what came, without a delimiter at its end. */
SOCKET_API SocketFuture_T SocketAsync_read_until(SocketStream_T stream, SOCKET_LENT void *buffer,
                                                 int64_t capacity, const void *delimiter,
                                                 int delimiter_length, int timeout_ms);

/* Sends `length` bytes of `data` (lent until the future ends) without copying them, behind what is
 * queued already; ends when the kernel has taken the last one. The result is `length`. While it is
 * under way SocketStream_write gives SOCKET_EBUSY. send(2). */
SOCKET_API SocketFuture_T SocketAsync_write(SocketStream_T stream, SOCKET_LENT const void *data,
                                            int64_t length, int timeout_ms);

/* The same for `count` pieces in order (1 to 1024; the two arrays are copied, the pieces lent).
 * sendmsg(2). */
SOCKET_API SocketFuture_T SocketAsync_writev(SocketStream_T stream,
                                             SOCKET_LENT const void *const *data,
                                             const int64_t *lengths, int count, int timeout_ms);

/* Receives one datagram into `buffer` (required, lent until the future ends). The result is its
 * length; SocketDgram_get_last_source tells who sent it. SOCKET_ETRUNCATED: it was longer than
 * `capacity`, and what fits is there (SocketFuture_get_progress counts it). What the network says
 * of a datagram sent earlier (SOCKET_ECONNREFUSED and the like, see SOCKET_DATAGRAM_ERROR) ends it
 * as well. NULL with SOCKET_ESTATE for a socket that was started or has no address yet. One at a
 * time. recvfrom(2). */
SOCKET_API SocketFuture_T SocketAsync_receive_from(SocketDgram_T dgram, SOCKET_LENT void *buffer,
                                                   int64_t capacity, int timeout_ms);

/* Sends one datagram to `address`, or to the connected peer if address is NULL, as soon as there is
 * room for it; `data` is lent until the future ends. The result is `length`. What is wrong with the
 * address gives NULL, as SocketDgram_send_to says. One at a time. sendto(2). */
SOCKET_API SocketFuture_T SocketAsync_send_to(SocketDgram_T dgram,
                                              SOCKET_NULLABLE const char *address,
                                              SOCKET_LENT const void *data, int64_t length,
                                              int timeout_ms);

/* SocketAsync_read into the writable room of a buffer, which grows as by SocketBuf_reserve for 1
 * byte if it has none. What came is readable when the future ends, however it ends; the outcome's
 * data is the buffer's handle. The operation holds the buffer as SocketBuf.h says; SOCKET_ELIMIT or
 * SOCKET_ENOBUFS: no room. */
SOCKET_API SocketFuture_T SocketAsync_read_buf(SocketStream_T stream, SocketBuf_T buf,
                                               int timeout_ms);

/* SocketAsync_write of what is readable in a buffer when this is called. What went is taken from it
 * when the future ends, however it ends: after a cancellation the rest is still readable. */
SOCKET_API SocketFuture_T SocketAsync_write_buf(SocketStream_T stream, SocketBuf_T buf,
                                                int timeout_ms);

/* Moves `length` bytes, or, with -1, all up to the end of the stream, from one stream of a loop to
 * another, or back to the same, without the program. It takes the place of the source's reading
 * operation and of the destination's writing one, and it ends when the destination's kernel has
 * taken the last byte. The end of the source ends it well, with fewer bytes if need be, and does
 * not shut the destination down. The result is how many bytes were moved.
 *
 * More is taken from the source only when the destination's kernel has all that was taken before,
 * so a slow destination slows the source down. The bytes go through a pipe inside the kernel where
 * both streams are sockets of its own (splice(2); a few pipes a loop are kept while in use, and
 * closed after 5 seconds without), and are copied through the loop's memory otherwise: the same
 * result either way.
 *
 * Nothing that has left the source is lost unless the destination breaks. SocketFuture_get_progress
 * counts what has left the source. All of that is sent, or queued at the destination
 * (SocketStream_get_queued) and goes out like anything written there, also when the splice is
 * canceled or times out or the source fails; the next byte of the source is the next one that is
 * read from it. When the destination fails or is freed, SocketFuture_get_lost counts what was taken
 * and will never go. NULL with SOCKET_EINVAL (length < -1, two loops) and what is said above. */
SOCKET_API SocketFuture_T SocketAsync_splice(SocketStream_T from, SocketStream_T to, int64_t length,
                                             int timeout_ms);

/* Sends `length` bytes of an open file from `offset` on, or, with -1, all up to its end, where it
 * ends when that is reached, behind what is queued already; as a writing operation of the stream.
 * The file is duplicated: closing `fd` meanwhile is allowed, and its position is not used. The
 * result is how many bytes were sent; SOCKET_EIO if the file ends before `length` bytes, or what
 * reading it gave, none of which harms the stream. Canceled, it has sent what
 * SocketFuture_get_progress says, and nothing more goes. sendfile(2), in pieces of at most 1 MiB a
 * turn of the loop, which waits for the disk meanwhile; copied where the kernel cannot. NULL with
 * SOCKET_EINVAL (a negative offset, length < -1), SOCKET_EBADF, SOCKET_EISDIR, SOCKET_ENOTSUP (a
 * FIFO or a socket) and what is said above. */
SOCKET_API SocketFuture_T SocketAsync_send_file(SocketStream_T stream, int fd, int64_t offset,
                                                int64_t length, int timeout_ms);

#endif
