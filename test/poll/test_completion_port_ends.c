/* How what a completion port began comes to its end: cancelled, refused, closed, freed; and many at
 * once. */
#include "completion_port_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

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
      cmocka_unit_test(what_is_cancelled_ends),
      cmocka_unit_test(a_refused_connection),
      cmocka_unit_test(a_socket_closed_under_an_operation),
      cmocka_unit_test(freed_under_operations_and_waits),
      cmocka_unit_test(many_operations_under_way),
      cmocka_unit_test(a_storm_of_posts),
      cmocka_unit_test(what_others_began),
  };
  return cmocka_run_group_tests_name("completion port: ends", tests, NULL, NULL);
}
