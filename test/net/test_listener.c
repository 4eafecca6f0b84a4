/* SocketListener through the C ABI: its options, its errors, its stalls and how it gets over them.
 */
#include "support/net_support.h"

#include <errno.h>
#include <sys/resource.h>

static void every_call_says_its_error(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop), other = SocketListener_new(loop);
  assert_int_equal(SocketListener_set_backlog(listener, 0), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_receive_buffer(listener, -1), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_send_buffer(listener, -1), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_max_connections(listener, 0), SOCKET_EINVAL);
  assert_int_equal(SocketListener_get_port(listener), SOCKET_ESTATE);
  assert_int_equal(SocketListener_listen(listener, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketListener_listen(listener, "example.com:80"), SOCKET_EADDRESS);
  assert_non_null(strstr(Socket_last_error_message(), "example.com:80"));
  /* TEST-NET-1, RFC 5737: nobody's address. */
  assert_int_equal(SocketListener_listen(listener, "192.0.2.1:0"), SOCKET_EADDRNOTAVAIL);
  assert_int_equal(SocketListener_get_port(listener), SOCKET_ESTATE);
  if (geteuid() != 0) {
    int privileged = SocketListener_listen(listener, "127.0.0.1:1");
    assert_true(privileged == SOCKET_EACCES || privileged == 0);
    if (privileged == 0) SocketListener_free(&listener), listener = SocketListener_new(loop);
  }
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), 0);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), SOCKET_ESTATE);
  assert_int_equal(SocketListener_set_backlog(listener, 1), SOCKET_ESTATE);
  assert_int_equal(SocketListener_set_reuseport(listener, 1), SOCKET_ESTATE);
  assert_int_equal(SocketListener_set_receive_buffer(listener, 1), SOCKET_ESTATE);
  assert_int_equal(SocketListener_set_send_buffer(listener, 1), SOCKET_ESTATE);
  assert_int_equal(SocketListener_set_max_connections(listener, 5), 0);
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(listener));
  assert_int_equal(SocketListener_listen(other, address), SOCKET_EADDRINUSE);
  SocketListener_free(NULL);
  SocketListener_free(&listener);
  assert_null(listener);
  assert_int_equal(SocketListener_listen(other, address), 0); /* closed with its listener */
  SocketLoop_free(&loop);
}

static void reuseport_shares_a_port(void **state) {
  skip_on_windows(WITHOUT_SHARED_PORTS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T both[2] = {SocketListener_new(loop), SocketListener_new(loop)};
  char address[64];
  assert_int_equal(SocketListener_set_reuseport(both[0], 1), 0);
  assert_int_equal(SocketListener_set_reuseport(both[1], 1), 0);
  assert_int_equal(SocketListener_listen(both[0], "127.0.0.1:0"), 0);
  snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(both[0]));
  assert_int_equal(SocketListener_listen(both[1], address), 0);
  SocketLoop_free(&loop);
}

static void buffers_reach_the_accepted_sockets(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_receive_buffer(listener, 30000);
  SocketListener_set_send_buffer(listener, 20000);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), 0);
  int peer = raw_connect(SocketListener_get_port(listener));
  SocketStream_T stream = pull_one(loop, SOCKET_ACCEPTED).subject;
  static const struct { int option, least; } sizes[] = {{SO_RCVBUF, 30000}, {SO_SNDBUF, 20000}};
  for (int i = 0; i < 2; i++) {
    int value;
    socklen_t length = sizeof value;
    getsockopt(SocketStream_get_fd(stream), SOL_SOCKET, sizes[i].option, &value, &length);
    assert_in_range(value, sizes[i].least, 3 * sizes[i].least);
  }
  close(peer);
  SocketLoop_free(&loop);
}

static void a_paused_listener_leaves_them_waiting(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketCompletion_T event;
  assert_int_equal(SocketListener_pause(listener), 0);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), 0);
  int first = raw_connect(SocketListener_get_port(listener));
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketListener_resume(listener), 0);
  pull_one(loop, SOCKET_ACCEPTED);
  assert_int_equal(SocketListener_pause(listener), 0);
  assert_int_equal(SocketListener_pause(listener), 0);
  int second = raw_connect(SocketListener_get_port(listener));
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  assert_int_equal(SocketListener_resume(listener), 0);
  event = pull_one(loop, SOCKET_ACCEPTED);
  assert_ptr_equal(event.source, listener);
  close(first);
  close(second);
  SocketLoop_free(&loop);
}

