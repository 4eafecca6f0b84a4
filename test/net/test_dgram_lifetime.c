/* What a callback may do to the socket that calls it, and what is left when it has. */
#include "support/dgram_support.h"

#include <socketpoll/SocketAsync.h>

enum deed { FREE, PAUSE, PULL, STOP, FREE_LOOP, AWAIT };

typedef struct Actor {
  enum deed deed;
  SocketLoop_T loop;
  SocketDgram_T dgram;
  int calls;
  int inside;
} Actor;

static void act(const SocketCompletion_T *event, void *user) {
  Actor *actor = user;
  char text[32];
  assert_int_equal(actor->inside++, 0); /* never nested */
  assert_int_equal(event->length, snprintf(text, sizeof text, "%d", actor->calls));
  assert_memory_equal(event->data, text, (size_t)event->length);
  actor->calls++;
  switch (actor->deed) {
  case FREE: SocketDgram_free(&actor->dgram); break;
  case PAUSE: SocketDgram_pause(actor->dgram); break;
  case PULL: SocketDgram_set_callback(actor->dgram, NULL, NULL); break;
  case STOP: SocketLoop_stop(actor->loop); break;
  case FREE_LOOP: SocketLoop_free(&actor->loop); break;
  case AWAIT: {
    SocketFuture_T nap = SocketAsync_sleep(actor->loop, 5);
    assert_int_equal(SocketFuture_await(nap, -1), 0);
    SocketFuture_free(&nap);
    break;
  }
  }
  actor->inside--;
  if (actor->deed == FREE || actor->deed == FREE_LOOP) return;
  assert_memory_equal(event->data, text, (size_t)event->length);
  assert_true(SocketDgram_reply(event->subject, event->source, event->data, event->length) == 0);
}

/* Ten datagrams that are there when the loop runs, received one by one or as a batch. */
static Actor begin(enum deed deed, int batch) {
  Actor actor = {.deed = deed, .loop = SocketLoop_new()};
  char address[128], other[128], text[32];
  actor.dgram = bound(actor.loop, address);
  SocketDgram_T sender = bound(actor.loop, other);
  SocketDgram_pause(sender);
  if (batch) assert_int_equal(SocketDgram_set_batch(actor.dgram, batch, 100), 0);
  for (int i = 0; i < 10; i++) {
    snprintf(text, sizeof text, "%d", i);
    send_text(sender, address, text);
  }
  return actor;
}

static void run_all(Actor *actor, int wanted) {
  SocketDgram_set_callback(actor->dgram, act, actor);
  for (int turns = 0; actor->calls < wanted && turns < 1000; turns++)
    SocketLoop_run_once(actor->loop, HANG_MS);
  assert_int_equal(actor->calls, wanted);
}

static void a_callback_may_free(void **state) {
  (void)state;
  for (int batch = 0; batch <= 8; batch += 8) {
    Actor actor = begin(FREE, batch);
    run_all(&actor, 1);
    assert_null(actor.dgram);
    assert_int_equal(SocketLoop_run_once(actor.loop, 20), 0);
    SocketLoop_free(&actor.loop);
    actor = begin(FREE_LOOP, batch);
    SocketDgram_set_callback(actor.dgram, act, &actor);
    assert_int_equal(SocketLoop_run(actor.loop), SOCKET_ESTOPPED);
    assert_int_equal(actor.calls, 1);
  }
}

static void a_callback_may_pause(void **state) {
  (void)state;
  Actor actor = begin(PAUSE, 0);
  run_all(&actor, 1);
  assert_int_equal(SocketLoop_run_once(actor.loop, 20), 0);
  for (int i = 2; i <= 10; i++) {
    SocketDgram_start(actor.dgram);
    run_all(&actor, i);
  }
  SocketLoop_free(&actor.loop);
  actor = begin(PAUSE, 8);
  SocketDgram_set_callback(actor.dgram, act, &actor);
  while (SocketLoop_run_once(actor.loop, 20) > 0) { /* the rest of the batch */
  }
  assert_true(actor.calls >= 1 && actor.calls <= 8);
  while (actor.calls < 10) {
    SocketDgram_start(actor.dgram);
    assert_true(SocketLoop_run_once(actor.loop, HANG_MS) > 0);
  }
  SocketLoop_free(&actor.loop);
}

