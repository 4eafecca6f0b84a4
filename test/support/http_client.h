/* What the tests of the HTTP server share: a server that runs in a thread of its own, and a client
 * that sends what it is told, byte for byte, and reads one response at a time. */
#ifndef SOCKETPOLL_TEST_HTTP_CLIENT_H
#define SOCKETPOLL_TEST_HTTP_CLIENT_H

#include "cmocka_c.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <socketpoll/SocketHTTPServer.h>

#define HTTP_HANG_S 30 /* longer than anything here takes: a test that gets there has failed */

/* ---- A server in a thread */

typedef struct HttpServer {
  SocketLoop_T loop;
  SocketHTTPServer_T server;
  pthread_t thread;
  int port;
} HttpServer;

static inline void *http_server_thread(void *loop) {
  return SocketLoop_run((SocketLoop_T)loop) == 0 ? loop : NULL;
}

/* To be set up (routes, limits, static folders) before http_server_start. */
static inline void http_server_new(HttpServer *self) {
  memset(self, 0, sizeof *self);
  self->loop = SocketLoop_new();
  assert_non_null(self->loop);
  self->server = SocketHTTPServer_new(self->loop);
  assert_non_null(self->server);
}

static inline void http_server_start(HttpServer *self) {
  assert_int_equal(SocketHTTPServer_listen(self->server, "127.0.0.1:0"), 0);
  self->port = SocketHTTPServer_get_port(self->server);
  assert_int_equal(pthread_create(&self->thread, NULL, http_server_thread, self->loop), 0);
}

static inline void http_server_free(HttpServer *self) {
  void *result = NULL;
  assert_int_equal(SocketLoop_stop(self->loop), 0);
  assert_int_equal(pthread_join(self->thread, &result), 0);
  assert_ptr_equal(result, self->loop);
  assert_int_equal(SocketLoop_claim(self->loop), 0);
  SocketLoop_free(&self->loop);
}

/* ---- A client */

typedef struct HttpClient {
  int fd;
  char *bytes; /* received and not used yet */
  size_t used;
  size_t capacity;
} HttpClient;

/* `receive_buffer`: bytes of SO_RCVBUF, 0 for the kernel's own choice. */
static inline HttpClient http_connect(int port, int receive_buffer) {
  HttpClient client = {socket(AF_INET, SOCK_STREAM, 0), NULL, 0, 0};
  struct sockaddr_in address;
  struct timeval patience = {HTTP_HANG_S, 0};
  assert_true(client.fd >= 0);
  setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (receive_buffer)
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
  return client;
}

static inline void http_disconnect(HttpClient *client) {
  close(client->fd);
  free(client->bytes);
  memset(client, 0, sizeof *client);
  client->fd = -1;
}

/* Closes with a reset instead of a FIN. */
static inline void http_reset(HttpClient *client) {
  struct linger linger = {1, 0};
  setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  http_disconnect(client);
}

static inline void http_send(HttpClient *client, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(client->fd, bytes, length, MSG_NOSIGNAL);
    assert_true(sent > 0);
    bytes += sent;
    length -= (size_t)sent;
  }
}

/* One more piece from the server: its size, 0 at the end, -1 if the connection was broken. */
static inline ssize_t http_receive(HttpClient *client) {
  if (client->capacity - client->used < 65536) {
    client->capacity = client->capacity * 2 + 65536;
    client->bytes = realloc(client->bytes, client->capacity);
    assert_non_null(client->bytes);
  }
  ssize_t got = recv(client->fd, client->bytes + client->used, 65536, 0);
  if (got > 0) client->used += (size_t)got;
  return got;
}

typedef struct HttpResponse {
  int status; /* 0: the connection ended before a whole response */
  char head[8192];
  char *body;
  size_t length;
} HttpResponse;

static inline void http_response_free(HttpResponse *response) {
  free(response->body);
  memset(response, 0, sizeof *response);
}

/* The value of a field, or NULL; in a buffer that the next call overwrites. */
static inline const char *http_header(const HttpResponse *response, const char *name) {
  static char value[4096];
  const size_t length = strlen(name);
  for (const char *line = response->head; (line = strstr(line, "\r\n"));) {
    line += 2;
    if (strncasecmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0) {
      const char *start = line + length + 2, *end = strstr(start, "\r\n");
      assert_non_null(end);
      assert_true((size_t)(end - start) < sizeof value);
      memcpy(value, start, (size_t)(end - start));
      value[end - start] = 0;
      return value;
    }
  }
  return NULL;
}

/* Reads the next response; its body by Content-Length, which every response here must have but
 * 304. */
static inline HttpResponse http_read(HttpClient *client, int is_head) {
  HttpResponse response;
  char *end = NULL;
  memset(&response, 0, sizeof response);
  while (!end) {
    if (client->used >= 4) end = memmem(client->bytes, client->used, "\r\n\r\n", 4);
    if (!end && http_receive(client) <= 0) return response;
  }
  size_t head = (size_t)(end - client->bytes) + 4;
  assert_true(head < sizeof response.head);
  memcpy(response.head, client->bytes, head);
  assert_int_equal(strncmp(response.head, "HTTP/1.1 ", 9), 0);
  int status = atoi(response.head + 9);
  const char *announced = http_header(&response, "Content-Length");
  if (status != 304) assert_non_null(announced);
  size_t length = is_head || !announced ? 0 : strtoull(announced, NULL, 10);
  while (client->used < head + length)
    if (http_receive(client) <= 0) return response;
  response.body = malloc(length + 1);
  assert_non_null(response.body);
  memcpy(response.body, client->bytes + head, length);
  response.body[length] = 0;
  response.length = length;
  client->used -= head + length;
  memmove(client->bytes, client->bytes + head + length, client->used);
  response.status = status;
  return response;
}

/* Sends `method target` with further lines ("Name: value\r\n", may be "") and reads the answer. */
static inline HttpResponse http_ask(HttpClient *client, const char *method, const char *target,
                                    const char *lines) {
  char request[16384];
  int length = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n", method,
                        target, lines);
  assert_true(length > 0 && (size_t)length < sizeof request);
  http_send(client, request, (size_t)length);
  return http_read(client, strcmp(method, "HEAD") == 0);
}

#endif
