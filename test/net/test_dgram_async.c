/* Datagram operations that complete once. */
#include "support/dgram_support.h"

#include <socketpoll/SocketAsync.h>

static SocketDgram_T quiet(SocketLoop_T loop, char address[128]) {
  SocketDgram_T dgram = bound(loop, address);
  assert_int_equal(SocketDgram_pause(dgram), 0);
  return dgram;
}

static void one_datagram_one_future(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], buffer[64];
  SocketDgram_T dgram = quiet(loop, address), other = quiet(loop, other_address);
  assert_null(SocketDgram_get_last_source(dgram));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);
  for (int gro = 0; gro < 2; gro++) {
    if (gro && SocketDgram_set_gro(dgram, 1) != 0) break;
    for (int i = 0; i < 10; i++) {
      SocketFuture_T receive = SocketAsync_receive_from(dgram, buffer, sizeof buffer, HANG_MS);
      assert_non_null(receive);
      assert_null(SocketAsync_receive_from(dgram, buffer, sizeof buffer, HANG_MS));
      assert_int_equal(Socket_last_error(), SOCKET_EBUSY);
      assert_int_equal(SocketDgram_start(dgram), SOCKET_EBUSY);
      SocketFuture_T send = SocketAsync_send_to(other, address, "hello", 5, HANG_MS);
      assert_int_equal(SocketFuture_await(send, HANG_MS), 5);
      assert_int_equal(SocketFuture_await(receive, HANG_MS), 5);
      assert_memory_equal(buffer, "hello", 5);
      assert_ptr_equal(SocketFuture_get_data(receive), buffer);
      void *source = SocketDgram_get_last_source(dgram);
      assert_string_equal(sender_of(dgram, source), other_address);
      assert_int_equal(SocketDgram_reply(dgram, source, "back", 4), 0);
      SocketFuture_free(&receive);
      SocketFuture_free(&send);
      receive = SocketAsync_receive_from(other, buffer, sizeof buffer, HANG_MS);
      assert_int_equal(SocketFuture_await(receive, HANG_MS), 4);
      SocketFuture_free(&receive);
      /* The next one ends what the last one's token stood for. */
      receive = SocketAsync_receive_from(dgram, buffer, sizeof buffer, -1);
      assert_int_equal(SocketDgram_reply(dgram, source, "x", 1), SOCKET_EBADHANDLE);
      assert_int_equal(SocketFuture_cancel(receive), 0);
      assert_int_equal(SocketFuture_get_status(receive), SOCKET_ECANCELED);
      SocketFuture_free(&receive);
    }
  }
  SocketLoop_free(&loop);
}

static void what_is_wrong_is_said(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], buffer[8];
  SocketDgram_T dgram = quiet(loop, address), other = quiet(loop, other_address);
  SocketDgram_T fresh = SocketDgram_new(loop);
  assert_null(SocketAsync_receive_from(fresh, buffer, 8, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);
  SocketDgram_start(other);
  assert_null(SocketAsync_receive_from(other, buffer, 8, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);
  SocketDgram_pause(other);
  assert_null(SocketAsync_receive_from(dgram, NULL, 8, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_receive_from(dgram, buffer, 0, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_receive_from(dgram, buffer, 8, -2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_send_to(dgram, address, "x", 1, -2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_send_to(dgram, address, NULL, 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketAsync_send_to(dgram, NULL, "x", 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTCONN);
  assert_null(SocketAsync_send_to(dgram, "nowhere:1", "x", 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EADDRESS);
  SocketLoop_free(&loop);
}

static void what_happens_is_the_outcome(void **state) {
  (void)state;
  static char block[70000];
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], buffer[8], nobody[128];
  SocketDgram_T dgram = quiet(loop, address), other = quiet(loop, other_address);
  SocketDgram_T fresh = SocketDgram_new(loop);
  SocketFuture_T future = SocketAsync_send_to(dgram, address, block, sizeof block, -1);
  assert_int_equal(SocketFuture_get_status(future), SOCKET_EMSGSIZE);
  SocketFuture_free(&future);
  /* Cut. */
  future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, HANG_MS);
  send_text(other, address, "0123456789");
  assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ETRUNCATED);
  assert_int_equal(SocketFuture_get_progress(future), 8);
  assert_memory_equal(buffer, "01234567", 8);
  assert_string_equal(sender_of(dgram, SocketDgram_get_last_source(dgram)), other_address);
  SocketFuture_free(&future);
  /* Too late. */
  future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, 10);
  assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ETIMEDOUT);
  SocketFuture_free(&future);
  /* Refused. */
  nobody_at(loop, "127.0.0.1:0", nobody);
  if (!left_out_on_windows(WITHOUT_REFUSALS)) {
    future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, HANG_MS);
    send_text(dgram, nobody, "anyone?");
    assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ECONNREFUSED);
    assert_string_equal(sender_of(dgram, SocketDgram_get_last_source(dgram)), nobody);
    SocketFuture_free(&future);
  }
  if (!left_out_on_windows(WITHOUT_ICMP)) {
    assert_int_equal(SocketDgram_connect(fresh, nobody), 0);
    assert_int_equal(SocketDgram_send(fresh, "anyone?", 7), 0);
    future = SocketAsync_receive_from(fresh, buffer, sizeof buffer, HANG_MS);
    assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ECONNREFUSED);
    SocketFuture_free(&future);
  }
  /* Freed. */
  future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, -1);
  SocketDgram_free(&dgram);
  assert_int_equal(SocketFuture_get_status(future), SOCKET_ECANCELED);
  SocketFuture_free(&future);
  SocketLoop_free(&loop);
}

