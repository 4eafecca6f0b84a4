/* SPDX-License-Identifier: MIT
 * SocketPoll.h - readiness of many descriptors, over the best mechanism the platform has.
 *
 *   SocketPoll_T poll = SocketPoll_new (0);
 *   SocketPoll_add (poll, fd, POLL_READ, my_connection);
 *   for (;;) {
 *     SocketEvent_T *events;
 *     int n = SocketPoll_wait (poll, &events, -1);
 *     for (int i = 0; i < n; i++) serve (events[i].data, events[i].events);
 *   }
 *
 * The rule for readiness, true of every backend: read or write until EAGAIN, and tolerate an event
 * that repeats. A registration is edge-triggered unless it asks for SOCKET_POLL_LEVEL: it reports a
 * change once. A backend without SOCKET_POLL_CAN_EDGE repeats an event for as long as the condition
 * holds, because suppressing it could lose one; with the rule above a program cannot tell.
 *
 * Descriptors are the system's small numbers; on Windows, `fd` is the value of a SOCKET, which fits
 * an int: (int)socket to come in, (SOCKET)fd to go out. Elsewhere in the library where a file is
 * meant, it is there the value of a HANDLE, _get_osfhandle(3) of a C run-time's descriptor.
 *
 * Threads: any thread may call any function here at any time. A change made while another thread is
 * blocked in SocketPoll_wait takes effect at once, and no lock is held while blocked.
 *
 * Errors: POSIX-shaped. -1 (or NULL) with errno set; Socket_last_error() holds the code too. A
 * `poll` that is NULL, freed, of another type or not a handle at all gives EINVAL from every
 * function, so that EBADF always speaks of `fd`. Every call that allocates may give ENOMEM and has
 * then changed nothing. */
#ifndef SOCKETPOLL_SOCKETPOLL_H
#define SOCKETPOLL_SOCKETPOLL_H

#include "SocketExport.h"

typedef struct SocketPoll *SocketPoll_T;

/* What a registration asks for and what an event reports. */
enum SocketPollEvent {
  POLL_READ = 0x01,               /* readable, or the end of the stream is */
  POLL_WRITE = 0x02,              /* writable, or a connect has ended */
  POLL_ERROR = 0x04,              /* an error is pending (SO_ERROR); reported unasked */
  POLL_HANGUP = 0x08,             /* both directions have ended; reported unasked */
  SOCKET_POLL_PEER_CLOSED = 0x10, /* the peer will send no more (EPOLLRDHUP); when asked for */

  /* How a registration is reported; never part of an event. */
  SOCKET_POLL_LEVEL = 0x100,    /* repeat the event at every wait while the condition holds */
  SOCKET_POLL_ONESHOT = 0x200,  /* one event to one waiter, then nothing until mod re-arms */
  SOCKET_POLL_EXCLUSIVE = 0x400 /* of several polls that watch the fd wake at least one, not all
                                   (EPOLLEXCLUSIVE); where the backend cannot, all wake */
};

/* What a backend can do. */
enum SocketPollCapability {
  SOCKET_POLL_CAN_EDGE = 0x01,        /* edge-triggered means one event a change */
  SOCKET_POLL_CAN_ONESHOT = 0x02,     /* SOCKET_POLL_ONESHOT holds */
  SOCKET_POLL_CAN_EXCLUSIVE = 0x04,   /* SOCKET_POLL_EXCLUSIVE avoids waking every poll */
  SOCKET_POLL_CAN_PEER_CLOSED = 0x08, /* SOCKET_POLL_PEER_CLOSED is reported */
  SOCKET_POLL_CAN_POLLABLE_FD = 0x10  /* SocketPoll_get_fd has an fd to give */
};

enum SocketPollTimeout {
  SOCKET_POLL_TIMEOUT_INFINITE = -1,   /* wait for as long as it takes */
  SOCKET_POLL_TIMEOUT_USE_DEFAULT = -2 /* SocketPoll_getdefaulttimeout */
};

/* One ready descriptor. Its size and offsets are frozen. */
typedef struct SocketEvent {
  int fd;     /* as registered */
  int events; /* POLL_READ | POLL_WRITE | POLL_ERROR | POLL_HANGUP | SOCKET_POLL_PEER_CLOSED */
  void *data; /* as registered; may be NULL */
} SocketEvent_T;

/* Makes a poll over $SOCKETPOLL_BACKEND if that is set and not empty, otherwise over the
 * platform's best backend. `max_events` bounds the events of one wait, not the registrations; 0
 * is the default of 256, more than 65536 counts as 65536. The caller frees the poll. NULL:
 * EINVAL (max_events negative), EOPNOTSUPP (no such backend), EMFILE, ENFILE, ENOMEM. */
SOCKET_API SocketPoll_T SocketPoll_new(int max_events);

/* The same over the backend of that name ("epoll", "kqueue", "poll", "iocp"); NULL `name` is
 * SocketPoll_new. */
SOCKET_API SocketPoll_T SocketPoll_new_backend(SOCKET_NULLABLE const char *name, int max_events);

/* Ends *poll and sets it to NULL; NULL, or a variable that holds NULL, is accepted. Descriptors
 * stay open: they are the caller's. Threads blocked in SocketPoll_wait return -1 with EINVAL. Safe
 * while any thread, the caller too, still reads the events of its last wait. */
SOCKET_API void SocketPoll_free(SocketPoll_T *poll);

