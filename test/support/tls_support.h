/* What the tests of TLS share: an authority, certificates of it, configurations, and the fixture of
 * most tests, a listener with TLS and what connects to it. */
#ifndef SOCKETPOLL_TEST_TLS_SUPPORT_H
#define SOCKETPOLL_TEST_TLS_SUPPORT_H

#include "support/net_support.h"

#include <fcntl.h>
#include <unistd.h>

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketTLS.h>

#define ONLY_TLS_1_3 "modern"
#define ONLY_TLS_1_2 "custom:ECDHE-ECDSA-AES128-GCM-SHA256"

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

/* The program's own, made once: an authority, and a server's certificate of it. */
static Issued authority, good;

static inline int make_certificates(void **state) {
  (void)state;
  issue(&authority, "Test authority", SOCKET_TLS_AUTHORITY, NULL);
  issue(&good, "localhost,127.0.0.1", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  return 0;
}

static inline int add_issued(SocketTLS_T tls, const Issued *issued) {
  return SocketTLS_add_certificate(tls, NULL, issued->chain, (int64_t)strlen(issued->chain),
                                   issued->key, (int64_t)strlen(issued->key));
}

static inline int replace_issued(SocketTLS_T tls, int number, const Issued *issued) {
  return SocketTLS_replace_certificate(tls, number, issued->chain, (int64_t)strlen(issued->chain),
                                       issued->key, (int64_t)strlen(issued->key));
}

static inline int trust_issued(SocketTLS_T tls, const Issued *trusted) {
  return SocketTLS_add_authorities(tls, trusted->chain, (int64_t)strlen(trusted->chain));
}

static inline SocketTLS_T server_with(const Issued *issued) {
  SocketTLS_T tls = SocketTLS_new_server();
  assert_non_null(tls);
  assert_int_equal(add_issued(tls, issued), 1);
  return tls;
}

/* Trusts this authority and no other. */
static inline SocketTLS_T client_of(const Issued *trusted) {
  SocketTLS_T tls = SocketTLS_new_client();
  assert_non_null(tls);
  assert_int_equal(SocketTLS_set_system_authorities(tls, 0), 0);
  if (trusted) assert_int_equal(trust_issued(tls, trusted), 0);
  return tls;
}

/* A listener with TLS, and what connects to it. */
typedef struct Secured {
  SocketLoop_T loop;
  SocketListener_T listener;
  SocketTLS_T server, client;
  char address[64];
} Secured;

static inline void open_secured(Secured *it, const Issued *shown, const Issued *trusted) {
  memset(it, 0, sizeof *it);
  it->server = server_with(shown);
  it->client = client_of(trusted);
  it->loop = SocketLoop_new();
  it->listener = listen_local(it->loop, it->address);
  assert_int_equal(SocketListener_set_tls(it->listener, it->server), 0);
}

static inline void close_secured(Secured *it) {
  SocketListener_free(&it->listener);
  SocketLoop_free(&it->loop);
  SocketTLS_free(&it->server);
  SocketTLS_free(&it->client);
}

/* As a fixture; its initial state is the policy of the server, or NULL for the default. */
static inline int set_up_secured(void **state) {
  const char *policy = *state;
  Secured *it = malloc(sizeof *it);
  *state = it;
  open_secured(it, &good, &authority);
  if (policy) assert_int_equal(SocketTLS_set_policy(it->server, policy), 0);
  return 0;
}

static inline int tear_down_secured(void **state) {
  close_secured(*state);
  free(*state);
  return 0;
}

#define secured_test(test)                                                                         \
  { #test, test, set_up_secured, tear_down_secured, NULL }
#define secured_test_of_each_version(test)                                                         \
  {#test ": TLS 1.3", test, set_up_secured, tear_down_secured, (char[]){ONLY_TLS_1_3}}, {          \
#test ": TLS 1.2", test, set_up_secured, tear_down_secured, (char[]) { ONLY_TLS_1_2 }          \
  }

/* Connects as `server` with the configuration `tls`, and waits until both sides have a stream (1),
 * or the client's has failed (its code, with the stream in *client). Everything is pulled. */
static inline int connect_with(Secured *to, SocketTLS_T tls, const char *server,
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

static inline int connect_secured(Secured *to, const char *server, SocketStream_T *client,
                                  SocketStream_T *accepted) {
  return connect_with(to, to->client, server, client, accepted);
}

/* What becomes of one connection by `client`, which the caller keeps, to a server that shows this.
 */
static inline int connect_once(SocketTLS_T client, const Issued *shown) {
  Secured to;
  SocketStream_T ours, theirs;
  open_secured(&to, shown, NULL);
  const int code = connect_with(&to, client, "localhost", &ours, &theirs);
  close_secured(&to);
  return code;
}

static inline void write_file(const char *path, const char *text) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

/* Until a number of the loop's is at least `least`. What only the library notices ends no
 * SocketLoop_run_once, so each is short. */
static inline void run_until_stat(SocketLoop_T loop, int which, int64_t least) {
  while (SocketLoop_get_stat(loop, which) < least) assert_true(SocketLoop_run_once(loop, 1) >= 0);
}

/* Sends a line over streams that are not started. */
static inline void say_hello(SocketStream_T from, SocketStream_T to) {
  char got[16] = "";
  assert_true(SocketStream_write(from, "hello\n", 6) >= 0);
  SocketFuture_T read = SocketAsync_read_exactly(to, got, 6, HANG_MS);
  assert_non_null(read);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 6);
  assert_string_equal(got, "hello\n");
  SocketFuture_free(&read);
}

static inline void say_hello_both_ways(SocketStream_T ours, SocketStream_T theirs) {
  say_hello(ours, theirs);
  say_hello(theirs, ours);
}

#endif
