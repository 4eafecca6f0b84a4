/* What the tests of the HTTP server share: a site (a loop with a server on it), and raw clients in
 * the same thread that take turns with the loop, so that nothing here waits for a scheduler. */
#ifndef SOCKETPOLL_TEST_HTTP_WIRE_H
#define SOCKETPOLL_TEST_HTTP_WIRE_H

#include "cmocka_c.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <socketpoll/SocketHTTPServer.h>

#define HANG_MS 20000 /* longer than anything here takes: a test that gets there has failed */

static inline int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- The site */

typedef struct Site {
  SocketLoop_T loop;
  SocketHTTPServer_T server;
  int port;
  void (*pulled)(struct Site *site, const SocketCompletion_T *event); /* NULL: counted only */
  int seen[32];                                                       /* pulled events by kind */
  SocketCompletion_T last[32];
  void *user;
} Site;

static inline void site_open(Site *site) {
  memset(site, 0, sizeof *site);
  site->loop = SocketLoop_new();
  assert_non_null(site->loop);
  site->server = SocketHTTPServer_new(site->loop);
  assert_non_null(site->server);
#if defined(_WIN32) /* what is sent byte by byte takes its time under Wine */
  assert_int_equal(SocketHTTPServer_set_head_timeout(site->server, 120000), 0);
  assert_int_equal(SocketHTTPServer_set_body_timeout(site->server, 120000), 0);
  assert_int_equal(SocketHTTPServer_set_write_timeout(site->server, 120000), 0);
#endif
}

/* For the setup of a test that leaves its site in *state, and its end. */
static inline Site *site_new(void) {
  Site *site = malloc(sizeof *site);
  assert_non_null(site);
  site_open(site);
  return site;
}

static inline int site_teardown(void **state) {
  Site *site = *state;
  SocketLoop_free(&site->loop);
  free(site);
  return 0;
}

static inline void site_listen(Site *site) {
  assert_int_equal(SocketHTTPServer_listen(site->server, "127.0.0.1:0"), 0);
  site->port = SocketHTTPServer_get_port(site->server);
  assert_true(site->port > 0);
}

static inline void site_close(Site *site) {
  SocketLoop_free(&site->loop);
  assert_null(site->loop);
}

static inline void site_turn(Site *site, int timeout_ms) {
  SocketCompletion_T events[16];
  int count = SocketLoop_wait(site->loop, events, 16, timeout_ms);
  if (count == SOCKET_ESTOPPED) return; /* a callback freed the loop */
  assert_true(count >= 0);
  for (int i = 0; i < count; i++) {
    site->seen[events[i].kind]++;
    site->last[events[i].kind] = events[i];
    if (site->pulled) site->pulled(site, &events[i]);
  }
}

/* Turns until *count is at least `wanted`. */
static inline void site_until(Site *site, const int *count, int wanted) {
  const int64_t end = now_ms() + HANG_MS;
  while (*count < wanted) {
    site_turn(site, 1);
    assert_true(now_ms() < end);
  }
}

static inline void site_until_connections(Site *site, int wanted) {
  const int64_t end = now_ms() + HANG_MS;
  while (SocketHTTPServer_get_connections(site->server) != wanted) {
    site_turn(site, 1);
    assert_true(now_ms() < end);
  }
}

static inline void site_settle(Site *site) {
  for (int i = 0; i < 4; i++) site_turn(site, 0);
}

/* ---- A client */

typedef struct Wire {
  Site *site;
  int fd;
  char *bytes; /* received and not taken */
  size_t length, room;
  int ended; /* 1: end of stream, -1: reset */
} Wire;

