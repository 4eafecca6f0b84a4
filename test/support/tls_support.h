/* What the tests of TLS share: an authority, certificates of it, configurations. */
#ifndef SOCKETPOLL_TEST_TLS_SUPPORT_H
#define SOCKETPOLL_TEST_TLS_SUPPORT_H

#include "support/net_support.h"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketTLS.h>

enum { DAY = 86400 };

typedef struct Issued {
  char chain[SOCKET_TLS_PEM_BYTES], key[SOCKET_TLS_PEM_BYTES];
} Issued;

static inline void issue_between(Issued *to, const char *names, int kind, const Issued *issuer,
                                 int64_t from, int64_t until) {
  int64_t now = (int64_t)time(NULL);
  assert_int_equal(SocketTLS_make_certificate(names, kind, now + from, now + until,
                                              issuer ? issuer->chain : NULL,
                                              issuer ? issuer->key : NULL, to->chain,
                                              sizeof to->chain, to->key, sizeof to->key),
                   0);
}

static inline void issue(Issued *to, const char *names, int kind, const Issued *issuer) {
  issue_between(to, names, kind, issuer, -DAY, 30 * DAY);
}

static inline int add_issued(SocketTLS_T tls, const Issued *issued) {
  return SocketTLS_add_certificate(tls, NULL, issued->chain, (int64_t)strlen(issued->chain),
                                   issued->key, (int64_t)strlen(issued->key));
}

static inline SocketTLS_T server_with(const Issued *issued) {
  SocketTLS_T tls = SocketTLS_new_server();
  assert_non_null(tls);
  assert_int_equal(add_issued(tls, issued), 1);
  return tls;
}

/* Trusts this authority and no other. */
static inline SocketTLS_T client_of(const Issued *authority) {
  SocketTLS_T tls = SocketTLS_new_client();
  assert_non_null(tls);
  assert_int_equal(SocketTLS_set_system_authorities(tls, 0), 0);
  if (authority)
    assert_int_equal(
        SocketTLS_add_authorities(tls, authority->chain, (int64_t)strlen(authority->chain)), 0);
  return tls;
}

/* A listener with TLS, and what connects to it. */
typedef struct Secured {
  SocketLoop_T loop;
  SocketListener_T listener;
  char address[64];
} Secured;

static inline Secured listen_secured(SocketTLS_T tls) {
  Secured made;
  memset(&made, 0, sizeof made);
  made.loop = SocketLoop_new();
  made.listener = listen_local(made.loop, made.address);
  assert_int_equal(SocketListener_set_tls(made.listener, tls), 0);
  return made;
}

/* Connects as `server`, and waits until both sides have a stream (1), or the client's has failed
 * (its code, with the stream in *client). Everything is pulled. */
static inline int connect_secured(Secured *to, SocketTLS_T tls, const char *server,
                                  SocketStream_T *client, SocketStream_T *accepted) {
  int seen = 0;
  *accepted = NULL;
  *client = SocketStream_connect_tls(to->loop, to->address, tls, server, HANG_MS);
  assert_non_null(*client);
  while (seen < 2) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(to->loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_CLOSED && event.subject == *client) return event.status;
    if (event.kind == SOCKET_ACCEPTED) *accepted = event.subject;
    if (event.kind == SOCKET_ACCEPTED || event.kind == SOCKET_CONNECTED) seen++;
  }
  return 1;
}

/* Sends a line each way over streams that are not started. */
static inline void say_hello(SocketLoop_T loop, SocketStream_T from, SocketStream_T to) {
  char got[16] = "";
  assert_true(SocketStream_write(from, "hello\n", 6) >= 0);
  SocketFuture_T read = SocketAsync_read_exactly(to, got, 6, HANG_MS);
  assert_non_null(read);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 6);
  assert_string_equal(got, "hello\n");
  SocketFuture_free(&read);
  (void)loop;
}

static inline void end_secured(Secured *it) {
  SocketListener_free(&it->listener);
  SocketLoop_free(&it->loop);
}

#endif
