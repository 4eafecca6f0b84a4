/* SPDX-License-Identifier: MIT
 * SocketCompletionPort.h - the I/O completion port of Windows, for programs that want it bare.
 *
 *   SocketCompletionPort_T port = SocketCompletionPort_new (0);
 *   SocketCompletionPort_associate (port, fd, 7);
 *   SocketCompletionPort_receive (port, fd, buffer, sizeof buffer, my_connection);
 *   SocketPortEvent_T event;
 *   while (SocketCompletionPort_wait_one (port, &event, -1) == 1)
 *     done (event.user, event.bytes, event.error);
 *
 * Everything else in this library runs on every system; this does not. The functions are exported
 * everywhere, so that bindings are the same, but where SocketPlatform_capabilities() lacks
 * SOCKET_CAN_COMPLETION_PORT they do nothing: SocketCompletionPort_new gives NULL with
 * SOCKET_ENOTSUP, all others SOCKET_ENOTSUP whatever they are given.
 *
 * `fd` is the value of a SOCKET or of a HANDLE, opened for overlapped I/O. It stays the caller's,
 * who closes it; whatever is under way on it then ends with an error.
 *
 * An operation begins now, takes its time, and ends in exactly one event, whether it succeeds,
 * fails or is cancelled; only if it cannot begin its call fails, and there is no event. Buffers are
 * the caller's, and must stay until the event was taken. `user` is kept, not looked into, and comes
 * back with the event.
 *
 * Threads: any thread may call any function at any time, and any number may wait at once.
 *
 * Errors: negative SOCKET_E... codes. Every function gives SOCKET_EBADHANDLE for a `port` that is
 * none. Every call that begins an operation gives SOCKET_EBADF (`fd` is not open, or of the wrong
 * kind), SOCKET_ESTATE (not associated with this port), SOCKET_ENOMEM, and what the system says. */
#ifndef SOCKETPOLL_SOCKETCOMPLETIONPORT_H
#define SOCKETPOLL_SOCKETCOMPLETIONPORT_H

#include "SocketExport.h"

#include <stdint.h>

typedef struct SocketCompletionPort *SocketCompletionPort_T;

/* What has ended. */
enum SocketPortEventKind {
  SOCKET_PORT_POSTED = 1,   /* what SocketCompletionPort_post posted */
  SOCKET_PORT_ACCEPTED = 2, /* `fd` is the new connection, the caller's from now on */
  SOCKET_PORT_CONNECTED = 3,
  SOCKET_PORT_RECEIVED = 4, /* 0 bytes of a stream: the peer will send no more */
  SOCKET_PORT_SENT = 5,
  SOCKET_PORT_FILE_SENT = 6,
  SOCKET_PORT_FOREIGN = 7 /* begun without this library; `user` is its OVERLAPPED */
};

/* One event. Its size and offsets are frozen. */
typedef struct SocketPortEvent {
  uint64_t key;      /* of the association, or as posted */
  int64_t operation; /* what the call that began it returned; 0 of posted and foreign ones */
  void *user;        /* as given to that call */
  uint32_t bytes;    /* that were moved, or as posted */
  int error;         /* 0, or the code it failed with: SOCKET_ECANCELED, SOCKET_ECONNRESET, ... */
  int kind;          /* SOCKET_PORT_* */
  int fd;            /* what it was begun on, or was accepted; -1 of posted and foreign ones */
} SocketPortEvent_T;

/* A port. `concurrency`: how many of the threads that wait on it the system lets run at a time; 0
 * is one a processor. The caller frees it. NULL: SOCKET_ENOTSUP, SOCKET_EINVAL (negative),
 * SOCKET_ENOMEM. See CreateIoCompletionPort. */
SOCKET_API SocketCompletionPort_T SocketCompletionPort_new(int concurrency);

/* Ends *port and sets it to NULL; NULL, or a variable that holds NULL, is accepted. What is under
 * way is cancelled and has let go of its buffers when this returns; its events are lost. Threads
 * blocked in a wait return SOCKET_EBADHANDLE. Nothing may be under way on an associated handle that
 * was begun without this library. Descriptors stay open. */
SOCKET_API void SocketCompletionPort_free(SocketCompletionPort_T *port);

/* From now on what is begun on `fd` ends in this port with this key. A handle has one port for all
 * its life; a number that was closed and is open again has to be associated again.
 * 0, or SOCKET_EBADF, SOCKET_EEXIST (it has a port), SOCKET_ENOMEM. See CreateIoCompletionPort. */
