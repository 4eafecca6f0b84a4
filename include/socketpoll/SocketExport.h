/* SPDX-License-Identifier: MIT
 * SocketExport.h - the linkage of every public function: C names, default visibility. */
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

#endif
