/* Pipelines that are paused, canceled, starved, jammed, or lose an end, at every moment. */
#include "support/pipeline_support.h"

/* Memory stays under the mark however slow the sink is, and waiting does not spin. */
static void a_slow_sink(void **state) {
  skip_on_younger_wine(WITHOUT_SMALL_BUFFERS);
  SocketLoop_T loop = *state;
  for (int zero_copy = 0; zero_copy < 2; zero_copy++) {
    RawPair from = quiet_pair(loop, 1), to = quiet_pair(loop, 1);
    Flow flow = {from.peer, to.peer, 0, PATTERN_BYTES, 0, 0};
    Recorder recorder;
    SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
    SocketPipeline_set_zero_copy(pipeline, zero_copy);
    assert_int_equal(SocketPipeline_set_high_mark(pipeline, 100000), 0);
    assert_int_equal(SocketPipeline_from_stream(pipeline, from.stream), 0);
    assert_int_equal(SocketPipeline_to_stream(pipeline, to.stream), 0);
    assert_int_equal(SocketPipeline_start(pipeline), 0);
    for (int quiet = 0; quiet < 20;) {
      int64_t before = flow.sent;
      flow_in(&flow);
      assert_true(SocketLoop_run_once(loop, 1) >= 0);
      quiet = flow.sent == before && SocketStream_get_queued(to.stream) > 0 ? quiet + 1 : 0;
      assert_in_range(SocketStream_get_queued(to.stream), 0, zero_copy ? 1 << 20 : 200000);
    }
    assert_true(flow.sent < PATTERN_BYTES);
    int64_t cpu = cpu_ms(), until = monotonic_ms() + 50;
    while (monotonic_ms() < until) assert_true(SocketLoop_run_once(loop, 50) >= 0);
    assert_true(cpu_ms() - cpu < 30);
    flow_until_received(loop, &flow, PATTERN_BYTES);
    run_until(loop, &recorder.count[SOCKET_FINISHED], 1);
    assert_int_equal(recorder.last[SOCKET_FINISHED].status, 0);
    SocketPipeline_free(&pipeline);
    drop_pair(&from), drop_pair(&to);
  }
}

/* Canceled after every number of turns, by every means: what was taken and written add up, and the
 * streams go on where the pipeline stopped. */
static void canceled_at_every_moment(void **state) {
  SocketLoop_T loop = *state;
  enum { kBytes = 2 << 20 };
  static char rest[kBytes];
  for (int turns = 0; turns < 48; turns++) {
    RawPair from = quiet_pair(loop, turns % 2), to = quiet_pair(loop, 1);
    Flow flow = {from.peer, to.peer, 0, kBytes, 0, 0};
    Recorder recorder;
    SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
    SocketPipeline_set_zero_copy(pipeline, turns % 3 == 0);
    assert_int_equal(SocketPipeline_from_stream(pipeline, from.stream), 0);
    assert_int_equal(SocketPipeline_to_stream(pipeline, to.stream), 0);
    SocketFuture_T future = NULL;
    if (turns % 4 == 3)
      assert_non_null(future = SocketAsync_pipeline(pipeline, -1));
    else
      assert_int_equal(SocketPipeline_start(pipeline), 0);
    for (int i = 0; i < turns; i++) {
      flow_in(&flow);
      assert_true(SocketLoop_run_once(loop, 0) >= 0);
      if (i % 4 == 3) flow_out(&flow);
    }
    int64_t written;
    if (turns % 4 == 2) { /* freed */
      assert_int_equal(SocketPipeline_pause(pipeline), 0);
      assert_true(SocketLoop_run_once(loop, 0) >= 0);
      written = SocketPipeline_get_written(pipeline);
      SocketPipeline_free(&pipeline);
    } else {
      assert_int_equal(future ? SocketFuture_cancel(future) : SocketPipeline_cancel(pipeline), 0);
      written = SocketPipeline_get_written(pipeline);
      if (future) assert_int_equal(SocketFuture_get_progress(future), written);
      assert_int_equal(SocketPipeline_get_taken(pipeline), written);
    }
    SocketFuture_T read = SocketAsync_read_exactly(from.stream, rest, kBytes, -1);
    flow_until_done(loop, &flow, read);
    assert_int_equal(finish(read), kBytes - written);
    assert_memory_equal(rest, pattern() + written, (size_t)(kBytes - written));
    flow_until_received(loop, &flow, written);
    assert_int_equal(recorder.count[SOCKET_FINISHED], future || turns % 4 == 2 ? 0 : 1);
    if (recorder.count[SOCKET_FINISHED])
      assert_int_equal(recorder.last[SOCKET_FINISHED].status, SOCKET_ECANCELED);
    SocketFuture_free(&future);
    SocketPipeline_free(&pipeline);
    drop_pair(&from), drop_pair(&to);
  }
}

