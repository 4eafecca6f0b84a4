/* A loop inside a foreign one, here poll(2): the descriptor and the timeout; and what a loop counts
 * of itself. */
#include "support/net_support.h"

#include <poll.h>
#include <pthread.h>

/* ---- Driven from outside */

static int idle_timeout(SocketLoop_T loop) {
  for (int i = 0; i < 3; i++)
    if (SocketLoop_get_timeout(loop) == 0) SocketLoop_run_once(loop, 0);
  return SocketLoop_get_timeout(loop);
}

static void what_is_never_pulled_keeps_nobody_awake(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop); /* without a callback: pulled */
  SocketTimer_start(timer, 0, 0);
  SocketLoop_post(loop, NULL, NULL);
  assert_int_equal(SocketLoop_get_timeout(loop), 0);
  while (SocketLoop_run_once(loop, 20) > 0) {
  }
  assert_int_equal(SocketLoop_get_timeout(loop), -1);
  /* A program that pulls hears of them. */
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 0), 1);
  assert_int_equal(SocketLoop_get_timeout(loop), 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 0), 1);
  assert_int_equal(SocketLoop_get_timeout(loop), -1);
  SocketLoop_free(&loop);
}

static void what_waits_before_the_first_drive_is_due(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketCompletion_T event;
  SocketLoop_post(loop, NULL, NULL);
  assert_int_equal(SocketLoop_get_timeout(loop), 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 0), 1);
  SocketLoop_free(&loop);
}

static void echo(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  int *bytes = user;
  if (event->kind == SOCKET_ACCEPTED) {
    SocketStream_set_callback(stream, echo, user);
    SocketStream_start(stream);
  } else if (event->kind == SOCKET_DATA) {
    *bytes += (int)event->length;
    SocketStream_write(stream, event->data, event->length);
  }
}

static void count_up(const SocketCompletion_T *event, void *user) {
  (void)event;
  ++*(int *)user;
}

/* How often poll(2) came back, until `*count` is `wanted`. */
static int drive(SocketLoop_T loop, const int *count, int wanted) {
  struct pollfd waits = {.fd = SocketLoop_get_fd(loop), .events = POLLIN};
  int wakeups = 0;
  const int64_t give_up = monotonic_ms() + HANG_MS;
  while (*count < wanted && monotonic_ms() < give_up) {
    assert_true(poll(&waits, 1, SocketLoop_get_timeout(loop)) >= 0);
    wakeups++;
    assert_true(SocketLoop_run_once(loop, 0) >= 0);
  }
  assert_true(*count >= wanted);
  return wakeups;
}

static void *post_from_elsewhere(void *user) {
  SocketLoop_T loop = user;
  SocketLoop_post(loop, NULL, NULL);
  SocketLoop_stop(loop);
  return NULL;
}

static void a_foreign_loop_serves_it(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  const char *backend = SocketLoop_get_backend_name(loop);
  if (strcmp(backend, "poll") == 0 || strcmp(backend, "iocp") == 0) { /* which have none to give */
    assert_int_equal(SocketLoop_get_fd(loop), SOCKET_ENOTSUP);
    SocketLoop_free(&loop);
    return;
  }
  int bytes = 0, ticks = 0;
  char address[64], back[5];
  SocketListener_T listener = listen_local(loop, address);
  SocketListener_set_callback(listener, echo, &bytes);
  int peer = raw_connect(port_of(address));
  for (int round = 1; round <= 3; round++) {
    assert_int_equal(write(peer, "hello", 5), 5);
    drive(loop, &bytes, 5 * round);
    assert_int_equal(recv(peer, back, 5, MSG_WAITALL), 5);
  }
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_set_callback(timer, count_up, &ticks);
  SocketTimer_start(timer, 5, 5);
  assert_true(drive(loop, &ticks, 20) < 100);
  SocketTimer_stop(timer);
  /* Nothing to do: nothing is readable, nothing is due. */
  assert_int_equal(idle_timeout(loop), -1);
  struct pollfd waits = {.fd = SocketLoop_get_fd(loop), .events = POLLIN};
  assert_int_equal(poll(&waits, 1, 50), 0);
  /* Another thread wakes it up. */
  pthread_t thread;
  pthread_create(&thread, NULL, post_from_elsewhere, loop);
  assert_int_equal(poll(&waits, 1, HANG_MS), 1);
  pthread_join(thread, NULL);
  assert_int_equal(SocketLoop_run_once(loop, 0), SOCKET_ESTOPPED);
  for (int i = 0; i < 2; i++) SocketLoop_run_once(loop, 0); /* it was woken twice */
  assert_int_equal(idle_timeout(loop), -1);
  assert_int_equal(poll(&waits, 1, 0), 0);
  close(peer);
  SocketLoop_free(&loop);
}

/* ---- What it counts */

