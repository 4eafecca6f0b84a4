// More of everything than a program should ask for, and descriptors that go at the worst moment.
#include "poll_test.hpp"

#include <atomic>
#include <set>
#include <sys/resource.h>
#include <thread>

namespace {

// False: this process may not have so many descriptors.
bool may_open(int count) {
  const auto wanted = static_cast<rlim_t>(count);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return true;
  limit.rlim_cur = limit.rlim_max = std::max(limit.rlim_max, wanted);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void five_thousand_sockets(void **) {
  constexpr int kSockets = 5000;
  if (!may_open(kSockets + 100)) {
    print_message("not run: this process may not open %d descriptors\n", kSockets + 100);
    _skip(__FILE__, __LINE__);
  }
  const Poll poll(64);
  std::vector<Pair> pairs(kSockets / 2);
  std::set<int> seen;
  for (Pair &pair : pairs) {
    assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, &pair), 0);
    assert_int_equal(SocketPoll_add(poll, pair.far_end, POLL_READ | SOCKET_POLL_ONESHOT, &pair), 0);
  }
  assert_int_equal(SocketPoll_getregisteredcount(poll), kSockets);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  for (const Pair &pair : pairs) {
    pair.send();
    assert_int_equal(write(pair.near_end, "y", 1), 1);
  }
  while (seen.size() < kSockets) {
    const auto events = wait_events(poll, 10000);
    assert_in_range(events.size(), 1, 64);
    for (const SocketEvent_T &event : events) {
      const Pair &pair = *static_cast<Pair *>(event.data);
      assert_int_equal(event.events, POLL_READ);
      assert_true(event.fd == pair.near_end || event.fd == pair.far_end);
      if (event.fd == pair.near_end) pair.drain();
      seen.insert(event.fd);
    }
  }
  assert_int_equal(wait_events(poll, 0).size(), 0);
  std::vector<int> listed(kSockets + 1);
  assert_int_equal(SocketPoll_get_registered_sockets(poll, listed.data(), kSockets + 1), kSockets);
  for (size_t i = 0; i < pairs.size(); i += 2) pairs[i] = Pair(); // closed before they are dropped
  for (int i = 0; i < kSockets; i++) assert_int_equal(SocketPoll_del(poll, listed[i]), 0);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
}

// The events of four threads' wakeups, taken by two: as many waits return as there were calls.
void a_wakeup_storm(void **) {
  constexpr int kEach = 2000;
  const Poll poll;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      for (int k = 0; k < kEach; k++)
        if (SocketPoll_wakeup(poll) < 0) wrong++;
    });
  for (int i = 0; i < 2; i++)
    threads.emplace_back([&] {
      SocketEvent_T *events;
      for (int k = 0; k < 2 * kEach; k++)
        if (SocketPoll_wait(poll, &events, -1) != 0) wrong++;
    });
  for (std::thread &thread : threads) thread.join();
  assert_int_equal(wrong, 0);
  // None is left: this one takes all of its time.
  const int64_t begin = monotonic_ns();
  assert_int_equal(wait_events(poll, 20).size(), 0);
  assert_true(monotonic_ns() - begin >= 20000000);
}

void a_socket_closed_under_a_blocked_wait(void **) {
  for (int round = 0; round < 20; round++) {
    const Poll poll;
    Pair doomed;
    const Pair live;
    const int number = doomed.near_end;
    assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, &doomed), 0);
    assert_int_equal(SocketPoll_add(poll, live.near_end, POLL_READ, nullptr), 0);
    std::atomic<int> id{0};
    int count = -2;
    SocketEvent_T first{};
    std::thread waiter([&] {
      id = this_thread_id();
      SocketEvent_T *events;
      count = SocketPoll_wait(poll, &events, -1);
      if (count > 0) first = events[0];
    });
    while (!id) sched_yield();
    until_asleep(id);
    doomed.near_end.close();
    live.send();
    waiter.join();
    assert_int_equal(count, 1);
    assert_int_equal(first.fd, live.near_end.number);
    live.drain();
    assert_int_equal(SocketPoll_del(poll, number), 0);
    assert_int_equal(wait_events(poll, 0).size(), 0);
  }
}

// The kernel holds events of registrations that are dropped before anybody waits for them.
void events_of_dropped_registrations(void **) {
  const Poll poll;
  std::vector<Pair> pairs(32);
  int tag;
  for (int round = 0; round < 20; round++) {
    for (const Pair &pair : pairs) {
      assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ | POLL_WRITE, (void *)&pair),
                       0);
      pair.send();
    }
    for (size_t i = 0; i < pairs.size(); i++) {
      const int number = pairs[i].near_end;
      if (i % 3 == 1) pairs[i] = Pair(); // another socket, as a rule under the same number
      assert_int_equal(SocketPoll_del(poll, number), 0);
    }
    const Pair &last = pairs.back();
    last.send();
    assert_int_equal(SocketPoll_add(poll, last.near_end, POLL_READ, &tag), 0);
    const SocketEvent_T event = wait_one(poll);
    assert_int_equal(event.fd, last.near_end.number);
    assert_int_equal(event.events, POLL_READ);
    assert_ptr_equal(event.data, &tag);
    assert_int_equal(SocketPoll_del(poll, last.near_end), 0);
    assert_int_equal(wait_events(poll, 0).size(), 0);
    for (const Pair &pair : pairs) pair.drain();
  }
}

