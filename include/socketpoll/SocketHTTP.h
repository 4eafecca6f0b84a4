/* SPDX-License-Identifier: MIT
 * SocketHTTP.h - one HTTP request and its response: an exchange.
 *
 * A server hands an exchange to a handler, or, where the route has none, as a pulled
 * SOCKET_HTTP_REQUEST. It is answered with SocketHTTP_respond, or with SocketHTTP_start, any number
 * of SocketHTTP_write and SocketHTTP_end; inside the handler or at any later time. The exchange is
 * the library's and is never freed: its handle is stale once the response has been ended and the
 * handler has returned. If it ends otherwise (the peer went away, a deadline or a limit was hit),
 * the handle is stale as well, and SOCKET_HTTP_CLOSED with the reason is delivered where a callback
 * was set or the request was pulled.
 *
 * Strings and bytes that describe the request are valid until the handler returns; of a pulled
 * request until the next SocketLoop_wait; asked for later, until the next call that asks for the
 * same.
 *
 * Threads and bad handles: as SocketLoop.h says. RFC 9110, RFC 9112. */
#ifndef SOCKETPOLL_SOCKETHTTP_H
#define SOCKETPOLL_SOCKETHTTP_H

#include "SocketLoop.h"

typedef struct SocketHTTP *SocketHTTP_T;

/* A handler: answers `exchange` now or later, or passes it on with SocketHTTP_next. */
typedef void (*SocketHTTPHandler_T)(SocketHTTP_T exchange, void *user);

/* ---- The request */

/* "GET"; "/a/b?c=d" as it was sent; "/a/b", still percent-encoded; "c=d", or NULL without a '?'.
 * NULL for a bad handle. */
SOCKET_API const char *SocketHTTP_get_method(SocketHTTP_T exchange);
SOCKET_API const char *SocketHTTP_get_target(SocketHTTP_T exchange);
SOCKET_API const char *SocketHTTP_get_path(SocketHTTP_T exchange);
SOCKET_API const char *SocketHTTP_get_query(SocketHTTP_T exchange);

/* 10 for HTTP/1.0, 11 for HTTP/1.1. */
SOCKET_API int SocketHTTP_get_version(SocketHTTP_T exchange);

/* The value of the first field of that name, whatever its case; NULL if there is none. */
SOCKET_API const char *SocketHTTP_get_header(SocketHTTP_T exchange, const char *name);

/* All fields in the order in which they came; NULL for an index beyond the last. */
SOCKET_API int SocketHTTP_get_header_count(SocketHTTP_T exchange);
SOCKET_API const char *SocketHTTP_get_header_name(SocketHTTP_T exchange, int index);
SOCKET_API const char *SocketHTTP_get_header_value(SocketHTTP_T exchange, int index);

/* What stands in the place of ":name" in the route's pattern, percent-decoded, or, for "*", the
 * rest of the path. NULL if the pattern has no such name. */
SOCKET_API const char *SocketHTTP_get_parameter(SocketHTTP_T exchange, const char *name);

/* The peer's address without its port: as SocketStream_get_peer otherwise, "unix:" over a unix
 * socket whose client has no name. */
SOCKET_API int SocketHTTP_get_peer(SocketHTTP_T exchange, char *out, int capacity);

/* Of a request that came over TLS: "TLSv1.3" or "TLSv1.2", a static string; the name that the
 * client asked for (SNI); its certificate (index 0) and those that it sent along, as DER. As
 * SocketStream_get_tls_version, _get_tls_server and _get_tls_certificate, with their errors:
 * SOCKET_ENOTSUP where there is no TLS, SOCKET_ENOENT where it showed none; and SOCKET_ECLOSED. */
SOCKET_API const char *SocketHTTP_get_tls_version(SocketHTTP_T exchange);
SOCKET_API int SocketHTTP_get_tls_server(SocketHTTP_T exchange, char *out, int capacity);
SOCKET_API int64_t SocketHTTP_get_tls_certificate(SocketHTTP_T exchange, int index, void *out,
                                                  int64_t capacity);

/* Content-Length; -1 if the body is chunked, 0 if there is none. A bad handle gives
 * SOCKET_EBADHANDLE, which is not -1 only by Socket_last_error(): test the handle first where that
 * matters. */
SOCKET_API int64_t SocketHTTP_get_body_length(SocketHTTP_T exchange);

/* ---- The request's body */

