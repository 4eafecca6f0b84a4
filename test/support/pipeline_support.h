/* What the tests of pipelines share: ends of every kind behind one face. */
#ifndef SOCKETPOLL_TEST_PIPELINE_SUPPORT_H
#define SOCKETPOLL_TEST_PIPELINE_SUPPORT_H

#include "splice_support.h"

#include <socketpoll/SocketPipeline.h>

/* Of a callback source or sink: how much it moves at a time, and how often it has nothing. */
typedef struct Feed {
  const char *bytes;
  int64_t length, at;
  int64_t piece; /* at most; 0: as much as there is room for; -n: up to n */
  int every;     /* each call of so many gets SOCKET_EAGAIN; 0: none */
  int calls;
  int units;       /* that a sink got */
  int64_t fail_at; /* from this offset on: `code`; only if it is not 0 */
  int code;
  SocketTimer_T timer; /* resumes */
  SocketPipeline_T waiting;
} Feed;

static inline void feed_resume(const SocketCompletion_T *event, void *user) {
  (void)event;
  Feed *feed = user;
  SocketPipeline_resume(feed->waiting);
}

static inline int feed_stalls(Feed *feed, SocketPipeline_T pipeline) {
  if (!feed->every || ++feed->calls % feed->every) return 0;
  feed->waiting = pipeline;
  SocketTimer_set_callback(feed->timer, feed_resume, feed);
  SocketTimer_start(feed->timer, 0, 0);
  return 1;
}

static inline int64_t feed_pull(SocketPipeline_T pipeline, void *into, int64_t capacity,
                                void *user) {
  Feed *feed = user;
  if (feed_stalls(feed, pipeline)) return SOCKET_EAGAIN;
  if (feed->code && feed->at >= feed->fail_at) return feed->code;
  int64_t length = feed->length - feed->at;
  if (length > capacity) length = capacity;
  int64_t most = feed->piece;
  if (most < 0) most = 1 + (int64_t)((uint32_t)feed->at * 2654435761u >> 12) % -most;
  if (most && length > most) length = most;
  memcpy(into, feed->bytes + feed->at, (size_t)length);
  feed->at += length;
  return length;
}

/* Compares with what is expected. */
static inline int feed_push(SocketPipeline_T pipeline, const void *data, int64_t length,
                            void *user) {
  Feed *feed = user;
  if (feed_stalls(feed, pipeline)) return SOCKET_EAGAIN;
  if (feed->code && feed->at >= feed->fail_at) return feed->code;
  assert_true(feed->at + length <= feed->length);
  if (length) assert_memory_equal(data, feed->bytes + feed->at, (size_t)length);
  feed->at += length;
  feed->units++;
  return 0;
}

static inline Feed pattern_feed(SocketLoop_T loop, int64_t length) {
  Feed feed;
  memset(&feed, 0, sizeof feed);
  feed.bytes = pattern(), feed.length = length, feed.timer = SocketTimer_new(loop);
  return feed;
}

static inline SocketPipeline_T pipeline_new(SocketLoop_T loop, Recorder *recorder) {
  SocketPipeline_T pipeline = SocketPipeline_new(loop);
  assert_non_null(pipeline);
  memset(recorder, 0, sizeof *recorder);
  assert_int_equal(SocketPipeline_set_callback(pipeline, record, recorder), 0);
  return pipeline;
}

/* Runs it to its end; what SOCKET_FINISHED said. */
static inline int pipeline_run(SocketLoop_T loop, SocketPipeline_T pipeline, Recorder *recorder) {
  assert_int_equal(SocketPipeline_start(pipeline), 0);
  run_until(loop, &recorder->count[SOCKET_FINISHED], 1);
  assert_int_equal(recorder->last[SOCKET_FINISHED].length, SocketPipeline_get_written(pipeline));
  return recorder->last[SOCKET_FINISHED].status;
}

/* From memory to a callback, with what `build` puts between; its status. `feed` says what is
 * expected. */
static inline int transform_run(SocketLoop_T loop, const void *input, int64_t length, int64_t cut,
                                void (*build)(SocketPipeline_T), Feed *feed) {
  Recorder recorder;
  SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
  Feed source = {input, length, 0, cut, 0, 0, 0, 0, 0, NULL, NULL};
  assert_int_equal(SocketPipeline_from_callback(pipeline, feed_pull, &source), 0);
  build(pipeline);
  assert_int_equal(SocketPipeline_to_callback(pipeline, feed_push, feed), 0);
  int status = pipeline_run(loop, pipeline, &recorder);
  SocketPipeline_free(&pipeline);
  return status;
}

#endif
