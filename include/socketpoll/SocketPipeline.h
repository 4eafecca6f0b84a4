/* SPDX-License-Identifier: MIT
 * SocketPipeline.h - bytes from a source through transforms into a sink, on their own.
 *
 *   SocketPipeline_T copy = SocketPipeline_new (loop);
 *   SocketPipeline_from_file (copy, "from.txt", 0, -1);
 *   SocketPipeline_add_limiter (copy, limiter);
 *   SocketPipeline_to_file (copy, "to.txt", SOCKET_FILE_REPLACE);
 *   SocketPipeline_set_callback (copy, on_finished, NULL);
 *   SocketPipeline_start (copy);
 *
 * A pipeline is built once: one source, one sink, and any number of transforms, which bytes go
 * through in the order of their addition. Then it is started, and ends with exactly one
 * SOCKET_FINISHED: its status is 0 when the source ended and the sink has everything, or why not;
 * its length is how many bytes the sink has got. After that the handle is still to be freed.
 *
 * Back-pressure. The sink asks, the source answers: nothing is taken from the source before the
 * sink has room for what comes of it. A pipeline holds one piece of at most 64 KiB at the source,
 * what its framing transforms were allowed to gather for one unit, and at most its high mark of
 * output that a stream has not taken yet; whatever the sizes of what goes through it.
 *
 * Units. Bytes come in pieces of any size, until a framing transform (lines, length_decode) or a
 * custom one makes units of them: from there on each is handed over whole, and as one.
 *
 * Files are read and written by the loop's thread, at most 256 KiB a turn, and a slow disk holds
 * the loop up for as long. Regular files and devices can be used; a FIFO or a socket is
 * SOCKET_ENOTSUP, because it is a stream. A disk that is full, a read error, a file that is shorter
 * than was asked for are codes: SOCKET_ENOSPC, SOCKET_EIO and so on.
 *
 * Streams. A pipeline takes the place of a source stream's reading operation, or of a sink stream's
 * writing one, from SocketPipeline_start to its end (see SocketAsync.h). Neither is closed nor shut
 * down. A stream that is freed meanwhile ends it with SOCKET_ECANCELED, one that is closed with the
 * reason or SOCKET_ECLOSED. What has been received and not been used when it ends waits in the
 * stream for the next reader, unless a transform has gathered it; what a sink stream has got goes
 * out. From a file or a stream into a stream, with nothing between but SocketPipeline_add_limit
 * (that ends) and SocketPipeline_add_count, the kernel moves the bytes where it can, as
 * SocketAsync_send_file and SocketAsync_splice do, to the same result.
 *
 * Callbacks come from the loop, never from inside a call, and may free any handle, their own
 * pipeline included. SOCKET_ESTATE is what a pipeline that is started answers to everything that
 * builds, and one that has a source or sink to another one.
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETPIPELINE_H
#define SOCKETPOLL_SOCKETPIPELINE_H

#include "SocketBuf.h"
#include "SocketFuture.h"
#include "SocketLimiter.h"
#include "SocketStream.h"

typedef struct SocketPipeline *SocketPipeline_T;

enum SocketPipelineDefaults {
  SOCKET_PIPELINE_HIGH_MARK = 262144,   /* bytes that wait for the sink */
  SOCKET_PIPELINE_MAX_UNIT = 1073741824 /* the most that a framing transform can allow */
};

/* What SocketPipeline_to_file does with a file that exists. One that does not is made, with the
 * permissions that the umask leaves of 0666. */
enum SocketPipelineFile {
  SOCKET_FILE_REPLACE = 0, /* it is emptied first */
  SOCKET_FILE_APPEND = 1,  /* open(2), O_APPEND */
  SOCKET_FILE_NEW = 2      /* SOCKET_EEXIST */
};

/* Writes up to `capacity` bytes into `into` and returns how many; 0: the end. SOCKET_EAGAIN: there
 * are none at present, ask again after SocketPipeline_resume. Another negative code ends the
 * pipeline with it. */
typedef int64_t (*SocketPull_T)(SocketPipeline_T pipeline, void *into, int64_t capacity,
                                void *user);

/* Takes all of a piece or unit, and returns 0. SOCKET_EAGAIN: takes nothing, and gets the same
 * again after SocketPipeline_resume. Another negative code ends the pipeline with it. `data` is
 * valid until it returns. */
typedef int (*SocketPush_T)(SocketPipeline_T pipeline, const void *data, int64_t length,
                            void *user);

/* Looks at what has come, hands on what comes of it with SocketPipeline_emit, and returns how many
 * of the `length` bytes it has done with. The others are offered again, together with more, or, if
 * SocketPipeline_emit refused something, as soon as there is room. `end` is 1 when nothing comes
 * behind them any more: then what it leaves without a refusal is SOCKET_EPROTOCOL. A negative code
 * ends the pipeline with it. */
