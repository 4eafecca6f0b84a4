/* Nobody starves: timers, sockets, posts and pulled handles beside a flood of something else; and
 * watches, which the flood comes from most easily. */
#include "support/net_support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

typedef struct Flood {
  Recorder recorder;
  SocketLoop_T loop;
  int limit; /* of its own events, where it ends */
} Flood;

static void restart_at_once(const SocketCompletion_T *event, void *user) {
  Flood *flood = user;
  record(event, &flood->recorder);
  if (flood->recorder.count[SOCKET_TIMER] < flood->limit)
    assert_int_equal(SocketTimer_start(event->subject, 0, 0), 0);
}

static void post_again(const SocketCompletion_T *event, void *user) {
  Flood *flood = user;
  record(event, &flood->recorder);
  if (flood->recorder.count[SOCKET_POSTED] < flood->limit)
    assert_int_equal(SocketLoop_post(flood->loop, post_again, user), 0);
}

static void zero_delays_and_posts_do_not_starve_sockets(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Recorder recorder = {0};
  Flood timers = {{{0}, {{0}}, 0, {0}}, loop, 100000}, posts = timers;
  SocketStream_set_callback(pair.stream, record, &recorder);
  SocketStream_start(pair.stream);
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_set_callback(timer, restart_at_once, &timers);
  SocketTimer_start(timer, 0, 0);
  SocketLoop_post(loop, post_again, &posts);
  for (int i = 1; i <= 50; i++) {
    int before = timers.recorder.count[SOCKET_TIMER] + posts.recorder.count[SOCKET_POSTED];
    assert_int_equal(write(pair.peer, "x", 1), 1);
    run_until(loop, &recorder.count[SOCKET_DATA], i);
    int meanwhile = timers.recorder.count[SOCKET_TIMER] + posts.recorder.count[SOCKET_POSTED];
    assert_true(meanwhile - before < 20); /* a few turns */
  }
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void a_flood_of_data_starves_no_timer_and_no_neighbour(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair noisy = make_raw_pair(loop), quiet = make_raw_pair(loop);
  Recorder loud = {0}, soft = {0}, ticks = {0};
  SocketStream_set_callback(noisy.stream, record, &loud);
  SocketStream_set_callback(quiet.stream, record, &soft);
  SocketStream_start(noisy.stream);
  SocketStream_start(quiet.stream);
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_set_callback(timer, record, &ticks);
  SocketTimer_start(timer, 1, 1);
  fcntl(noisy.peer, F_SETFL, O_NONBLOCK);
  static char block[1 << 20];
  for (int i = 1; i <= 100; i++) {
    while (write(noisy.peer, block, sizeof block) > 0) {
    }
    assert_int_equal(write(quiet.peer, "q", 1), 1);
    int before = loud.count[SOCKET_DATA];
    run_until(loop, &soft.count[SOCKET_DATA], i);
    assert_true(loud.count[SOCKET_DATA] - before < 5);
  }
  int before = ticks.count[SOCKET_TIMER];
  while (ticks.count[SOCKET_TIMER] == before) {
    while (write(noisy.peer, block, sizeof block) > 0) {
    }
    assert_true(SocketLoop_run_once(loop, HANG_MS) > 0);
  }
  close(noisy.peer);
  close(quiet.peer);
  SocketLoop_free(&loop);
}

static void pulled_floods_stay_bounded(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketWatch_T watch = SocketWatch_new(loop, ends[0], POLL_WRITE);
  SocketTimer_start(timer, 1, 1);
  int64_t until = monotonic_ms() + 100;
  while (monotonic_ms() < until) assert_true(SocketLoop_run_once(loop, 5) >= 0);
  SocketCompletion_T events[8];
  int count = SocketLoop_wait(loop, events, 8, HANG_MS);
  assert_int_equal(count, 2); /* one each, however long nobody looked */
  int64_t expirations = 0;
  for (int i = 0; i < count; i++)
    if (events[i].kind == SOCKET_TIMER) expirations = events[i].length;
  assert_true(expirations >= 50);
  /* The watch comes in each wait; it does not keep the timer out of a small array. */
  int seen_timer = 0;
  until = monotonic_ms() + HANG_MS;
  while (!seen_timer && monotonic_ms() < until) {
    assert_int_equal(SocketLoop_wait(loop, events, 1, HANG_MS), 1);
    seen_timer = events[0].kind == SOCKET_TIMER;
  }
  assert_true(seen_timer);
  SocketWatch_free(&watch);
  SocketLoop_free(&loop);
  close(ends[0]);
  close(ends[1]);
}

/* ---- Watches */

static void changed_events_replace_what_is_pending(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketCompletion_T event;
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  assert_int_equal(write(ends[1], "x", 1), 1);
  SocketWatch_T watch = SocketWatch_new(loop, ends[0], POLL_READ | POLL_WRITE);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1); /* pending: both */
  assert_int_equal(SocketWatch_set_events(watch, POLL_READ), 0);
  assert_int_equal(pull_one(loop, SOCKET_READY).length, POLL_READ);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_int_equal(SocketWatch_set_events(watch, POLL_WRITE), 0);
  assert_int_equal(pull_one(loop, SOCKET_READY).length, POLL_WRITE);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_int_equal(SocketWatch_set_events(watch, 0), 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketWatch_set_events(watch, 0x4000), SOCKET_EINVAL);
  assert_int_equal(SocketWatch_set_events(watch, POLL_ERROR), SOCKET_EINVAL);
  assert_int_equal(SocketWatch_set_events(watch, POLL_READ), 0);
  assert_int_equal(pull_one(loop, SOCKET_READY).length, POLL_READ);
  SocketWatch_free(NULL);
  SocketWatch_free(&watch);
  assert_null(watch);
  SocketLoop_free(&loop);
  close(ends[0]);
  close(ends[1]);
}

