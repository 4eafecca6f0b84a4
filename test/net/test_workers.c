/* Groups of threads with loops: how they start, fail to start, are reached, and end. */
#include "support/net_support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include <socketpoll/SocketFuture.h>
#include <socketpoll/SocketWorkers.h>

#define MOST 4

/* ---- The start */

typedef struct Setups {
  atomic_int running; /* setups under way: never two */
  int called;         /* guarded by their order */
  int fail_at, code;  /* -1: none */
  SocketLoop_T loops[MOST];
  pthread_t threads[MOST];
  char names[MOST][16];
} Setups;

static int set_up(SocketLoop_T loop, int index, void *user) {
  Setups *setups = user;
  sigset_t mask;
  assert_int_equal(atomic_fetch_add(&setups->running, 1), 0);
  assert_int_equal(setups->called++, index);
  assert_non_null(loop);
  setups->loops[index] = loop;
  setups->threads[index] = pthread_self();
  if (left_out_on_windows("a debugger alone sees the names of threads"))
    snprintf(setups->names[index], 16, "tenofbytes-%d", index);
  else
    assert_int_equal(pthread_getname_np(pthread_self(), setups->names[index], 16), 0);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
  assert_true(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGUSR1));
  assert_false(sigismember(&mask, SIGSEGV));
  SocketTimer_T timer = SocketTimer_new(loop); /* the loop is this thread's */
  assert_non_null(timer);
  atomic_fetch_sub(&setups->running, 1);
  return index == setups->fail_at ? setups->code : 0;
}

