/* SocketDgram through the C ABI: what is sent arrives, from whom, in both modes of delivery; tokens
 * live as long as they promise. */
#include "support/dgram_support.h"

static void echo(const SocketCompletion_T *event, void *user) {
  record(event, user);
  if (event->kind != SOCKET_DATAGRAM) return;
  assert_int_equal(SocketDgram_reply(event->subject, event->source, event->data, event->length), 0);
}

static void an_echo_is_two_calls(void **state) {
  (void)state;
  static const char *const places[] = {"127.0.0.1:0", "[::1]:0"};
  for (int place = 0; place < 2; place++) {
    SocketLoop_T loop = SocketLoop_new();
    char server_address[128], client_address[128];
    Recorder recorder = {0};
    SocketDgram_T server = bound_at(loop, places[place], server_address);
    SocketDgram_T client = bound_at(loop, places[place], client_address);
    assert_int_equal(SocketDgram_set_callback(server, echo, &recorder), 0);
    for (int i = 0; i < 100; i++) {
      send_text(client, server_address, "ping");
      SocketCompletion_T event = pull_text(loop, client, "ping");
      assert_string_equal(sender_of(client, event.source), server_address);
    }
    assert_int_equal(recorder.count[SOCKET_DATAGRAM], 100);
    assert_ptr_equal(recorder.last[SOCKET_DATAGRAM].subject, server);
    assert_ptr_equal(recorder.last[SOCKET_DATAGRAM].user, &recorder);
    void *stale = recorder.last[SOCKET_DATAGRAM].source;
    assert_non_null(stale);
    assert_int_equal(SocketDgram_reply(server, stale, "x", 1), SOCKET_EBADHANDLE);
    /* Nothing at all is a datagram too. */
    assert_int_equal(SocketDgram_send_to(client, server_address, NULL, 0), 0);
    assert_int_equal(pull_one(loop, SOCKET_DATAGRAM).length, 0);
    SocketDgram_free(&server);
    assert_null(server);
    SocketDgram_free(&server);
    SocketDgram_free(NULL);
    SocketLoop_free(&loop);
  }
}

static void tokens_live_as_long_as_their_data(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], text[128];
  SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
  send_text(other, address, "one");
  send_text(other, address, "two");
  SocketCompletion_T events[8];
  pull_text(loop, dgram, "one");
  events[1] = pull_text(loop, dgram, "two");
  int count;
  void *token = events[1].source;
  assert_string_equal(sender_of(dgram, token), other_address);
  /* Another socket's, and what never was one. */
  assert_int_equal(SocketDgram_get_sender(other, token, text, 128), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_reply(other, token, "x", 1), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_reply(dgram, NULL, "x", 1), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_reply(dgram, (char *)token + 1, "x", 1), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_reply(dgram, (char *)token - 2, "x", 1), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_reply(dgram, &loop, "x", 1), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_reply(dgram, dgram, "x", 1), SOCKET_EBADHANDLE);
  /* The loop may run, as long as nothing is waited for. */
  send_text(other, address, "three");
  SocketLoop_run_once(loop, HANG_MS);
  assert_memory_equal(events[1].data, "two", 3);
  assert_string_equal(sender_of(dgram, token), other_address);
  assert_int_equal(SocketDgram_reply(dgram, token, "back", 4), 0);
  count = SocketLoop_wait(loop, events, 8, HANG_MS);
  assert_true(count >= 1);
  assert_int_equal(SocketDgram_reply(dgram, token, "x", 1), SOCKET_EBADHANDLE);
  for (; count < 2; count += SocketLoop_wait(loop, events, 8, HANG_MS)) {
  }
  /* A wait that gave nothing of this socket has ended them all the same. */
  send_text(other, address, "four");
  token = pull_text(loop, dgram, "four").source;
  assert_int_equal(SocketLoop_wait(loop, events, 8, 0), 0);
  assert_int_equal(SocketDgram_get_sender(dgram, token, text, 128), SOCKET_EBADHANDLE);
  SocketLoop_free(&loop);
}

