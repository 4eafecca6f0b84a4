// Many threads on one poll. Assertions run on the main thread only: cmocka leaves a failed test by
// longjmp, which no other thread survives.
#include "poll_test.hpp"

#include <atomic>
#include <thread>

namespace {

// A thread that makes one wait, and what came of it.
class Waiter {
public:
  explicit Waiter(SocketPoll_T poll, int timeout_ms = -1)
      : thread_([this, poll, timeout_ms] {
          id_ = this_thread_id();
          SocketEvent_T *events = nullptr;
          errno = 0;
          count = SocketPoll_wait(poll, &events, timeout_ms);
          error_number = errno;
          if (count > 0) first = events[0];
          done = true;
        }) {}
  ~Waiter() { join(); }
  void until_blocked() const {
    while (!id_) sched_yield();
    until_asleep(id_);
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  int count = -2;
  int error_number = 0;
  SocketEvent_T first{};
  std::atomic<bool> done{false};

private:
  std::atomic<int> id_{0};
  std::thread thread_;
};

void no_fds_block_until_a_wakeup(void **) {
  const Poll poll;
  Waiter waiter(poll);
  waiter.until_blocked();
  assert_false(waiter.done);
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  waiter.join();
  assert_int_equal(waiter.count, 0);
}

void an_add_takes_effect_at_once(void **) {
  const Poll poll;
  const Pair pair;
  pair.send();
  Waiter waiter(poll);
  waiter.until_blocked();
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  waiter.join();
  assert_int_equal(waiter.count, 1);
  assert_int_equal(waiter.first.fd, pair.near_end.number);
}

void a_mod_takes_effect_at_once(void **) {
  const Poll poll;
  const Pair pair;
  int tag;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  Waiter waiter(poll);
  waiter.until_blocked();
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, POLL_WRITE, &tag), 0);
  waiter.join();
  assert_int_equal(waiter.first.events, POLL_WRITE);
  assert_ptr_equal(waiter.first.data, &tag);
}

void a_del_takes_effect_at_once(void **) {
  const Poll poll;
  const Pair pair, other;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, other.near_end, POLL_READ, nullptr), 0);
  Waiter waiter(poll);
  waiter.until_blocked();
  assert_int_equal(SocketPoll_del(poll, pair.near_end), 0);
  pair.send();
  other.send();
  waiter.join();
  assert_int_equal(waiter.count, 1);
  assert_int_equal(waiter.first.fd, other.near_end.number);
}

void two_wakeups_end_two_waits(void **) {
  const Poll poll;
  for (int round = 0; round < 20; round++) {
    Waiter one(poll), two(poll);
    one.until_blocked();
    two.until_blocked();
    assert_int_equal(SocketPoll_wakeup(poll), 0);
    assert_int_equal(SocketPoll_wakeup(poll), 0);
    one.join();
    two.join();
    assert_int_equal(one.count, 0);
    assert_int_equal(two.count, 0);
  }
}

void one_wakeup_ends_one_of_two_waits(void **) {
  const Poll poll;
  Waiter one(poll), two(poll);
  one.until_blocked();
  two.until_blocked();
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  while (!one.done && !two.done) sched_yield();
  Waiter &other = one.done ? two : one;
  other.until_blocked(); // has looked, found the token taken, and waits on
  assert_false(other.done);
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  one.join();
  two.join();
}

void a_one_shot_goes_to_one_of_two(void **) {
  const Poll poll;
  for (int round = 0; round < 50; round++) {
    const Pair pair;
    assert_int_equal(SocketPoll_add(poll, pair.near_end,
                                    POLL_READ | SOCKET_POLL_LEVEL | SOCKET_POLL_ONESHOT, nullptr),
                     0);
    Waiter one(poll), two(poll);
    one.until_blocked();
    two.until_blocked();
    pair.send();
    while (!one.done && !two.done) sched_yield();
    assert_int_equal(SocketPoll_wakeup(poll), 0);
    one.join();
    two.join();
    assert_int_equal(one.count + two.count, 1);
    assert_int_equal(SocketPoll_del(poll, pair.near_end), 0);
  }
}

void free_ends_every_wait(void **) {
  for (int timeout_ms : {-1, 60000}) {
    SocketPoll_T poll = SocketPoll_new(0);
    const Pair pair;
    assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
    Waiter one(poll, timeout_ms), two(poll, timeout_ms), three(poll, timeout_ms);
    for (Waiter *waiter : {&one, &two, &three}) waiter->until_blocked();
    SocketPoll_free(&poll);
    for (Waiter *waiter : {&one, &two, &three}) {
      waiter->join();
      assert_int_equal(waiter->count, -1);
      assert_int_equal(waiter->error_number, EINVAL);
    }
  }
}

void each_thread_has_its_own_batch(void **) {
  const Poll poll;
  const Pair pair, other;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  SocketEvent_T *mine;
  assert_int_equal(SocketPoll_wait(poll, &mine, -1), 1);
  pair.drain();
  assert_int_equal(SocketPoll_add(poll, other.near_end, POLL_READ, nullptr), 0);
  other.send();
  Waiter waiter(poll);
  waiter.join();
  assert_int_equal(waiter.first.fd, other.near_end.number);
  assert_int_equal(mine[0].fd, pair.near_end.number);
}

