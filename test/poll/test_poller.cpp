// The poller over a backend whose time and readiness are scripted, and the waker: what the C ABI
// cannot bring about.
#include "cmocka_cpp.hpp"
#include "poll/poller.hpp"
#include "poll/waker.hpp"

#include <deque>
#include <poll.h>
#if !defined(_WIN32)
#include <sys/stat.h>
#endif

using namespace socketpoll;

namespace {

constexpr int64_t kMs = 1000000;

struct Step {
  int64_t passes_ns;
  std::vector<ReadyEvent> events;
  bool woken = false;
  int code = 0;
};

struct Script {
  int64_t now = 5000 * kMs;
  std::deque<Step> steps;
  std::vector<int> timeouts;
  std::vector<Registration> rebuilt;
  FdKey last_key = 0;
  bool can_forget = false;
};

class ScriptedBackend final : public Backend {
public:
  explicit ScriptedBackend(Script &script) : script_(script) {}
  const char *name() const noexcept override { return "scripted"; }
  int capabilities() const noexcept override { return 0; }
  Status add(const Registration &wanted) override {
    script_.last_key = wanted.key;
    return {};
  }
  Status mod(const Registration &, const Registration &wanted) override {
    script_.last_key = wanted.key;
    return {};
  }
  void del(int) noexcept override {}
  bool forget(int) noexcept override { return script_.can_forget; }
  Status rebuild(std::span<const Registration> live) override {
    script_.rebuilt.assign(live.begin(), live.end());
    return {};
  }
  Result<Outcome> wait(Scratch &, std::span<ReadyEvent> ready, int timeout_ms) override {
    script_.timeouts.push_back(timeout_ms);
    if (script_.steps.empty()) return Error{SOCKET_EIO}; // the script did not foresee this wait
    const Step step = script_.steps.front();
    script_.steps.pop_front();
    script_.now += step.passes_ns;
    if (step.code) return Error{step.code};
    std::copy(step.events.begin(), step.events.end(), ready.begin());
    return Outcome{static_cast<int>(step.events.size()), step.woken};
  }
  Status wakeup() noexcept override { return {}; }
  void close() noexcept override {}
  bool is_open(int) const noexcept override { return true; }
  int64_t now_ns() const noexcept override { return script_.now; }

private:
  Script &script_;
};

std::unique_ptr<Poller> scripted(Script &script) {
  auto made = Poller::create(std::make_unique<ScriptedBackend>(script), 8);
  assert_true(made.ok());
  return made.take();
}

void what_is_left_is_waited_for(void **) {
  Script script;
  const auto poller = scripted(script);
  script.steps = {{3 * kMs + 1, {}}, {6 * kMs, {}}, {kMs - 2, {}}, {1, {}}};
  const auto result = poller->wait(10);
  assert_true(result.ok());
  assert_int_equal(result.code(), 0);
  // Rounded up, so that it never ends before its time.
  const std::vector<int> expected{10, 7, 1, 1};
  assert_true(script.timeouts == expected);
  assert_true(script.steps.empty());
}

void an_endless_wait_stays_endless(void **) {
  Script script;
  const auto poller = scripted(script);
  script.steps = {{1000 * kMs, {}}, {1000 * kMs, {}}, {0, {}, true}};
  assert_true(poller->wait(-1).ok());
  const std::vector<int> expected{-1, -1, -1};
  assert_true(script.timeouts == expected);
}

void a_stale_event_does_not_end_a_wait(void **) {
  Script script;
  const auto poller = scripted(script);
  int tag;
  assert_true(poller->add(0, POLL_READ, nullptr).ok());
  const FdKey stale = script.last_key;
  assert_true(poller->del(0).ok());
  assert_true(poller->add(0, POLL_READ, &tag).ok());
  const FdKey live = script.last_key;
  assert_true(stale != live);
  script.steps = {{kMs, {{stale, POLL_READ}}}, {kMs, {{live, POLL_READ}}}};
  auto result = poller->wait(0); // and a look at nothing but stale events is not a look
  assert_true(result.ok());
  assert_int_equal(result->size(), 1);
  assert_ptr_equal((*result)[0].data, &tag);
  assert_true(script.rebuilt.empty());
}

void what_stays_stale_is_left_behind(void **) {
  Script script;
  const auto poller = scripted(script);
  assert_true(poller->add(4, POLL_READ, nullptr).ok());
  assert_true(poller->add(0, POLL_READ, nullptr).ok());
  const FdKey stale = script.last_key;
  assert_true(poller->del(0).ok());
  // The first may have been on its way when it was dropped; the second cannot.
  script.steps = {{0, {{stale, POLL_READ}}}, {0, {{stale, POLL_READ}}}, {0, {}, true}};
  assert_true(poller->wait(-1).ok());
  assert_int_equal(script.rebuilt.size(), 1);
  assert_int_equal(script.rebuilt[0].fd, 4);
  script.rebuilt.clear();
  script.can_forget = true;
  script.steps = {{0, {{stale, POLL_READ}}}, {0, {}, true}};
  assert_true(poller->wait(-1).ok());
  assert_true(script.rebuilt.empty());
}

void a_mod_hides_what_is_no_longer_wanted(void **) {
  Script script;
  const auto poller = scripted(script);
  assert_true(poller->add(0, POLL_READ | POLL_WRITE, nullptr).ok());
  assert_true(poller->mod(0, POLL_WRITE, nullptr).ok());
  script.steps = {{0, {{script.last_key, POLL_READ}}},
                  {0, {{script.last_key, POLL_READ | POLL_WRITE | POLL_HANGUP}}}};
  auto result = poller->wait(-1);
  assert_true(result.ok());
  assert_int_equal((*result)[0].events, POLL_WRITE | POLL_HANGUP);
}

void an_old_arming_does_not_use_up_the_new(void **) {
  Script script;
  const auto poller = scripted(script);
  const int bits = POLL_READ | SOCKET_POLL_ONESHOT;
  assert_true(poller->add(0, bits, nullptr).ok());
  const FdKey first = script.last_key;
  assert_true(poller->mod(0, bits, nullptr).ok());
  const FdKey second = script.last_key;
  script.steps = {{0, {{first, POLL_READ}, {second, POLL_READ}, {second, POLL_READ}}}};
  auto result = poller->wait(-1);
  assert_true(result.ok());
  assert_int_equal(result->size(), 1);
}

void trouble_is_reported(void **) {
  Script script;
  const auto poller = scripted(script);
  script.steps = {{0, {}, false, SOCKET_EMFILE}, {0, {}}};
  assert_int_equal(poller->wait(-1).code(), SOCKET_EMFILE);
  poller->close();
  assert_int_equal(poller->wait(-1).code(), SOCKET_EBADHANDLE);
  assert_int_equal(poller->wait(-1, -1).code(), SOCKET_EINVAL);
}

#if defined(_WIN32)
void a_waker_counts(void **) { skip_on_windows("a port is woken by a packet, there is no waker"); }
#else
void a_waker_counts(void **) {
  Waker waker;
  assert_true(waker.open().ok());
  struct stat found;
  assert_int_equal(::fstat(waker.fd(), &found), 0);
  assert_int_equal(S_ISFIFO(found.st_mode), Waker::pipes_only);
  pollfd look{waker.fd(), POLLIN, 0};
  assert_int_equal(::poll(&look, 1, 0), 0);
  assert_false(waker.take());
  for (int i = 0; i < 3; i++) assert_true(waker.give().ok());
  for (int i = 0; i < 3; i++) {
    assert_int_equal(::poll(&look, 1, 0), 1);
    assert_true(waker.take());
  }
  assert_false(waker.take());
  for (int i = 0; i < 100000; i++) assert_true(waker.give().ok()); // full is no error
  waker.give_to_all();
  for (int i = 0; i < 1000; i++) assert_true(waker.take());
  assert_int_equal(::poll(&look, 1, 0), 1);
}
#endif

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_left_is_waited_for),
      cmocka_unit_test(an_endless_wait_stays_endless),
      cmocka_unit_test(a_stale_event_does_not_end_a_wait),
      cmocka_unit_test(what_stays_stale_is_left_behind),
      cmocka_unit_test(a_mod_hides_what_is_no_longer_wanted),
      cmocka_unit_test(an_old_arming_does_not_use_up_the_new),
      cmocka_unit_test(trouble_is_reported),
      cmocka_unit_test(a_waker_counts),
  };
  return cmocka_run_group_tests_name("poller", tests, nullptr, nullptr);
}
