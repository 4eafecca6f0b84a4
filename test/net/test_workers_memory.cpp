// Out of memory, at every allocation of a group's start in turn: it fails and leaves nothing
// behind, and the next one works.
#include "cmocka_cpp.hpp"
#include "support/allocations.h"

#include "SocketListener.h"
#include "SocketPlatform.h"
#include "SocketStream.h"
#include "SocketWorkers.h"

#include <cstdio>

namespace {

constexpr int kHangMs = 20000;

int listen_shared(SocketLoop_T loop, int, void *) {
  SocketListener_T listener = SocketListener_new(loop);
  if (!listener) return Socket_last_error();
  if (SocketPlatform_capabilities() & SOCKET_CAN_SHARE_PORT)
    SocketListener_set_reuseport(listener, SOCKET_REUSEPORT_SHARE);
  return SocketListener_listen(listener, "127.0.0.1:0");
}

void stop_here(const SocketCompletion_T *, void *workers) {
  SocketWorkers_stop(static_cast<SocketWorkers_T>(workers));
}

void a_start_without_memory(void **) {
  SocketWorkers_T workers = SocketWorkers_new();
  // What every first use leaves behind for good.
  assert_int_equal(SocketWorkers_start(workers, 2, listen_shared, nullptr), 0);
  SocketWorkers_stop(workers);
  assert_int_equal(SocketWorkers_join(workers, kHangMs), 0);
  const long before = allocations_live();
  int failures = 0;
  for (long n = 0;; n++) {
    allocations_fail_at(n);
    int code = SocketWorkers_start(workers, 3, listen_shared, nullptr);
    const bool started = code == 0;
    if (started) {
      // The loops' first waits allocate as well: they take the group with them, or work.
      (void)SocketLoop_post(SocketWorkers_get_loop(workers, 0), stop_here, workers);
      SocketWorkers_stop(workers);
      code = SocketWorkers_join(workers, kHangMs);
    }
    const bool failed = allocations_failed() != 0;
    allocations_fail_at(-1);
    if (!failed) {
      assert_int_equal(code, 0);
      break;
    }
    failures++;
    assert_true(code == SOCKET_ENOMEM || (code == 0 && started));
    assert_true(started || SocketWorkers_get_failed(workers) >= -1);
    assert_int_equal(allocations_live(), before);
    assert_true(n < 2000);
  }
  assert_true(failures > 10);
  SocketWorkers_free(&workers);
}

void the_group_itself(void **) {
  SocketWorkers_T workers = nullptr;
  int failures = 0;
  for (; !workers; failures++) {
    allocations_fail_at(failures);
    workers = SocketWorkers_new();
    allocations_fail_at(-1);
    if (!workers) assert_int_equal(Socket_last_error(), SOCKET_ENOMEM);
  }
  assert_true(failures > 1);
  SocketWorkers_free(&workers);
}

// Moving fails before anything happened, or costs the connection on the other side.
void a_move_without_memory(void **) {
  for (int n = 0;; n++) {
    SocketLoop_T loop = SocketLoop_new(), to = SocketLoop_new();
    SocketListener_T listener = SocketListener_new(loop);
    assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), 0);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(listener));
    SocketStream_T client = SocketStream_connect(to, address, kHangMs);
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, kHangMs), 1);
    assert_int_equal(event.kind, SOCKET_ACCEPTED);
    SocketStream_T stream = static_cast<SocketStream_T>(event.subject);
    assert_int_equal(SocketLoop_wait(to, &event, 1, kHangMs), 1);
    assert_int_equal(event.kind, SOCKET_CONNECTED);
    SocketStream_start(client);

    allocations_fail_at(n);
    const int code = SocketStream_move(stream, to, nullptr, nullptr);
    if (code == 0) (void)SocketLoop_run_once(to, 0); // its first wait allocates as well
    const bool failed = allocations_failed() != 0;
    allocations_fail_at(-1);
    if (code != 0) {
      assert_int_equal(code, SOCKET_ENOMEM);
      assert_int_equal(SocketStream_move(stream, to, nullptr, nullptr), 0); // it was left as it was
    }
    assert_int_equal(SocketLoop_wait(to, &event, 1, kHangMs), 1);
    assert_true(event.kind == SOCKET_ACCEPTED || (failed && event.kind == SOCKET_EOF));
    SocketLoop_free(&loop);
    SocketLoop_free(&to);
    if (!failed) {
      assert_true(n >= 3);
      return;
    }
  }
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_group_itself),
      cmocka_unit_test(a_start_without_memory),
      cmocka_unit_test(a_move_without_memory),
  };
  return cmocka_run_group_tests_name("workers: memory", tests, nullptr, nullptr);
}
