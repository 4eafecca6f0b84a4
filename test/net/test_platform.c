/* What SocketPlatform.h says that the system can do, it does; what it does not say fails as it
 * should. */
#include "support/net_support.h"

#include <socketpoll/SocketPlatform.h>
#include <socketpoll/SocketPoll.h>
#include <socketpoll/SocketWorkers.h>

static int can(int capability) { return (SocketPlatform_capabilities() & capability) != 0; }

static void every_capability_has_a_name(void **state) {
  (void)state;
  assert_non_null(SocketPlatform_name());
  assert_true(strlen(SocketPlatform_name()) > 0);
  const int all = SocketPlatform_capabilities();
  assert_true(all > 0);
  assert_int_equal(SocketPlatform_capabilities(), all);
  for (int bit = 1; bit <= SOCKET_CAN_COMPLETION_PORT; bit <<= 1) {
    const char *name = SocketPlatform_capability_name(bit);
    assert_non_null(name);
    for (int other = 1; other < bit; other <<= 1)
      assert_string_not_equal(name, SocketPlatform_capability_name(other));
  }
  assert_true(all < SOCKET_CAN_COMPLETION_PORT * 2);
}

static void what_is_no_capability_has_none(void **state) {
  (void)state;
  const int wrong[] = {0, -1, 3, SOCKET_CAN_COMPLETION_PORT * 2, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_null(SocketPlatform_capability_name(wrong[i]));
    assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  }
}

/* 0, or the code that listening there gives. */
static int listen_at(SocketLoop_T loop, const char *address) {
  SocketListener_T listener = SocketListener_new(loop);
  assert_non_null(listener);
  const int code = SocketListener_listen(listener, address);
  SocketListener_free(&listener);
  return code;
}

static void unix_sockets(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  snprintf(address, sizeof address, "unix:./platform-%d", (int)getpid());
  const int code = listen_at(loop, address);
  if (can(SOCKET_CAN_UNIX_SOCKETS))
    assert_int_equal(code, 0);
  else
    assert_int_equal(code, SOCKET_EAFNOSUPPORT);
  snprintf(address, sizeof address, "unix:@platform-%d", (int)getpid());
  assert_int_equal(listen_at(loop, address), can(SOCKET_CAN_ABSTRACT_NAMES) ? 0 : SOCKET_ENOTSUP);
  SocketLoop_free(&loop);
}

static void pipes(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T ends[2] = {NULL, NULL};
  const int code = SocketStream_new_pipe(loop, &ends[0], &ends[1]);
  assert_int_equal(code, can(SOCKET_CAN_PIPES) ? 0 : SOCKET_ENOTSUP);
  SocketStream_free(&ends[0]);
  SocketStream_free(&ends[1]);
  SocketLoop_free(&loop);
}

static void descriptors_and_credentials(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T a = NULL, b = NULL;
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &a, &b), 0);
  int64_t pid = -2, uid = -2, gid = -2;
  assert_int_equal(SocketStream_get_peer_credentials(a, &pid, &uid, &gid),
                   can(SOCKET_CAN_PEER_CREDENTIALS) ? 0 : SOCKET_ENOTSUP);
  const int fd = SocketStream_get_fd(b);
  const int64_t sent = SocketStream_send_fds(a, "x", 1, &fd, 1);
  if (can(SOCKET_CAN_PASS_DESCRIPTORS))
    assert_int_equal(sent, 0); /* nothing is queued */
  else
    assert_int_equal(sent, SOCKET_ENOTSUP);
  SocketStream_free(&a);
  SocketStream_free(&b);
  SocketLoop_free(&loop);
}

static void shared_ports(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T one = SocketListener_new(loop), two = SocketListener_new(loop);
  assert_int_equal(SocketListener_set_reuseport(one, SOCKET_REUSEPORT_SHARE), 0);
  assert_int_equal(SocketListener_set_reuseport(two, SOCKET_REUSEPORT_SHARE), 0);
  const int code = SocketListener_listen(one, "127.0.0.1:0");
  if (can(SOCKET_CAN_SHARE_PORT)) {
    char address[64];
    assert_int_equal(code, 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(one));
    assert_int_equal(SocketListener_listen(two, address), 0);
  } else if (code != 0) {
    assert_int_equal(code, SOCKET_ENOTSUP);
  }
  SocketListener_free(&one);
  SocketListener_free(&two);
  SocketLoop_free(&loop);
}

static int pinned(SocketLoop_T loop, int index, void *user) {
  (void)loop, (void)index, (void)user;
  return 0;
}

static void pinned_threads(void **state) {
  (void)state;
  SocketWorkers_T workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_set_pinning(workers, 1), 0);
  const int code = SocketWorkers_start(workers, 1, pinned, NULL);
  assert_int_equal(code, can(SOCKET_CAN_PIN_THREADS) ? 0 : SOCKET_ENOTSUP);
  SocketWorkers_free(&workers);
}

static void sockets_of_a_predecessor(void **state) {
  (void)state;
  const char *const arguments[] = {"./no-such-program", NULL};
  int64_t pid = 0;
  const int fd = 0;
  const int code = SocketListener_spawn_successor(arguments[0], arguments, &fd, 1, &pid);
  assert_int_equal(code, can(SOCKET_CAN_ACTIVATION) ? SOCKET_ENOENT : SOCKET_ENOTSUP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_capability_has_a_name),
      cmocka_unit_test(what_is_no_capability_has_none),
      cmocka_unit_test(unix_sockets),
      cmocka_unit_test(pipes),
      cmocka_unit_test(descriptors_and_credentials),
      cmocka_unit_test(shared_ports),
      cmocka_unit_test(pinned_threads),
      cmocka_unit_test(sockets_of_a_predecessor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
