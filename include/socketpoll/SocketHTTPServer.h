/* SPDX-License-Identifier: MIT
 * SocketHTTPServer.h - an HTTP/1.1 server on a loop: routes, middleware, static files, limits.
 *
 * What a client does wrong is answered by the server itself and then closed: 400 (malformed, or
 * ambiguous in a way that smuggles requests), 408, 413, 414, 417, 431, 501, 505. What no route
 * answers gets 404, or 405 with Allow; OPTIONS is answered with Allow where no handler was given
 * for it; a GET route answers HEAD.
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETHTTPSERVER_H
#define SOCKETPOLL_SOCKETHTTPSERVER_H

#include "SocketHTTP.h"
#include "SocketListener.h"
#include "SocketTLS.h"

typedef struct SocketHTTPServer *SocketHTTPServer_T;

enum SocketHTTPServerDefaults {
  SOCKET_HTTP_MAX_HEAD = 65536,   /* bytes of a request's head; beyond: 431 */
  SOCKET_HTTP_MAX_TARGET = 8192,  /* bytes of a request's target; beyond: 414 */
  SOCKET_HTTP_MAX_FIELDS = 100,   /* header fields, at most 128; beyond: 431 */
  SOCKET_HTTP_MAX_BODY = 1048576, /* bytes of a request's body; beyond: 413 */
  SOCKET_HTTP_MAX_CONNECTIONS =
      100000, /* open at a time on one listener; more wait in the backlog */
  SOCKET_HTTP_HEAD_TIMEOUT_MS = 10000,  /* from a head's first byte to its last; beyond: 408 */
  SOCKET_HTTP_BODY_TIMEOUT_MS = 20000,  /* for a body, and a second more for each ... */
  SOCKET_HTTP_BODY_RATE = 500,          /* ... of these bytes that arrived; beyond: 408 */
  SOCKET_HTTP_IDLE_TIMEOUT_MS = 75000,  /* without a request on an open connection: closed */
  SOCKET_HTTP_WRITE_TIMEOUT_MS = 60000, /* without the peer taking any output: closed */
  SOCKET_HTTP_HIGH_MARK = 1048576,      /* queued output at which SocketHTTP_write refuses */
  SOCKET_HTTP_LOW_MARK = 262144         /* queued output at which SOCKET_HTTP_DRAINED is told */
};

/* SocketHTTPServer_static */
enum SocketHTTPStaticFlags {
  SOCKET_HTTP_LISTING = 0x1 /* a folder without index.html is answered with a page that lists it */
};

/* A server that does not listen yet. The caller frees it; freeing the loop does so as well. NULL
 * with SOCKET_ENOMEM. */
SOCKET_API SocketHTTPServer_T SocketHTTPServer_new(SocketLoop_T loop);

/* Closes its listeners and all connections at once (see SocketHTTPServer_stop for the gentle way)
 * and frees it. Its exchanges are stale. NULL accepted; the variable is nulled. */
SOCKET_API void SocketHTTPServer_free(SocketHTTPServer_T *server);

/* Sends requests of `method` whose path matches `pattern` to `handler` with `user` (kept, not
 * touched); where handler is NULL they are pulled as SOCKET_HTTP_REQUEST with `user`. Patterns:
 * "/a/b" exactly;
 * "/a/:name" one segment that is not empty; "/a/" followed by an asterisk: everything below. At
 * each segment the exact one wins over :name, and that over the asterisk. Both strings are copied.
 * At any time. 0, SOCKET_EINVAL for a bad method or pattern, SOCKET_EEXIST, SOCKET_ELIMIT,
 * SOCKET_ENOMEM. */
SOCKET_API int SocketHTTPServer_route(SocketHTTPServer_T server, const char *method,
                                      const char *pattern,
                                      SOCKET_NULLABLE SocketHTTPHandler_T handler, void *user);

/* Puts `handler` (required) in front of all routes, after those put there before. It answers the
 * exchange or passes it on with SocketHTTP_next. Requests that no route matches go through it as
 * well. 0, SOCKET_EINVAL, SOCKET_ENOMEM. */
SOCKET_API int SocketHTTPServer_use(SocketHTTPServer_T server, SocketHTTPHandler_T handler,
                                    void *user);

/* Answers GET and HEAD below `prefix` ("/", "/assets/") with the files of `folder`, which is opened
 * now and served even if it is renamed; a change of a file shows at the next request. Types by
 * extension; ETag, Last-Modified, conditional and range requests; "name.gz" beside "name" to
 * clients that take gzip; index.html for a folder; a redirect from "/folder" to "/folder/". Nothing
 * outside of the folder is reachable, not by dots, escapes or symbolic links, of which absolute
 * ones are never followed; on Windows not by devices ("CON", "nul.txt"), streams, drives or short
 * names either. Only regular files are served, and no name that begins with a dot, but for a
 * ".well-known" at the top (RFC 8615). Small files are kept in at most 16 MiB of memory. `flags`:
 * SOCKET_HTTP_LISTING or 0. 0, SOCKET_EINVAL, SOCKET_ENOENT, SOCKET_ENOTDIR, SOCKET_EACCES,
 * SOCKET_EEXIST, SOCKET_EMFILE, SOCKET_ENFILE, SOCKET_ENOMEM. */