static void the_callback_may_change_at_any_time(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  SocketListener_T listener = listen_local(loop, address);
  Recorder recorder = {0};
  int peers[3];
  for (int i = 0; i < 3; i++) peers[i] = raw_connect(port_of(address));
  SocketListener_set_callback(listener, NULL, &peers);
  SocketCompletion_T event = pull_one(loop, SOCKET_ACCEPTED);
  assert_ptr_equal(event.user, &peers);
  while (SocketLoop_run_once(loop, 20) > 0) {
  } /* two are queued to be pulled */
  SocketListener_set_callback(listener, record, &recorder);
  run_until(loop, &recorder.count[SOCKET_ACCEPTED], 2);
  assert_ptr_equal(recorder.last[SOCKET_ACCEPTED].source, listener);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  for (int i = 0; i < 3; i++) close(peers[i]);
  SocketLoop_free(&loop);
}

static void the_limit_stalls_and_resumes(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  SocketListener_T listener = listen_local(loop, address);
  SocketCompletion_T event;
  SocketListener_set_max_connections(listener, 2);
  int peers[5];
  SocketStream_T streams[5];
  for (int i = 0; i < 5; i++) peers[i] = raw_connect(port_of(address));
  for (int i = 0; i < 2; i++) streams[i] = pull_one(loop, SOCKET_ACCEPTED).subject;
  event = pull_one(loop, SOCKET_ACCEPT_STALLED);
  assert_ptr_equal(event.subject, listener);
  assert_int_equal(event.status, SOCKET_ELIMIT);
  int64_t cpu = cpu_ms();
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 200), 0);
  assert_true(cpu_ms() - cpu < 150);
  /* Closed is not freed. */
  SocketStream_close(streams[0]);
  pull_one(loop, SOCKET_CLOSED);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  SocketListener_pause(listener); /* and a pause outlasts the end of the stall */
  SocketStream_free(&streams[0]);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 100), 0);
  SocketListener_resume(listener);
  Recorder recorder = {0};
  while (SocketLoop_wait(loop, &event, 1, recorder.count[SOCKET_ACCEPTED] ? 50 : HANG_MS) > 0)
    record(&event, &recorder);
  assert_int_equal(recorder.count[SOCKET_ACCEPTED], 1);
  /* It has resumed for that one and stalled again, or never said so. */
  assert_int_equal(recorder.count[SOCKET_ACCEPT_RESUMED], recorder.count[SOCKET_ACCEPT_STALLED]);
  SocketListener_set_max_connections(listener, 100);
  memset(&recorder, 0, sizeof recorder);
  while (total_events(&recorder) < 3) {
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    record(&event, &recorder);
  }
  assert_int_equal(recorder.count[SOCKET_ACCEPTED], 2);
  assert_int_equal(recorder.count[SOCKET_ACCEPT_RESUMED], 1);
  for (int i = 0; i < 5; i++) close(peers[i]);
  SocketLoop_free(&loop);
}

static struct rlimit limit_before;

/* Lets no more than `spare` descriptors be opened. */
static void limit_descriptors(int spare) {
  int probes[64] = {0};
  struct rlimit low;
  getrlimit(RLIMIT_NOFILE, &limit_before);
  for (int i = 0; i <= spare; i++) probes[i] = dup(2);
  low = limit_before;
  low.rlim_cur = (rlim_t)probes[spare];
  for (int i = 0; i <= spare; i++) close(probes[i]);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
}

