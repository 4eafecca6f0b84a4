/* Connections by the thousand that are no TLS, or none that comes to anything, among those of good
 * clients: each of these is served, every bad one is counted and gone, nothing is left of it. */
#include "support/sanitized.h"
#include "support/tls_support.h"

#include <errno.h>

enum {
  CONNECTIONS = SANITIZED ? 300 : 2000,
  AT_ONCE = 24, /* of the bad ones */
  BOUND = 32,   /* on handshakes under way */
  GOOD_EVERY = 25,
  DEADLINE_MS = 3000 /* far more than a good one takes */
};

/* A hello of a client, recorded once: bad ones are made of it. */
static unsigned char hello[4096];
static int hello_length;

enum Manner { ENDS, RESETS, FALLS_SILENT, MANNERS };

typedef struct Bad {
  int fd; /* -1: there is none */
  int manner;
  int ended; /* our side */
} Bad;

typedef struct Flood {
  Secured *to;
  SocketLoop_T clients; /* of the good ones */
  unsigned random;
  Bad bad[AT_ONCE];
  int began;
  int good_began, good_served;
  SocketStream_T good, serving;
} Flood;

static unsigned draw(Flood *flood, unsigned below) {
  flood->random = flood->random * 1664525u + 1013904223u;
  return (flood->random >> 8) % below;
}

/* What the hello's first record says of its version, or of its length, is changed. */
static int altered_hello(unsigned char *out, int at, unsigned first, unsigned second) {
  memcpy(out, hello, (size_t)hello_length);
  out[at] = (unsigned char)first;
  out[at + 1] = (unsigned char)second;
  return hello_length;
}

static int text_of(unsigned char *out, const char *text, size_t length) {
  memcpy(out, text, length);
  return (int)length;
}
#define LITERAL(out, text) text_of(out, text, sizeof(text) - 1)

