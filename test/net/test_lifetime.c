/* Freeing and stopping, anywhere: inside callbacks, with events pending, between waits. */
#include "support/net_support.h"

#include <pthread.h>
#include <sched.h>

typedef struct Frees {
  Recorder recorder;
  SocketStream_T *streams[4];
  SocketListener_T *listener;
  SocketTimer_T *timer;
  SocketLoop_T *loop;
  int on; /* the kind at which it frees */
} Frees;

static void free_all_of_it(const SocketCompletion_T *event, void *user) {
  Frees *frees = user;
  record(event, &frees->recorder);
  if (event->kind != frees->on) return;
  for (int i = 0; i < 4; i++)
    if (frees->streams[i]) SocketStream_free(frees->streams[i]);
  if (frees->listener) SocketListener_free(frees->listener);
  if (frees->timer) SocketTimer_free(frees->timer);
  if (frees->loop) SocketLoop_free(frees->loop);
}

/* Streams with data, an end and a close pending, the first of which frees the others and itself. */
static void a_stream_frees_all_streams(void **state) {
  (void)state;
  for (int with_loop = 0; with_loop < 2; with_loop++) {
    SocketLoop_T loop = SocketLoop_new(), copy = loop;
    Frees frees = {0};
    RawPair pairs[4];
    frees.on = SOCKET_DATA;
    for (int i = 0; i < 4; i++) pairs[i] = make_raw_pair(loop);
    for (int i = 0; i < 4; i++) {
      frees.streams[i] = &pairs[i].stream;
      SocketStream_set_callback(pairs[i].stream, free_all_of_it, &frees);
      SocketStream_start(pairs[i].stream);
      assert_int_equal(write(pairs[i].peer, "x", 1), 1);
    }
    if (with_loop) frees.loop = &loop;
    if (with_loop)
      assert_int_equal(SocketLoop_run(copy), SOCKET_ESTOPPED);
    else
      assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
    assert_int_equal(total_events(&frees.recorder), 1);
    for (int i = 0; i < 4; i++) {
      assert_null(pairs[i].stream);
      char byte;
      assert_true(read(pairs[i].peer, &byte, 1) <= 0); /* its socket is closed */
      close(pairs[i].peer);
    }
    if (!with_loop) assert_int_equal(SocketLoop_run_once(loop, 20), 0);
    SocketLoop_free(&loop);
  }
}

static void freeing_inside_its_own_events(void **state) {
  (void)state;
  static const int kinds[] = {SOCKET_CONNECTED, SOCKET_DATA, SOCKET_EOF, SOCKET_CLOSED};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    for (int with_loop = 0; with_loop < 2; with_loop++) {
      SocketLoop_T loop = SocketLoop_new(), copy = loop;
      char address[64];
      int server = raw_listen(8, address);
      Frees frees = {0};
      SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
      frees.streams[0] = &stream;
      frees.on = kinds[i];
      if (with_loop) frees.loop = &loop;
      SocketStream_set_callback(stream, free_all_of_it, &frees);
      SocketStream_start(stream);
      int peer = accept(server, NULL, NULL);
      assert_int_equal(write(peer, "x", 1), 1);
      if (kinds[i] == SOCKET_CLOSED) {
        struct linger hard = {1, 0};
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      }
      close(peer);
      while (stream) {
        int outcome = SocketLoop_run_once(copy, HANG_MS);
        assert_true(outcome > 0 || (outcome == SOCKET_ESTOPPED && !loop));
      }
      assert_int_equal(frees.recorder.order[total_events(&frees.recorder) - 1], 'a' + kinds[i]);
      if (!with_loop) {
        int before = total_events(&frees.recorder);
        assert_int_equal(SocketLoop_run_once(loop, 20), 0);
        assert_int_equal(total_events(&frees.recorder), before);
      }
      close(server);
      SocketLoop_free(&loop);
    }
}

static void a_listener_frees_itself_and_its_news(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  SocketListener_T listener = listen_local(loop, address);
  Frees frees = {0};
  frees.on = SOCKET_ACCEPTED;
  frees.listener = &listener;
  SocketListener_set_callback(listener, free_all_of_it, &frees);
  int peers[5];
  for (int i = 0; i < 5; i++) peers[i] = raw_connect(port_of(address));
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_null(listener);
  SocketStream_T kept = frees.recorder.last[SOCKET_ACCEPTED].subject;
  assert_int_equal(SocketStream_write(kept, "k", 1), 0); /* it lives on */
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  assert_int_equal(total_events(&frees.recorder), 1);
  int open = 0;
  for (int i = 0; i < 5; i++) {
    char byte;
    open += read(peers[i], &byte, 1) == 1; /* the others were closed */
    close(peers[i]);
  }
  assert_int_equal(open, 1);
  SocketLoop_free(&loop);
}

