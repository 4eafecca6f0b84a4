/* What the tests of the completion port share. */
#ifndef SOCKETPOLL_TEST_COMPLETION_PORT_H
#define SOCKETPOLL_TEST_COMPLETION_PORT_H

#define _GNU_SOURCE

#include "SocketCompletionPort.h"
#include "SocketError.h"
#include "SocketPlatform.h"

#include "cmocka_c.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG_MS = 20000 };

/* Every test opens with this; where there are no completion ports, that is all there is to see. */
static inline SocketCompletionPort_T make_port(void) {
  SocketCompletionPort_T port = SocketCompletionPort_new(0);
  if (SocketPlatform_capabilities() & SOCKET_CAN_COMPLETION_PORT) {
    assert_non_null(port);
  } else {
    assert_null(port);
    assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  }
  return port;
}

/* The one event that is expected now. */
static inline SocketPortEvent_T next_event(SocketCompletionPort_T port) {
  SocketPortEvent_T event;
  memset(&event, 0x55, sizeof event);
  assert_int_equal(SocketCompletionPort_wait_one(port, &event, LONG_MS), 1);
  return event;
}

static inline void assert_quiet(SocketCompletionPort_T port) {
  SocketPortEvent_T event;
  assert_int_equal(SocketCompletionPort_wait_one(port, &event, 0), 0);
}

static inline int bound_socket(int type, char address[64]) {
  struct sockaddr_in name;
  socklen_t length = sizeof name;
  const int fd = socket(AF_INET, type, 0);
  assert_true(fd >= 0);
  memset(&name, 0, sizeof name);
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
  snprintf(address, 64, "127.0.0.1:%d", ntohs(name.sin_port));
  return fd;
}

/* Two connected stream sockets, made by the port and associated with it. */
struct connection {
  int client, server;
};

static inline struct connection make_connection(SocketCompletionPort_T port) {
  struct connection made = {socket(AF_INET, SOCK_STREAM, 0), -1};
  char address[64], in_accept, in_connect;
  const int listener = bound_socket(SOCK_STREAM, address);
  assert_int_equal(listen(listener, 8), 0);
  assert_int_equal(SocketCompletionPort_associate(port, listener, 11), 0);
  assert_int_equal(SocketCompletionPort_associate(port, made.client, 12), 0);
  const int64_t accept = SocketCompletionPort_accept(port, listener, &in_accept);
  const int64_t connect = SocketCompletionPort_connect(port, made.client, address, &in_connect);
  assert_true(accept > 0 && connect > 0 && accept != connect);
  for (int i = 0; i < 2; i++) {
    const SocketPortEvent_T event = next_event(port);
    assert_int_equal(event.error, 0);
    assert_int_equal(event.bytes, 0);
    if (event.kind == SOCKET_PORT_ACCEPTED) {
      assert_true(event.operation == accept && event.user == &in_accept && event.key == 11);
      made.server = event.fd;
    } else {
      assert_int_equal(event.kind, SOCKET_PORT_CONNECTED);
      assert_true(event.operation == connect && event.user == &in_connect && event.key == 12);
      assert_int_equal(event.fd, made.client);
    }
  }
  assert_true(made.server >= 0);
  assert_int_equal(SocketCompletionPort_associate(port, made.server, 13), 0);
  close(listener);
  return made;
}

static inline void close_connection(struct connection both) {
  close(both.client);
  close(both.server);
}

#endif
