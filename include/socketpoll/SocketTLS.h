/* SPDX-License-Identifier: MIT
 * SocketTLS.h - TLS 1.2 (RFC 5246) and 1.3 (RFC 8446) for streams, listeners and servers.
 *
 * A SocketTLS_T holds what is configured: certificates, authorities, versions. Any number of
 * streams, listeners and servers use one, on any loop and thread. A change is seen by the
 * connections that begin after it; those that are there go on with what they began with. A change
 * that is refused changes nothing.
 *
 * What is secure is the default: forward-secret, authenticated cipher suites only; a client trusts
 * what the system trusts, and checks that the certificate is for whom it wanted to reach (RFC
 * 9525).
 *
 * A stream with TLS behaves as without: the same events, operations, timeouts and marks. It is
 * connected once the handshake is over, so that SOCKET_CONNECTED and SOCKET_ACCEPTED come after it.
 * SOCKET_EOF is the peer's close_notify; a connection that ends without it ends with
 * SOCKET_ECUTOFF.
 *
 * Threads: the functions whose first parameter is a SocketTLS_T may be called by any thread, also
 * several at once; those of streams, listeners and servers as SocketLoop.h says. Bad handles: as
 * everywhere. In a library without TLS the constructors give SOCKET_ENOTSUP. */
#ifndef SOCKETPOLL_SOCKETTLS_H
#define SOCKETPOLL_SOCKETTLS_H

#include "SocketFuture.h"
#include "SocketListener.h"
#include "SocketStream.h"

typedef struct SocketTLS *SocketTLS_T;

enum SocketTLSCheck {
  SOCKET_TLS_NO_CERTIFICATE = 0,       /* the client is not asked for one: the default */
  SOCKET_TLS_OPTIONAL_CERTIFICATE = 1, /* asked for; none is fine, a bad one is not */
  SOCKET_TLS_REQUIRED_CERTIFICATE = 2  /* nobody comes in without a good one */
};

enum SocketTLSLimits {
  SOCKET_TLS_HANDSHAKE_TIMEOUT_MS = 10000, /* of a server; a client has its connect's timeout */
  SOCKET_TLS_MAX_HANDSHAKES = 1024,        /* under way at once, of a listener; default */
  SOCKET_TLS_SESSIONS = 256,               /* that a client keeps, of so many servers; default */
  SOCKET_TLS_TICKET_KEY_BYTES = 80,
  SOCKET_TLS_MOST_TICKET_KEYS = 16
};

/* Writes the password of an encrypted private key into `out` and returns its length, at most
 * `capacity`; less than 0: there is none. Called inside the call that adds or reloads the key. */
typedef int (*SocketPassword_T)(char *out, int capacity, void *user);

/* "mbedtls", "openssl", or "none": what this library was built with. A static string. */
SOCKET_API const char *SocketTLS_get_engine(void);

/* For the side that accepts: needs a certificate. The caller frees it. NULL with SOCKET_ENOTSUP or
 * SOCKET_ENOMEM. */
SOCKET_API SocketTLS_T SocketTLS_new_server(void);

/* For the side that connects. It trusts the authorities that the system trusts. The caller frees
 * it. NULL with SOCKET_ENOTSUP or SOCKET_ENOMEM. */
SOCKET_API SocketTLS_T SocketTLS_new_client(void);

/* Frees the handle. Whatever uses it goes on using it. NULL accepted; the variable is nulled. */
SOCKET_API void SocketTLS_free(SocketTLS_T *tls);

/* ---- Certificates of one's own */

