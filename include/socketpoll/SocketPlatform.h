/* SPDX-License-Identifier: MIT
 * SocketPlatform.h - what the system that a program runs on has, and has not.
 *
 * The library is the same everywhere. Where a system lacks something, a call that needs it fails
 * with SOCKET_ENOTSUP (or SOCKET_EAFNOSUPPORT for a family of addresses), or gives the same result
 * by a slower way, as each function says; here a program can ask beforehand. docs/platforms.md
 * tells the mechanisms. What a readiness backend can do is asked of SocketPoll.h, what a datagram
 * socket can do of SocketDgram.h. */
#ifndef SOCKETPOLL_SOCKETPLATFORM_H
#define SOCKETPOLL_SOCKETPLATFORM_H

#include "SocketExport.h"

enum SocketPlatformCapability {
  SOCKET_CAN_UNIX_SOCKETS = 0x01,     /* streams and listeners at "unix:/path" */
  SOCKET_CAN_ABSTRACT_NAMES = 0x02,   /* "unix:@name" */
  SOCKET_CAN_PASS_DESCRIPTORS = 0x04, /* SocketStream_send_fds */
  SOCKET_CAN_PEER_CREDENTIALS = 0x08, /* SocketStream_get_peer_credentials */
  SOCKET_CAN_PIPES = 0x10,            /* streams over pipes, FIFOs and terminals */
  SOCKET_CAN_SPLICE = 0x20,           /* splices inside the kernel; copies elsewhere */
  SOCKET_CAN_SEND_FILE = 0x40,        /* files sent from inside the kernel; copies elsewhere */
  SOCKET_CAN_SHARE_PORT = 0x80,       /* several listeners on one port share what comes */
  SOCKET_CAN_ACTIVATION = 0x100,      /* LISTEN_FDS, and successors that take sockets over */
  SOCKET_CAN_PIN_THREADS = 0x200,     /* workers that stay on a processor */
  SOCKET_CAN_COMPLETION_PORT = 0x400  /* SocketCompletionPort.h does more than say SOCKET_ENOTSUP */
};

/* "linux", "macos", "freebsd", "netbsd", "openbsd", "windows", or "posix" for any other. Static
 * string. Any thread; never fails. */
SOCKET_API const char *SocketPlatform_name(void);

/* The SOCKET_CAN_* bits that hold on this system, found out once where the version of the system
 * decides. Any thread; never fails. */
SOCKET_API int SocketPlatform_capabilities(void);

/* The name of one of those bits, as `socketpoll info` prints it ("unix-sockets"); NULL with
 * SOCKET_EINVAL for anything else, sums included. Static string. Any thread. */
SOCKET_API const char *SocketPlatform_capability_name(int capability);

#endif
