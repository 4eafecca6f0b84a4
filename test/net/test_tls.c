/* TLS through the C ABI: what is agreed on, and that a stream with it behaves as one without. */
#include "support/echo_support.h"
#include "support/tls_support.h"

static Issued rsa, other;

static int make_others(void **state) {
  make_certificates(state);
  issue(&rsa, "localhost,127.0.0.1", SOCKET_TLS_SERVER_CERTIFICATE | SOCKET_TLS_RSA, &authority);
  issue(&other, "*.example.com", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  return 0;
}

/* ---- What is agreed on */

static void versions_suites_and_keys(void **state) {
  (void)state;
  static const struct {
    const char *policy, *version;
  } cases[] = {{"modern", "TLSv1.3"},
               {"intermediate", "TLSv1.3"},
               {"custom:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2"},
               {"custom:TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3"}};
  for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
    Secured to;
    SocketStream_T ours, theirs;
    open_secured(&to, i % 2 ? &rsa : &good, &authority);
    assert_int_equal(SocketTLS_set_policy(to.server, cases[i / 2].policy), 0);
    assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
    assert_string_equal(SocketStream_get_tls_version(ours), cases[i / 2].version);
    assert_string_equal(SocketStream_get_tls_version(theirs), cases[i / 2].version);
    assert_string_equal(SocketStream_get_tls_suite(ours), SocketStream_get_tls_suite(theirs));
    assert_int_equal(SocketStream_is_tls_resumed(ours), 0);
    say_hello_both_ways(ours, theirs);
    assert_int_equal(SocketLoop_get_stat(to.loop, SOCKET_STAT_TLS_HANDSHAKES), 1);
    close_secured(&to);
  }
}

/* The server's order counts, not the client's. */
static void the_best_suite(void **state) {
  (void)state;
  static const char *const orders[] = {
      "custom:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
      "custom:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"};
  static const char *const best[] = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
  for (int i = 0; i < 2; i++) {
    Secured to;
    SocketStream_T ours, theirs;
    open_secured(&to, &good, &authority);
    assert_int_equal(SocketTLS_set_policy(to.server, orders[i]), 0);
    assert_int_equal(SocketTLS_set_policy(to.client, orders[!i]), 0);
    assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
    assert_string_equal(SocketStream_get_tls_suite(ours), best[i]);
    close_secured(&to);
  }
}

static void nothing_in_common(void **state) {
  Secured *to = *state;
  assert_int_equal(SocketTLS_set_policy(to->server, "modern"), 0);
  assert_int_equal(SocketTLS_set_policy(to->client, "custom:ECDHE-ECDSA-AES128-GCM-SHA256"), 0);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), SOCKET_EALERT);
  char why[200];
  assert_true(SocketStream_get_tls_failure(ours, why, sizeof why) > 0);
  assert_int_equal(SocketLoop_get_stat(to->loop, SOCKET_STAT_TLS_FAILED), 1);
}

static void protocols_and_names(void **state) {
  char text[64];
  Secured *to = *state;
  assert_int_equal(add_issued(to->server, &other), 2);
  assert_int_equal(SocketTLS_set_alpn(to->server, "h2,http/1.1"), 0);
  assert_int_equal(SocketTLS_set_alpn(to->client, "http/1.1, spdy"), 0);
  static const char *const names[] = {"localhost", "www.example.com", "WWW.EXAMPLE.COM."};
  for (int i = 0; i < 3; i++) {
    SocketStream_T ours, theirs;
    assert_int_equal(connect_secured(to, names[i], &ours, &theirs), 1);
    assert_int_equal(SocketStream_get_tls_alpn(ours, text, sizeof text), 8);
    assert_string_equal(text, "http/1.1");
    assert_int_equal(SocketStream_get_tls_alpn(theirs, text, sizeof text), 8);
    assert_true(SocketStream_get_tls_server(theirs, text, sizeof text) > 0);
    assert_string_equal(text, i == 0 ? "localhost" : "www.example.com");
    assert_int_equal(SocketStream_get_tls_server(theirs, text, 4), SOCKET_ENOBUFS);
    SocketStream_free(&ours);
    SocketStream_free(&theirs);
  }
  /* An address is looked for in the certificate, and not asked for. */
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, NULL, &ours, &theirs), 1);
  assert_int_equal(SocketStream_get_tls_server(theirs, text, sizeof text), 0);
}

static void no_protocol_in_common(void **state) {
  Secured *to = *state;
  assert_int_equal(SocketTLS_set_alpn(to->server, "h2"), 0);
  assert_int_equal(SocketTLS_set_alpn(to->client, "http/1.1"), 0);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), SOCKET_EALERT);
}

/* ---- Sessions */

