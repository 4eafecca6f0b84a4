/* SocketStream through the C ABI: which events come, in which order, with what data, in both modes
 * of delivery. */
#include "support/net_support.h"

#include <errno.h>

/* Counts the kinds in a recorder's order string. */
static int position(const Recorder *recorder, int kind) {
  const char *at = strchr(recorder->order, 'a' + kind);
  return at ? (int)(at - recorder->order) : -1;
}

static void record_and_start(const SocketCompletion_T *event, void *user) {
  record(event, user);
  if (event->kind == SOCKET_CONNECTED) assert_int_equal(SocketStream_start(event->subject), 0);
}

static void pushed_events_come_in_order(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  int server = raw_listen(8, address);
  Recorder recorder = {0};
  SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
  assert_int_equal(SocketStream_set_callback(stream, record_and_start, &recorder), 0);
  assert_int_equal(recorder.order[0], 0); /* never from inside the call */
  int peer = accept(server, NULL, NULL);
  assert_int_equal(write(peer, "hello", 5), 5);
  close(peer);
  run_until(loop, &recorder.count[SOCKET_EOF], 1);
  assert_int_equal(recorder.bytes, 5);
  assert_ptr_equal(recorder.last[SOCKET_DATA].subject, stream);
  assert_ptr_equal(recorder.last[SOCKET_DATA].user, &recorder);
  assert_null(recorder.last[SOCKET_DATA].source);
  assert_int_equal(recorder.last[SOCKET_DATA].status, 0);
  assert_int_equal(SocketStream_close(stream), 0);
  assert_int_equal(recorder.count[SOCKET_CLOSED], 0);
  assert_int_equal(SocketStream_close(stream), SOCKET_ECLOSED);
  run_until(loop, &recorder.count[SOCKET_CLOSED], 1);
  char order[] = {'a' + SOCKET_CONNECTED, 'a' + SOCKET_DATA, 'a' + SOCKET_EOF, 'a' + SOCKET_CLOSED,
                  0};
  assert_string_equal(recorder.order, order);
  assert_int_equal(recorder.last[SOCKET_CLOSED].status, 0);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  SocketStream_free(&stream);
  assert_null(stream);
  close(server);
  SocketLoop_free(&loop);
}

static void pulled_events_come_in_order_one_at_a_time(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  int server = raw_listen(8, address);
  SocketStream_T stream = SocketStream_connect(loop, address, -1);
  assert_int_equal(SocketStream_start(stream), 0); /* reads once it is connected */
  int peer = accept(server, NULL, NULL);
  assert_int_equal(write(peer, "hello", 5), 5);
  close(peer);
  assert_ptr_equal(pull_one(loop, SOCKET_CONNECTED).subject, stream);
  SocketCompletion_T event = pull_one(loop, SOCKET_DATA);
  assert_int_equal(event.length, 5);
  assert_memory_equal(event.data, "hello", 5);
  pull_one(loop, SOCKET_EOF);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketStream_close(stream), 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  SocketStream_free(&stream);
  close(server);
  SocketLoop_free(&loop);
}

