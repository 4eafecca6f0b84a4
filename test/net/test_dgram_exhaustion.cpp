// Datagrams out of memory, at every allocation in turn: what was asked for fails and leaks nothing,
// a datagram that cannot be taken waits in the kernel, and the program hears of it.
#include "cmocka_cpp.hpp"
#include "support/fail_allocations.hpp"

#include "SocketAsync.h"
#include "SocketDgram.h"

#include <cstring>
#include <string>

namespace {

constexpr int kHangMs = 20000;

std::string local(SocketDgram_T dgram) {
  char text[128];
  assert_true(SocketDgram_get_local(dgram, text, sizeof text) > 0);
  return text;
}

void calls_fail_cleanly(void **) {
  SocketLoop_T loop = SocketLoop_new(); // what a process has one of stays
  SocketFuture_T nap = SocketAsync_sleep(loop, 0);
  assert_int_equal(SocketFuture_await(nap, kHangMs), 0);
  SocketFuture_free(&nap);
  SocketLoop_free(&loop);
  const long before = allocations_live();
  loop = SocketLoop_new();
  SocketDgram_T dgram = nullptr, other = SocketDgram_new(loop);
  assert_true(fail_each_allocation([&] {
                dgram = SocketDgram_new(loop);
                return dgram != nullptr;
              }) >= 1);
  fail_each_allocation([&] { return SocketDgram_bind(dgram, "127.0.0.1:0") == 0; });
  const std::string address = local(dgram);
  fail_each_allocation(
      [&] { return SocketDgram_send_to(other, address.c_str(), "hello", 5) == 0; });
  SocketFuture_T future = nullptr;
  char buffer[8];
  assert_true(fail_each_allocation([&] {
                future = SocketAsync_receive_from(dgram, buffer, sizeof buffer, -1);
                return future != nullptr;
              }) >= 2);
  assert_int_equal(SocketFuture_await(future, kHangMs), 5);
  SocketFuture_free(&future);
  assert_true(fail_each_allocation([&] {
                future = SocketAsync_send_to(other, address.c_str(), "hello", 5, 1000);
                return future != nullptr;
              }) >= 2);
  assert_int_equal(SocketFuture_await(future, kHangMs), 5);
  SocketFuture_free(&future);
  SocketLoop_free(&loop);
  assert_int_equal(allocations_live(), before);
}

struct Heard {
  int datagrams = 0, failures = 0;
};
void hear(const SocketCompletion_T *event, void *user) {
  Heard &heard = *static_cast<Heard *>(user);
  if (event->kind == SOCKET_DATAGRAM) {
    assert_memory_equal(event->data, "hello", 5);
    heard.datagrams++;
    return;
  }
  assert_int_equal(event->kind, SOCKET_DATAGRAM_ERROR);
  assert_int_equal(event->status, SOCKET_ENOMEM);
  assert_null(event->source);
  heard.failures++;
  // The socket is paused; the datagram is still there.
  SocketDgram_start(static_cast<SocketDgram_T>(event->subject));
}

// Receives 20 datagrams with the nth allocation failing; how often anything failed.
int receive_with_failure(long nth, bool pushed, int batch) {
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_T dgram = SocketDgram_new(loop), other = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), 0);
  Heard heard;
  if (pushed) SocketDgram_set_callback(dgram, hear, &heard);
  SocketDgram_set_batch(dgram, batch, 100);
  SocketDgram_start(dgram);
  const std::string address = local(dgram);
  for (int i = 0; i < 20; i++)
    assert_int_equal(SocketDgram_send_to(other, address.c_str(), "hello", 5), 0);
  allocations_fail_at(nth);
  int failed_waits = 0;
  while (heard.datagrams < 20) {
    SocketCompletion_T events[8];
    const int count =
        pushed ? SocketLoop_run_once(loop, kHangMs) : SocketLoop_wait(loop, events, 8, kHangMs);
    if (count < 0) {
      assert_int_equal(count, SOCKET_ENOMEM);
      failed_waits++;
    }
    if (!pushed)
      for (int i = 0; i < count; i++) hear(&events[i], &heard);
  }
  allocations_fail_at(-1);
  SocketLoop_free(&loop);
  return heard.failures + failed_waits;
}

void datagrams_survive_a_lack_of_memory(void **) {
  for (const bool pushed : {false, true}) {
    for (const int batch : {0, 8}) {
      const long before = allocations_live();
      int failures = 0;
      for (long nth = 0; nth < 12; nth++) failures += receive_with_failure(nth, pushed, batch);
      if (!pushed || batch) assert_true(failures >= 3);
      assert_int_equal(allocations_live(), before);
    }
  }
}

void a_single_pushed_datagram_takes_no_memory(void **) {
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_T dgram = SocketDgram_new(loop), other = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), 0);
  const std::string address = local(dgram);
  int count = 0;
  SocketDgram_set_callback(
      dgram,
      [](const SocketCompletion_T *event, void *user) {
        ++*static_cast<int *>(user);
        assert_int_equal(SocketDgram_reply(static_cast<SocketDgram_T>(event->subject),
                                           event->source, event->data, event->length),
                         0);
      },
      &count);
  SocketDgram_start(dgram);
  long made = 0;
  for (int i = 0; i < 200; i++) {
    if (i == 20) made = allocations_made();
    assert_int_equal(SocketDgram_send_to(other, address.c_str(), "x", 1), 0);
    while (count <= i) assert_true(SocketLoop_run_once(loop, kHangMs) > 0);
  }
  assert_int_equal(allocations_made(), made);
  SocketLoop_free(&loop);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(calls_fail_cleanly),
      cmocka_unit_test(datagrams_survive_a_lack_of_memory),
      cmocka_unit_test(a_single_pushed_datagram_takes_no_memory),
  };
  return cmocka_run_group_tests_name("datagram exhaustion", tests, nullptr, nullptr);
}
