/* SPDX-License-Identifier: MIT
 * SocketWorkers.h - a group of threads that each run a loop of their own: a program on all cores.
 *
 * What stands on a worker's loop belongs to that worker's thread. The setup callback, called there
 * before anything runs, makes it: a listener or an HTTP server with SOCKET_REUSEPORT_SHARE on every
 * worker lets the kernel spread connections over them, which Linux does well. Where it does not,
 * one listener deals them out with SocketStream_move(). Later on, SocketLoop_post() to
 * SocketWorkers_get_loop() reaches a worker from any thread.
 *
 * Every function may be called from any thread, and gives SOCKET_EBADHANDLE (or NULL) for a handle
 * that is NULL, freed, of another type or no handle at all. */
#ifndef SOCKETPOLL_SOCKETWORKERS_H
#define SOCKETPOLL_SOCKETWORKERS_H

#include "SocketLoop.h"

typedef struct SocketWorkers *SocketWorkers_T;

enum SocketWorkersLimits { SOCKET_WORKERS_MAX = 1024 };

/* Prepares worker `index` (from 0 on): called on its thread, with its loop. Setups run one after
 * the other, in the order of their indices, so that they may share what `user` points to. It may
 * run the loop itself. Returns 0, or the SOCKET_E... code that fails the start (any other number
 * counts as SOCKET_EUNKNOWN). */
typedef int (*SocketWorkersSetup_T)(SocketLoop_T loop, int index, void *user);

/* A group without workers. The caller frees it. NULL with SOCKET_ENOMEM. */
SOCKET_API SocketWorkers_T SocketWorkers_new(void);

/* SocketWorkers_stop, then _join, then frees the group. NULL accepted; the variable is nulled.
 * Called from one of its own workers it changes nothing and records SOCKET_ESTATE: the worker would
 * wait for itself. Threads that are blocked in SocketWorkers_join come back as usual. */
SOCKET_API void SocketWorkers_free(SocketWorkers_T *workers);

/* The workers' threads are called "prefix-0", "prefix-1"...; 1 to 10 bytes, copied. Default
 * "socketpoll". SOCKET_EINVAL, SOCKET_ESTATE once started. */
SOCKET_API int SocketWorkers_set_name(SocketWorkers_T workers, const char *prefix);

/* 1: keeps each worker on one processor, of those that the starting thread may use; 0, the default,
 * leaves that to the kernel. The start fails with SOCKET_ENOTSUP where there is no such thing.
 * SOCKET_ESTATE once started. */
SOCKET_API int SocketWorkers_set_pinning(SocketWorkers_T workers, int on);

/* Processors that the calling thread may use, sched_getaffinity(2): what a `count` of 0 means. */
SOCKET_API int SocketWorkers_processors(void);

/* Starts `count` threads (0: SocketWorkers_processors()), at most SOCKET_WORKERS_MAX, calls
 * `setup` (NULL: none) with `user` (kept, not touched) on each, and once all of them have returned
 * 0 lets the loops run: events are pushed, since nobody pulls there. All signals are blocked in the
 * threads, but for those that a thread's own instructions raise (SIGSEGV and the like); a run-time
 * that needs others unblocks them in the setup. Returns when all loops run. Whatever
 * fails stops and joins the workers that were started, frees their loops, and leaves the group as
 * it was; SocketWorkers_get_failed tells which, Socket_last_error_message() what. 0, the setup's
 * code, SOCKET_EINVAL (count), SOCKET_ESTATE (started already, and not joined since),
 * SOCKET_ESTOPPED (SocketWorkers_stop came first), SOCKET_ELIMIT (no more threads, pthread_create),
 * SOCKET_ENOMEM, SOCKET_EMFILE, SOCKET_ENFILE. */
SOCKET_API int SocketWorkers_start(SocketWorkers_T workers, int count,
                                   SOCKET_NULLABLE SocketWorkersSetup_T setup, void *user);

/* The index of the worker with which the latest start failed; -1 if none did. */
SOCKET_API int SocketWorkers_get_failed(SocketWorkers_T workers);

/* How many there are: 0 before the start and after the join. */
SOCKET_API int SocketWorkers_get_count(SocketWorkers_T workers);

/* The loop of worker `index`, the worker's: for SocketLoop_post, SocketLoop_stop (which ends this
 * worker alone), SocketLoop_get_stat and SocketStream_move; stale once the worker has ended. From
 * its setup on. NULL with SOCKET_EINVAL for an index that is not there. */
SOCKET_API SocketLoop_T SocketWorkers_get_loop(SocketWorkers_T workers, int index);

/* Has every worker end after the callback that it is in. Its thread frees its loop with all that
 * stands on it: stop your servers first where their work matters. 0, also if there is none. */
SOCKET_API int SocketWorkers_stop(SocketWorkers_T workers);

/* Waits until all workers have ended, without using the processor, for at most timeout_ms (-1: no
 * limit). The group can then be started again. 0, also where there is none to wait for; the code
 * with which the first worker failed, its loop being unable to wait (SOCKET_ENOMEM and the like),
 * which stops the others; SOCKET_ETIMEDOUT; SOCKET_EINVAL under -1; SOCKET_ESTATE when called from
 * one of its own workers. */
SOCKET_API int SocketWorkers_join(SocketWorkers_T workers, int timeout_ms);

#endif
