/* SocketAsync_splice: between kernel sockets and simulated ones, whole, cut short, canceled at any
 * moment, slow, broken; not one byte is lost without being counted. */
#include "support/splice_support.h"

#include <dirent.h>
#include <socketpoll/SocketSimulation.h>
#include <sys/resource.h>

static void all_of_it_to_the_end(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 0);
  Flow flow = {from.peer, to.peer, 0, PATTERN_BYTES, 0, 0};
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, -1, HANG_MS);
  flow_until_done(loop, &flow, splice);
  assert_int_equal(SocketFuture_get_progress(splice), PATTERN_BYTES);
  assert_int_equal(SocketFuture_get_lost(splice), 0);
  assert_int_equal(finish(splice), PATTERN_BYTES);
  flow_until_received(loop, &flow, PATTERN_BYTES);
  assert_int_equal(flow.ended, 0); /* the destination is not shut down */
  assert_int_equal(finish(SocketAsync_splice(from.stream, to.stream, -1, -1)), 0);
  assert_int_equal(SocketStream_write(to.stream, "!", 1), 0);
  drop_pair(&from), drop_pair(&to);
}

static void exactly_as_much(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 0);
  char rest[64];
  assert_int_equal(send(from.peer, pattern(), 1000, 0), 1000);
  Flow flow = {-1, to.peer, 0, 0, 0, 0};
  /* Through what another operation left over, whole and in part. */
  assert_int_equal(finish(SocketAsync_read_until(from.stream, rest, 1, pattern(), 1, HANG_MS)), 1);
  assert_int_equal(finish(SocketAsync_write(to.stream, pattern(), 1, -1)), 1);
  assert_int_equal(finish(SocketAsync_splice(from.stream, to.stream, 9, HANG_MS)), 9);
  assert_int_equal(finish(SocketAsync_splice(from.stream, to.stream, 0, HANG_MS)), 0);
  assert_int_equal(finish(SocketAsync_read_exactly(from.stream, rest, 10, HANG_MS)), 10);
  assert_memory_equal(rest, pattern() + 10, 10);
  assert_int_equal(SocketStream_write(to.stream, pattern() + 10, 10), 0);
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, 1500, HANG_MS);
  flow_until_received(loop, &flow, 1000);
  assert_int_equal(SocketFuture_is_done(splice), 0);
  assert_int_equal(send(from.peer, pattern() + 1000, 1000, 0), 1000);
  assert_int_equal(finish(splice), 1500);
  flow_until_received(loop, &flow, 1520);
  assert_int_equal(finish(SocketAsync_splice(from.stream, to.stream, 480, HANG_MS)), 480);
  flow_until_received(loop, &flow, 2000);
  drop_pair(&from), drop_pair(&to);
}

static void behind_what_is_queued(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 1);
  int64_t queued = SocketStream_write(to.stream, pattern(), 1 << 20);
  assert_true(queued > 0);
  Flow flow = {-1, to.peer, 0, 0, 0, 0};
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, 70000, -1);
  assert_int_equal(send(from.peer, pattern() + (1 << 20), 70000, 0), 70000);
  flow_until_done(loop, &flow, splice);
  assert_int_equal(finish(splice), 70000);
  flow_until_received(loop, &flow, (1 << 20) + 70000);
  drop_pair(&from), drop_pair(&to);
}

static void one_at_each_side(void **state) {
  SocketLoop_T loop = *state, other = SocketLoop_new();
  RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 0), far = quiet_pair(other, 0);
  char byte;
  assert_refused(SocketAsync_splice(from.stream, to.stream, -2, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_splice(from.stream, to.stream, 1, -2), SOCKET_EINVAL);
  assert_refused(SocketAsync_splice(from.stream, far.stream, 1, -1), SOCKET_EINVAL);
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, -1, -1);
  assert_non_null(splice);
  assert_refused(SocketAsync_splice(from.stream, from.stream, -1, -1), SOCKET_EBUSY);
  assert_refused(SocketAsync_splice(to.stream, to.stream, -1, -1), SOCKET_EBUSY);
  assert_refused(SocketAsync_read(from.stream, &byte, 1, -1), SOCKET_EBUSY);
  assert_refused(SocketAsync_write(to.stream, "x", 1, -1), SOCKET_EBUSY);
  int file = pattern_file(1);
  assert_refused(SocketAsync_send_file(to.stream, file, 0, 1, -1), SOCKET_EBUSY);
  close(file);
  assert_int_equal(SocketStream_write(to.stream, "x", 1), SOCKET_EBUSY);
  assert_int_equal(SocketStream_start(from.stream), SOCKET_EBUSY);
  SocketFuture_T back = SocketAsync_splice(to.stream, from.stream, -1, -1);
  assert_non_null(back);
  SocketFuture_free(&back);
  SocketFuture_free(&splice);
  assert_int_equal(SocketStream_start(from.stream), 0);
  assert_refused(SocketAsync_splice(from.stream, to.stream, -1, -1), SOCKET_ESTATE);
  assert_int_equal(SocketStream_shutdown(to.stream), 0);
  assert_refused(SocketAsync_splice(to.stream, to.stream, -1, -1), SOCKET_ESTATE);
  SocketStream_free(&from.stream);
  assert_refused(SocketAsync_splice(from.stream, to.stream, -1, -1), SOCKET_EBADHANDLE);
  assert_refused(SocketAsync_splice(to.stream, from.stream, -1, -1), SOCKET_EBADHANDLE);
  drop_pair(&from), drop_pair(&to), drop_pair(&far);
  SocketLoop_free(&other);
}