/* A certificate, followed by those that lead to its authority, and its private key: from files of
 * PEM or DER, or from memory, which is copied. `names`, separated by commas, with "*" for one whole
 * first label, are those for which a server uses it when a client asks for them (SNI, RFC 6066);
 * NULL: the certificate's own. Who asks for nobody, or for somebody unknown, gets the first that
 * was added, and with it those added for the same names, so that an RSA and an ECDSA key can stand
 * side by side. A client shows the first. Returns its number, from 1 on. SOCKET_ECREDENTIAL (it
 * cannot be read, or the key is another one's), SOCKET_EPASSWORD, SOCKET_ELIMIT (1024 of them),
 * SOCKET_EINVAL, SOCKET_ENOMEM, and of files SOCKET_ENOENT, SOCKET_EACCES and the like;
 * Socket_last_error_message() says which file and why. */
SOCKET_API int SocketTLS_add_certificate_files(SocketTLS_T tls, SOCKET_NULLABLE const char *names,
                                               const char *chain_path, const char *key_path);
SOCKET_API int SocketTLS_add_certificate(SocketTLS_T tls, SOCKET_NULLABLE const char *names,
                                         const void *chain, int64_t chain_length, const void *key,
                                         int64_t key_length);

/* Puts another one in the place of certificate `number`, all or nothing. 0, SOCKET_ENOENT (no such
 * number), and as above. */
SOCKET_API int SocketTLS_replace_certificate(SocketTLS_T tls, int number, const void *chain,
                                             int64_t chain_length, const void *key,
                                             int64_t key_length);

/* Reads every certificate and key that came from files anew: what to do when they have been
 * renewed. All or nothing. 0, or as above. Blocks on the disk. */
SOCKET_API int SocketTLS_reload(SocketTLS_T tls);

/* Asked for the password of keys that are added from here on; it must not use this handle. NULL: no
 * more. 0. */
SOCKET_API int SocketTLS_set_password(SocketTLS_T tls, SOCKET_NULLABLE SocketPassword_T password,
                                      void *user);

/* The same password for all of them, without a callback: it is copied, at most 1024 bytes. NULL: no
 * more. 0, SOCKET_EINVAL, SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_set_password_text(SocketTLS_T tls, SOCKET_NULLABLE const char *password);

/* An OCSP response (DER, RFC 6960), sent along with certificate `number` to who asks for it (RFC
 * 6066, 8). `length` 0: none any more. 0, SOCKET_ENOENT, SOCKET_ECREDENTIAL (it cannot be read, or
 * is itself an error, "try later"), SOCKET_ENOTSUP (mbedTLS cannot), SOCKET_EINVAL or
 * SOCKET_ENOMEM.
 *
 * A client of a library with OpenSSL asks servers for theirs. Who sends none is not held to it; one
 * that says "revoked" ends the handshake with SOCKET_ECERT_REVOKED, one that cannot be verified or
 * is out of date with SOCKET_ECERT. */
SOCKET_API int SocketTLS_set_staple(SocketTLS_T tls, int number, SOCKET_NULLABLE const void *der,
                                    int64_t length);

/* ---- The peer's certificate */

/* Trusts these authorities as well, PEM (any number of them) or DER. 0, SOCKET_ECREDENTIAL,
 * SOCKET_EINVAL, SOCKET_ENOMEM; of files the failures of open(2). */
SOCKET_API int SocketTLS_add_authorities(SocketTLS_T tls, const void *bytes, int64_t length);
SOCKET_API int SocketTLS_add_authorities_file(SocketTLS_T tls, const char *path);

/* Those of all certificates in a folder's files, PEM or DER, whatever their names; other files are
 * passed over. The folder is read now, and not again. 0, SOCKET_ECREDENTIAL (there is none, or one
 * is damaged), SOCKET_ENOENT, SOCKET_ENOTDIR, SOCKET_EACCES and the like, SOCKET_EINVAL,
 * SOCKET_ENOMEM. Blocks on the disk. */
SOCKET_API int SocketTLS_add_authorities_folder(SocketTLS_T tls, const char *path);

