// Out of memory and out of descriptors: what was asked for fails, nothing else has changed, nothing
// leaks. The library takes its memory from this program's operator new.
#include "poll_test.hpp"
#include "support/allocations.h"

#include <sys/resource.h>
#include <thread>

namespace {

// Makes the first, second, third... allocation of `attempt` fail until it succeeds; returns how
// often it failed. `attempt` returns what it did, or -1.
template <class Attempt, class Check> int fail_each_allocation(Attempt &&attempt, Check &&check) {
  for (int failures = 0;; failures++) {
    allocations_fail_at(failures);
    errno = 0;
    const int outcome = attempt();
    const int error_number = errno;
    allocations_fail_at(-1);
    if (outcome >= 0) return failures;
    assert_int_equal(error_number, ENOMEM);
    assert_int_equal(Socket_last_error(), SOCKET_ENOMEM);
    check();
  }
}

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

void construction_out_of_memory(void **) {
  { const Poll warm; } // the handle table's first chunk stays
  const int descriptors = open_descriptors();
  const long before = allocations_live();
  SocketPoll_T poll = nullptr;
  const int failures = fail_each_allocation(
      [&] {
        poll = SocketPoll_new(0);
        return poll ? 0 : -1;
      },
      [&] {
        assert_int_equal(allocations_live(), before);
        assert_int_equal(open_descriptors(), descriptors);
      });
  assert_true(failures >= 2);
  SocketPoll_free(&poll);
  assert_int_equal(allocations_live(), before);
  assert_int_equal(open_descriptors(), descriptors);
}

void add_out_of_memory(void **) {
  const Poll poll;
  const Pair pair;
  pair.send();
  const int high = fcntl(pair.near_end, F_DUPFD_CLOEXEC, 900); // in a chunk of its own
  const Fd owned(high);
  const int failures =
      fail_each_allocation([&] { return SocketPoll_add(poll, high, POLL_READ, nullptr); },
                           [&] {
                             assert_int_equal(SocketPoll_getregisteredcount(poll), 0);
                             assert_fails(SocketPoll_del(poll, high), ENOENT);
                           });
  assert_true(failures >= 1);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 1);
  assert_int_equal(wait_one(poll).fd, high);
}

void wait_out_of_memory(void **) {
  const Poll poll;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  SocketEvent_T *events = nullptr;
  int failures = 0;
  failures = fail_each_allocation([&] { return SocketPoll_wait(poll, &events, 10000); },
                                  [&] { assert_null(events); });
  assert_true(failures >= 3);
  assert_int_equal(events[0].fd, pair.near_end.number); // the event was not lost on the way
  // From a thread that is new to the poll.
  int other_failures = -1;
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, POLL_READ, nullptr), 0);
  std::thread([&] {
    for (other_failures = 0;; other_failures++) {
      allocations_fail_at(other_failures);
      const int count = SocketPoll_wait(poll, &events, 10000);
      allocations_fail_at(-1);
      if (count == 1 || other_failures > 100) return;
    }
  }).join();
  assert_in_range(other_failures, 2, 100);
}

void changes_need_no_memory(void **) {
  const Poll poll;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  pair.send();
  allocations_fail_at(0);
  const int changed = SocketPoll_mod(poll, pair.near_end, POLL_READ | POLL_WRITE, nullptr);
  SocketEvent_T *events;
  const int count = SocketPoll_wait(poll, &events, 1000);
  const int woken = SocketPoll_wakeup(poll);
  const int dropped = SocketPoll_del(poll, pair.near_end);
  allocations_fail_at(-1);
  assert_int_equal(changed, 0);
  assert_int_equal(count, 1);
  assert_int_equal(woken, 0);
  assert_int_equal(dropped, 0);
}