/* What a callback sink would not take is there for the next reader. */
static int refuse_from(SocketPipeline_T pipeline, const void *data, int64_t length, void *user) {
  int64_t *left = user;
  (void)pipeline, (void)data;
  if (*left < length) return SOCKET_EAGAIN;
  *left -= length;
  return 0;
}

static void what_was_refused_goes_back(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0);
  int64_t left = 1000;
  char rest[64];
  Recorder recorder;
  SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_stream(pipeline, from.stream), 0);
  assert_int_equal(SocketPipeline_add_limit(pipeline, 1010, 0), 0);
  assert_int_equal(SocketPipeline_to_callback(pipeline, refuse_from, &left), 0);
  assert_int_equal(SocketPipeline_start(pipeline), 0);
  assert_int_equal(send(from.peer, pattern(), 1000, 0), 1000);
  while (left > 0) assert_true(SocketLoop_run_once(loop, 1) >= 0);
  assert_int_equal(send(from.peer, pattern() + 1000, 20, 0), 20);
  while (SocketPipeline_get_taken(pipeline) < 1010) assert_true(SocketLoop_run_once(loop, 1) >= 0);
  assert_int_equal(SocketPipeline_cancel(pipeline), 0);
  assert_int_equal(SocketPipeline_get_taken(pipeline), 1000);
  assert_int_equal(finish(SocketAsync_read_exactly(from.stream, rest, 20, HANG_MS)), 20);
  assert_memory_equal(rest, pattern() + 1000, 20);
  SocketPipeline_free(&pipeline);
  drop_pair(&from);
}

/* The ways in which a running pipeline can lose an end. */
enum Loss { FREE_FROM, FREE_TO, CLOSE_FROM, CLOSE_TO, RESET_FROM, RESET_TO, SHUT_TO, LOSSES };

static void losing_an_end(void **state) {
  SocketLoop_T loop = *state;
  for (int loss = 0; loss < LOSSES; loss++)
    for (int zero_copy = 0; zero_copy < 2; zero_copy++) {
      RawPair from = quiet_pair(loop, 0), to = quiet_pair(loop, 1);
      Flow flow = {from.peer, to.peer, 0, PATTERN_BYTES, 0, 0};
      Recorder recorder;
      SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
      SocketPipeline_set_zero_copy(pipeline, zero_copy);
      assert_int_equal(SocketPipeline_from_stream(pipeline, from.stream), 0);
      assert_int_equal(SocketPipeline_to_stream(pipeline, to.stream), 0);
      assert_int_equal(SocketPipeline_start(pipeline), 0);
      while (SocketStream_get_queued(to.stream) == 0) {
        flow_in(&flow);
        assert_true(SocketLoop_run_once(loop, 1) >= 0);
      }
      int expected = SOCKET_ECANCELED;
      switch (loss) {
      case FREE_FROM: SocketStream_free(&from.stream); break;
      case FREE_TO: SocketStream_free(&to.stream); break;
      case CLOSE_FROM: SocketStream_close(from.stream), expected = SOCKET_ECLOSED; break;
      case CLOSE_TO: SocketStream_close(to.stream), expected = SOCKET_ECLOSED; break;
      case SHUT_TO: SocketStream_shutdown(to.stream), expected = SOCKET_ESTATE; break;
      case RESET_FROM: raw_reset(from.peer), expected = SOCKET_ECONNRESET; break;
      default: raw_reset(to.peer), expected = 0;
      }
      if (loss == RESET_FROM) flow.in = from.peer = -1;
      if (loss == RESET_TO) to.peer = -1;
      int64_t end = monotonic_ms() + HANG_MS;
      while (!recorder.count[SOCKET_FINISHED]) {
        assert_true(SocketLoop_run_once(loop, 1) >= 0);
        if (loss != RESET_TO) flow_out(&flow);
        if (loss != RESET_FROM) flow_in(&flow);
        assert_true(monotonic_ms() < end);
      }
      int status = recorder.last[SOCKET_FINISHED].status;
      if (expected)
        assert_int_equal(status, expected);
      else
        assert_true(status == SOCKET_ECONNRESET || status == SOCKET_EPIPE);
      if (loss != FREE_TO && loss != RESET_TO)
        flow_until_received(loop, &flow, SocketPipeline_get_written(pipeline));
      assert_int_equal(recorder.count[SOCKET_FINISHED], 1);
      assert_int_equal(SocketPipeline_cancel(pipeline), 0);
      assert_true(SocketLoop_run_once(loop, 0) >= 0);
      assert_int_equal(recorder.count[SOCKET_FINISHED], 1);
      SocketPipeline_free(&pipeline);
      drop_pair(&from), drop_pair(&to);
    }
}

