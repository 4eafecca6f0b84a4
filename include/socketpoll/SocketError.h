/* SPDX-License-Identifier: MIT
 * SocketError.h - the one table of errors, and how to ask for the last of them.
 *
 * Every function newer than SocketPoll_* returns 0 or a count on success and one of these negative
 * codes on failure; completions and callbacks carry the same integers. Constructors return NULL and
 * leave the code in Socket_last_error(). The codes are the same on every platform and are never
 * reused. SocketPoll_* alone follows POSIX: -1 and errno. */
#ifndef SOCKETPOLL_SOCKETERROR_H
#define SOCKETPOLL_SOCKETERROR_H

#include "SocketExport.h"

/* X (name, code, text). Bindings read the enumeration below, which the compiler evaluates. */
#define SOCKET_ERROR_TABLE(X)                                                                      \
  X(SOCKET_EBADHANDLE, -1, "not a live handle of this type")                                       \
  X(SOCKET_EWRONGTHREAD, -2, "called from a thread that does not own the loop")                    \
  X(SOCKET_EINVAL, -3, "invalid argument")                                                         \
  X(SOCKET_ENOMEM, -4, "out of memory")                                                            \
  X(SOCKET_ENOTSUP, -5, "not supported here")                                                      \
  X(SOCKET_ESTATE, -6, "not possible in the handle's present state")                               \
  X(SOCKET_EBUSY, -7, "busy with another such operation")                                          \
  X(SOCKET_ELIMIT, -8, "a configured limit is reached")                                            \
  X(SOCKET_ETIMEDOUT, -9, "timed out")                                                             \
  X(SOCKET_ECANCELED, -10, "canceled")                                                             \
  X(SOCKET_ESTOPPED, -11, "the loop was stopped")                                                  \
  X(SOCKET_ECLOSED, -12, "already closed")                                                         \
  X(SOCKET_EADDRESS, -13, "not an address with a port")                                            \
  X(SOCKET_EPROTOCOL, -14, "the peer broke the protocol")                                          \
  X(SOCKET_EPORT, -15, "not a port number up to 65535")                                            \
  X(SOCKET_ENONAME, -16, "no such host name")                                                      \
  X(SOCKET_ENAMESERVER, -17, "the name service gave no answer")                                    \
  X(SOCKET_ETRUNCATED, -18, "longer than the room for it; the rest is lost")                       \
  X(SOCKET_EAGAIN, -30, "not ready yet")                                                           \
  X(SOCKET_EBADF, -31, "bad descriptor")                                                           \
  X(SOCKET_EEXIST, -32, "already exists")                                                          \
  X(SOCKET_ENOENT, -33, "no such file or registration")                                            \
  X(SOCKET_EPERM, -34, "operation not permitted")                                                  \
  X(SOCKET_EACCES, -35, "permission denied")                                                       \
  X(SOCKET_EMFILE, -36, "out of descriptors in this process")                                      \
  X(SOCKET_ENFILE, -37, "out of descriptors in this system")                                       \
  X(SOCKET_ENOSPC, -38, "no space or quota left")                                                  \
  X(SOCKET_ENOBUFS, -39, "out of buffer space")                                                    \
  X(SOCKET_EADDRINUSE, -40, "address in use")                                                      \
  X(SOCKET_EADDRNOTAVAIL, -41, "address not available on this machine")                            \
  X(SOCKET_EAFNOSUPPORT, -42, "address family not supported")                                      \
  X(SOCKET_ECONNREFUSED, -43, "connection refused")                                                \
  X(SOCKET_ECONNRESET, -44, "connection reset by peer")                                            \
  X(SOCKET_ECONNABORTED, -45, "connection aborted")                                                \
  X(SOCKET_EPIPE, -46, "the peer no longer reads")                                                 \
  X(SOCKET_ENOTCONN, -47, "not connected")                                                         \
  X(SOCKET_ENETUNREACH, -48, "network unreachable")                                                \
  X(SOCKET_EHOSTUNREACH, -49, "host unreachable")                                                  \
  X(SOCKET_ENETDOWN, -50, "network down")                                                          \
  X(SOCKET_ELOOP, -51, "too many links or nested polls")                                           \
  X(SOCKET_ENOTDIR, -52, "not a directory")                                                        \
  X(SOCKET_EISDIR, -53, "is a directory")                                                          \
  X(SOCKET_ENAMETOOLONG, -54, "name too long")                                                     \
  X(SOCKET_EIO, -55, "input/output error")                                                         \
  X(SOCKET_EMSGSIZE, -56, "message too long for the transport")                                    \
  X(SOCKET_ETLS, -60, "not TLS, or damaged on its way")                                            \
  X(SOCKET_EALERT, -61, "the peer refused the TLS connection")                                     \
  X(SOCKET_ENOCOMMON, -62, "no version, cipher suite or protocol of TLS in common")                \
  X(SOCKET_ECUTOFF, -63, "cut off before the end that TLS announces")                              \
  X(SOCKET_ECERT_EXPIRED, -64, "the certificate has expired")                                      \
  X(SOCKET_ECERT_NOT_YET, -65, "the certificate is not valid yet")                                 \
  X(SOCKET_ECERT_ISSUER, -66, "the certificate is not from an authority that is trusted")          \
  X(SOCKET_ECERT_NAME, -67, "the certificate is for another host")                                 \
  X(SOCKET_ECERT_REVOKED, -68, "the certificate was revoked")                                      \
  X(SOCKET_ECERT_PIN, -69, "the certificate has none of the pinned keys")                          \
  X(SOCKET_ECERT_MISSING, -70, "the peer sent no certificate")                                     \
  X(SOCKET_ECERT, -71, "the certificate is not good for this")                                     \
  X(SOCKET_ECREDENTIAL, -72, "not a usable certificate or private key")                            \
  X(SOCKET_EPASSWORD, -73, "the private key is encrypted, and not with this password")             \
  X(SOCKET_EUNKNOWN, -99, "unknown system error")

#define SOCKET_ERROR_ENUMERATOR(name, code, text) name = code,
enum SocketError { SOCKET_OK = 0, SOCKET_ERROR_TABLE(SOCKET_ERROR_ENUMERATOR) };

/* The code that the calling thread's most recent failed call of this library left behind; 0 if none
 * has failed yet. A successful call does not clear it. Any thread; never fails. */
SOCKET_API int Socket_last_error(void);

/* What that call tried, on what, and why it failed, for a person to read:
 * "cannot listen on 127.0.0.1:8080: address in use (SOCKET_EADDRINUSE)". Never NULL; owned by the
 * library, valid until this thread's next call that fails. Any thread; never fails. */
SOCKET_API const char *Socket_last_error_message(void);

/* The name of a code ("SOCKET_EINVAL", "SOCKET_OK" for 0) and its one-line text. A number that is
 * no code gives "SOCKET_EUNKNOWN" and its text. Static strings, never NULL. Any thread; never
 * fails. */
SOCKET_API const char *Socket_error_name(int code);
SOCKET_API const char *Socket_error_text(int code);

#endif
