// Out of memory, at every allocation in turn: what was asked for fails and leaks nothing, a
// conversation works or ends with SOCKET_CLOSED, and the next one finds the loop in good health.
// The library takes its memory from this program's operator new.
#include "cmocka_cpp.hpp"
#include "support/fail_allocations.hpp"

#include "SocketListener.h"
#include "SocketLoop.h"
#include "SocketStream.h"
#include "SocketTimer.h"
#include "SocketWatch.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int kHangMs = 20000;

void constructors_fail_cleanly(void **) {
  SocketLoop_T loop = SocketLoop_new(); // the handle table's first chunk stays
  SocketLoop_free(&loop);
  const long before = allocations_live();
  assert_true(fail_each_allocation([&] {
                loop = SocketLoop_new();
                return loop != nullptr;
              }) >= 3);
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  SocketTimer_T timers[40];
  int failures = 0;
  for (SocketTimer_T &timer : timers) { // grows the heap on the way
    failures += fail_each_allocation([&] { return (timer = SocketTimer_new(loop)) != nullptr; });
    assert_int_equal(SocketTimer_start(timer, 1000, 0), 0);
  }
  assert_true(failures > 40);
  SocketWatch_T watch;
  assert_true(fail_each_allocation([&] {
                watch = SocketWatch_new(loop, ends[0], POLL_READ);
                return watch != nullptr;
              }) >= 1);
  SocketListener_T listener;
  assert_true(fail_each_allocation([&] {
                listener = SocketListener_new(loop);
                return listener != nullptr;
              }) >= 1);
  fail_each_allocation([&] { return SocketListener_listen(listener, "127.0.0.1:0") == 0; });
  assert_true(SocketListener_get_port(listener) > 0);
  assert_true(fail_each_allocation([&] { return SocketLoop_post(loop, nullptr, nullptr) == 0; }) >=
              1);
  SocketStream_T stream;
  assert_true(fail_each_allocation([&] {
                stream = SocketStream_connect(loop, "127.0.0.1:1", 1000);
                return stream != nullptr;
              }) >= 2);
  SocketLoop_free(&loop);
  close(ends[0]);
  close(ends[1]);
  assert_int_equal(allocations_live(), before);
}

// ---- A conversation: a client sends, the server echoes; copies and loans, through small buffers.

constexpr int64_t kMessage = 200000;
char message[kMessage];

struct Talk {
  bool push;
  SocketStream_T client = nullptr, server = nullptr;
  int64_t sent = 0, received = 0, lent = 0, released = 0;
  int client_closed = 0, server_closed = 0;

  void handle(const SocketCompletion_T &event);
  void send();
};

void on_event(const SocketCompletion_T *event, void *user) {
  static_cast<Talk *>(user)->handle(*event);
}

void Talk::send() {
  while (sent < kMessage) {
    const int64_t part = std::min<int64_t>(kMessage - sent, 50000);
    int64_t queued;
    if ((sent / 50000) % 2) {
      queued = SocketStream_write_ref(
          client, message + sent, part,
          [](const void *, void *user) { static_cast<Talk *>(user)->released++; }, this);
      lent += queued >= 0;
    } else {
      queued = SocketStream_write(client, message + sent, part);
    }
    if (queued < 0) return; // SOCKET_CLOSED follows
    sent += part;
  }
}

void Talk::handle(const SocketCompletion_T &event) {
  const bool is_client = event.subject == client;
  SocketStream_T stream = static_cast<SocketStream_T>(event.subject);
  switch (event.kind) {
  case SOCKET_ACCEPTED:
    server = stream;
    SocketStream_set_callback(server, push ? on_event : nullptr, this);
    SocketStream_set_send_buffer(server, 4096);
    assert_int_equal(SocketStream_start(server), 0);
    break;
  case SOCKET_CONNECTED:
    SocketStream_set_send_buffer(client, 4096);
    assert_int_equal(SocketStream_start(client), 0);
    send();
    break;
  case SOCKET_DATA:
    if (!is_client) {
      SocketStream_write(stream, event.data, event.length);
      break;
    }
    assert_memory_equal(event.data, message + received, static_cast<size_t>(event.length));
    received += event.length;
    if (received == kMessage) SocketStream_close(client);
    break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED:
    ++(is_client ? client_closed : server_closed);
    SocketStream_free(is_client ? &client : &server);
    break;
  default: break;
  }
}

// True if all of it came back. Whatever fails, both sides end.
bool converse(SocketLoop_T loop, SocketListener_T listener, Talk &talk) {
  char address[64];
  std::snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(listener));
  SocketListener_set_callback(listener, talk.push ? on_event : nullptr, &talk);
  talk.client = SocketStream_connect(loop, address, kHangMs);
  if (!talk.client) return false;
  SocketStream_set_callback(talk.client, talk.push ? on_event : nullptr, &talk);
  while (talk.client || talk.server || talk.released < talk.lent) {
    SocketCompletion_T events[4];
    const int count =
        talk.push ? SocketLoop_run_once(loop, talk.client || talk.server ? kHangMs : 0)
                  : SocketLoop_wait(loop, events, 4, talk.client || talk.server ? kHangMs : 0);
    if (count == SOCKET_ENOMEM) continue;
    assert_true(count > 0 || !talk.client);
    for (int i = 0; !talk.push && i < count; i++)
      if (events[i].kind != SOCKET_ACCEPT_STALLED && events[i].kind != SOCKET_ACCEPT_RESUMED)
        talk.handle(events[i]);
  }
  assert_int_equal(talk.client_closed, 1);
  assert_int_equal(talk.released, talk.lent);
  return talk.received == kMessage;
}

void a_conversation_works_or_ends(void **state) {
  const bool push = *static_cast<bool *>(*state);
  for (int64_t i = 0; i < kMessage; i++) message[i] = static_cast<char>(i * 13 + (i >> 9));
  int broken = 0, survived = 0;
  for (long n = 0;; n++) {
    // A new loop each time: the first growth of everything is among what fails.
    SocketLoop_T loop = SocketLoop_new();
    SocketListener_T listener = SocketListener_new(loop);
    assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), 0);
    Talk talk{push};
    allocations_fail_at(n);
    const bool whole = converse(loop, listener, talk);
    const bool failed = allocations_failed();
    allocations_fail_at(-1);
    ++(whole ? survived : broken);
    if (!failed) {
      assert_true(whole);
    } else {
      Talk fresh{push};
      assert_true(converse(loop, listener, fresh));
    }
    SocketLoop_free(&loop);
    if (!failed) break;
    assert_true(n < 2000);
  }
  assert_true(broken >= 5);
  assert_true(survived >= 1);
}

} // namespace

int main() {
  static bool pull = false, push = true;
  const CMUnitTest tests[] = {
      cmocka_unit_test(constructors_fail_cleanly),
      cmocka_unit_test_prestate(a_conversation_works_or_ends, &pull),
      cmocka_unit_test_prestate(a_conversation_works_or_ends, &push),
  };
  return cmocka_run_group_tests_name("net: exhaustion", tests, nullptr, nullptr);
}
