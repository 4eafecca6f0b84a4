/* SPDX-License-Identifier: MIT
 * SocketBuf.h - bytes with a read and a write position, slices that share them, and pools of them.
 *
 *   SocketBuf_T buf = SocketBuf_new (4096);
 *   while (receive_into (buf)) {
 *     int64_t end;
 *     while ((end = SocketBuf_find (buf, "\n", 1, 0)) >= 0) {
 *       SocketBuf_T line = SocketBuf_slice (buf, 0, end);
 *       SocketBuf_consume (buf, end + 1);
 *       hand_over (line);
 *     }
 *   }
 *
 * A buffer stands on a block of memory. Of the block, in this order: what was consumed, what is
 * readable, and the room that is writable. Adding appends to the readable bytes, which never change
 * once they are there; taking moves the read position.
 *
 * Sharing. A slice is a buffer of its own on the same block, which lives until the last of them has
 * gone: no byte is copied. Nothing that is done to one of them changes what another one reads. The
 * buffer that a slice was taken from goes on to write behind its readable bytes, where no slice
 * looks, and takes another block when that room is used up; a slice has no room, and the first byte
 * that is added to it moves it to a block of its own, unless it is the last user of the old one.
 *
 * Growth. Where the room behind the readable bytes does not suffice, they move to the block's front
 * if at least as much as they are was consumed (so that moving costs less than adding did), and
 * otherwise to a block of at least twice the size. No block is made larger than the buffer's limit;
 * at the limit they move to the front whenever that helps.
 *
 * Threads. A buffer belongs to no loop. One thread uses it at a time, and may hand it to another;
 * of two at the same moment one gets SOCKET_EBUSY. Buffers that share a block may be used in
 * different threads at once. A pool may be used by any number of threads.
 *
 * Operations of SocketAsync.h can use a buffer in place of the caller's memory. One that fills it
 * keeps everybody else from adding or moving bytes (SOCKET_EBUSY from what SocketBuf_reserve to
 * SocketBuf_put_u64, SocketBuf_compact and SocketBuf_clear would do), one that sends from it keeps
 * everybody from taking or moving them (SocketBuf_consume to SocketBuf_get_u64, SocketBuf_compact,
 * SocketBuf_clear). All the rest goes on. Freeing the buffer meanwhile is allowed: its memory stays
 * until the operation has ended.
 *
 * A pointer into a buffer is valid until bytes are added or moved or the buffer is freed. Lengths
 * and offsets are bytes; offset 0 is the first readable byte. SOCKET_EAGAIN says that fewer bytes
 * are readable than asked for, and that none were taken: not an error while more are to come. A
 * negative number gives SOCKET_EINVAL everywhere, and so does NULL with a length other than 0.
 *
 * Every function gives SOCKET_EBADHANDLE (or NULL) for a handle that is NULL, freed, of another
 * type or no handle at all, in every thread. This is not repeated below, nor is SOCKET_EBUSY. */
#ifndef SOCKETPOLL_SOCKETBUF_H
#define SOCKETPOLL_SOCKETBUF_H

#include <stdint.h>

#include "SocketStream.h" /* SocketRelease_T */

typedef struct SocketBuf *SocketBuf_T;
typedef struct SocketBufPool *SocketBufPool_T;

enum SocketBufDefaults {
  SOCKET_BUF_LIMIT = 16777216, /* bytes of the largest block that a buffer grows to */
  SOCKET_BUF_MAX = 1073741824  /* the most that this can be set to */
};

/* ---- Making and freeing */

/* An empty buffer with room for `capacity` bytes; 0: memory is taken when the first bytes come. Its
 * limit is SOCKET_BUF_LIMIT, or `capacity` where that is more. The caller frees it. NULL with
 * SOCKET_EINVAL (negative or over SOCKET_BUF_MAX), SOCKET_ENOMEM, or SOCKET_ELIMIT (no handle is
 * left). */
SOCKET_API SocketBuf_T SocketBuf_new(int64_t capacity);