static void they_start_in_order_and_end(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  assert_non_null(workers);
  assert_int_equal(SocketWorkers_get_count(workers), 0);
  assert_int_equal(SocketWorkers_get_failed(workers), -1);
  assert_int_equal(SocketWorkers_stop(workers), 0);
  assert_int_equal(SocketWorkers_join(workers, 0), 0);
  assert_int_equal(SocketWorkers_set_name(workers, ""), SOCKET_EINVAL);
  assert_int_equal(SocketWorkers_set_name(workers, "elevenbytes"), SOCKET_EINVAL);
  assert_int_equal(SocketWorkers_set_name(workers, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketWorkers_set_name(workers, "tenofbytes"), 0);
  assert_int_equal(SocketWorkers_start(workers, -1, NULL, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketWorkers_start(workers, SOCKET_WORKERS_MAX + 1, NULL, NULL), SOCKET_EINVAL);
  for (int round = 0; round < 2; round++) {
    Setups setups = {.fail_at = -1};
    assert_int_equal(SocketWorkers_start(workers, MOST, set_up, &setups), 0);
    assert_int_equal(setups.called, MOST);
    assert_int_equal(SocketWorkers_get_count(workers), MOST);
    assert_int_equal(SocketWorkers_start(workers, 1, NULL, NULL), SOCKET_ESTATE);
    assert_int_equal(SocketWorkers_set_name(workers, "late"), SOCKET_ESTATE);
    assert_int_equal(SocketWorkers_set_pinning(workers, 1), SOCKET_ESTATE);
    for (int i = 0; i < MOST; i++) {
      char name[16];
      snprintf(name, sizeof name, "tenofbytes-%d", i);
      assert_string_equal(setups.names[i], name);
      assert_ptr_equal(SocketWorkers_get_loop(workers, i), setups.loops[i]);
      assert_int_equal(SocketLoop_run(setups.loops[i]), SOCKET_EWRONGTHREAD);
    }
    assert_null(SocketWorkers_get_loop(workers, -1));
    assert_null(SocketWorkers_get_loop(workers, MOST));
    assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
    assert_int_equal(SocketWorkers_join(workers, -2), SOCKET_EINVAL);
    assert_int_equal(SocketWorkers_join(workers, 1), SOCKET_ETIMEDOUT);
    assert_int_equal(SocketWorkers_stop(workers), 0);
    assert_int_equal(SocketWorkers_join(workers, HANG_MS), 0);
    assert_int_equal(SocketWorkers_get_count(workers), 0);
    assert_int_equal(SocketLoop_stop(setups.loops[0]), SOCKET_EBADHANDLE);
  }
  SocketWorkers_free(&workers);
  assert_null(workers);
}

static void one_for_each_processor(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  cpu_set_t allowed;
  assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  assert_int_equal(SocketWorkers_processors(), CPU_COUNT(&allowed));
  assert_int_equal(SocketWorkers_start(workers, 0, NULL, NULL), 0);
  assert_int_equal(SocketWorkers_get_count(workers), CPU_COUNT(&allowed));
  SocketWorkers_free(&workers); /* running as they are */
}

static int look_where_it_runs(SocketLoop_T loop, int index, void *user) {
  (void)loop;
  cpu_set_t *sets = user;
  return sched_getaffinity(0, sizeof sets[index], &sets[index]) ? SOCKET_EUNKNOWN : 0;
}

static void pinned_to_processors(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  cpu_set_t sets[MOST], all, both;
  CPU_ZERO(&all);
  assert_int_equal(SocketWorkers_set_pinning(workers, 1), 0);
  assert_int_equal(SocketWorkers_start(workers, MOST, look_where_it_runs, sets), 0);
  for (int i = 0; i < MOST; i++) {
    assert_int_equal(CPU_COUNT(&sets[i]), 1);
    CPU_OR(&both, &all, &sets[i]);
    all = both;
  }
  const int processors = SocketWorkers_processors();
  assert_int_equal(CPU_COUNT(&all), processors < MOST ? processors : MOST);
  SocketWorkers_free(&workers);
}

static void a_setup_that_fails_fails_the_start(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  for (int at = 0; at < MOST; at++) {
    Setups setups = {.fail_at = at, .code = at % 2 ? SOCKET_EADDRINUSE : 7};
    const int expected = at % 2 ? (int)SOCKET_EADDRINUSE : (int)SOCKET_EUNKNOWN;
    assert_int_equal(SocketWorkers_start(workers, MOST, set_up, &setups), expected);
    assert_int_equal(Socket_last_error(), expected);
    assert_int_equal(SocketWorkers_get_failed(workers), at);
    assert_int_equal(setups.called, at + 1);
    assert_int_equal(SocketWorkers_get_count(workers), 0);
    for (int i = 0; i <= at; i++)
      assert_int_equal(SocketLoop_stop(setups.loops[i]), SOCKET_EBADHANDLE);
  }
  Setups setups = {.fail_at = -1};
  assert_int_equal(SocketWorkers_start(workers, 2, set_up, &setups), 0);
  assert_int_equal(SocketWorkers_get_failed(workers), -1);
  SocketWorkers_free(&workers);
}

static int listen_on_nonsense(SocketLoop_T loop, int index, void *user) {
  (void)index, (void)user;
  return SocketListener_listen(SocketListener_new(loop), "nonsense");
}

static void what_failed_is_told_where_it_was_started(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(workers, 2, listen_on_nonsense, NULL), SOCKET_EADDRESS);
  assert_string_equal(Socket_last_error_message(),
                      "cannot listen on nonsense: not an address with a port (SOCKET_EADDRESS)");
  SocketWorkers_free(&workers);
}

static int run_out_of_descriptors(SocketLoop_T loop, int index, void *user) {
  (void)loop;
  struct rlimit *before = user, none;
  if (index == 0) return 0;
  getrlimit(RLIMIT_NOFILE, before);
  none = *before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  SocketListener_T listener = SocketListener_new(loop);
  const int code = SocketListener_listen(listener, "127.0.0.1:0");
  if (index == 1) setrlimit(RLIMIT_NOFILE, before);
  return index == 1 ? code : 0;
}

static int keep_the_limit(SocketLoop_T loop, int index, void *user) {
  return index == 0 ? run_out_of_descriptors(loop, 2, user) : 0;
}

static void without_descriptors(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  struct rlimit before;
  assert_int_equal(SocketWorkers_start(workers, 3, run_out_of_descriptors, &before), SOCKET_EMFILE);
  assert_int_equal(SocketWorkers_get_failed(workers), 1);
  /* The second loop itself. */
  const int code = SocketWorkers_start(workers, 3, keep_the_limit, &before);
  setrlimit(RLIMIT_NOFILE, &before);
  assert_int_equal(code, SOCKET_EMFILE);
  assert_int_equal(SocketWorkers_get_failed(workers), 1);
  SocketWorkers_free(&workers);
}

/* ---- Posts between loops */

typedef struct Ring {
  SocketWorkers_T workers;
  int count;
  atomic_int laps;
  int hops; /* handed on with the post, never touched by two at a time */
} Ring;

static void hop(const SocketCompletion_T *event, void *user) {
  Ring *ring = user;
  assert_int_equal(event->kind, SOCKET_POSTED);
  ring->hops++;
  if (ring->hops == 2000) {
    atomic_fetch_add(&ring->laps, 1);
    SocketWorkers_stop(ring->workers); /* from a worker */
    return;
  }
  SocketLoop_T next = SocketWorkers_get_loop(ring->workers, ring->hops % ring->count);
  assert_int_equal(SocketLoop_post(next, hop, ring), 0);
}

static void posts_go_round(void **state) {
  (void)state;
  Ring ring = {.workers = SocketWorkers_new(), .count = 3};
  assert_int_equal(SocketWorkers_start(ring.workers, ring.count, NULL, NULL), 0);
  assert_int_equal(SocketLoop_post(SocketWorkers_get_loop(ring.workers, 0), hop, &ring), 0);
  assert_int_equal(SocketWorkers_join(ring.workers, HANG_MS), 0);
  assert_int_equal(ring.laps, 1);
  assert_int_equal(ring.hops, 2000);
  SocketWorkers_free(&ring.workers);
}

/* ---- From inside and from several threads */

typedef struct Inside {
  SocketWorkers_T workers;
  int start, join, join_after, freed, count;
} Inside;

static int misuse_in_setup(SocketLoop_T loop, int index, void *user) {
  Inside *inside = user;
  SocketWorkers_T copy = inside->workers;
  (void)loop, (void)index;
  inside->start = SocketWorkers_start(copy, 1, NULL, NULL);
  inside->join = SocketWorkers_join(copy, 0);
  inside->count = SocketWorkers_get_count(copy);
  SocketWorkers_free(&copy);
  inside->freed = copy == NULL ? 0 : Socket_last_error();
  return 0;
}

static void free_in_callback(const SocketCompletion_T *event, void *user) {
  (void)event;
  Inside *inside = user;
  SocketWorkers_T copy = inside->workers;
  SocketWorkers_free(&copy);
  inside->freed = copy == NULL ? 0 : Socket_last_error();
  inside->join_after = SocketWorkers_join(inside->workers, -1);
  SocketWorkers_stop(inside->workers);
}

static void a_worker_does_not_wait_for_itself(void **state) {
  (void)state;
  Inside inside = {.workers = SocketWorkers_new()};
  assert_int_equal(SocketWorkers_start(inside.workers, 2, misuse_in_setup, &inside), 0);
  assert_int_equal(inside.start, SOCKET_ESTATE);
  assert_int_equal(inside.join, SOCKET_ESTATE);
  assert_int_equal(inside.freed, SOCKET_ESTATE);
  assert_int_equal(inside.count, 2);
  inside.freed = 0;
  SocketLoop_post(SocketWorkers_get_loop(inside.workers, 1), free_in_callback, &inside);
  assert_int_equal(SocketWorkers_join(inside.workers, HANG_MS), 0);
  assert_int_equal(inside.freed, SOCKET_ESTATE);
  assert_int_equal(inside.join_after, SOCKET_ESTATE);
  SocketWorkers_free(&inside.workers);
}

static int stop_in_setup(SocketLoop_T loop, int index, void *user) {
  (void)loop;
  return index == 1 ? SocketWorkers_stop((SocketWorkers_T)user) : 0;
}

static void stopped_while_it_starts(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(workers, 3, stop_in_setup, workers), SOCKET_ESTOPPED);
  assert_int_equal(SocketWorkers_get_failed(workers), -1);
  SocketWorkers_free(&workers);
}

