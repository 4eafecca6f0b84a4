/* SPDX-License-Identifier: MIT
 * SocketDgram.h - datagrams on a loop: UDP over IPv4 and IPv6, and unix datagrams.
 *
 * Addresses are text: "127.0.0.1:53", "[::1]:53", "[fe80::1%eth0]:53" (a scope, by name or number),
 * "localhost:53" (127.0.0.1), "unix:/path", "unix:@name" (abstract, Linux). Names are not looked
 * up. What is wrong with one is told by SOCKET_EADDRESS (does not parse, no such interface),
 * SOCKET_EPORT, SOCKET_ENAMETOOLONG (a path over sun_path, unix(7)) or SOCKET_ENOTSUP (no abstract
 * names here).
 *
 * A socket takes its family from the first address that it is given, by SocketDgram_bind,
 * SocketDgram_connect or SocketDgram_send_to. Addresses of another family then give
 * SOCKET_EAFNOSUPPORT. The functions that make the socket may also give SOCKET_EMFILE,
 * SOCKET_ENFILE, SOCKET_ENOBUFS, SOCKET_ENOMEM, and SOCKET_ENOTSUP for an option set before that
 * the family lacks, or on the loop of a simulation.
 *
 * Its events:
 *   SOCKET_DATAGRAM        one datagram: data, length (0 is a datagram like any other), and in
 *                          `source` who sent it. status is SOCKET_ETRUNCATED if it was longer than
 *                          the room for it; length is then what is there.
 *   SOCKET_DATAGRAM_ERROR  a datagram of ours was not delivered, as far as the network tells:
 *                          status says why (SOCKET_ECONNREFUSED, SOCKET_EHOSTUNREACH,
 *                          SOCKET_ENETUNREACH, SOCKET_EMSGSIZE...), `source` to whom it went, or
 *                          NULL. Of a connected socket only what ip(7) calls hard errors, and only
 *                          if no call of a send function was told first; of an unconnected one
 *                          whatever ICMP says, and never by a send function (Linux; elsewhere
 *                          nothing is told). Told while the socket is started. Where reading itself
 * fails, for want of memory or because the poll refuses the descriptor, status says so and the
 * socket is paused. SOCKET_DRAINED a send that met SOCKET_EAGAIN may be tried again.
 *
 * `source` is a token: SocketDgram_reply and SocketDgram_get_sender take it, on the socket that the
 * event came from, for exactly as long as the event's data is valid: in push delivery until the
 * callback returns, in pull delivery until the next SocketLoop_wait. After that, or made up, it
 * gives SOCKET_EBADHANDLE.
 *
 * Datagrams of a socket never nest: while its callback runs, it receives nothing, whatever the
 * callback calls. One turn of the loop takes a bounded number of datagrams from a socket.
 *
 * Sending never queues: what the kernel does not take at once was not sent, and the code says why:
 * SOCKET_EAGAIN (no room; SOCKET_DRAINED follows), SOCKET_EMSGSIZE (longer than the protocol or
 * SocketDgram_set_send_buffer allows), SOCKET_ENOBUFS (dropped by the device's queue),
 * SOCKET_EACCES (broadcast is off, or a path's permissions), SOCKET_EPERM (a firewall),
 * SOCKET_ENETUNREACH, SOCKET_EHOSTUNREACH, SOCKET_EADDRNOTAVAIL, SOCKET_EINVAL (NULL with a length,
 * or a negative length); of unix names SOCKET_ENOENT and SOCKET_ECONNREFUSED (nobody is bound
 * there). sendto(2).
 *
 * Threads and bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETDGRAM_H
#define SOCKETPOLL_SOCKETDGRAM_H

#include "SocketLoop.h"

typedef struct SocketDgram *SocketDgram_T;

enum SocketDgramDefaults {
  SOCKET_DGRAM_MAX_BATCH = 64,  /* datagrams that SocketDgram_set_batch lets one call receive */
  SOCKET_DGRAM_PULL_BATCH = 32, /* datagrams of a socket that a wait gives at most, unless set */
  SOCKET_DGRAM_RETRY_MS = 10    /* SOCKET_DRAINED where the kernel cannot tell of room: see below */
};

/* What the system can do with the socket's family, beyond a call for each datagram. What it cannot
 * is done by a loop, unless a function says otherwise. */
