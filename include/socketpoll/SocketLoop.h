/* SPDX-License-Identifier: MIT
 * SocketLoop.h - the event loop, and the one shape in which everything that happens is delivered.
 *
 * Delivery. Each handle that stands on a loop delivers its events in one of two ways. Push: a
 * callback was set on it, and is called with each event by the thread that runs the loop, never
 * from inside the call that caused the event. Pull: no callback is set, and the event lands as an
 * element of the array that the caller hands to SocketLoop_wait(). Both carry the same
 * SocketCompletion_T.
 *
 * Threads. A loop and everything that stands on it belong to one thread: the one that created the
 * loop, until another one runs or claims it while nobody runs it. Calls from any other thread give
 * SOCKET_EWRONGTHREAD and change nothing. Exceptions, safe from every thread: SocketLoop_post(),
 * SocketLoop_stop() and SocketLoop_get_stat().
 *
 * Every function gives SOCKET_EBADHANDLE (or NULL) for a handle that is NULL, freed, of another
 * type or no handle at all. This is not repeated below, nor is SOCKET_EWRONGTHREAD. */
#ifndef SOCKETPOLL_SOCKETLOOP_H
#define SOCKETPOLL_SOCKETLOOP_H

#include <stdint.h>

#include "SocketError.h"

typedef struct SocketLoop *SocketLoop_T;

/* What happened. `subject`, `source`, `data` and `length` not named in a line are NULL and 0. */
enum SocketKind {
  SOCKET_POSTED = 1,         /* SocketLoop_post: user is what was posted */
  SOCKET_TIMER = 2,          /* subject: the timer; length: expirations since the last report */
  SOCKET_READY = 3,          /* subject: the watch; length: POLL_* bits that are ready */
  SOCKET_ACCEPTED = 4,       /* subject: a new stream, yours to free; source: the listener */
  SOCKET_ACCEPT_STALLED = 5, /* subject: the listener or server; status: why it cannot accept now */
  SOCKET_ACCEPT_RESUMED = 6, /* subject: the listener or server, which accepts again */
  SOCKET_CONNECTED = 7,      /* subject: the stream */
  SOCKET_DATA = 8,           /* subject: the stream; data, length: bytes received, length > 0 */
  SOCKET_DRAINED = 9,        /* subject: the stream, whose queued output fell to the low mark */
  SOCKET_EOF = 10,           /* subject: the stream, whose peer sends no more; not an error */
  SOCKET_CLOSED = 11,        /* subject: the stream; status: 0 or why. The last event of a stream */
  SOCKET_COMPLETED = 12,     /* subject: the future; the rest: SocketFuture.h */
  SOCKET_DATAGRAM = 13,      /* subject: the socket; source: the sender; data, length, status */
  SOCKET_DATAGRAM_ERROR = 14, /* subject: the socket; status: why one of ours was not delivered */
  SOCKET_PROGRESS = 15,       /* subject: the pipeline; length: bytes it has moved so far */
  SOCKET_HTTP_REQUEST = 16,   /* subject: the exchange; source: the server */
  SOCKET_HTTP_BODY = 17,      /* subject: the exchange; data, length: bytes of the request's body */
  SOCKET_HTTP_BODY_END = 18,  /* subject: the exchange, whose request body is complete */
  SOCKET_HTTP_DRAINED = 19,   /* subject: the exchange, whose queued output fell to the low mark */
  SOCKET_HTTP_CLOSED = 20,    /* subject: the exchange, stale from here on; status: 0 or why */
  SOCKET_HTTP_STOPPED = 21,   /* subject: the server, drained or timed out (SOCKET_ETIMEDOUT) */
  SOCKET_FINISHED = 22        /* subject: the pipeline; status: 0 or why; length: bytes it moved */
};

/* One event. The layout is frozen: 48 bytes on 64-bit platforms, in this order.
 * In push delivery `data` is valid until the callback returns; in pull delivery, until the next
 * call of SocketLoop_wait() on that loop. */
