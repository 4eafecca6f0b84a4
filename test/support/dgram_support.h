/* What the tests of datagrams share. */
#ifndef SOCKETPOLL_TEST_DGRAM_SUPPORT_H
#define SOCKETPOLL_TEST_DGRAM_SUPPORT_H

#include "support/net_support.h"

#include <socketpoll/SocketDgram.h>

/* A socket bound to `address`, whose text is then its own; started, in pull delivery. */
static inline SocketDgram_T bound_at(SocketLoop_T loop, const char *where, char address[128]) {
  SocketDgram_T dgram = SocketDgram_new(loop);
  assert_non_null(dgram);
  assert_int_equal(SocketDgram_bind(dgram, where), 0);
  assert_int_equal(SocketDgram_start(dgram), 0);
  assert_true(SocketDgram_get_local(dgram, address, 128) > 0);
  return dgram;
}

static inline SocketDgram_T bound(SocketLoop_T loop, char address[128]) {
  return bound_at(loop, "127.0.0.1:0", address);
}

/* An abstract name that no other test of this moment has. */
static inline void abstract_name(char address[128], const char *what) {
  static int number;
  snprintf(address, 128, "unix:@socketpoll-test-%d-%s-%d", (int)getpid(), what, number++);
}

static inline void send_text(SocketDgram_T from, const char *to, const char *text) {
  assert_int_equal(SocketDgram_send_to(from, to, text, (int64_t)strlen(text)), 0);
}

/* Waits for one pulled datagram, which must be `text`. */
static inline SocketCompletion_T pull_text(SocketLoop_T loop, SocketDgram_T at, const char *text) {
  SocketCompletion_T event = pull_one(loop, SOCKET_DATAGRAM);
  assert_ptr_equal(event.subject, at);
  assert_int_equal(event.status, 0);
  assert_int_equal(event.length, (int)strlen(text));
  assert_memory_equal(event.data, text, strlen(text));
  return event;
}

/* The text of a token. */
static inline const char *sender_of(SocketDgram_T dgram, void *source) {
  static char text[128];
  int length = SocketDgram_get_sender(dgram, source, text, sizeof text);
  assert_int_equal(length, (int)strlen(text));
  return text;
}

/* A port of the loopback that nobody is bound to. */
static inline void nobody_at(SocketLoop_T loop, const char *where, char address[128]) {
  SocketDgram_T gone = bound_at(loop, where, address);
  SocketDgram_free(&gone);
}

#endif
