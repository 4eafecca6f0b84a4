/* SPDX-License-Identifier: MIT
 * SocketResolver.h - how names become addresses: what holds for the process, and a program's own
 * name service for a loop. Asking is SocketAsync_resolve; connecting by name asks as well.
 *
 * Numeric addresses are answered at once, "localhost" and names that end in ".localhost" with ::1
 * and 127.0.0.1 (RFC 6761, 6.3). Any other name goes to getaddrinfo(3), in a few threads that all
 * loops of the process share. They are started with the first name, take no signals and end after 5
 * idle seconds. Nothing ever waits for them: a lookup that is canceled, timed out or freed is
 * forgotten at once, and one that hangs in the system keeps its thread and disturbs nobody else.
 * The same question asked twice is looked up once. After fork() a child has threads and a cache of
 * its own; lookups that were under way end in the parent only.
 *
 * Names are 1 to 253 bytes of ASCII in labels of 1 to 63, otherwise SOCKET_ENAMETOOLONG or
 * SOCKET_EADDRESS. Names beyond ASCII are given in their "xn--" form (RFC 5890). "127.1" and the
 * like, which only inet_aton(3) takes for addresses, are SOCKET_EADDRESS.
 *
 * Addresses come in the order of RFC 6724 with the families taking turns (RFC 8305, 4), 64 at most,
 * without those that only mean something with an interface (RFC 4007).
 * Failures: SOCKET_ENONAME, there is no such name, or no address of that family;
 * SOCKET_ENAMESERVER, the name service failed; SOCKET_ELIMIT, too many names wait; SOCKET_ENOMEM,
 * SOCKET_EMFILE and the like, for what the system lacks.
 *
 * Threads and bad handles: as SocketLoop.h says, except where any thread may call. */
#ifndef SOCKETPOLL_SOCKETRESOLVER_H
#define SOCKETPOLL_SOCKETRESOLVER_H

#include "SocketFuture.h"
#include "SocketLoop.h"

enum SocketFamily { SOCKET_FAMILY_ANY = 0, SOCKET_FAMILY_IPV4 = 4, SOCKET_FAMILY_IPV6 = 6 };

enum SocketResolverDefaults {
  SOCKET_RESOLVER_THREADS = 4,            /* lookups under way at a time */
  SOCKET_RESOLVER_QUEUE = 256,            /* names that wait for a thread */
  SOCKET_RESOLVER_CACHE_ENTRIES = 256,    /* names that are remembered */
  SOCKET_RESOLVER_CACHE_FOUND_MS = 30000, /* for so long, as getaddrinfo(3) tells no TTL */
  SOCKET_RESOLVER_CACHE_FAILED_MS = 1000  /* SOCKET_ENONAME, SOCKET_ENAMESERVER (RFC 9520) */
};

/* ---- The process */

/* How many threads look names up at the most, 1 to 64, and how many names may wait for one, 1 to
 * 1000000; beyond that a lookup ends with SOCKET_ELIMIT. 0 or SOCKET_EINVAL. Any thread. */
SOCKET_API int SocketResolver_set_threads(int threads, int queue);

/* How many names are remembered (0: none; the least recently used is forgotten first), and for how
 * many milliseconds an answer and a failure hold (0: not at all). What is remembered already keeps
 * its time. 0; SOCKET_EINVAL for a negative number or more than 1000000 entries; SOCKET_ENOMEM. Any
 * thread. */
SOCKET_API int SocketResolver_set_cache(int entries, int found_ms, int failed_ms);

/* Forgets all that is remembered. 0 or SOCKET_ENOMEM. Any thread. */
SOCKET_API int SocketResolver_flush_cache(void);

/* ---- The answer to SocketAsync_resolve */

/* Writes address number `index`, from 0, as "192.0.2.1" or "2001:db8::1" with a final NUL into
 * `out` (required, yours; 64 bytes are enough) and returns its length. SOCKET_ENOENT beyond the
 * last, and for a future of another operation; SOCKET_EAGAIN while it has not ended; SOCKET_EINVAL
 * if capacity is too small. Any thread. */
SOCKET_API int SocketResolver_get_address(SocketFuture_T future, int index, char *out,
                                          int capacity);

/* ---- A name service of the program's own, for one loop */

/* One question to a hook. It ends with SocketResolver_finish or with the cancel callback, exactly
 * one of them; the handle is stale from then on. The library's, never freed by the program. */
typedef struct SocketQuery *SocketQuery_T;

/* Asked for the addresses of `name` (in lower case, with a final dot if it was given one, valid
 * until it returns) of `family`, enum SocketFamily. Called on the loop's thread, never from inside
 * the call that wants to know. Answers now or later with SocketResolver_add_address and
 * SocketResolver_finish. */
typedef void (*SocketResolverHook_T)(SocketLoop_T loop, const char *name, int family,
                                     SocketQuery_T query, void *user);

/* Nobody wants the answer to `query` any more, whose handle is stale already: it names which one.
 * Called on the loop's thread, in the turn after the cancellation, or by SocketLoop_free. */
typedef void (*SocketResolverCancel_T)(SocketQuery_T query, void *user);

/* From now on names of this loop are asked of `hook` (NULL: of the process's threads again) with
 * `user` (kept, not touched); questions under way stay where they are. `cancel` may be NULL.
 * Answers of a hook are not cached. 0. */
SOCKET_API int SocketResolver_set_hook(SocketLoop_T loop, SOCKET_NULLABLE SocketResolverHook_T hook,
                                       SOCKET_NULLABLE SocketResolverCancel_T cancel, void *user);

/* An answer: a numeric address without a port, "192.0.2.1", "2001:db8::1" (copied), the best first.
 * What is added in one turn of the loop is used together; a connection that is waiting begins with
 * what there is, IPv4 alone 50 ms later than IPv6 (RFC 8305, 3). 0; SOCKET_EADDRESS (or NULL:
 * SOCKET_EINVAL); SOCKET_EAFNOSUPPORT, not of the family that was asked for; SOCKET_ELIMIT, more
 * than 64; SOCKET_ESTATE, after finish; SOCKET_ECANCELED, the cancel callback follows;
 * SOCKET_ENOMEM. */
SOCKET_API int SocketResolver_add_address(SocketQuery_T query, const char *address);

/* No more addresses. `code`: 0, or, where none was added, why (SOCKET_ENONAME for 0). A query that
 * was canceled meanwhile ends with this as well, without its cancel callback. 0; SOCKET_EINVAL for
 * a number that is no failure; SOCKET_ESTATE if it was called before. */
SOCKET_API int SocketResolver_finish(SocketQuery_T query, int code);

#endif