static void a_wait_takes_many(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], text[16];
  SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
  const int total = 100;
  int got = 0, most = 0, waits = 0;
  for (int i = 0; i < total; i++) {
    snprintf(text, sizeof text, "%d", i);
    send_text(other, address, text);
  }
  while (got < total) {
    SocketCompletion_T events[64];
    int count = SocketLoop_wait(loop, events, 64, HANG_MS);
    assert_true(count >= 1 && count <= SOCKET_DGRAM_PULL_BATCH);
    for (int i = 0; i < count; i++) {
      snprintf(text, sizeof text, "%d", got++);
      assert_int_equal(events[i].length, (int)strlen(text));
      assert_memory_equal(events[i].data, text, strlen(text));
      assert_string_equal(sender_of(dgram, events[i].source), other_address);
    }
    most = count > most ? count : most;
    waits++;
  }
  assert_true(most > 8);
  assert_true(waits < total / 2);
  SocketLoop_free(&loop);
}

/* Large ones keep their bytes as well, through two batches and a run between. */
static void pulled_bytes_are_valid_until_the_next_wait(void **state) {
  (void)state;
  static char block[65507];
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128];
  SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
  SocketDgram_set_receive_buffer(dgram, 4 << 20);
  SocketDgram_set_send_buffer(other, 1 << 20);
  int sent = 0, got = 0;
  while (got < 60) {
    for (; sent < 60 && sent < got + 3; sent++) {
      memset(block, 'A' + sent % 26, sizeof block);
      size_t length = sent % 2 ? sizeof block : (size_t)(sent * 100);
      assert_int_equal(SocketDgram_send_to(other, address, block, (int64_t)length), 0);
    }
    SocketCompletion_T events[8];
    int count = SocketLoop_wait(loop, events, 8, HANG_MS);
    assert_true(count > 0);
    SocketLoop_run_once(loop, 0); /* reads on where it may */
    SocketLoop_run_once(loop, 0);
    for (int i = 0; i < count; i++, got++) {
      assert_int_equal(events[i].length, got % 2 ? (int)sizeof block : got * 100);
      const char *data = events[i].data;
      for (int64_t at = 0; at < events[i].length; at++) assert_int_equal(data[at], 'A' + got % 26);
      assert_string_equal(sender_of(dgram, events[i].source), other_address);
    }
  }
  SocketLoop_free(&loop);
}

static void sockets_take_turns_at_a_small_array(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char noisy_address[128], quiet_address[128], address[128];
  SocketDgram_T noisy = bound(loop, noisy_address), quiet = bound(loop, quiet_address);
  SocketDgram_T other = bound(loop, address);
  for (int round = 0; round < 50; round++) {
    for (int i = 0; i < 20; i++) send_text(other, noisy_address, "n");
    send_text(other, quiet_address, "q");
    SocketCompletion_T event;
    int waits = 0;
    do {
      assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
      waits++;
    } while (event.subject != quiet);
    assert_true(waits < 12);
  }
  (void)noisy;
  SocketLoop_free(&loop);
}

static void a_connected_socket_has_one_peer(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char one[128], two[128], client_address[128], text[128];
  SocketDgram_T first = bound(loop, one), second = bound(loop, two);
  SocketDgram_T client = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_send(client, "x", 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_connect(client, NULL), 0);
  assert_int_equal(SocketDgram_get_peer(client, text, 128), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_connect(client, one), 0);
  assert_int_equal(SocketDgram_start(client), 0);
  assert_int_equal(SocketDgram_get_peer(client, text, 128), (int)strlen(one));
  assert_string_equal(text, one);
  assert_true(SocketDgram_get_local(client, client_address, 128) > 0);
  assert_int_equal(SocketDgram_send(client, "hello", 5), 0);
  pull_text(loop, first, "hello");
  assert_int_equal(SocketDgram_send_to(client, one, "x", 1), SOCKET_ESTATE);
  /* Who is not the peer is not heard. */
  send_text(second, client_address, "stranger");
  if (!left_out_on_windows(WITHOUT_REFUSALS)) {
    SocketCompletion_T refused = pull_one(loop, SOCKET_DATAGRAM_ERROR);
    assert_int_equal(refused.status, SOCKET_ECONNREFUSED);
    assert_ptr_equal(refused.subject, second);
    assert_string_equal(sender_of(second, refused.source), client_address);
  }
  send_text(first, client_address, "friend");
  SocketCompletion_T event = pull_text(loop, client, "friend");
  assert_string_equal(sender_of(client, event.source), one);
  assert_int_equal(SocketDgram_reply(client, event.source, "again", 5), 0);
  pull_text(loop, first, "again");
  /* Another peer; then anybody. */
  assert_int_equal(SocketDgram_connect(client, two), 0);
  assert_int_equal(SocketDgram_send(client, "hello", 5), 0);
  pull_text(loop, second, "hello");
  assert_int_equal(SocketDgram_connect(client, NULL), 0);
  assert_int_equal(SocketDgram_get_peer(client, text, 128), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_send(client, "x", 1), SOCKET_ENOTCONN);
  send_text(client, one, "free");
  pull_text(loop, first, "free");
  SocketLoop_free(&loop);
}

