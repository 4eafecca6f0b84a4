/* Pipelines: every source into every sink, and what can be wrong with either. */
#include "support/pipeline_support.h"

#include <sys/stat.h>

enum { kBytes = 1500000 };
enum Source { FROM_FILE, FROM_STREAM, FROM_MEMORY, FROM_CALLBACK, SOURCES };
enum Sink { TO_FILE, TO_STREAM, TO_BUF, TO_CALLBACK, SINKS };

static void assert_file_is_pattern(int fd, int64_t length) {
  static char bytes[kBytes + 1];
  assert_int_equal(pread(fd, bytes, sizeof bytes, 0), length);
  assert_memory_equal(bytes, pattern(), (size_t)length);
}

/* One of each end, and the pipeline between two of them. */
typedef struct Ends {
  RawPair from, to;
  Flow flow;
  Feed in, out;
  int input, output;
  SocketBuf_T buf;
  SocketPipeline_T pipeline;
  Recorder recorder;
} Ends;

static void make_ends(SocketLoop_T loop, Ends *ends, int source) {
  ends->from = quiet_pair(loop, 0), ends->to = quiet_pair(loop, 1);
  ends->flow = (Flow){-1, ends->to.peer, 0, kBytes, 0, 0};
  ends->in = pattern_feed(loop, kBytes), ends->out = pattern_feed(loop, kBytes);
  ends->in.piece = -12000, ends->in.every = 7, ends->out.every = 11;
  ends->input = pattern_file(kBytes), ends->output = pattern_file(0);
  ends->buf = SocketBuf_new(0);
  SocketPipeline_T pipeline = ends->pipeline = pipeline_new(loop, &ends->recorder);
  switch (source) {
  case FROM_FILE: assert_int_equal(SocketPipeline_from_fd(pipeline, ends->input, 0, -1), 0); break;
  case FROM_STREAM:
    ends->flow.in = ends->from.peer;
    assert_int_equal(SocketPipeline_from_stream(pipeline, ends->from.stream), 0);
    break;
  case FROM_MEMORY:
    assert_int_equal(SocketPipeline_from_memory(pipeline, pattern(), kBytes), 0);
    break;
  default: assert_int_equal(SocketPipeline_from_callback(pipeline, feed_pull, &ends->in), 0);
  }
}

static void add_sink(Ends *ends, int sink) {
  SocketPipeline_T pipeline = ends->pipeline;
  switch (sink) {
  case TO_FILE: assert_int_equal(SocketPipeline_to_fd(pipeline, ends->output), 0); break;
  case TO_STREAM: assert_int_equal(SocketPipeline_to_stream(pipeline, ends->to.stream), 0); break;
  case TO_BUF: assert_int_equal(SocketPipeline_to_buf(pipeline, ends->buf), 0); break;
  default: assert_int_equal(SocketPipeline_to_callback(pipeline, feed_push, &ends->out), 0);
  }
}

static void assert_sink_has(SocketLoop_T loop, Ends *ends, int sink, int64_t expected) {
  switch (sink) {
  case TO_FILE: assert_file_is_pattern(ends->output, expected); break;
  case TO_STREAM: flow_until_received(loop, &ends->flow, expected); break;
  case TO_BUF:
    assert_int_equal(SocketBuf_get_readable(ends->buf), expected);
    assert_memory_equal(SocketBuf_get_data(ends->buf), pattern(), (size_t)expected);
    break;
  default: assert_int_equal(ends->out.at, expected);
  }
}

static void drop_ends(Ends *ends) {
  SocketPipeline_free(&ends->pipeline);
  SocketBuf_free(&ends->buf);
  SocketTimer_free(&ends->in.timer), SocketTimer_free(&ends->out.timer);
  close(ends->input), close(ends->output);
  drop_pair(&ends->from), drop_pair(&ends->to);
}

