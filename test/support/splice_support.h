/* What the tests of splices and pipelines share: bytes that tell where they came from, raw peers
 * that take turns with the loop, and files that go away. */
#ifndef SOCKETPOLL_TEST_SPLICE_SUPPORT_H
#define SOCKETPOLL_TEST_SPLICE_SUPPORT_H

#include "net_support.h"

#include <errno.h>

#include <socketpoll/SocketAsync.h>

#define PATTERN_BYTES (6 << 20)

/* The bytes that every test moves; the same in all of them. */
static inline const char *pattern(void) {
  static char bytes[PATTERN_BYTES];
  static int made;
  if (!made) {
    uint32_t state = 12345;
    for (int i = 0; i < PATTERN_BYTES; i++) {
      state = state * 1664525u + 1013904223u;
      bytes[i] = (char)(state >> 24);
    }
    made = 1;
  }
  return bytes;
}

static inline int loop_setup(void **state) { return (*state = SocketLoop_new()) ? 0 : -1; }
static inline int loop_teardown(void **state) {
  SocketLoop_T loop = *state;
  SocketLoop_free(&loop);
  return 0;
}

/* Waits for it, frees it and gives its result. */
static inline int64_t finish(SocketFuture_T future) {
  assert_non_null(future);
  int64_t result = SocketFuture_await(future, HANG_MS);
  SocketFuture_free(&future);
  return result;
}

static inline void assert_refused(const void *handle, int code) {
  assert_null(handle);
  assert_int_equal(Socket_last_error(), code);
}

static inline void unblock(int fd) {
  assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* A stream of the loop and a non-blocking socket at its far end; small kernel buffers if asked. */
static inline RawPair quiet_pair(SocketLoop_T loop, int small) {
  RawPair pair = make_raw_pair(loop);
  unblock(pair.peer);
  if (small) {
    int bytes = 32768; /* much smaller ones wait for delayed acknowledgements */
    assert_int_equal(SocketStream_set_send_buffer(pair.stream, bytes), 0);
    assert_int_equal(SocketStream_set_receive_buffer(pair.stream, bytes), 0);
    setsockopt(pair.peer, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(pair.peer, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  SocketListener_free(&pair.listener);
  return pair;
}

static inline void drop_pair(RawPair *pair) {
  SocketStream_free(&pair->stream);
  if (pair->peer >= 0) close(pair->peer);
  pair->peer = -1;
}

/* The pattern on its way: what was written at one end and what came out at the other. */
typedef struct Flow {
  int in, out;         /* non-blocking; -1: none */
  int64_t sent, total; /* written to `in`, which is shut down after `total` */
  int64_t received;    /* from `out`, checked against the pattern */
  int ended;           /* the end of `out` was seen */
} Flow;

static inline void flow_in(Flow *flow) {
  while (flow->in >= 0 && flow->sent < flow->total) {
    ssize_t count =
        send(flow->in, pattern() + flow->sent, (size_t)(flow->total - flow->sent), MSG_NOSIGNAL);
    if (count < 0) return;
    flow->sent += count;
    if (flow->sent == flow->total) shutdown(flow->in, SHUT_WR);
  }
}

static inline void flow_out(Flow *flow) {
  static char bytes[65536];
  for (;;) {
    ssize_t count = recv(flow->out, bytes, sizeof bytes, 0);
    if (count <= 0) {
      flow->ended |= count == 0;
      return;
    }
    assert_true(flow->received + count <= PATTERN_BYTES);
    assert_memory_equal(bytes, pattern() + flow->received, (size_t)count);
    flow->received += count;
  }
}

static inline void flow_turn(SocketLoop_T loop, Flow *flow) {
  flow_in(flow);
  assert_true(SocketLoop_run_once(loop, 1) >= 0);
  flow_out(flow);
}

static inline void flow_until_done(SocketLoop_T loop, Flow *flow, SocketFuture_T future) {
  int64_t end = monotonic_ms() + HANG_MS;
  while (SocketFuture_is_done(future) == 0) {
    flow_turn(loop, flow);
    assert_true(monotonic_ms() < end);
  }
}

static inline void flow_until_received(SocketLoop_T loop, Flow *flow, int64_t bytes) {
  int64_t end = monotonic_ms() + HANG_MS;
  while (flow->received < bytes) {
    flow_turn(loop, flow);
    assert_true(monotonic_ms() < end);
  }
  assert_int_equal(flow->received, bytes);
}

/* An open file without a name that holds the first `length` bytes of the pattern. */
static inline int pattern_file(int64_t length) {
  char name[] = "/tmp/socketpoll-test-XXXXXX";
  int fd = mkstemp(name);
  assert_true(fd >= 0);
  unlink(name);
  for (int64_t at = 0; at < length;) {
    ssize_t count = pwrite(fd, pattern() + at, (size_t)(length - at), (off_t)at);
    assert_true(count > 0);
    at += count;
  }
  return fd;
}

#endif