static void back_to_the_same(void **state) {
  SocketLoop_T loop = *state;
  RawPair echo = quiet_pair(loop, 0);
  Flow flow = {echo.peer, echo.peer, 0, PATTERN_BYTES, 0, 0};
  SocketFuture_T splice = SocketAsync_splice(echo.stream, echo.stream, -1, HANG_MS);
  flow_until_done(loop, &flow, splice);
  assert_int_equal(finish(splice), PATTERN_BYTES);
  flow_until_received(loop, &flow, PATTERN_BYTES);
  drop_pair(&echo);
}

static void a_slow_destination_slows_the_source(void **state) {
  skip_on_younger_wine(WITHOUT_SMALL_BUFFERS);
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 1), to = quiet_pair(loop, 1);
  Flow flow = {from.peer, to.peer, 0, PATTERN_BYTES, 0, 0};
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, -1, HANG_MS);
  for (int quiet = 0; quiet < 20;) {
    int64_t before = flow.sent;
    flow_in(&flow);
    assert_true(SocketLoop_run_once(loop, 1) >= 0);
    quiet = flow.sent == before && SocketStream_get_queued(to.stream) > 0 ? quiet + 1 : 0;
  }
  assert_true(flow.sent < PATTERN_BYTES);
  assert_in_range(SocketStream_get_queued(to.stream), 1, 1 << 20);
  int64_t cpu = cpu_ms(), until = monotonic_ms() + 50;
  while (monotonic_ms() < until) assert_true(SocketLoop_run_once(loop, 50) >= 0);
  assert_true(cpu_ms() - cpu < 30); /* waiting does not spin */
  flow_until_done(loop, &flow, splice);
  assert_int_equal(finish(splice), PATTERN_BYTES);
  flow_until_received(loop, &flow, PATTERN_BYTES);
  drop_pair(&from), drop_pair(&to);
}

/* Whatever moment it is: what was counted arrives, and the next byte of the source is the next one
 * that is read. */
static void canceled_at_every_moment(void **state) {
  SocketLoop_T loop = *state;
  static char rest[PATTERN_BYTES];
  int in_the_middle = 0;
  for (int turns = 0; turns < 60; turns++) {
    RawPair from = quiet_pair(loop, turns % 2), to = quiet_pair(loop, turns % 3 > 0);
    Flow flow = {from.peer, to.peer, 0, (2 << 20), 0, 0};
    SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, -1, -1);
    for (int i = 0; i < turns; i++) {
      flow_in(&flow);
      assert_true(SocketLoop_run_once(loop, 0) >= 0);
      if (i % 4 == 3) flow_out(&flow);
    }
    assert_int_equal(SocketFuture_cancel(splice), 0);
    int64_t moved = SocketFuture_get_progress(splice);
    in_the_middle += moved > 0 && moved < (2 << 20) && SocketStream_get_queued(to.stream) > 0;
    assert_int_equal(SocketFuture_get_lost(splice), 0);
    SocketFuture_free(&splice);
    SocketFuture_T read = SocketAsync_read_exactly(from.stream, rest, PATTERN_BYTES, -1);
    flow_until_done(loop, &flow, read);
    assert_int_equal(finish(read), (2 << 20) - moved);
    assert_memory_equal(rest, pattern() + moved, (size_t)((2 << 20) - moved));
    flow_until_received(loop, &flow, moved);
    assert_int_equal(SocketStream_get_queued(to.stream), 0);
    drop_pair(&from), drop_pair(&to);
  }
  assert_true(in_the_middle > 5);
}

