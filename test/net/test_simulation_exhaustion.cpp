// Out of memory, at every allocation in turn, inside a simulation: what was asked for fails with
// SOCKET_ENOMEM or the connection ends, but nothing that was sent is silently missing, nothing
// waits for ever, and nothing leaks.
#include "cmocka_cpp.hpp"
#include "support/allocations.h"

#include "SocketAsync.h"
#include "SocketListener.h"
#include "SocketSimulation.h"

#include <cstring>
#include <initializer_list>

namespace {

constexpr int64_t kMessage = 9000;
unsigned char message[kMessage], received[kMessage];

// How it ended; SOCKET_EAGAIN: it has not, and in this world nothing would ever end it.
int64_t finish(SocketFuture_T &future) {
  if (!future) return Socket_last_error();
  int64_t result;
  do result = SocketFuture_await(future, 60000);
  while (result == SOCKET_ENOMEM && !SocketFuture_is_done(future));
  if (!SocketFuture_is_done(future)) result = SOCKET_EAGAIN;
  return result;
}

struct Talk {
  SocketListener_T listener = nullptr;
  SocketFuture_T accept = nullptr, connect = nullptr, write = nullptr, read = nullptr;
  SocketStream_T client = nullptr, server = nullptr;
  ~Talk() {
    for (SocketFuture_T *future : {&accept, &connect, &write, &read}) SocketFuture_free(future);
    SocketStream_free(&client);
    SocketStream_free(&server);
    SocketListener_free(&listener);
  }
};

// The client sends, half-closes and goes; the server reads to the end. True if all of it arrived.
bool converse(SocketLoop_T loop) {
  Talk talk;
  talk.listener = SocketListener_new(loop);
  if (!talk.listener || SocketListener_listen(talk.listener, "127.0.0.1:80") != 0) return false;
  talk.accept = SocketAsync_accept(talk.listener, 30000);
  talk.connect = SocketAsync_connect(loop, "127.0.0.1:80", -1);
  if (!talk.accept) return false;
  const int64_t connected = finish(talk.connect);
  assert_int_not_equal(connected, SOCKET_EAGAIN);
  if (connected != 0) return false;
  talk.client = static_cast<SocketStream_T>(SocketFuture_get_data(talk.connect));
  talk.write = SocketAsync_write(talk.client, message, kMessage, -1);
  if (finish(talk.accept) != 0) { // no memory for it: the client is told
    unsigned char byte;
    talk.read = SocketAsync_read(talk.client, &byte, 1, -1);
    assert_int_not_equal(finish(talk.read), SOCKET_EAGAIN);
    return false;
  }
  talk.server = static_cast<SocketStream_T>(SocketFuture_get_data(talk.accept));
  talk.read = SocketAsync_read_exactly(talk.server, received, kMessage, -1);
  if (!talk.read || !talk.write) return false;
  const int64_t got = finish(talk.read);
  assert_int_not_equal(got, SOCKET_EAGAIN);
  const int64_t came = SocketFuture_get_progress(talk.read);
  assert_memory_equal(received, message, static_cast<size_t>(came));
  if (got != kMessage) return false;
  assert_int_equal(finish(talk.write), kMessage);
  if (SocketStream_shutdown(talk.client) != 0) return false;
  SocketFuture_free(&talk.read);
  talk.read = SocketAsync_read(talk.server, received, 1, -1);
  if (!talk.read) return false;
  const int64_t end = finish(talk.read);
  assert_true(end == 0 || end == SOCKET_ENOMEM);
  return end == 0;
}

// True if nothing failed.
bool one_world(uint64_t seed) {
  SocketSimulation_T world = SocketSimulation_new(seed);
  if (!world) return false;
  SocketLoop_T loop = SocketSimulation_new_loop(world);
  SocketStream_T a = nullptr, b = nullptr;
  bool whole = false;
  if (loop) {
    SocketSimulation_set_buffer(world, 3000);
    SocketSimulation_set_piece(world, 700);
    whole = converse(loop) && SocketSimulation_pair(loop, loop, &a, &b) == 0;
    SocketStream_free(&a);
    SocketStream_free(&b);
    int ran;
    do ran = SocketSimulation_run(world, 60000);
    while (ran == SOCKET_ENOMEM);
    assert_int_equal(ran, 0);
    assert_int_equal(SocketSimulation_get_open(world), 0);
  }
  SocketSimulation_free(&world);
  assert_null(world);
  return whole;
}

void every_allocation(void **) {
  for (int64_t i = 0; i < kMessage; i++) message[i] = static_cast<unsigned char>(i * 31 + (i >> 8));
  assert_true(one_world(1)); // the handle table's first chunk and the like stay
  const long before = allocations_live();
  int failures = 0;
  for (long n = 0;; n++) {
    allocations_fail_at(n);
    const bool whole = one_world(1);
    const bool failed = allocations_failed();
    allocations_fail_at(-1);
    assert_int_equal(allocations_live(), before);
    if (!failed) break;
    failures += !whole;
  }
  assert_true(failures > 20);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
  return cmocka_run_group_tests_name("simulation: exhaustion", tests, nullptr, nullptr);
}