static int64_t stat_of(SocketLoop_T loop, int which) {
  const int64_t value = SocketLoop_get_stat(loop, which);
  assert_true(value >= 0);
  return value;
}

static void numbers_of_a_conversation(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  assert_int_equal(SocketLoop_get_stat(loop, -1), SOCKET_EINVAL);
  assert_int_equal(SocketLoop_get_stat(loop, SOCKET_STAT_COUNT), SOCKET_EINVAL);
  for (int which = 0; which < SOCKET_STAT_COUNT; which++) assert_int_equal(stat_of(loop, which), 0);
  int bytes = 0, posted = 0;
  char address[64], back[5];
  SocketListener_T listener = listen_local(loop, address);
  SocketListener_set_callback(listener, echo, &bytes);
  assert_int_equal(stat_of(loop, SOCKET_STAT_DESCRIPTORS), 1);
  assert_int_equal(stat_of(loop, SOCKET_STAT_OBJECTS), 1);
  int peer = raw_connect(port_of(address));
  assert_int_equal(write(peer, "hello", 5), 5);
  run_until(loop, &bytes, 5);
  assert_int_equal(recv(peer, back, 5, MSG_WAITALL), 5);
  assert_int_equal(stat_of(loop, SOCKET_STAT_RECEIVED), 5);
  assert_int_equal(stat_of(loop, SOCKET_STAT_SENT), 5);
  assert_int_equal(stat_of(loop, SOCKET_STAT_PUSHED), 2);
  assert_int_equal(stat_of(loop, SOCKET_STAT_PULLED), 0);
  assert_int_equal(stat_of(loop, SOCKET_STAT_OBJECTS), 2);
  assert_int_equal(stat_of(loop, SOCKET_STAT_DESCRIPTORS), 2);
  assert_true(stat_of(loop, SOCKET_STAT_TURNS) >= 2);
  assert_true(stat_of(loop, SOCKET_STAT_WAITS) >= 1);
  assert_true(stat_of(loop, SOCKET_STAT_WAITS) <= stat_of(loop, SOCKET_STAT_TURNS));
  SocketLoop_post(loop, count_up, &posted);
  SocketLoop_post(loop, NULL, NULL);
  pull_one(loop, SOCKET_POSTED);
  assert_int_equal(stat_of(loop, SOCKET_STAT_POSTS), 2);
  assert_int_equal(stat_of(loop, SOCKET_STAT_PUSHED), 3);
  assert_int_equal(stat_of(loop, SOCKET_STAT_PULLED), 1);
  SocketListener_free(&listener);
  assert_int_equal(stat_of(loop, SOCKET_STAT_OBJECTS), 1);
  close(peer);
  SocketLoop_free(&loop);
}

static void be_busy(const SocketCompletion_T *event, void *user) {
  (void)event;
  const int64_t until = monotonic_ms() + 30;
  while (monotonic_ms() < until) {
  }
  ++*(int *)user;
}

static void times(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  int fired = 0;
  SocketTimer_set_callback(timer, be_busy, &fired);
  SocketTimer_start(timer, 30, HANG_MS); /* it goes on, so that time is taken */
  run_until(loop, &fired, 1);
  assert_int_equal(stat_of(loop, SOCKET_STAT_TIMERS), 1);
  assert_true(stat_of(loop, SOCKET_STAT_WAIT_NS) >= 25000000);
  assert_int_equal(SocketLoop_run_once(loop, 1), 0);
  assert_true(stat_of(loop, SOCKET_STAT_LONGEST_NS) >= 25000000);
  SocketLoop_free(&loop);
}

static void *ask_all_the_time(void *user) {
  SocketLoop_T loop = user;
  int64_t value, last = 0;
  while ((value = SocketLoop_get_stat(loop, SOCKET_STAT_TURNS)) != SOCKET_EBADHANDLE) {
    if (value < last) return loop;
    last = value;
  }
  return NULL;
}

static void any_thread_may_ask(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  pthread_t thread;
  pthread_create(&thread, NULL, ask_all_the_time, loop);
  int posted = 0;
  for (int i = 0; i < 2000; i++) {
    SocketLoop_post(loop, count_up, &posted);
    SocketLoop_run_once(loop, 0);
  }
  assert_int_equal(posted, 2000);
  SocketLoop_free(&loop);
  void *wrong;
  pthread_join(thread, &wrong);
  assert_null(wrong);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_never_pulled_keeps_nobody_awake),
      cmocka_unit_test(what_waits_before_the_first_drive_is_due),
      cmocka_unit_test(a_foreign_loop_serves_it),
      cmocka_unit_test(numbers_of_a_conversation),
      cmocka_unit_test(times),
      cmocka_unit_test(any_thread_may_ask),
  };
  return cmocka_run_group_tests_name("embedding", tests, NULL, NULL);
}
