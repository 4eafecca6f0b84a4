/* Futures asked, awaited and completed by many threads while their owner cancels, completes and
 * frees them, and at last the loop. Whatever the order: each call gives an answer that is possible
 * at its moment, nobody waits for ever, and an outcome that was seen once never changes. */
#include "support/net_support.h"

#include <socketpoll/SocketFuture.h>

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 60
#define FUTURES 8
#define THREADS 4

typedef struct Shared {
  SocketLoop_T loop;
  SocketFuture_T futures[FUTURES];
  atomic_int won[FUTURES]; /* completions that were accepted */
  atomic_int wrong;
} Shared;

static int possible(int64_t outcome) {
  return outcome >= 0 || outcome == SOCKET_ECANCELED || outcome == SOCKET_EBADHANDLE;
}

static void *use_them(void *user) {
  Shared *shared = user;
  for (int i = 0; i < FUTURES; i++) {
    SocketFuture_T future = shared->futures[i];
    int code = SocketFuture_complete(future, 0, 100 + i, NULL);
    if (code == 0) shared->won[i]++;
    if (code != 0 && code != SOCKET_ESTATE && code != SOCKET_EBADHANDLE) shared->wrong++;
    int64_t first = SocketFuture_await(future, HANG_MS);
    if (!possible(first) || (first >= 0 && first != 100 + i)) shared->wrong++;
    int64_t again = SocketFuture_get_result(future);
    if (first != SOCKET_EBADHANDLE && again != first && again != SOCKET_EBADHANDLE) shared->wrong++;
    (void)SocketFuture_is_done(future);
    (void)SocketFuture_get_progress(future);
    (void)SocketFuture_get_lost(future);
    int which = SocketFuture_select(shared->futures, FUTURES, 0);
    if (which != SOCKET_ETIMEDOUT && which != SOCKET_EBADHANDLE && which != SOCKET_EINVAL &&
        (which < 0 || which >= FUTURES))
      shared->wrong++;
  }
  int all = SocketFuture_all_done(shared->futures, FUTURES, HANG_MS);
  if (all != 0 && all != SOCKET_EBADHANDLE) shared->wrong++;
  return NULL;
}

static void everybody_at_once(void **state) {
  (void)state;
  for (int round = 0; round < ROUNDS; round++) {
    static Shared shared;
    pthread_t threads[THREADS];
    memset(&shared, 0, sizeof shared);
    shared.loop = SocketLoop_new();
    SocketFuture_T own[FUTURES];
    for (int i = 0; i < FUTURES; i++) own[i] = shared.futures[i] = SocketFuture_new(shared.loop);
    for (int i = 0; i < THREADS; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, use_them, &shared), 0);
    for (int i = 0; i < FUTURES; i++) {
      (void)SocketLoop_run_once(shared.loop, 0);
      if ((round + i) % 3 == 0) assert_int_equal(SocketFuture_cancel(own[i]), 0);
      if ((round + i) % 4 == 1) SocketFuture_free(&own[i]);
      if ((round + i) % 4 == 2) (void)SocketFuture_complete(own[i], 0, 100 + i, NULL);
    }
    for (int i = 0; round % 2 && i < FUTURES; i++) (void)SocketFuture_await(own[i], HANG_MS);
    SocketLoop_free(&shared.loop);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < FUTURES; i++) assert_true(shared.won[i] <= 1);
    assert_int_equal(shared.wrong, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_at_once)};
  return cmocka_run_group_tests_name("future: threads", tests, NULL, NULL);
}