static int loop_in_setup(SocketLoop_T loop, int index, void *user) {
  (void)index, (void)user;
  const int code = SocketLoop_run_once(loop, 0);
  return code < 0 ? code : 0;
}

static void free_the_loop(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketLoop_T loop = user;
  SocketLoop_free(&loop);
}

static void loops_that_end_alone(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(workers, 2, loop_in_setup, NULL), 0);
  SocketLoop_T first = SocketWorkers_get_loop(workers, 0);
  SocketLoop_T second = SocketWorkers_get_loop(workers, 1);
  SocketLoop_post(first, free_the_loop, first);
  assert_int_equal(SocketWorkers_join(workers, 20), SOCKET_ETIMEDOUT); /* the second is there */
  SocketLoop_stop(second);
  assert_int_equal(SocketWorkers_join(workers, HANG_MS), 0);
  SocketWorkers_free(&workers);
}

static void *join_elsewhere(void *user) {
  return (void *)(intptr_t)SocketWorkers_join((SocketWorkers_T)user, HANG_MS);
}

static void many_wait_for_the_end(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    SocketWorkers_T workers = SocketWorkers_new();
    pthread_t threads[3];
    assert_int_equal(SocketWorkers_start(workers, 2, NULL, NULL), 0);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, join_elsewhere, workers);
    SocketWorkers_free(&workers);
    for (int i = 0; i < 3; i++) {
      void *code;
      pthread_join(threads[i], &code);
      /* Before or after the handle ended. */
      assert_true((intptr_t)code == 0 || (intptr_t)code == SOCKET_EBADHANDLE);
    }
  }
}

static void waiting_takes_no_processor_time(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(workers, 2, NULL, NULL), 0);
  const int64_t before = cpu_ms();
  assert_int_equal(SocketWorkers_join(workers, 300), SOCKET_ETIMEDOUT);
  assert_true(cpu_ms() - before < 150);
  SocketWorkers_free(&workers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(they_start_in_order_and_end),
      cmocka_unit_test(one_for_each_processor),
      cmocka_unit_test(pinned_to_processors),
      cmocka_unit_test(a_setup_that_fails_fails_the_start),
      cmocka_unit_test(what_failed_is_told_where_it_was_started),
      cmocka_unit_test(without_descriptors),
      cmocka_unit_test(posts_go_round),
      cmocka_unit_test(a_worker_does_not_wait_for_itself),
      cmocka_unit_test(stopped_while_it_starts),
      cmocka_unit_test(loops_that_end_alone),
      cmocka_unit_test(many_wait_for_the_end),
      cmocka_unit_test(waiting_takes_no_processor_time),
  };
  return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
