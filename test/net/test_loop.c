/* SocketLoop, SocketTimer and SocketWatch through the C ABI. */
#include "support/net_support.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void stop_now(const SocketCompletion_T *event, void *user) {
  (void)event;
  assert_int_equal(SocketLoop_stop(*(SocketLoop_T *)user), 0);
}

static void run_ends_with_stop(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  assert_non_null(loop);
  assert_int_equal(SocketLoop_post(loop, stop_now, &loop), 0);
  assert_int_equal(SocketLoop_run(loop), 0);
  assert_int_equal(SocketLoop_stop(loop), 0);
  assert_int_equal(SocketLoop_run(loop), 0);
  assert_int_equal(SocketLoop_stop(loop), 0);
  assert_int_equal(SocketLoop_run_once(loop, -1), SOCKET_ESTOPPED);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_stop(loop), 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, -1), SOCKET_ESTOPPED);
  SocketLoop_free(&loop);
  assert_null(loop);
}

static void timeouts_are_kept(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int64_t start = now_ms();
  assert_int_equal(SocketLoop_run_once(loop, 30), 0);
  assert_true(now_ms() - start >= 30);
  SocketCompletion_T event;
  start = now_ms();
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 30), 0);
  assert_true(now_ms() - start >= 30);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 0), 0);
  SocketLoop_free(&loop);
}

static void wait_refuses_bad_arguments(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, NULL, 1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketLoop_wait(loop, &event, 0, 0), SOCKET_EINVAL);
  SocketLoop_T none = NULL;
  SocketLoop_free(NULL);
  SocketLoop_free(&none);
  SocketLoop_free(&loop);
  assert_null(SocketLoop_new_backend("nonsense"));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
}

static void run_inside(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketLoop_T loop = *(SocketLoop_T *)user;
  SocketCompletion_T out;
  assert_int_equal(SocketLoop_run(loop), SOCKET_EBUSY);
  assert_int_equal(SocketLoop_run_once(loop, 0), SOCKET_EBUSY);
  assert_int_equal(SocketLoop_wait(loop, &out, 1, 0), SOCKET_EBUSY);
  assert_int_equal(SocketLoop_claim(loop), 0);
}

static void running_inside_a_callback_is_refused(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketLoop_post(loop, run_inside, &loop);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  SocketLoop_free(&loop);
}

static void free_loop(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketLoop_free(user);
}

static void freeing_inside_a_callback_ends_the_run(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new(), copy = loop;
  SocketTimer_T timer = SocketTimer_new(loop);
  Recorder recorder = {0};
  SocketTimer_set_callback(timer, record, &recorder);
  SocketTimer_start(timer, 0, 0);
  SocketLoop_post(loop, free_loop, &loop);
  SocketLoop_post(loop, record, &recorder);
  assert_int_equal(SocketLoop_run(copy), SOCKET_ESTOPPED);
  assert_null(loop);
  assert_int_equal(SocketLoop_run(copy), SOCKET_EBADHANDLE);
  assert_int_equal(SocketTimer_stop(timer), SOCKET_EBADHANDLE);
  assert_int_equal(recorder.count[SOCKET_TIMER] + recorder.count[SOCKET_POSTED], 0);
}

#define POSTERS 4
#define POSTS 5000

typedef struct PostTarget {
  SocketLoop_T loop;
  int64_t last[POSTERS];
  int count;
} PostTarget;
typedef struct PostItem {
  PostTarget *target;
  int poster, number;
} PostItem;
static PostItem post_items[POSTERS][POSTS];

static void posted(const SocketCompletion_T *event, void *user) {
  PostItem *item = user;
  assert_ptr_equal(event->user, user);
  assert_int_equal(item->number, item->target->last[item->poster]);
  item->target->last[item->poster]++;
  if (++item->target->count == POSTERS * POSTS) SocketLoop_stop(item->target->loop);
}

static void *poster(void *items) {
  for (int i = 0; i < POSTS; i++) {
    PostItem *item = (PostItem *)items + i;
    assert_int_equal(SocketLoop_post(item->target->loop, posted, item), 0);
  }
  return NULL;
}

static void posts_of_many_threads_arrive_in_order(void **state) {
  (void)state;
  PostTarget target = {0};
  target.loop = SocketLoop_new();
  pthread_t threads[POSTERS];
  for (int p = 0; p < POSTERS; p++) {
    for (int i = 0; i < POSTS; i++) post_items[p][i] = (PostItem){&target, p, i};
    pthread_create(&threads[p], NULL, poster, post_items[p]);
  }
  assert_int_equal(SocketLoop_run(target.loop), 0);
  for (int p = 0; p < POSTERS; p++) pthread_join(threads[p], NULL);
  assert_int_equal(target.count, POSTERS * POSTS);
  SocketLoop_free(&target.loop);
}

static void posts_can_be_pulled(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int numbers[3];
  for (int i = 0; i < 3; i++) SocketLoop_post(loop, NULL, &numbers[i]);
  SocketCompletion_T out[2];
  assert_int_equal(SocketLoop_wait(loop, out, 2, HANG_MS), 2);
  assert_ptr_equal(out[0].user, &numbers[0]);
  assert_ptr_equal(out[1].user, &numbers[1]);
  assert_int_equal(SocketLoop_wait(loop, out, 2, HANG_MS), 1);
  assert_ptr_equal(out[0].user, &numbers[2]);
  SocketLoop_post(loop, NULL, &numbers[0]); /* dropped with the loop */
  SocketLoop_free(&loop);
}