SOCKET_API int SocketCompletionPort_associate(SocketCompletionPort_T port, int fd, uint64_t key);

/* Waits until something has ended and writes up to `capacity` events to `events`. `timeout_ms`: 0
 * looks and returns, -1 waits for as long as it takes. How many were written; 0 once the time is
 * up. SOCKET_EINVAL (`events` NULL, `capacity` below 1, `timeout_ms` below -1), SOCKET_ENOMEM,
 * SOCKET_EBADHANDLE (the port was freed meanwhile). See GetQueuedCompletionStatusEx. */
SOCKET_API int SocketCompletionPort_wait(SocketCompletionPort_T port, SocketPortEvent_T *events,
                                         int capacity, int timeout_ms);

/* The same for one event: 1, 0 or an error. */
SOCKET_API int SocketCompletionPort_wait_one(SocketCompletionPort_T port, SocketPortEvent_T *event,
                                             int timeout_ms);

/* Makes an event of the program's own: one wait returns it. 0 or SOCKET_ENOMEM. See
 * PostQueuedCompletionStatus. */
SOCKET_API int SocketCompletionPort_post(SocketCompletionPort_T port, uint64_t key, uint32_t bytes,
                                         void *user);

/* Operations. Each returns a number above 0 that names it, or a negative code. */

/* Accepts one connection of a listening stream socket; the event's `fd` is its socket, which is not
 * associated yet. SOCKET_EINVAL: it does not listen. See AcceptEx. */
SOCKET_API int64_t SocketCompletionPort_accept(SocketCompletionPort_T port, int listener,
                                               void *user);

/* Connects a stream socket to "192.0.2.1:80" or "[2001:db8::1]:80", binding it first if it is not
 * bound. SOCKET_EINVAL: not such an address. See ConnectEx. */
SOCKET_API int64_t SocketCompletionPort_connect(SocketCompletionPort_T port, int fd,
                                                const char *address, void *user);

/* Receives up to `length` bytes, or one datagram, which ends with SOCKET_EMSGSIZE where it is
 * longer. SOCKET_EINVAL: `buffer` NULL and `length` not 0. See WSARecv. */
SOCKET_API int64_t SocketCompletionPort_receive(SocketCompletionPort_T port, int fd,
                                                SOCKET_NULLABLE SOCKET_LENT void *buffer,
                                                uint32_t length, void *user);

/* Sends all `length` bytes, or one datagram. SOCKET_EINVAL as above. See WSASend. */
SOCKET_API int64_t SocketCompletionPort_send(SocketCompletionPort_T port, int fd,
                                             SOCKET_LENT const void *buffer, uint32_t length,
                                             void *user);

/* Receives one datagram. `sender`, which may be NULL, has room for `sender_size` characters and
 * must stay as long as the buffer; the sender's address is written to it as connect takes it, cut
 * off where it does not fit (64 are always enough). SOCKET_EINVAL as above, and for a negative
 * `sender_size`. See WSARecvFrom. */
SOCKET_API int64_t SocketCompletionPort_receive_from(SocketCompletionPort_T port, int fd,
                                                     SOCKET_NULLABLE SOCKET_LENT void *buffer,
                                                     uint32_t length,
                                                     SOCKET_NULLABLE SOCKET_LENT char *sender,
                                                     int sender_size, void *user);

/* Sends one datagram to an address as connect takes it. SOCKET_EINVAL as above. See WSASendTo. */
SOCKET_API int64_t SocketCompletionPort_send_to(SocketCompletionPort_T port, int fd,
                                                SOCKET_LENT const void *buffer, uint32_t length,
                                                const char *address, void *user);

/* Sends `length` bytes of the open file `file` from `offset` on over a stream socket, at most
 * 2147483646; 0 is all from there on. `file` must stay open until the event. SOCKET_EINVAL: too
 * many. Windows that are no servers carry out two at a time. See TransmitFile. */
SOCKET_API int64_t SocketCompletionPort_transmit_file(SocketCompletionPort_T port, int fd, int file,
                                                      uint64_t offset, uint32_t length, void *user);

/* Asks an operation to end soon; it may yet succeed. Its event comes in either case. 0, or
 * SOCKET_ENOENT (it has ended, or never was). See CancelIoEx. */
SOCKET_API int SocketCompletionPort_cancel(SocketCompletionPort_T port, int64_t operation);

/* The same for all that was begun on `fd` through this port: how many. SOCKET_EBADF (not an fd). */
SOCKET_API int SocketCompletionPort_cancel_all(SocketCompletionPort_T port, int fd);

#endif
