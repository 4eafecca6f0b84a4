/* Descriptors that travel with the bytes of a unix stream: whole or not at all, in order, and never
 * lost in the process. */
#include "support/kinds_support.h"

#include <sys/resource.h>

static SocketLoop_T loop;
static SocketStream_T a, b;
static int fds_before;

static int set_up(void **state) {
  (void)state;
  fds_before = open_fds();
  loop = SocketLoop_new();
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &a, &b), 0);
  return 0;
}

/* Whatever a test did: once its streams are freed, no descriptor is left. */
static int tear_down(void **state) {
  (void)state;
  SocketStream_free(&a);
  SocketStream_free(&b);
  assert_true(SocketLoop_run_once(loop, 0) >= 0);
  SocketLoop_free(&loop);
  assert_int_equal(open_fds(), fds_before);
  return 0;
}

/* Sends the reading ends of `count` new pipes, and keeps the writing ends. */
static void send_pipes(SocketStream_T from, const char *text, int count, int *writers) {
  int readers[16] = {0}, ends[2];
  for (int i = 0; i < count; i++) {
    assert_int_equal(pipe(ends), 0);
    readers[i] = ends[0];
    writers[i] = ends[1];
  }
  assert_int_equal(SocketStream_send_fds(from, text, (int64_t)strlen(text), readers, count), 0);
  for (int i = 0; i < count; i++) close(readers[i]);
}

/* The descriptor is the reading end of that pipe; both are closed. */
static void joined(int reader, int writer) {
  char byte;
  assert_int_equal(write(writer, "!", 1), 1);
  assert_int_equal(read(reader, &byte, 1), 1);
  assert_true(fcntl(reader, F_GETFD) & FD_CLOEXEC);
  close(reader);
  close(writer);
}

static void read_text(SocketStream_T from, const char *text) {
  char got[64] = "";
  const int64_t length = (int64_t)strlen(text);
  assert_int_equal(outcome(SocketAsync_read_exactly(from, got, length, HANG_MS)), length);
  assert_string_equal(got, text);
}

static void they_come_with_the_bytes_of_an_operation(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int writers[16], out[20];
  assert_int_equal(SocketStream_set_max_fds(b, 16), 0);
  assert_int_equal(SocketStream_take_fds(b, out, 20), 0);
  send_pipes(a, "three", 3, writers);
  send_pipes(a, "thirteen", 13, writers + 3);
  read_text(b, "three");
  assert_int_equal(SocketStream_take_fds(b, out, 2), 2);
  assert_int_equal(SocketStream_take_fds(b, out + 2, 20), 1);
  assert_int_equal(SocketStream_take_fds(b, out, 20), 0);
  for (int i = 0; i < 3; i++) joined(out[i], writers[i]);
  read_text(b, "thirteen");
  assert_int_equal(SocketStream_take_fds(b, out, 20), 13);
  for (int i = 0; i < 13; i++) joined(out[i], writers[i + 3]);
  send_pipes(b, "nobody takes it", 1, writers);
  close(writers[0]);
}

static void they_come_with_pulled_bytes_and_not_before(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int writers[2], out[4];
  assert_int_equal(SocketStream_set_max_fds(b, 4), 0);
  assert_int_equal(SocketStream_start(b), 0);
  send_pipes(a, "x", 1, writers);
  assert_true(SocketLoop_run_once(loop, 0) >= 0); /* received, not fetched */
  assert_true(SocketLoop_run_once(loop, 0) >= 0);
  assert_int_equal(SocketStream_take_fds(b, out, 4), 0);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 1);
  assert_int_equal(SocketStream_take_fds(b, out, 4), 1);
  joined(out[0], writers[0]);
}

struct taker {
  int count, fds[4];
  SocketStream_T stream;
};

static void take_pushed(const SocketCompletion_T *event, void *user) {
  struct taker *taker = user;
  if (event->kind != SOCKET_DATA) return;
  assert_int_equal(event->length, 5);
  taker->count = SocketStream_take_fds(taker->stream, taker->fds, 4);
}

static void they_come_with_pushed_bytes(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  struct taker taker = {0, {0}, b};
  int writers[2];
  assert_int_equal(SocketStream_set_max_fds(b, 4), 0);
  SocketStream_set_callback(b, take_pushed, &taker);
  assert_int_equal(SocketStream_start(b), 0);
  send_pipes(a, "hello", 2, writers);
  run_until(loop, &taker.count, 2);
  joined(taker.fds[0], writers[0]);
  joined(taker.fds[1], writers[1]);
}