static void a_callback_may_leave_the_rest_to_be_pulled(void **state) {
  (void)state;
  for (int batch = 0; batch <= 8; batch += 8) {
    Actor actor = begin(PULL, batch);
    run_all(&actor, 1);
    for (int i = 1; i < 10; i++) {
      char text[32];
      snprintf(text, sizeof text, "%d", i);
      pull_text(actor.loop, actor.dgram, text);
    }
    SocketLoop_free(&actor.loop);
  }
}

static void a_stopped_loop_keeps_what_was_received(void **state) {
  (void)state;
  for (int batch = 0; batch <= 8; batch += 8) {
    Actor actor = begin(STOP, batch);
    SocketDgram_set_callback(actor.dgram, act, &actor);
    for (int i = 1; i <= 10; i++) {
      assert_int_equal(SocketLoop_run(actor.loop), 0);
      assert_int_equal(actor.calls, i);
    }
    SocketLoop_free(&actor.loop);
  }
}

static void datagrams_never_nest(void **state) {
  (void)state;
  for (int batch = 0; batch <= 8; batch += 8) {
    Actor actor = begin(AWAIT, batch);
    run_all(&actor, 10);
    SocketLoop_free(&actor.loop);
  }
}

static void freeing_the_loop_frees_what_waits(void **state) {
  (void)state;
  Actor actor = begin(STOP, 0);
  assert_true(SocketLoop_run_once(actor.loop, HANG_MS) > 0); /* queued to be pulled */
  SocketLoop_free(&actor.loop);
  assert_int_equal(SocketDgram_start(actor.dgram), SOCKET_EBADHANDLE);
  actor = begin(STOP, 8);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(actor.loop, &event, 1, HANG_MS), 1);
  SocketDgram_free(&actor.dgram); /* with bytes that are still the program's */
  assert_memory_equal(event.data, "0", 1);
  SocketLoop_free(&actor.loop);
}

/* The shape of the batches changes while some of the old shape are about. */
static void batches_change_shape(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other[128], text[32];
  SocketDgram_T dgram = bound(loop, address), sender = bound(loop, other);
  int sent = 0, got = 0;
  for (int round = 0; round < 60; round++) {
    for (int i = 0; i < 5; i++) {
      snprintf(text, sizeof text, "%d", sent++);
      send_text(sender, address, text);
    }
    assert_int_equal(SocketDgram_set_batch(dgram, round % 4 * 3, 100 + round), 0);
    SocketLoop_run_once(loop, 0);
    if (round % 7 == 0) continue;
    SocketCompletion_T events[4];
    int count = SocketLoop_wait(loop, events, 4, 0);
    SocketDgram_set_batch(dgram, 7, 200);
    SocketLoop_run_once(loop, 0);
    SocketLoop_run_once(loop, 0);
    for (int i = 0; i < count; i++) {
      assert_int_equal(events[i].length, snprintf(text, sizeof text, "%d", got++));
      assert_memory_equal(events[i].data, text, (size_t)events[i].length);
      assert_string_equal(sender_of(dgram, events[i].source), other);
    }
  }
  while (got < sent) {
    snprintf(text, sizeof text, "%d", got++);
    pull_text(loop, dgram, text);
  }
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_callback_may_free),
      cmocka_unit_test(a_callback_may_pause),
      cmocka_unit_test(a_callback_may_leave_the_rest_to_be_pulled),
      cmocka_unit_test(a_stopped_loop_keeps_what_was_received),
      cmocka_unit_test(datagrams_never_nest),
      cmocka_unit_test(freeing_the_loop_frees_what_waits),
      cmocka_unit_test(batches_change_shape),
  };
  return cmocka_run_group_tests_name("datagram lifetime", tests, NULL, NULL);
}
