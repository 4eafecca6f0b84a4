/* TLS on streams and listeners: what each function refuses and when, and what is said of
 * certificates. */
#include "support/encrypted_key.h"
#include "support/tls_support.h"

/* ---- What can be asked of a stream */

static void assert_no_text(const char *text, int code) {
  assert_null(text);
  assert_int_equal(Socket_last_error(), code);
}

/* All that can be asked of what was agreed on is refused with `code`. */
static void assert_nothing_agreed(SocketStream_T stream, int code) {
  char out[64];
  assert_no_text(SocketStream_get_tls_version(stream), code);
  assert_no_text(SocketStream_get_tls_suite(stream), code);
  assert_int_equal(SocketStream_get_tls_alpn(stream, out, sizeof out), code);
  assert_int_equal(SocketStream_get_tls_server(stream, out, sizeof out), code);
  assert_int_equal(SocketStream_is_tls_resumed(stream), code);
  assert_int_equal(SocketStream_get_tls_certificate(stream, 0, out, sizeof out), code);
}

static void free_pair(Pair *pair) {
  SocketStream_free(&pair->client);
  SocketStream_free(&pair->server);
  SocketListener_free(&pair->listener);
}

static void before_the_handshake(void **state) {
  Secured *to = *state;
  char out[64];
  Pair plain = make_pair(to->loop);
  assert_nothing_agreed(plain.client, SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_tls_failure(plain.client, out, sizeof out), SOCKET_ENOTSUP);
  SocketStream_T ours =
      SocketStream_connect_tls(to->loop, to->address, to->client, "localhost", HANG_MS);
  assert_nothing_agreed(ours, SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_get_tls_failure(ours, out, sizeof out), 0);
  assert_string_equal(out, "");
  assert_int_equal(SocketStream_write(ours, "x", 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_shutdown(ours), SOCKET_ENOTCONN);
  free_pair(&plain);
}

static void room_for_what_was_agreed(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  char out[4096];
  assert_int_equal(SocketTLS_set_alpn(to->server, "http/1.1"), 0);
  assert_int_equal(SocketTLS_set_alpn(to->client, "http/1.1"), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_get_tls_alpn(ours, out, 8), SOCKET_ENOBUFS);
  assert_int_equal(SocketStream_get_tls_alpn(ours, out, 9), 8);
  assert_int_equal(SocketStream_get_tls_alpn(ours, NULL, 9), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_alpn(ours, out, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_server(theirs, out, 9), SOCKET_ENOBUFS);
  assert_int_equal(SocketStream_get_tls_server(theirs, out, 10), 9);
  assert_int_equal(SocketStream_get_tls_server(theirs, NULL, 10), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_failure(ours, NULL, 10), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_failure(ours, out, -1), SOCKET_EINVAL);
  const int64_t length = SocketStream_get_tls_certificate(ours, 0, out, sizeof out);
  assert_true(length > 0);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 0, out, length - 1), SOCKET_ENOBUFS);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 0, out, length), length);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 0, NULL, length), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 0, out, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_certificate(ours, -1, out, sizeof out), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 1, out, sizeof out), SOCKET_ENOENT);
  assert_int_equal(SocketStream_get_tls_certificate(theirs, 0, out, sizeof out), SOCKET_ENOENT);
}

/* Who was refused can tell why, even when its stream is closed. */
static void why_it_failed(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  char why[400];
  assert_int_equal(connect_secured(to, "example.com", &ours, &theirs), SOCKET_ECERT_NAME);
  const int length = SocketStream_get_tls_failure(ours, why, sizeof why);
  assert_true(length > 0);
  assert_int_equal(strlen(why), length);
  assert_non_null(strstr(why, "localhost"));
  assert_int_equal(SocketStream_get_tls_failure(ours, why, length), SOCKET_ENOBUFS);
  assert_no_text(SocketStream_get_tls_version(ours), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_start_tls(ours, to->client, "localhost", -1), SOCKET_ECLOSED);
}

