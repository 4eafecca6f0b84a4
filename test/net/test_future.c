/* Futures: ending once, the three ways to learn of it, nested runs, other threads. */
#include "support/net_support.h"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketFuture.h>

#include <pthread.h>

static int loop_setup(void **state) { return (*state = SocketLoop_new()) ? 0 : -1; }
static int loop_teardown(void **state) {
  SocketLoop_T loop = *state;
  SocketLoop_free(&loop);
  return 0;
}

static void ends_once(void **state) {
  int mark;
  SocketFuture_T future = SocketFuture_new(*state);
  assert_int_equal(SocketFuture_is_done(future), 0);
  assert_int_equal(SocketFuture_get_status(future), SOCKET_EAGAIN);
  assert_int_equal(SocketFuture_get_result(future), SOCKET_EAGAIN);
  assert_null(SocketFuture_get_data(future));
  assert_int_equal(SocketFuture_complete(future, 1, 0, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketFuture_complete(future, 0, -1, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketFuture_complete(future, 0, 7, &mark), 0);
  assert_int_equal(SocketFuture_complete(future, 0, 8, NULL), SOCKET_ESTATE);
  assert_int_equal(SocketFuture_cancel(future), 0);
  assert_int_equal(SocketFuture_cancel(future), 0);
  assert_int_equal(SocketFuture_get_status(future), 0);
  assert_int_equal(SocketFuture_get_result(future), 7);
  assert_ptr_equal(SocketFuture_get_data(future), &mark);
  assert_int_equal(SocketFuture_await(future, -1), 7);
  SocketFuture_free(&future);
  assert_null(future);
}

static void canceled_before_completed(void **state) {
  SocketFuture_T future = SocketFuture_new(*state);
  assert_int_equal(SocketFuture_cancel(future), 0);
  assert_int_equal(SocketFuture_complete(future, 0, 1, NULL), SOCKET_ESTATE);
  assert_int_equal(SocketFuture_await(future, 0), SOCKET_ECANCELED);
  SocketFuture_free(&future);
}

static void pushed_once(void **state) {
  Recorder recorder = {0};
  SocketFuture_T future = SocketFuture_new(*state);
  assert_int_equal(SocketFuture_release(future), SOCKET_ESTATE);
  assert_int_equal(SocketFuture_then(future, record, &recorder), 0);
  assert_int_equal(SocketFuture_complete(future, SOCKET_EIO, 0, NULL), 0);
  assert_int_equal(total_events(&recorder), 0); /* never from inside the call */
  run_until(*state, &recorder.count[SOCKET_COMPLETED], 1);
  assert_ptr_equal(recorder.last[SOCKET_COMPLETED].subject, future);
  assert_int_equal(recorder.last[SOCKET_COMPLETED].status, SOCKET_EIO);
  assert_int_equal(SocketFuture_then(future, record, &recorder), 0);
  assert_int_equal(SocketFuture_release(future), SOCKET_ESTATE);
  assert_int_equal(SocketLoop_run_once(*state, 0), 0);
  assert_int_equal(recorder.count[SOCKET_COMPLETED], 1);
  SocketFuture_free(&future);
}

static void pulled_and_told_nobody(void **state) {
  SocketCompletion_T event;
  SocketFuture_T told = SocketFuture_new(*state), untold = SocketFuture_new(*state);
  assert_int_equal(SocketFuture_complete(told, 0, 3, &event), 0);
  assert_int_equal(SocketFuture_complete(untold, 0, 4, NULL), 0);
  assert_int_equal(SocketFuture_then(told, NULL, &told), 0); /* after it ended */
  event = pull_one(*state, SOCKET_COMPLETED);
  assert_ptr_equal(event.subject, told);
  assert_ptr_equal(event.user, &told);
  assert_ptr_equal(event.data, &event);
  assert_int_equal(event.length, 3);
  assert_int_equal(SocketLoop_wait(*state, &event, 1, 0), 0);
  SocketFuture_free(&told);
  SocketFuture_free(&untold);
}

static void released_after_delivery(void **state) {
  Recorder recorder = {0};
  SocketCompletion_T event;
  SocketFuture_T pushed = SocketFuture_new(*state), pulled = SocketFuture_new(*state);
  SocketFuture_then(pushed, record, &recorder);
  SocketFuture_then(pulled, NULL, NULL);
  assert_int_equal(SocketFuture_release(pushed), 0);
  assert_int_equal(SocketFuture_release(pulled), 0);
  SocketFuture_complete(pushed, 0, 1, NULL);
  SocketFuture_complete(pulled, 0, 2, NULL);
  event = pull_one(*state, SOCKET_COMPLETED);
  assert_int_equal(event.length, 2);
  assert_int_equal(recorder.last[SOCKET_COMPLETED].length, 1);
  assert_int_equal(SocketFuture_is_done(pushed), SOCKET_EBADHANDLE);
  assert_int_equal(SocketFuture_is_done(pulled), SOCKET_EBADHANDLE);
}

static void freed_in_its_callback(const SocketCompletion_T *event, void *user) {
  SocketFuture_T future = event->subject;
  SocketFuture_free(&future);
  ++*(int *)user;
}

static void free_everywhere(void **state) {
  int calls = 0;
  SocketFuture_T inside = SocketFuture_new(*state), before = SocketFuture_new(*state);
  SocketFuture_then(inside, freed_in_its_callback, &calls);
  SocketFuture_then(before, freed_in_its_callback, &calls);
  SocketFuture_complete(inside, 0, 0, NULL);
  SocketFuture_complete(before, 0, 0, NULL);
  SocketFuture_free(&before); /* ended, not delivered */
  run_until(*state, &calls, 1);
  assert_int_equal(SocketLoop_run_once(*state, 0), 0);
  assert_int_equal(calls, 1);
  assert_int_equal(SocketFuture_is_done(inside), SOCKET_EBADHANDLE);
}

static void sleeping(void **state) {
  SocketFuture_T sleep = SocketAsync_sleep(*state, 20);
  int64_t start = monotonic_ms();
  assert_null(SocketAsync_sleep(*state, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_int_equal(SocketFuture_complete(sleep, 0, 0, NULL), SOCKET_ESTATE);
  assert_int_equal(SocketFuture_await(sleep, 1), SOCKET_ETIMEDOUT);
  assert_int_equal(SocketFuture_is_done(sleep), 0);
  assert_int_equal(SocketFuture_await(sleep, -2), SOCKET_EINVAL);
  assert_int_equal(SocketFuture_await(sleep, HANG_MS), 0);
  assert_true(monotonic_ms() - start >= 20);
  SocketFuture_free(&sleep);
  sleep = SocketAsync_sleep(*state, INT64_MAX);
  assert_int_equal(SocketFuture_cancel(sleep), 0);
  assert_int_equal(SocketFuture_get_status(sleep), SOCKET_ECANCELED);
  SocketFuture_free(&sleep);
}

static void select_and_all(void **state) {
  SocketFuture_T some[3] = {SocketAsync_sleep(*state, 30), SocketAsync_sleep(*state, 5),
                            SocketFuture_new(*state)};
  SocketFuture_T none[1] = {NULL};
  assert_int_equal(SocketFuture_select(NULL, 1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketFuture_select(some, 0, 0), SOCKET_EINVAL);
  assert_int_equal(SocketFuture_select(none, 1, 0), SOCKET_EBADHANDLE);
  assert_int_equal(SocketFuture_select(some, 3, HANG_MS), 1);
  assert_int_equal(SocketFuture_all_done(some, 3, 0), SOCKET_ETIMEDOUT);
  assert_int_equal(SocketFuture_all_done(some, 2, HANG_MS), 0);
  assert_int_equal(SocketFuture_select(some, 3, 0), 0); /* the lowest of several */
  assert_int_equal(SocketFuture_complete(some[2], 0, 0, NULL), 0);
  assert_int_equal(SocketFuture_all_done(some, 3, 0), 0);
  for (int i = 0; i < 3; i++) SocketFuture_free(&some[i]);
}

static void futures_of_two_loops(void **state) {
  SocketLoop_T other = SocketLoop_new();
  SocketFuture_T mixed[2] = {SocketFuture_new(*state), SocketFuture_new(other)};
  assert_int_equal(SocketFuture_select(mixed, 2, 0), SOCKET_EINVAL);
  assert_null(SocketFuture_all(mixed, 2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  SocketFuture_free(&mixed[0]);
  SocketLoop_free(&other);
  assert_int_equal(SocketFuture_is_done(mixed[1]), SOCKET_EBADHANDLE);
}

static void groups(void **state) {
  SocketFuture_T members[3];
  for (int i = 0; i < 3; i++) members[i] = SocketFuture_new(*state);
  SocketFuture_T any = SocketFuture_any(members, 3), all = SocketFuture_all(members, 3);
  SocketFuture_T twice = SocketFuture_all(&any, 1), forgotten = SocketFuture_any(members, 3);
  assert_int_equal(SocketFuture_complete(any, 0, 0, NULL), SOCKET_ESTATE);
  SocketFuture_free(&forgotten);
  SocketFuture_complete(members[1], 0, 0, NULL);
  assert_int_equal(SocketFuture_get_result(any), 1);
  assert_int_equal(SocketFuture_get_result(twice), 1);
  SocketFuture_complete(members[0], 0, 0, NULL);
  assert_int_equal(SocketFuture_is_done(all), 0);
  SocketFuture_complete(members[2], 0, 0, NULL);
  assert_int_equal(SocketFuture_get_result(all), 3);
  SocketFuture_free(&any);
  SocketFuture_free(&all);
  SocketFuture_free(&twice);
  any = SocketFuture_any(members, 3); /* they have ended already */
  assert_int_equal(SocketFuture_get_result(any), 0);
  for (int i = 0; i < 3; i++) SocketFuture_free(&members[i]);
  SocketFuture_free(&any);
}

static void group_members_fail(void **state) {
  SocketFuture_T members[2] = {SocketFuture_new(*state), SocketFuture_new(*state)};
  SocketFuture_T all = SocketFuture_all(members, 2), any = SocketFuture_any(&members[1], 1);
  SocketFuture_complete(members[0], SOCKET_EIO, 0, NULL);
  assert_int_equal(SocketFuture_get_status(all), SOCKET_EIO);
  SocketFuture_free(&members[1]);
  assert_int_equal(SocketFuture_get_status(any), SOCKET_ECANCELED);
  SocketFuture_free(&all);
  SocketFuture_free(&any);
  SocketFuture_free(&members[0]);
}

/* ---- Inside callbacks */

struct Nest {
  SocketLoop_T loop;
  SocketFuture_T inner;
  int64_t got;
  int calls;
};

static void await_inside(const SocketCompletion_T *event, void *user) {
  struct Nest *nest = user;
  (void)event;
  nest->got = SocketFuture_await(nest->inner, HANG_MS);
  nest->calls++;
}

static void complete_inner(const SocketCompletion_T *event, void *user) {
  struct Nest *nest = user;
  (void)event;
  SocketFuture_complete(nest->inner, 0, 42, NULL);
}

/* The second post lies in the same delivery as the first, whose callback waits for it. */
static void await_in_a_callback(void **state) {
  struct Nest nest = {*state, SocketFuture_new(*state), 0, 0};
  assert_int_equal(SocketLoop_post(*state, await_inside, &nest), 0);
  assert_int_equal(SocketLoop_post(*state, complete_inner, &nest), 0);
  run_until(*state, &nest.calls, 1);
  assert_int_equal(nest.got, 42);
  SocketFuture_free(&nest.inner);
}

static void stop_the_loop(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketLoop_stop(((struct Nest *)user)->loop);
}

static void stop_ends_the_await_and_the_run(void **state) {
  struct Nest nest = {*state, SocketFuture_new(*state), 0, 0};
  SocketLoop_post(*state, await_inside, &nest);
  SocketLoop_post(*state, stop_the_loop, &nest);
  assert_int_equal(SocketLoop_run(*state), 0);
  assert_int_equal(nest.got, SOCKET_ESTOPPED);
  assert_int_equal(SocketFuture_is_done(nest.inner), 0);
  assert_int_equal(SocketLoop_run_once(*state, 0), 0); /* the stop was taken */
  SocketFuture_free(&nest.inner);
}

static void free_the_loop(const SocketCompletion_T *event, void *user) {
  struct Nest *nest = user;
  (void)event;
  SocketLoop_free(&nest->loop);
}

static void loop_freed_under_an_await(void **state) {
  struct Nest nest = {SocketLoop_new(), NULL, 0, 0};
  (void)state;
  nest.inner = SocketFuture_new(nest.loop);
  SocketLoop_T loop = nest.loop;
  SocketLoop_post(loop, await_inside, &nest);
  SocketLoop_post(loop, free_the_loop, &nest);
  assert_int_equal(SocketLoop_run(loop), SOCKET_ESTOPPED);
  assert_int_equal(nest.got, SOCKET_ECANCELED);
}

/* A stream's bytes stay in place while the callback that was handed them awaits, and what follows
 * them comes afterwards. */
struct Echo {
  SocketLoop_T loop;
  SocketStream_T server, client, other;
  char seen[64];
  size_t length;
  int calls, other_calls;
};

static void on_other(const SocketCompletion_T *event, void *user) {
  if (event->kind == SOCKET_DATA) ((struct Echo *)user)->other_calls++;
}

static void on_bytes(const SocketCompletion_T *event, void *user) {
  struct Echo *echo = user;
  if (event->kind != SOCKET_DATA) return;
  int call = ++echo->calls;
  assert_true(echo->length + (size_t)event->length <= sizeof echo->seen);
  if (call == 1) {
    assert_int_equal(SocketStream_write(echo->client, "second", 6), 0);
    assert_int_equal(SocketStream_write(echo->other, "elsewhere", 9), 0);
    SocketFuture_T sleep = SocketAsync_sleep(echo->loop, 20);
    assert_int_equal(SocketFuture_await(sleep, HANG_MS), 0);
    SocketFuture_free(&sleep);
    assert_int_equal(echo->calls, 1); /* not from inside this callback */
    assert_int_equal(echo->other_calls, 1);
  }
  memcpy(echo->seen + echo->length, event->data, (size_t)event->length);
  echo->length += (size_t)event->length;
}

static void bytes_stay_during_an_await(void **state) {
  Pair first = make_pair(*state), second = make_pair(*state);
  struct Echo echo = {*state, first.server, first.client, second.client, "", 0, 0, 0};
  SocketStream_set_callback(first.server, on_bytes, &echo);
  SocketStream_set_callback(second.server, on_other, &echo);
  SocketStream_start(first.server);
  SocketStream_start(second.server);
  assert_int_equal(SocketStream_write(first.client, "first", 5), 0);
  run_until(*state, &echo.calls, 2);
  assert_memory_equal(echo.seen, "firstsecond", 11);
}

static void free_and_await(const SocketCompletion_T *event, void *user) {
  struct Echo *echo = user;
  if (event->kind != SOCKET_DATA) return;
  SocketStream_free(&echo->server); /* its memory stays until the outer turn ends */
  SocketFuture_T sleep = SocketAsync_sleep(echo->loop, 5);
  assert_int_equal(SocketFuture_await(sleep, HANG_MS), 0);
  SocketFuture_free(&sleep);
  echo->calls++;
}

static void freed_before_an_await(void **state) {
  Pair pair = make_pair(*state);
  struct Echo echo = {*state, pair.server, pair.client, NULL, "", 0, 0, 0};
  SocketStream_set_callback(pair.server, free_and_await, &echo);
  SocketStream_start(pair.server);
  assert_int_equal(SocketStream_write(pair.client, "x", 1), 0);
  run_until(*state, &echo.calls, 1);
}

/* ---- Other threads */

static void *await_elsewhere(void *future) {
  int64_t *result = malloc(sizeof *result);
  *result = SocketFuture_await(future, HANG_MS);
  return result;
}

static int64_t result_of(pthread_t thread) {
  void *result;
  assert_int_equal(pthread_join(thread, &result), 0);
  int64_t value = *(int64_t *)result;
  free(result);
  return value;
}

static void awaited_by_another_thread(void **state) {
  pthread_t threads[3];
  SocketFuture_T sleep = SocketAsync_sleep(*state, 20), freed = SocketFuture_new(*state);
  assert_int_equal(pthread_create(&threads[0], NULL, await_elsewhere, sleep), 0);
  assert_int_equal(pthread_create(&threads[1], NULL, await_elsewhere, sleep), 0);
  assert_int_equal(pthread_create(&threads[2], NULL, await_elsewhere, freed), 0);
  assert_int_equal(SocketFuture_await(sleep, HANG_MS), 0);
  SocketFuture_free(&freed);
  assert_int_equal(result_of(threads[0]), 0);
  assert_int_equal(result_of(threads[1]), 0);
  int64_t of_freed = result_of(threads[2]); /* before or after it was freed */
  assert_true(of_freed == SOCKET_ECANCELED || of_freed == SOCKET_EBADHANDLE);
  SocketFuture_free(&sleep);
}

static void *complete_elsewhere(void *future) {
  assert_int_equal(SocketFuture_cancel(future), SOCKET_EWRONGTHREAD);
  assert_int_equal(SocketFuture_complete(future, 0, 5, future), 0);
  assert_int_equal(SocketFuture_complete(future, 0, 6, future), SOCKET_ESTATE);
  return NULL;
}

static void completed_by_another_thread(void **state) {
  pthread_t thread;
  SocketFuture_T future = SocketFuture_new(*state);
  assert_int_equal(pthread_create(&thread, NULL, complete_elsewhere, future), 0);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 5);
  pthread_join(thread, NULL);
  assert_ptr_equal(SocketFuture_get_data(future), future);
  SocketFuture_free(&future);
}

static void *time_out_elsewhere(void *future) {
  assert_int_equal(SocketFuture_await(future, 10), SOCKET_ETIMEDOUT);
  assert_int_equal(SocketFuture_await(future, -5), SOCKET_EINVAL);
  return NULL;
}

static void timed_out_on_another_thread(void **state) {
  pthread_t thread;
  SocketFuture_T future = SocketFuture_new(*state);
  assert_int_equal(pthread_create(&thread, NULL, time_out_elsewhere, future), 0);
  pthread_join(thread, NULL);
  SocketFuture_free(&future);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(ends_once),
      TEST(canceled_before_completed),
      TEST(pushed_once),
      TEST(pulled_and_told_nobody),
      TEST(released_after_delivery),
      TEST(free_everywhere),
      TEST(sleeping),
      TEST(select_and_all),
      TEST(futures_of_two_loops),
      TEST(groups),
      TEST(group_members_fail),
      TEST(await_in_a_callback),
      TEST(stop_ends_the_await_and_the_run),
      TEST(loop_freed_under_an_await),
      TEST(bytes_stay_during_an_await),
      TEST(freed_before_an_await),
      TEST(awaited_by_another_thread),
      TEST(completed_by_another_thread),
      TEST(timed_out_on_another_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