/* The exchange's further events (SOCKET_HTTP_BODY, _BODY_END, _DRAINED, _CLOSED) go to `callback`
 * with `user` (kept, not touched), or are pulled if callback is NULL. */
SOCKET_API int SocketHTTP_set_callback(SocketHTTP_T exchange,
                                       SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* Asks for the body, or for more of it after SocketHTTP_pause_body: SOCKET_HTTP_BODY any number of
 * times, then SOCKET_HTTP_BODY_END. Sends 100 Continue if the client waits for it. A body that is
 * not asked for is discarded, or the connection closed, after the response. 0, or SOCKET_ESTATE
 * when the body has ended. */
SOCKET_API int SocketHTTP_read_body(SocketHTTP_T exchange);

/* No more SOCKET_HTTP_BODY until the next SocketHTTP_read_body. 0. */
SOCKET_API int SocketHTTP_pause_body(SocketHTTP_T exchange);

/* ---- The response */

/* Adds a field to the response, after those added before; set replaces all of that name first. Both
 * strings are copied. Content-Length, Transfer-Encoding, Connection, Date and Keep-Alive are the
 * library's. 0; SOCKET_EINVAL for a NULL, a name that is no token, a value with control characters
 * or one of those names; SOCKET_ESTATE after the head was sent; SOCKET_ELIMIT beyond 16 KiB;
 * SOCKET_ENOMEM. */
SOCKET_API int SocketHTTP_add_header(SocketHTTP_T exchange, const char *name, const char *value);
SOCKET_API int SocketHTTP_set_header(SocketHTTP_T exchange, const char *name, const char *value);

/* The whole response: `status` (200 to 999), Content-Type (NULL: none), and `length` bytes of
 * `body`, copied as far as the kernel does not take them at once (NULL only with length 0). To a
 * HEAD request, and with 204 and 304, no body is sent. 0; SOCKET_EINVAL; SOCKET_ESTATE if it was
 * answered already; the codes of SocketStream_write when the connection is broken. */
SOCKET_API int SocketHTTP_respond(SocketHTTP_T exchange, int status,
                                  SOCKET_NULLABLE const char *content_type,
                                  SOCKET_NULLABLE const void *body, int64_t length);

/* Sends the head of a response whose body follows by SocketHTTP_write: of `length` bytes in all,
 * or, with -1, of a length not known yet (chunked; to HTTP/1.0 ended by closing). As
 * SocketHTTP_respond. */
SOCKET_API int SocketHTTP_start(SocketHTTP_T exchange, int status, const char *content_type,
                                int64_t length);

/* Sends the next bytes of the body. Returns the bytes now queued on the connection; above the low
 * mark, SOCKET_HTTP_DRAINED follows. SOCKET_EAGAIN at the high mark: nothing was taken, wait for
 * SOCKET_HTTP_DRAINED. SOCKET_EINVAL for NULL, a negative length, or more than was announced;
 * SOCKET_ESTATE before start or after end; otherwise as SocketStream_write. */
SOCKET_API int64_t SocketHTTP_write(SocketHTTP_T exchange, const void *data, int64_t length);

/* Ends the response. 0; SOCKET_ESTATE before start or after end; SOCKET_EINVAL if bytes that were
 * announced are missing: the connection is then closed, so that the client notices, and no
 * SOCKET_HTTP_CLOSED follows. */
SOCKET_API int SocketHTTP_end(SocketHTTP_T exchange);

/* Closes the connection without (the rest of) a response. 0. */
SOCKET_API int SocketHTTP_abort(SocketHTTP_T exchange);

/* ---- Between handlers */

/* Passes the exchange on to the next middleware, or to its route. It is called after the present
 * handler has returned, or in the loop's next turn. 0, SOCKET_ESTATE if it was answered, or if it
 * is at its route. */
SOCKET_API int SocketHTTP_next(SocketHTTP_T exchange);

/* ---- For the log: valid inside the callback of SocketHTTPServer_set_log */

/* The status that was sent, 0 if none was; the bytes of the body that were handed to the
 * connection; the microseconds from the request's first byte until now. */
SOCKET_API int SocketHTTP_get_status(SocketHTTP_T exchange);
SOCKET_API int64_t SocketHTTP_get_bytes_sent(SocketHTTP_T exchange);
SOCKET_API int64_t SocketHTTP_get_duration_us(SocketHTTP_T exchange);

#endif
