/* Limiters, in a simulated world: its time is exact and passes without waiting. */
#include "support/pipeline_support.h"

#include <socketpoll/SocketSimulation.h>

typedef struct World {
  SocketSimulation_T simulation;
  SocketLoop_T loop;
} World;

static int world_setup(void **state) {
  static World world;
  world.simulation = SocketSimulation_new(1);
  world.loop = SocketSimulation_new_loop(world.simulation);
  *state = &world;
  return 0;
}
static int world_teardown(void **state) {
  SocketSimulation_free(&((World *)*state)->simulation);
  return 0;
}

static void pass_ms(World *world, int64_t ms) {
  SocketFuture_T sleep = SocketAsync_sleep(world->loop, ms);
  assert_int_equal(SocketFuture_await(sleep, -1), 0);
  SocketFuture_free(&sleep);
}

static int64_t world_ms(World *world) {
  return SocketSimulation_get_time(world->simulation) / 1000000;
}

static void a_bucket_fills(void **state) {
  World *world = *state;
  SocketLimiter_T limiter = SocketLimiter_new(world->loop, 1000, 100);
  assert_int_equal(SocketLimiter_delay(limiter, 100), 0);
  assert_int_equal(SocketLimiter_take(limiter, 60), 60);
  assert_int_equal(SocketLimiter_take(limiter, 60), 40);
  assert_int_equal(SocketLimiter_take(limiter, 60), 0);
  assert_int_equal(SocketLimiter_take(limiter, 0), 0);
  assert_in_range(SocketLimiter_delay(limiter, 1), 1, 2);
  assert_in_range(SocketLimiter_delay(limiter, 50), 50, 51);
  assert_in_range(SocketLimiter_delay(limiter, 5000), 100, 101); /* no more than it holds */
  pass_ms(world, 30);
  assert_int_equal(SocketLimiter_take(limiter, 1000), 30);
  pass_ms(world, 100000);
  assert_int_equal(SocketLimiter_take(limiter, 1000), 100);
  assert_int_equal(SocketLimiter_set_rate(limiter, 1000000, 20000), 0);
  assert_int_equal(SocketLimiter_get_rate(limiter), 1000000);
  assert_int_equal(SocketLimiter_get_burst(limiter), 20000);
  pass_ms(world, 10);
  assert_int_equal(SocketLimiter_take(limiter, 50000), 10000);
  pass_ms(world, 20);
  assert_int_equal(SocketLimiter_set_rate(limiter, 10, 50), 0);
  assert_int_equal(SocketLimiter_take(limiter, 100), 50);
  SocketLimiter_free(&limiter);
}

static void bad_numbers(void **state) {
  World *world = *state;
  assert_refused(SocketLimiter_new(world->loop, 0, 1), SOCKET_EINVAL);
  assert_refused(SocketLimiter_new(world->loop, 1, 0), SOCKET_EINVAL);
  assert_refused(SocketLimiter_new(world->loop, 1, (int64_t)SOCKET_LIMITER_MAX + 1), SOCKET_EINVAL);
  assert_refused(SocketLimiter_new(world->loop, INT64_MAX, 1), SOCKET_EINVAL);
  SocketLimiter_T limiter = SocketLimiter_new(world->loop, 1, SOCKET_LIMITER_MAX);
  assert_int_equal(SocketLimiter_take(limiter, -1), SOCKET_EINVAL);
  assert_int_equal(SocketLimiter_delay(limiter, -1), SOCKET_EINVAL);
  assert_int_equal(SocketLimiter_set_rate(limiter, 0, 1), SOCKET_EINVAL);
  assert_int_equal(SocketLimiter_take(limiter, INT64_MAX), SOCKET_LIMITER_MAX);
  assert_in_range(SocketLimiter_delay(limiter, INT64_MAX), 2147483647000, 2147483648000);
  SocketLimiter_free(&limiter);
}

static int64_t time_of_pipeline(World *world, int64_t bytes, int64_t rate, int64_t burst,
                                int lines) {
  Recorder recorder;
  Feed out = pattern_feed(world->loop, bytes);
  SocketLimiter_T limiter = SocketLimiter_new(world->loop, rate, burst);
  SocketPipeline_T pipeline = pipeline_new(world->loop, &recorder);
  int64_t begun = world_ms(world);
  assert_int_equal(SocketPipeline_from_memory(pipeline, pattern(), bytes), 0);
  if (lines) assert_int_equal(SocketPipeline_add_lines(pipeline, 100000, 1), 0);
  assert_int_equal(SocketPipeline_add_limiter(pipeline, limiter), 0);
  assert_int_equal(SocketPipeline_to_callback(pipeline, feed_push, &out), 0);
  SocketLimiter_free(&limiter); /* it goes on as long as the pipeline does */
  assert_int_equal(pipeline_run(world->loop, pipeline, &recorder), 0);
  assert_int_equal(out.at, bytes);
  SocketPipeline_free(&pipeline);
  SocketTimer_free(&out.timer);
  return world_ms(world) - begun;
}

