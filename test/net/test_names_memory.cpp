// Names and connecting, out of memory at every allocation in turn: what was asked for fails with
// SOCKET_ENOMEM or works, and nothing leaks.
#include "cmocka_cpp.hpp"
#include "support/allocations.h"
#include "support/name_service.hpp"

#include "SocketAsync.h"
#include "SocketResolver.h"
#include "net/stream/connector.hpp"

#include <array>
#include <sys/socket.h>

using namespace socketpoll;
using namespace test_names;

namespace {

constexpr int kHangMs = 20000;

// Makes the first, second, third... allocation fail until `attempt` does without that many.
// `attempt` returns 0 or why it failed, which may be SOCKET_ENOMEM alone; a failure of memory that
// only cost the cache something is none.
template <class Attempt> int fail_each_allocation(Attempt &&attempt) {
  int failures = 0;
  for (int n = 0;; n++) {
    allocations_fail_at(n);
    const int code = attempt();
    const bool met = allocations_failed() != 0;
    allocations_fail_at(-1);
    if (code) assert_int_equal(code, SOCKET_ENOMEM);
    failures += code != 0;
    if (!met) return failures;
  }
}

int resolve(SocketLoop_T loop, const char *name) {
  SocketFuture_T future = SocketAsync_resolve(loop, name, SOCKET_FAMILY_ANY, 1000);
  if (!future) return Socket_last_error();
  const int64_t outcome = SocketFuture_await(future, kHangMs);
  SocketFuture_free(&future);
  return outcome < 0 ? static_cast<int>(outcome) : 0;
}

// Nothing is under way any more, in the pool or the loop, and nothing is remembered.
void settle(SocketLoop_T loop) {
  wait_until([] { return ResolverPool::instance().busy() == 0; });
  assert_true(SocketLoop_run_once(loop, 0) >= 0);
  assert_int_equal(SocketResolver_flush_cache(), 0);
}

void lookups_fail_cleanly(void **) {
  SocketLoop_T loop = SocketLoop_new();
  assert_int_equal(resolve(loop, "both.test"), 0); // tables that stay
  settle(loop);
  const long before = allocations_live();
  for (const char *name : {"127.0.0.1", "localhost", "both.test"}) {
    const int failures = fail_each_allocation([&] {
      const int code = resolve(loop, name);
      settle(loop);
      return code;
    });
    assert_true(failures >= 2);
  }
  SocketLoop_free(&loop);
  assert_true(allocations_live() <= before);
}

void hooks_fail_cleanly(void **) {
  SocketLoop_T loop = SocketLoop_new();
  const auto answer = [](SocketLoop_T, const char *, int, SocketQuery_T query, void *) {
    int code = SocketResolver_add_address(query, "192.0.2.1");
    if (code == 0) code = SocketResolver_add_address(query, "2001:db8::1");
    assert_int_equal(SocketResolver_finish(query, code), 0);
  };
  assert_int_equal(SocketResolver_set_hook(loop, answer, nullptr, nullptr), 0);
  assert_true(fail_each_allocation([&] { return resolve(loop, "a.test"); }) >= 3);
  SocketLoop_free(&loop);
}

// ---- Connecting

struct Client final : ConnectDelegate {
  void on_connected(Fd, const Address &) override { code = 0; }
  void on_connect_failed(int with) noexcept override { code = with; }
  int code = 1;
};

int attempts = 0; // the first hangs, the second connects

Status hang(int fd, const Address &) noexcept {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0) abort();
  dup2(ends[0], fd);
  close(ends[0]);
  static Fd peers[2];
  const bool hangs = attempts++ == 0;
  char bytes[4096] = {};
  while (hangs && send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
  peers[hangs] = Fd(ends[1]);
  return Error{SOCKET_EAGAIN};
}

int connect(Loop &loop, const char *host) {

  Client client;
  try {
    const ConnectorPtr connector(new Connector(loop, client));
    if (const Status status = connector->start(host, 80); !status.ok()) return status.code();
    while (client.code > 0) (void)loop.run_once(100);
  } catch (const std::bad_alloc &) {
    return SOCKET_ENOMEM;
  }
  return client.code;
}

void connectors_fail_cleanly(void **) {
  SocketLoop_T loop = SocketLoop_new();
  connect_calls = {[](int, Network *) noexcept { return os::tcp_socket(AF_INET, nullptr); }, hang};
  {
    Pinned<Loop> pinned(reinterpret_cast<HandleWord>(loop));
    assert_int_equal(connect(*pinned, "localhost"), 0); // tables that stay
    const int failures = fail_each_allocation([&] {
      attempts = 0;
      return connect(*pinned, "localhost");
    });
    assert_true(failures >= 3);
  }
  connect_calls = {};
  SocketLoop_free(&loop);
}

} // namespace

int main() {
  install();
  const CMUnitTest tests[] = {
      cmocka_unit_test(lookups_fail_cleanly),
      cmocka_unit_test(hooks_fail_cleanly),
      cmocka_unit_test(connectors_fail_cleanly),
  };
  return cmocka_run_group_tests_name("names memory", tests, nullptr, nullptr);
}
