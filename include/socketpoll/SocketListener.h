/* SPDX-License-Identifier: MIT
 * SocketListener.h - accepts connections: TCP over IPv4 and IPv6, and unix sockets.
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
SOCKET_API int SocketListener_set_callback(SocketListener_T listener,
                                           SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* Connections that the kernel keeps for us until we accept them, listen(2). SOCKET_EINVAL under 1;
 * SOCKET_ESTATE once it listens. */
SOCKET_API int SocketListener_set_backlog(SocketListener_T listener, int backlog);

/* Whether several listeners, in this process or others of the same user, share the port, so that
 * the kernel spreads connections over them: SO_REUSEPORT, socket(7). Anybody of the same user can
 * join such a port; _FIRST keeps a second start of the same program from doing so unnoticed. Where
 * the kernel spreads nothing (SOCKET_CAN_SHARE_PORT), listeners of several loops share one socket:
 * SocketListener_listen_fd. Windows has no such option; there listening gives SOCKET_ENOTSUP. */
enum SocketReuseport {
  SOCKET_REUSEPORT_OFF = 0,   /* the default: SOCKET_EADDRINUSE where anybody listens */
  SOCKET_REUSEPORT_SHARE = 1, /* joins those that share the port, or is the first of them */
  SOCKET_REUSEPORT_FIRST = 2  /* SOCKET_EADDRINUSE where anybody listens; others join later */
};

/* 0; SOCKET_EINVAL for a number that is none of these; SOCKET_ESTATE once it listens. */
SOCKET_API int SocketListener_set_reuseport(SocketListener_T listener, int how);

/* Sizes of the kernel's buffers of every accepted socket, in bytes: SO_RCVBUF and SO_SNDBUF, set
 * before listen(2) so that the window scale fits. 0, the default, leaves the kernel's own tuning.
 * SOCKET_EINVAL if negative; SOCKET_ESTATE once it listens. */
SOCKET_API int SocketListener_set_receive_buffer(SocketListener_T listener, int bytes);
SOCKET_API int SocketListener_set_send_buffer(SocketListener_T listener, int bytes);

/* The permissions, 0 to 0777, of the file that a unix socket makes: who may connect, unix(7). -1,
 * the default: 0777 less the umask. The file never has more, and nobody can connect before it has
 * them. SOCKET_EINVAL; SOCKET_ESTATE once it listens. */
SOCKET_API int SocketListener_set_mode(SocketListener_T listener, int mode);

/* How many accepted streams may be open at a time. At the limit it stops accepting (the kernel's
 * backlog fills), reports SOCKET_ACCEPT_STALLED with SOCKET_ELIMIT, and goes on when one is freed.
 * At any time. SOCKET_EINVAL under 1. */
SOCKET_API int SocketListener_set_max_connections(SocketListener_T listener, int connections);

/* Binds and listens. `address` is "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:80", "[::]:80" (IPv6
 * only, RFC 3493 5.3) or "localhost:8080" (127.0.0.1), where port 0 picks a free one, or
 * "unix:/path" or "unix:@name" (abstract, Linux).
 *
 * A path is made, in the place of a socket that nobody listens on any more, but never of one that
 * somebody does listen on or of any other file. The file is removed when the listener is freed,
 * unless it is another one by then or another process accepts on the same socket.
 *
 * Accepted streams do
 * not read until SocketStream_start(). When the process or the system runs out of descriptors or
 * memory, accepting stops and SOCKET_ACCEPT_STALLED is reported with the reason, again only if the
 * reason changes; it goes on within SOCKET_LISTENER_RETRY_MS of a free descriptor and then reports
 * SOCKET_ACCEPT_RESUMED.
 * 0, or SOCKET_EADDRESS, SOCKET_EPORT, SOCKET_EADDRINUSE, SOCKET_EADDRNOTAVAIL, SOCKET_EACCES (a
 * privileged port), SOCKET_EAFNOSUPPORT, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM, SOCKET_ESTATE
 * (listens already); of paths SOCKET_ENAMETOOLONG (over sun_path, some 100 bytes), SOCKET_ENOENT
 * and SOCKET_ENOTDIR (no such folder), SOCKET_EACCES, SOCKET_ENOSPC; and SOCKET_ENOTSUP for an
 * option that the address cannot have (reuseport and buffer sizes are TCP's, the mode is a path's),
 * or for unix sockets on a simulated loop. */