static void move_between(SocketLoop_T loop, int source, int sink, int zero_copy, int transforms) {
  Ends ends;
  make_ends(loop, &ends, source);
  SocketPipeline_T pipeline = ends.pipeline;
  assert_int_equal(SocketPipeline_set_zero_copy(pipeline, zero_copy), 0);
  assert_int_equal(SocketPipeline_set_progress(pipeline, 100000), 0);
  if (transforms) {
    assert_int_equal(SocketPipeline_add_count(pipeline), 0);
    assert_int_equal(SocketPipeline_add_limit(pipeline, kBytes - 1000, 0), 0);
    assert_int_equal(SocketPipeline_add_count(pipeline), 1);
  }
  add_sink(&ends, sink);
  assert_int_equal(SocketPipeline_start(pipeline), 0);
  int kernel = zero_copy && source <= FROM_STREAM && sink == TO_STREAM;
  if (!left_out_on_windows("no system call moves bytes from socket to socket"))
    assert_int_equal(SocketPipeline_get_zero_copy(pipeline), kernel);
  int64_t end = monotonic_ms() + HANG_MS, expected = transforms ? kBytes - 1000 : kBytes;
  while (!ends.recorder.count[SOCKET_FINISHED]) {
    flow_turn(loop, &ends.flow);
    assert_true(monotonic_ms() < end);
  }
  const SocketCompletion_T *finished = &ends.recorder.last[SOCKET_FINISHED];
  assert_int_equal(finished->status, 0);
  assert_int_equal(finished->length, expected);
  assert_ptr_equal(finished->subject, pipeline);
  assert_int_equal(SocketPipeline_get_written(pipeline), expected);
  assert_int_equal(SocketPipeline_get_taken(pipeline), expected);
  assert_in_range(ends.recorder.count[SOCKET_PROGRESS], 1, 15);
  for (int i = 0; transforms && i < 2; i++)
    assert_int_equal(SocketPipeline_get_count(pipeline, i), expected);
  assert_sink_has(loop, &ends, sink, expected);
  if (source == FROM_STREAM && transforms) { /* what the limit kept out is still there */
    char rest[1000];
    SocketFuture_T read = SocketAsync_read_exactly(ends.from.stream, rest, 1000, HANG_MS);
    flow_until_done(loop, &ends.flow, read);
    assert_int_equal(finish(read), 1000);
    assert_memory_equal(rest, pattern() + expected, 1000);
  }
  drop_ends(&ends);
}

static void every_source_into_every_sink(void **state) {
  for (int source = 0; source < SOURCES; source++)
    for (int sink = 0; sink < SINKS; sink++)
      for (int way = 0; way < 4; way++) move_between(*state, source, sink, way & 1, way & 2);
}

static void files_by_name(void **state) {
  SocketLoop_T loop = *state;
  char folder[] = "/tmp/socketpoll-test-XXXXXX", from[64], to[64];
  assert_non_null(mkdtemp(folder));
  snprintf(from, sizeof from, "%s/from", folder), snprintf(to, sizeof to, "%s/to", folder);
  Recorder recorder;
  const char *texts[] = {"one", "one two", "two"};
  for (int step = 0; step < 3; step++) {
    SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
    const char *text = step == 1 ? " two" : step == 2 ? "two" : "one";
    assert_int_equal(SocketPipeline_from_memory(pipeline, text, (int64_t)strlen(text)), 0);
    assert_int_equal(
        SocketPipeline_to_file(pipeline, to, step == 1 ? SOCKET_FILE_APPEND : SOCKET_FILE_REPLACE),
        0);
    assert_int_equal(pipeline_run(loop, pipeline, &recorder), 0);
    SocketPipeline_free(&pipeline);
    char got[16] = {0};
    pipeline = pipeline_new(loop, &recorder);
    SocketBuf_T buf = SocketBuf_new(0);
    assert_int_equal(SocketPipeline_from_file(pipeline, to, 0, -1), 0);
    assert_int_equal(SocketPipeline_to_buf(pipeline, buf), 0);
    assert_int_equal(pipeline_run(loop, pipeline, &recorder), 0);
    assert_int_equal(SocketBuf_read(buf, got, sizeof got), strlen(texts[step]));
    assert_string_equal(got, texts[step]);
    SocketBuf_free(&buf);
    SocketPipeline_free(&pipeline);
  }
  SocketPipeline_T pipeline = SocketPipeline_new(loop);
  assert_int_equal(SocketPipeline_to_file(pipeline, to, SOCKET_FILE_NEW), SOCKET_EEXIST);
  assert_int_equal(SocketPipeline_to_file(pipeline, from, SOCKET_FILE_NEW), 0);
  assert_int_equal(SocketPipeline_to_file(pipeline, to, SOCKET_FILE_REPLACE), SOCKET_ESTATE);
  struct stat info;
  assert_int_equal(stat(to, &info), 0);
  assert_int_equal(info.st_size, 3); /* not emptied */
  assert_int_equal(SocketPipeline_from_file(pipeline, folder, 0, -1), SOCKET_EISDIR);
  assert_int_equal(SocketPipeline_from_file(pipeline, "/nowhere/at/all", 0, -1), SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), "cannot read /nowhere/at/all"));
  unlink(from), unlink(to);
  const int has_fifo = !left_out_on_windows(WITHOUT_PIPES);
  if (has_fifo) {
    assert_int_equal(mkfifo(from, 0600), 0);
    assert_int_equal(SocketPipeline_from_file(pipeline, from, 0, -1), SOCKET_ENOTSUP);
  }
  SocketPipeline_free(&pipeline);
  pipeline = SocketPipeline_new(loop);
  if (has_fifo)
    assert_int_equal(SocketPipeline_to_file(pipeline, from, SOCKET_FILE_APPEND), SOCKET_ENOTSUP);
  assert_int_equal(SocketPipeline_to_file(pipeline, folder, SOCKET_FILE_APPEND), SOCKET_EISDIR);
  SocketPipeline_free(&pipeline);
  unlink(from), rmdir(folder);
}