/* Whether what the system trusts is trusted: 1 for clients, 0 for servers by default. It is read
 * once in a process: the system's bundle of certificates, on Windows the store "ROOT" of the user
 * and the machine. SSL_CERT_FILE and SSL_CERT_DIR (folders, with colons between them, semicolons on
 * Windows) in the environment take its place, as with OpenSSL. 0, SOCKET_EINVAL. */
SOCKET_API int SocketTLS_set_system_authorities(SocketTLS_T tls, int on);

/* Of a server: whether clients show a certificate, of an authority that was added. One of
 * SOCKET_TLS_*_CERTIFICATE. Where they do, no session is resumed: each connection shows it anew. 0,
 * SOCKET_EINVAL, SOCKET_ESTATE (of a client). */
SOCKET_API int SocketTLS_set_client_check(SocketTLS_T tls, int check);

/* Judges a peer: `chain` has its certificate and those that it sent along, DER one after the other,
 * valid for this call; SocketTLS_describe_certificate and SocketTLS_fingerprint take the first.
 * `verdict` is what was found: 0, or SOCKET_ECERT and its kin. 0 lets it in, whatever was found; a
 * negative code ends the handshake, and is what its owner sees. On the thread of the connection's
 * loop, from inside the handshake: it may use what any thread may use, and must not block. */
typedef int (*SocketTLSVerify_T)(const void *chain, int64_t length, int verdict, void *user);

/* Asks `verify` about each certificate that a peer shows; NULL: nobody, the default. Of a server,
 * SocketTLS_set_client_check decides whether clients show one. Pins and what a certificate says
 * that it is for (RFC 5280, 4.2.1.12) are not for `verify` to overrule. A session that is resumed
 * was judged when it began. 0, SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_set_verify(SocketTLS_T tls, SOCKET_NULLABLE SocketTLSVerify_T verify,
                                    void *user);

/* The key in the peer's certificate must be one of those that are pinned: the SHA-256 of its
 * SubjectPublicKeyInfo in Base64, "sha256//WoiWRyIOVNa9ihaBciRSC7XHjliYS9VwUGOIud4PB18=". 0,
 * SOCKET_EINVAL, SOCKET_ELIMIT (64 of them), SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_add_pin(SocketTLS_T tls, const char *pin);

/* Of a client: from here on nobody's certificate is looked at, pins aside. Anybody in between reads
 * and changes everything. There is no other way to switch this off. 0, SOCKET_ESTATE (of a
 * server). */
SOCKET_API int SocketTLS_trust_anybody_without_verification(SocketTLS_T tls);

/* ---- What is spoken */

/* "intermediate", the default: TLS 1.2 and 1.3; "modern": 1.3 alone (both after Mozilla's guidance
 * for servers, 5.7); or "custom:" and suites, best first, by their IANA or OpenSSL names, with
 * colons between them: the versions follow from these. A server goes by its own order, mbedTLS's in
 * TLS 1.3 by the client's; over OpenSSL a client that puts ChaCha20 first gets it. 0,
 * SOCKET_EINVAL, SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_set_policy(SocketTLS_T tls, const char *policy);

/* Protocols, best first, with commas between them: "h2,http/1.1" (ALPN, RFC 7301). A server refuses
 * who offers others only; "" : none are offered. 0, SOCKET_EINVAL, SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_set_alpn(SocketTLS_T tls, const char *protocols);

/* Of a server: whether sessions are resumed with tickets (1, the default), and the keys that these
 * are sealed with, SOCKET_TLS_TICKET_KEY_BYTES each: the first seals, all open. Keys of the
 * library's own (`length` 0, the default) are replaced every six hours; keys of yours are yours to
 * replace, and what other processes, or a successor, with the same keys accept as well. get returns
 * how many bytes it wrote, SOCKET_ENOBUFS if `capacity` is too small. 0, SOCKET_EINVAL,
 * SOCKET_ESTATE (of a client; without tickets), SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_set_tickets(SocketTLS_T tls, int on);
SOCKET_API int SocketTLS_set_ticket_keys(SocketTLS_T tls, SOCKET_NULLABLE const void *keys,
                                         int64_t length);
SOCKET_API int64_t SocketTLS_get_ticket_keys(SocketTLS_T tls, void *out, int64_t capacity);

/* Of a client: of how many servers a session is kept, to be resumed; 0: of none. Forgets those that
 * are kept. mbedTLS offers nothing but the session's own version along with it: a server that has
 * given that up since refuses one connection, and the next one begins anew. 0, SOCKET_EINVAL,
 * SOCKET_ESTATE (of a server), SOCKET_ENOMEM. */
