/* TLS through the C ABI: what is agreed on, and that a stream with it behaves as one without. */
#include "support/tls_support.h"

static Issued authority, ecdsa, rsa, other;

static int make_certificates(void **state) {
  (void)state;
  issue(&authority, "Test authority", SOCKET_TLS_AUTHORITY, NULL);
  issue(&ecdsa, "localhost,127.0.0.1", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
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
    const Issued *issued = i % 2 ? &rsa : &ecdsa;
    SocketTLS_T server = server_with(issued), client = client_of(&authority);
    assert_int_equal(SocketTLS_set_policy(server, cases[i / 2].policy), 0);
    Secured to = listen_secured(server);
    SocketStream_T ours, theirs;
    assert_int_equal(connect_secured(&to, client, "localhost", &ours, &theirs), 1);
    assert_string_equal(SocketStream_get_tls_version(ours), cases[i / 2].version);
    assert_string_equal(SocketStream_get_tls_version(theirs), cases[i / 2].version);
    assert_string_equal(SocketStream_get_tls_suite(ours), SocketStream_get_tls_suite(theirs));
    assert_int_equal(SocketStream_is_tls_resumed(ours), 0);
    say_hello(to.loop, ours, theirs);
    say_hello(to.loop, theirs, ours);
    assert_int_equal(SocketLoop_get_stat(to.loop, SOCKET_STAT_TLS_HANDSHAKES), 1);
    end_secured(&to);
    SocketTLS_free(&server);
    SocketTLS_free(&client);
  }
}

static void nothing_in_common(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), client = client_of(&authority);
  assert_int_equal(SocketTLS_set_policy(server, "modern"), 0);
  assert_int_equal(SocketTLS_set_policy(client, "custom:ECDHE-ECDSA-AES128-GCM-SHA256"), 0);
  Secured to = listen_secured(server);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(&to, client, "localhost", &ours, &theirs), SOCKET_EALERT);
  char why[200];
  assert_true(SocketStream_get_tls_failure(ours, why, sizeof why) > 0);
  assert_int_equal(SocketLoop_get_stat(to.loop, SOCKET_STAT_TLS_FAILED), 1);
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
}

static void protocols_and_names(void **state) {
  (void)state;
  char text[64];
  SocketTLS_T server = server_with(&ecdsa), client = client_of(&authority);
  assert_int_equal(add_issued(server, &other), 2);
  assert_int_equal(SocketTLS_set_alpn(server, "h2,http/1.1"), 0);
  assert_int_equal(SocketTLS_set_alpn(client, "http/1.1, spdy"), 0);
  Secured to = listen_secured(server);
  static const char *const names[] = {"localhost", "www.example.com", "WWW.EXAMPLE.COM."};
  for (int i = 0; i < 3; i++) {
    SocketStream_T ours, theirs;
    assert_int_equal(connect_secured(&to, client, names[i], &ours, &theirs), 1);
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
  assert_int_equal(connect_secured(&to, client, NULL, &ours, &theirs), 1);
  assert_int_equal(SocketStream_get_tls_server(theirs, text, sizeof text), 0);
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
}

static void no_protocol_in_common(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), client = client_of(&authority);
  assert_int_equal(SocketTLS_set_alpn(server, "h2"), 0);
  assert_int_equal(SocketTLS_set_alpn(client, "http/1.1"), 0);
  Secured to = listen_secured(server);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(&to, client, "localhost", &ours, &theirs), SOCKET_EALERT);
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
}

/* ---- Sessions */

/* What a client of TLS 1.3 is sent after the handshake comes with the first bytes. */
static int resumes(Secured *to, SocketTLS_T client) {
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, client, "localhost", &ours, &theirs), 1);
  say_hello(to->loop, ours, theirs);
  say_hello(to->loop, theirs, ours);
  const int resumed = SocketStream_is_tls_resumed(ours);
  assert_int_equal(SocketStream_is_tls_resumed(theirs), resumed);
  SocketStream_free(&ours);
  SocketStream_free(&theirs);
  return resumed;
}

