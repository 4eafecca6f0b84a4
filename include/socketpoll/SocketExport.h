/* SPDX-License-Identifier: MIT
 * SocketExport.h - the linkage of every public function: C names, default visibility; and what can
 * be said of a parameter beside its type. */
#ifndef SOCKETPOLL_SOCKETEXPORT_H
#define SOCKETPOLL_SOCKETEXPORT_H

#include <stddef.h> /* NULL */

#if defined(__cplusplus)
#define SOCKET_EXTERN_C extern "C"
#else
#define SOCKET_EXTERN_C extern
#endif

#if defined(_WIN32) && defined(SOCKETPOLL_BUILDING)
#define SOCKET_API SOCKET_EXTERN_C __declspec(dllexport)
#elif defined(_WIN32) && !defined(SOCKETPOLL_STATIC)
#define SOCKET_API SOCKET_EXTERN_C __declspec(dllimport)
#elif defined(__GNUC__)
#define SOCKET_API SOCKET_EXTERN_C __attribute__((visibility("default")))
#else
#define SOCKET_API SOCKET_EXTERN_C
#endif

/* A pointer, string, handle or callback is required, and used until the function returns and no
 * longer, unless one of these stands before it. The manifest of the ABI (bindings/README.md) has
 * them for other languages; `user` is OPAQUE everywhere. */
#if defined(SOCKETPOLL_MANIFEST)
#define SOCKET_NULLABLE __attribute__((annotate("nullable")))
#define SOCKET_LENT __attribute__((annotate("lent")))
#define SOCKET_OPAQUE __attribute__((annotate("opaque")))
#else
#define SOCKET_NULLABLE /* may be NULL; the comment says what that means */
#define SOCKET_LENT     /* must stay as it is until the operation has ended: see the comment */
#define SOCKET_OPAQUE   /* never looked into: any word, kept for the program or given by us before \
                         */
#endif

#endif