static void out_of_descriptors_is_survived(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  SocketListener_T listener = listen_local(loop, address);
  Recorder recorder = {0};
  SocketListener_set_callback(listener, record, &recorder);
  int peers[4];
  SocketLoop_run_once(loop, 0);
  for (int i = 0; i < 4; i++) peers[i] = raw_connect(port_of(address));
  limit_descriptors(2);
  run_until(loop, &recorder.count[SOCKET_ACCEPT_STALLED], 1);
  assert_int_equal(recorder.last[SOCKET_ACCEPT_STALLED].status, SOCKET_EMFILE);
  assert_int_equal(recorder.count[SOCKET_ACCEPTED], 2);
  /* Two connections wait. The loop looks again now and then, without spinning and without news. */
  int64_t cpu = cpu_ms();
  assert_int_equal(SocketLoop_run_once(loop, 400), 0);
  assert_true(cpu_ms() - cpu < 200);
  assert_int_equal(recorder.count[SOCKET_ACCEPT_STALLED], 1);
  assert_int_equal(recorder.count[SOCKET_ACCEPT_RESUMED], 0);
  /* A descriptor of its own, then one of somebody else's. */
  SocketStream_T stream = recorder.last[SOCKET_ACCEPTED].subject;
  SocketStream_free(&stream);
  run_until(loop, &recorder.count[SOCKET_ACCEPTED], 3);
  run_until(loop, &recorder.count[SOCKET_ACCEPT_STALLED], 2);
  setrlimit(RLIMIT_NOFILE, &limit_before);
  run_until(loop, &recorder.count[SOCKET_ACCEPTED], 4);
  run_until(loop, &recorder.count[SOCKET_ACCEPT_RESUMED], 2);
  int late = raw_connect(port_of(address));
  run_until(loop, &recorder.count[SOCKET_ACCEPTED], 5);
  close(late);
  for (int i = 0; i < 4; i++) close(peers[i]);
  SocketLoop_free(&loop);
}

/* The descriptors run out, and when they come back the limit has been reached. */
static void a_stall_may_change_its_reason(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  SocketListener_T listener = listen_local(loop, address);
  Recorder recorder = {0};
  SocketListener_set_callback(listener, record, &recorder);
  int peers[3];
  SocketLoop_run_once(loop, 0);
  for (int i = 0; i < 3; i++) peers[i] = raw_connect(port_of(address));
  limit_descriptors(1);
  run_until(loop, &recorder.count[SOCKET_ACCEPT_STALLED], 1);
  assert_int_equal(recorder.last[SOCKET_ACCEPT_STALLED].status, SOCKET_EMFILE);
  SocketListener_set_max_connections(listener, 1);
  setrlimit(RLIMIT_NOFILE, &limit_before);
  run_until(loop, &recorder.count[SOCKET_ACCEPT_STALLED], 2);
  assert_int_equal(recorder.last[SOCKET_ACCEPT_STALLED].status, SOCKET_ELIMIT);
  SocketListener_set_max_connections(listener, 10);
  run_until(loop, &recorder.count[SOCKET_ACCEPT_RESUMED], 1);
  run_until(loop, &recorder.count[SOCKET_ACCEPTED], 3);
  for (int i = 0; i < 3; i++) close(peers[i]);
  SocketLoop_free(&loop);
}

static void a_thousand_at_once(void **state) {
  (void)state;
  enum { kMost = 1000 };
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 2 * kMost + 100) {
    limit.rlim_cur = 2 * kMost + 100 < limit.rlim_max ? 2 * kMost + 100 : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  /* As many as the system allows: each takes two descriptors. */
  const rlim_t room = (limit.rlim_cur - 100) / 2;
  const int peers_wanted = room < kMost ? (int)room : kMost;
  assert_true(peers_wanted >= 50);
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  SocketListener_T listener = listen_local(loop, address);
  static int peers[kMost];
  struct sockaddr_in to = loopback(port_of(address));
  for (int i = 0; i < peers_wanted; i++) {
    peers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(peers[i], (struct sockaddr *)&to, sizeof to) < 0)
      assert_int_equal(errno, EINPROGRESS);
  }
  SocketCompletion_T events[128];
  int accepted = 0;
  while (accepted < peers_wanted) {
    int count = SocketLoop_wait(loop, events, 128, HANG_MS);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
      assert_int_equal(events[i].kind, SOCKET_ACCEPTED);
      accepted++;
      assert_int_equal(SocketStream_write(events[i].subject, "!", 1), 0);
    }
  }
  for (int i = 0; i < peers_wanted; i++) {
    char byte = 0;
    fcntl(peers[i], F_SETFL, 0);
    assert_int_equal(read(peers[i], &byte, 1), 1);
    close(peers[i]);
  }
  SocketListener_free(&listener);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_says_its_error),
      cmocka_unit_test(reuseport_shares_a_port),
      cmocka_unit_test(buffers_reach_the_accepted_sockets),
      cmocka_unit_test(a_paused_listener_leaves_them_waiting),
      cmocka_unit_test(the_callback_may_change_at_any_time),
      cmocka_unit_test(the_limit_stalls_and_resumes),
      cmocka_unit_test(out_of_descriptors_is_survived),
      cmocka_unit_test(a_stall_may_change_its_reason),
      cmocka_unit_test(a_thousand_at_once),
  };
  return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