static void what_came_before_connecting_has_its_own_sender(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char one[128], two[128], address[128];
  SocketDgram_T first = bound(loop, one), second = bound(loop, two);
  SocketDgram_T client = bound(loop, address);
  send_text(second, address, "early");
  assert_int_equal(SocketDgram_connect(client, one), 0);
  SocketCompletion_T event = pull_text(loop, client, "early");
  assert_string_equal(sender_of(client, event.source), two);
  assert_int_equal(SocketDgram_reply(client, event.source, "x", 1), SOCKET_ESTATE);
  (void)first;
  SocketLoop_free(&loop);
}

static void reading_starts_and_pauses(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128];
  SocketDgram_T dgram = SocketDgram_new(loop), other = bound(loop, other_address);
  SocketCompletion_T event;
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), 0);
  SocketDgram_get_local(dgram, address, 128);
  send_text(other, address, "waits");
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketDgram_start(dgram), 0);
  pull_text(loop, dgram, "waits");
  assert_int_equal(SocketDgram_pause(dgram), 0);
  send_text(other, address, "more");
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketDgram_start(dgram), 0);
  pull_text(loop, dgram, "more");
  /* Started before there is a socket. */
  SocketDgram_T late = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_start(late), 0);
  send_text(late, other_address, "first");
  event = pull_text(loop, other, "first");
  assert_int_equal(SocketDgram_reply(other, event.source, "answer", 6), 0);
  pull_text(loop, late, "answer");
  SocketLoop_free(&loop);
}

static void modes_switch_with_datagrams_pending(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128];
  Recorder recorder = {0};
  SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
  send_text(other, address, "pulled?");
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1); /* queued to be pulled */
  SocketDgram_set_callback(dgram, echo, &recorder);
  run_until(loop, &recorder.count[SOCKET_DATAGRAM], 1);
  assert_int_equal(recorder.bytes, 7);
  pull_text(loop, other, "pulled?");
  SocketDgram_set_callback(dgram, NULL, &recorder);
  send_text(other, address, "pulled");
  assert_ptr_equal(pull_text(loop, dgram, "pulled").user, &recorder);
  assert_int_equal(recorder.count[SOCKET_DATAGRAM], 1);
  SocketLoop_free(&loop);
}

/* A flood on one socket takes a bounded part of a turn. */
static void a_flood_leaves_room_for_others(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char flooded_address[128], address[128], other_address[128];
  Recorder flood = {0}, quiet = {0};
  SocketDgram_T flooded = bound(loop, flooded_address), dgram = bound(loop, address);
  SocketDgram_T other = bound(loop, other_address);
  SocketDgram_set_receive_buffer(flooded, 4 << 20);
  SocketDgram_set_callback(flooded, record, &flood);
  SocketDgram_set_callback(dgram, record, &quiet);
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 200; i++) send_text(other, flooded_address, "flood");
    send_text(other, address, "quiet");
    flood = quiet = (Recorder){0};
    int turns = 0;
    for (; quiet.count[SOCKET_DATAGRAM] == 0; turns++)
      assert_true(SocketLoop_run_once(loop, HANG_MS) > 0);
    assert_true(turns <= 2);
    assert_true(flood.count[SOCKET_DATAGRAM] <= 64);
    while (SocketLoop_run_once(loop, 0) > 0) {
    }
  }
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_echo_is_two_calls),
      cmocka_unit_test(tokens_live_as_long_as_their_data),
      cmocka_unit_test(a_wait_takes_many),
      cmocka_unit_test(pulled_bytes_are_valid_until_the_next_wait),
      cmocka_unit_test(sockets_take_turns_at_a_small_array),
      cmocka_unit_test(a_connected_socket_has_one_peer),
      cmocka_unit_test(what_came_before_connecting_has_its_own_sender),
      cmocka_unit_test(reading_starts_and_pauses),
      cmocka_unit_test(modes_switch_with_datagrams_pending),
      cmocka_unit_test(a_flood_leaves_room_for_others),
  };
  return cmocka_run_group_tests_name("datagrams", tests, NULL, NULL);
}
