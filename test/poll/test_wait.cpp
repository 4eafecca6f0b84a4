// How long a wait lasts: deadlines, signals, wakeups.
#include "poll_test.hpp"

#include <csignal>
#include <sys/eventfd.h>
#include <sys/time.h>

namespace {

constexpr int64_t kMs = 1000000;
volatile sig_atomic_t signals_seen;
void count_signal(int) { signals_seen = signals_seen + 1; }

// Interrupts this thread every half a millisecond.
struct SignalStorm {
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = count_signal; // no SA_RESTART, and epoll_wait ignores it anyhow
    sigaction(SIGALRM, &action, &before);
    signals_seen = 0;
    const itimerval often{{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~SignalStorm() {
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before, nullptr);
  }
  struct sigaction before;
};

// The wait returns 0, and not before its time; the upper bound only tells a hang from a delay.
void assert_waits(SocketPoll_T poll, int timeout_ms, int expected_ms) {
  const int64_t begin = monotonic_ns();
  assert_int_equal(wait_events(poll, timeout_ms).size(), 0);
  const int64_t took = monotonic_ns() - begin;
  assert_true(took >= expected_ms * kMs);
  assert_true(took < (expected_ms + 5000) * kMs);
}

void a_timeout_is_never_early(void **) {
  const Poll poll;
  for (int timeout_ms : {0, 1, 2, 3, 5, 10, 20, 50}) assert_waits(poll, timeout_ms, timeout_ms);
  const Pair quiet;
  assert_int_equal(SocketPoll_add(poll, quiet.near_end, POLL_READ, nullptr), 0);
  for (int timeout_ms : {0, 1, 7, 30}) assert_waits(poll, timeout_ms, timeout_ms);
}

void signals_neither_shorten_nor_lengthen(void **) {
  skip_on_windows("no signals interrupt a wait there");
  const Poll poll;
  const SignalStorm storm;
  assert_waits(poll, 100, 100);
  assert_true(signals_seen > 0);
  assert_waits(poll, 1, 1);
  assert_waits(poll, 0, 0);
}

void an_event_arrives_in_a_storm(void **) {
  skip_on_windows("no signals interrupt a wait there");
  const Poll poll;
  const Pair pair;
  const SignalStorm storm;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  for (int i = 0; i < 200; i++) {
    pair.send();
    assert_int_equal(wait_one(poll, i & 1 ? -1 : 10000).fd, pair.near_end.number);
    pair.drain();
  }
}

void the_default_timeout(void **) {
  const Poll poll;
  assert_int_equal(SocketPoll_getdefaulttimeout(poll), SOCKET_POLL_TIMEOUT_INFINITE);
  assert_int_equal(SocketPoll_setdefaulttimeout(poll, 20), 0);
  assert_int_equal(SocketPoll_getdefaulttimeout(poll), 20);
  assert_waits(poll, SOCKET_POLL_TIMEOUT_USE_DEFAULT, 20);
  assert_fails(SocketPoll_setdefaulttimeout(poll, -2), EINVAL);
  assert_int_equal(SocketPoll_getdefaulttimeout(poll), 20);
  assert_int_equal(SocketPoll_setdefaulttimeout(poll, -1), 0);
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  assert_int_equal(wait_events(poll, SOCKET_POLL_TIMEOUT_USE_DEFAULT).size(), 0);
  SocketEvent_T *events;
  assert_fails(SocketPoll_wait(poll, &events, -3), EINVAL);
  assert_fails(SocketPoll_wait(poll, &events, -0x7fffffff - 1), EINVAL);
}

void each_wakeup_ends_one_wait(void **) {
  const Poll poll;
  for (int i = 0; i < 3; i++) assert_int_equal(SocketPoll_wakeup(poll), 0);
  // One that came before the wait is not lost; with no fds at all -1 would block for ever.
  for (int i = 0; i < 3; i++) assert_int_equal(wait_events(poll, -1).size(), 0);
  assert_waits(poll, 10, 10);
}

void a_wakeup_brings_what_is_ready(void **) {
  const Poll poll;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  assert_int_equal(wait_one(poll).fd, pair.near_end.number);
  pair.drain();
  assert_waits(poll, 10, 10);
}

SocketPoll_T handlers_poll;
void wake_from_handler(int) {
  const int kept = errno;
  SocketPoll_wakeup(handlers_poll);
  errno = kept;
}

void a_signal_handler_may_wake(void **) {
  skip_on_windows("no signals interrupt a wait there");
  const Poll poll;
  handlers_poll = poll;
  struct sigaction action {
  }, before;
  action.sa_handler = wake_from_handler;
  sigaction(SIGALRM, &action, &before);
  const itimerval once{{0, 0}, {0, 5000}};
  setitimer(ITIMER_REAL, &once, nullptr);
  assert_int_equal(wait_events(poll, -1).size(), 0);
  sigaction(SIGALRM, &before, nullptr);
}

void many_wakeups_do_not_block_the_caller(void **) {
  const Poll poll;
  for (int i = 0; i < 100000; i++) assert_int_equal(SocketPoll_wakeup(poll), 0);
  assert_int_equal(wait_events(poll, -1).size(), 0);
}

void an_eventfd_is_as_good_as_a_socket(void **) {
  const Poll poll;
  const Fd counter(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  assert_int_equal(SocketPoll_add(poll, counter, POLL_READ | POLL_WRITE, nullptr), 0);
  assert_int_equal(wait_one(poll).events, POLL_WRITE);
  assert_int_equal(eventfd_write(counter, 1), 0);
  assert_int_equal(wait_one(poll).events, POLL_READ | POLL_WRITE);
}

} // namespace

int run_wait_tests() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_timeout_is_never_early),
      cmocka_unit_test(signals_neither_shorten_nor_lengthen),
      cmocka_unit_test(an_event_arrives_in_a_storm),
      cmocka_unit_test(the_default_timeout),
      cmocka_unit_test(each_wakeup_ends_one_wait),
      cmocka_unit_test(a_wakeup_brings_what_is_ready),
      cmocka_unit_test(a_signal_handler_may_wake),
      cmocka_unit_test(many_wakeups_do_not_block_the_caller),
      cmocka_unit_test(an_eventfd_is_as_good_as_a_socket),
  };
  return cmocka_run_group_tests_name("poll: wait", tests, nullptr, nullptr);
}
