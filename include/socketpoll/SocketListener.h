/* SPDX-License-Identifier: MIT
 * SocketListener.h - accepts TCP connections over IPv4 and IPv6.
 *
 * Options are set between SocketListener_new and SocketListener_listen unless said otherwise.
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETLISTENER_H
#define SOCKETPOLL_SOCKETLISTENER_H

#include "SocketLoop.h"

typedef struct SocketListener *SocketListener_T;

enum SocketListenerDefaults {
  SOCKET_LISTENER_BACKLOG = 4096,           /* the kernel caps it at net.core.somaxconn */
  SOCKET_LISTENER_MAX_CONNECTIONS = 100000, /* streams of one listener open at a time */
  SOCKET_LISTENER_RETRY_MS = 50             /* how soon it tries again when out of descriptors */
};

/* A listener that does not listen yet. The caller frees it; freeing the loop does so as well.
 * NULL with SOCKET_ENOMEM. */
SOCKET_API SocketListener_T SocketListener_new(SocketLoop_T loop);

/* Stops listening and frees it. Streams that it accepted live on, those whose SOCKET_ACCEPTED was
 * not delivered yet are closed. NULL accepted; the variable is nulled. */
SOCKET_API void SocketListener_free(SocketListener_T *listener);

/* SOCKET_ACCEPTED, SOCKET_ACCEPT_STALLED and SOCKET_ACCEPT_RESUMED go to `callback` with `user`
 * (kept, not touched), or are pulled if callback is NULL. At any time. */
SOCKET_API int SocketListener_set_callback(SocketListener_T listener, SocketCallback_T callback,
                                           void *user);

/* Connections that the kernel keeps for us until we accept them, listen(2). SOCKET_EINVAL under 1;
 * SOCKET_ESTATE once it listens. */
SOCKET_API int SocketListener_set_backlog(SocketListener_T listener, int backlog);

/* 1: several listeners, in this process or others of the same user, share the port, and the kernel
 * spreads connections over them: SO_REUSEPORT, socket(7). Default 0. SOCKET_ESTATE once it listens.
 */
SOCKET_API int SocketListener_set_reuseport(SocketListener_T listener, int on);

/* Sizes of the kernel's buffers of every accepted socket, in bytes: SO_RCVBUF and SO_SNDBUF, set
 * before listen(2) so that the window scale fits. 0, the default, leaves the kernel's own tuning.
 * SOCKET_EINVAL if negative; SOCKET_ESTATE once it listens. */
SOCKET_API int SocketListener_set_receive_buffer(SocketListener_T listener, int bytes);
SOCKET_API int SocketListener_set_send_buffer(SocketListener_T listener, int bytes);

/* How many accepted streams may be open at a time. At the limit it stops accepting (the kernel's
 * backlog fills), reports SOCKET_ACCEPT_STALLED with SOCKET_ELIMIT, and goes on when one is freed.
 * At any time. SOCKET_EINVAL under 1. */
SOCKET_API int SocketListener_set_max_connections(SocketListener_T listener, int connections);

/* Binds and listens. `address` is "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:80", "[::]:80" (IPv6
 * only, RFC 3493 5.3) or "localhost:8080" (127.0.0.1); port 0 picks a free one. Accepted streams do
 * not read until SocketStream_start(). When the process or the system runs out of descriptors or
 * memory, accepting stops and SOCKET_ACCEPT_STALLED is reported with the reason, again only if the
 * reason changes; it goes on within SOCKET_LISTENER_RETRY_MS of a free descriptor and then reports
 * SOCKET_ACCEPT_RESUMED.
 * 0, or SOCKET_EADDRESS, SOCKET_EADDRINUSE, SOCKET_EADDRNOTAVAIL, SOCKET_EACCES (a privileged
 * port), SOCKET_EAFNOSUPPORT, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM, SOCKET_ESTATE (listens
 * already). */
SOCKET_API int SocketListener_listen(SocketListener_T listener, const char *address);

/* The port it listens on, SOCKET_ESTATE before it listens. */
SOCKET_API int SocketListener_get_port(SocketListener_T listener);

/* Stop and start accepting; connections meanwhile wait in the kernel's backlog. 0. */
SOCKET_API int SocketListener_pause(SocketListener_T listener);
SOCKET_API int SocketListener_resume(SocketListener_T listener);

#endif