// Both filters of kqueue, or both bits of any other mechanism: one event, and a batch of one loses
// neither.
void both_directions_in_a_batch_of_one(void **) {
  const Poll poll(1);
  const Pair pairs[3];
  for (const Pair &pair : pairs) {
    pair.send();
    assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ | POLL_WRITE, nullptr), 0);
  }
  int seen[3] = {0, 0, 0};
  for (int left = 100; left > 0 && (seen[0] & seen[1] & seen[2]) != (POLL_READ | POLL_WRITE);
       left--)
    for (const SocketEvent_T &event : wait_events(poll, 0))
      for (int i = 0; i < 3; i++)
        if (event.fd == pairs[i].near_end) seen[i] |= event.events;
  for (int events : seen) assert_int_equal(events, POLL_READ | POLL_WRITE);
}

// A one-shot is one event, whichever direction brings it about.
void a_one_shot_for_both_directions(void **) {
  const Poll poll(1);
  Pair pair;
  const int bits = POLL_READ | POLL_WRITE | SOCKET_POLL_ONESHOT;
  pair.send();
  assert_int_equal(SocketPoll_add(poll, pair.near_end, bits, nullptr), 0);
  for (int round = 0; round < 3; round++) {
    assert_true(wait_one(poll).events & (POLL_READ | POLL_WRITE));
    pair.send();
    assert_int_equal(wait_events(poll, 0).size(), 0);
    assert_int_equal(SocketPoll_mod(poll, pair.near_end, bits, nullptr), 0);
  }
  // The end of the other side does not use up a one-shot that did not ask for it.
  assert_int_equal(
      SocketPoll_mod(poll, pair.near_end, SOCKET_POLL_ONESHOT | SOCKET_POLL_LEVEL, nullptr), 0);
  shutdown(pair.far_end, SHUT_WR);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  pair.hang_up();
  assert_int_equal(wait_one(poll).events & ~POLL_ERROR, POLL_HANGUP);
  assert_int_equal(wait_events(poll, 0).size(), 0);
}

// Ends that nobody asked about come all the same, and under SOCKET_POLL_LEVEL they stay.
void ends_repeat_under_level(void **) {
  const Poll poll;
  Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, SOCKET_POLL_LEVEL, nullptr), 0);
  shutdown(pair.far_end, SHUT_WR);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, SOCKET_POLL_PEER_CLOSED, 0), 0);
  for (int i = 0; i < 3; i++) assert_int_equal(wait_one(poll).events, SOCKET_POLL_PEER_CLOSED);
  pair.hang_up();
  for (int i = 0; i < 3; i++)
    assert_int_equal(wait_one(poll).events & ~POLL_ERROR, SOCKET_POLL_PEER_CLOSED | POLL_HANGUP);
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, SOCKET_POLL_LEVEL, nullptr), 0);
  for (int i = 0; i < 3; i++) assert_int_equal(wait_one(poll).events & ~POLL_ERROR, POLL_HANGUP);
}

void a_pipe_that_is_broken_already(void **) {
  skip_on_windows("pipes cannot be polled there");
  const Poll poll;
  for (int bits : {0, int{POLL_WRITE}, int{POLL_WRITE | SOCKET_POLL_LEVEL}}) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    const Fd writer(ends[1]);
    close(ends[0]);
    assert_int_equal(SocketPoll_add(poll, writer, bits, nullptr), 0);
    assert_true(wait_one(poll).events & POLL_ERROR);
    assert_int_equal(SocketPoll_mod(poll, writer, bits, nullptr), 0);
    assert_true(wait_one(poll).events & POLL_ERROR);
    assert_int_equal(SocketPoll_del(poll, writer), 0);
  }
}

} // namespace

int run_hardship_tests() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(five_thousand_sockets),
      cmocka_unit_test(a_wakeup_storm),
      cmocka_unit_test(a_socket_closed_under_a_blocked_wait),
      cmocka_unit_test(events_of_dropped_registrations),
      cmocka_unit_test(both_directions_in_a_batch_of_one),
      cmocka_unit_test(a_one_shot_for_both_directions),
      cmocka_unit_test(ends_repeat_under_level),
      cmocka_unit_test(a_pipe_that_is_broken_already),
  };
  return cmocka_run_group_tests_name("poll: hardship", tests, nullptr, nullptr);
}