static void sessions_are_resumed(void **state) {
  (void)state;
  static const char *const policies[] = {"modern", "custom:ECDHE-ECDSA-AES128-GCM-SHA256"};
  for (int i = 0; i < 2; i++) {
    SocketTLS_T server = server_with(&ecdsa), client = client_of(&authority);
    assert_int_equal(SocketTLS_set_policy(server, policies[i]), 0);
    Secured to = listen_secured(server);
    assert_int_equal(resumes(&to, client), 0);
    assert_int_equal(resumes(&to, client), 1);
    assert_int_equal(resumes(&to, client), 1);
    assert_int_equal(SocketTLS_set_sessions(client, 0), 0);
    assert_int_equal(resumes(&to, client), 0);
    assert_int_equal(SocketTLS_set_sessions(client, 2), 0);
    assert_int_equal(resumes(&to, client), 0);
    assert_int_equal(resumes(&to, client), 1);
    assert_int_equal(SocketTLS_set_tickets(server, 0), 0);
    assert_int_equal(resumes(&to, client), 0);
    end_secured(&to);
    SocketTLS_free(&server);
    SocketTLS_free(&client);
  }
}

static void ticket_keys_are_shared(void **state) {
  (void)state;
  unsigned char keys[SOCKET_TLS_TICKET_KEY_BYTES * 4];
  SocketTLS_T client = client_of(&authority);
  SocketTLS_T first = server_with(&ecdsa), second = server_with(&ecdsa);
  const int64_t length = SocketTLS_get_ticket_keys(first, keys, sizeof keys);
  assert_int_equal(length, SOCKET_TLS_TICKET_KEY_BYTES);
  assert_int_equal(SocketTLS_get_ticket_keys(first, keys, 8), SOCKET_ENOBUFS);
  Secured here = listen_secured(first), there = listen_secured(second);
  assert_int_equal(resumes(&here, client), 0);
  assert_int_equal(resumes(&there, client), 0); /* another's keys */
  assert_int_equal(SocketTLS_set_ticket_keys(second, keys, length), 0);
  assert_int_equal(resumes(&here, client), 0);
  assert_int_equal(resumes(&there, client), 1);
  assert_int_equal(SocketTLS_set_ticket_keys(second, keys, length - 1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_ticket_keys(client, keys, length), SOCKET_ESTATE);
  end_secured(&here);
  end_secured(&there);
  SocketTLS_free(&first);
  SocketTLS_free(&second);
  SocketTLS_free(&client);
}

/* More than the library below has room for by default (32 in TLS 1.3). */
static void many_handshakes_at_once(void **state) {
  (void)state;
  enum { MANY = 150 };
  SocketTLS_T server = server_with(&ecdsa), client = client_of(&authority);
  Secured to = listen_secured(server);
  for (int i = 0; i < MANY; i++)
    assert_non_null(SocketStream_connect_tls(to.loop, to.address, client, "localhost", HANG_MS));
  for (int seen = 0; seen < 2 * MANY; seen++) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(to.loop, &event, 1, HANG_MS), 1);
    assert_true(event.kind == SOCKET_ACCEPTED || event.kind == SOCKET_CONNECTED);
  }
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
}

/* ---- Bytes */

#define BIG (3 << 20)

typedef struct Client {
  Recorder recorder;
  char *pattern;
  int64_t sent, received;
  int done;
} Client;

static void client_send(Client *client, SocketStream_T stream) {
  while (client->sent < BIG) {
    int64_t size = BIG - client->sent < 300000 ? BIG - client->sent : 300000;
    int64_t queued = SocketStream_write(stream, client->pattern + client->sent, size);
    if (queued == SOCKET_EAGAIN) return;
    assert_true(queued >= 0);
    client->sent += size;
    if (client->sent == BIG) assert_int_equal(SocketStream_shutdown(stream), 0);
  }
}

