// What is particular to Windows: AFD asked directly, and the backend over it without a Poller, so
// that what it holds back is seen to come out of the port.
#include "poll_test.hpp"

#include "poll/backend.hpp"
#include "poll/windows/os_afd.hpp"
#include "poll/windows/winsock.hpp"

#include <thread>

using namespace socketpoll;

namespace {

struct Afd {
  Afd() : port(open_port(0).take()), device(AfdDevice::open(port.get()).take()) {
    assert_non_null(port.get());
  }
  Status submit(AfdPoll &poll, int fd, ULONG events) {
    return device.submit(poll, *base_socket(fd), events);
  }
  // The request whose packet comes next; null where none does.
  AfdPoll *next(int timeout_ms = 10000) {
    OVERLAPPED_ENTRY packet{};
    const auto taken = take_packets(port.get(), {&packet, 1}, timeout_ms);
    assert_true(taken.ok());
    if (*taken == 0) return nullptr;
    AfdPoll &landed = AfdPoll::of_token(packet.lpOverlapped);
    landed.landed();
    return &landed;
  }
  OsHandle port;
  AfdDevice device;
};

void a_request_answers_once(void **) {
  Afd afd;
  const Pair pair;
  AfdPoll poll;
  for (int round = 0; round < 2; round++) {
    assert_true(afd.submit(poll, pair.near_end, kAfdReceive).ok());
    assert_true(poll.under_way());
    assert_int_equal(poll.asked(), kAfdReceive);
    assert_null(afd.next(0));
    pair.send();
    assert_ptr_equal(afd.next(), &poll);
    assert_false(poll.under_way());
    assert_int_equal(poll.found(), kAfdReceive);
    pair.send();
    assert_null(afd.next(0));
    assert_true(afd.submit(poll, pair.near_end, kAfdReceive).ok()); // looks first
    assert_ptr_equal(afd.next(), &poll);
    pair.drain();
  }
}

void a_cancelled_request_comes_back(void **) {
  Afd afd;
  const Pair pair;
  AfdPoll poll, other;
  assert_true(afd.submit(poll, pair.near_end, kAfdReceive).ok());
  assert_true(afd.submit(other, pair.near_end, kAfdReceive).ok());
  assert_false(poll.answered());
  afd.device.cancel(poll);
  afd.device.cancel(poll);
  assert_ptr_equal(afd.next(), &poll);
  assert_int_equal(poll.found(), 0);
  assert_null(afd.next(0)); // once, and not the other
  pair.send();
  assert_ptr_equal(afd.next(), &other);
  afd.device.cancel(other); // too late is no harm
  assert_null(afd.next(0));
}

void a_close_is_an_answer(void **) {
  Afd afd;
  Pair pair;
  AfdPoll poll, closing;
  const int number = pair.near_end;
  const auto socket = base_socket(number);
  assert_true(socket.ok());
  assert_true(afd.submit(poll, number, kAfdReceive | kAfdLocalClose).ok());
  assert_true(afd.submit(closing, number, kAfdLocalClose).ok());
  pair.near_end.close();
  for (int i = 0; i < 2; i++) assert_true(afd.next()->found() & kAfdLocalClose);
  assert_int_equal(afd.device.submit(poll, *socket, kAfdReceive).code(), SOCKET_EBADF);
  assert_false(poll.under_way());
  assert_null(afd.next(0));
}

struct Iocp {
  Iocp() {
    auto made = find_backend("iocp")->create();
    assert_true(made.ok());
    backend = made.take();
    scratch = backend->make_scratch();
  }
  Status add(int fd, int events, uint32_t generation) {
    return backend->add({fd, events, make_key(fd, generation), true});
  }
  std::vector<ReadyEvent> wait(int timeout_ms, size_t room = 16) {
    std::vector<ReadyEvent> ready(room);
    auto outcome = backend->wait(*scratch, ready, timeout_ms);
    assert_true(outcome.ok());
    woken = outcome->woken;
    ready.resize(static_cast<size_t>(outcome->count));
    return ready;
  }
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Backend::Scratch> scratch;
  bool woken = false;
};

// Its packet is in the port already when the registration goes, and so is its record's next owner.
void a_packet_of_a_dropped_record(void **) {
  Iocp iocp;
  const Pair pair, other;
  for (uint32_t generation = 1; generation < 200; generation += 2) {
    assert_true(iocp.add(pair.near_end, POLL_READ, generation).ok());
    assert_int_equal(iocp.wait(0).size(), 0); // asks
    pair.send();
    if (generation & 2) usleep(1000);
    iocp.backend->del(pair.near_end);
    assert_true(iocp.add(other.near_end, POLL_READ, generation).ok());
    assert_int_equal(iocp.wait(0).size(), 0);
    assert_true(iocp.add(pair.near_end, POLL_READ, generation + 1).ok());
    const auto ready = iocp.wait(10000);
    assert_int_equal(ready.size(), 1);
    assert_true(ready[0].key == make_key(pair.near_end, generation + 1));
    iocp.backend->del(pair.near_end);
    iocp.backend->del(other.near_end);
    pair.drain();
  }
}

void a_change_is_looked_at_anew(void **) {
  Iocp iocp;
  const Pair pair;
  const int fd = pair.near_end;
  const Registration read{fd, POLL_READ, make_key(fd, 1), true};
  assert_true(iocp.backend->add(read).ok());
  for (uint32_t i = 2; i < 100; i++) {
    assert_int_equal(iocp.wait(0).size(), 0);
    // Wanted and not wanted again while the first is on its way.
    const Registration both{fd, POLL_READ | POLL_WRITE, make_key(fd, i), true};
    assert_true(iocp.backend->mod(read, both).ok());
    if (i & 1) assert_true(iocp.backend->mod(both, read).ok());
    if (i & 1) assert_int_equal(iocp.wait(i & 2 ? 1 : 0).size(), 0);
    assert_true(iocp.backend->mod(read, both).ok());
    const auto ready = iocp.wait(10000);
    assert_int_equal(ready.size(), 1);
    assert_int_equal(ready[0].events, POLL_WRITE);
    assert_true(ready[0].key == both.key);
    assert_true(iocp.backend->mod(both, read).ok());
  }
}

// The kernel writes into the records: their memory waits for the last packet.
void it_ends_under_requests(void **) {
  for (int round = 0; round < 20; round++) {
    Iocp iocp;
    std::vector<Pair> pairs(40); // more than one device serves
    for (Pair &pair : pairs) assert_true(iocp.add(pair.near_end, POLL_READ, 1).ok());
    assert_int_equal(iocp.wait(0).size(), 0);
    for (size_t i = 0; i < pairs.size(); i += 3) pairs[i].send();
    for (size_t i = 1; i < pairs.size(); i += 3) pairs[i].near_end.close();
    for (size_t i = 1; i < pairs.size(); i += 6) iocp.backend->del(pairs[i].near_end);
    if (round & 1) iocp.wait(10000, 4);
  }
}

void a_thread_ends_under_its_requests(void **) {
  Iocp iocp;
  const Pair pair;
  assert_true(iocp.add(pair.near_end, POLL_READ, 1).ok());
  int count = -1;
  std::thread([&] { count = static_cast<int>(iocp.wait(0).size()); }).join(); // it asks, and ends
  assert_int_equal(count, 0);
  assert_int_equal(iocp.wait(1).size(), 0);
  pair.send();
  assert_int_equal(iocp.wait(10000).size(), 1);
}

void other_handles_are_refused(void **) {
  Iocp iocp;
  const OsHandle event(CreateEventW(nullptr, FALSE, FALSE, nullptr));
  const int number = static_cast<int>(reinterpret_cast<intptr_t>(event.get()));
  assert_int_equal(iocp.add(number, POLL_READ, 1).code(), SOCKET_EPERM);
  assert_int_equal(iocp.add(number + 4000, POLL_READ, 1).code(), SOCKET_EBADF);
  Pair pair;
  const int closed = pair.near_end;
  pair.near_end.close();
  assert_int_equal(iocp.add(closed, POLL_READ, 1).code(), SOCKET_EBADF);
  assert_int_equal(iocp.wait(0).size(), 0);
}

} // namespace

int main() {
  if (!start_winsock()) return 1;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_request_answers_once),
      cmocka_unit_test(a_cancelled_request_comes_back),
      cmocka_unit_test(a_close_is_an_answer),
      cmocka_unit_test(a_packet_of_a_dropped_record),
      cmocka_unit_test(a_change_is_looked_at_anew),
      cmocka_unit_test(it_ends_under_requests),
      cmocka_unit_test(a_thread_ends_under_its_requests),
      cmocka_unit_test(other_handles_are_refused),
  };
  return cmocka_run_group_tests_name("iocp", tests, nullptr, nullptr);
}