typedef struct SocketCompletion {
  int32_t kind;   /* enum SocketKind */
  int32_t status; /* 0, or a SOCKET_E... code */
  void *subject;  /* the handle that the event is about */
  void *source;   /* the handle that it came from, where that is another one */
  void *data;     /* bytes that came with it */
  int64_t length; /* how many, or a number that `kind` explains */
  void *user;     /* what was set beside the callback, or with _set_user */
} SocketCompletion_T;

/* A push callback. `event` is valid until it returns. It may free any handle, its own included. It
 * must return: an exception or a longjmp out of it is undefined. */
typedef void (*SocketCallback_T)(const SocketCompletion_T *event, void *user);

/* A new loop over the best backend of the platform, or the one that the environment variable
 * SOCKETPOLL_BACKEND names, or the one named here (SocketPoll_backend_at lists them; NULL: as
 * SocketLoop_new). The caller frees it. It belongs to the calling thread. Any thread.
 * NULL with SOCKET_ENOMEM, SOCKET_EMFILE, SOCKET_ENFILE, or SOCKET_ENOTSUP for an unknown name. */
SOCKET_API SocketLoop_T SocketLoop_new(void);
SOCKET_API SocketLoop_T SocketLoop_new_backend(SOCKET_NULLABLE const char *name);

/* Frees the loop and everything that still stands on it: those handles are stale from here on,
 * their sockets are closed, their undelivered events are dropped. Inside a callback of this loop it
 * takes effect at once, and the running call returns SOCKET_ESTOPPED after the callback. NULL and a
 * variable that holds NULL are accepted; the variable is nulled. Owner thread, or any thread while
 * no thread runs the loop; otherwise nothing happens and SOCKET_EWRONGTHREAD is recorded. */
SOCKET_API void SocketLoop_free(SocketLoop_T *loop);

/* Makes the calling thread the owner of a loop that no thread is running. 0, or SOCKET_EWRONGTHREAD
 * while another thread runs it. Running a loop claims it as well. */
SOCKET_API int SocketLoop_claim(SocketLoop_T loop);

/* Runs the loop until SocketLoop_stop(), and returns 0. Blocks without using the processor while
 * nothing happens. Events of handles without a callback stay queued for SocketLoop_wait().
 * SOCKET_EBUSY when called from inside a callback of the same loop; SOCKET_ESTOPPED when a callback
 * freed the loop; SOCKET_ENOMEM, SOCKET_EIO and the like when waiting itself fails, with nothing
 * lost. Claims the loop. */
SOCKET_API int SocketLoop_run(SocketLoop_T loop);

/* Runs the loop until something was delivered or queued, or timeout_ms have passed (0: looks once;
 * -1: no limit). The number of events, 0 at the timeout, SOCKET_ESTOPPED after SocketLoop_stop(),
 * SOCKET_EINVAL for less than -1; otherwise as SocketLoop_run. */
SOCKET_API int SocketLoop_run_once(SocketLoop_T loop, int timeout_ms);

/* Pull delivery: runs the loop until at least one event of a handle without a callback is there,
 * and writes up to `capacity` of them into `out` (required, yours), oldest first for each handle.
 * More stay queued. Callbacks of other handles run meanwhile. Bytes of the previous call's events
 * are invalid from here on. The count; 0 when timeout_ms passed first (0: looks once; -1: no
 * limit); SOCKET_ESTOPPED after SocketLoop_stop(), with what is queued left for the next wait;
 * SOCKET_EINVAL for NULL, capacity < 1 or timeout_ms < -1; otherwise as SocketLoop_run. */
SOCKET_API int SocketLoop_wait(SocketLoop_T loop, SocketCompletion_T *out, int capacity,
                               int timeout_ms);

/* Ends the present run, run_once or wait after the callback that is running, or the next one if
 * none runs; one of them, however often it is called meanwhile. What it kept from being delivered
 * comes in the next. Any thread. 0. */
SOCKET_API int SocketLoop_stop(SocketLoop_T loop);

