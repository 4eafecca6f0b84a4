/* SocketStream through the C ABI: delivery, order, ends. */
#include "support/net_support.h"

#include <stdlib.h>
#include <sys/socket.h>

static void push_echo(const SocketCompletion_T *event, void *user) {
  record(event, user);
  SocketStream_T stream = event->subject;
  if (event->kind == SOCKET_DATA)
    assert_true(SocketStream_write(stream, event->data, event->length) >= 0);
  if (event->kind == SOCKET_EOF) assert_int_equal(SocketStream_close(stream), 0);
}

static void accept_echo(const SocketCompletion_T *event, void *user) {
  record(event, user);
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_T stream = event->subject;
  assert_int_equal(SocketStream_set_callback(stream, push_echo, user), 0);
  assert_int_equal(SocketStream_start(stream), 0);
}

#define BIG (4 << 20)

/* Writes a pattern as fast as the marks allow, checks what comes back. */
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

static void echo_of_megabytes_in_push(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  Recorder server = {0};
  SocketListener_T listener = listen_local(loop, address);
  SocketListener_set_callback(listener, accept_echo, &server);
  Client client = {0};
  client.pattern = malloc(BIG);
  for (int i = 0; i < BIG; i++) client.pattern[i] = (char)(i * 31 + (i >> 8));
  SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
  SocketStream_set_callback(stream, client_event, &client);
  /* The server side writes more than the marks would allow a program that heeds them. */
  run_until(loop, &client.done, 1);
  assert_int_equal(client.received, BIG);
  assert_int_equal(client.recorder.last[SOCKET_CLOSED].status, 0);
  assert_int_equal(server.count[SOCKET_EOF], 1);
  free(client.pattern);
  SocketLoop_free(&loop);
}

static void echo_in_pull(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair(loop);
  SocketStream_set_callback(pair.client, NULL, &pair);
  assert_int_equal(SocketStream_start(pair.client), 0);
  assert_int_equal(SocketStream_start(pair.server), 0);
  for (int round = 0; round < 1000; round++) {
    char message[32];
    int length = snprintf(message, sizeof message, "message %d", round);
    assert_int_equal(SocketStream_write(pair.client, message, length), 0);
    SocketCompletion_T event = pull_one(loop, SOCKET_DATA);
    assert_ptr_equal(event.subject, pair.server);
    assert_int_equal(SocketStream_write(pair.server, event.data, event.length), 0);
    event = pull_one(loop, SOCKET_DATA);
    assert_ptr_equal(event.subject, pair.client);
    assert_ptr_equal(event.user, &pair);
    assert_int_equal(event.length, length);
    assert_memory_equal(event.data, message, (size_t)length);
  }
  assert_int_equal(SocketStream_shutdown(pair.client), 0);
  pull_one(loop, SOCKET_EOF);
  assert_int_equal(SocketStream_write(pair.client, "x", 1), SOCKET_ESTATE);
  assert_int_equal(SocketStream_write(pair.server, "late", 4), 0);
  SocketCompletion_T event = pull_one(loop, SOCKET_DATA);
  assert_memory_equal(event.data, "late", 4);
  assert_int_equal(SocketStream_close(pair.server), 0);
  event = pull_one(loop, SOCKET_CLOSED);
  assert_ptr_equal(event.subject, pair.server);
  assert_int_equal(event.status, 0);
  event = pull_one(loop, SOCKET_EOF);
  assert_ptr_equal(event.subject, pair.client);
  SocketStream_free(&pair.server);
  SocketStream_free(&pair.client);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(echo_of_megabytes_in_push),
      cmocka_unit_test(echo_in_pull),
  };
  return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
