/* SPDX-License-Identifier: MIT
 * SocketWatch.h - a foreign descriptor on a loop: the loop tells when it is ready, and never reads,
 * writes or closes it. Level-triggered.
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETWATCH_H
#define SOCKETPOLL_SOCKETWATCH_H

#include "SocketLoop.h"
#include "SocketPoll.h"

typedef struct SocketWatch *SocketWatch_T;

/* Watches `fd` for `events`, of POLL_READ, POLL_WRITE and SOCKET_POLL_PEER_CLOSED; POLL_ERROR and
 * POLL_HANGUP are always reported. 0 watches nothing until SocketWatch_set_events. `fd` stays the
 * caller's, who frees the watch before closing it. The caller frees the watch; freeing the loop
 * does so as well. NULL with SOCKET_EINVAL (other bits), SOCKET_EBADF, SOCKET_EEXIST (the loop has
 * this descriptor already), SOCKET_EPERM (a file or folder, always ready), SOCKET_ENOMEM,
 * SOCKET_ENOSPC. */
SOCKET_API SocketWatch_T SocketWatch_new(SocketLoop_T loop, int fd, int events);

/* Ends the watch and frees it; no event of it is delivered any more. NULL accepted; the variable is
 * nulled. */
SOCKET_API void SocketWatch_free(SocketWatch_T *watch);

/* SOCKET_READY goes to `callback` with `user` (kept, not touched), or is pulled if callback is
 * NULL. A pulled event is reported once for each SocketLoop_wait while the descriptor stays ready.
 */
SOCKET_API int SocketWatch_set_callback(SocketWatch_T watch,
                                        SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* Replaces the events watched for. 0, SOCKET_EINVAL, or what adding the descriptor anew may give.
 */
SOCKET_API int SocketWatch_set_events(SocketWatch_T watch, int events);

#endif