static void unasked_ones_are_closed(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int writers[3], out[4];
  send_pipes(a, "one", 1, writers);
  read_text(b, "one");
  assert_int_equal(SocketStream_take_fds(b, out, 4), 0);
  signal(SIGPIPE, SIG_IGN);
  assert_int_equal(write(writers[0], "x", 1), -1); /* nobody has the other end */
  assert_int_equal(errno, EPIPE);
  close(writers[0]);
  /* Switched off again: those that wait can still be taken, more do not come. */
  assert_int_equal(SocketStream_set_max_fds(b, 2), 0);
  send_pipes(a, "two", 1, writers);
  read_text(b, "two");
  assert_int_equal(SocketStream_set_max_fds(b, 0), 0);
  send_pipes(a, "three", 1, writers + 1);
  read_text(b, "three");
  assert_int_equal(SocketStream_take_fds(b, out, 4), 1);
  joined(out[0], writers[0]);
  close(writers[1]);
}

static void more_than_may_wait_are_closed_and_told(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int writers[8], out[8];
  assert_int_equal(SocketStream_set_max_fds(b, 3), 0);
  send_pipes(a, "five", 5, writers);
  read_text(b, "five");
  assert_int_equal(SocketStream_take_fds(b, out, 8), SOCKET_ETRUNCATED);
  assert_int_equal(SocketStream_take_fds(b, out, 8), 3);
  for (int i = 0; i < 3; i++) joined(out[i], writers[i]);
  close(writers[3]);
  close(writers[4]);
  /* The room is for what nobody has taken yet, with the odd one as exact. */
  send_pipes(a, "four", 2, writers);
  send_pipes(a, "more", 2, writers + 2);
  read_text(b, "fourmore");
  assert_int_equal(SocketStream_take_fds(b, out, 8), SOCKET_ETRUNCATED);
  assert_int_equal(SocketStream_take_fds(b, out, 8), 3);
  for (int i = 0; i < 3; i++) joined(out[i], writers[i]);
  close(writers[3]);
  /* Full: not even a place for one. */
  send_pipes(a, "full", 3, writers);
  send_pipes(a, "stop", 1, writers + 3);
  read_text(b, "fullstop");
  assert_int_equal(SocketStream_take_fds(b, out, 1), SOCKET_ETRUNCATED);
  for (int i = 0; i < 4; i++) close(writers[i]); /* and three are never taken */
}

static void out_of_descriptors_loses_them_and_not_the_stream(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int writers[4], out[4];
  assert_int_equal(SocketStream_set_max_fds(b, 4), 0);
  send_pipes(a, "data", 4, writers);
  struct rlimit before, low;
  getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = dup(0);
  close(lowest_free);
  low = before;
  low.rlim_cur = (rlim_t)lowest_free + 2; /* of which the writers may hold some above */
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  read_text(b, "data");
  setrlimit(RLIMIT_NOFILE, &before);
  assert_int_equal(SocketStream_take_fds(b, out, 4), SOCKET_EMFILE);
  const int came = SocketStream_take_fds(b, out, 4);
  assert_true(came >= 0 && came <= 2);
  for (int i = 0; i < came; i++) joined(out[i], writers[i]);
  for (int i = came; i < 4; i++) close(writers[i]);
  send_pipes(a, "again", 1, writers);
  read_text(b, "again");
  assert_int_equal(SocketStream_take_fds(b, out, 4), 1);
  joined(out[0], writers[0]);
}