static void parts_of_files(void **state) {
  SocketLoop_T loop = *state;
  int fd = pattern_file(200000);
  for (int zero_copy = 0; zero_copy < 2; zero_copy++) {
    const int64_t lengths[][3] = {/* offset, length, status */
                                  {0, 200000, 0},
                                  {150000, 50000, 0},
                                  {150000, -1, 0},
                                  {200000, -1, 0},
                                  {300000, -1, 0},
                                  {0, 0, 0},
                                  {150000, 50001, SOCKET_EIO}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
      RawPair to = quiet_pair(loop, 0);
      Recorder recorder;
      SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
      SocketPipeline_set_zero_copy(pipeline, zero_copy);
      assert_int_equal(SocketPipeline_from_fd(pipeline, fd, lengths[i][0], lengths[i][1]), 0);
      assert_int_equal(SocketPipeline_to_stream(pipeline, to.stream), 0);
      assert_int_equal(pipeline_run(loop, pipeline, &recorder), lengths[i][2]);
      int64_t there = lengths[i][0] > 200000 ? 0 : 200000 - lengths[i][0];
      int64_t expected = lengths[i][1] < 0 || lengths[i][1] > there ? there : lengths[i][1];
      assert_int_equal(SocketPipeline_get_written(pipeline), expected);
      assert_int_equal(SocketStream_write(to.stream, "!", 1), 0); /* it is the program's again */
      SocketPipeline_free(&pipeline);
      drop_pair(&to);
    }
  }
  close(fd);
}

static void a_full_disk_and_other_devices(void **state) {
  skip_on_windows("there are no such devices");
  SocketLoop_T loop = *state;
  Recorder recorder;
  SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
  if (SocketPipeline_to_file(pipeline, "/dev/full", SOCKET_FILE_APPEND) != 0) skip();
  assert_int_equal(SocketPipeline_from_memory(pipeline, pattern(), kBytes), 0);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), SOCKET_ENOSPC);
  assert_int_equal(SocketPipeline_get_written(pipeline), 0);
  SocketPipeline_free(&pipeline);
  /* Also if all of it would have been gathered. */
  pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_to_file(pipeline, "/dev/full", SOCKET_FILE_APPEND), 0);
  assert_int_equal(SocketPipeline_from_memory(pipeline, "x", 1), 0);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), SOCKET_ENOSPC);
  SocketPipeline_free(&pipeline);
  /* A device without an end, and one that swallows everything. */
  pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_file(pipeline, "/dev/zero", 0, -1), 0);
  assert_int_equal(SocketPipeline_add_limit(pipeline, 3000000, 0), 0);
  assert_int_equal(SocketPipeline_to_file(pipeline, "/dev/null", SOCKET_FILE_REPLACE), 0);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), 0);
  assert_int_equal(SocketPipeline_get_written(pipeline), 3000000);
  SocketPipeline_free(&pipeline);
  /* A file of another mode. */
  int fd = open("/dev/null", O_WRONLY);
  pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_fd(pipeline, fd, 0, -1), 0);
  assert_int_equal(SocketPipeline_to_fd(pipeline, fd), 0);
  close(fd);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), SOCKET_EBADF);
  SocketPipeline_free(&pipeline);
}