/* Garbage of one kind or another, its length. */
static int make_garbage(Flood *flood, unsigned char *out) {
  int length = 0;
  switch (draw(flood, 11)) {
  case 0: return LITERAL(out, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  case 1: /* no record at all */
    length = 1 + (int)draw(flood, 2000);
    for (int i = 0; i < length; i++) out[i] = (unsigned char)draw(flood, 256);
    return length;
  case 2: /* a hello that is cut short */
    altered_hello(out, 1, 3, 1);
    return 1 + (int)draw(flood, (unsigned)hello_length - 1);
  case 3: return LITERAL(out, "\x16\x03\x01\x00\x00");
  case 4: return LITERAL(out, "\x16\x03\x01\xff\xff garbage");
  case 5: return LITERAL(out, "\x15\x03\x03\x00\x02\x02\x28"); /* an alert */
  case 6:
    return LITERAL(out, "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80"); /* SSLv2 */
  case 7: return altered_hello(out, 9, 3, 2);                                        /* TLS 1.1 */
  case 8: return altered_hello(out, 7, 0xff, 0xff);  /* a message that says it is longer */
  case 9: return altered_hello(out, 43, 0xff, 0xff); /* a session's name that is too long */
  default: return altered_hello(out, 1, 3, 1);       /* a good one, and nothing behind it */
  }
}

static void begin_bad(Flood *flood, Bad *bad) {
  unsigned char bytes[4096];
  bad->fd = raw_connect(port_of(flood->to->address));
  bad->ended = 0;
  bad->manner = (int)draw(flood, MANNERS);
  /* Few are, for they are in the way until their time is over. */
  if (bad->manner == FALLS_SILENT && draw(flood, 30) != 0) bad->manner = ENDS;
  const int length = draw(flood, 12) == 0 ? 0 : make_garbage(flood, bytes);
  if (length > 0) assert_int_equal(send(bad->fd, bytes, (size_t)length, MSG_NOSIGNAL), length);
  flood->began++;
}

/* Gone, as far as we are concerned: when the server has ended it, or at once where it is reset. */
static void look_at(Flood *flood, Bad *bad) {
  char answer[4096];
  if (bad->manner == RESETS) {
    /* Some turns later, so that the server is anywhere with it. */
    if (draw(flood, 4) == 0) {
      raw_reset(bad->fd);
      bad->fd = -1;
    }
    return;
  }
  if (bad->manner == ENDS && !bad->ended) {
    shutdown(bad->fd, SHUT_WR);
    bad->ended = 1;
  }
  const ssize_t got = recv(bad->fd, answer, sizeof answer, MSG_DONTWAIT);
  if (got > 0 || (got < 0 && errno == EAGAIN)) return;
  close(bad->fd);
  bad->fd = -1;
}

/* A good client, one at a time: it sends a line and gets it back. */
static void on_good(const SocketCompletion_T *event, void *user) {
  Flood *flood = user;
  if (event->kind == SOCKET_CONNECTED) {
    assert_int_equal(SocketStream_start(flood->good), 0);
    assert_true(SocketStream_write(flood->good, "hello\n", 6) >= 0);
  }
  if (event->kind == SOCKET_DATA) {
    assert_int_equal(event->length, 6);
    flood->good_served++;
    SocketStream_free(&flood->good);
  }
  if (event->kind == SOCKET_CLOSED) fail_msg("a good one ended with %d", event->status);
}

static void on_served(const SocketCompletion_T *event, void *user) {
  (void)user;
  SocketStream_T stream = event->subject;
  if (event->kind == SOCKET_DATA)
    assert_true(SocketStream_write(stream, event->data, event->length) >= 0);
  if (event->kind == SOCKET_CLOSED || event->kind == SOCKET_EOF) SocketStream_free(&stream);
}

static void on_accepted(const SocketCompletion_T *event, void *user) {
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_set_callback(event->subject, on_served, user);
  SocketStream_start(event->subject);
}

static void begin_good(Flood *flood) {
  flood->good = SocketStream_connect_tls(flood->clients, flood->to->address, flood->to->client,
                                         "localhost", HANG_MS);
  assert_non_null(flood->good);
  SocketStream_set_callback(flood->good, on_good, flood);
  flood->good_began++;
}

static void record_hello(Secured *to) {
  char address[64];
  const int listener = raw_listen(4, address);
  SocketStream_T stream = SocketStream_connect_tls(to->loop, address, to->client, "localhost", -1);
  const int fd = accept(listener, NULL, NULL);
  while ((hello_length = (int)recv(fd, hello, sizeof hello, MSG_DONTWAIT)) <= 0)
    assert_true(SocketLoop_run_once(to->loop, 1) >= 0);
  assert_true(hello_length > 50 && hello[0] == 0x16 && hello[5] == 1);
  SocketStream_free(&stream);
  close(fd), close(listener);
}

static int all_gone(const Flood *flood) {
  if (flood->began < CONNECTIONS || flood->good_served < CONNECTIONS / GOOD_EVERY) return 0;
  for (int i = 0; i < AT_ONCE; i++)
    if (flood->bad[i].fd >= 0) return 0;
  return 1;
}

static void thousands_of_bad_ones(void **state) {
  Flood flood = {.to = *state, .random = 7};
  SocketLoop_T loop = flood.to->loop;
  assert_int_equal(SocketTLS_set_handshake_timeout(flood.to->server, DEADLINE_MS), 0);
  assert_int_equal(SocketTLS_set_max_handshakes(flood.to->server, BOUND), 0);
  record_hello(flood.to);
  const int lowest = dup(0);
  close(lowest);
  flood.clients = SocketLoop_new();
  SocketListener_set_callback(flood.to->listener, on_accepted, &flood);
  for (int i = 0; i < AT_ONCE; i++) flood.bad[i].fd = -1;
  const int64_t objects = SocketLoop_get_stat(loop, SOCKET_STAT_OBJECTS);
  const int64_t descriptors = SocketLoop_get_stat(loop, SOCKET_STAT_DESCRIPTORS);
  while (!all_gone(&flood)) {
    for (int i = 0; i < AT_ONCE; i++)
      if (flood.bad[i].fd >= 0)
        look_at(&flood, &flood.bad[i]);
      else if (flood.began < CONNECTIONS)
        begin_bad(&flood, &flood.bad[i]);
    if (!flood.good && flood.good_began < flood.began / GOOD_EVERY) begin_good(&flood);
    assert_true(SocketLoop_run_once(loop, 1) >= 0);
    assert_true(SocketLoop_run_once(flood.clients, 0) >= 0);
  }
  /* What was reset may still be on its way to be noticed. */
  const int64_t counted = flood.began + flood.good_served;
  while (SocketLoop_get_stat(loop, SOCKET_STAT_TLS_HANDSHAKES) +
                 SocketLoop_get_stat(loop, SOCKET_STAT_TLS_FAILED) <
             counted ||
         SocketLoop_get_stat(loop, SOCKET_STAT_OBJECTS) > objects)
    assert_true(SocketLoop_run_once(loop, 1) >= 0);
  assert_int_equal(flood.good_served, CONNECTIONS / GOOD_EVERY);
  assert_int_equal(SocketLoop_get_stat(loop, SOCKET_STAT_TLS_HANDSHAKES), flood.good_served);
  assert_int_equal(SocketLoop_get_stat(loop, SOCKET_STAT_TLS_FAILED), flood.began);
  assert_int_equal(SocketLoop_get_stat(loop, SOCKET_STAT_DESCRIPTORS), descriptors);
  SocketLoop_free(&flood.clients);
  if (left_out_on_windows("numbers of descriptors are not given out in order")) return;
  const int lowest_now = dup(0);
  assert_int_equal(lowest_now, lowest);
  close(lowest_now);
}

int main(void) {
  const struct CMUnitTest tests[] = {secured_test(thousands_of_bad_ones)};
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