static void pipelines_take_their_time(void **state) {
  World *world = *state;
  assert_in_range(time_of_pipeline(world, 100000, 10000, 1000, 0), 9900, 9930);
  assert_in_range(time_of_pipeline(world, 100000, 10000, 200000, 0), 0, 1);
  assert_in_range(time_of_pipeline(world, 3000000, 1000000, 1000, 0), 2999, 3010);
  assert_in_range(time_of_pipeline(world, 100, 10, 1, 0), 9900, 10010);
  /* Whole lines, about 256 bytes each: more than the burst, which is made up for. */
  assert_in_range(time_of_pipeline(world, 100000, 10000, 10, 1), 9800, 10500);
}

static void several_share_one(void **state) {
  World *world = *state;
  enum { kMany = 4 };
  Recorder recorders[kMany];
  SocketPipeline_T pipelines[kMany];
  Feed outs[kMany];
  SocketLimiter_T limiter = SocketLimiter_new(world->loop, 100000, 1000);
  for (int i = 0; i < kMany; i++) {
    outs[i] = pattern_feed(world->loop, 1000000);
    pipelines[i] = pipeline_new(world->loop, &recorders[i]);
    assert_int_equal(SocketPipeline_from_memory(pipelines[i], pattern(), 1000000), 0);
    assert_int_equal(SocketPipeline_add_limiter(pipelines[i], limiter), 0);
    assert_int_equal(SocketPipeline_to_callback(pipelines[i], feed_push, &outs[i]), 0);
    assert_int_equal(SocketPipeline_start(pipelines[i]), 0);
  }
  pass_ms(world, 10000);
  int64_t total = 0;
  for (int i = 0; i < kMany; i++) {
    assert_in_range(outs[i].at, 240000, 260000); /* each its share */
    total += outs[i].at;
  }
  assert_in_range(total, 990000, 1001000);
  /* One that leaves its place in the queue keeps nobody; a change of the rate is felt at once. */
  SocketPipeline_free(&pipelines[1]);
  SocketPipeline_cancel(pipelines[2]);
  assert_int_equal(SocketLimiter_set_rate(limiter, 1, 1), 0);
  pass_ms(world, 1000);
  int64_t before = outs[0].at;
  pass_ms(world, 10000);
  assert_in_range(outs[0].at + outs[3].at - before, outs[3].at, outs[3].at + 11);
  assert_int_equal(SocketLimiter_set_rate(limiter, 10000000, 1000000), 0);
  pass_ms(world, 1000);
  assert_int_equal(outs[0].at, 1000000);
  assert_int_equal(outs[3].at, 1000000);
  assert_int_equal(recorders[0].count[SOCKET_FINISHED], 1);
  assert_int_equal(recorders[1].count[SOCKET_FINISHED], 0);
  assert_int_equal(recorders[2].last[SOCKET_FINISHED].status, SOCKET_ECANCELED);
  for (int i = 0; i < kMany; i++) SocketPipeline_free(&pipelines[i]);
  SocketLimiter_free(&limiter);
}

/* From one simulated stream to another: splicing is not possible, the result is the same. */
static void simulated_streams(void **state) {
  World *world = *state;
  static char received[300000];
  SocketStream_T writer, from, to, reader;
  Recorder recorder;
  assert_int_equal(SocketSimulation_set_piece(world->simulation, 3000), 0);
  assert_int_equal(SocketSimulation_pair(world->loop, world->loop, &writer, &from), 0);
  assert_int_equal(SocketSimulation_pair(world->loop, world->loop, &to, &reader), 0);
  SocketPipeline_T pipeline = pipeline_new(world->loop, &recorder);
  assert_int_equal(SocketPipeline_from_stream(pipeline, from), 0);
  assert_int_equal(SocketPipeline_to_stream(pipeline, to), 0);
  SocketFuture_T write = SocketAsync_write(writer, pattern(), 300000, -1);
  SocketFuture_T read = SocketAsync_read_exactly(reader, received, 300000, -1);
  assert_int_equal(SocketPipeline_start(pipeline), 0);
  assert_int_equal(SocketPipeline_get_zero_copy(pipeline), 0);
  assert_int_equal(SocketFuture_await(read, -1), 300000);
  assert_memory_equal(received, pattern(), 300000);
  assert_int_equal(finish(write), 300000);
  assert_int_equal(SocketStream_shutdown(writer), 0);
  run_until(world->loop, &recorder.count[SOCKET_FINISHED], 1);
  assert_int_equal(recorder.last[SOCKET_FINISHED].length, 300000);
  SocketFuture_free(&read);
  SocketPipeline_free(&pipeline);
}

int main(void) {
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
  const struct CMUnitTest tests[] = {
      WORLD_TEST(a_bucket_fills),
      WORLD_TEST(bad_numbers),
      WORLD_TEST(pipelines_take_their_time),
      WORLD_TEST(several_share_one),
      WORLD_TEST(simulated_streams),
  };
  return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
