/* The completion port: everything that it does on Windows, and that it says so where there is
 * none. */
#define _GNU_SOURCE

#include "SocketCompletionPort.h"
#include "SocketError.h"
#include "SocketPlatform.h"

#include "cmocka_c.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LONG_MS = 20000 };

/* Every test opens with this; where there are no completion ports, that is all there is to see. */
static SocketCompletionPort_T make_port(void) {
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
static SocketPortEvent_T next_event(SocketCompletionPort_T port) {
  SocketPortEvent_T event;
  memset(&event, 0x55, sizeof event);
  assert_int_equal(SocketCompletionPort_wait_one(port, &event, LONG_MS), 1);
  return event;
}

static void assert_quiet(SocketCompletionPort_T port) {
  SocketPortEvent_T event;
  assert_int_equal(SocketCompletionPort_wait_one(port, &event, 0), 0);
}

static int bound_socket(int type, char address[64]) {
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

static struct connection make_connection(SocketCompletionPort_T port) {
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

static void close_connection(struct connection both) {
  close(both.client);
  close(both.server);
}

static void it_says_what_is_there(void **state) {
  (void)state;
  assert_int_equal(sizeof(SocketPortEvent_T), 32 + sizeof(void *));
  SocketCompletionPort_T port = make_port(), none = NULL;
  SocketPortEvent_T event;
  char byte = 0;
  const int code = port ? SOCKET_EBADHANDLE : SOCKET_ENOTSUP;
  assert_int_equal(SocketCompletionPort_associate(NULL, 0, 0), code);
  assert_int_equal(SocketCompletionPort_wait(NULL, &event, 1, 0), code);
  assert_int_equal(SocketCompletionPort_wait_one(NULL, &event, 0), code);
  assert_int_equal(SocketCompletionPort_post(NULL, 0, 0, NULL), code);
  assert_true(SocketCompletionPort_accept(NULL, 0, NULL) == code);
  assert_true(SocketCompletionPort_connect(NULL, 0, "127.0.0.1:1", NULL) == code);
  assert_true(SocketCompletionPort_receive(NULL, 0, &byte, 1, NULL) == code);
  assert_true(SocketCompletionPort_send(NULL, 0, &byte, 1, NULL) == code);
  assert_true(SocketCompletionPort_receive_from(NULL, 0, &byte, 1, NULL, 0, NULL) == code);
  assert_true(SocketCompletionPort_send_to(NULL, 0, &byte, 1, "127.0.0.1:1", NULL) == code);
  assert_true(SocketCompletionPort_transmit_file(NULL, 0, 0, 0, 0, NULL) == code);
  assert_int_equal(SocketCompletionPort_cancel(NULL, 1), code);
  assert_int_equal(SocketCompletionPort_cancel_all(NULL, 0), code);
  assert_int_equal(Socket_last_error(), code);
  SocketCompletionPort_free(NULL);
  SocketCompletionPort_free(&none);
  SocketCompletionPort_free(&port);
  assert_null(port);
  if (code == SOCKET_ENOTSUP) return;
  assert_null(SocketCompletionPort_new(-1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
}

static void posted_events_come_in_order(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  SocketPortEvent_T events[3];
  char tags[5];
  if (!port) return;
  assert_quiet(port);
  for (int i = 0; i < 5; i++)
    assert_int_equal(SocketCompletionPort_post(port, UINT64_MAX - (uint64_t)i, (uint32_t)i + 7,
                                               i == 4 ? NULL : &tags[i]),
                     0);
  for (int seen = 0; seen < 5;) {
    const int count = SocketCompletionPort_wait(port, events, 3, -1);
    assert_in_range(count, 1, 3);
    for (int i = 0; i < count; i++, seen++) {
      assert_true(events[i].key == UINT64_MAX - (uint64_t)seen);
      assert_int_equal(events[i].bytes, seen + 7);
      assert_ptr_equal(events[i].user, seen == 4 ? NULL : &tags[seen]);
      assert_int_equal(events[i].kind, SOCKET_PORT_POSTED);
      assert_int_equal(events[i].error, 0);
      assert_int_equal(events[i].fd, -1);
      assert_true(events[i].operation == 0);
    }
  }
  assert_int_equal(SocketCompletionPort_wait(port, events, 3, 30), 0);
  SocketCompletionPort_free(&port);
}

static void bad_arguments(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  SocketPortEvent_T event;
  char address[64], byte = 0;
  if (!port) return;
  const int fd = bound_socket(SOCK_DGRAM, address), closed = socket(AF_INET, SOCK_STREAM, 0);
  close(closed);
  assert_int_equal(SocketCompletionPort_wait(port, NULL, 1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketCompletionPort_wait(port, &event, 0, 0), SOCKET_EINVAL);
  assert_int_equal(SocketCompletionPort_wait(port, &event, -1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketCompletionPort_wait_one(port, &event, -2), SOCKET_EINVAL);
  const int bad[] = {-1, closed, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(SocketCompletionPort_associate(port, bad[i], 0), SOCKET_EBADF);
    assert_true(SocketCompletionPort_receive(port, bad[i], &byte, 1, NULL) == SOCKET_EBADF);
    assert_true(SocketCompletionPort_accept(port, bad[i], NULL) == SOCKET_EBADF);
    assert_true(SocketCompletionPort_transmit_file(port, fd, bad[i], 0, 0, NULL) == SOCKET_EBADF);
    assert_int_equal(SocketCompletionPort_cancel_all(port, bad[i]), SOCKET_EBADF);
  }
  assert_true(SocketCompletionPort_receive(port, fd, &byte, 1, NULL) == SOCKET_ESTATE);
  assert_int_equal(SocketCompletionPort_associate(port, fd, 1), 0);
  assert_int_equal(SocketCompletionPort_associate(port, fd, 2), SOCKET_EEXIST);
  assert_true(SocketCompletionPort_receive(port, fd, NULL, 1, NULL) == SOCKET_EINVAL);
  assert_true(SocketCompletionPort_send(port, fd, NULL, 1, NULL) == SOCKET_EINVAL);
  assert_true(SocketCompletionPort_receive_from(port, fd, &byte, 1, &byte, -1, NULL) ==
              SOCKET_EINVAL);
  assert_true(SocketCompletionPort_transmit_file(port, fd, fd, 0, 2147483647u, NULL) ==
              SOCKET_EINVAL);
  const char *wrong[] = {"", "text", "127.0.0.1", "127.0.0.1:0", "::1", "localhost:1", "1.2.3:4x"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_true(SocketCompletionPort_connect(port, fd, wrong[i], NULL) == SOCKET_EINVAL);
    assert_true(SocketCompletionPort_send_to(port, fd, &byte, 1, wrong[i], NULL) == SOCKET_EINVAL);
  }
  assert_true(SocketCompletionPort_connect(port, fd, NULL, NULL) == SOCKET_EINVAL);
  assert_true(SocketCompletionPort_accept(port, fd, NULL) < 0); /* a datagram socket */
  const int64_t names[] = {0, -1, 1, INT64_MAX, INT64_MIN, (int64_t)1 << 32};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_int_equal(SocketCompletionPort_cancel(port, names[i]), SOCKET_ENOENT);
  assert_int_equal(SocketCompletionPort_cancel_all(port, fd), 0);
  assert_quiet(port);
  close(fd);
  SocketCompletionPort_free(&port);
}

static void a_connection_is_made_used_and_ended(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  char heard[64] = "", tag;
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  if (!port) return;
  const struct connection both = make_connection(port);
  /* Both know that they are connected. */
  assert_int_equal(getpeername(both.server, (struct sockaddr *)&peer, &length), 0);
  assert_int_equal(getpeername(both.client, (struct sockaddr *)&peer, &length), 0);
  const int64_t receive =
      SocketCompletionPort_receive(port, both.server, heard, sizeof heard, &tag);
  assert_true(receive > 0);
  assert_quiet(port);
  const int64_t send = SocketCompletionPort_send(port, both.client, "hello", 5, NULL);
  for (int i = 0; i < 2; i++) {
    const SocketPortEvent_T event = next_event(port);
    assert_int_equal(event.error, 0);
    assert_int_equal(event.bytes, 5);
    if (event.kind == SOCKET_PORT_RECEIVED) {
      assert_true(event.operation == receive && event.user == &tag && event.key == 13);
      assert_int_equal(event.fd, both.server);
      assert_memory_equal(heard, "hello", 5);
    } else {
      assert_int_equal(event.kind, SOCKET_PORT_SENT);
      assert_true(event.operation == send && event.key == 12);
    }
  }
  assert_int_equal(shutdown(both.client, SHUT_WR), 0);
  assert_true(SocketCompletionPort_receive(port, both.server, heard, sizeof heard, NULL) > 0);
  const SocketPortEvent_T end = next_event(port);
  assert_int_equal(end.kind, SOCKET_PORT_RECEIVED);
  assert_int_equal(end.bytes, 0);
  assert_int_equal(end.error, 0);
  close_connection(both);
  SocketCompletionPort_free(&port);
}

static void datagrams(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  char from[64], to[64], sender[64], cut[4], bytes[8];
  if (!port) return;
  const int here = bound_socket(SOCK_DGRAM, from), there = bound_socket(SOCK_DGRAM, to);
  assert_int_equal(SocketCompletionPort_associate(port, here, 1), 0);
  assert_int_equal(SocketCompletionPort_associate(port, there, 2), 0);
  for (int round = 0; round < 3; round++) {
    char *const text = round == 0 ? sender : round == 1 ? cut : NULL;
    const int64_t got = SocketCompletionPort_receive_from(port, there, bytes, sizeof bytes, text,
                                                          round == 0 ? 64 : 4, NULL);
    assert_true(got > 0);
    assert_true(SocketCompletionPort_send_to(port, here, "four", 4, to, NULL) > 0);
    for (int i = 0; i < 2; i++) {
      const SocketPortEvent_T event = next_event(port);
      assert_int_equal(event.error, 0);
      assert_int_equal(event.bytes, 4);
      assert_int_equal(event.kind, event.key == 2 ? SOCKET_PORT_RECEIVED : SOCKET_PORT_SENT);
    }
    assert_memory_equal(bytes, "four", 4);
  }
  assert_string_equal(sender, from);
  assert_string_equal(cut, "127");
  assert_true(SocketCompletionPort_receive(port, there, bytes, sizeof bytes, NULL) > 0);
  assert_true(SocketCompletionPort_send_to(port, here, "much too long", 13, to, NULL) > 0);
  for (int i = 0; i < 2; i++) {
    const SocketPortEvent_T event = next_event(port);
    assert_int_equal(event.error, event.key == 2 ? SOCKET_EMSGSIZE : 0);
  }
  assert_memory_equal(bytes, "much too", 8);
  close(here);
  close(there);
  SocketCompletionPort_free(&port);
}

static void a_file_is_sent(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  char heard[64], text[] = "0123456789";
  if (!port) return;
  const struct connection both = make_connection(port);
  FILE *file = tmpfile();
  assert_int_equal(fwrite(text, 1, 10, file), 10);
  assert_int_equal(fflush(file), 0);
  const struct {
    uint64_t offset;
    uint32_t length;
    const char *expected;
  } parts[] = {{0, 0, "0123456789"}, {3, 4, "3456"}, {8, 0, "89"}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    const size_t size = strlen(parts[i].expected);
    assert_true(SocketCompletionPort_transmit_file(port, both.server, fileno(file), parts[i].offset,
                                                   parts[i].length, NULL) > 0);
    const SocketPortEvent_T sent = next_event(port);
    assert_int_equal(sent.kind, SOCKET_PORT_FILE_SENT);
    assert_int_equal(sent.error, 0);
    assert_int_equal(sent.bytes, size);
    size_t got = 0;
    while (got < size) {
      const ssize_t more = recv(both.client, heard + got, sizeof heard - got, 0);
      assert_true(more > 0);
      got += (size_t)more;
    }
    assert_memory_equal(heard, parts[i].expected, size);
  }
  fclose(file);
  close_connection(both);
  SocketCompletionPort_free(&port);
}

static void what_is_cancelled_ends(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  char heard[4], others[4];
  if (!port) return;
  const struct connection both = make_connection(port);
  const int64_t receive = SocketCompletionPort_receive(port, both.client, heard, 4, heard);
  const int64_t other = SocketCompletionPort_receive(port, both.server, others, 4, others);
  assert_int_equal(SocketCompletionPort_cancel(port, receive), 0);
  SocketPortEvent_T event = next_event(port);
  assert_true(event.operation == receive && event.user == heard);
  assert_int_equal(event.error, SOCKET_ECANCELED);
  assert_int_equal(event.kind, SOCKET_PORT_RECEIVED);
  assert_int_equal(event.bytes, 0);
  assert_int_equal(SocketCompletionPort_cancel(port, receive), SOCKET_ENOENT);
  assert_quiet(port);
  /* Its record is another's now, which the old name does not reach. */
  assert_true(SocketCompletionPort_receive(port, both.server, heard, 4, NULL) > 0);
  assert_int_equal(SocketCompletionPort_cancel(port, receive), SOCKET_ENOENT);
  assert_int_equal(SocketCompletionPort_cancel_all(port, both.server), 2);
  for (int i = 0; i < 2; i++) {
    event = next_event(port);
    assert_int_equal(event.error, SOCKET_ECANCELED);
    assert_int_equal(event.fd, both.server);
  }
  assert_int_equal(SocketCompletionPort_cancel(port, other), SOCKET_ENOENT);
  assert_int_equal(SocketCompletionPort_cancel_all(port, both.server), 0);
  /* The socket is as good as before. */
  assert_true(SocketCompletionPort_receive(port, both.server, heard, 4, NULL) > 0);
  assert_int_equal(send(both.client, "x", 1, 0), 1);
  event = next_event(port);
  assert_int_equal(event.error, 0);
  assert_int_equal(event.bytes, 1);
  close_connection(both);
  SocketCompletionPort_free(&port);
}

static void a_refused_connection(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  char address[64];
  if (!port) return;
  const int bound = bound_socket(SOCK_STREAM, address); /* not listening */
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(SocketCompletionPort_associate(port, client, 5), 0);
  assert_true(SocketCompletionPort_connect(port, client, address, NULL) > 0);
  const SocketPortEvent_T event = next_event(port);
  assert_int_equal(event.kind, SOCKET_PORT_CONNECTED);
  assert_int_equal(event.error, SOCKET_ECONNREFUSED);
  close(bound);
  close(client);
  SocketCompletionPort_free(&port);
}

static void a_socket_closed_under_an_operation(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  char heard[4], address[64];
  if (!port) return;
  const struct connection both = make_connection(port);
  const int64_t receive = SocketCompletionPort_receive(port, both.server, heard, 4, heard);
  close(both.server);
  SocketPortEvent_T event = next_event(port);
  assert_true(event.operation == receive && event.user == heard);
  assert_true(event.error < 0);
  const int listener = bound_socket(SOCK_STREAM, address);
  assert_int_equal(listen(listener, 8), 0);
  assert_int_equal(SocketCompletionPort_associate(port, listener, 6), 0);
  assert_true(SocketCompletionPort_accept(port, listener, NULL) > 0);
  close(listener);
  event = next_event(port);
  assert_int_equal(event.kind, SOCKET_PORT_ACCEPTED);
  assert_true(event.error < 0);
  assert_quiet(port);
  close(both.client);
  SocketCompletionPort_free(&port);
}

struct waiter {
  SocketCompletionPort_T port;
  int result;
};

static void *wait_for_one(void *argument) {
  struct waiter *const waiter = argument;
  SocketPortEvent_T event;
  waiter->result = SocketCompletionPort_wait_one(waiter->port, &event, -1);
  return NULL;
}

static void freed_under_operations_and_waits(void **state) {
  (void)state;
  for (int round = 0; round < 10; round++) {
    SocketCompletionPort_T port = make_port(), copy = port;
    if (!port) return;
    const struct connection both = make_connection(port);
    char *const buffer = malloc(4096);
    struct waiter waiters[2] = {{port, 1}, {port, 1}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, wait_for_one, &waiters[i]), 0);
    for (int i = 0; i < 100; i++)
      assert_true(SocketCompletionPort_receive(port, both.client, buffer, 4096, NULL) > 0);
    SocketCompletionPort_free(&port);
    memset(buffer, 1, 4096); /* nobody else writes there any more */
    free(buffer);
    assert_int_equal(SocketCompletionPort_post(copy, 0, 0, NULL), SOCKET_EBADHANDLE);
    SocketCompletionPort_free(&copy);
    assert_int_equal(Socket_last_error(), SOCKET_EBADHANDLE);
    for (int i = 0; i < 2; i++) {
      assert_int_equal(pthread_join(threads[i], NULL), 0);
      /* One may have been given what was cancelled before it learned of the end. */
      assert_true(waiters[i].result == SOCKET_EBADHANDLE || waiters[i].result == 1);
    }
    close_connection(both);
  }
}

static void many_operations_under_way(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  SocketCompletionPort_T port = make_port();
  SocketPortEvent_T events[64];
  static char buffers[COUNT], seen[COUNT];
  if (!port) return;
  const struct connection both = make_connection(port);
  for (int round = 0; round < 3; round++) {
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < COUNT; i++)
      assert_true(SocketCompletionPort_receive(port, both.client, &buffers[i], 1, &seen[i]) > 0);
    for (int i = 0; i < COUNT / 10; i++)
      assert_int_equal(send(both.server, "0123456789", 10, 0), 10);
    for (int done = 0; done < COUNT;) {
      const int count = SocketCompletionPort_wait(port, events, 64, LONG_MS);
      assert_in_range(count, 1, 64);
      for (int i = 0; i < count; i++, done++) {
        char *const mine = events[i].user;
        assert_true(mine >= seen && mine < seen + COUNT && !*mine);
        *mine = 1;
        assert_int_equal(events[i].error, 0);
        assert_int_equal(events[i].bytes, 1);
        assert_int_equal(buffers[mine - seen], "0123456789"[(mine - seen) % 10]); /* in order */
      }
    }
  }
  close_connection(both);
  SocketCompletionPort_free(&port);
}

enum { STORM_THREADS = 4, STORM_EVENTS = 5000 };
static SocketCompletionPort_T storm_port;
static int storm_seen[STORM_THREADS][STORM_EVENTS];
static int storm_total;

static void *post_a_storm(void *argument) {
  int *const mine = argument;
  for (int i = 0; i < STORM_EVENTS; i++)
    if (SocketCompletionPort_post(storm_port, 1, 0, &mine[i]) < 0) i--;
  return NULL;
}

static void *take_a_storm(void *argument) {
  SocketPortEvent_T events[16];
  int count;
  (void)argument;
  while ((count = SocketCompletionPort_wait(storm_port, events, 16, LONG_MS)) > 0)
    for (int i = 0; i < count; i++) {
      if (events[i].key == 2) return NULL;
      __atomic_fetch_add((int *)events[i].user, 1, __ATOMIC_RELAXED);
      __atomic_fetch_add(&storm_total, 1, __ATOMIC_RELAXED);
    }
  return NULL;
}

static void a_storm_of_posts(void **state) {
  (void)state;
  pthread_t posters[STORM_THREADS], takers[2];
  storm_port = make_port();
  if (!storm_port) return;
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&takers[i], NULL, take_a_storm, NULL), 0);
  for (int i = 0; i < STORM_THREADS; i++)
    assert_int_equal(pthread_create(&posters[i], NULL, post_a_storm, storm_seen[i]), 0);
  for (int i = 0; i < STORM_THREADS; i++) assert_int_equal(pthread_join(posters[i], NULL), 0);
  while (__atomic_load_n(&storm_total, __ATOMIC_RELAXED) < STORM_THREADS * STORM_EVENTS)
    sched_yield();
  for (int i = 0; i < 2; i++)
    assert_int_equal(SocketCompletionPort_post(storm_port, 2, 0, NULL), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(takers[i], NULL), 0);
    /* One taker may have been handed both of the last, beside each other in a batch. */
    if (i == 0) assert_int_equal(SocketCompletionPort_post(storm_port, 2, 0, NULL), 0);
  }
  for (int i = 0; i < STORM_THREADS; i++)
    for (int k = 0; k < STORM_EVENTS; k++) assert_int_equal(storm_seen[i][k], 1);
  SocketCompletionPort_free(&storm_port);
}

static void what_others_began(void **state) {
  (void)state;
  SocketCompletionPort_T port = make_port();
  if (!port) return;
#if defined(_WIN32)
  const struct connection both = make_connection(port);
  char heard[8];
  OVERLAPPED own;
  DWORD flags = 0;
  WSABUF buffer = {sizeof heard, heard};
  memset(&own, 0, sizeof own);
  assert_int_equal(send(both.client, "abc", 3, 0), 3);
  WSARecv((SOCKET)both.server, &buffer, 1, NULL, &flags, &own, NULL);
  const SocketPortEvent_T event = next_event(port);
  assert_int_equal(event.kind, SOCKET_PORT_FOREIGN);
  assert_ptr_equal(event.user, &own);
  assert_true(event.key == 13 && event.operation == 0);
  assert_int_equal(event.bytes, 3);
  assert_int_equal(event.fd, -1);
  close_connection(both);
#endif
  SocketCompletionPort_free(&port);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_says_what_is_there),
      cmocka_unit_test(posted_events_come_in_order),
      cmocka_unit_test(bad_arguments),
      cmocka_unit_test(a_connection_is_made_used_and_ended),
      cmocka_unit_test(datagrams),
      cmocka_unit_test(a_file_is_sent),
      cmocka_unit_test(what_is_cancelled_ends),
      cmocka_unit_test(a_refused_connection),
      cmocka_unit_test(a_socket_closed_under_an_operation),
      cmocka_unit_test(freed_under_operations_and_waits),
      cmocka_unit_test(many_operations_under_way),
      cmocka_unit_test(a_storm_of_posts),
      cmocka_unit_test(what_others_began),
  };
  return cmocka_run_group_tests_name("completion port", tests, NULL, NULL);
}