static void *use_from_elsewhere(void *argument) {
  SocketLoop_T *loop = argument;
  assert_null(SocketTimer_new(*loop));
  assert_int_equal(Socket_last_error(), SOCKET_EWRONGTHREAD);
  SocketLoop_T copy = *loop;
  SocketLoop_free(&copy); /* nobody runs it, so this thread may */
  assert_null(copy);
  return NULL;
}

static void *run_elsewhere(void *argument) {
  assert_int_equal(SocketLoop_run(*(SocketLoop_T *)argument), 0);
  return NULL;
}

static void threads_own_their_loop(void **state) {
  (void)state;
  pthread_t thread;
  SocketLoop_T loop = SocketLoop_new();
  pthread_create(&thread, NULL, use_from_elsewhere, &loop);
  pthread_join(thread, NULL);
  assert_int_equal(SocketLoop_run_once(loop, 0), SOCKET_EBADHANDLE);

  loop = SocketLoop_new();
  pthread_create(&thread, NULL, run_elsewhere, &loop);
  /* Until the other thread runs it, this one may claim it. */
  while (SocketLoop_claim(loop) == 0) sched_yield();
  assert_null(SocketTimer_new(loop));
  assert_int_equal(SocketLoop_run(loop), SOCKET_EWRONGTHREAD);
  SocketLoop_T copy = loop;
  SocketLoop_free(&copy);
  assert_ptr_equal(copy, loop);
  SocketLoop_stop(loop);
  pthread_join(thread, NULL);
  assert_int_equal(SocketLoop_claim(loop), 0);
  SocketTimer_T timer = SocketTimer_new(loop);
  assert_non_null(timer);
  SocketLoop_free(&loop);
}

static void fd_and_timeout_serve_a_foreign_loop(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  assert_int_equal(SocketLoop_get_timeout(loop), -1);
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_start(timer, 60000, 0);
  int timeout = SocketLoop_get_timeout(loop);
  assert_true(timeout > 50000 && timeout <= 60000);
  SocketLoop_post(loop, NULL, NULL);
  assert_int_equal(SocketLoop_get_timeout(loop), 0);
  int fd = SocketLoop_get_fd(loop);
  const char *backend = SocketLoop_get_backend_name(loop);
  if (strcmp(backend, "poll") == 0 || strcmp(backend, "iocp") == 0)
    assert_int_equal(fd, SOCKET_ENOTSUP);
  else
    assert_true(fd >= 0);
  SocketLoop_free(&loop);
}

/* ---- Watches */

static void watches_push_and_pull(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  SocketWatch_T watch = SocketWatch_new(loop, ends[0], POLL_READ);
  assert_non_null(watch);
  assert_null(SocketWatch_new(loop, ends[0], POLL_READ));
  assert_int_equal(Socket_last_error(), SOCKET_EEXIST);
  assert_null(SocketWatch_new(loop, -1, POLL_READ));
  assert_int_equal(Socket_last_error(), SOCKET_EBADF);
  assert_null(SocketWatch_new(loop, ends[1], 0x4000));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);

  assert_int_equal(write(ends[1], "x", 1), 1);
  SocketCompletion_T event = pull_one(loop, SOCKET_READY);
  assert_ptr_equal(event.subject, watch);
  assert_int_equal(event.length, POLL_READ);
  pull_one(loop, SOCKET_READY); /* level: it was not read */

  Recorder recorder = {0};
  SocketWatch_set_callback(watch, record, &recorder);
  run_until(loop, &recorder.count[SOCKET_READY], 3);
  char byte;
  assert_int_equal(read(ends[0], &byte, 1), 1);
  int before = recorder.count[SOCKET_READY];
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  assert_int_equal(recorder.count[SOCKET_READY], before);
  assert_int_equal(SocketWatch_set_events(watch, POLL_WRITE), 0);
  run_until(loop, &recorder.count[SOCKET_READY], before + 1);
  assert_int_equal(recorder.last[SOCKET_READY].length, POLL_WRITE);
  assert_int_equal(SocketWatch_set_events(watch, 0), 0);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  SocketWatch_free(&watch);
  SocketLoop_free(&loop);
  close(ends[0]);
  close(ends[1]);
}

static void a_pulled_watch_does_not_spin(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  SocketWatch_T watch = SocketWatch_new(loop, ends[0], POLL_WRITE);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0); /* ready still, but not yet fetched */
  pull_one(loop, SOCKET_READY);
  SocketWatch_free(&watch);
  SocketLoop_free(&loop);
  close(ends[0]);
  close(ends[1]);
}

static void free_other(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketWatch_free(user);
}

static void a_watch_freed_in_the_same_batch_is_silent(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  SocketWatch_T watches[2] = {SocketWatch_new(loop, ends[0], POLL_WRITE),
                              SocketWatch_new(loop, ends[1], POLL_WRITE)};
  SocketWatch_set_callback(watches[0], free_other, &watches[1]);
  SocketWatch_set_callback(watches[1], free_other, &watches[0]);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_true(!watches[0] != !watches[1]);
  SocketLoop_free(&loop);
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(run_ends_with_stop),
      cmocka_unit_test(timeouts_are_kept),
      cmocka_unit_test(wait_refuses_bad_arguments),
      cmocka_unit_test(running_inside_a_callback_is_refused),
      cmocka_unit_test(freeing_inside_a_callback_ends_the_run),
      cmocka_unit_test(posts_of_many_threads_arrive_in_order),
      cmocka_unit_test(posts_can_be_pulled),
      cmocka_unit_test(threads_own_their_loop),
      cmocka_unit_test(fd_and_timeout_serve_a_foreign_loop),
      cmocka_unit_test(watches_push_and_pull),
      cmocka_unit_test(a_pulled_watch_does_not_spin),
      cmocka_unit_test(a_watch_freed_in_the_same_batch_is_silent),
  };
  return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