static void undelivered_streams_close_with_their_listener(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64], byte;
  SocketListener_T listener = listen_local(loop, address);
  int peers[3];
  for (int i = 0; i < 3; i++) peers[i] = raw_connect(port_of(address));
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
  while (SocketLoop_run_once(loop, 20) > 0) {
  }
  SocketListener_free(&listener);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  int closed = 0;
  for (int i = 0; i < 3; i++) closed += recv(peers[i], &byte, 1, MSG_DONTWAIT) == 0;
  assert_int_equal(closed, 2);
  for (int i = 0; i < 3; i++) close(peers[i]);
  SocketLoop_free(&loop);
}

static void nothing_is_pulled_of_a_freed_handle(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_start(timer, 0, 0);
  SocketStream_start(pair.stream);
  assert_int_equal(write(pair.peer, "x", 1), 1);
  int queued = 0;
  while (queued < 2) queued += SocketLoop_run_once(loop, HANG_MS);
  SocketStream_free(&pair.stream);
  SocketTimer_free(&timer);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void freeing_while_connecting_is_silent(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  int server = raw_listen(8, address);
  SocketStream_T stream = SocketStream_connect(loop, address, 50);
  SocketStream_free(&stream);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 100), 0);
  close(server);
  SocketLoop_free(&loop);
}

/* ---- Stop */

static void stop_in(const SocketCompletion_T *event, void *user) {
  Frees *frees = user;
  record(event, &frees->recorder);
  if (event->kind == frees->on) assert_int_equal(SocketLoop_stop(*frees->loop), 0);
}

static void a_stop_ends_one_call_after_the_running_callback(void **state) {
  (void)state;
  for (int run = 0; run < 2; run++) {
    SocketLoop_T loop = SocketLoop_new();
    Frees frees = {0};
    frees.loop = &loop;
    frees.on = SOCKET_POSTED;
    for (int i = 0; i < 4; i++) SocketLoop_post(loop, stop_in, &frees);
    for (int i = 1; i <= 4; i++) {
      if (run)
        assert_int_equal(SocketLoop_run(loop), 0);
      else
        assert_int_equal(SocketLoop_run_once(loop, -1), SOCKET_ESTOPPED);
      assert_int_equal(total_events(&frees.recorder), i);
    }
    assert_int_equal(SocketLoop_run_once(loop, 10), 0); /* and no other */
    SocketLoop_free(&loop);
  }
}

static void what_a_stop_held_back_counts_when_it_comes(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Frees first = {0}, second = {0};
  first.loop = &loop;
  first.on = SOCKET_POSTED;
  SocketLoop_post(loop, stop_in, &first);
  SocketLoop_post(loop, stop_in, &second);
  assert_int_equal(SocketLoop_run_once(loop, -1), SOCKET_ESTOPPED);
  assert_int_equal(total_events(&second.recorder), 0);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_int_equal(total_events(&second.recorder), 1);
  SocketLoop_free(&loop);
}

/* Several events of one stream are pending together: none follows the stop. */
static void a_stop_ends_within_one_handle(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_start(pair.stream);
  int64_t taken = 0;
  assert_int_equal(write(pair.peer, "x", 1), 1);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1); /* DATA is queued to be pulled */
  write_until_refused(pair.stream, &taken);
  raw_reset(pair.peer);
  SocketStream_pause(pair.stream);
  assert_true(SocketLoop_run_once(loop, HANG_MS) > 0); /* and now CLOSED */
  Frees frees = {0};
  frees.loop = &loop;
  frees.on = SOCKET_DATA;
  SocketStream_set_callback(pair.stream, stop_in, &frees);
  assert_int_equal(SocketLoop_run(loop), 0);
  assert_int_equal(total_events(&frees.recorder), 1);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_int_equal(frees.recorder.count[SOCKET_CLOSED], 1);
  SocketLoop_free(&loop);
}

static void a_stopped_wait_keeps_its_events(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Frees frees = {0};
  SocketCompletion_T event;
  frees.loop = &loop;
  frees.on = SOCKET_POSTED;
  SocketLoop_post(loop, NULL, &frees);
  SocketLoop_post(loop, stop_in, &frees);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, -1), SOCKET_ESTOPPED);
  assert_int_equal(SocketLoop_get_timeout(loop), 0); /* for a foreign loop: there is something */
  assert_int_equal(SocketLoop_wait(loop, &event, 1, -1), 1);
  assert_int_equal(event.kind, SOCKET_POSTED);
  assert_int_equal(SocketLoop_get_timeout(loop), -1);
  SocketLoop_free(&loop);
}

