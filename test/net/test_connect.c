/* SocketStream_connect: each outcome, and each way not to wait for it. */
#include "support/net_support.h"

#include <sys/resource.h>
#include <sys/select.h>

static SocketCompletion_T outcome_of(SocketLoop_T loop, SocketStream_T stream) {
  SocketCompletion_T event;
  assert_non_null(stream);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
  assert_ptr_equal(event.subject, stream);
  return event;
}

static int closed_port(void) {
  char address[64];
  close(raw_listen(1, address));
  return port_of(address);
}

static void a_refusal_is_an_event(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%d", closed_port());
  SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
  SocketStream_start(stream);
  SocketCompletion_T event = outcome_of(loop, stream);
  assert_int_equal(event.kind, SOCKET_CLOSED);
  assert_int_equal(event.status, SOCKET_ECONNREFUSED);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketStream_start(stream), SOCKET_ECLOSED);
  SocketStream_free(&stream);
  SocketLoop_free(&loop);
}

static void what_is_not_an_address_is_refused_at_once(void **state) {
  (void)state;
  static const char *const bad[] = {"",          "127.0.0.1",     ":80",           "a b:80",
                                    "1.2.3:80",  "::1:80",        "[::1]",         "[::1:80",
                                    "0x7f.1:80", "[127.0.0.1]:1", "[localhost]:1", "localhost"};
  static const char *const bad_ports[] = {"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1",
                                          "127.0.0.1:80 ", "127.0.0.1:65536"};
  SocketLoop_T loop = SocketLoop_new();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_null(SocketStream_connect(loop, bad[i], -1));
    assert_int_equal(Socket_last_error(), SOCKET_EADDRESS);
  }
  for (size_t i = 0; i < sizeof bad_ports / sizeof *bad_ports; i++) {
    assert_null(SocketStream_connect(loop, bad_ports[i], -1));
    assert_int_equal(Socket_last_error(), SOCKET_EPORT);
  }
  assert_null(SocketStream_connect(loop, NULL, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EADDRESS);
  assert_null(SocketStream_connect(loop, "127.0.0.1:1", -2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  SocketLoop_free(&loop);
}

static void connects_to(const char *listen_to, const char *connect_form, const char *peer_form) {
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  assert_int_equal(SocketListener_listen(listener, listen_to), 0);
  char address[64], text[64], expected[64];
  snprintf(address, sizeof address, connect_form, SocketListener_get_port(listener));
  snprintf(expected, sizeof expected, peer_form, SocketListener_get_port(listener));
  SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
  SocketStream_T accepted = NULL;
  for (int seen = 0; seen < 2; seen++) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_ACCEPTED) {
      assert_ptr_equal(event.source, listener);
      accepted = event.subject;
    } else {
      assert_int_equal(event.kind, SOCKET_CONNECTED);
      assert_ptr_equal(event.subject, stream);
    }
  }
  assert_int_equal(SocketStream_get_peer(stream, text, sizeof text), (int)strlen(expected));
  assert_string_equal(text, expected);
  assert_int_equal(SocketStream_get_local(accepted, text, sizeof text), (int)strlen(expected));
  assert_string_equal(text, expected);
  char local[64];
  assert_true(SocketStream_get_local(stream, local, 48) > 0);
  assert_true(SocketStream_get_peer(accepted, text, 48) > 0);
  assert_string_equal(text, local);
  SocketLoop_free(&loop);
}

static int has_ipv6(void) {
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  int outcome = SocketListener_listen(listener, "[::1]:0");
  SocketLoop_free(&loop);
  return outcome == 0;
}

static void every_form_of_address_connects(void **state) {
  (void)state;
  connects_to("127.0.0.1:0", "127.0.0.1:%d", "127.0.0.1:%d");
  connects_to("localhost:0", "localhost:%d", "127.0.0.1:%d");
  connects_to("0.0.0.0:0", "127.0.0.1:%d", "127.0.0.1:%d");
  if (!has_ipv6()) return;
  connects_to("[::1]:0", "[::1]:%d", "[::1]:%d");
  connects_to("[::]:0", "[::1]:%d", "[::1]:%d");
}

