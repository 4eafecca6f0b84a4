/* SocketStream through the C ABI: delivery, order, ends. */
#include "support/echo_support.h"

#define BIG (4 << 20)

static void echo_of_megabytes_in_push(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  Recorder server = {0};
  SocketListener_T listener = listen_local(loop, address);
  SocketListener_set_callback(listener, accept_echo, &server);
  EchoClient client;
  echo_client_begin(&client, BIG);
  SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
  SocketStream_set_callback(stream, echo_client_event, &client);
  run_until(loop, &client.done, 1);
  assert_int_equal(client.received, BIG);
  assert_int_equal(client.recorder.last[SOCKET_CLOSED].status, 0);
  assert_int_equal(server.count[SOCKET_EOF], 1);
  echo_client_end(&client);
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