static void a_timeout_is_no_worse(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 1);
  Flow flow = {from.peer, to.peer, 0, 1 << 20, 0, 0};
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, -1, 5);
  while (!SocketFuture_is_done(splice)) {
    flow_in(&flow);
    assert_true(SocketLoop_run_once(loop, 20) >= 0);
  }
  assert_int_equal(SocketFuture_get_status(splice), SOCKET_ETIMEDOUT);
  int64_t moved = SocketFuture_get_progress(splice);
  flow_until_received(loop, &flow, moved);
  SocketFuture_free(&splice);
  drop_pair(&from), drop_pair(&to);
}

/* The destination's queue is full when something happens to one of the streams. */
typedef struct Jam {
  RawPair from, to;
  Flow flow;
  SocketFuture_T splice;
} Jam;

static Jam make_jam(SocketLoop_T loop) {
  Jam jam;
  memset(&jam, 0, sizeof jam);
  jam.from = quiet_pair(loop, 0), jam.to = quiet_pair(loop, 1);
  jam.flow = (Flow){jam.from.peer, jam.to.peer, 0, PATTERN_BYTES, 0, 0};
  jam.splice = SocketAsync_splice(jam.from.stream, jam.to.stream, -1, -1);
  assert_non_null(jam.splice);
  while (SocketStream_get_queued(jam.to.stream) == 0) {
    flow_in(&jam.flow);
    assert_true(SocketLoop_run_once(loop, 1) >= 0);
  }
  return jam;
}

static void drop_jam(Jam *jam) {
  SocketFuture_free(&jam->splice);
  drop_pair(&jam->from), drop_pair(&jam->to);
}

static void freeing_and_closing_the_streams(void **state) {
  SocketLoop_T loop = *state;
  Jam jam = make_jam(loop);
  SocketStream_free(&jam.from.stream);
  assert_int_equal(SocketFuture_get_status(jam.splice), SOCKET_ECANCELED);
  assert_int_equal(SocketFuture_get_lost(jam.splice), 0);
  flow_until_received(loop, &jam.flow, SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);

  jam = make_jam(loop);
  int64_t queued = SocketStream_get_queued(jam.to.stream);
  SocketStream_free(&jam.to.stream);
  assert_int_equal(SocketFuture_get_status(jam.splice), SOCKET_ECANCELED);
  assert_int_equal(SocketFuture_get_lost(jam.splice), queued);
  while (!jam.flow.ended) flow_out(&jam.flow);
  assert_int_equal(jam.flow.received + queued, SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);

  jam = make_jam(loop);
  assert_int_equal(SocketStream_close(jam.from.stream), 0);
  assert_int_equal(SocketFuture_get_status(jam.splice), SOCKET_ECLOSED);
  flow_until_received(loop, &jam.flow, SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);

  jam = make_jam(loop);
  assert_int_equal(SocketStream_close(jam.to.stream), 0);
  assert_int_equal(SocketFuture_get_status(jam.splice), SOCKET_ECLOSED);
  assert_int_equal(SocketFuture_get_lost(jam.splice), 0);
  flow_until_received(loop, &jam.flow, SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);

  jam = make_jam(loop);
  assert_int_equal(SocketStream_shutdown(jam.to.stream), 0);
  flow_until_done(loop, &jam.flow, jam.splice);
  assert_int_equal(SocketFuture_get_status(jam.splice), SOCKET_ESTATE);
  assert_int_equal(SocketFuture_get_lost(jam.splice), 0);
  flow_until_received(loop, &jam.flow, SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);

  jam = make_jam(loop);
  SocketFuture_free(&jam.splice);
  assert_true(SocketStream_get_queued(jam.to.stream) > 0);
  drop_jam(&jam);
}

static void broken_connections(void **state) {
  SocketLoop_T loop = *state;
  Jam jam = make_jam(loop);
  raw_reset(jam.to.peer);
  jam.to.peer = -1;
  assert_true(SocketFuture_await(jam.splice, HANG_MS) < 0);
  int status = SocketFuture_get_status(jam.splice);
  assert_true(status == SOCKET_ECONNRESET || status == SOCKET_EPIPE);
  assert_true(SocketFuture_get_lost(jam.splice) > 0);
  assert_true(SocketFuture_get_lost(jam.splice) <= SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);

  jam = make_jam(loop);
  raw_reset(jam.from.peer);
  jam.flow.in = jam.from.peer = -1;
  flow_until_done(loop, &jam.flow, jam.splice);
  assert_int_equal(SocketFuture_get_status(jam.splice), SOCKET_ECONNRESET);
  assert_int_equal(SocketFuture_get_lost(jam.splice), 0);
  flow_until_received(loop, &jam.flow, SocketFuture_get_progress(jam.splice));
  drop_jam(&jam);
}