/* The same of an operation, whose stream nobody gets to see. */
static void why_an_operation_failed(void **state) {
  Secured *to = *state;
  char why[400];
  SocketFuture_T future =
      SocketAsync_connect_tls(to->loop, to->address, to->client, "example.com", HANG_MS);
  assert_int_equal(SocketFuture_get_failure(future, why, sizeof why), SOCKET_EAGAIN);
  assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ECERT_NAME);
  const int length = SocketFuture_get_failure(future, why, sizeof why);
  assert_int_equal(strlen(why), length);
  assert_non_null(strstr(why, "not for example.com"));
  assert_int_equal(SocketFuture_get_failure(future, why, length), SOCKET_ENOBUFS);
  assert_int_equal(SocketFuture_get_failure(future, NULL, 10), SOCKET_EINVAL);
  SocketFuture_free(&future);
  future = SocketAsync_sleep(to->loop, 60000);
  SocketFuture_cancel(future);
  assert_true(SocketFuture_get_failure(future, why, sizeof why) > 0);
  assert_string_equal(why, "canceled");
  SocketFuture_free(&future);
  future = SocketAsync_sleep(to->loop, 0);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 0);
  assert_int_equal(SocketFuture_get_failure(future, why, sizeof why), 0);
  SocketFuture_free(&future);
}

/* ---- How it begins */

static void connecting(void **state) {
  Secured *to = *state;
  static const char *const addresses[] = {"", "127.0.0.1", "127.0.0.1:0:1", "127.0.0.1:99999"};
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    assert_null(SocketStream_connect_tls(to->loop, addresses[i], to->client, NULL, -1));
    const int code = Socket_last_error();
    assert_null(SocketStream_connect(to->loop, addresses[i], -1));
    assert_int_equal(Socket_last_error(), code);
    assert_null(SocketAsync_connect_tls(to->loop, addresses[i], to->client, "localhost", -1));
    assert_int_equal(Socket_last_error(), code);
  }
  char too_long[400];
  memset(too_long, 'x', sizeof too_long - 1);
  for (size_t i = 50; i < sizeof too_long; i += 50) too_long[i] = '.';
  too_long[sizeof too_long - 1] = '\0';
  const char *const servers[] = {"a..b", "a b", ".", "bad\nname", too_long};
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
    const int code = servers[i] == too_long ? SOCKET_ENAMETOOLONG : SOCKET_EADDRESS;
    assert_null(SocketStream_connect_tls(to->loop, to->address, to->client, servers[i], -1));
    assert_int_equal(Socket_last_error(), code);
    Pair pair = make_pair(to->loop);
    assert_int_equal(SocketStream_start_tls(pair.client, to->client, servers[i], -1), code);
    free_pair(&pair);
  }
  assert_null(SocketStream_connect_tls(to->loop, to->address, to->client, NULL, -2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_connect_tls(to->loop, to->address, to->client, NULL, -2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketStream_connect_tls(to->loop, to->address, to->server, "localhost", -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_connect_tls(to->loop, to->address, to->server, "localhost", -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketStream_connect_tls(to->loop, "unix:/x", to->client, NULL, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
}

/* The operation ends with what the stream would have. */
static void an_operation_that_fails(void **state) {
  Secured *to = *state;
  SocketFuture_T connecting =
      SocketAsync_connect_tls(to->loop, to->address, to->client, "example.com", HANG_MS);
  assert_int_equal(SocketFuture_await(connecting, HANG_MS), SOCKET_ECERT_NAME);
  SocketFuture_free(&connecting);
  char address[64];
  const int silent = raw_listen(4, address);
  connecting = SocketAsync_connect_tls(to->loop, address, to->client, "localhost", 30);
  assert_int_equal(SocketFuture_await(connecting, HANG_MS), SOCKET_ETIMEDOUT);
  SocketFuture_free(&connecting);
  connecting = SocketAsync_connect_tls(to->loop, address, to->client, "localhost", HANG_MS);
  assert_int_equal(SocketFuture_cancel(connecting), 0);
  assert_int_equal(SocketFuture_get_status(connecting), SOCKET_ECANCELED);
  SocketFuture_free(&connecting);
  close(silent);
}

static int begin(SocketStream_T stream, SocketTLS_T client) {
  return SocketStream_start_tls(stream, client, "localhost", HANG_MS);
}

static void starting_too_early_or_too_late(void **state) {
  Secured *to = *state;
  Pair pair = make_pair(to->loop);
  char bytes[8];
  int64_t taken = 0;
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, "localhost", -2), SOCKET_EINVAL);
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, "", -1), SOCKET_EINVAL);
  /* An operation. */
  SocketFuture_T read = SocketAsync_read(pair.client, bytes, sizeof bytes, -1);
  assert_int_equal(begin(pair.client, to->client), SOCKET_EBUSY);
  assert_int_equal(SocketFuture_cancel(read), 0);
  SocketFuture_free(&read);
  /* Bytes that are there and nobody has taken: those of a line more than was asked for. */
  assert_int_equal(SocketStream_write(pair.server, "one\ntwo\n", 8), 0);
  read = SocketAsync_read_until(pair.client, bytes, sizeof bytes, "\n", 1, HANG_MS);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 4);
  SocketFuture_free(&read);
  assert_int_equal(begin(pair.client, to->client), SOCKET_ESTATE);
  read = SocketAsync_read_exactly(pair.client, bytes, 4, HANG_MS);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 4);
  SocketFuture_free(&read);
  /* Output that is queued. */
  assert_int_equal(write_until_refused(pair.client, &taken), SOCKET_EAGAIN);
  assert_int_equal(begin(pair.client, to->client), SOCKET_ESTATE);
  /* An end, of ours and of theirs. */
  assert_int_equal(SocketStream_shutdown(pair.server), 0);
  assert_int_equal(SocketStream_start_tls(pair.server, to->server, NULL, -1), SOCKET_ESTATE);
  assert_int_equal(SocketStream_close(pair.client), 0);
  assert_int_equal(begin(pair.client, to->client), SOCKET_ESTATE);
  SocketStream_free(&pair.server);
  SocketStream_free(&pair.client);
  /* Not connected yet. */
  pair.client = SocketStream_connect(to->loop, to->address, HANG_MS);
  assert_int_equal(begin(pair.client, to->client), SOCKET_ENOTCONN);
  SocketStream_free(&pair.client);
  SocketListener_free(&pair.listener);
}

