/* Awaiting inside callbacks: what was handed to them stays, none is entered twice with bytes of the
 * same descriptor, no deadline is missed on account of a descriptor that was not looked at, and
 * waiting does not spin. */
#include "support/net_support.h"

#include <socketpoll/SocketAsync.h>

static int loop_setup(void **state) { return (*state = SocketLoop_new()) ? 0 : -1; }
static int loop_teardown(void **state) {
  SocketLoop_T loop = *state;
  SocketLoop_free(&loop);
  return 0;
}

typedef struct Nest {
  SocketLoop_T loop;
  int peer, depth, deepest, calls, closed, ms;
  int64_t bytes;
  char order[64];
} Nest;

static void sleep_in(Nest *nest) {
  SocketFuture_T sleep = SocketAsync_sleep(nest->loop, nest->ms);
  assert_int_equal(SocketFuture_await(sleep, HANG_MS), 0);
  SocketFuture_free(&sleep);
}

/* Lets more arrive while it has bytes in its hands. */
static void on_stream(const SocketCompletion_T *event, void *user) {
  Nest *nest = user;
  if (event->kind == SOCKET_CLOSED) nest->closed++;
  if (event->kind != SOCKET_DATA) return;
  if (++nest->depth > nest->deepest) nest->deepest = nest->depth;
  char before[64];
  size_t length = (size_t)event->length;
  assert_in_range(length, 1, sizeof before);
  memcpy(before, event->data, length);
  if (nest->calls++ == 0) {
    assert_int_equal(send(nest->peer, "MORE", 4, 0), 4);
    sleep_in(nest);
  }
  assert_memory_equal(event->data, before, length);
  strncat(nest->order, before, length);
  nest->bytes += event->length;
  nest->depth--;
}

static void leftover_stays_while_its_callback_awaits(void **state) {
  RawPair pair = make_raw_pair(*state);
  Nest nest = {.loop = *state, .peer = pair.peer, .ms = 20};
  char line[16];
  assert_int_equal(send(pair.peer, "line\nleft", 9, 0), 9);
  SocketFuture_T read = SocketAsync_read_until(pair.stream, line, sizeof line, "\n", 1, HANG_MS);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 5);
  SocketFuture_free(&read);
  SocketStream_set_callback(pair.stream, on_stream, &nest);
  assert_int_equal(SocketStream_start(pair.stream), 0);
  while (nest.bytes < 8) assert_true(SocketLoop_run_once(*state, HANG_MS) > 0);
  assert_string_equal(nest.order, "leftMORE");
  assert_int_equal(nest.deepest, 1);
  close(pair.peer);
}

/* The peer is not idle while a callback keeps it from being heard. */
static void awaiting_is_not_idleness(void **state) {
  RawPair pair = make_raw_pair(*state);
  Nest nest = {.loop = *state, .peer = pair.peer, .ms = 120};
  SocketStream_set_callback(pair.stream, on_stream, &nest);
  SocketStream_set_idle_timeout(pair.stream, 40);
  assert_int_equal(SocketStream_start(pair.stream), 0);
  assert_int_equal(send(pair.peer, "left", 4, 0), 4);
  int64_t before = SocketLoop_get_stat(*state, SOCKET_STAT_TURNS);
  while (nest.bytes < 8 && !nest.closed) assert_true(SocketLoop_run_once(*state, HANG_MS) >= 0);
  assert_string_equal(nest.order, "leftMORE");
  assert_true(SocketLoop_get_stat(*state, SOCKET_STAT_TURNS) - before < 100);  /* does not spin */
  while (!nest.closed) assert_true(SocketLoop_run_once(*state, HANG_MS) >= 0); /* now it is idle */
  close(pair.peer);
}

static void on_watch(const SocketCompletion_T *event, void *user) {
  Nest *nest = user;
  char byte;
  if (++nest->depth > nest->deepest) nest->deepest = nest->depth;
  if (nest->deepest < 50) sleep_in(nest); /* what is ready stays so meanwhile */
  assert_true(event->length & POLL_READ);
  nest->calls += (int)read(nest->peer, &byte, 1);
  nest->depth--;
}

static void a_watch_is_not_entered_twice(void **state) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  Nest nest = {.loop = *state, .peer = ends[0], .ms = 10};
  SocketWatch_T watch = SocketWatch_new(*state, ends[0], POLL_READ);
  assert_non_null(watch);
  SocketWatch_set_callback(watch, on_watch, &nest);
  assert_int_equal(write(ends[1], "abc", 3), 3);
  int64_t before = SocketLoop_get_stat(*state, SOCKET_STAT_TURNS);
  run_until(*state, &nest.calls, 3);
  assert_int_equal(nest.deepest, 1);
  assert_true(SocketLoop_get_stat(*state, SOCKET_STAT_TURNS) - before < 100);
  SocketWatch_free(&watch);
  close(ends[0]);
  close(ends[1]);
}