static int open_descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return -1;
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

static void idle_splices_have_no_pipes(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  SocketLoop_T loop = *state;
  enum { kMany = 20 };
  RawPair from[kMany], to[kMany];
  SocketFuture_T splices[kMany];
  for (int i = 0; i < kMany; i++) from[i] = quiet_pair(loop, 0), to[i] = quiet_pair(loop, 0);
  int before = open_descriptors();
  for (int i = 0; i < kMany; i++) {
    splices[i] = SocketAsync_splice(from[i].stream, to[i].stream, -1, -1);
    Flow flow = {-1, to[i].peer, 0, 0, 0, 0};
    assert_int_equal(send(from[i].peer, pattern(), 1000, 0), 1000);
    flow_until_received(loop, &flow, 1000);
  }
  assert_true(open_descriptors() - before <= 2); /* one pipe serves them all */
  for (int i = 0; i < kMany; i++) {
    SocketFuture_free(&splices[i]);
    drop_pair(&from[i]), drop_pair(&to[i]);
  }
}

static void without_descriptors_it_copies(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 0);
  struct rlimit all, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
  none = all;
  int next = dup(0);
  assert_true(next >= 0);
  close(next);
  none.rlim_cur = (rlim_t)next;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  Flow flow = {from.peer, to.peer, 0, PATTERN_BYTES, 0, 0};
  SocketFuture_T splice = SocketAsync_splice(from.stream, to.stream, -1, HANG_MS);
  flow_until_done(loop, &flow, splice);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
  assert_int_equal(finish(splice), PATTERN_BYTES);
  flow_until_received(loop, &flow, PATTERN_BYTES);
  drop_pair(&from), drop_pair(&to);
}

/* ---- Simulated sockets, where bytes can only be copied. */

static void simulated(void **state) {
  (void)state;
  static char received[200000];
  for (uint64_t seed = 1; seed <= 40; seed++) {
    SocketSimulation_T world = SocketSimulation_new(seed);
    SocketLoop_T loop = SocketSimulation_new_loop(world);
    assert_int_equal(SocketSimulation_set_piece(world, seed % 2 ? 5000 : 0), 0);
    assert_int_equal(SocketSimulation_set_buffer(world, 8192), 0);
    SocketStream_T writer, from, to, reader;
    assert_int_equal(SocketSimulation_pair(loop, loop, &writer, &from), 0);
    assert_int_equal(SocketSimulation_pair(loop, loop, &to, &reader), 0);
    SocketFuture_T write = SocketAsync_write(writer, pattern(), 150000, -1);
    SocketFuture_T splice = SocketAsync_splice(from, to, seed % 3 ? -1 : 100000, -1);
    SocketFuture_T read = SocketAsync_read_exactly(reader, received, 100000, -1);
    if (seed % 3 == 2) { /* canceled at some moment of its life */
      SocketFuture_T pause = SocketAsync_sleep(loop, SocketSimulation_random(world, 20));
      assert_int_equal(SocketFuture_await(pause, -1), 0);
      assert_int_equal(SocketFuture_cancel(splice), 0);
      int64_t moved = SocketFuture_get_progress(splice);
      SocketFuture_free(&pause);
      assert_int_equal(SocketStream_shutdown(to), 0);
      int64_t got = SocketFuture_await(read, -1);
      assert_int_equal(got, moved < 100000 ? moved : 100000);
      assert_memory_equal(received, pattern(), (size_t)got);
    } else {
      assert_int_equal(SocketFuture_await(read, -1), 100000);
      assert_memory_equal(received, pattern(), 100000);
    }
    SocketFuture_free(&write), SocketFuture_free(&splice), SocketFuture_free(&read);
    SocketSimulation_free(&world);
  }
}

int main(void) {
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
  const struct CMUnitTest tests[] = {
      LOOP_TEST(all_of_it_to_the_end),
      LOOP_TEST(exactly_as_much),
      LOOP_TEST(behind_what_is_queued),
      LOOP_TEST(one_at_each_side),
      LOOP_TEST(back_to_the_same),
      LOOP_TEST(a_slow_destination_slows_the_source),
      LOOP_TEST(canceled_at_every_moment),
      LOOP_TEST(a_timeout_is_no_worse),
      LOOP_TEST(freeing_and_closing_the_streams),
      LOOP_TEST(broken_connections),
      LOOP_TEST(idle_splices_have_no_pipes),
      LOOP_TEST(without_descriptors_it_copies),
      cmocka_unit_test(simulated),
  };
  return cmocka_run_group_tests_name("splice", tests, NULL, NULL);
}