static void callbacks_that_fail(void **state) {
  SocketLoop_T loop = *state;
  for (int end = 0; end < 2; end++) {
    Recorder recorder;
    Feed in = pattern_feed(loop, 300000), out = pattern_feed(loop, 300000);
    Feed *bad = end ? &in : &out;
    bad->fail_at = 100000, bad->code = SOCKET_EPERM, bad->piece = 10000;
    SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
    assert_int_equal(SocketPipeline_from_callback(pipeline, feed_pull, &in), 0);
    assert_int_equal(SocketPipeline_to_callback(pipeline, feed_push, &out), 0);
    assert_int_equal(pipeline_run(loop, pipeline, &recorder), SOCKET_EPERM);
    assert_int_equal(recorder.last[SOCKET_FINISHED].length, out.at);
    assert_true(out.at >= 100000);
    SocketPipeline_free(&pipeline);
    SocketTimer_free(&in.timer), SocketTimer_free(&out.timer);
  }
}

static void a_buffer_that_is_full_or_busy(void **state) {
  SocketLoop_T loop = *state;
  Recorder recorder;
  RawPair pair = quiet_pair(loop, 0);
  SocketBuf_T buf = SocketBuf_new(10);
  assert_int_equal(SocketBuf_set_limit(buf, 100000), 0);
  SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_memory(pipeline, pattern(), 100001), 0);
  assert_int_equal(SocketPipeline_to_buf(pipeline, buf), 0);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), SOCKET_ELIMIT);
  assert_int_equal(SocketPipeline_get_written(pipeline), SocketBuf_get_readable(buf));
  SocketPipeline_free(&pipeline);
  assert_int_equal(SocketBuf_clear(buf), 0);
  SocketFuture_T read = SocketAsync_read_buf(pair.stream, buf, -1);
  pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_memory(pipeline, pattern(), 10), 0);
  assert_int_equal(SocketPipeline_to_buf(pipeline, buf), 0);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), SOCKET_EBUSY);
  SocketPipeline_free(&pipeline);
  SocketFuture_free(&read);
  /* The pipeline keeps it alive. */
  pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_memory(pipeline, pattern(), 10), 0);
  assert_int_equal(SocketPipeline_to_buf(pipeline, buf), 0);
  SocketBuf_free(&buf);
  assert_int_equal(pipeline_run(loop, pipeline, &recorder), 0);
  SocketPipeline_free(&pipeline);
  drop_pair(&pair);
}

