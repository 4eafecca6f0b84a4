/* What the tests of the net floor share: a recorder for pushed events, and loops that end. */
#ifndef SOCKETPOLL_TEST_NET_SUPPORT_H
#define SOCKETPOLL_TEST_NET_SUPPORT_H

#include "cmocka_c.h"

#include <stdio.h>
#include <string.h>

#include <socketpoll/SocketListener.h>
#include <socketpoll/SocketLoop.h>
#include <socketpoll/SocketStream.h>
#include <socketpoll/SocketTimer.h>
#include <socketpoll/SocketWatch.h>

#define HANG_MS 20000 /* longer than anything here takes: a test that gets there has failed */

/* Counts what was pushed to it, by kind, and keeps the last of each. */
typedef struct Recorder {
  int count[32];
  SocketCompletion_T last[32];
  int64_t bytes;
  char order[256]; /* one letter an event: 'a' + kind */
} Recorder;

static inline void record(const SocketCompletion_T *event, void *user) {
  Recorder *recorder = user;
  recorder->count[event->kind]++;
  recorder->last[event->kind] = *event;
  recorder->bytes += event->length;
  size_t length = strlen(recorder->order);
  if (length + 1 < sizeof recorder->order) recorder->order[length] = (char)('a' + event->kind);
}

/* Runs the loop until `*flag` is at least `wanted`. */
static inline void run_until(SocketLoop_T loop, const int *flag, int wanted) {
  while (*flag < wanted) {
    int events = SocketLoop_run_once(loop, HANG_MS);
    assert_true(events > 0);
  }
}

/* Waits for one pulled event of `kind`; other kinds fail the test. */
static inline SocketCompletion_T pull_one(SocketLoop_T loop, int kind) {
  SocketCompletion_T event;
  memset(&event, 0, sizeof event);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
  assert_int_equal(event.kind, kind);
  return event;
}

static inline SocketListener_T listen_local(SocketLoop_T loop, char address[64]) {
  SocketListener_T listener = SocketListener_new(loop);
  assert_non_null(listener);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), 0);
  snprintf(address, 64, "127.0.0.1:%d", SocketListener_get_port(listener));
  return listener;
}

/* A connected pair over loopback, both in pull delivery and not yet reading. */
typedef struct Pair {
  SocketListener_T listener;
  SocketStream_T client, server;
} Pair;

static inline Pair make_pair(SocketLoop_T loop) {
  char address[64];
  Pair pair;
  memset(&pair, 0, sizeof pair);
  pair.listener = listen_local(loop, address);
  pair.client = SocketStream_connect(loop, address, HANG_MS);
  assert_non_null(pair.client);
  for (int seen = 0; seen < 2;) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_ACCEPTED)
      pair.server = event.subject;
    else
      assert_int_equal(event.kind, SOCKET_CONNECTED);
    seen++;
  }
  return pair;
}

#endif
