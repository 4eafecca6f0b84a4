/* What the tests of the net floor share: a recorder for pushed events, and loops that end. */
#ifndef SOCKETPOLL_TEST_NET_SUPPORT_H
#define SOCKETPOLL_TEST_NET_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* POSIX beside strict C11; each test includes this before anything else */
#endif

#include "cmocka_c.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

static inline int total_events(const Recorder *recorder) { return (int)strlen(recorder->order); }

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

/* ---- Peers that are plain sockets, for what no well-behaved stream would do. */

static inline int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int port_of(const char *address) { return atoi(strrchr(address, ':') + 1); }

static inline struct sockaddr_in loopback(int port) {
  struct sockaddr_in to;
  memset(&to, 0, sizeof to);
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons((uint16_t)port);
  return to;
}

/* A blocking socket, connected to the loopback's port. */
static inline int raw_connect(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = loopback(port);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

/* A blocking socket that listens on a free port of the loopback. */
static inline int raw_listen(int backlog, char address[64]) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = loopback(0);
  socklen_t length = sizeof at;
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(fd, backlog), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
  snprintf(address, 64, "127.0.0.1:%d", ntohs(at.sin_port));
  return fd;
}

/* Closes with a reset instead of an orderly end. */
static inline void raw_reset(int fd) {
  struct linger hard = {1, 0};
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  close(fd);
}

/* A stream, accepted, in pull delivery and not yet reading, and the plain socket at its far end. */
typedef struct RawPair {
  SocketListener_T listener;
  SocketStream_T stream;
  int peer;
} RawPair;

static inline RawPair make_raw_pair(SocketLoop_T loop) {
  char address[64];
  RawPair pair;
  pair.listener = listen_local(loop, address);
  pair.peer = raw_connect(port_of(address));
  pair.stream = pull_one(loop, SOCKET_ACCEPTED).subject;
  return pair;
}

/* Writes until the stream is at its high mark or broken; what the last write answered. */
static inline int64_t write_until_refused(SocketStream_T stream, int64_t *taken) {
  static char block[65536];
  for (;;) {
    int64_t queued = SocketStream_write(stream, block, sizeof block);
    if (queued < 0) return queued;
    *taken += (int64_t)sizeof block;
  }
}

/* Processor time of this process, in ms. */
static inline int64_t cpu_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