/* Both reads were met in time, though the loop looks at one descriptor a turn. */
static void held_up_with_small_batches(void **state) {
  RawPair pairs[3];
  char bytes[3];
  SocketFuture_T reads[3];
  for (int i = 0; i < 3; i++) pairs[i] = make_raw_pair(*state);
  for (int i = 0; i < 3; i++) {
    reads[i] = SocketAsync_read(pairs[i].stream, &bytes[i], 1, 30);
    assert_int_equal(SocketFuture_then(reads[i], NULL, NULL), 0);
    assert_int_equal(send(pairs[i].peer, "x", 1, 0), 1);
  }
  usleep(60000); /* the program is busy */
  for (int i = 0; i < 3; i++) {
    SocketCompletion_T done;
    assert_int_equal(SocketLoop_wait(*state, &done, 1, HANG_MS), 1);
    assert_int_equal(done.kind, SOCKET_COMPLETED);
    assert_int_equal(done.status, 0);
  }
  for (int i = 0; i < 3; i++) {
    SocketFuture_free(&reads[i]);
    close(pairs[i].peer);
  }
}

/* Deadlines pass all the same where every batch is full. */
static void deadlines_pass_in_full_batches(void **state) {
  RawPair busy[2], silent = make_raw_pair(*state);
  char byte, bytes[2][8];
  for (int i = 0; i < 2; i++) {
    busy[i] = make_raw_pair(*state);
    for (int k = 0; k < 4000; k++) assert_int_equal(send(busy[i].peer, "x", 1, 0), 1);
  }
  SocketFuture_T never = SocketAsync_read(silent.stream, &byte, 1, 20);
  SocketFuture_T reads[2] = {NULL, NULL};
  int turns = 0;
  for (; turns < 4000 && !SocketFuture_is_done(never); turns++) {
    SocketCompletion_T done;
    for (int i = 0; i < 2; i++) {
      if (reads[i]) continue;
      reads[i] = SocketAsync_read(busy[i].stream, bytes[i], 1, -1);
      SocketFuture_then(reads[i], NULL, NULL);
    }
    assert_int_equal(SocketLoop_wait(*state, &done, 1, HANG_MS), 1);
    for (int i = 0; i < 2; i++)
      if (done.subject == reads[i]) SocketFuture_free(&reads[i]);
    if (turns == 10) usleep(40000);
  }
  assert_true(turns < 100);
  assert_int_equal(SocketFuture_get_status(never), SOCKET_ETIMEDOUT);
  for (int i = 0; i < 2; i++) close(busy[i].peer);
  close(silent.peer);
}

/* Bytes of the last wait outlive an await between two waits. */
static void pulled_bytes_outlive_an_await(void **state) {
  RawPair pair = make_raw_pair(*state);
  SocketStream_start(pair.stream);
  assert_int_equal(send(pair.peer, "first", 5, 0), 5);
  SocketCompletion_T data = pull_one(*state, SOCKET_DATA);
  char block[4096];
  memset(block, 'z', sizeof block);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(send(pair.peer, block, sizeof block, 0), sizeof block);
    SocketFuture_T sleep = SocketAsync_sleep(*state, 2);
    assert_int_equal(SocketFuture_await(sleep, HANG_MS), 0);
    SocketFuture_free(&sleep);
    assert_memory_equal(data.data, "first", 5);
  }
  close(pair.peer);
}

/* A repeating timer whose callback takes longer than its period hears of the rest afterwards. */
static void on_period(const SocketCompletion_T *event, void *user) {
  Nest *nest = user;
  if (++nest->depth > nest->deepest) nest->deepest = nest->depth;
  nest->bytes += event->length; /* expirations */
  if (nest->calls++ == 0) sleep_in(nest);
  nest->depth--;
}

static void a_timer_is_not_entered_twice(void **state) {
  Nest nest = {.loop = *state, .ms = 30};
  SocketTimer_T timer = SocketTimer_new(*state);
  SocketTimer_set_callback(timer, on_period, &nest);
  SocketTimer_start(timer, 1, 5);
  run_until(*state, &nest.calls, 2);
  assert_int_equal(nest.deepest, 1);
  assert_true(nest.bytes >= 5);
  SocketTimer_free(&timer);
}

int main(void) {
#define NESTED_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
  const struct CMUnitTest tests[] = {
      NESTED_TEST(leftover_stays_while_its_callback_awaits),
      NESTED_TEST(awaiting_is_not_idleness),
      NESTED_TEST(a_watch_is_not_entered_twice),
      NESTED_TEST(a_timer_is_not_entered_twice),
      NESTED_TEST(held_up_with_small_batches),
      NESTED_TEST(deadlines_pass_in_full_batches),
      NESTED_TEST(pulled_bytes_outlive_an_await),
  };
  return cmocka_run_group_tests_name("nested", tests, NULL, NULL);
}