static void the_kernels_refusal_is_an_event_too(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  /* Multicast has no TCP: connect(2) fails at once, with one of these. */
  SocketStream_T stream = SocketStream_connect(loop, "224.0.0.1:80", -1);
  SocketCompletion_T event = outcome_of(loop, stream);
  assert_int_equal(event.kind, SOCKET_CLOSED);
  assert_true(event.status == SOCKET_ENETUNREACH || event.status == SOCKET_EHOSTUNREACH ||
              event.status == SOCKET_EINVAL || event.status == SOCKET_EADDRNOTAVAIL);
  SocketLoop_free(&loop);
}

static void out_of_descriptors_is_an_event(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  struct rlimit before, low;
  getrlimit(RLIMIT_NOFILE, &before);
  int probe = dup(2);
  low = before;
  low.rlim_cur = (rlim_t)probe;
  close(probe);
  setrlimit(RLIMIT_NOFILE, &low);
  SocketStream_T stream = SocketStream_connect(loop, "127.0.0.1:1", -1);
  setrlimit(RLIMIT_NOFILE, &before);
  assert_non_null(stream);
  assert_int_equal(SocketStream_write(stream, "x", 1), SOCKET_ENOTCONN); /* told by the loop */
  SocketCompletion_T event = outcome_of(loop, stream);
  assert_int_equal(event.kind, SOCKET_CLOSED);
  assert_int_equal(event.status, SOCKET_EMFILE);
  SocketLoop_free(&loop);
}

/* A listener that never accepts: once its backlog is full, the kernel drops what asks for more. */
typedef struct BlackHole {
  char address[64];
  int server;
  int fillers[64];
  int count;
} BlackHole;

static BlackHole dig(void) {
  BlackHole hole;
  memset(&hole, 0, sizeof hole);
  hole.server = raw_listen(0, hole.address);
  struct sockaddr_in to = loopback(port_of(hole.address));
  for (int pending = 0; pending < 3 && hole.count < 64;) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    hole.fillers[hole.count++] = fd;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
      fd_set writable;
      struct timeval wait = {0, 20000};
      FD_ZERO(&writable);
      FD_SET(fd, &writable);
      pending = select(fd + 1, NULL, &writable, NULL, &wait) == 0 ? pending + 1 : 0;
    }
  }
  return hole;
}

static void fill_up(BlackHole *hole) {
  for (int i = 0; i < hole->count; i++) close(hole->fillers[i]);
  close(hole->server);
}

static void a_silent_peer_times_out(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  BlackHole hole = dig();
  int64_t start = monotonic_ms();
  SocketStream_T stream = SocketStream_connect(loop, hole.address, 80);
  SocketStream_T hasty = SocketStream_connect(loop, hole.address, 0);
  assert_int_equal(SocketStream_write(stream, "x", 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_write_ref(stream, "x", 1, (SocketRelease_T)abort, NULL),
                   SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_shutdown(stream), SOCKET_ENOTCONN);
  char text[64];
  assert_int_equal(SocketStream_get_peer(stream, text, 48), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_start(stream), 0);
  assert_int_equal(SocketStream_set_idle_timeout(stream, 1), 0); /* counts once it is connected */
  SocketCompletion_T event = outcome_of(loop, hasty);
  assert_int_equal(event.status, SOCKET_ETIMEDOUT);
  event = outcome_of(loop, stream);
  assert_int_equal(event.kind, SOCKET_CLOSED);
  assert_int_equal(event.status, SOCKET_ETIMEDOUT);
  assert_true(monotonic_ms() - start >= 80);
  fill_up(&hole);
  SocketLoop_free(&loop);
}

static void connecting_can_be_given_up(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  BlackHole hole = dig();
  SocketCompletion_T event;
  SocketStream_T freed = SocketStream_connect(loop, hole.address, 50);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 10), 0);
  SocketStream_free(&freed);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 100), 0);
  SocketStream_T closed = SocketStream_connect(loop, hole.address, -1);
  assert_int_equal(SocketStream_close(closed), 0);
  event = outcome_of(loop, closed);
  assert_int_equal(event.kind, SOCKET_CLOSED);
  assert_int_equal(event.status, 0);
  fill_up(&hole);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_refusal_is_an_event),
      cmocka_unit_test(what_is_not_an_address_is_refused_at_once),
      cmocka_unit_test(every_form_of_address_connects),
      cmocka_unit_test(the_kernels_refusal_is_an_event_too),
      cmocka_unit_test(out_of_descriptors_is_an_event),
      cmocka_unit_test(a_silent_peer_times_out),
      cmocka_unit_test(connecting_can_be_given_up),
  };
  return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