static void refused_timeouts_are_refused_always(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketCompletion_T event;
  for (int armed = 0; armed < 2; armed++) {
    if (armed) SocketTimer_start(timer, 0, 0);
    for (int timeout = -2; timeout > -5; timeout--) {
      assert_int_equal(SocketLoop_run_once(loop, timeout), SOCKET_EINVAL);
      assert_int_equal(SocketLoop_wait(loop, &event, 1, timeout), SOCKET_EINVAL);
    }
  }
  assert_int_equal(SocketLoop_wait(loop, &event, INT32_MAX, 0), 1); /* room is no promise to fill */
  SocketLoop_free(&loop);
}

#define RACERS 4
static SocketLoop_T raced;

static void *post_and_stop(void *user) {
  for (int i = 0; i < 3000; i++) {
    int posted = SocketLoop_post(raced, record, user);
    assert_true(posted == 0);
    assert_int_equal(SocketLoop_stop(raced), 0);
  }
  return NULL;
}

static void posts_and_stops_from_many_threads(void **state) {
  (void)state;
  raced = SocketLoop_new();
  Recorder recorder = {0};
  pthread_t threads[RACERS];
  for (int i = 0; i < RACERS; i++) pthread_create(&threads[i], NULL, post_and_stop, &recorder);
  while (recorder.count[SOCKET_POSTED] < RACERS * 3000) {
    int handled = SocketLoop_run_once(raced, HANG_MS);
    assert_true(handled > 0 || handled == SOCKET_ESTOPPED);
  }
  for (int i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
  int outcome;
  while ((outcome = SocketLoop_run_once(raced, 0)) == SOCKET_ESTOPPED) {
  }
  assert_int_equal(outcome, 0);
  SocketLoop_free(&raced);
}

static void take_note(const SocketCompletion_T *event, void *user) {
  (void)event;
  (void)user;
}

static void *post_until_stale(void *user) {
  while (SocketLoop_post(raced, take_note, user) == 0) sched_yield(); /* lets the posts be run */
  return NULL;
}

static void *free_it(void *loop) {
  SocketLoop_free(loop);
  return NULL;
}

static void *run_until_stale(void *unused) {
  (void)unused;
  SocketLoop_T loop = raced;
  for (int outcome = 0; outcome != SOCKET_EBADHANDLE;) outcome = SocketLoop_run_once(loop, 0);
  return NULL;
}

/* Whoever posts, frees or runs at the same time: one frees it, the others are told. */
static void a_loop_is_freed_under_its_posters(void **state) {
  (void)state;
#if defined(_WIN32)
  enum { ROUNDS = 5 }; /* Wine gives way to another thread only after a while */
#else
  enum { ROUNDS = 50 };
#endif
  for (int round = 0; round < ROUNDS; round++) {
    raced = SocketLoop_new();
    SocketLoop_T copies[2] = {raced, raced};
    pthread_t threads[4];
    pthread_create(&threads[0], NULL, post_until_stale, NULL);
    pthread_create(&threads[1], NULL, run_until_stale, NULL);
    for (int i = 0; i < 2; i++) pthread_create(&threads[2 + i], NULL, free_it, &copies[i]);
    for (int i = 2; i < 4; i++) pthread_join(threads[i], NULL);
    SocketLoop_T last = raced;
    for (; last; SocketLoop_free(&last)) sched_yield(); /* where both found it running */
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_frees_all_streams),
      cmocka_unit_test(freeing_inside_its_own_events),
      cmocka_unit_test(a_listener_frees_itself_and_its_news),
      cmocka_unit_test(undelivered_streams_close_with_their_listener),
      cmocka_unit_test(nothing_is_pulled_of_a_freed_handle),
      cmocka_unit_test(freeing_while_connecting_is_silent),
      cmocka_unit_test(a_stop_ends_one_call_after_the_running_callback),
      cmocka_unit_test(what_a_stop_held_back_counts_when_it_comes),
      cmocka_unit_test(a_stop_ends_within_one_handle),
      cmocka_unit_test(a_stopped_wait_keeps_its_events),
      cmocka_unit_test(refused_timeouts_are_refused_always),
      cmocka_unit_test(posts_and_stops_from_many_threads),
      cmocka_unit_test(a_loop_is_freed_under_its_posters),
  };
  return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