/* A buffer whose readable bytes are the caller's own, `length` bytes at `data`, which must stay as
 * they are until `release (data, user)` is called: once, when the last buffer or operation that
 * looks at them has gone, by the thread that ended it, and from inside that call. It must not use
 * the buffer that the call is about. `release` NULL: the memory lives for ever. Adding copies. The
 * caller frees the buffer. NULL with SOCKET_EINVAL, SOCKET_ENOMEM or SOCKET_ELIMIT; `release` is
 * not called then. */
SOCKET_API SocketBuf_T SocketBuf_new_ref(SOCKET_LENT const void *data, int64_t length,
                                         SOCKET_NULLABLE SocketRelease_T release, void *user);

/* A new buffer that shares `length` readable bytes from `offset` on with this one, and has its
 * limit and its pool. Taking and freeing either does nothing to the other. The caller frees it.
 * NULL with SOCKET_EAGAIN (not all of them are readable), SOCKET_EINVAL, SOCKET_ENOMEM or
 * SOCKET_ELIMIT. */
SOCKET_API SocketBuf_T SocketBuf_slice(SocketBuf_T buf, int64_t offset, int64_t length);

/* Frees the buffer, and its block if nothing else is using it. NULL accepted; the variable is
 * nulled. */
SOCKET_API void SocketBuf_free(SocketBuf_T *buf);

/* ---- What is there */

/* The first readable byte; the others follow it in one piece. Never NULL for a live buffer. */
SOCKET_API const void *SocketBuf_get_data(SocketBuf_T buf);

/* How many bytes are readable, how many can be added without moving or taking memory, and how large
 * the block is that the buffer keeps alive (0: none yet). */
SOCKET_API int64_t SocketBuf_get_readable(SocketBuf_T buf);
SOCKET_API int64_t SocketBuf_get_writable(SocketBuf_T buf);
SOCKET_API int64_t SocketBuf_get_capacity(SocketBuf_T buf);

/* The largest block that the buffer may grow to, in bytes. A limit below the present capacity only
 * keeps it from growing. 0, or SOCKET_EINVAL (negative or over SOCKET_BUF_MAX). */
SOCKET_API int SocketBuf_set_limit(SocketBuf_T buf, int64_t bytes);
SOCKET_API int64_t SocketBuf_get_limit(SocketBuf_T buf);

/* ---- Adding. All or nothing: where one of these fails, the buffer is as it was. */

/* Makes room for at least `length` (1 or more) bytes and returns where to write them; they count
 * when SocketBuf_commit is called. NULL with SOCKET_EINVAL, SOCKET_ELIMIT (the limit),
 * SOCKET_ENOMEM, or SOCKET_ENOBUFS (a buffer of a pool needs another block, and the pool has none).
 */
SOCKET_API void *SocketBuf_reserve(SocketBuf_T buf, int64_t length);

/* Makes the first `length` bytes of the writable room readable. 0, or SOCKET_EINVAL (more than
 * SocketBuf_get_writable). */
SOCKET_API int SocketBuf_commit(SocketBuf_T buf, int64_t length);

/* Appends a copy of `length` bytes, which may be the buffer's own. 0; errors as for
 * SocketBuf_reserve. */
SOCKET_API int SocketBuf_write(SocketBuf_T buf, const void *data, int64_t length);

/* Appends a number in network order, the highest byte first. 0; errors as for SocketBuf_reserve. */
SOCKET_API int SocketBuf_put_u8(SocketBuf_T buf, uint8_t value);
SOCKET_API int SocketBuf_put_u16(SocketBuf_T buf, uint16_t value);
SOCKET_API int SocketBuf_put_u32(SocketBuf_T buf, uint32_t value);
SOCKET_API int SocketBuf_put_u64(SocketBuf_T buf, uint64_t value);

/* ---- Looking */

/* Copies up to `capacity` readable bytes from `offset` on into `into`, and leaves them where they
 * are. How many: 0 at the end and behind it. SOCKET_EINVAL. */
SOCKET_API int64_t SocketBuf_peek(SocketBuf_T buf, int64_t offset, void *into, int64_t capacity);

/* The offset of the first place at or after offset `from` where the `length` (1 or more) bytes of
 * `data` are readable. SOCKET_ENOENT where there is none; when more bytes have come, the search may
 * go on `length` - 1 bytes before the end of what it had looked at. SOCKET_EINVAL. */
