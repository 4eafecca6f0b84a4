// Out of memory while streams of all kinds are made and used: each allocation in turn fails, what
// was asked for then has not happened, and no descriptor is lost or closed by mistake.
#include "cmocka_cpp.hpp"
#include "support/fail_allocations.hpp"

#include <socketpoll/SocketListener.h>
#include <socketpoll/SocketLoop.h>
#include <socketpoll/SocketStream.h>

#include <cstdio>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace {

int open_fds() {
  int count = 0;
  for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

// A failed attempt leaves as many descriptors as there were.
template <class Attempt> int fails_cleanly(Attempt &&attempt) {
  const int before = open_fds();
  return fail_each_allocation(attempt, [&] { assert_int_equal(open_fds(), before); });
}

void making_them_fails_cleanly(void **) {
  skip_on_windows(WITHOUT_PIPES);
  SocketLoop_T warm = SocketLoop_new(); // the handle table's first chunk stays
  SocketLoop_free(&warm);
  const long live = allocations_live();
  const int fds = open_fds();
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T a, b, reader, writer, adopted;
  assert_true(
      fails_cleanly([&] { return SocketStream_new_socketpair(loop, nullptr, &a, &b) == 0; }) >= 4);
  assert_true(fails_cleanly([&] { return SocketStream_new_pipe(loop, &reader, &writer) == 0; }) >=
              4);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_true(fails_cleanly([&] {
                const bool blocking = !(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
                assert_true(blocking);
                return (adopted = SocketStream_new_fd(loop, ends[0])) != nullptr;
              }) >= 2);
  close(ends[1]);
  assert_true(fails_cleanly([&] { return SocketStream_set_max_fds(b, 100) == 0; }) >= 2);

  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  SocketStream_T keyboard = SocketStream_new_fd(loop, terminal);
  assert_non_null(keyboard);
  assert_true(fails_cleanly([&] { return SocketStream_set_raw(keyboard, 1) == 0; }) >= 2);
  SocketLoop_free(&loop);
  assert_int_equal(open_fds(), fds);
  assert_int_equal(allocations_live(), live);
}

void unix_names_fail_cleanly(void **) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  const long live = allocations_live();
  const std::string path = "/tmp/socketpoll-memory-" + std::to_string(getpid());
  const std::string address = "unix:" + path;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  assert_true(fails_cleanly([&] {
                const bool done = SocketListener_listen(listener, address.c_str()) == 0;
                assert_int_equal(access(path.c_str(), F_OK) == 0, done);
                return done;
              }) >= 1);
  SocketStream_T client;
  assert_true(fails_cleanly([&] {
                client = SocketStream_connect(loop, address.c_str(), 20000);
                return client != nullptr;
              }) >= 4);
  SocketLoop_free(&loop);
  assert_int_not_equal(access(path.c_str(), F_OK), 0);
  assert_true(allocations_live() <= live + 4); // the two strings of this test
}

// What cannot be queued after its descriptors went breaks the stream; nothing else does.
void sending_descriptors_works_or_ends(void **) {
  skip_on_windows(WITHOUT_DESCRIPTORS);
  static char block[400000];
  for (long n = 0;; n++) {
    const int fds = open_fds();
    SocketLoop_T loop = SocketLoop_new();
    SocketStream_T a, b;
    assert_int_equal(SocketStream_new_socketpair(loop, nullptr, &a, &b), 0);
    assert_int_equal(SocketStream_set_max_fds(b, 2), 0);
    allocations_fail_at(n);
    const int fd = 0;
    const int64_t queued = SocketStream_send_fds(a, block, sizeof block, &fd, 1);
    assert_int_equal(SocketStream_start(b), 0);
    int64_t received = 0;
    bool ended = false;
    while (!ended && received < static_cast<int64_t>(sizeof block)) {
      SocketCompletion_T event;
      const int count = SocketLoop_wait(loop, &event, 1, 20000);
      if (count == SOCKET_ENOMEM) continue;
      assert_int_equal(count, 1);
      if (event.kind == SOCKET_DATA) received += event.length;
      ended = event.kind == SOCKET_CLOSED;
    }
    const bool failed = allocations_failed();
    allocations_fail_at(-1);
    assert_true(queued == SOCKET_ENOMEM || queued > 0);
    assert_true(failed || !ended);
    SocketLoop_free(&loop);
    assert_int_equal(open_fds(), fds);
    if (!failed) break;
    assert_true(n < 500);
  }
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(making_them_fails_cleanly),
      cmocka_unit_test(unix_names_fail_cleanly),
      cmocka_unit_test(sending_descriptors_works_or_ends),
  };
  return cmocka_run_group_tests_name("kinds: memory", tests, nullptr, nullptr);
}