void an_orphan_out_of_memory(void **) {
  const Poll poll;
  const Pair live;
  Pair orphan;
  const int number = orphan.near_end;
  const Fd kept(dup(number));
  assert_int_equal(SocketPoll_add(poll, live.near_end, POLL_READ, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  orphan.send();
  orphan.near_end.close();
  assert_int_equal(SocketPoll_del(poll, number), 0);
  SocketEvent_T *events;
  fail_each_allocation([&] { return SocketPoll_wait(poll, &events, 5); },
                       [&] { assert_int_equal(SocketPoll_getregisteredcount(poll), 1); });
  live.send();
  assert_int_equal(wait_one(poll).fd, live.near_end.number);
}

// Lets no more than `spare` descriptors be opened.
struct DescriptorLimit {
  explicit DescriptorLimit(int spare) {
    getrlimit(RLIMIT_NOFILE, &before);
    std::vector<Fd> probes;
    for (int i = 0; i <= spare; i++) probes.emplace_back(dup(2));
    rlimit low = before;
    low.rlim_cur = static_cast<rlim_t>(probes.back().number); // the first number that is refused
    setrlimit(RLIMIT_NOFILE, &low);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before;
};

void construction_out_of_descriptors(void **) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  const int descriptors = open_descriptors();
  for (int spare = 0;; spare++) {
    SocketPoll_T poll;
    int error_number;
    {
      const DescriptorLimit limit(spare);
      errno = 0;
      poll = SocketPoll_new(0);
      error_number = errno;
    }
    if (poll) {
      assert_true(spare >= 1);
      SocketPoll_free(&poll);
      break;
    }
    assert_int_equal(error_number, EMFILE);
    assert_int_equal(Socket_last_error(), SOCKET_EMFILE);
    assert_int_equal(open_descriptors(), descriptors);
  }
  assert_int_equal(open_descriptors(), descriptors);
}

void waiting_out_of_descriptors(void **) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  const Poll poll;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  SocketEvent_T *events;
  int count, error_number;
  {
    const DescriptorLimit limit(0);
    errno = 0;
    count = SocketPoll_wait(poll, &events, 0);
    error_number = errno;
  }
  if (std::strcmp(SocketPoll_get_backend_name(poll), "poll") == 0) { // as its page says
    assert_int_equal(count, -1);
    assert_int_equal(error_number, EMFILE);
    count = SocketPoll_wait(poll, &events, 0);
  }
  assert_int_equal(count, 1);
}

void an_orphan_out_of_descriptors(void **) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  const Poll poll;
  const Pair live;
  Pair orphan;
  const int number = orphan.near_end;
  const Fd kept(dup(number));
  assert_int_equal(SocketPoll_add(poll, live.near_end, POLL_READ, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  orphan.send();
  orphan.near_end.close();
  const Fd taken(dup(2)); // the number is in use again
  assert_int_equal(SocketPoll_del(poll, number), 0);
  SocketEvent_T *events;
  int count, error_number;
  live.send();
  {
    const DescriptorLimit limit(0);
    assert_int_equal(wait_one(poll).fd, live.near_end.number); // what is ready comes first
    errno = 0;
    count = SocketPoll_wait(poll, &events, 5);
    error_number = errno;
  }
  if (std::strcmp(SocketPoll_get_backend_name(poll), "epoll") == 0) { // as its page says
    assert_int_equal(count, -1);
    assert_int_equal(error_number, EMFILE);
  } else {
    // Nothing stays behind; without edges what was not drained repeats.
    assert_int_equal(count, poll.can(SOCKET_POLL_CAN_EDGE) ? 0 : 1);
  }
  live.drain();
  assert_int_equal(wait_events(poll, 5).size(), 0);
  live.send();
  assert_int_equal(wait_one(poll).fd, live.near_end.number);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(construction_out_of_memory),
      cmocka_unit_test(add_out_of_memory),
      cmocka_unit_test(wait_out_of_memory),
      cmocka_unit_test(changes_need_no_memory),
      cmocka_unit_test(an_orphan_out_of_memory),
      cmocka_unit_test(construction_out_of_descriptors),
      cmocka_unit_test(an_orphan_out_of_descriptors),
      cmocka_unit_test(waiting_out_of_descriptors),
  };
  return cmocka_run_group_tests_name("poll: exhaustion", tests, nullptr, nullptr);
}
