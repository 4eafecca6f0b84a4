/* SocketAsync_send_file, and the operations that use a SocketBuf in place of the caller's memory.
 */
#include "support/splice_support.h"

#include <sys/stat.h>

static void whole_files_and_parts(void **state) {
  SocketLoop_T loop = *state;
  RawPair to = quiet_pair(loop, 0);
  Flow flow = {-1, to.peer, 0, 0, 0, 0};
  int fd = pattern_file(PATTERN_BYTES);
  assert_int_equal(finish(SocketAsync_send_file(to.stream, fd, 0, 0, -1)), 0);
  assert_int_equal(finish(SocketAsync_send_file(to.stream, fd, 0, 1000, -1)), 1000);
  SocketFuture_T send = SocketAsync_send_file(to.stream, fd, 1000, -1, HANG_MS);
  close(fd); /* it has a duplicate */
  flow_until_done(loop, &flow, send);
  assert_int_equal(SocketFuture_get_progress(send), PATTERN_BYTES - 1000);
  assert_int_equal(finish(send), PATTERN_BYTES - 1000);
  flow_until_received(loop, &flow, PATTERN_BYTES);
  drop_pair(&to);
}

static void bad_files(void **state) {
  SocketLoop_T loop = *state;
  RawPair to = quiet_pair(loop, 0);
  Flow flow = {-1, to.peer, 0, 0, 0, 0};
  int fd = pattern_file(1000), folder = open("/tmp", O_RDONLY), ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_refused(SocketAsync_send_file(to.stream, -1, 0, 1, -1), SOCKET_EBADF);
  assert_refused(SocketAsync_send_file(to.stream, fd, -1, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_send_file(to.stream, fd, 0, -2, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_send_file(to.stream, fd, 0, 1, -2), SOCKET_EINVAL);
  assert_refused(SocketAsync_send_file(to.stream, folder, 0, 1, -1), SOCKET_EISDIR);
  assert_refused(SocketAsync_send_file(to.stream, ends[0], 0, 1, -1), SOCKET_ENOTSUP);
  int write_only = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
  if (write_only >= 0) {
    assert_int_equal(finish(SocketAsync_send_file(to.stream, write_only, 0, 1, -1)), SOCKET_EBADF);
    close(write_only);
  }
  /* The file is too short: told, and the stream is unharmed. */
  SocketFuture_T send = SocketAsync_send_file(to.stream, fd, 0, 1001, -1);
  assert_int_equal(SocketFuture_await(send, HANG_MS), SOCKET_EIO);
  assert_int_equal(SocketFuture_get_progress(send), 1000);
  assert_int_equal(SocketFuture_get_lost(send), 0);
  SocketFuture_free(&send);
  assert_int_equal(finish(SocketAsync_send_file(to.stream, fd, 5000, -1, -1)), 0);
  assert_int_equal(SocketStream_write(to.stream, pattern() + 1000, 10), 0);
  flow_until_received(loop, &flow, 1010);
  close(fd), close(folder), close(ends[0]), close(ends[1]);
  drop_pair(&to);
}

/* Its size is 0 and its bytes are made as they are read. */
static void files_without_a_size(void **state) {
  SocketLoop_T loop = *state;
  RawPair to = quiet_pair(loop, 0);
  char expected[8192], got[8192];
  int fd = open("/proc/self/limits", O_RDONLY);
  if (fd < 0) skip();
  ssize_t length = read(fd, expected, sizeof expected);
  assert_int_equal(finish(SocketAsync_send_file(to.stream, fd, 0, -1, -1)), length);
  assert_int_equal(recv(to.peer, got, sizeof got, 0), length);
  assert_memory_equal(got, expected, (size_t)length);
  close(fd);
  drop_pair(&to);
}

static void canceled_or_cut_short_on_the_way(void **state) {
  SocketLoop_T loop = *state;
  for (int turns = 0; turns < 12; turns++) {
    RawPair to = quiet_pair(loop, 1);
    Flow flow = {-1, to.peer, 0, 0, 0, 0};
    int fd = pattern_file(3 << 20);
    SocketFuture_T send =
        SocketAsync_send_file(to.stream, fd, 0, turns % 4 == 3 ? -1 : 3 << 20, -1);
    for (int i = 0; i < turns; i++) flow_turn(loop, &flow);
    if (turns % 2) {
      assert_int_equal(ftruncate(fd, 1500000), 0);
      flow_until_done(loop, &flow, send);
      assert_int_equal(SocketFuture_get_status(send), turns % 4 == 3 ? 0 : SOCKET_EIO);
      assert_int_equal(SocketFuture_get_progress(send), 1500000);
    } else {
      assert_int_equal(SocketFuture_cancel(send), 0);
    }
    assert_int_equal(SocketStream_get_queued(to.stream), 0);
    flow_until_received(loop, &flow, SocketFuture_get_progress(send));
    assert_int_equal(SocketStream_write(to.stream, pattern() + flow.received, 100), 0);
    flow_until_received(loop, &flow, flow.received + 100);
    SocketFuture_free(&send);
    close(fd);
    drop_pair(&to);
  }
}

static void a_broken_connection(void **state) {
  SocketLoop_T loop = *state;
  RawPair to = quiet_pair(loop, 1);
  int fd = pattern_file(3 << 20);
  SocketFuture_T send = SocketAsync_send_file(to.stream, fd, 0, -1, -1);
  for (int i = 0; i < 3; i++) assert_true(SocketLoop_run_once(loop, 1) >= 0);
  raw_reset(to.peer);
  to.peer = -1;
  int64_t result = SocketFuture_await(send, HANG_MS);
  assert_true(result == SOCKET_ECONNRESET || result == SOCKET_EPIPE);
  SocketFuture_free(&send);
  close(fd);
  drop_pair(&to);
}

/* ---- Buffers */

static void buffers_are_filled(void **state) {
  SocketLoop_T loop = *state;
  RawPair pair = quiet_pair(loop, 0);
  SocketBuf_T buf = SocketBuf_new(100), empty = SocketBuf_new(0);
  SocketFuture_T read = SocketAsync_read_buf(pair.stream, buf, -1);
  assert_non_null(read);
  assert_int_equal(SocketBuf_write(buf, "x", 1), SOCKET_EBUSY);
  assert_refused(SocketAsync_read_buf(pair.stream, empty, -1), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_write(empty, "", 0), 0); /* let go again */
  assert_int_equal(send(pair.peer, pattern(), 150, 0), 150);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 100);
  assert_ptr_equal(SocketFuture_get_data(read), buf);
  SocketFuture_free(&read);
  assert_int_equal(SocketBuf_get_readable(buf), 100);
  assert_memory_equal(SocketBuf_get_data(buf), pattern(), 100);
  assert_int_equal(SocketBuf_set_limit(buf, 100), 0);
  assert_refused(SocketAsync_read_buf(pair.stream, buf, -1), SOCKET_ELIMIT);
  assert_int_equal(finish(SocketAsync_read_buf(pair.stream, empty, HANG_MS)), 50);
  assert_memory_equal(SocketBuf_get_data(empty), pattern() + 100, 50);

  /* Canceled, and freed on the way. */
  read = SocketAsync_read_buf(pair.stream, empty, -1);
  assert_int_equal(SocketFuture_cancel(read), 0);
  assert_int_equal(SocketBuf_write(empty, "x", 1), 0);
  SocketFuture_free(&read);
  read = SocketAsync_read_buf(pair.stream, empty, -1);
  SocketBuf_free(&empty);
  assert_int_equal(send(pair.peer, pattern(), 5, 0), 5);
  assert_true(SocketFuture_await(read, HANG_MS) > 0);
  SocketFuture_free(&read);
  empty = SocketBuf_new(0);
  assert_refused(SocketAsync_read_buf(pair.stream, empty, -2), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_write(empty, "x", 1), 0);
  shutdown(pair.peer, SHUT_WR);
  assert_int_equal(finish(SocketAsync_read_buf(pair.stream, empty, HANG_MS)), 0);
  SocketBuf_free(&buf);
  assert_refused(SocketAsync_read_buf(pair.stream, buf, -1), SOCKET_EBADHANDLE);
  SocketBuf_free(&empty);
  drop_pair(&pair);
}

static void count_release(const void *data, void *user) {
  (void)data;
  ++*(int *)user;
}

static void buffers_are_sent(void **state) {
  SocketLoop_T loop = *state;
  RawPair pair = quiet_pair(loop, 1);
  Flow flow = {-1, pair.peer, 0, 0, 0, 0};
  int released = 0;
  SocketBuf_T buf = SocketBuf_new(0);
  assert_int_equal(finish(SocketAsync_write_buf(pair.stream, buf, -1)), 0);
  assert_int_equal(SocketBuf_write(buf, pattern(), 1000), 0);
  assert_int_equal(finish(SocketAsync_write_buf(pair.stream, buf, -1)), 1000);
  assert_int_equal(SocketBuf_get_readable(buf), 0);
  assert_int_equal(SocketBuf_write(buf, pattern() + 1000, 2000000), 0);
  SocketFuture_T write = SocketAsync_write_buf(pair.stream, buf, -1);
  assert_int_equal(SocketBuf_consume(buf, 1), SOCKET_EBUSY);
  assert_refused(SocketAsync_write_buf(pair.stream, buf, -1), SOCKET_EBUSY);
  for (int i = 0; i < 4; i++) flow_turn(loop, &flow);
  assert_int_equal(SocketFuture_cancel(write), 0);
  int64_t went = SocketFuture_get_progress(write);
  assert_in_range(went, 1, 1999999);
  SocketFuture_free(&write);
  assert_int_equal(SocketBuf_get_readable(buf), 2000000 - went);
  write = SocketAsync_write_buf(pair.stream, buf, HANG_MS);
  SocketBuf_free(&buf);
  flow_until_done(loop, &flow, write);
  assert_int_equal(finish(write), 2000000 - went);
  flow_until_received(loop, &flow, 2001000);

  /* Lent memory comes back when the operation has done with it. */
  buf = SocketBuf_new_ref(pattern() + 2001000, 1000000, count_release, &released);
  write = SocketAsync_write_buf(pair.stream, buf, -1);
  SocketBuf_free(&buf);
  assert_int_equal(released, 0);
  SocketStream_free(&pair.stream);
  assert_int_equal(released, 1);
  assert_int_equal(SocketFuture_get_status(write), SOCKET_ECANCELED);
  SocketFuture_free(&write);
  drop_pair(&pair);
}

int main(void) {
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
  const struct CMUnitTest tests[] = {
      LOOP_TEST(whole_files_and_parts), LOOP_TEST(bad_files),
      LOOP_TEST(files_without_a_size),  LOOP_TEST(canceled_or_cut_short_on_the_way),
      LOOP_TEST(a_broken_connection),   LOOP_TEST(buffers_are_filled),
      LOOP_TEST(buffers_are_sent),
  };
  return cmocka_run_group_tests_name("send_file", tests, NULL, NULL);
}