typedef int64_t (*SocketTransform_T)(SocketPipeline_T pipeline, const void *data, int64_t length,
                                     int end, void *user);

/* An empty pipeline. The caller frees it; freeing the loop does so as well. NULL with
 * SOCKET_ENOMEM. */
SOCKET_API SocketPipeline_T SocketPipeline_new(SocketLoop_T loop);

/* Ends it without an event, as SocketPipeline_cancel would, and frees it. NULL accepted; the
 * variable is nulled. */
SOCKET_API void SocketPipeline_free(SocketPipeline_T *pipeline);

/* SOCKET_PROGRESS and SOCKET_FINISHED go to `callback` with `user` (kept, not touched), or are
 * pulled if it is NULL. 0. */
SOCKET_API int SocketPipeline_set_callback(SocketPipeline_T pipeline,
                                           SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* ---- The source: one of these. 0; SOCKET_EINVAL for NULL, a negative offset or length < -1. */

/* `length` bytes of a file from `offset` on, or, with -1, all up to its end. A file that ends
 * before `length` bytes ends the pipeline with SOCKET_EIO. It is opened at once: SOCKET_ENOENT,
 * SOCKET_EACCES, SOCKET_EISDIR, SOCKET_ENOTSUP... open(2), pread(2). */
SOCKET_API int SocketPipeline_from_file(SocketPipeline_T pipeline, const char *path, int64_t offset,
                                        int64_t length);

/* The same of an open file, which is duplicated: `fd` may be closed, and its position is not used,
 * though on Windows moved. There `fd` is the value of a HANDLE (SocketPoll.h).
 * SOCKET_EBADF... */
SOCKET_API int SocketPipeline_from_fd(SocketPipeline_T pipeline, int fd, int64_t offset,
                                      int64_t length);

/* All that a stream receives, up to its end. Looked up by SocketPipeline_start. */
SOCKET_API int SocketPipeline_from_stream(SocketPipeline_T pipeline, SocketStream_T stream);

/* `length` bytes of memory, lent until the pipeline has ended or is freed. */
SOCKET_API int SocketPipeline_from_memory(SocketPipeline_T pipeline, SOCKET_LENT const void *data,
                                          int64_t length);

/* What `pull` (required) writes. */
SOCKET_API int SocketPipeline_from_callback(SocketPipeline_T pipeline, SocketPull_T pull,
                                            void *user);

/* ---- The sink: one of these. 0 or SOCKET_EINVAL for NULL. */

/* A file: `existing` is one of SOCKET_FILE_*. Opened at once, with the errors of open(2). When the
 * pipeline has finished, the kernel has it; fsync(2) is the program's. A pipeline that fails leaves
 * what was written. */
SOCKET_API int SocketPipeline_to_file(SocketPipeline_T pipeline, const char *path, int existing);

/* An open file, duplicated, from its position on, which moves. */
SOCKET_API int SocketPipeline_to_fd(SocketPipeline_T pipeline, int fd);

/* A stream, behind what it has queued already; finished when the kernel has taken the last byte.
 * Looked up by SocketPipeline_start. */
SOCKET_API int SocketPipeline_to_stream(SocketPipeline_T pipeline, SocketStream_T stream);

/* Appends to a buffer, which is kept alive. It has to grow as far as it must: SOCKET_ELIMIT or
 * SOCKET_ENOBUFS when it cannot, SOCKET_EBUSY when an operation or another thread has it. */
SOCKET_API int SocketPipeline_to_buf(SocketPipeline_T pipeline, SocketBuf_T buf);

/* Hands each piece or unit to `push` (required). */
SOCKET_API int SocketPipeline_to_callback(SocketPipeline_T pipeline, SocketPush_T push, void *user);

/* ---- Transforms. SOCKET_EINVAL for numbers out of range, SOCKET_ENOMEM. */

/* Lets `bytes` (0 or more) pass. After them the pipeline ends well, and the rest is not read; or,
 * with `strict` 1, ends with SOCKET_ELIMIT if there is more. 0. */
SOCKET_API int SocketPipeline_add_limit(SocketPipeline_T pipeline, int64_t bytes, int strict);

/* Counts what passes here. Returns the number of the counter, 0 for the first. */
SOCKET_API int SocketPipeline_add_count(SocketPipeline_T pipeline);
/* What that counter says, also after the end. SOCKET_EINVAL: there is none of that number. */
SOCKET_API int64_t SocketPipeline_get_count(SocketPipeline_T pipeline, int counter);

/* Makes a unit of each line, of at most `max_bytes` (1 to SOCKET_PIPELINE_MAX_UNIT) without its
 * end, LF or CR LF: with `keep_ends` 1 the end is part of the unit, so that no byte is changed,
 * with 0 it is dropped. The last line may lack it. A longer line ends the pipeline with
 * SOCKET_ELIMIT. 0. */
SOCKET_API int SocketPipeline_add_lines(SocketPipeline_T pipeline, int64_t max_bytes,
                                        int keep_ends);

/* Makes a unit of what follows each length of 1, 2 or 4 bytes in network order, without it. Longer
 * than `max_bytes` (1 to SOCKET_PIPELINE_MAX_UNIT) is SOCKET_ELIMIT, an end inside of a unit
 * SOCKET_EPROTOCOL. 0. */
SOCKET_API int SocketPipeline_add_length_decode(SocketPipeline_T pipeline, int prefix_bytes,
                                                int64_t max_bytes);

/* Puts such a length before each unit. Longer ones than `max_bytes` or than the prefix can say are
 * SOCKET_ELIMIT. What comes in no units is cut at these sizes. 0. */
SOCKET_API int SocketPipeline_add_length_encode(SocketPipeline_T pipeline, int prefix_bytes,
                                                int64_t max_bytes);

/* A transform of the program's own (required). 0. If it neither takes nor emits anything though
 * more bytes wait for it than the high mark: SOCKET_ELIMIT. */
SOCKET_API int SocketPipeline_add_transform(SocketPipeline_T pipeline, SocketTransform_T transform,
                                            void *user);

/* Hands on a unit of `length` bytes, copied; only from inside a SocketTransform_T (SOCKET_ESTATE).
 * 0; SOCKET_EAGAIN: something was emitted before and has to go first, this was not taken;
 * SOCKET_EINVAL, SOCKET_ENOMEM. */
SOCKET_API int SocketPipeline_emit(SocketPipeline_T pipeline, const void *data, int64_t length);

/* Lets no more bytes pass than the limiter gives. Units are not divided: one that is larger than
 * what is there passes whole, and the next one waits until that has been made up for. 0. */
SOCKET_API int SocketPipeline_add_limiter(SocketPipeline_T pipeline, SocketLimiter_T limiter);

/* ---- Settings, before it is started */

/* How many bytes may wait for a sink stream, and in a custom transform. SOCKET_EINVAL under 1. */
SOCKET_API int SocketPipeline_set_high_mark(SocketPipeline_T pipeline, int64_t bytes);

/* SOCKET_PROGRESS each time that the sink has got so many bytes more, as far as they are delivered;
 * 0, the default: never. SOCKET_EINVAL if negative. */
SOCKET_API int SocketPipeline_set_progress(SocketPipeline_T pipeline, int64_t every_bytes);

/* 0: the bytes go through the program's memory even where the kernel could move them; 1 is the
 * default. */
SOCKET_API int SocketPipeline_set_zero_copy(SocketPipeline_T pipeline, int on);

/* ---- Running */

/* Starts it. 0; SOCKET_ESTATE: it has no source or no sink, or has been started before;
 * SOCKET_EBADHANDLE: a stream has been freed; SOCKET_EINVAL: it is another loop's; SOCKET_EBUSY,
 * SOCKET_ESTATE, SOCKET_ECLOSED, SOCKET_ENOTCONN: what SocketAsync_read and SocketAsync_write would
 * say of it. After such a failure it may be started again. */
SOCKET_API int SocketPipeline_start(SocketPipeline_T pipeline);

/* The same, with its end as a future's outcome instead of SOCKET_FINISHED: the result is how many
 * bytes the sink has got. timeout_ms: how long it may take in all, -1 for ever. Canceling or
 * freeing the future cancels the pipeline, which is still to be freed. The caller frees the future.
 * NULL with the same codes, SOCKET_EINVAL (timeout_ms < -1) or SOCKET_ENOMEM. */
SOCKET_API SocketFuture_T SocketAsync_pipeline(SocketPipeline_T pipeline, int timeout_ms);

/* Takes nothing from the source until SocketPipeline_resume. What the sink stream has got goes out.
 * Both, in any state: 0. */
SOCKET_API int SocketPipeline_pause(SocketPipeline_T pipeline);
SOCKET_API int SocketPipeline_resume(SocketPipeline_T pipeline);

/* Ends it now with SOCKET_ECANCELED: lent memory is not touched any more. What the sink has got
 * stays with it. 0, also if it has ended already; SOCKET_ESTATE: never started. */
SOCKET_API int SocketPipeline_cancel(SocketPipeline_T pipeline);

/* Bytes that the sink has got, and bytes that were taken from the source, also after the end. */
SOCKET_API int64_t SocketPipeline_get_written(SocketPipeline_T pipeline);
SOCKET_API int64_t SocketPipeline_get_taken(SocketPipeline_T pipeline);

/* 1 if the kernel moves the bytes, known once it is started; otherwise 0. */
SOCKET_API int SocketPipeline_get_zero_copy(SocketPipeline_T pipeline);

#endif