// A set that had to be built anew (see test_closed_fds) takes the blocked along.
void a_blocked_thread_moves_with_the_set(void **) {
  for (int round = 0; round < 20; round++) {
    const Poll poll;
    Pair orphan;
    const Pair later;
    const int number = orphan.near_end;
    const Fd kept(dup(number));
    assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
    Waiter waiter(poll), other(poll);
    waiter.until_blocked();
    other.until_blocked();
    orphan.near_end.close();
    assert_int_equal(SocketPoll_del(poll, number), 0);
    orphan.send();
    assert_int_equal(wait_events(poll, 2).size(), 0);
    assert_int_equal(SocketPoll_add(poll, later.near_end, POLL_READ | SOCKET_POLL_LEVEL, nullptr),
                     0);
    later.send();
    for (Waiter *one : {&waiter, &other}) {
      one->join();
      assert_int_equal(one->count, 1);
      assert_int_equal(one->first.fd, later.near_end.number);
    }
  }
}

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 4096; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

void short_lived_threads_leave_nothing(void **) {
  const Poll poll;
  std::thread([&] { wait_events(poll, 0); }).join();
  const int before = open_descriptors();
  for (int i = 0; i < 300; i++) std::thread([&] { wait_events(poll, 0); }).join();
  assert_in_range(open_descriptors(), before - 1, before + 1);
}

// Everything at once: under a sanitizer, this is the test that matters.
void everything_at_once(void **) {
  constexpr int kPairs = 16;
  constexpr int kRounds = 3000;
  SocketPoll_T poll = SocketPoll_new(8);
  std::vector<Pair> pairs(kPairs);
  std::atomic<int> wrong{0}, finished{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; i++)
    threads.emplace_back([&] {
      SocketEvent_T *events;
      for (;;) {
        const int count = SocketPoll_wait(poll, &events, 1000);
        if (count < 0) break;
        for (int k = 0; k < count; k++) {
          const auto *pair = static_cast<const Pair *>(events[k].data);
          if (events[k].fd != pair->near_end) wrong++;
          pair->drain();
        }
      }
    });
  for (int i = 0; i < 2; i++)
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; round++) {
        Pair &pair = pairs[(round * 2 + i) % kPairs];
        void *data = &pair;
        const int bits =
            POLL_READ | (round % 3 ? 0 : SOCKET_POLL_ONESHOT) | (round % 5 ? 0 : SOCKET_POLL_LEVEL);
        if (SocketPoll_add(poll, pair.near_end, bits, data) < 0) wrong++;
        if (write(pair.far_end, "x", 1) < 0) wrong++;
        if (SocketPoll_modify_events(poll, pair.near_end, POLL_WRITE, 0) < 0) wrong++;
        if (SocketPoll_mod(poll, pair.near_end, bits, data) < 0) wrong++;
        if (round % 7 == 0) SocketPoll_wakeup(poll);
        if (SocketPoll_getregisteredcount(poll) > 2) wrong++;
        if (SocketPoll_del(poll, pair.near_end) < 0) wrong++;
        pair.drain(); // the waiters may not keep up, and the socket has its limit
      }
      finished++;
    });
  while (finished < 2) sched_yield();
  // The waiters hold a copy of the handle that goes stale beneath them.
  SocketPoll_T handle = poll;
  SocketPoll_free(&handle);
  for (std::thread &thread : threads) thread.join();
  assert_int_equal(wrong, 0);
}

void frees_race_with_everything(void **) {
  const Pair pair;
  for (int round = 0; round < 200; round++) {
    SocketPoll_T poll = SocketPoll_new(4);
    assert_non_null(poll);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
      threads.emplace_back([&, handle = poll, i]() mutable {
        SocketEvent_T *events;
        if (i == 0)
          SocketPoll_free(&handle);
        else
          while (SocketPoll_wait(handle, &events, -1) >= 0) {
          }
      });
    SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr);
    SocketPoll_wakeup(poll);
    SocketPoll_free(&poll);
    for (std::thread &thread : threads) thread.join();
  }
}

} // namespace

int run_thread_tests() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(no_fds_block_until_a_wakeup),
      cmocka_unit_test(an_add_takes_effect_at_once),
      cmocka_unit_test(a_mod_takes_effect_at_once),
      cmocka_unit_test(a_del_takes_effect_at_once),
      cmocka_unit_test(two_wakeups_end_two_waits),
      cmocka_unit_test(one_wakeup_ends_one_of_two_waits),
      cmocka_unit_test(a_one_shot_goes_to_one_of_two),
      cmocka_unit_test(free_ends_every_wait),
      cmocka_unit_test(each_thread_has_its_own_batch),
      cmocka_unit_test(a_blocked_thread_moves_with_the_set),
      cmocka_unit_test(short_lived_threads_leave_nothing),
      cmocka_unit_test(everything_at_once),
      cmocka_unit_test(frees_race_with_everything),
  };
  return cmocka_run_group_tests_name("poll: threads", tests, nullptr, nullptr);
}