enum SocketDgramCapability {
  SOCKET_DGRAM_CAN_BATCH = 0x01,       /* recvmmsg(2), sendmmsg(2) */
  SOCKET_DGRAM_CAN_SEGMENT = 0x02,     /* UDP_SEGMENT, udp(7): GSO */
  SOCKET_DGRAM_CAN_GRO = 0x04,         /* UDP_GRO, udp(7) */
  SOCKET_DGRAM_CAN_TELL_ERRORS = 0x08, /* errors of unconnected sends: IP_RECVERR, ip(7) */
  SOCKET_DGRAM_CAN_ABSTRACT = 0x10     /* abstract unix names, unix(7) */
};

/* A socket without a family yet. The caller frees it; freeing the loop does so as well. NULL with
 * SOCKET_ENOMEM. */
SOCKET_API SocketDgram_T SocketDgram_new(SocketLoop_T loop);

/* Closes it and frees the handle; datagrams not delivered yet are dropped. The file that a unix
 * path was bound to stays. NULL accepted; the variable is nulled. */
SOCKET_API void SocketDgram_free(SocketDgram_T *dgram);

/* The socket's events go to `callback` with `user` (kept, not touched), or are pulled with `user`
 * if callback is NULL. */
SOCKET_API int SocketDgram_set_callback(SocketDgram_T dgram,
                                        SOCKET_NULLABLE SocketCallback_T callback, void *user);

/* Binds to a local address; port 0 picks a free one. 0, SOCKET_ESTATE once it has a socket (it was
 * bound, connected, or has sent), SOCKET_EADDRINUSE (a unix path that exists among them),
 * SOCKET_EADDRNOTAVAIL, SOCKET_EACCES, SOCKET_EINVAL (NULL), SOCKET_ENOENT or SOCKET_ENOTDIR (the
 * path's folder), and what is said above of addresses and sockets. bind(2). */
SOCKET_API int SocketDgram_bind(SocketDgram_T dgram, const char *address);

/* Makes `address` the one peer that the socket sends to and receives from; what others have sent
 * before that may still be delivered. Again: another peer. NULL: anybody again, 0 as well if it was
 * not connected. 0, SOCKET_ENETUNREACH, SOCKET_EACCES, SOCKET_ENOENT or SOCKET_ECONNREFUSED (nobody
 * is bound to the unix name), and what is said above of addresses and sockets; the socket is then
 * as before. connect(2). */
SOCKET_API int SocketDgram_connect(SocketDgram_T dgram, SOCKET_NULLABLE const char *address);

/* Starts to receive, as soon as there is a socket; after SocketDgram_pause goes on. 0, or
 * SOCKET_EBUSY while SocketAsync_receive_from is under way. */
SOCKET_API int SocketDgram_start(SocketDgram_T dgram);

/* Stops receiving: datagrams wait in the kernel's buffer, and are lost once that is full. Those of
 * a batch that was received already are still delivered. 0. */
SOCKET_API int SocketDgram_pause(SocketDgram_T dgram);

/* Sends one datagram of `length` bytes, 0 included, to the connected peer. `data` is not needed
 * after the call. 0, SOCKET_ENOTCONN unless connected, SOCKET_ECONNREFUSED and the like for what
 * became of an earlier datagram (this one was not sent), and what is said above of sending. */
SOCKET_API int SocketDgram_send(SocketDgram_T dgram, const void *data, int64_t length);

/* The same to `address`. 0, SOCKET_ESTATE if the socket is connected, SOCKET_EINVAL (NULL), and
 * what is said above of sending, addresses and sockets. */
SOCKET_API int SocketDgram_send_to(SocketDgram_T dgram, const char *address, const void *data,
                                   int64_t length);

/* The same to the one that the token `source` stands for. 0, SOCKET_EBADHANDLE (the token is not
 * valid), SOCKET_ENOTCONN (a unix socket without a name), SOCKET_ESTATE (connected by now, to
 * another one), and what is said above of sending. */
SOCKET_API int SocketDgram_reply(SocketDgram_T dgram, SOCKET_OPAQUE void *source, const void *data,
                                 int64_t length);

/* Writes the address that the token `source` stands for, with a final NUL, into `out` (required,
 * yours), in the form that SocketDgram_send_to takes, and returns its length. SOCKET_EBADHANDLE
 * (the token is not valid), SOCKET_ENOTCONN (a unix socket without a name), SOCKET_EINVAL if
 * capacity is too small (128 is enough). */