static void paused_and_resumed(void **state) {
  SocketLoop_T loop = *state;
  int fd = pattern_file(3 << 20);
  for (int zero_copy = 0; zero_copy < 2; zero_copy++) {
    RawPair to = quiet_pair(loop, 0);
    Flow flow = {-1, to.peer, 0, 0, 0, 0};
    Recorder recorder;
    SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
    SocketPipeline_set_zero_copy(pipeline, zero_copy);
    assert_int_equal(SocketPipeline_from_fd(pipeline, fd, 0, -1), 0);
    assert_int_equal(SocketPipeline_to_stream(pipeline, to.stream), 0);
    assert_int_equal(SocketPipeline_pause(pipeline), 0);
    assert_int_equal(SocketPipeline_start(pipeline), 0);
    for (int i = 0; i < 5; i++) flow_turn(loop, &flow);
    assert_int_equal(flow.received, 0);
    for (int i = 0; i < 50 && !recorder.count[SOCKET_FINISHED]; i++) {
      assert_int_equal(SocketPipeline_resume(pipeline), 0);
      flow_turn(loop, &flow);
      assert_int_equal(SocketPipeline_pause(pipeline), 0);
      flow_turn(loop, &flow);
      flow_turn(loop, &flow);
      int64_t before = SocketPipeline_get_written(pipeline);
      flow_until_received(loop, &flow, before);
      assert_int_equal(SocketPipeline_get_written(pipeline), before);
    }
    assert_int_equal(SocketPipeline_resume(pipeline), 0);
    flow_until_received(loop, &flow, 3 << 20);
    run_until(loop, &recorder.count[SOCKET_FINISHED], 1);
    SocketPipeline_free(&pipeline);
    drop_pair(&to);
  }
  close(fd);
}

/* ---- Callbacks that free things, in each place where there is one. */

typedef struct Bomb {
  SocketPipeline_T pipeline;
  RawPair from, to;
  SocketLoop_T loop;
  int what;  /* to free */
  int where; /* which callback */
  int at;    /* on which call of it */
  int calls[5];
} Bomb;
enum { FREE_PIPELINE, FREE_SOURCE, FREE_SINK, FREE_LOOP, CANCEL, FREEABLE };
enum { IN_PULL, IN_TRANSFORM, IN_PUSH, IN_PROGRESS, IN_FINISHED, PLACES };

