/* The completion port: what it does on Windows, and that it says so where there is none. */
#include "completion_port_test.h"

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
  assert_true(SocketCompletionPort_accept(port, fd, NULL) == SOCKET_EINVAL);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_says_what_is_there),
      cmocka_unit_test(posted_events_come_in_order),
      cmocka_unit_test(bad_arguments),
      cmocka_unit_test(a_connection_is_made_used_and_ended),
      cmocka_unit_test(datagrams),
      cmocka_unit_test(a_file_is_sent),
  };
  return cmocka_run_group_tests_name("completion port", tests, NULL, NULL);
}