SOCKET_API int SocketHTTPServer_static(SocketHTTPServer_T server, const char *prefix,
                                       const char *folder, int flags);

/* Listens on an address as SocketListener_listen does, with the same errors; any number of times.
 * "unix:/path" among them, for a proxy on the same machine. */
SOCKET_API int SocketHTTPServer_listen(SocketHTTPServer_T server, const char *address);

/* Listens on a socket that listens already, as SocketListener_listen_fd does, with the same errors.
 */
SOCKET_API int SocketHTTPServer_listen_fd(SocketHTTPServer_T server, int fd);

/* HTTPS: what is listened on from here on, by either of these, begins each connection with a
 * handshake, as SocketListener_set_tls does, with its errors. NULL: without any more. */
SOCKET_API int SocketHTTPServer_set_tls(SocketHTTPServer_T server, SOCKET_NULLABLE SocketTLS_T tls);

/* Whether the servers of several loops share the port: enum SocketReuseport, for every later
 * SocketHTTPServer_listen. 0 or SOCKET_EINVAL. */
SOCKET_API int SocketHTTPServer_set_reuseport(SocketHTTPServer_T server, int how);

/* The port of the latest listen (0 if that was a unix socket), and its descriptor, which stays the
 * server's; SOCKET_ESTATE before the first and once it stops. */
SOCKET_API int SocketHTTPServer_get_port(SocketHTTPServer_T server);
SOCKET_API int SocketHTTPServer_get_fd(SocketHTTPServer_T server);

/* Connections that are open now. */
SOCKET_API int SocketHTTPServer_get_connections(SocketHTTPServer_T server);

/* Stops gently: closes the listeners and idle connections, lets requests under way be answered
 * (with "Connection: close"), and after timeout_ms (-1: never) closes what is left.
 * SOCKET_HTTP_STOPPED then goes to the callback of SocketHTTPServer_set_callback, or is pulled; its
 * status is 0, or SOCKET_ETIMEDOUT if something had to be cut off. 0, also if it is stopping
 * already (the shorter time counts). */
SOCKET_API int SocketHTTPServer_stop(SocketHTTPServer_T server, int timeout_ms);

/* How long SocketHTTPServer_stop leaves connections open that have no request under way, so that
 * one which is on its way at that moment is answered as well: a client that has just connected, or
 * asks again on a connection that it kept, otherwise finds it closed. For a server that hands over
 * to a successor. In ms, at most the stop's own time; default 0. 0 or SOCKET_EINVAL. */
SOCKET_API int SocketHTTPServer_set_stop_grace(SocketHTTPServer_T server, int64_t ms);

/* SOCKET_HTTP_STOPPED, SOCKET_ACCEPT_STALLED and SOCKET_ACCEPT_RESUMED go to `callback` with `user`
 * (kept, not touched), or are pulled if callback is NULL. */
SOCKET_API int SocketHTTPServer_set_callback(SocketHTTPServer_T server,
                                             SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* `log` (NULL: none) is called with each exchange once its response has ended or failed, for an
 * access log. It must not answer. Requests that were malformed are not logged. */
SOCKET_API int SocketHTTPServer_set_log(SocketHTTPServer_T server,
                                        SOCKET_NULLABLE SocketHTTPHandler_T log, void *user);

/* The limits, with their defaults and answers above. Bytes or counts, at least 1 (max_body: 0),
 * from the next request on; times in ms, at least 1 or -1 for none, at once. 0 or SOCKET_EINVAL. */
SOCKET_API int SocketHTTPServer_set_max_head(SocketHTTPServer_T server, int64_t bytes);
SOCKET_API int SocketHTTPServer_set_max_target(SocketHTTPServer_T server, int64_t bytes);
SOCKET_API int SocketHTTPServer_set_max_fields(SocketHTTPServer_T server, int64_t fields);
SOCKET_API int SocketHTTPServer_set_max_body(SocketHTTPServer_T server, int64_t bytes);
SOCKET_API int SocketHTTPServer_set_max_connections(SocketHTTPServer_T server, int64_t connections);
SOCKET_API int SocketHTTPServer_set_head_timeout(SocketHTTPServer_T server, int64_t timeout_ms);
SOCKET_API int SocketHTTPServer_set_body_timeout(SocketHTTPServer_T server, int64_t timeout_ms);
SOCKET_API int SocketHTTPServer_set_idle_timeout(SocketHTTPServer_T server, int64_t timeout_ms);
SOCKET_API int SocketHTTPServer_set_write_timeout(SocketHTTPServer_T server, int64_t timeout_ms);
/* 0 <= low < high, in bytes. */
SOCKET_API int SocketHTTPServer_set_marks(SocketHTTPServer_T server, int64_t low, int64_t high);

#endif