static void bomb_tick(Bomb *bomb, int where) {
  if (where != bomb->where || bomb->calls[where]++ != bomb->at) return;
  switch (bomb->what) {
  case FREE_PIPELINE: SocketPipeline_free(&bomb->pipeline); break;
  case FREE_SOURCE: SocketStream_free(&bomb->from.stream); break;
  case FREE_SINK: SocketStream_free(&bomb->to.stream); break;
  case FREE_LOOP: SocketLoop_free(&bomb->loop); break;
  default: SocketPipeline_cancel(bomb->pipeline);
  }
}
static int64_t bomb_pull(SocketPipeline_T pipeline, void *into, int64_t capacity, void *user) {
  (void)pipeline;
  bomb_tick(user, IN_PULL);
  memset(into, 'x', (size_t)(capacity < 100 ? capacity : 100));
  return ((Bomb *)user)->calls[IN_PULL] > 50 ? 0 : capacity < 100 ? capacity : 100;
}
static int64_t bomb_transform(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                              void *user) {
  (void)end;
  bomb_tick(user, IN_TRANSFORM);
  SocketPipeline_emit(pipeline, data, length);
  return length;
}
static int bomb_push(SocketPipeline_T pipeline, const void *data, int64_t length, void *user) {
  (void)pipeline, (void)data, (void)length;
  bomb_tick(user, IN_PUSH);
  return 0;
}
static void bomb_event(const SocketCompletion_T *event, void *user) {
  bomb_tick(user, event->kind == SOCKET_PROGRESS ? IN_PROGRESS : IN_FINISHED);
}

static void explode(int what, int where, int at, int from_stream, int to_stream) {
  Bomb bomb;
  memset(&bomb, 0, sizeof bomb);
  bomb.loop = SocketLoop_new();
  bomb.from = quiet_pair(bomb.loop, 0), bomb.to = quiet_pair(bomb.loop, 0);
  bomb.what = what, bomb.where = where, bomb.at = at;
  bomb.pipeline = SocketPipeline_new(bomb.loop);
  SocketPipeline_set_callback(bomb.pipeline, bomb_event, &bomb);
  SocketPipeline_set_progress(bomb.pipeline, 100);
  if (from_stream) {
    assert_int_equal(SocketPipeline_from_stream(bomb.pipeline, bomb.from.stream), 0);
    assert_int_equal(send(bomb.from.peer, pattern(), 3000, 0), 3000);
    shutdown(bomb.from.peer, SHUT_WR);
  } else {
    assert_int_equal(SocketPipeline_from_callback(bomb.pipeline, bomb_pull, &bomb), 0);
    assert_int_equal(SocketPipeline_add_limit(bomb.pipeline, 3000, 0), 0);
  }
  assert_int_equal(SocketPipeline_add_transform(bomb.pipeline, bomb_transform, &bomb), 0);
  assert_int_equal(to_stream ? SocketPipeline_to_stream(bomb.pipeline, bomb.to.stream)
                             : SocketPipeline_to_callback(bomb.pipeline, bomb_push, &bomb),
                   0);
  assert_int_equal(SocketPipeline_start(bomb.pipeline), 0);
  for (int i = 0; i < 6 && bomb.loop; i++) {
    int events = SocketLoop_run_once(bomb.loop, 2);
    assert_true(events >= 0 || events == SOCKET_ESTOPPED);
  }
  assert_in_range(bomb.calls[IN_FINISHED], 0, 1);
  if (bomb.loop) SocketLoop_free(&bomb.loop);
  close(bomb.from.peer), close(bomb.to.peer);
}

static void freeing_in_callbacks(void **state) {
  (void)state;
  for (int what = 0; what < FREEABLE; what++)
    for (int where = 0; where < PLACES; where++)
      for (int at = 0; at < 3; at++)
        for (int ends = 0; ends < 4; ends++) explode(what, where, at, ends & 1, ends >> 1);
}

/* A callback that runs the loop while the pipeline waits for it. */
static int await_inside(SocketPipeline_T pipeline, const void *data, int64_t length, void *user) {
  SocketLoop_T loop = user;
  (void)pipeline, (void)data, (void)length;
  assert_int_equal(SocketPipeline_resume(pipeline), 0); /* which must not be lost */
  SocketFuture_T sleep = SocketAsync_sleep(loop, 1);
  assert_int_equal(finish(sleep), 0);
  static int refused;
  return refused++ % 2 ? 0 : SOCKET_EAGAIN;
}