/* What a client of TLS 1.3 is sent after the handshake comes with the first bytes. */
static int resumes(Secured *to, SocketTLS_T client) {
  SocketStream_T ours, theirs;
  assert_int_equal(connect_with(to, client, "localhost", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
  const int resumed = SocketStream_is_tls_resumed(ours);
  assert_int_equal(SocketStream_is_tls_resumed(theirs), resumed);
  SocketStream_free(&ours);
  SocketStream_free(&theirs);
  return resumed;
}

static void sessions_are_resumed(void **state) {
  Secured *to = *state;
  assert_int_equal(resumes(to, to->client), 0);
  assert_int_equal(resumes(to, to->client), 1);
  assert_int_equal(resumes(to, to->client), 1);
  assert_int_equal(SocketTLS_set_sessions(to->client, 0), 0);
  assert_int_equal(resumes(to, to->client), 0);
  assert_int_equal(SocketTLS_set_sessions(to->client, 2), 0);
  assert_int_equal(resumes(to, to->client), 0);
  assert_int_equal(resumes(to, to->client), 1);
  assert_int_equal(SocketTLS_set_tickets(to->server, 0), 0);
  assert_int_equal(resumes(to, to->client), 0);
}

static void ticket_keys_are_shared(void **state) {
  unsigned char keys[SOCKET_TLS_TICKET_KEY_BYTES];
  Secured *here = *state, there;
  open_secured(&there, &good, &authority);
  const int64_t length = SocketTLS_get_ticket_keys(here->server, keys, sizeof keys);
  assert_int_equal(length, SOCKET_TLS_TICKET_KEY_BYTES);
  assert_int_equal(resumes(here, here->client), 0);
  assert_int_equal(resumes(&there, here->client), 0); /* another's keys */
  assert_int_equal(SocketTLS_set_ticket_keys(there.server, keys, length), 0);
  assert_int_equal(resumes(here, here->client), 0);
  assert_int_equal(resumes(&there, here->client), 1);
  close_secured(&there);
}

/* More than the library below has room for by default (32 in TLS 1.3). */
static void many_handshakes_at_once(void **state) {
  enum { MANY = 150 };
  Secured *to = *state;
  for (int i = 0; i < MANY; i++)
    assert_non_null(
        SocketStream_connect_tls(to->loop, to->address, to->client, "localhost", HANG_MS));
  for (int seen = 0; seen < 2 * MANY; seen++) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(to->loop, &event, 1, HANG_MS), 1);
    assert_true(event.kind == SOCKET_ACCEPTED || event.kind == SOCKET_CONNECTED);
  }
}

/* ---- Bytes */

#define BIG (3 << 20)

static void echo_of_megabytes(void **state) {
  Secured *to = *state;
  Recorder echo = {0};
  EchoClient client;
  echo_client_begin(&client, BIG);
  SocketListener_set_callback(to->listener, accept_echo, &echo);
  SocketStream_T stream =
      SocketStream_connect_tls(to->loop, to->address, to->client, "localhost", HANG_MS);
  assert_int_equal(SocketStream_set_callback(stream, echo_client_event, &client), 0);
  run_until(to->loop, &client.done, 1);
  assert_int_equal(client.received, BIG);
  assert_int_equal(client.recorder.count[SOCKET_EOF], 1);
  assert_int_equal(client.recorder.last[SOCKET_CLOSED].status, 0);
  assert_int_equal(client.recorder.order[0], 'a' + SOCKET_CONNECTED);
  assert_int_equal(echo.count[SOCKET_EOF], 1);
  echo_client_end(&client);
}

static void operations_work_the_same(void **state) {
  Secured *to = *state;
  SocketFuture_T connecting =
      SocketAsync_connect_tls(to->loop, to->address, to->client, "localhost", HANG_MS);
  SocketFuture_T accepting = SocketAsync_accept(to->listener, HANG_MS);
  assert_int_equal(SocketFuture_await(connecting, HANG_MS), 0);
  assert_int_equal(SocketFuture_await(accepting, HANG_MS), 0);
  SocketStream_T ours = SocketFuture_get_data(connecting);
  SocketStream_T theirs = SocketFuture_get_data(accepting);
  char line[32], rest[32];
  const void *pieces[] = {"first\nsec", "ond\n", "third"};
  const int64_t lengths[] = {9, 4, 5};
  SocketFuture_T write = SocketAsync_writev(ours, pieces, lengths, 3, HANG_MS);
  SocketFuture_T read = SocketAsync_read_until(theirs, line, sizeof line, "\n", 1, HANG_MS);
  assert_int_equal(SocketFuture_await(write, HANG_MS), 18);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 6);
  assert_memory_equal(line, "first\n", 6);
  SocketFuture_free(&read);
  read = SocketAsync_read_exactly(theirs, rest, 12, HANG_MS);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 12);
  assert_memory_equal(rest, "second\nthird", 12);
  SocketFuture_free(&read);
  SocketFuture_free(&write);
  SocketFuture_free(&connecting);
  SocketFuture_free(&accepting);
}

