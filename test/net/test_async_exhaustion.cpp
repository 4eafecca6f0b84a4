// Out of memory, at every allocation in turn, with operations and futures: what begins nothing says
// SOCKET_ENOMEM, what has begun ends exactly once, and nothing is lost or left behind.
#include "cmocka_cpp.hpp"
#include "support/allocations.h"

#include "SocketAsync.h"

#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <thread>

namespace {

constexpr int kHangMs = 20000;

// Its result, once it has ended; a wait that had no memory is made again.
int64_t finish(SocketFuture_T future) {
  assert_non_null(future);
  int64_t result;
  do result = SocketFuture_await(future, kHangMs);
  while (result == SOCKET_ENOMEM && !SocketFuture_is_done(future));
  assert_int_equal(SocketFuture_is_done(future), 1);
  return result;
}

// Whether the constructor worked; if not, it was for want of memory.
bool made(SocketFuture_T future) {
  if (!future) assert_int_equal(Socket_last_error(), SOCKET_ENOMEM);
  return future != nullptr;
}

struct Futures {
  SocketFuture_T accept = nullptr, connect = nullptr, write = nullptr, read = nullptr;
  SocketFuture_T sleep = nullptr, open = nullptr, any = nullptr, all = nullptr;
  ~Futures() {
    for (SocketFuture_T *one : {&accept, &connect, &write, &read, &sleep, &open, &any, &all})
      SocketFuture_free(one);
  }
};

struct Nested {
  SocketLoop_T loop;
  int calls = 0;
  int64_t outcome = SOCKET_EAGAIN;
};

// Awaits inside the callback: it works, or says that there is no memory for another turn.
void on_done(const SocketCompletion_T *event, void *user) {
  Nested &nested = *static_cast<Nested *>(user);
  nested.calls++;
  assert_int_equal(event->kind, SOCKET_COMPLETED);
  SocketFuture_T inner = SocketAsync_sleep(nested.loop, 1);
  if (!made(inner)) return;
  nested.outcome = SocketFuture_await(inner, kHangMs);
  assert_true(nested.outcome == 0 || nested.outcome == SOCKET_ENOMEM);
  SocketFuture_free(&inner);
}

// Two ends of a conversation by operations. True if all of it worked.
bool converse(SocketLoop_T loop, SocketListener_T listener) {
  char address[64], line[64];
  Futures futures;
  std::snprintf(address, sizeof address, "localhost:%d", SocketListener_get_port(listener));
  if (!made(futures.accept = SocketAsync_accept(listener, 300))) return false;
  if (!made(futures.connect = SocketAsync_connect(loop, address, kHangMs))) return false;
  if (finish(futures.connect) != 0) return false;
  auto client = static_cast<SocketStream_T>(SocketFuture_get_data(futures.connect));
  SocketStream_T server = nullptr;
  bool whole = false;
  if (finish(futures.accept) == 0) {
    server = static_cast<SocketStream_T>(SocketFuture_get_data(futures.accept));
    const void *const pieces[] = {"one\ntw", "o\n"};
    const int64_t lengths[] = {6, 2};
    futures.write = SocketAsync_writev(client, pieces, lengths, 2, kHangMs);
    futures.read =
        SocketAsync_read_until(server, line, sizeof line, "\n", 1, made(futures.write) ? -1 : 0);
    if (made(futures.read) && futures.write) {
      const int64_t wrote = finish(futures.write), read = finish(futures.read);
      whole = wrote == 8 && read == 4 && std::memcmp(line, "one\n", 4) == 0;
      SocketFuture_free(&futures.read);
      // A failure before this closed the stream and said so; otherwise the rest is still there.
      if (whole) {
        futures.read = SocketAsync_read_exactly(server, line, 4, kHangMs);
        whole = made(futures.read) && finish(futures.read) == 4;
        if (whole) assert_memory_equal(line, "two\n", 4);
      }
    }
  }
  SocketStream_free(&client);
  SocketStream_free(&server);
  return whole;
}

bool compose(SocketLoop_T loop) {
  Futures futures;
  Nested nested{loop};
  if (!made(futures.sleep = SocketAsync_sleep(loop, 1))) return false;
  if (!made(futures.open = SocketFuture_new(loop))) return false;
  const SocketFuture_T both[] = {futures.sleep, futures.open};
  made(futures.any = SocketFuture_any(both, 2));
  made(futures.all = SocketFuture_all(both, 2));
  assert_int_equal(SocketFuture_then(futures.sleep, on_done, &nested), 0);
  while (nested.calls == 0) {
    const int ran = SocketLoop_run_once(loop, kHangMs);
    assert_true(ran > 0 || ran == SOCKET_ENOMEM);
  }
  int code = SOCKET_EAGAIN;
  const auto complete = [&] {
    do code = SocketFuture_complete(futures.open, 0, 7, nullptr);
    while (code == SOCKET_ENOMEM);
  };
  while (code == SOCKET_EAGAIN) {
    try {
      std::thread(complete).join();
    } catch (const std::bad_alloc &) { // the thread's own
    }
  }
  assert_int_equal(code, 0);
  assert_int_equal(finish(futures.open), 7);
  if (futures.any) assert_int_equal(finish(futures.any), 0);
  if (futures.all) assert_int_equal(finish(futures.all), 2);
  assert_int_equal(nested.calls, 1);
  return futures.any && futures.all && nested.outcome == 0;
}

bool attempt(bool conversation) {
  SocketLoop_T loop = SocketLoop_new();
  if (!loop) return false;
  SocketListener_T listener = conversation ? SocketListener_new(loop) : nullptr;
  bool whole = false;
  if (!conversation)
    whole = compose(loop);
  else if (listener && SocketListener_listen(listener, "127.0.0.1:0") == 0)
    whole = converse(loop, listener);
  SocketLoop_free(&loop);
  return whole;
}

void every_allocation(void **state) {
  const bool conversation = *static_cast<bool *>(*state);
  assert_true(attempt(conversation)); // the handle table's first chunk and the like stay
  const long before = allocations_live();
  int broken = 0;
  for (long n = 0;; n++) {
    allocations_fail_at(n);
    const bool whole = attempt(conversation);
    const bool failed = allocations_failed();
    allocations_fail_at(-1);
    assert_int_equal(allocations_live(), before);
    if (!failed) break;
    broken += !whole;
    assert_true(n < 2000);
  }
  assert_true(broken > 5);
}

} // namespace

int main() {
  static bool conversation = true, futures = false;
  const CMUnitTest tests[] = {
      cmocka_unit_test_prestate(every_allocation, &conversation),
      cmocka_unit_test_prestate(every_allocation, &futures),
  };
  return cmocka_run_group_tests_name("async: exhaustion", tests, nullptr, nullptr);
}