static void bad_calls_leave_the_stream_as_it_is(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int fds[17] = {0}, out[1], ends[2];
  assert_int_equal(SocketStream_send_fds(a, "x", 0, fds, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_send_fds(a, NULL, 1, fds, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_send_fds(a, "x", 1, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_send_fds(a, "x", 1, fds, 0), SOCKET_EINVAL);
  assert_int_equal(SocketStream_send_fds(a, "x", 1, fds, 17), SOCKET_EINVAL);
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  close(ends[1]);
  assert_int_equal(SocketStream_send_fds(a, "x", 1, ends, 2), SOCKET_EBADF);
  fds[0] = -1;
  assert_int_equal(SocketStream_send_fds(a, "x", 1, fds, 1), SOCKET_EBADF);
  assert_int_equal(SocketStream_set_max_fds(b, -1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_max_fds(b, SOCKET_STREAM_MAX_FDS + 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_set_max_fds(b, SOCKET_STREAM_MAX_FDS), 0);
  assert_int_equal(SocketStream_take_fds(b, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketStream_take_fds(b, out, 0), SOCKET_EINVAL);
  passes(a, b, "still there");
  Pair tcp = make_pair(loop);
  fds[0] = 0;
  assert_int_equal(SocketStream_send_fds(tcp.client, "x", 1, fds, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_max_fds(tcp.client, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_take_fds(tcp.client, out, 1), SOCKET_ENOTSUP);
  SocketStream_free(&tcp.client);
  SocketStream_free(&tcp.server);
  SocketListener_free(&tcp.listener);
}

/* Reads everything on `b` until `*drained` is told of `a`. */
static void drain_until(int kind) {
  static char room[65536];
  SocketFuture_T reading = NULL;
  for (;;) {
    if (!reading) reading = SocketAsync_read(b, room, sizeof room, HANG_MS);
    SocketCompletion_T event;
    const int got = SocketLoop_wait(loop, &event, 1, 0);
    if (got == 1 && event.kind == kind) break;
    if (SocketFuture_await(reading, 5) == SOCKET_ETIMEDOUT) continue;
    SocketFuture_free(&reading);
  }
  SocketFuture_free(&reading);
}

static void nothing_is_queued_and_room_is_told(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  static char block[65536];
  const int fd = 0;
  int64_t queued;
  /* Behind queued output. */
  while ((queued = SocketStream_write(a, block, sizeof block)) == 0) {
  }
  assert_true(queued > 0);
  assert_int_equal(SocketStream_send_fds(a, "x", 1, &fd, 1), SOCKET_EAGAIN);
  assert_int_equal(SocketStream_get_queued(a), queued);
  drain_until(SOCKET_DRAINED);
  assert_int_equal(SocketStream_get_queued(a), 0);
  /* Nothing queued, and no room in the kernel. */
  do queued = SocketStream_send_fds(a, block, 4096, &fd, 1);
  while (queued == 0);
  if (queued > 0) { /* part of the bytes went, with the descriptor, and the rest waits its turn */
    assert_true(queued < 4096);
    drain_until(SOCKET_DRAINED);
  } else {
    assert_int_equal(queued, SOCKET_EAGAIN);
    assert_int_equal(SocketStream_get_queued(a), 0);
    drain_until(SOCKET_DRAINED);
    assert_int_equal(SocketStream_send_fds(a, "x", 1, &fd, 1), 0);
  }
}

static void more_bytes_than_the_kernel_takes_follow_in_order(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  static char sent[1000000], got[sizeof sent];
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (char)(i * 11 + (i >> 9));
  int ends[2], out[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(SocketStream_set_max_fds(b, 2), 0);
  const int64_t queued = SocketStream_send_fds(a, sent, sizeof sent, ends, 1);
  assert_true(queued > 0 && queued < (int64_t)sizeof sent);
  assert_int_equal(outcome(SocketAsync_read_exactly(b, got, sizeof got, HANG_MS)), sizeof got);
  assert_memory_equal(got, sent, sizeof got);
  assert_int_equal(SocketStream_take_fds(b, out, 2), 1);
  close(ends[0]);
  joined(out[0], ends[1]);
}

static void a_stream_that_ends_keeps_what_came(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  int writers[2], out[2];
  assert_int_equal(SocketStream_set_max_fds(b, 2), 0);
  send_pipes(a, "last", 2, writers);
  SocketStream_free(&a);
  assert_int_equal(SocketStream_send_fds(b, "x", 1, writers, 1), SOCKET_EPIPE);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EPIPE);
  assert_int_equal(SocketStream_send_fds(b, "x", 1, writers, 1), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_take_fds(b, out, 2), 0); /* never read: gone with the socket */
  close(writers[0]);
  close(writers[1]);
  SocketStream_free(&b);
  assert_int_equal(SocketStream_new_socketpair(loop, loop, &a, &b), 0);
  assert_int_equal(SocketStream_set_max_fds(b, 2), 0);
  send_pipes(a, "last", 2, writers);
  SocketStream_free(&a);
  read_text(b, "last");
  assert_int_equal(SocketStream_close(b), 0);
  pull_one(loop, SOCKET_CLOSED);
  assert_int_equal(SocketStream_take_fds(b, out, 1), 1);
  joined(out[0], writers[0]);
  close(writers[1]); /* its other end is closed with the handle */
}

static void a_stream_can_carry_its_own_like(void **state) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  (void)state;
  SocketStream_T c, d;
  int out[2];
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &c, &d), 0);
  const int fd = SocketStream_get_fd(d);
  assert_int_equal(SocketStream_set_max_fds(b, 1), 0);
  assert_int_equal(SocketStream_send_fds(a, "d", 1, &fd, 1), 0);
  SocketStream_free(&d);
  read_text(b, "d");
  assert_int_equal(SocketStream_take_fds(b, out, 2), 1);
  SocketStream_T again = SocketStream_new_fd(loop, out[0]);
  assert_non_null(again);
  passes(c, again, "through another's hands");
  passes(again, c, "and back");
  SocketStream_free(&again);
  SocketStream_free(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(they_come_with_the_bytes_of_an_operation),
      TEST(they_come_with_pulled_bytes_and_not_before),
      TEST(they_come_with_pushed_bytes),
      TEST(unasked_ones_are_closed),
      TEST(more_than_may_wait_are_closed_and_told),
      TEST(out_of_descriptors_loses_them_and_not_the_stream),
      TEST(bad_calls_leave_the_stream_as_it_is),
      TEST(nothing_is_queued_and_room_is_told),
      TEST(more_bytes_than_the_kernel_takes_follow_in_order),
      TEST(a_stream_that_ends_keeps_what_came),
      TEST(a_stream_can_carry_its_own_like),
  };
  return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
