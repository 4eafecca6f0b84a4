/* TLS over a network that delivers late, in pieces of any size and through small buffers, and now
 * and then breaks: what arrives is what was sent, and an end is announced or an error. */
#include "support/tls_support.h"

#include <socketpoll/SocketSimulation.h>

enum { LENGTH = 60000, SEEDS = 60 };

typedef struct Talk {
  SocketTLS_T server, client;
  char sent[LENGTH];
  int64_t written, received; /* by the client */
  int eof, closed, status;
} Talk;

static void echo(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  if (event->kind == SOCKET_ACCEPTED) {
    SocketStream_set_marks(stream, LENGTH, 4 * LENGTH);
    SocketStream_set_callback(stream, echo, user);
    SocketStream_start(stream);
  }
  if (event->kind == SOCKET_DATA) SocketStream_write(stream, event->data, event->length);
  if (event->kind == SOCKET_EOF) SocketStream_close(stream);
  if (event->kind == SOCKET_CLOSED) SocketStream_free(&stream);
}

static void send_more(Talk *talk, SocketStream_T stream) {
  while (talk->written < LENGTH) {
    int64_t size = LENGTH - talk->written < 7000 ? LENGTH - talk->written : 7000;
    if (SocketStream_write(stream, talk->sent + talk->written, size) < 0) return;
    talk->written += size;
  }
  SocketStream_shutdown(stream);
}

static void talk_event(const SocketCompletion_T *event, void *user) {
  Talk *talk = user;
  switch (event->kind) {
  case SOCKET_CONNECTED:
  case SOCKET_DRAINED: send_more(talk, event->subject); break;
  case SOCKET_DATA:
    assert_true(talk->received + event->length <= talk->written);
    assert_memory_equal(talk->sent + talk->received, event->data, (size_t)event->length);
    talk->received += event->length;
    break;
  case SOCKET_EOF: talk->eof++; break;
  case SOCKET_CLOSED:
    talk->closed++;
    talk->status = event->status;
    break;
  }
}

/* One run of a seed; `loss` of a million pieces break the connection. */
static void run_seed(Talk *talk, uint64_t seed, int loss) {
  SocketSimulation_T world = SocketSimulation_new(seed);
  SocketLoop_T here = SocketSimulation_new_loop(world), there = SocketSimulation_new_loop(world);
  talk->written = talk->received = talk->eof = talk->closed = talk->status = 0;
  SocketSimulation_set_loss(world, loss);
  SocketSimulation_set_piece(world, 1 + (int)SocketSimulation_random(world, 4000));
  SocketSimulation_set_buffer(world, 100 + (int)SocketSimulation_random(world, 30000));
  /* A server that changes its version meanwhile costs a client of mbedTLS's the kept session's
   * connection, see SocketTLS_set_sessions. */
  if (seed % 10 == 0) {
    SocketTLS_set_policy(talk->server, seed % 20 ? ONLY_TLS_1_3 : ONLY_TLS_1_2);
    SocketTLS_set_sessions(talk->client, 4);
  }
  SocketListener_T listener = SocketListener_new(there);
  SocketListener_set_callback(listener, echo, NULL);
  assert_int_equal(SocketListener_set_tls(listener, talk->server), 0);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:443"), 0);
  SocketStream_T stream =
      SocketStream_connect_tls(here, "127.0.0.1:443", talk->client, "localhost", -1);
  assert_non_null(stream);
  SocketStream_set_marks(stream, 2000, 16000);
  SocketStream_set_callback(stream, talk_event, talk);
  SocketStream_start(stream);
  SocketSimulation_run(world, 600000);
  if (talk->closed && talk->status != 0) {
    assert_true(loss > 0);
  } else {
    assert_int_equal(talk->received, LENGTH);
    assert_int_equal(talk->eof, 1);
  }
  SocketStream_free(&stream);
  SocketListener_free(&listener);
  SocketSimulation_run(world, 600000);
  SocketSimulation_free(&world);
}

static void every_seed(void **state) {
  static Talk talk;
  (void)state;
  talk.server = server_with(&good);
  talk.client = client_of(&authority);
  for (int i = 0; i < LENGTH; i++) talk.sent[i] = (char)(i * 13 + i / 127);
  for (uint64_t seed = 1; seed <= SEEDS; seed++) run_seed(&talk, seed, seed % 3 ? 0 : 3000);
  SocketTLS_free(&talk.server);
  SocketTLS_free(&talk.client);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_seed)};
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
