/* The header from C, beside the system headers whose names come near to its own. */
#define _XOPEN_SOURCE 700 /* signal.h has its POLL_* names only then */
#include <poll.h>
#include <signal.h>

#include "SocketPoll.h"

#include "cmocka_c.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

int run_c_tests(void);

static void constants_are_frozen(void **state) {
  (void)state;
  assert_int_equal(POLL_READ, 0x01);
  assert_int_equal(POLL_WRITE, 0x02);
  assert_int_equal(POLL_ERROR, 0x04);
  assert_int_equal(POLL_HANGUP, 0x08);
  assert_int_equal(SOCKET_POLL_PEER_CLOSED, 0x10);
  assert_int_equal(SOCKET_POLL_LEVEL, 0x100);
  assert_int_equal(SOCKET_POLL_ONESHOT, 0x200);
  assert_int_equal(SOCKET_POLL_EXCLUSIVE, 0x400);
  assert_int_equal(SOCKET_POLL_TIMEOUT_INFINITE, -1);
  assert_int_equal(SOCKET_POLL_TIMEOUT_USE_DEFAULT, -2);
  assert_int_equal(sizeof(SocketEvent_T), 2 * sizeof(int) + sizeof(void *));
  assert_true(POLL_IN != 0 && POLLIN != 0); /* signal.h's and poll.h's are there as well */
}

static void a_loop_in_c(void **state) {
  (void)state;
  int ends[2];
  char byte;
  SocketEvent_T *events;
  SocketPoll_T poll = SocketPoll_new(16);
  assert_non_null(poll);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(SocketPoll_add(poll, ends[0], POLL_READ, ends), 0);
  assert_int_equal(write(ends[1], "x", 1), 1);
  assert_int_equal(SocketPoll_wait(poll, &events, -1), 1);
  assert_int_equal(events[0].fd, ends[0]);
  assert_int_equal(events[0].events, POLL_READ);
  assert_ptr_equal(events[0].data, ends);
  assert_int_equal(read(ends[0], &byte, 1), 1);
  assert_int_equal(SocketPoll_del(poll, ends[0]), 0);
  close(ends[0]);
  close(ends[1]);
  SocketPoll_free(&poll);
  assert_null(poll);
}

int run_c_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constants_are_frozen),
      cmocka_unit_test(a_loop_in_c),
  };
  return cmocka_run_group_tests_name("poll from C", tests, NULL, NULL);
}
