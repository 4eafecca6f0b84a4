/* A client that writes a pattern as fast as the marks allow and checks what comes back, and the
 * listener's side that sends everything back: over any kind of stream. */
#ifndef SOCKETPOLL_TEST_ECHO_SUPPORT_H
#define SOCKETPOLL_TEST_ECHO_SUPPORT_H

#include "support/net_support.h"

typedef struct EchoClient {
  Recorder recorder;
  char *pattern;
  int64_t size, sent, received;
  int done;
} EchoClient;

static inline void echo_client_begin(EchoClient *client, int64_t size) {
  memset(client, 0, sizeof *client);
  client->size = size;
  client->pattern = malloc((size_t)size);
  for (int64_t i = 0; i < size; i++) client->pattern[i] = (char)(i * 31 + (i >> 8));
}

static inline void echo_client_end(EchoClient *client) { free(client->pattern); }

static inline void echo_client_send(EchoClient *client, SocketStream_T stream) {
  while (client->sent < client->size) {
    const int64_t left = client->size - client->sent, part = left < 300000 ? left : 300000;
    const int64_t queued = SocketStream_write(stream, client->pattern + client->sent, part);
    if (queued == SOCKET_EAGAIN) return;
    assert_true(queued >= 0);
    client->sent += part;
    if (client->sent == client->size) assert_int_equal(SocketStream_shutdown(stream), 0);
  }
}

/* The stream's callback; `user` is the EchoClient. */
static inline void echo_client_event(const SocketCompletion_T *event, void *user) {
  EchoClient *client = user;
  record(event, &client->recorder);
  SocketStream_T stream = event->subject;
  switch (event->kind) {
  case SOCKET_CONNECTED:
    assert_int_equal(SocketStream_start(stream), 0);
    echo_client_send(client, stream);
    break;
  case SOCKET_DRAINED: echo_client_send(client, stream); break;
  case SOCKET_DATA:
    assert_memory_equal(client->pattern + client->received, event->data, event->length);
    client->received += event->length;
    break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED: client->done = 1; break;
  }
}

static inline void push_echo(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  record(event, user);
  if (event->kind == SOCKET_DATA)
    assert_true(SocketStream_write(stream, event->data, event->length) >= 0);
  if (event->kind == SOCKET_EOF) assert_int_equal(SocketStream_close(stream), 0);
}

/* The listener's callback; `user` is a Recorder of its streams. The echo heeds no marks. */
static inline void accept_echo(const SocketCompletion_T *event, void *user) {
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_T stream = event->subject;
  assert_int_equal(SocketStream_set_marks(stream, 1 << 24, 1 << 25), 0);
  assert_int_equal(SocketStream_set_callback(stream, push_echo, user), 0);
  assert_int_equal(SocketStream_start(stream), 0);
}

#endif