SOCKET_API int SocketDgram_get_sender(SocketDgram_T dgram, SOCKET_OPAQUE void *source, char *out,
                                      int capacity);

/* The token of whoever sent what SocketAsync_receive_from received last, or to whom what it was
 * told of had gone: valid until the next one begins. NULL with SOCKET_ESTATE if there is none. */
SOCKET_API void *SocketDgram_get_last_source(SocketDgram_T dgram);

/* ---- Many at a time */

/* Receives up to `count` datagrams by one system call, each into `bytes_each` bytes of its own:
 * longer ones are cut. They are still delivered one by one. count 0, the default: one call for each
 * datagram, and room for any of 64 KiB. The memory, twice count * bytes_each with pull delivery, is
 * taken when it is first needed. Takes effect with the next call that receives. SOCKET_EINVAL
 * unless 0 <= count <= SOCKET_DGRAM_MAX_BATCH and 1 <= bytes_each <= 1048576 (any if count is 0).
 */
SOCKET_API int SocketDgram_set_batch(SocketDgram_T dgram, int count, int bytes_each);

/* Sends `count` datagrams, data[i] of lengths[i] bytes, in order, to `address`, or to the connected
 * peer if address is NULL, by one system call for 64. Returns how many went: fewer than count if
 * the next one met an error, which sending it again will tell; SOCKET_DRAINED follows if that was
 * SOCKET_EAGAIN. If the first met one, that error, as of SocketDgram_send and SocketDgram_send_to.
 * SOCKET_EINVAL for a negative count, or NULL arrays with a count. */
SOCKET_API int SocketDgram_send_batch(SocketDgram_T dgram, SOCKET_NULLABLE const char *address,
                                      const void *const *data, const int64_t *lengths, int count);

/* The same, each to the one that the token sources[i] stands for; errors as of SocketDgram_reply.
 */
SOCKET_API int SocketDgram_reply_batch(SocketDgram_T dgram, void *const *sources,
                                       const void *const *data, const int64_t *lengths, int count);

/* Sends `length` bytes as datagrams of `segment_size` bytes, the last one perhaps shorter, to
 * `address`, or to the connected peer if address is NULL: 64 of them a system call and a walk
 * through the kernel's stack where SOCKET_DGRAM_CAN_SEGMENT, by a loop where not or where the path
 * allows no such segments. Returns the bytes that went, in whole segments, and stops early as
 * SocketDgram_send_batch does. length 0 sends nothing. SOCKET_EINVAL unless 1 <= segment_size <=
 * 65507, or for a negative length. */
SOCKET_API int64_t SocketDgram_send_segments(SocketDgram_T dgram,
                                             SOCKET_NULLABLE const char *address, const void *data,
                                             int64_t length, int segment_size);

/* The same to the one that the token `source` stands for; errors as of SocketDgram_reply. */
SOCKET_API int64_t SocketDgram_reply_segments(SocketDgram_T dgram, SOCKET_OPAQUE void *source,
                                              const void *data, int64_t length, int segment_size);

/* 1: lets the kernel join datagrams of one sender on their way up, UDP_GRO of udp(7); each is still
 * delivered by itself. Each room of a batch then has 64 KiB at least. Default 0. Takes effect with
 * the next call that receives. 0, or SOCKET_ENOTSUP where there is none: then everything works as
 * before. */
SOCKET_API int SocketDgram_set_gro(SocketDgram_T dgram, int on);

/* SOCKET_DGRAM_CAN_* bits; of UDP over IPv4 as long as there is no socket. SOCKET_EMFILE,
 * SOCKET_ENFILE and the like where none can be made to ask. */
SOCKET_API int SocketDgram_get_capabilities(SocketDgram_T dgram);

/* ---- Options. At any time unless said otherwise, kept until there is a socket; then
 * SOCKET_ENOTSUP where its family lacks the option. */

/* Sending to broadcast addresses: SO_BROADCAST, socket(7). Default 0. */
SOCKET_API int SocketDgram_set_broadcast(SocketDgram_T dgram, int on);

/* Before there is a socket, SOCKET_ESTATE after. Binding to an address that others have bound with
 * the same option: SO_REUSEADDR (on Linux the last one receives what is no multicast) and
 * SO_REUSEPORT (the kernel spreads senders over them), socket(7). Default 0. */