SOCKET_API int SocketTLS_set_sessions(SocketTLS_T tls, int most);

/* Appends the secrets of connections to a file, in the format of NSS, from which Wireshark opens
 * what it recorded; one that is made for it is its owner's alone. NULL: not any more. 0, or the
 * failures of open(2). */
SOCKET_API int SocketTLS_set_key_log(SocketTLS_T tls, SOCKET_NULLABLE const char *path);

/* Of a server: how long a handshake may take, and how many may be under way at once at one
 * listener; who comes meanwhile waits in the backlog. 0, SOCKET_EINVAL, SOCKET_ESTATE (of a
 * client). */
SOCKET_API int SocketTLS_set_handshake_timeout(SocketTLS_T tls, int timeout_ms);
SOCKET_API int SocketTLS_set_max_handshakes(SocketTLS_T tls, int most);

/* ---- Streams */

/* As SocketStream_connect, then the handshake of a client; timeout_ms counts both. `server` is whom
 * the certificate must be for, and who is asked for (SNI): a name or a numeric address; NULL: the
 * host of the address. SOCKET_CLOSED may also have the codes from SOCKET_ETLS to SOCKET_EPASSWORD.
 * NULL with the errors of SocketStream_connect, or SOCKET_EINVAL (`tls` is a server's; a unix
 * socket without `server`). */
SOCKET_API SocketStream_T SocketStream_connect_tls(SocketLoop_T loop, const char *address,
                                                   SocketTLS_T tls,
                                                   SOCKET_NULLABLE const char *server,
                                                   int timeout_ms);

/* The same as an operation, see SocketAsync_connect: the outcome's data is the stream. */
SOCKET_API SocketFuture_T SocketAsync_connect_tls(SocketLoop_T loop, const char *address,
                                                  SocketTLS_T tls,
                                                  SOCKET_NULLABLE const char *server,
                                                  int timeout_ms);

/* Begins TLS on a stream that is connected (STARTTLS and the like), as the side that `tls` is for;
 * `server` as above, but required of a client, and NULL of a server. SOCKET_CONNECTED tells that
 * the handshake is over; until then the stream is not connected, and timeout_ms counts (-1: none).
 * What the peer has sent before must have been read: the next byte is TLS. 0, SOCKET_EINVAL,
 * SOCKET_EADDRESS and SOCKET_ENAMETOOLONG (`server` is no host's name),
 * SOCKET_ESTATE (output is queued, there is TLS already, or bytes are pending), SOCKET_EBUSY (an
 * operation is under way), SOCKET_ENOTCONN, SOCKET_ECLOSED, SOCKET_ENOTSUP (no socket, or one that
 * receives descriptors: SocketStream_set_max_fds) or SOCKET_ENOMEM. */
SOCKET_API int SocketStream_start_tls(SocketStream_T stream, SocketTLS_T tls,
                                      SOCKET_NULLABLE const char *server, int timeout_ms);

/* What was agreed on: "TLSv1.3" or "TLSv1.2", the IANA name of the cipher suite. Static strings;
 * NULL with SOCKET_ENOTSUP (no TLS), SOCKET_ENOTCONN (not yet). */
SOCKET_API const char *SocketStream_get_tls_version(SocketStream_T stream);
SOCKET_API const char *SocketStream_get_tls_suite(SocketStream_T stream);