static inline Wire wire_open_with(Site *site, int receive_buffer) {
  Wire wire = {site, socket(AF_INET, SOCK_STREAM, 0), NULL, 0, 0, 0};
  struct sockaddr_in to = {0};
  int one = 1;
  to.sin_family = AF_INET;
  to.sin_port = htons((uint16_t)site->port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_true(wire.fd >= 0);
  if (receive_buffer)
    setsockopt(wire.fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  assert_int_equal(connect(wire.fd, (struct sockaddr *)&to, sizeof to), 0);
  fcntl(wire.fd, F_SETFL, O_NONBLOCK);
  setsockopt(wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return wire;
}
static inline Wire wire_open(Site *site) { return wire_open_with(site, 0); }

static inline void wire_close(Wire *wire) {
  if (wire->fd >= 0) close(wire->fd);
  free(wire->bytes);
  memset(wire, 0, sizeof *wire);
  wire->fd = -1;
}

/* Closes so that the peer is told by a reset. */
static inline void wire_reset(Wire *wire) {
  struct linger hard = {1, 0};
  setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  wire_close(wire);
}

/* What the kernel takes at once. */
static inline size_t wire_try(Wire *wire, const void *data, size_t length) {
  ssize_t sent = send(wire->fd, data, length, MSG_NOSIGNAL);
  return sent < 0 ? 0 : (size_t)sent;
}

/* Takes what has come; 0 when nothing did. */
static inline int wire_receive(Wire *wire) {
  if (wire->ended) return 0;
  if (wire->room - wire->length < 65536) {
    wire->room = wire->room ? 2 * wire->room : 131072;
    wire->bytes = realloc(wire->bytes, wire->room + 1);
    assert_non_null(wire->bytes);
  }
  ssize_t got = recv(wire->fd, wire->bytes + wire->length, wire->room - wire->length, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0)
    wire->ended = got == 0 ? 1 : -1;
  else
    wire->length += (size_t)got;
  wire->bytes[wire->length] = '\0';
  return 1;
}

static inline void wire_send_bytes(Wire *wire, const void *data, size_t length) {
  const int64_t end = now_ms() + HANG_MS;
  for (size_t at = 0; at < length;) {
    size_t sent = wire_try(wire, (const char *)data + at, length - at);
    at += sent;
    if (sent) continue;
    site_turn(wire->site, 0);
    wire_receive(wire);
    if (wire->ended) return; /* the server has refused */
    assert_true(now_ms() < end);
  }
}
static inline void wire_send(Wire *wire, const char *text) {
  wire_send_bytes(wire, text, strlen(text));
}

/* Turns and receives once; waits a little when nothing moves. */
static inline void wire_step(Wire *wire) {
  site_turn(wire->site, 0);
  if (wire_receive(wire)) return;
  site_turn(wire->site, 1);
  wire_receive(wire);
}

static inline void wire_take(Wire *wire, size_t count) {
  wire->length -= count;
  memmove(wire->bytes, wire->bytes + count, wire->length + 1);
}

/* Everything until the server closes; wire->bytes then. Returns wire->ended. */
static inline int wire_read_all(Wire *wire) {
  const int64_t end = now_ms() + HANG_MS;
  while (!wire->ended) {
    wire_step(wire);
    assert_true(now_ms() < end);
  }
  return wire->ended;
}

static inline void wire_expect_end(Wire *wire) {
  assert_int_equal(wire_read_all(wire), 1);
  if (wire->length) print_error("more than was expected: %s\n", wire->bytes);
  assert_int_equal(wire->length, 0);
}

/* ---- A response */

typedef struct Reply {
  int status;
  char head[40000];
  char *body; /* decoded */
  size_t length;
  int chunked, closed; /* ended by closing */
} Reply;

static inline const char *reply_header(const Reply *reply, const char *name) {
  static char value[20000];
  const size_t size = strlen(name);
  for (const char *line = strstr(reply->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, size) != 0 || line[2 + size] != ':') continue;
    const char *from = line + 3 + size + (line[3 + size] == ' ');
    const size_t length = (size_t)(strstr(from, "\r\n") - from);
    memcpy(value, from, length);
    value[length] = '\0';
    return value;
  }
  return NULL;
}

static inline int reply_header_is(const Reply *reply, const char *name, const char *value) {
  const char *found = reply_header(reply, name);
  return found ? value && strcmp(found, value) == 0 : value == NULL;
}

/* Decodes the chunked body at `from`; the bytes that it takes on the wire, or 0 if it is not whole.
 */
static inline size_t decode_chunked(const char *from, size_t length, Reply *reply) {
  size_t at = 0, out = 0;
  for (;;) {
    const char *line_end = memchr(from + at, '\n', length - at);
    if (!line_end) return 0;
    const size_t size = strtoul(from + at, NULL, 16);
    at = (size_t)(line_end - from) + 1;
    if (length - at < size + 2) return 0;
    memcpy(reply->body + out, from + at, size);
    assert_memory_equal(from + at + size, "\r\n", 2);
    at += size + 2;
    out += size;
    if (size == 0) {
      reply->length = out;
      return at;
    }
  }
}

static inline int reply_parse(Wire *wire, Reply *reply, int bodyless) {
  char *end = wire->length ? strstr(wire->bytes, "\r\n\r\n") : NULL;
  if (!end) return 0;
  const size_t head = (size_t)(end - wire->bytes) + 4;
  assert_true(head < sizeof reply->head);
  memcpy(reply->head, wire->bytes, head);
  reply->head[head] = '\0';
  assert_memory_equal(reply->head, "HTTP/1.1 ", 9);
  reply->status = atoi(reply->head + 9);
  reply->chunked = reply->closed = 0;
  reply->length = 0;
  reply->body = realloc(reply->body, wire->length + 1);
  const char *length = reply_header(reply, "Content-Length");
  size_t taken = 0;
  if (bodyless || reply->status < 200 || reply->status == 204 || reply->status == 304) {
    taken = 0;
  } else if (reply_header(reply, "Transfer-Encoding")) {
    reply->chunked = 1;
    taken = decode_chunked(wire->bytes + head, wire->length - head, reply);
    if (taken == 0) return 0;
  } else {
    reply->closed = length == NULL;
    if (reply->closed && !wire->ended) return 0;
    taken = length ? strtoul(length, NULL, 10) : wire->length - head;
    if (wire->length - head < taken) return 0;
    memcpy(reply->body, wire->bytes + head, taken);
    reply->length = taken;
  }
  reply->body[reply->length] = '\0';
  wire_take(wire, head + taken);
  return 1;
}

static inline void wire_reply_to(Wire *wire, Reply *reply, int bodyless) {
  const int64_t end = now_ms() + HANG_MS;
  while (!reply_parse(wire, reply, bodyless)) {
    if (wire->ended || now_ms() >= end) {
      print_error("no response (ended: %d), but: %.300s\n", wire->ended,
                  wire->bytes ? wire->bytes : "");
      fail();
    }
    wire_step(wire);
  }
}
static inline void wire_reply(Wire *wire, Reply *reply) { wire_reply_to(wire, reply, 0); }

static inline void reply_free(Reply *reply) {
  free(reply->body);
  memset(reply, 0, sizeof *reply);
}

/* One request and its status; the body must be `body` unless that is NULL. */
static inline int wire_ask(Wire *wire, const char *request, const char *body) {
  Reply *reply = calloc(1, sizeof *reply);
  wire_send(wire, request);
  wire_reply_to(wire, reply, strncmp(request, "HEAD ", 5) == 0);
  if (body) assert_string_equal(reply->body, body);
  const int status = reply->status;
  reply_free(reply);
  free(reply);
  return status;
}

/* ---- Handlers */

static inline void answer_hello(SocketHTTP_T exchange, void *user) {
  (void)user;
  assert_int_equal(SocketHTTP_respond(exchange, 200, "text/plain", "Hello\n", 6), 0);
}

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

/* A pulled event for the exchange `x`. */
#define EVENT_EXCHANGE(event) ((SocketHTTP_T)(event)->subject)

#endif