SOCKET_API int SocketDgram_set_reuseaddr(SocketDgram_T dgram, int on);
SOCKET_API int SocketDgram_set_reuseport(SocketDgram_T dgram, int on);

/* Before there is a socket, SOCKET_ESTATE after. 0: an IPv6 socket speaks IPv4 as well, with
 * addresses such as "[::ffff:127.0.0.1]:53": IPV6_V6ONLY, RFC 3493 5.3. Default 1. No matter for
 * other families. */
SOCKET_API int SocketDgram_set_v6only(SocketDgram_T dgram, int on);

/* SO_RCVBUF and SO_SNDBUF in bytes, socket(7). SOCKET_EINVAL under 1. Default: the system's. */
SOCKET_API int SocketDgram_set_receive_buffer(SocketDgram_T dgram, int bytes);
SOCKET_API int SocketDgram_set_send_buffer(SocketDgram_T dgram, int bytes);

/* How many routers a datagram may pass: IP_TTL and IPV6_UNICAST_HOPS, 1 to 255, default the
 * system's (64); and one to a group: IP_MULTICAST_TTL and IPV6_MULTICAST_HOPS, 0 to 255, default 1,
 * the own network. SOCKET_EINVAL outside of that. */
SOCKET_API int SocketDgram_set_ttl(SocketDgram_T dgram, int hops);
SOCKET_API int SocketDgram_set_multicast_ttl(SocketDgram_T dgram, int hops);

/* Whether what is sent to a group comes back to members on this machine: IP_MULTICAST_LOOP. Default
 * 1. */
SOCKET_API int SocketDgram_set_multicast_loop(SocketDgram_T dgram, int on);

/* The interface by which datagrams to groups leave, by its name ("eth0") or one of its addresses
 * ("192.0.2.1"); NULL or "", the default: the system chooses. SOCKET_EADDRNOTAVAIL if there is none
 * such. IP_MULTICAST_IF, ip(7) and ipv6(7). */
SOCKET_API int SocketDgram_set_multicast_interface(SocketDgram_T dgram,
                                                   SOCKET_NULLABLE const char *interface_name);

/* Receives what is sent to `group` ("239.1.2.3", "ff02::fb") and the port that the socket is bound
 * to, by the interface that `interface_name` names as above. 0, SOCKET_ESTATE before there is a
 * socket, SOCKET_EADDRESS (no numeric multicast address), SOCKET_EAFNOSUPPORT (the socket's family
 * is another one), SOCKET_EADDRNOTAVAIL (no such interface, or none for multicast),
 * SOCKET_EADDRINUSE (joined already), SOCKET_ENOBUFS or SOCKET_ENOMEM (too many). RFC 3678. */
SOCKET_API int SocketDgram_join(SocketDgram_T dgram, const char *group,
                                SOCKET_NULLABLE const char *interface_name);

/* Ends that; so does freeing. SOCKET_EADDRNOTAVAIL if it was not joined; otherwise as
 * SocketDgram_join. */
SOCKET_API int SocketDgram_leave(SocketDgram_T dgram, const char *group,
                                 SOCKET_NULLABLE const char *interface_name);

/* The same for what the host `source` ("192.0.2.7") sends to the group, and no one else: RFC 4607.
 */
SOCKET_API int SocketDgram_join_source(SocketDgram_T dgram, const char *group, const char *source,
                                       SOCKET_NULLABLE const char *interface_name);
SOCKET_API int SocketDgram_leave_source(SocketDgram_T dgram, const char *group, const char *source,
                                        SOCKET_NULLABLE const char *interface_name);

/* ---- What it is */

/* Writes the socket's own address, or the connected peer's, as SocketDgram_get_sender does ("unix:"
 * for a unix socket without a name). SOCKET_ESTATE before there is a socket, SOCKET_ENOTCONN (no
 * peer), SOCKET_EINVAL. getsockname(2). */
SOCKET_API int SocketDgram_get_local(SocketDgram_T dgram, char *out, int capacity);
SOCKET_API int SocketDgram_get_peer(SocketDgram_T dgram, char *out, int capacity);

/* The port that it is bound to, 0 for a unix socket. SOCKET_ESTATE before there is a socket. */
SOCKET_API int SocketDgram_get_port(SocketDgram_T dgram);

/* The socket's descriptor, the library's own: for getsockopt(2) and the like. SOCKET_ESTATE before
 * there is one. */
SOCKET_API int SocketDgram_get_fd(SocketDgram_T dgram);

#endif