static void turns_inside_of_a_callback(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0);
  Recorder recorder;
  SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_stream(pipeline, from.stream), 0);
  assert_int_equal(SocketPipeline_to_callback(pipeline, await_inside, loop), 0);
  assert_int_equal(SocketPipeline_start(pipeline), 0);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(send(from.peer, pattern(), 100, 0), 100);
    assert_true(SocketLoop_run_once(loop, 5) >= 0);
  }
  shutdown(from.peer, SHUT_WR);
  run_until(loop, &recorder.count[SOCKET_FINISHED], 1);
  assert_int_equal(recorder.last[SOCKET_FINISHED].length, 500);
  SocketPipeline_free(&pipeline);
  drop_pair(&from);
}

static void a_timeout(void **state) {
  SocketLoop_T loop = *state;
  RawPair from = quiet_pair(loop, 0);
  SocketBuf_T buf = SocketBuf_new(0);
  SocketPipeline_T pipeline = SocketPipeline_new(loop);
  assert_int_equal(SocketPipeline_from_stream(pipeline, from.stream), 0);
  assert_int_equal(SocketPipeline_to_buf(pipeline, buf), 0);
  assert_int_equal(send(from.peer, pattern(), 100, 0), 100);
  SocketFuture_T future = SocketAsync_pipeline(pipeline, 30);
  assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ETIMEDOUT);
  assert_int_equal(SocketFuture_get_progress(future), 100);
  assert_int_equal(SocketBuf_get_readable(buf), 100);
  SocketFuture_free(&future);
  SocketFuture_T read = SocketAsync_read(from.stream, (char[8]){0}, 8, -1); /* it is free again */
  assert_non_null(read);
  SocketFuture_free(&read);
  SocketPipeline_free(&pipeline);
  SocketBuf_free(&buf);
  drop_pair(&from);
}

/* The file is cut short, or grows, while it is on its way. */
static void files_that_change(void **state) {
  SocketLoop_T loop = *state;
  for (int way = 0; way < 8; way++) {
    RawPair to = quiet_pair(loop, 1);
    Flow flow = {-1, to.peer, 0, 0, 0, 0};
    Recorder recorder;
    int fd = pattern_file(3 << 20), to_end = way & 2, grows = way & 4;
    SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
    SocketPipeline_set_zero_copy(pipeline, way & 1);
    assert_int_equal(SocketPipeline_from_fd(pipeline, fd, 0, to_end ? -1 : 3 << 20), 0);
    assert_int_equal(SocketPipeline_to_stream(pipeline, to.stream), 0);
    assert_int_equal(SocketPipeline_start(pipeline), 0);
    while (flow.received == 0) flow_turn(loop, &flow);
    int64_t size = grows ? (3 << 20) + 1000 : 2500000;
    if (grows)
      assert_int_equal(pwrite(fd, pattern() + (3 << 20), 1000, 3 << 20), 1000);
    else
      assert_int_equal(ftruncate(fd, (off_t)size), 0);
    while (!recorder.count[SOCKET_FINISHED]) flow_turn(loop, &flow);
    assert_int_equal(recorder.last[SOCKET_FINISHED].status, to_end || grows ? 0 : SOCKET_EIO);
    if (grows && !to_end) size = 3 << 20;
    assert_int_equal(recorder.last[SOCKET_FINISHED].length, size);
    flow_until_received(loop, &flow, size);
    assert_int_equal(SocketStream_write(to.stream, "", 0), 0);
    SocketPipeline_free(&pipeline);
    close(fd);
    drop_pair(&to);
  }
}

int main(void) {
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
  const struct CMUnitTest tests[] = {
      LOOP_TEST(a_slow_sink),
      LOOP_TEST(canceled_at_every_moment),
      LOOP_TEST(what_was_refused_goes_back),
      LOOP_TEST(losing_an_end),
      LOOP_TEST(paused_and_resumed),
      LOOP_TEST(freeing_in_callbacks),
      LOOP_TEST(turns_inside_of_a_callback),
      LOOP_TEST(a_timeout),
      LOOP_TEST(files_that_change),
  };
  return cmocka_run_group_tests_name("pipeline: life", tests, NULL, NULL);
}