static void no_socket(void **state) {
  Secured *to = *state;
  SocketStream_T reader, writer;
  skip_on_windows(WITHOUT_PIPES);
  assert_int_equal(SocketStream_new_pipe(to->loop, &reader, &writer), 0);
  assert_int_equal(begin(writer, to->client), SOCKET_ENOTSUP);
  SocketStream_free(&reader);
  SocketStream_free(&writer);
}

/* A handshake on a stream that was there has a time of its own. */
static void nobody_answers(void **state) {
  Secured *to = *state;
  Pair pair = make_pair(to->loop);
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, "localhost", 30), 0);
  const SocketCompletion_T event = pull_one(to->loop, SOCKET_CLOSED);
  assert_ptr_equal(event.subject, pair.client);
  assert_int_equal(event.status, SOCKET_ETIMEDOUT);
}

static void listening(void **state) {
  Secured *to = *state;
  SocketTLS_T empty = SocketTLS_new_server();
  SocketStream_T ours, theirs;
  assert_int_equal(SocketListener_set_tls(to->listener, empty), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_tls(to->listener, to->client), SOCKET_EINVAL);
  /* What is refused changes nothing. */
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketListener_set_tls(to->listener, NULL), 0);
  SocketTLS_free(&empty);
  const int fd = raw_connect(port_of(to->address));
  theirs = pull_one(to->loop, SOCKET_ACCEPTED).subject;
  assert_no_text(SocketStream_get_tls_version(theirs), SOCKET_ENOTSUP);
  close(fd);
}

/* ---- Certificates */

