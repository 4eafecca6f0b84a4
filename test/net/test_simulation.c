/* The simulation itself: what it promises to those who test with it. */
#include "support/net_support.h"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketSimulation.h>

#include <pthread.h>

struct Echo {
  SocketListener_T listener;
  SocketStream_T server, client;
  char got[4096];
  int64_t length;
  int closed, eof;
  int status;
};

static void serve(const SocketCompletion_T *event, void *user) {
  struct Echo *echo = user;
  if (event->kind == SOCKET_ACCEPTED) {
    echo->server = event->subject;
    SocketStream_set_callback(echo->server, serve, echo);
    SocketStream_start(echo->server);
  }
  if (event->kind == SOCKET_DATA) SocketStream_write(event->subject, event->data, event->length);
  if (event->kind == SOCKET_EOF) SocketStream_close(event->subject);
}

static void ask(const SocketCompletion_T *event, void *user) {
  struct Echo *echo = user;
  if (event->kind == SOCKET_CONNECTED) {
    SocketStream_write(event->subject, "hello, simulated world", 22);
    SocketStream_shutdown(event->subject);
  }
  if (event->kind == SOCKET_DATA) {
    memcpy(echo->got + echo->length, event->data, (size_t)event->length);
    echo->length += event->length;
  }
  if (event->kind == SOCKET_EOF) echo->eof++;
  if (event->kind == SOCKET_CLOSED) {
    echo->closed++;
    echo->status = event->status;
  }
}

static void set_up(struct Echo *echo, SocketLoop_T server, SocketLoop_T client) {
  memset(echo, 0, sizeof *echo);
  echo->listener = SocketListener_new(server);
  SocketListener_set_callback(echo->listener, serve, echo);
  assert_int_equal(SocketListener_listen(echo->listener, "127.0.0.1:80"), 0);
  echo->client = SocketStream_connect(client, "127.0.0.1:80", 1000);
  SocketStream_set_callback(echo->client, ask, echo);
  SocketStream_start(echo->client);
}

static int64_t echo_run(uint64_t seed, int loops) {
  SocketSimulation_T world = SocketSimulation_new(seed);
  SocketLoop_T server = SocketSimulation_new_loop(world);
  SocketLoop_T client = loops == 2 ? SocketSimulation_new_loop(world) : server;
  struct Echo echo;
  assert_int_equal(SocketSimulation_set_piece(world, 7), 0);
  set_up(&echo, server, client);
  assert_int_equal(SocketSimulation_run(world, -1), 0);
  assert_int_equal(echo.length, 22);
  assert_memory_equal(echo.got, "hello, simulated world", 22);
  assert_int_equal(echo.eof, 1);
  assert_true(SocketSimulation_get_time(world) > 0);
  int64_t digest = SocketSimulation_get_digest(world);
  SocketStream_free(&echo.client);
  SocketStream_free(&echo.server);
  assert_int_equal(SocketSimulation_run(world, -1), 0);
  assert_int_equal(SocketSimulation_get_open(world), 1); /* the listener's */
  SocketListener_free(&echo.listener);
  assert_int_equal(SocketSimulation_get_open(world), 0);
  SocketSimulation_free(&world);
  assert_null(world);
  return digest;
}

static void same_seed_same_run(void **state) {
  (void)state;
  for (int loops = 1; loops <= 2; loops++) {
    int different = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
      int64_t first = echo_run(seed, loops);
      assert_int_equal(echo_run(seed, loops), first);
      different += first != echo_run(seed + 1, loops);
    }
    assert_int_equal(different, 20);
  }
}

static void time_passes_without_waiting(void **state) {
  (void)state;
  SocketSimulation_T world = SocketSimulation_new(1);
  SocketLoop_T loop = SocketSimulation_new_loop(world);
  int64_t start = monotonic_ms();
  SocketFuture_T year = SocketAsync_sleep(loop, INT64_C(365) * 24 * 3600 * 1000);
  assert_int_equal(SocketFuture_await(year, -1), 0);
  assert_true(SocketSimulation_get_time(world) >= INT64_C(365) * 24 * 3600 * 1000000000);
  assert_true(monotonic_ms() - start < HANG_MS);
  SocketFuture_free(&year);
  assert_string_equal(SocketLoop_get_backend_name(loop), "simulation");
  SocketSimulation_free(&world);
  assert_int_equal(SocketLoop_now(loop), SOCKET_EBADHANDLE);
}

/* What would hang in production says so. */
static void nothing_can_happen(void **state) {
  (void)state;
  SocketSimulation_T world = SocketSimulation_new(1);
  SocketLoop_T loop = SocketSimulation_new_loop(world);
  SocketFuture_T never = SocketFuture_new(loop);
  assert_int_equal(SocketFuture_await(never, -1), SOCKET_ESTOPPED);
  assert_int_equal(SocketLoop_run(loop), SOCKET_ESTOPPED);
  assert_int_equal(SocketFuture_await(never, 100), SOCKET_ETIMEDOUT);
  SocketSimulation_free(&world);
}