/* Registers an open descriptor. `events` is any sum of the bits above, 0 included (errors and
 * hangups alone); `data` is kept, not looked into, and may be NULL. The caller closes `fd`,
 * best after SocketPoll_del. A number that was closed and is now another file is a new
 * registration, which the old one's events never reach. The poll backend tells two files apart
 * by device and inode, so it takes one eventfd, timerfd or the like under another's number for
 * the same.
 * -1: EBADF (not open), EEXIST (already registered), EPERM (a regular file or a directory),
 * EINVAL (unknown bits; EXCLUSIVE with ONESHOT or PEER_CLOSED; the poll's own descriptor),
 * ELOOP (polls that watch one another), ENOSPC (the limit of SocketPoll_setmaxregistered, or
 * the system's), ENOMEM. See epoll_ctl(2). */
SOCKET_API int SocketPoll_add(SocketPoll_T poll, int fd, int events, SOCKET_OPAQUE void *data);

/* Replaces bits and data, and arms anew: a condition that holds now is reported again, and a
 * one-shot that has fired may fire once more.
 * -1: ENOENT (open but not registered, or the number is another file now), EBADF (not open),
 * EINVAL (bits as above), ENOMEM. */
SOCKET_API int SocketPoll_mod(SocketPoll_T poll, int fd, int events, SOCKET_OPAQUE void *data);

/* Sets `add_events`, then clears `remove_events`, keeps the data and arms anew. Errors as for
 * mod. */
SOCKET_API int SocketPoll_modify_events(SocketPoll_T poll, int fd, int add_events,
                                        int remove_events);

/* Drops a registration; succeeds as well after the fd was closed or its number taken anew. Another
 * thread's batch, and the rest of the caller's own, may still hold an event of it.
 * -1: ENOENT (open but not registered), EBADF (neither). */
SOCKET_API int SocketPoll_del(SocketPoll_T poll, int fd);

/* Waits until something is ready and points *events at the events, one for each ready fd. The
 * array is the library's and lives until the calling thread's next wait on this poll or, once
 * the poll has been freed, on any other. When more is ready than one wait may give, the next
 * waits give the rest in turn.
 * `timeout_ms`: 0 looks and returns, SOCKET_POLL_TIMEOUT_INFINITE, _USE_DEFAULT, or
 * milliseconds of CLOCK_MONOTONIC. Signals do not end the wait.
 * Returns how many; 0 once the time is up, never before, or after a wakeup.
 * -1: EINVAL (`events` NULL, a timeout below -2, or the poll freed meanwhile), ENOMEM, and
 * where a descriptor is needed that cannot be had EMFILE or ENFILE: the poll backend takes one
 * for each thread that waits, and epoll one for a moment to leave behind a file whose fd was
 * closed before del while a duplicate keeps it alive. */
SOCKET_API int SocketPoll_wait(SocketPoll_T poll, SocketEvent_T **events, int timeout_ms);

/* Makes one wait return early, with whatever is ready or with 0: a blocked one or, where none
 * is, the next. Each call counts for one wait. Signals do not end a wait, but a signal handler
 * may call this, unless the poll is being freed; it must keep errno as it was. -1: EINVAL. */
SOCKET_API int SocketPoll_wakeup(SocketPoll_T poll);

/* The backend's name, a static string; NULL with EINVAL for a bad handle. */
SOCKET_API const char *SocketPoll_get_backend_name(SocketPoll_T poll);

/* The SOCKET_POLL_CAN_* bits of this poll's backend. -1: EINVAL. */
SOCKET_API int SocketPoll_get_capabilities(SocketPoll_T poll);

/* A descriptor for embedding in a foreign loop: readable while a wait of 0 ms would return at
 * once. It belongs to the poll: watch it, do not read or close it. It stays the same number,
 * but a foreign epoll must add it again after the poll has left a closed, duplicated
 * level-triggered fd behind (see SocketPoll_wait; avoided by del before close). -1: EOPNOTSUPP
 * (no SOCKET_POLL_CAN_POLLABLE_FD), EINVAL. */
SOCKET_API int SocketPoll_get_fd(SocketPoll_T poll);

/* The timeout that SOCKET_POLL_TIMEOUT_USE_DEFAULT stands for, in milliseconds; at first
 * SOCKET_POLL_TIMEOUT_INFINITE, so that a get that returns -1 has failed only if errno says so: set
 * errno to 0 before. Set: -1 with EINVAL for a value below -1. */
SOCKET_API int SocketPoll_getdefaulttimeout(SocketPoll_T poll);
SOCKET_API int SocketPoll_setdefaulttimeout(SocketPoll_T poll, int timeout_ms);

/* How many descriptors are registered, those closed without del included. -1: EINVAL. */
SOCKET_API int SocketPoll_getregisteredcount(SocketPoll_T poll);

/* Writes the registered descriptors in ascending order into `fds`, at most `max`; returns how many
 * were written. NULL with a `max` of 0 writes nothing and returns how many there are.
 * -1: EINVAL (`max` negative, or NULL with another `max`). */
SOCKET_API int SocketPoll_get_registered_sockets(SocketPoll_T poll, SOCKET_NULLABLE int *fds,
                                                 int max);

/* How many descriptors may be registered; 0, the default, is no limit of the library's own. An add
 * beyond it gives ENOSPC. Set: -1 with EINVAL for a negative limit or one below the present
 * count. */
SOCKET_API int SocketPoll_getmaxregistered(SocketPoll_T poll);
SOCKET_API int SocketPoll_setmaxregistered(SocketPoll_T poll, int limit);

/* The backends compiled in, best first, as static strings. At an index out of range: NULL with
 * EINVAL. */
SOCKET_API int SocketPoll_backend_count(void);
SOCKET_API const char *SocketPoll_backend_at(int index);

/* The SOCKET_POLL_CAN_* bits of the backend of that name. -1: EINVAL (NULL), EOPNOTSUPP (no such
 * backend). */
SOCKET_API int SocketPoll_backend_capabilities(const char *name);

#endif