static void an_idle_watch_reports_nothing(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketCompletion_T event;
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  SocketWatch_T watch = SocketWatch_new(loop, ends[0], 0);
  assert_non_null(watch);
  raw_reset(ends[1]); /* hung up, and not reported before it watches for something */
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketWatch_set_events(watch, POLL_WRITE), 0);
  assert_true(pull_one(loop, SOCKET_READY).length & POLL_HANGUP);
  SocketWatch_free(&watch);
  SocketLoop_free(&loop);
  assert_int_equal(close(ends[0]), 0); /* it stayed ours */
}

static void what_cannot_be_watched_is_refused(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  assert_null(SocketWatch_new(loop, file, POLL_READ));
  assert_int_equal(Socket_last_error(), SOCKET_EPERM);
  close(file);
  assert_null(SocketWatch_new(loop, file, POLL_READ));
  assert_int_equal(Socket_last_error(), SOCKET_EBADF);
  SocketLoop_free(&loop);
}

/* ---- Signals */

static void ignore(int number) { (void)number; }

typedef struct Storm {
  pthread_t target;
  int stop;
} Storm;

static void *signal_on_and_on(void *argument) {
  Storm *storm = argument;
  while (!__atomic_load_n(&storm->stop, __ATOMIC_RELAXED)) {
    pthread_kill(storm->target, SIGUSR1);
    sched_yield();
  }
  return NULL;
}

static void signals_interrupt_nothing(void **state) {
  skip_on_windows(WITHOUT_SIGNALS);
  (void)state;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = ignore; /* without SA_RESTART */
  sigaction(SIGUSR1, &action, NULL);
  SocketLoop_T loop = SocketLoop_new();
  Storm storm = {pthread_self(), 0};
  pthread_t thread;
  pthread_create(&thread, NULL, signal_on_and_on, &storm);
  int64_t start = monotonic_ms();
  assert_int_equal(SocketLoop_run_once(loop, 100), 0);
  assert_true(monotonic_ms() - start >= 100);
  Pair pair = make_pair(loop);
  Recorder recorder = {0};
  SocketStream_set_callback(pair.server, record, &recorder);
  SocketStream_start(pair.server);
  for (int i = 1; i <= 500; i++) {
    assert_int_equal(SocketStream_write(pair.client, "x", 1), 0);
    run_until(loop, &recorder.count[SOCKET_DATA], i);
  }
  __atomic_store_n(&storm.stop, 1, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  SocketLoop_free(&loop);
}

/* ---- Both ways at once */

#define LOAD (64 << 20)
#define PIECE 100000

typedef struct Side {
  SocketStream_T stream;
  int64_t sent, received;
  uint64_t sum_sent, sum_received;
  int marks_met, ended;
} Side;

static uint64_t sum_of(uint64_t sum, const char *bytes, int64_t length) {
  for (int64_t i = 0; i < length; i++) sum = sum * 31 + (unsigned char)bytes[i];
  return sum;
}

static void pour(Side *side) {
  static char piece[PIECE];
  while (side->sent < LOAD) {
    int64_t size = LOAD - side->sent < PIECE ? LOAD - side->sent : PIECE;
    for (int64_t i = 0; i < size; i += 61) piece[i] = (char)(side->sent + i);
    int64_t queued = SocketStream_write(side->stream, piece, size);
    if (queued == SOCKET_EAGAIN) {
      side->marks_met++;
      return;
    }
    assert_true(queued >= 0 && queued < SOCKET_STREAM_HIGH_MARK + PIECE);
    side->sum_sent = sum_of(side->sum_sent, piece, size);
    side->sent += size;
  }
  assert_int_equal(SocketStream_shutdown(side->stream), 0);
}

static void sixty_four_megabytes_both_ways(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair(loop);
  Side sides[2];
  memset(sides, 0, sizeof sides);
  sides[0].stream = pair.client;
  sides[1].stream = pair.server;
  for (int i = 0; i < 2; i++) {
    SocketStream_start(sides[i].stream);
    pour(&sides[i]);
  }
  int slow = 0;
  while (!sides[0].ended || !sides[1].ended) {
    SocketCompletion_T events[8];
    int count = SocketLoop_wait(loop, events, 8, HANG_MS);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
      Side *side = events[i].subject == sides[0].stream ? &sides[0] : &sides[1];
      switch (events[i].kind) {
      case SOCKET_DATA:
        side->sum_received = sum_of(side->sum_received, events[i].data, events[i].length);
        side->received += events[i].length;
        if (side == &sides[1] && ++slow % 64 == 0) SocketStream_pause(side->stream);
        break;
      case SOCKET_DRAINED:
        if (side->sent < LOAD) pour(side);
        break;
      case SOCKET_EOF: side->ended = 1; break;
      default: fail();
      }
    }
    if (slow % 64 == 0) SocketStream_start(sides[1].stream);
  }
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sides[i].received, LOAD);
    assert_true(sides[i].sum_received == sides[1 - i].sum_sent);
    assert_true(sides[i].marks_met > 0);
  }
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zero_delays_and_posts_do_not_starve_sockets),
      cmocka_unit_test(a_flood_of_data_starves_no_timer_and_no_neighbour),
      cmocka_unit_test(pulled_floods_stay_bounded),
      cmocka_unit_test(changed_events_replace_what_is_pending),
      cmocka_unit_test(an_idle_watch_reports_nothing),
      cmocka_unit_test(what_cannot_be_watched_is_refused),
      cmocka_unit_test(signals_interrupt_nothing),
      cmocka_unit_test(sixty_four_megabytes_both_ways),
  };
  return cmocka_run_group_tests_name("fairness", tests, NULL, NULL);
}