SOCKET_API int64_t SocketBuf_find(SocketBuf_T buf, const void *data, int64_t length, int64_t from);

/* ---- Taking */

/* Moves up to `capacity` readable bytes into `into`. How many: 0 when none is readable.
 * SOCKET_EINVAL. */
SOCKET_API int64_t SocketBuf_read(SocketBuf_T buf, void *into, int64_t capacity);

/* Drops the first `length` readable bytes. 0, SOCKET_EAGAIN or SOCKET_EINVAL. */
SOCKET_API int SocketBuf_consume(SocketBuf_T buf, int64_t length);

/* Makes the last `length` bytes that were taken readable again, if nothing was added or moved
 * since. 0, or SOCKET_EINVAL (more than are still there). */
SOCKET_API int SocketBuf_rewind(SocketBuf_T buf, int64_t length);

/* Takes a number in network order, and returns it: never negative, so that a negative number is an
 * error. SOCKET_EAGAIN. */
SOCKET_API int SocketBuf_get_u8(SocketBuf_T buf);
SOCKET_API int SocketBuf_get_u16(SocketBuf_T buf);
SOCKET_API int64_t SocketBuf_get_u32(SocketBuf_T buf);

/* The same for 64 bits, into *value (required): no sign is left for an error. 0, SOCKET_EAGAIN, or
 * SOCKET_EINVAL (NULL). */
SOCKET_API int SocketBuf_get_u64(SocketBuf_T buf, uint64_t *value);

/* ---- Moving */

/* Drops all that is readable and, where nobody shares the block, has all of it as room again. 0. */
SOCKET_API int SocketBuf_clear(SocketBuf_T buf);

/* Gives up what was consumed: moves the readable bytes to the front of the block or, where it is
 * shared or the caller's, to a new one of just their size, so that a small slice no longer keeps a
 * large block alive. 0; errors as for SocketBuf_reserve. */
SOCKET_API int SocketBuf_compact(SocketBuf_T buf);

/* ---- Pools */

/* A pool of at most `count` blocks of `size` bytes, each allocated when it is first needed and kept
 * for the next user. The caller frees it. NULL with SOCKET_EINVAL (less than 1, or a size over
 * SOCKET_BUF_MAX), SOCKET_ENOMEM or SOCKET_ELIMIT. */
SOCKET_API SocketBufPool_T SocketBufPool_new(int64_t size, int64_t count);

/* Frees the pool and the blocks that nobody uses. The others go when their last user has. NULL
 * accepted; the variable is nulled. */
SOCKET_API void SocketBufPool_free(SocketBufPool_T *pool);

/* An empty buffer on a block of the pool, to be freed with SocketBuf_free. The block is the pool's
 * again when the buffer, its slices and the operations that use them are gone. The buffer's limit
 * is the pool's size: it stays in its block, and where sharing makes it need another one, that
 * comes from the pool as well. A higher limit lets it grow outside of the pool. NULL with
 * SOCKET_ENOBUFS (all are in use), SOCKET_ENOMEM or SOCKET_ELIMIT. */
SOCKET_API SocketBuf_T SocketBufPool_take(SocketBufPool_T pool);

/* Gives the memory of blocks that nobody uses back to the system. How many bytes that was. */
SOCKET_API int64_t SocketBufPool_trim(SocketBufPool_T pool);

enum SocketBufPoolStat {
  SOCKET_BUF_POOL_SIZE = 0,      /* bytes of a block */
  SOCKET_BUF_POOL_COUNT = 1,     /* blocks that may be in use at a time */
  SOCKET_BUF_POOL_IN_USE = 2,    /* blocks that are */
  SOCKET_BUF_POOL_HIGH = 3,      /* the most that ever were */
  SOCKET_BUF_POOL_ALLOCATED = 4, /* blocks that have memory now, in use or kept */
  SOCKET_BUF_POOL_TAKEN = 5,     /* how often a block was handed out */
  SOCKET_BUF_POOL_REFUSED = 6    /* how often there was none: SOCKET_ENOBUFS */
};

/* One of these numbers; SOCKET_EINVAL for any other `which`. */
SOCKET_API int64_t SocketBufPool_get_stat(SocketBufPool_T pool, int which);

#endif