static void what_is_said_of_a_certificate(void **state) {
  Secured *to = *state;
  const int64_t length = (int64_t)strlen(encrypted_key_certificate);
  char text[4096], der[4096];
  assert_int_equal(SocketTLS_fingerprint(encrypted_key_certificate, length, text, sizeof text), 95);
  assert_string_equal(text, encrypted_key_fingerprint);
  assert_int_equal(SocketTLS_fingerprint(encrypted_key_certificate, length, text, 96), 95);
  assert_int_equal(SocketTLS_fingerprint(encrypted_key_certificate, length, text, 95),
                   SOCKET_ENOBUFS);
  assert_int_equal(SocketTLS_fingerprint(NULL, length, text, 96), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_fingerprint(encrypted_key_certificate, 0, text, 96), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_fingerprint(encrypted_key_certificate, length, NULL, 96),
                   SOCKET_EINVAL);
  assert_int_equal(SocketTLS_fingerprint("nonsense", 8, text, 96), SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_fingerprint(plain_key, (int64_t)strlen(plain_key), text, 96),
                   SOCKET_ECREDENTIAL);
  /* What a peer has shown. */
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  const int64_t size = SocketStream_get_tls_certificate(ours, 0, der, sizeof der);
  const int said = SocketTLS_describe_certificate(der, size, text, sizeof text);
  assert_true(said > 0);
  assert_int_equal(strlen(text), said);
  static const char *const parts[] = {"Test authority", "localhost", "127"};
  for (size_t i = 0; i < 3; i++) assert_non_null(strstr(text, parts[i]));
  assert_int_equal(SocketTLS_describe_certificate(der, size, text, said), SOCKET_ENOBUFS);
  assert_int_equal(SocketTLS_describe_certificate(der, size, text, said + 1), said);
  assert_int_equal(SocketTLS_describe_certificate(der, size, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_describe_certificate(der, 0, text, sizeof text), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_describe_certificate(NULL, size, text, sizeof text), SOCKET_EINVAL);
  for (int64_t cut = 1; cut < size; cut += 7)
    assert_int_equal(SocketTLS_describe_certificate(der, cut, text, sizeof text),
                     SOCKET_ECREDENTIAL);
  /* The same certificate, as PEM and as DER. */
  char other[96];
  assert_int_equal(SocketTLS_fingerprint(der, size, text, sizeof text), 95);
  assert_int_equal(SocketTLS_fingerprint(good.chain, (int64_t)strlen(good.chain), other, 96), 95);
  assert_string_equal(text, other);
}

static int make(const char *names, int kind, int64_t from, int64_t until, const Issued *issuer,
                int chain_room, int key_room) {
  Issued made;
  assert_true(chain_room <= SOCKET_TLS_PEM_BYTES && key_room <= SOCKET_TLS_PEM_BYTES);
  return SocketTLS_make_certificate(names, kind, from, until, issuer ? issuer->chain : NULL,
                                    issuer ? issuer->key : NULL, made.chain, chain_room, made.key,
                                    key_room);
}

static void certificates_that_cannot_be_made(void **state) {
  (void)state;
  enum { ROOM = SOCKET_TLS_PEM_BYTES };
  Issued broken;
  memset(&broken, 0, sizeof broken);
  assert_int_equal(make("a.example", 0, 1000, 2000, NULL, ROOM, ROOM), 0);
  assert_int_equal(make(NULL, 0, 1000, 2000, NULL, ROOM, ROOM), SOCKET_EINVAL);
  assert_int_equal(make("", 0, 1000, 2000, NULL, ROOM, ROOM), SOCKET_EINVAL);
  assert_int_equal(make("a,", 0, 2000, 1000, NULL, ROOM, ROOM), SOCKET_EINVAL);
  assert_int_equal(make("a=b", 0, 1000, 2000, NULL, ROOM, ROOM), SOCKET_EINVAL);
  static const int kinds[] = {-1, 3, 15, SOCKET_TLS_RSA | 3, 32};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    assert_int_equal(make("a.example", kinds[i], 1000, 2000, NULL, ROOM, ROOM), SOCKET_EINVAL);
  assert_int_equal(make("a.example", 0, 1000, 2000, NULL, 0, ROOM), SOCKET_EINVAL);
  assert_int_equal(make("a.example", 0, 1000, 2000, NULL, ROOM, 0), SOCKET_EINVAL);
  assert_int_equal(make("a.example", 0, 1000, 2000, NULL, 100, ROOM), SOCKET_ENOBUFS);
  assert_int_equal(make("a.example", 0, 1000, 2000, NULL, ROOM, 100), SOCKET_ENOBUFS);
  snprintf(broken.chain, sizeof broken.chain, "nonsense");
  snprintf(broken.key, sizeof broken.key, "%s", authority.key);
  assert_int_equal(make("a.example", 0, 1000, 2000, &broken, ROOM, ROOM), SOCKET_ECREDENTIAL);
  snprintf(broken.chain, sizeof broken.chain, "%s", authority.chain);
  snprintf(broken.key, sizeof broken.key, "nonsense");
  assert_int_equal(make("a.example", 0, 1000, 2000, &broken, ROOM, ROOM), SOCKET_ECREDENTIAL);
  char out[ROOM];
  assert_int_equal(SocketTLS_make_certificate("a.example", 0, 1000, 2000, authority.chain, NULL,
                                              out, ROOM, out, ROOM),
                   SOCKET_EINVAL);
  assert_int_equal(SocketTLS_make_certificate("a.example", 0, 1000, 2000, NULL, authority.key, out,
                                              ROOM, out, ROOM),
                   SOCKET_EINVAL);
  assert_int_equal(
      SocketTLS_make_certificate("a.example", 0, 1000, 2000, NULL, NULL, NULL, ROOM, out, ROOM),
      SOCKET_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      secured_test(before_the_handshake),
      secured_test_of_each_version(room_for_what_was_agreed),
      secured_test_of_each_version(why_it_failed),
      secured_test_of_each_version(why_an_operation_failed),
      secured_test(connecting),
      secured_test(an_operation_that_fails),
      secured_test(starting_too_early_or_too_late),
      secured_test(no_socket),
      secured_test(nobody_answers),
      secured_test(listening),
      secured_test(what_is_said_of_a_certificate),
      cmocka_unit_test(certificates_that_cannot_be_made),
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