/* Paused in the midst of what has arrived: nothing is lost, nothing comes meanwhile. */
static void bytes_wait_while_paused(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  for (int i = 0; i < 20; i++) assert_true(SocketStream_write(ours, "0123456789", 10) >= 0);
  assert_int_equal(SocketStream_start(theirs), 0);
  int64_t received = 0;
  while (received < 200) {
    SocketCompletion_T event = pull_one(to->loop, SOCKET_DATA);
    received += event.length;
    assert_int_equal(SocketStream_pause(theirs), 0);
    assert_int_equal(SocketLoop_wait(to->loop, &event, 1, 0), 0);
    assert_int_equal(SocketStream_start(theirs), 0);
  }
  assert_int_equal(received, 200);
}

/* ---- Its end */

static void an_announced_end_is_one(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_start(theirs), 0);
  assert_int_equal(SocketStream_shutdown(ours), 0);
  assert_int_equal(SocketStream_write(ours, "x", 1), SOCKET_ESTATE);
  assert_ptr_equal(pull_one(to->loop, SOCKET_EOF).subject, theirs);
  say_hello(theirs, ours); /* the other direction goes on */
}

static void an_end_without_announcement_is_an_error(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_start(theirs), 0);
  assert_int_equal(shutdown(SocketStream_get_fd(ours), SHUT_WR), 0);
  assert_int_equal(pull_one(to->loop, SOCKET_CLOSED).status, SOCKET_ECUTOFF);
}

/* ---- From a connection that is there */

static void started_on_a_stream(void **state) {
  Secured *to = *state;
  Pair pair = make_pair(to->loop);
  say_hello(pair.client, pair.server);
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, NULL, HANG_MS), SOCKET_EINVAL);
  assert_int_equal(SocketStream_start_tls(pair.server, to->server, "x", HANG_MS), SOCKET_EINVAL);
  assert_null(SocketStream_get_tls_version(pair.client));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, "localhost", HANG_MS), 0);
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, "localhost", HANG_MS),
                   SOCKET_ENOTCONN);
  assert_null(SocketStream_get_tls_version(pair.client));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_write(pair.client, "x", 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_start_tls(pair.server, to->server, NULL, HANG_MS), 0);
  pull_one(to->loop, SOCKET_CONNECTED);
  pull_one(to->loop, SOCKET_CONNECTED);
  say_hello_both_ways(pair.client, pair.server);
  assert_int_equal(SocketStream_start_tls(pair.client, to->client, "localhost", HANG_MS),
                   SOCKET_ESTATE);
}

static void over_a_socketpair(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  assert_int_equal(SocketStream_new_socketpair(to->loop, NULL, &ours, &theirs), 0);
  if (SocketStream_set_max_fds(ours, 1) == 0) { /* where descriptors are passed */
    assert_int_equal(SocketStream_start_tls(ours, to->client, "localhost", HANG_MS),
                     SOCKET_ENOTSUP);
    assert_int_equal(SocketStream_set_max_fds(ours, 0), 0);
  }
  assert_int_equal(SocketStream_start_tls(ours, to->client, "localhost", HANG_MS), 0);
  assert_int_equal(SocketStream_start_tls(theirs, to->server, NULL, HANG_MS), 0);
  pull_one(to->loop, SOCKET_CONNECTED);
  pull_one(to->loop, SOCKET_CONNECTED);
  say_hello(ours, theirs);
  assert_int_equal(SocketStream_set_max_fds(ours, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_move(ours, to->loop, NULL, NULL), SOCKET_ENOTSUP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(versions_suites_and_keys),
      cmocka_unit_test(the_best_suite),
      secured_test(nothing_in_common),
      secured_test(protocols_and_names),
      secured_test(no_protocol_in_common),
      secured_test_of_each_version(sessions_are_resumed),
      secured_test(ticket_keys_are_shared),
      secured_test(many_handshakes_at_once),
      secured_test_of_each_version(echo_of_megabytes),
      secured_test_of_each_version(operations_work_the_same),
      secured_test_of_each_version(bytes_wait_while_paused),
      secured_test_of_each_version(an_announced_end_is_one),
      secured_test_of_each_version(an_end_without_announcement_is_an_error),
      secured_test_of_each_version(started_on_a_stream),
      secured_test(over_a_socketpair),
  };
  return cmocka_run_group_tests(tests, make_others, NULL);
}