static void every_call_says_its_error(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_T stream = pair.stream;
  char text[64];
  assert_int_equal(SocketStream_write(stream, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_write(stream, "x", -1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_write(stream, NULL, 0), 0);
  assert_int_equal(SocketStream_write_ref(stream, "x", 1, NULL, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_marks(stream, 5, 5), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_marks(stream, -1, 5), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_marks(stream, 0, 1), 0);
  assert_int_equal(SocketStream_set_write_timeout(stream, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_write_timeout(stream, -2), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_write_timeout(stream, -1), 0);
  assert_int_equal(SocketStream_set_idle_timeout(stream, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_idle_timeout(stream, -2), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_idle_timeout(stream, -1), 0);
  assert_int_equal(SocketStream_set_keepalive(stream, -1, 1, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_keepalive(stream, 1, -1, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_keepalive(stream, 1, 1, -1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_receive_buffer(stream, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_send_buffer(stream, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_peer(stream, NULL, 48), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_peer(stream, text, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_peer(stream, text, 10), SOCKET_EINVAL);
  int length = SocketStream_get_local(stream, text, 48);
  assert_int_equal(length, (int)strlen(text));
  assert_int_equal(port_of(text), SocketListener_get_port(pair.listener));
  assert_int_equal(SocketStream_get_local(stream, text, length), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_local(stream, text, length + 1), length);
  assert_int_equal(SocketStream_get_queued(stream), 0);
  assert_int_equal(SocketStream_close(stream), 0);
  assert_int_equal(SocketStream_start(stream), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_pause(stream), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_write(stream, "x", 1), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_shutdown(stream), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_get_fd(stream), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_get_peer(stream, text, 48), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_set_nodelay(stream, 1), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_set_keepalive(stream, 1, 1, 1), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_get_queued(stream), 0);
  SocketStream_free(NULL);
  SocketStream_free(&stream);
  SocketStream_free(&stream);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static int option_of(SocketStream_T stream, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  assert_int_equal(getsockopt(SocketStream_get_fd(stream), level, name, &value, &size), 0);
  return value;
}

static void options_reach_the_socket(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  const int tcp_nodelay = 1; /* <netinet/tcp.h> */
  assert_int_equal(option_of(pair.stream, IPPROTO_TCP, tcp_nodelay), 1);
  assert_int_equal(SocketStream_set_nodelay(pair.stream, 0), 0);
  assert_int_equal(option_of(pair.stream, IPPROTO_TCP, tcp_nodelay), 0);
  assert_int_equal(option_of(pair.stream, SOL_SOCKET, SO_KEEPALIVE), 0);
  assert_int_equal(SocketStream_set_keepalive(pair.stream, 60, 10, 3), 0);
  assert_int_equal(option_of(pair.stream, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert_int_equal(SocketStream_set_keepalive(pair.stream, 0, 0, 0), 0);
  assert_int_equal(option_of(pair.stream, SOL_SOCKET, SO_KEEPALIVE), 0);
  assert_int_equal(SocketStream_set_send_buffer(pair.stream, 20000), 0);
  assert_true(option_of(pair.stream, SOL_SOCKET, SO_SNDBUF) >= 20000);
  assert_true(option_of(pair.stream, SOL_SOCKET, SO_SNDBUF) <= 80000);
  assert_int_equal(SocketStream_set_receive_buffer(pair.stream, 20000), 0);
  assert_true(option_of(pair.stream, SOL_SOCKET, SO_RCVBUF) <= 80000);
  if (!left_out_on_windows(WITHOUT_ASKING))
    assert_true(fcntl(SocketStream_get_fd(pair.stream), F_GETFL) & O_NONBLOCK);
  assert_true(fcntl(SocketStream_get_fd(pair.stream), F_GETFD) & FD_CLOEXEC);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void an_accepted_stream_reads_only_when_started(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketCompletion_T event;
  assert_int_equal(write(pair.peer, "abc", 3), 3);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  SocketStream_start(pair.stream);
  event = pull_one(loop, SOCKET_DATA);
  assert_memory_equal(event.data, "abc", 3);
  assert_int_equal(SocketStream_pause(pair.stream), 0);
  assert_int_equal(write(pair.peer, "def", 3), 3);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  SocketStream_start(pair.stream);
  event = pull_one(loop, SOCKET_DATA);
  assert_memory_equal(event.data, "def", 3);
  close(pair.peer);
  SocketLoop_free(&loop);
}

/* Bytes of one wait stay as they are while everything else goes on, but for the next wait. */
static void pulled_bytes_are_valid_until_the_next_wait(void **state) {
  (void)state;
  enum { kStreams = 8 };
  SocketLoop_T loop = SocketLoop_new();
  RawPair pairs[kStreams];
  SocketCompletion_T events[kStreams];
  for (int i = 0; i < kStreams; i++) {
    pairs[i] = make_raw_pair(loop);
    SocketStream_start(pairs[i].stream);
  }
  for (int round = 0; round < 20; round++) {
    char block[20000];
    for (int i = 0; i < kStreams; i++) {
      memset(block, 'A' + i, sizeof block);
      assert_int_equal(write(pairs[i].peer, block, sizeof block), sizeof block);
    }
    int64_t missing = kStreams * (int64_t)sizeof block;
    while (missing > 0) {
      int count = SocketLoop_wait(loop, events, kStreams, HANG_MS);
      assert_true(count > 0);
      SocketLoop_run_once(loop, 0); /* reads on where it may */
      for (int i = 0; i < count; i++) {
        assert_int_equal(events[i].kind, SOCKET_DATA);
        assert_true(events[i].length > 0 && events[i].length <= 16384);
        int which = 0;
        while (pairs[which].stream != events[i].subject) which++;
        const char *data = events[i].data;
        for (int64_t at = 0; at < events[i].length; at++) assert_int_equal(data[at], 'A' + which);
        missing -= events[i].length;
        for (int j = 0; j < i; j++) assert_ptr_not_equal(events[j].subject, events[i].subject);
      }
    }
  }
  for (int i = 0; i < kStreams; i++) close(pairs[i].peer);
  SocketLoop_free(&loop);
}

static void a_slow_puller_slows_its_peer_down(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_set_receive_buffer(pair.stream, 200000);
  SocketStream_start(pair.stream);
  fcntl(pair.peer, F_SETFL, O_NONBLOCK);
  static char block[65536];
  int64_t sent = 0;
  for (int idle = 0; idle < 3;) {
    ssize_t wrote = write(pair.peer, block, sizeof block);
    if (wrote > 0) sent += wrote;
    if (wrote < 0) assert_int_equal(errno, EAGAIN);
    int handled = SocketLoop_run_once(loop, 5); /* queues one event, and never a second */
    idle = wrote < 0 && handled == 0 ? idle + 1 : 0;
  }
  assert_true(sent < 16 << 20);
  int64_t got = 0;
  while (got < sent) {
    SocketCompletion_T events[4];
    assert_int_equal(SocketLoop_wait(loop, events, 4, HANG_MS), 1);
    got += events[0].length;
  }
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void modes_switch_with_an_event_pending(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Recorder recorder = {0};
  SocketStream_start(pair.stream);
  assert_int_equal(write(pair.peer, "pulled?", 7), 7);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1); /* queued to be pulled */
  SocketStream_set_callback(pair.stream, record, &recorder);
  run_until(loop, &recorder.count[SOCKET_DATA], 1);
  assert_int_equal(recorder.bytes, 7);
  assert_int_equal(write(pair.peer, "more", 4), 4);
  run_until(loop, &recorder.count[SOCKET_DATA], 2);
  assert_int_equal(recorder.bytes, 11);
  SocketStream_set_callback(pair.stream, NULL, &pair);
  assert_int_equal(write(pair.peer, "again", 5), 5);
  SocketCompletion_T event = pull_one(loop, SOCKET_DATA);
  assert_ptr_equal(event.user, &pair);
  assert_memory_equal(event.data, "again", 5);
  assert_int_equal(recorder.bytes, 11);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void pull_from_now_on(const SocketCompletion_T *event, void *user) {
  record(event, user);
  SocketStream_set_callback(event->subject, NULL, NULL);
}

static void a_callback_may_leave_the_rest_to_be_pulled(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Recorder recorder = {0};
  SocketStream_set_callback(pair.stream, pull_from_now_on, &recorder);
  SocketStream_start(pair.stream);
  assert_int_equal(write(pair.peer, "one", 3), 3);
  run_until(loop, &recorder.count[SOCKET_DATA], 1);
  assert_int_equal(write(pair.peer, "two", 3), 3);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 3);
  close(pair.peer);
  pull_one(loop, SOCKET_EOF);
  assert_int_equal(recorder.order[1], 0);
  SocketLoop_free(&loop);
}

static void a_capacity_of_one_loses_and_starves_nothing(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair noisy = make_raw_pair(loop), quiet = make_raw_pair(loop);
  SocketStream_start(noisy.stream);
  SocketStream_start(quiet.stream);
  fcntl(noisy.peer, F_SETFL, O_NONBLOCK);
  static char block[65536];
  for (int round = 0; round < 200; round++) {
    while (write(noisy.peer, block, sizeof block) > 0) {
    }
    assert_int_equal(write(quiet.peer, "q", 1), 1);
    int waits = 0;
    for (;; waits++) {
      SocketCompletion_T event;
      assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
      if (event.subject == quiet.stream) break;
    }
    assert_true(waits < 10);
  }
  close(noisy.peer);
  close(quiet.peer);
  SocketLoop_free(&loop);
}

static void half_closing_goes_both_ways(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  char byte;
  SocketStream_start(pair.stream);
  assert_int_equal(SocketStream_shutdown(pair.stream), 0);
  assert_int_equal(SocketStream_shutdown(pair.stream), 0);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_ESTATE);
  assert_int_equal(read(pair.peer, &byte, 1), 0);
  assert_int_equal(write(pair.peer, "still", 5), 5);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 5);
  shutdown(pair.peer, SHUT_WR);
  pull_one(loop, SOCKET_EOF);
  /* Both sides have ended: the stream stays, quietly, until it is closed. */
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  SocketStream_close(pair.stream);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, 0);
  close(pair.peer);

  pair = make_raw_pair(loop);
  SocketStream_start(pair.stream);
  shutdown(pair.peer, SHUT_WR);
  pull_one(loop, SOCKET_EOF);
  assert_int_equal(SocketStream_write(pair.stream, "late", 4), 0);
  char late[4];
  assert_int_equal(recv(pair.peer, late, 4, MSG_WAITALL), 4);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void a_reset_ends_a_reading_stream_once(void **state) {
  skip_on_younger_wine(WITHOUT_LAST_WORDS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Recorder recorder = {0};
  SocketStream_set_callback(pair.stream, record, &recorder);
  SocketStream_start(pair.stream);
  assert_int_equal(write(pair.peer, "last words", 10), 10);
  raw_reset(pair.peer);
  run_until(loop, &recorder.count[SOCKET_CLOSED], 1);
  assert_int_equal(recorder.bytes, 10);
  assert_int_equal(recorder.last[SOCKET_CLOSED].status, SOCKET_ECONNRESET);
  assert_int_equal(recorder.count[SOCKET_EOF], 0);
  assert_true(position(&recorder, SOCKET_DATA) < position(&recorder, SOCKET_CLOSED));
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_ECLOSED);
  SocketLoop_free(&loop);
}

static void a_paused_stream_meets_the_reset_when_it_goes_on(void **state) {
  skip_on_younger_wine(WITHOUT_LAST_WORDS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketCompletion_T event;
  assert_int_equal(write(pair.peer, "last words", 10), 10);
  raw_reset(pair.peer);
  int64_t cpu = cpu_ms();
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 300), 0);
  assert_true(cpu_ms() - cpu < 200); /* a hung-up descriptor does not spin */
  SocketStream_start(pair.stream);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 10);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_ECONNRESET);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pushed_events_come_in_order),
      cmocka_unit_test(pulled_events_come_in_order_one_at_a_time),
      cmocka_unit_test(every_call_says_its_error),
      cmocka_unit_test(options_reach_the_socket),
      cmocka_unit_test(an_accepted_stream_reads_only_when_started),
      cmocka_unit_test(pulled_bytes_are_valid_until_the_next_wait),
      cmocka_unit_test(a_slow_puller_slows_its_peer_down),
      cmocka_unit_test(modes_switch_with_an_event_pending),
      cmocka_unit_test(a_callback_may_leave_the_rest_to_be_pulled),
      cmocka_unit_test(a_capacity_of_one_loses_and_starves_nothing),
      cmocka_unit_test(half_closing_goes_both_ways),
      cmocka_unit_test(a_reset_ends_a_reading_stream_once),
      cmocka_unit_test(a_paused_stream_meets_the_reset_when_it_goes_on),
  };
  return cmocka_run_group_tests_name("stream events", tests, NULL, NULL);
}
