// Splices, pipelines and limiters without memory: each allocation in turn fails. What was asked for
// gives SOCKET_ENOMEM, what was under way ends with a code and exactly once, what arrived is right,
// and nothing leaks.
#include "cmocka_cpp.hpp"
#include "support/allocations.h"

#include "SocketAsync.h"
#include "SocketPipeline.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int kHangMs = 20000;
constexpr int64_t kBytes = 300000;
std::string input;

struct Outcome {
  int finished = 0;
  int status = 0;
  int64_t length = 0;
};

void on_event(const SocketCompletion_T *event, void *user) {
  auto &outcome = *static_cast<Outcome *>(user);
  outcome.finished++;
  outcome.status = event->status;
  outcome.length = event->length;
}

int64_t double_it(SocketPipeline_T pipeline, const void *data, int64_t length, int, void *) {
  // Out of memory it says so, and what it was to hand on waits.
  const int code = SocketPipeline_emit(pipeline, data, length);
  return code == 0 ? length : code == SOCKET_EAGAIN ? 0 : code;
}

enum class What { copy, transforms, file, splice };

// A stream of the loop, and the non-blocking socket at its far end.
struct End {
  SocketStream_T stream = nullptr;
  int peer = -1;

  explicit End(SocketLoop_T loop) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    assert_int_equal(bind(listener, reinterpret_cast<sockaddr *>(&at), length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, reinterpret_cast<sockaddr *>(&at), &length), 0);
    const std::string address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    stream = SocketStream_connect(loop, address.c_str(), kHangMs);
    peer = accept(listener, nullptr, nullptr);
    close(listener);
    assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, kHangMs), 1);
    assert_int_equal(event.kind, SOCKET_CONNECTED);
    assert_int_equal(SocketStream_set_send_buffer(stream, 16384), 0);
  }
  End(const End &) = delete;
  End &operator=(const End &) = delete;
  ~End() { close(peer); }
};

struct World {
  SocketLoop_T loop = SocketLoop_new();
  End source{loop}, sink{loop};
  SocketStream_T from = source.stream, to = sink.stream;
  size_t sent = 0;
  std::string received;

  World() { received.reserve(2 * kBytes); }
  World(const World &) = delete;
  World &operator=(const World &) = delete;
  ~World() { SocketLoop_free(&loop); }

  void feed() {
    const ssize_t count = sent < input.size() ? send(source.peer, input.data() + sent,
                                                     input.size() - sent, MSG_NOSIGNAL)
                                              : 0;
    if (count <= 0) return;
    sent += static_cast<size_t>(count);
    if (sent == input.size()) shutdown(source.peer, SHUT_WR);
  }
  void drain() {
    static char bytes[65536];
    for (ssize_t count; (count = recv(sink.peer, bytes, sizeof bytes, 0)) > 0;)
      received.append(bytes, static_cast<size_t>(count));
  }
};

// Builds and starts; false: SOCKET_ENOMEM, and nothing has begun.
bool begin(World &world, What what, Outcome &outcome, int file, SocketPipeline_T &pipeline,
           SocketFuture_T &future) {
  if (what == What::splice) {
    future = SocketAsync_splice(world.from, world.to, -1, -1);
    return future && SocketFuture_then(future, on_event, &outcome) == 0;
  }
  pipeline = SocketPipeline_new(world.loop);
  if (!pipeline || SocketPipeline_set_callback(pipeline, on_event, &outcome)) return false;
  if (what == What::file ? SocketPipeline_from_fd(pipeline, file, 0, -1)
                         : SocketPipeline_from_stream(pipeline, world.from))
    return false;
  if (what == What::transforms) {
    SocketLimiter_T limiter = SocketLimiter_new(world.loop, 100000000, 1000000);
    if (!limiter || SocketPipeline_add_limiter(pipeline, limiter)) return false;
    SocketLimiter_free(&limiter);
    if (SocketPipeline_add_lines(pipeline, 100000, 1) ||
        SocketPipeline_add_transform(pipeline, double_it, nullptr) ||
        SocketPipeline_add_length_encode(pipeline, 4, 100000) ||
        SocketPipeline_add_length_decode(pipeline, 4, 100000))
      return false;
  }
  return SocketPipeline_to_stream(pipeline, world.to) == 0 && SocketPipeline_start(pipeline) == 0;
}

bool met; // whether the last attempt got as far as the allocation that was to fail

// Whether all of it came through.
bool attempt(What what, long fail_at, int file) {
  World world;
  Outcome outcome;
  SocketPipeline_T pipeline = nullptr;
  SocketFuture_T future = nullptr;
  allocations_fail_at(fail_at);
  const bool begun = begin(world, what, outcome, file, pipeline, future);
  if (!begun) assert_int_equal(Socket_last_error(), SOCKET_ENOMEM);
  for (int turns = 0; begun && !outcome.finished; turns++) {
    assert_true(turns < 100000);
    world.feed();
    const int events = SocketLoop_run_once(world.loop, 1);
    assert_true(events >= 0 || events == SOCKET_ENOMEM);
    world.drain();
  }
  met = fail_at >= 0 && allocations_failed();
  allocations_fail_at(-1);
  while (SocketStream_get_queued(world.to) > 0) {
    assert_true(SocketLoop_run_once(world.loop, 1) >= 0);
    world.drain();
  }
  // Loopback hands over in order, but not at once.
  for (int i = 0; outcome.status == 0 && begun && i < 100000 &&
                  static_cast<int64_t>(world.received.size()) < outcome.length;
       i++)
    world.drain();
  assert_int_equal(outcome.finished, begun);
  assert_true(world.received.size() <= static_cast<size_t>(kBytes));
  assert_true(input.compare(0, world.received.size(), world.received) == 0);
  if (begun && outcome.status == 0) assert_int_equal(outcome.length, kBytes);
  SocketPipeline_free(&pipeline);
  SocketFuture_free(&future);
  return begun && world.received.size() == static_cast<size_t>(kBytes);
}

void each_allocation_fails(void **state) {
  const What what = *static_cast<What *>(*state);
  char name[] = "/tmp/socketpoll-test-XXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  assert_int_equal(write(file, input.data(), input.size()), input.size());
  assert_true(attempt(what, -1, file));
  const long before = allocations_live();
  int broken = 0;
  for (long n = 0;; n++) {
    const bool whole = attempt(what, n, file);
    assert_int_equal(allocations_live(), before);
    if (!met) break;
    broken += !whole;
    assert_true(n < 2000);
  }
  assert_true(broken >= 3);
  assert_true(attempt(what, -1, file));
  close(file);
}

} // namespace

int main() {
  for (int64_t i = 0; i < kBytes; i++)
    input.push_back(i % 97 == 96 ? '\n' : static_cast<char>('a' + (i * 7 + i / 1000) % 26));
  static What copy = What::copy, transforms = What::transforms, file = What::file,
              splice = What::splice;
  const CMUnitTest tests[] = {
      cmocka_unit_test_prestate(each_allocation_fails, &copy),
      cmocka_unit_test_prestate(each_allocation_fails, &transforms),
      cmocka_unit_test_prestate(each_allocation_fails, &file),
      cmocka_unit_test_prestate(each_allocation_fails, &splice),
  };
  return cmocka_run_group_tests_name("pipeline: exhaustion", tests, nullptr, nullptr);
}