static void bad_arguments(void **state) {
  SocketLoop_T loop = *state, other = SocketLoop_new();
  RawPair pair = quiet_pair(loop, 0), far = quiet_pair(other, 0);
  Recorder recorder;
  SocketPipeline_T p = pipeline_new(loop, &recorder);
  SocketLimiter_T limiter = SocketLimiter_new(other, 1, 1);
  assert_int_equal(SocketPipeline_start(p), SOCKET_ESTATE);
  assert_refused(SocketAsync_pipeline(p, -1), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_cancel(p), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_emit(p, "x", 1), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_from_file(p, NULL, 0, -1), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_from_file(p, "/dev/null", -1, -1), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_from_fd(p, 0, 0, -2), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_from_fd(p, -1, 0, -1), SOCKET_EBADF);
  assert_int_equal(SocketPipeline_from_fd(p, pair.peer, 0, -1), SOCKET_ENOTSUP);
  assert_int_equal(SocketPipeline_from_memory(p, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_from_callback(p, NULL, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_from_stream(p, NULL), SOCKET_EBADHANDLE);
  assert_int_equal(SocketPipeline_from_stream(p, far.stream), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_to_stream(p, far.stream), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_to_file(p, "/dev/null", 3), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_to_file(p, NULL, 0), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_to_fd(p, -1), SOCKET_EBADF);
  assert_int_equal(SocketPipeline_to_callback(p, NULL, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_to_buf(p, NULL), SOCKET_EBADHANDLE);
  assert_int_equal(SocketPipeline_add_limit(p, -1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_add_lines(p, 0, 0), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_add_length_decode(p, 3, 10), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_add_length_encode(p, 2, (int64_t)1 << 40), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_add_transform(p, NULL, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_add_limiter(p, limiter), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_get_count(p, 0), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_set_high_mark(p, 0), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_set_progress(p, -1), SOCKET_EINVAL);
  SocketPipeline_free(&p);
  drop_pair(&pair), drop_pair(&far);
  SocketLoop_free(&other);
}

static void calls_out_of_order(void **state) {
  SocketLoop_T loop = *state;
  RawPair pair = quiet_pair(loop, 0);
  Recorder recorder;
  SocketPipeline_T p = pipeline_new(loop, &recorder);
  int zero = open("/dev/zero", O_RDONLY);
  assert_int_equal(SocketPipeline_from_stream(p, pair.stream), 0);
  assert_int_equal(SocketPipeline_from_memory(p, "x", 1), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_to_stream(p, pair.stream), 0);
  assert_int_equal(SocketPipeline_to_stream(p, pair.stream), SOCKET_ESTATE);
  for (int zero_copy = 0; zero_copy < 2; zero_copy++) { /* busy streams, and it is as before */
    SocketPipeline_set_zero_copy(p, zero_copy);
    char byte;
    SocketFuture_T read = SocketAsync_read(pair.stream, &byte, 1, -1);
    assert_int_equal(SocketPipeline_start(p), SOCKET_EBUSY);
    SocketFuture_free(&read);
    SocketFuture_T splice = SocketAsync_send_file(pair.stream, zero, 0, -1, -1);
    assert_int_equal(SocketPipeline_start(p), SOCKET_EBUSY);
    SocketFuture_free(&splice);
  }
  assert_refused(SocketAsync_pipeline(p, -2), SOCKET_EINVAL);
  assert_int_equal(SocketPipeline_start(p), 0);
  assert_int_equal(SocketPipeline_start(p), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_add_limit(p, 1, 0), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_set_high_mark(p, 1), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_set_progress(p, 1), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_set_zero_copy(p, 1), SOCKET_ESTATE);
  assert_refused(SocketAsync_splice(pair.stream, pair.stream, -1, -1), SOCKET_EBUSY);
  SocketPipeline_free(&p);
  p = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_stream(p, pair.stream), 0);
  assert_int_equal(SocketPipeline_to_callback(p, feed_push, NULL), 0);
  SocketStream_free(&pair.stream);
  assert_int_equal(SocketPipeline_start(p), SOCKET_EBADHANDLE);
  SocketPipeline_free(&p);
  close(zero);
  drop_pair(&pair);
}

static void pulled_and_as_a_future(void **state) {
  SocketLoop_T loop = *state;
  Feed out = pattern_feed(loop, 1000);
  SocketPipeline_T p = SocketPipeline_new(loop);
  assert_int_equal(SocketPipeline_from_memory(p, pattern(), 1000), 0);
  assert_int_equal(SocketPipeline_to_callback(p, feed_push, &out), 0);
  assert_int_equal(SocketPipeline_start(p), 0);
  SocketCompletion_T event = pull_one(loop, SOCKET_FINISHED);
  assert_int_equal(event.length, 1000);
  assert_ptr_equal(event.subject, p);
  SocketPipeline_free(&p);
  out.at = 0;
  p = SocketPipeline_new(loop);
  assert_int_equal(SocketPipeline_from_memory(p, pattern(), 1000), 0);
  assert_int_equal(SocketPipeline_to_callback(p, feed_push, &out), 0);
  assert_int_equal(finish(SocketAsync_pipeline(p, HANG_MS)), 1000);
  assert_refused(SocketAsync_pipeline(p, -1), SOCKET_ESTATE);
  assert_int_equal(SocketPipeline_cancel(p), 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 0), 0); /* nothing beside the outcome */
  SocketPipeline_free(&p);
  SocketTimer_free(&out.timer);
}

int main(void) {
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
  const struct CMUnitTest tests[] = {
      LOOP_TEST(every_source_into_every_sink),
      LOOP_TEST(files_by_name),
      LOOP_TEST(parts_of_files),
      LOOP_TEST(a_full_disk_and_other_devices),
      LOOP_TEST(callbacks_that_fail),
      LOOP_TEST(a_buffer_that_is_full_or_busy),
      LOOP_TEST(bad_arguments),
      LOOP_TEST(calls_out_of_order),
      LOOP_TEST(pulled_and_as_a_future),
  };
  return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