/* Has the loop's thread call `callback` with a SOCKET_POSTED event and `user`; where callback is
 * NULL, the event is pulled. Posts of one thread arrive in their order. `user` is kept, not
 * touched; posts still queued when the loop is freed are dropped. Any thread. 0 or SOCKET_ENOMEM.
 */
SOCKET_API int SocketLoop_post(SocketLoop_T loop, SOCKET_NULLABLE SocketCallback_T callback,
                               void *user);

/* The loop's time in milliseconds: CLOCK_MONOTONIC, read once a turn. */
SOCKET_API int64_t SocketLoop_now(SocketLoop_T loop);

/* For a foreign loop that drives this one: a descriptor that is readable (it is level-triggered)
 * when the kernel or another thread has something for SocketLoop_run_once or SocketLoop_wait (the
 * library's; never close it), or SOCKET_ENOTSUP with the poll backend; and the milliseconds until
 * the next timer or queued work is due (0: now; -1: none). The foreign loop asks for the time anew
 * each time before it sleeps, because whatever the program calls may change it, and then calls
 * SocketLoop_run_once or SocketLoop_wait with a timeout of 0.
 *
 * Events that wait to be pulled are work for SocketLoop_wait alone, so they count as due, unless
 * the loop was driven by SocketLoop_run_once or SocketLoop_run last: those would find nothing to
 * do, again and again. examples/embed_libuv.c, embed_libevent.c and embed_glib.c show the use. */
SOCKET_API int SocketLoop_get_fd(SocketLoop_T loop);
SOCKET_API int SocketLoop_get_timeout(SocketLoop_T loop);

/* What a loop counts, from its beginning on; times in nanoseconds. */
enum SocketStat {
  SOCKET_STAT_TURNS = 0,      /* turns of the loop; each asks the kernel once */
  SOCKET_STAT_WAITS,          /* turns that had nothing to do and might wait in the kernel */
  SOCKET_STAT_WAIT_NS,        /* time spent in the kernel's waits: what is missing was work */
  SOCKET_STAT_LONGEST_NS,     /* the longest time from a wait's end to the next one's beginning */
  SOCKET_STAT_PUSHED,         /* events that went to a SocketCallback_T */
  SOCKET_STAT_PULLED,         /* events that SocketLoop_wait handed out */
  SOCKET_STAT_POSTS,          /* what other threads posted and this one took up */
  SOCKET_STAT_TIMERS,         /* deadlines that passed: timers, timeouts, retries */
  SOCKET_STAT_DESCRIPTORS,    /* now: descriptors in the kernel's set */
  SOCKET_STAT_OBJECTS,        /* now: handles that stand on the loop, the library's own included */
  SOCKET_STAT_RECEIVED,       /* bytes that streams received, HTTP's included */
  SOCKET_STAT_SENT,           /* bytes that streams sent, HTTP's included; splice(2) aside */
  SOCKET_STAT_TLS_HANDSHAKES, /* of listeners and servers: those that came to their end */
  SOCKET_STAT_TLS_FAILED,     /* and those that did not */
  SOCKET_STAT_COUNT           /* how many there are */
};

/* One of these, enum SocketStat. The numbers of a loop that runs meanwhile are of slightly
 * different moments. SOCKET_STAT_LONGEST_NS counts what the program does between two calls of
 * SocketLoop_wait or SocketLoop_run_once, too, but nothing before a call whose timeout is 0: there
 * a foreign loop may have slept. It and SOCKET_STAT_WAIT_NS are taken in turns with a timer running
 * (a deadline is one): others do not look at the clock. Any thread. SOCKET_EINVAL for a number that
 * is none of these. */
SOCKET_API int64_t SocketLoop_get_stat(SocketLoop_T loop, int which);

/* "epoll", "poll": what SocketPoll_get_backend_name() says of the loop's poll. Static string. */
SOCKET_API const char *SocketLoop_get_backend_name(SocketLoop_T loop);

#endif