static void events_and_operations_take_over_from_each_other(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], buffer[8];
  SocketDgram_T dgram = bound(loop, address), other = quiet(loop, other_address);
  send_text(other, address, "one");
  send_text(other, address, "two");
  send_text(other, address, "three");
  SocketCompletion_T event;
  SocketDgram_set_batch(dgram, 8, 100);
  SocketLoop_run_once(loop, HANG_MS); /* all are queued to be pulled */
  pull_text(loop, dgram, "one");
  SocketDgram_pause(dgram);
  SocketFuture_T future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, HANG_MS);
  assert_int_equal(SocketFuture_get_result(future), 3);
  assert_memory_equal(buffer, "two", 3);
  assert_string_equal(sender_of(dgram, SocketDgram_get_last_source(dgram)), other_address);
  SocketFuture_free(&future);
  SocketDgram_start(dgram);
  pull_text(loop, dgram, "three");
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 10), 0);
  SocketLoop_free(&loop);
}

static void segments_left_over_come_as_events(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], buffer[8];
  SocketDgram_T dgram = quiet(loop, address), other = quiet(loop, other_address);
  if (SocketDgram_set_gro(dgram, 1) != 0) skip_on_this_system(WITHOUT_GRO);
  assert_int_equal(SocketDgram_send_segments(other, address, "aabbccd", 7, 2), 7);
  SocketFuture_T future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, HANG_MS);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 2);
  assert_memory_equal(buffer, "aa", 2);
  SocketFuture_free(&future);
  future = SocketAsync_receive_from(dgram, buffer, 1, HANG_MS);
  assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ETRUNCATED);
  assert_memory_equal(buffer, "b", 1);
  SocketFuture_free(&future);
  SocketDgram_start(dgram);
  pull_text(loop, dgram, "cc");
  pull_text(loop, dgram, "d");
  SocketLoop_free(&loop);
}

static void a_send_waits_for_room(void **state) {
  skip_on_windows(WITHOUT_ABSTRACT_NAMES);
  (void)state;
  for (int connected = 0; connected < 2; connected++) {
    SocketLoop_T loop = SocketLoop_new();
    char address[128], buffer[8];
    SocketCompletion_T event;
    abstract_name(address, "room");
    SocketDgram_T server = bound_at(loop, address, address), client = SocketDgram_new(loop);
    SocketDgram_pause(server);
    if (connected) assert_int_equal(SocketDgram_connect(client, address), 0);
    const char *to = connected ? NULL : address;
    SocketFuture_T send = NULL;
    int sent = 0;
    for (;; sent++) {
      send = SocketAsync_send_to(client, to, "x", 1, HANG_MS);
      assert_non_null(send);
      if (!SocketFuture_is_done(send)) break;
      assert_int_equal(SocketFuture_get_result(send), 1);
      SocketFuture_free(&send);
    }
    assert_null(SocketAsync_send_to(client, to, "x", 1, -1));
    assert_int_equal(Socket_last_error(), SOCKET_EBUSY);
    assert_int_equal(SocketFuture_await(send, 30), SOCKET_ETIMEDOUT);
    assert_false(SocketFuture_is_done(send));
    for (int i = 0; i < sent; i++) {
      SocketFuture_T receive = SocketAsync_receive_from(server, buffer, sizeof buffer, HANG_MS);
      assert_int_equal(SocketFuture_await(receive, HANG_MS), 1);
      SocketFuture_free(&receive);
    }
    assert_int_equal(SocketFuture_await(send, HANG_MS), 1);
    SocketFuture_free(&send);
    /* It was no SOCKET_EAGAIN of the program's. */
    assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
    for (;;) {
      send = SocketAsync_send_to(client, to, "x", 1, 20);
      if (!SocketFuture_is_done(send)) break;
      SocketFuture_free(&send);
    }
    assert_int_equal(SocketFuture_await(send, HANG_MS), SOCKET_ETIMEDOUT);
    SocketFuture_free(&send);
    SocketLoop_free(&loop);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_datagram_one_future),
      cmocka_unit_test(what_is_wrong_is_said),
      cmocka_unit_test(what_happens_is_the_outcome),
      cmocka_unit_test(events_and_operations_take_over_from_each_other),
      cmocka_unit_test(segments_left_over_come_as_events),
      cmocka_unit_test(a_send_waits_for_room),
  };
  return cmocka_run_group_tests_name("datagram operations", tests, NULL, NULL);
}