static void client_event(const SocketCompletion_T *event, void *user) {
  Client *client = user;
  record(event, &client->recorder);
  SocketStream_T stream = event->subject;
  switch (event->kind) {
  case SOCKET_CONNECTED:
    assert_int_equal(SocketStream_start(stream), 0);
    client_send(client, stream);
    break;
  case SOCKET_DRAINED: client_send(client, stream); break;
  case SOCKET_DATA:
    assert_memory_equal(client->pattern + client->received, event->data, event->length);
    client->received += event->length;
    break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED: client->done = 1; break;
  }
}

static void push_echo(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  record(event, user);
  if (event->kind == SOCKET_DATA)
    assert_true(SocketStream_write(stream, event->data, event->length) >= 0);
  if (event->kind == SOCKET_EOF) assert_int_equal(SocketStream_close(stream), 0);
}

static void accept_echo(const SocketCompletion_T *event, void *user) {
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_T stream = event->subject;
  SocketStream_set_marks(stream, 4 * BIG, 8 * BIG);
  assert_int_equal(SocketStream_set_callback(stream, push_echo, user), 0);
  assert_int_equal(SocketStream_start(stream), 0);
}

static void echo_of_megabytes(void **state) {
  (void)state;
  static const char *const policies[] = {"modern", "custom:ECDHE-ECDSA-AES128-GCM-SHA256"};
  for (int round = 0; round < 2; round++) {
    SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
    assert_int_equal(SocketTLS_set_policy(server, policies[round]), 0);
    Secured to = listen_secured(server);
    Recorder echo = {0};
    SocketListener_set_callback(to.listener, accept_echo, &echo);
    Client client = {0};
    client.pattern = malloc(BIG);
    for (int i = 0; i < BIG; i++) client.pattern[i] = (char)(i * 7 + i / 251);
    SocketStream_T stream =
        SocketStream_connect_tls(to.loop, to.address, tls, "localhost", HANG_MS);
    assert_int_equal(SocketStream_set_callback(stream, client_event, &client), 0);
    run_until(to.loop, &client.done, 1);
    assert_int_equal(client.received, BIG);
    assert_int_equal(client.recorder.count[SOCKET_EOF], 1);
    assert_int_equal(client.recorder.last[SOCKET_CLOSED].status, 0);
    assert_int_equal(client.recorder.order[0], 'a' + SOCKET_CONNECTED);
    SocketStream_free(&stream);
    end_secured(&to);
    free(client.pattern);
    SocketTLS_free(&server);
    SocketTLS_free(&tls);
  }
}

static void operations_work_the_same(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
  Secured to = listen_secured(server);
  SocketFuture_T connecting =
      SocketAsync_connect_tls(to.loop, to.address, tls, "localhost", HANG_MS);
  SocketFuture_T accepting = SocketAsync_accept(to.listener, HANG_MS);
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
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&tls);
}

/* Paused in the midst of what has arrived: nothing is lost, nothing comes meanwhile. */
static void bytes_wait_while_paused(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
  Secured to = listen_secured(server);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(&to, tls, "localhost", &ours, &theirs), 1);
  for (int i = 0; i < 20; i++) assert_true(SocketStream_write(ours, "0123456789", 10) >= 0);
  assert_int_equal(SocketStream_start(theirs), 0);
  int64_t received = 0;
  while (received < 200) {
    SocketCompletion_T event = pull_one(to.loop, SOCKET_DATA);
    received += event.length;
    assert_int_equal(SocketStream_pause(theirs), 0);
    assert_int_equal(SocketLoop_wait(to.loop, &event, 1, 0), 0);
    assert_int_equal(SocketStream_start(theirs), 0);
  }
  assert_int_equal(received, 200);
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&tls);
}

/* ---- Its end */