static void pairs_and_breaks(void **state) {
  (void)state;
  SocketSimulation_T world = SocketSimulation_new(3);
  SocketLoop_T loop = SocketSimulation_new_loop(world), real = SocketLoop_new();
  SocketStream_T a = NULL, b = NULL;
  char bytes[16];
  assert_int_equal(SocketSimulation_pair(loop, real, &a, &b), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_pair(loop, loop, NULL, &b), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_pair(loop, loop, &a, &b), 0);
  assert_int_equal(SocketStream_write(a, "abc", 3), 0);
  SocketFuture_T read = SocketAsync_read(b, bytes, sizeof bytes, -1);
  assert_int_equal(SocketFuture_await(read, -1), 3);
  SocketFuture_free(&read);
  assert_int_equal(SocketSimulation_break(a), 0);
  read = SocketAsync_read(b, bytes, sizeof bytes, -1);
  assert_int_equal(SocketFuture_await(read, -1), SOCKET_ECONNRESET);
  SocketFuture_free(&read);
  SocketLoop_free(&real);
  SocketSimulation_free(&world);
}

static void back_pressure(void **state) {
  (void)state;
  SocketSimulation_T world = SocketSimulation_new(3);
  SocketLoop_T loop = SocketSimulation_new_loop(world);
  SocketStream_T a, b;
  char block[1000], in[1000];
  memset(block, 'x', sizeof block);
  SocketSimulation_set_buffer(world, 100);
  assert_int_equal(SocketSimulation_pair(loop, loop, &a, &b), 0);
  assert_int_equal(SocketStream_write(a, block, sizeof block), 900);
  SocketFuture_T read = SocketAsync_read_exactly(b, in, sizeof in, -1);
  assert_int_equal(SocketFuture_await(read, -1), sizeof in);
  assert_int_equal(SocketStream_get_queued(a), 0);
  SocketFuture_free(&read);
  SocketSimulation_free(&world);
}

static void refused_and_lost(void **state) {
  (void)state;
  SocketSimulation_T world = SocketSimulation_new(5);
  SocketLoop_T loop = SocketSimulation_new_loop(world);
  SocketFuture_T connect = SocketAsync_connect(loop, "127.0.0.1:81", -1);
  assert_int_equal(SocketFuture_await(connect, -1), SOCKET_ECONNREFUSED);
  SocketFuture_free(&connect);
  struct Echo echo;
  SocketSimulation_set_loss(world, 1000000);
  set_up(&echo, loop, loop);
  assert_int_equal(SocketSimulation_run(world, -1), 0);
  assert_int_equal(echo.closed, 1);
  assert_int_equal(echo.status, SOCKET_ECONNRESET);
  SocketSimulation_free(&world);
}

static void stop_inside(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketSimulation_T world = user;
  SocketSimulation_free(&world); /* not from in here */
  assert_non_null(world);
  assert_int_equal(Socket_last_error(), SOCKET_EBUSY);
  assert_int_equal(SocketSimulation_run(world, 1), SOCKET_EBUSY);
}

static void refusals(void **state) {
  (void)state;
  SocketSimulation_T world = SocketSimulation_new(5);
  SocketLoop_T loop = SocketSimulation_new_loop(world);
  assert_int_equal(SocketSimulation_set_delay(world, -1, 5), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_set_delay(world, 6, 5), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_set_delay(world, 0, 0), 0);
  assert_int_equal(SocketSimulation_set_loss(world, 1000001), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_set_piece(world, -1), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_set_buffer(world, 0), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_random(world, 0), SOCKET_EINVAL);
  assert_int_equal(SocketSimulation_random(world, 1), 0);
  assert_int_equal(SocketSimulation_run(world, -2), SOCKET_EINVAL);
  assert_null(SocketWatch_new(loop, 0, 1)); /* the kernel's */
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  SocketListener_T one = SocketListener_new(loop), two = SocketListener_new(loop);
  assert_int_equal(SocketListener_listen(one, "127.0.0.1:0"), 0);
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(one));
  assert_int_equal(SocketListener_listen(two, address), SOCKET_EADDRINUSE);
  SocketLoop_post(loop, stop_inside, world);
  assert_int_equal(SocketSimulation_run(world, 10), 0);
  SocketSimulation_free(&world);
}

static void *from_elsewhere(void *world) {
  SocketSimulation_T mine = world;
  assert_int_equal(SocketSimulation_run(mine, 0), SOCKET_EWRONGTHREAD);
  assert_null(SocketSimulation_new_loop(mine));
  SocketSimulation_free(&mine);
  assert_non_null(mine);
  return NULL;
}

static void other_threads(void **state) {
  (void)state;
  pthread_t thread;
  SocketSimulation_T world = SocketSimulation_new(5);
  assert_int_equal(pthread_create(&thread, NULL, from_elsewhere, world), 0);
  pthread_join(thread, NULL);
  SocketSimulation_free(&world);
  SocketSimulation_free(NULL);
}

static void *run_one(void *seed) {
  echo_run(*(const uint64_t *)seed, 1);
  return NULL;
}

static void threads_end_after_their_simulations(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_one, &seed), 0);
    pthread_join(thread, NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_seed_same_run),
      cmocka_unit_test(time_passes_without_waiting),
      cmocka_unit_test(nothing_can_happen),
      cmocka_unit_test(pairs_and_breaks),
      cmocka_unit_test(back_pressure),
      cmocka_unit_test(refused_and_lost),
      cmocka_unit_test(refusals),
      cmocka_unit_test(other_threads),
      cmocka_unit_test(threads_end_after_their_simulations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