/* The protocol that ALPN found, and the name that the client asked for: written into `out` with a
 * NUL, the length returned; 0: none. SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOTCONN. */
SOCKET_API int SocketStream_get_tls_alpn(SocketStream_T stream, char *out, int capacity);
SOCKET_API int SocketStream_get_tls_server(SocketStream_T stream, char *out, int capacity);

/* 1: an earlier session was resumed. SOCKET_ENOTSUP, SOCKET_ENOTCONN. */
SOCKET_API int SocketStream_is_tls_resumed(SocketStream_T stream);

/* The peer's certificate (`index` 0) and those that it sent along, as DER into `out`; how many
 * bytes. SOCKET_ENOENT (no such one), SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOTCONN,
 * SOCKET_EINVAL, SOCKET_ENOMEM. */
SOCKET_API int64_t SocketStream_get_tls_certificate(SocketStream_T stream, int index, void *out,
                                                    int64_t capacity);

/* Why TLS failed, in a sentence that names the certificate, its dates or the peer's alert; "" if it
 * did not. As SocketStream_get_tls_alpn; also after SOCKET_CLOSED. */
SOCKET_API int SocketStream_get_tls_failure(SocketStream_T stream, char *out, int capacity);

/* A certificate (DER) in some lines for people: subject, issuer, dates, names, key. Written into
 * `out` with a NUL, the length returned. SOCKET_ECREDENTIAL, SOCKET_ENOBUFS, SOCKET_EINVAL,
 * SOCKET_ENOMEM, SOCKET_ENOTSUP. Any thread. */
SOCKET_API int SocketTLS_describe_certificate(const void *der, int64_t length, char *out,
                                              int capacity);

/* The SHA-256 of a certificate (DER, or the first one of PEM) as people compare it, "AB:CD:...:12",
 * 95 characters, written into `out` with a NUL; the length returned. As above. */
SOCKET_API int SocketTLS_fingerprint(const void *certificate, int64_t length, char *out,
                                     int capacity);

enum SocketTLSKind {
  SOCKET_TLS_SERVER_CERTIFICATE = 0,
  SOCKET_TLS_CLIENT_CERTIFICATE = 1,
  SOCKET_TLS_AUTHORITY = 2, /* that signs others */
  SOCKET_TLS_RSA = 16,      /* added to one of these: a key of RSA-2048, not ECDSA P-256 */
  SOCKET_TLS_PEM_BYTES = 8192
};

/* Makes a key and a certificate for it, for development and tests: `names`, separated by commas,
 * are host names, wildcards and numeric addresses, the first of them its subject as well; valid
 * between two times in seconds since 1970. `issuer` and `issuer_key` are the PEM of an authority;
 * NULL: it signs itself. Writes both as PEM with a NUL; SOCKET_TLS_PEM_BYTES are enough for either.
 * Blocks: an RSA key takes a moment. 0, SOCKET_EINVAL, SOCKET_ECREDENTIAL (the issuer's),
 * SOCKET_ENOBUFS, SOCKET_ENOTSUP, SOCKET_ENOMEM. Any thread. */
SOCKET_API int SocketTLS_make_certificate(const char *names, int kind, int64_t not_before,
                                          int64_t not_after, SOCKET_NULLABLE const char *issuer,
                                          SOCKET_NULLABLE const char *issuer_key, char *certificate,
                                          int certificate_capacity, char *key, int key_capacity);

/* ---- Listeners */

/* Connections that are accepted from here on begin with the handshake of a server, and
 * SOCKET_ACCEPTED comes after it; those that fail are closed, and nobody hears of them. NULL: no
 * TLS any more. 0, SOCKET_EINVAL (`tls` is a client's, or has no certificate) or SOCKET_ENOMEM. */
SOCKET_API int SocketListener_set_tls(SocketListener_T listener, SOCKET_NULLABLE SocketTLS_T tls);

#endif