static void an_announced_end_is_one(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
  Secured to = listen_secured(server);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(&to, tls, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_start(theirs), 0);
  assert_int_equal(SocketStream_shutdown(ours), 0);
  assert_int_equal(SocketStream_write(ours, "x", 1), SOCKET_ESTATE);
  assert_ptr_equal(pull_one(to.loop, SOCKET_EOF).subject, theirs);
  say_hello(to.loop, theirs, ours); /* the other direction goes on */
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&tls);
}

static void an_end_without_announcement_is_an_error(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
  Secured to = listen_secured(server);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(&to, tls, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_start(theirs), 0);
  assert_int_equal(shutdown(SocketStream_get_fd(ours), SHUT_WR), 0);
  assert_int_equal(pull_one(to.loop, SOCKET_CLOSED).status, SOCKET_ECUTOFF);
  end_secured(&to);
  SocketTLS_free(&server);
  SocketTLS_free(&tls);
}

/* ---- From a connection that is there */

static void started_on_a_stream(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair(loop);
  say_hello(loop, pair.client, pair.server);
  assert_int_equal(SocketStream_start_tls(pair.client, tls, NULL, HANG_MS), SOCKET_EINVAL);
  assert_int_equal(SocketStream_start_tls(pair.server, server, "x", HANG_MS), SOCKET_EINVAL);
  assert_null(SocketStream_get_tls_version(pair.client));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_start_tls(pair.client, tls, "localhost", HANG_MS), 0);
  assert_int_equal(SocketStream_start_tls(pair.client, tls, "localhost", HANG_MS), SOCKET_ENOTCONN);
  assert_null(SocketStream_get_tls_version(pair.client));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_write(pair.client, "x", 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_start_tls(pair.server, server, NULL, HANG_MS), 0);
  pull_one(loop, SOCKET_CONNECTED);
  pull_one(loop, SOCKET_CONNECTED);
  say_hello(loop, pair.client, pair.server);
  say_hello(loop, pair.server, pair.client);
  assert_int_equal(SocketStream_start_tls(pair.client, tls, "localhost", HANG_MS), SOCKET_ESTATE);
  SocketLoop_free(&loop);
  SocketTLS_free(&server);
  SocketTLS_free(&tls);
}

static void over_a_socketpair(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&ecdsa), tls = client_of(&authority);
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T ours, theirs;
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &ours, &theirs), 0);
  if (SocketStream_set_max_fds(ours, 1) == 0) { /* where descriptors are passed */
    assert_int_equal(SocketStream_start_tls(ours, tls, "localhost", HANG_MS), SOCKET_ENOTSUP);
    assert_int_equal(SocketStream_set_max_fds(ours, 0), 0);
  }
  assert_int_equal(SocketStream_start_tls(ours, tls, "localhost", HANG_MS), 0);
  assert_int_equal(SocketStream_start_tls(theirs, server, NULL, HANG_MS), 0);
  pull_one(loop, SOCKET_CONNECTED);
  pull_one(loop, SOCKET_CONNECTED);
  say_hello(loop, ours, theirs);
  assert_int_equal(SocketStream_set_max_fds(ours, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_move(ours, loop, NULL, NULL), SOCKET_ENOTSUP);
  SocketLoop_free(&loop);
  SocketTLS_free(&server);
  SocketTLS_free(&tls);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(versions_suites_and_keys),
      cmocka_unit_test(nothing_in_common),
      cmocka_unit_test(protocols_and_names),
      cmocka_unit_test(no_protocol_in_common),
      cmocka_unit_test(sessions_are_resumed),
      cmocka_unit_test(ticket_keys_are_shared),
      cmocka_unit_test(many_handshakes_at_once),
      cmocka_unit_test(echo_of_megabytes),
      cmocka_unit_test(operations_work_the_same),
      cmocka_unit_test(bytes_wait_while_paused),
      cmocka_unit_test(an_announced_end_is_one),
      cmocka_unit_test(an_end_without_announcement_is_an_error),
      cmocka_unit_test(started_on_a_stream),
      cmocka_unit_test(over_a_socketpair),
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
