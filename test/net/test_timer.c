/* SocketTimer through the C ABI. */
#include "support/net_support.h"

#include <stdlib.h>

static void one_shot_fires_once(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  Recorder recorder = {0};
  assert_int_equal(SocketTimer_set_callback(timer, record, &recorder), 0);
  assert_int_equal(SocketTimer_get_remaining(timer), -1);
  assert_int_equal(SocketTimer_start(timer, -1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketTimer_start(timer, 0, -1), SOCKET_EINVAL);
  assert_int_equal(SocketTimer_start(timer, 5, 0), 0);
  int64_t remaining = SocketTimer_get_remaining(timer);
  assert_true(remaining >= 0 && remaining <= 5);
  int64_t start = SocketLoop_now(loop);
  run_until(loop, &recorder.count[SOCKET_TIMER], 1);
  assert_true(SocketLoop_now(loop) - start >= 5);
  assert_ptr_equal(recorder.last[SOCKET_TIMER].subject, timer);
  assert_int_equal(recorder.last[SOCKET_TIMER].length, 1);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  SocketTimer_free(&timer);
  assert_null(timer);
  SocketLoop_free(&loop);
}

static void repeating_does_not_drift(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_start(timer, 2, 2);
  int64_t start = SocketLoop_now(loop), expirations = 0;
  while (expirations < 50) {
    SocketCompletion_T event = pull_one(loop, SOCKET_TIMER);
    expirations += event.length;
    /* However late each came, their number follows the clock. */
    assert_true(expirations <= (SocketLoop_now(loop) - start) / 2 + 1);
  }
  assert_true(SocketTimer_get_remaining(timer) <= 2);
  assert_int_equal(SocketTimer_stop(timer), 0);
  assert_int_equal(SocketTimer_stop(timer), 0);
  assert_int_equal(SocketLoop_run_once(loop, 10), 0);
  SocketLoop_free(&loop);
}

static void rescheduling_forgets_the_old_time(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  Recorder recorder = {0};
  SocketTimer_start(timer, 0, 0);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1); /* queued for pull */
  SocketTimer_start(timer, 60000, 0);                      /* forgets it */
  SocketTimer_set_callback(timer, record, &recorder);
  assert_int_equal(SocketLoop_run_once(loop, 10), 0);
  SocketTimer_start(timer, 1, 0);
  run_until(loop, &recorder.count[SOCKET_TIMER], 1);
  SocketTimer_start(timer, INT64_MAX, INT64_MAX);
  assert_int_equal(SocketLoop_run_once(loop, 0), 0);
  SocketLoop_free(&loop);
}

static void mode_switch_carries_pending_events(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  Recorder recorder = {0};
  SocketTimer_start(timer, 0, 0);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  SocketTimer_set_callback(timer, record, &recorder);
  run_until(loop, &recorder.count[SOCKET_TIMER], 1);
  SocketLoop_free(&loop);
}

#define MANY 100000
typedef struct Many {
  SocketTimer_T timers[MANY];
  int fired;
} Many;

static void count_one(const SocketCompletion_T *event, void *user) {
  Many *many = user;
  many->fired++;
  assert_int_equal(event->length, 1);
}

static void a_hundred_thousand_at_once(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Many *many = calloc(1, sizeof *many);
  unsigned random = 1;
  int freed = 0;
  for (int i = 0; i < MANY; i++) {
    many->timers[i] = SocketTimer_new(loop);
    SocketTimer_set_callback(many->timers[i], count_one, many);
    random = random * 1664525 + 1013904223;
    assert_int_equal(SocketTimer_start(many->timers[i], (random >> 16) % 50, 0), 0);
  }
  for (int i = 0; i < MANY; i += 3, freed++) SocketTimer_free(&many->timers[i]);
  for (int i = 1; i < MANY; i += 3) SocketTimer_start(many->timers[i], 1, 0);
  run_until(loop, &many->fired, MANY - freed);
  assert_int_equal(SocketLoop_run_once(loop, 0), 0);
  assert_int_equal(many->fired, MANY - freed);
  SocketLoop_free(&loop);
  free(many);
}

typedef struct Sequence {
  int next, number;
  int *counter;
} Sequence;
static void expect_turn(const SocketCompletion_T *event, void *user) {
  (void)event;
  Sequence *sequence = user;
  assert_int_equal(*sequence->counter, sequence->number);
  ++*sequence->counter;
}

static void equal_deadlines_fire_in_order(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Sequence sequences[64];
  int counter = 0;
  for (int i = 0; i < 64; i++) {
    sequences[i] = (Sequence){0, i, &counter};
    SocketTimer_T timer = SocketTimer_new(loop);
    SocketTimer_set_callback(timer, expect_turn, &sequences[i]);
    SocketTimer_start(timer, 1 + i, 0); /* rising, so that no clock tick between calls matters */
  }
  run_until(loop, &counter, 64);
  SocketLoop_free(&loop);
}

static void restart_at_zero(const SocketCompletion_T *event, void *user) {
  Recorder *recorder = user;
  record(event, user);
  if (recorder->count[SOCKET_TIMER] < 10) SocketTimer_start(event->subject, 0, 0);
}

static void a_timer_of_no_delay_leaves_room_for_others(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  Recorder recorder = {0};
  SocketTimer_set_callback(timer, restart_at_zero, &recorder);
  SocketTimer_start(timer, 0, 0);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1); /* one a turn, not all ten */
  run_until(loop, &recorder.count[SOCKET_TIMER], 10);
  SocketLoop_free(&loop);
}

static void free_self(const SocketCompletion_T *event, void *user) {
  record(event, user);
  SocketTimer_T self = event->subject;
  SocketTimer_free(&self);
}

static void freeing_itself_in_its_callback(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  Recorder recorder = {0};
  SocketTimer_set_callback(timer, free_self, &recorder);
  SocketTimer_start(timer, 1, 1);
  run_until(loop, &recorder.count[SOCKET_TIMER], 1);
  assert_int_equal(SocketLoop_run_once(loop, 10), 0);
  assert_int_equal(SocketTimer_stop(timer), SOCKET_EBADHANDLE);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_shot_fires_once),
      cmocka_unit_test(repeating_does_not_drift),
      cmocka_unit_test(rescheduling_forgets_the_old_time),
      cmocka_unit_test(mode_switch_carries_pending_events),
      cmocka_unit_test(a_hundred_thousand_at_once),
      cmocka_unit_test(equal_deadlines_fire_in_order),
      cmocka_unit_test(a_timer_of_no_delay_leaves_room_for_others),
      cmocka_unit_test(freeing_itself_in_its_callback),
  };
  return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