SOCKET_API int SocketListener_listen(SocketListener_T listener, const char *address);

/* Listens on a stream socket that listens already: one that another process handed over, or that
 * was set up in a way of the program's own. On success the descriptor is the listener's, which
 * closes it, and is made non-blocking and close-on-exec; if this fails, it stays the caller's.
 * Options of the socket (backlog, reuseport, buffers, mode) are what they are. The file of a unix
 * socket is removed as SocketListener_listen says, by the last who listens. 0; SOCKET_EBADF: not
 * open, or no socket; SOCKET_EINVAL: no stream socket; SOCKET_ESTATE: the socket does not listen,
 * or the listener does already; SOCKET_EEXIST: the loop has this descriptor already; SOCKET_ENOMEM.
 */
SOCKET_API int SocketListener_listen_fd(SocketListener_T listener, int fd);

/* The descriptor it listens on, the listener's own; SOCKET_ESTATE before it listens. */
SOCKET_API int SocketListener_get_fd(SocketListener_T listener);

/* The port it listens on, 0 for a unix socket; SOCKET_ESTATE before it listens. */
SOCKET_API int SocketListener_get_port(SocketListener_T listener);

/* Stop and start accepting; connections meanwhile wait in the kernel's backlog. 0. */
SOCKET_API int SocketListener_pause(SocketListener_T listener);
SOCKET_API int SocketListener_resume(SocketListener_T listener);

/* ---- Listening sockets from whoever started this process: socket activation, sd_listen_fds(3).
 *
 * systemd and its like listen before the program starts, and pass the sockets from descriptor 3 on,
 * with LISTEN_FDS (how many), LISTEN_PID (for whom) and perhaps LISTEN_FDNAMES ("web:admin") in the
 * environment, which is only read. Any thread. */

/* How many were passed to this process; each is close-on-exec from here on. 0: none, or they are
 * for another process. SOCKET_EINVAL for variables that make no sense. */
SOCKET_API int SocketListener_activation_count(void);

/* The index-th of them, for SocketListener_listen_fd. SOCKET_EINVAL for no such index; SOCKET_EBADF
 * if it is not open, as when it has been used and closed again. */
SOCKET_API int SocketListener_activation_fd(int index);

/* Writes its name ("unknown" where it has none) and a NUL into `out` (required, yours), and returns
 * the length. SOCKET_EINVAL for no such index or too little room. */
SOCKET_API int SocketListener_activation_name(int index, char *out, int capacity);

/* ---- Handing listening sockets to a successor, so that a restart drops no connection.
 *
 * The old process starts the new one with its very own sockets (SocketListener_get_fd,
 * SocketHTTPServer_get_fd), which therefore stay open throughout: connections that wait to be
 * accepted are never lost, not those of SO_REUSEPORT sockets either, as long as every one of them
 * is passed on and used. The new process takes them as above and calls
 * SocketListener_activation_ready once it accepts; then the old one stops accepting, ends what it
 * has begun, and exits. */

/* Starts `program`, looked up in PATH if there is no slash in it as execvp(3) does, with
 * `arguments` (the first is the program's name, NULL ends them) and the environment of this
 * process, in which LISTEN_FDS, LISTEN_PID and SOCKETPOLL_READY_FD are set. The `count` descriptors
 * `fds` become its 3, 4, ... and stay as they are here. All are required, nothing is kept. The
 * child has no signal blocked; descriptors that are not close-on-exec reach it as well. Its process
 * id goes to *pid (required); waitpid(2) it if it ends before this process. Returns a descriptor,
 * yours to close and non-blocking, that becomes readable when the outcome is known: read(2) gives
 * 1 byte when the successor is ready, and 0 if it ended or gave up before that. Blocks until
 * execve(2) has worked or failed. SOCKET_ENOENT, SOCKET_EACCES and the like if it failed;
 * SOCKET_EINVAL, SOCKET_EBADF, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_EAGAIN (fork(2)),
 * SOCKET_ENOMEM; SOCKET_ENOTSUP on Windows (SOCKET_CAN_ACTIVATION). Any thread. */
SOCKET_API int SocketListener_spawn_successor(const char *program, const char *const *arguments,
                                              const int *fds, int count, int64_t *pid);

/* Tells the process that started this one as its successor, if one did, that it may stop. 0, also
 * where there is none and from the second time on. Any thread. */
SOCKET_API int SocketListener_activation_ready(void);

#endif
