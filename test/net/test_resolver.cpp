// Names, over a name service of the test's own: what is one, where answers come from, what is
// shared and remembered, and that nothing waits for a lookup that hangs.
#include "cmocka_cpp.hpp"
#include "support/name_service.hpp"

#include "SocketResolver.h"
#include "SocketTimer.h"
#include "net/names/host_name.hpp"
#include "net/names/resolver.hpp"

#include <memory>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace socketpoll;
using namespace test_names;

namespace {

// One loop, which ends its run with each last answer.
struct Fixture {
  Fixture() : handle(SocketLoop_new()), pinned(reinterpret_cast<HandleWord>(handle)) {
    assert_non_null(handle);
  }
  Loop &loop() { return *pinned; }
  void run() { assert_int_equal(SocketLoop_run(handle), 0); }
  ~Fixture() { SocketLoop_free(&handle); }
  SocketLoop_T handle;
  Pinned<Loop> pinned;
};

struct Asker final : LookupDelegate {
  explicit Asker(Fixture &of) : on(of) {}
  void on_lookup(std::span<const Address> found, int told) override {
    assert_false(inside);
    calls++;
    code = told;
    for (const Address &address : found) {
      char host[64];
      assert_true(address.format_host(host).ok());
      assert_int_equal(address.port, 0);
      text += text.empty() ? host : std::string(" ") + host;
    }
    on.loop().stop();
  }
  Status ask(std::string_view name, int family = AF_UNSPEC) {
    text.clear();
    calls = 0;
    lookup.emplace(on.loop(), *this);
    inside = true;
    const Status status = lookup->start(name, family);
    inside = false;
    return status;
  }
  // The outcome: addresses, or the name of the code.
  std::string get(std::string_view name, int family = AF_UNSPEC) {
    if (const Status status = ask(name, family); !status.ok())
      return Socket_error_name(status.code());
    on.run();
    assert_int_equal(calls, 1);
    return code ? Socket_error_name(code) : text;
  }
  Fixture &on;
  std::optional<Lookup> lookup;
  std::string text;
  int code = 0, calls = 0;
  bool inside = false;
};

#define assert_text(actual, expected) assert_string_equal(std::string(actual).c_str(), expected)

int fresh(void **) {
  install();
  hold();
  state().asked.clear();
  clock_ns = 1;
  resolver_settings.idle_ms = 5000;
  assert_int_equal(SocketResolver_set_threads(SOCKET_RESOLVER_THREADS, SOCKET_RESOLVER_QUEUE), 0);
  assert_int_equal(SocketResolver_set_cache(SOCKET_RESOLVER_CACHE_ENTRIES,
                                            SOCKET_RESOLVER_CACHE_FOUND_MS,
                                            SOCKET_RESOLVER_CACHE_FAILED_MS),
                   0);
  return SocketResolver_flush_cache();
}

// Nothing of one test is under way in the next.
int quiet(void **) {
  let_go();
  wait_until([] { return ResolverPool::instance().busy() == 0; });
  return 0;
}

// ---- Without a thread

void what_can_be_a_name(void **) {
  const std::string label63(63, 'a'), label64(64, 'a');
  std::string longest = label63 + '.' + label63 + '.' + label63 + '.' + std::string(61, 'a');
  assert_int_equal(longest.size(), 253);
  const char *const good[] = {"a",
                              "a.b",
                              "a.b.",
                              "xn--bcher-kva.example",
                              "_http._tcp.example",
                              "3com.com",
                              "1.2.3.4.in-addr.arpa",
                              "0x7f.example",
                              "a-b"};
  for (const char *name : good) assert_int_equal(check_host_name(name).code(), 0);
  assert_int_equal(check_host_name(label63 + ".b").code(), 0);
  assert_int_equal(check_host_name(longest).code(), 0);
  assert_int_equal(check_host_name(longest + '.').code(), 0);
  assert_int_equal(check_host_name(longest + 'a').code(), SOCKET_ENAMETOOLONG);
  assert_int_equal(check_host_name(label64 + ".b").code(), SOCKET_ENAMETOOLONG);
  assert_int_equal(check_host_name("b." + label64).code(), SOCKET_ENAMETOOLONG);
  const std::string_view bad[] = {"", ".", "..", ".a", "a..b", "a b", "a\n", "a\x7f",
                                  "b\xc3\xbc.de", std::string_view("a\0b", 3), "a:b", "fe80::1",
                                  "eth%0",
                                  // What inet_aton takes for addresses.
                                  "1", "127.1", "0x7f000001", "0x7f.0x1", "0X7F.1", "1.2.3.4.",
                                  "999.999.999.999", "example.0x"};
  for (const std::string_view name : bad)
    assert_int_equal(check_host_name(name).code(), SOCKET_EADDRESS);
}

void addresses_are_recognized(void **) {
  const auto family_of = [](std::string_view text, int family) {
    auto address = parse_host(text, family);
    return address.ok() ? int{address->family} : address.code();
  };
  assert_int_equal(family_of("127.0.0.1", AF_UNSPEC), AF_INET);
  assert_int_equal(family_of("127.0.0.1", AF_INET), AF_INET);
  assert_int_equal(family_of("::1", AF_UNSPEC), AF_INET6);
  assert_int_equal(family_of("::ffff:1.2.3.4", AF_INET6), AF_INET6);
  for (const std::string_view text :
       {std::string_view(""), std::string_view("127.1"), std::string_view("127.0.0.1.5"),
        std::string_view("::1\0", 4), std::string_view("[::1]"), std::string_view("1::2::3"),
        std::string_view("fe80::1%lo"), std::string_view("example.com")})
    assert_int_equal(family_of(text, AF_UNSPEC), SOCKET_EADDRESS);
  assert_int_equal(family_of(std::string(200, ':'), AF_UNSPEC), SOCKET_EADDRESS);
  assert_int_equal(family_of("127.0.0.1", AF_INET6), SOCKET_EADDRESS);
  assert_int_equal(family_of("::1", AF_INET), SOCKET_EADDRESS);
}

void this_machine_needs_no_network(void **) {
  Fixture on;
  Asker asker(on);
  assert_text(asker.get("192.0.2.7"), "192.0.2.7");
  assert_text(asker.get("2001:DB8::7"), "2001:db8::7");
  assert_text(asker.get("localhost"), "::1 127.0.0.1");
  assert_text(asker.get("LocalHost."), "::1 127.0.0.1");
  assert_text(asker.get("a.b.localhost"), "::1 127.0.0.1");
  assert_text(asker.get("localhost", AF_INET), "127.0.0.1");
  assert_text(asker.get("localhost", AF_INET6), "::1");
  assert_text(asker.get("b\xc3\xbc"
                        "cher.example"),
              "SOCKET_EADDRESS");
  assert_true(state().asked.empty());
  assert_text(asker.get("v4.notlocalhost"), "192.0.2.4");
  assert_text(asker.get("v4.localhost.example"), "192.0.2.4");
  assert_int_equal(state().asked.size(), 2);
}

// ---- The name service

void families_take_turns(void **) {
  Fixture on;
  Asker asker(on);
  assert_text(asker.get("both.test"), "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2");
  assert_text(asker.get("both.test", AF_INET), "192.0.2.1 192.0.2.2");
  assert_text(asker.get("both.test", AF_INET6), "2001:db8::1 2001:db8::2");
  assert_text(asker.get("v6.test"), "2001:db8::6");
  assert_true(state().signals_blocked);
}

void failures_are_told_apart(void **) {
  Fixture on;
  Asker asker(on);
  assert_text(asker.get("none.test"), "SOCKET_ENONAME");
  assert_text(asker.get("v4.test", AF_INET6), "SOCKET_ENONAME");
  assert_text(asker.get("empty.test"), "SOCKET_ENONAME");
  assert_text(asker.get("down.test"), "SOCKET_ENAMESERVER");
  assert_text(asker.get("broken.test"), "SOCKET_ENAMESERVER");
  if (!left_out_on_windows("no failure of getaddrinfo is the system's own"))
    assert_text(asker.get("files.test"), "SOCKET_EMFILE");
  assert_text(asker.get("memory.test"), "SOCKET_ENOMEM");
  assert_text(asker.get("family.test"), "SOCKET_EAFNOSUPPORT");
}

void answers_are_remembered_for_a_while(void **) {
  Fixture on;
  Asker asker(on);
  const int64_t start = clock_ns;
  const auto pass_ms = [&](int64_t ms) { clock_ns = start + ms * kNsPerMs; };
  for (int i = 0; i < 3; i++) assert_text(asker.get(i % 2 ? "V4.Test" : "v4.test"), "192.0.2.4");
  assert_int_equal(times_asked("v4.test"), 1);
  assert_text(asker.get("v4.test", AF_INET), "192.0.2.4"); // another question
  assert_int_equal(times_asked("v4.test"), 2);
  for (const char *name : {"none.test", "down.test", "files.test"})
    for (int i = 0; i < 2; i++) assert_int_not_equal(asker.get(name).find("SOCKET_E"), -1);
  assert_int_equal(times_asked("none.test"), 1);
  assert_int_equal(times_asked("down.test"), 1);
  if (!left_out_on_windows("no failure of getaddrinfo is the system's own"))
    assert_int_equal(times_asked("files.test"), 2); // this machine's failures are not
  pass_ms(999);
  asker.get("none.test");
  assert_int_equal(times_asked("none.test"), 1);
  pass_ms(1000);
  asker.get("none.test");
  assert_int_equal(times_asked("none.test"), 2);
  pass_ms(29999);
  asker.get("v4.test");
  assert_int_equal(times_asked("v4.test"), 2);
  pass_ms(30000);
  asker.get("v4.test");
  assert_int_equal(times_asked("v4.test"), 3);
  assert_int_equal(SocketResolver_flush_cache(), 0);
  asker.get("v4.test");
  assert_int_equal(times_asked("v4.test"), 4);
}

void what_is_remembered_is_bounded(void **) {
  Fixture on;
  Asker asker(on);
  assert_int_equal(SocketResolver_set_cache(2, 1000, 0), 0);
  asker.get("v4.a");
  asker.get("v4.b");
  asker.get("v4.a"); // used more recently than b
  asker.get("v4.c");
  assert_int_equal(ResolverPool::instance().cached(), 2);
  asker.get("v4.a");
  asker.get("v4.c");
  assert_int_equal(state().asked.size(), 3);
  asker.get("v4.b");
  assert_int_equal(state().asked.size(), 4);
  asker.get("none.a"); // failures hold for no time
  asker.get("none.a");
  assert_int_equal(times_asked("none.a"), 2);
  assert_int_equal(SocketResolver_set_cache(0, 1000, 1000), 0);
  assert_int_equal(ResolverPool::instance().cached(), 0);
  asker.get("v4.a");
  asker.get("v4.a");
  assert_int_equal(times_asked("v4.a"), 3);
  for (int i = 0; i < 3; i++)
    assert_int_equal(SocketResolver_set_cache(i == 0 ? -1 : 1, i == 1 ? -1 : 1, i == 2 ? -1 : 1),
                     SOCKET_EINVAL);
  assert_int_equal(SocketResolver_set_cache(1000001, 1, 1), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_set_threads(0, 1), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_set_threads(65, 1), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_set_threads(1, 0), SOCKET_EINVAL);
}

// ---- What hangs

void one_question_at_a_time(void **) {
  Fixture on, other;
  Asker first(on), second(on), third(other);
  assert_true(first.ask("hang.test").ok());
  assert_true(second.ask("HANG.test").ok());
  assert_true(third.ask("hang.test").ok());
  wait_for_hanging(1);
  let_go();
  while (!first.calls || !second.calls) on.run();
  while (!third.calls) other.run();
  assert_int_equal(times_asked("hang.test"), 1);
  for (Asker *asker : {&first, &second, &third}) assert_text(asker->text, "192.0.2.4");
}

void a_forgotten_lookup_disturbs_nobody(void **) {
  Fixture on;
  Asker gone(on), asker(on);
  assert_true(gone.ask("hang.test").ok());
  wait_for_hanging(1);
  gone.lookup.reset();
  assert_text(asker.get("v4.test"), "192.0.2.4");
  let_go();
  // The late answer is remembered, and told to nobody.
  wait_until([] { return ResolverPool::instance().busy() == 0; });
  assert_text(asker.get("hang.test"), "192.0.2.4");
  assert_int_equal(times_asked("hang.test"), 1);
  assert_int_equal(gone.calls, 0);
}

// Forgotten between the worker's post and the loop's turn; and with what is known at once.
void forgotten_at_the_last_moment(void **) {
  Fixture on;
  Asker gone(on), asker(on);
  assert_true(gone.ask("v4.test").ok());
  wait_until([] { return ResolverPool::instance().busy() == 0; });
  gone.lookup.reset();
  assert_true(gone.ask("127.0.0.1").ok());
  gone.lookup.reset();
  assert_text(asker.get("v4.test"), "192.0.2.4");
  assert_int_equal(gone.calls, 0);
}

void each_hanging_lookup_keeps_one_thread(void **) {
  Fixture on;
  Asker a(on), b(on), waiting(on), gone(on), refused(on);
  assert_int_equal(SocketResolver_set_threads(2, 2), 0);
  assert_true(a.ask("hang.a").ok());
  assert_true(b.ask("hang.b").ok());
  wait_for_hanging(2);
  assert_true(waiting.ask("v4.waiting").ok());
  assert_true(gone.ask("v4.gone").ok());
  assert_text(refused.get("v4.refused"), "SOCKET_ELIMIT");
  gone.lookup.reset(); // which makes room
  assert_true(refused.ask("v4.next").ok());
  assert_int_equal(SocketResolver_set_threads(3, 2), 0); // a thread for those that wait
  while (!waiting.calls || !refused.calls) on.run();
  assert_int_equal(a.calls + b.calls, 0);
  assert_int_equal(times_asked("v4.gone"), 0);
  assert_int_equal(SocketResolver_set_threads(1, 2), 0);
  let_go();
  while (!a.calls || !b.calls) on.run();
  wait_until([] { return ResolverPool::instance().threads() <= 1; });
  assert_text(waiting.get("v4.more"), "192.0.2.4");
}

void idle_threads_end(void **) {
  Fixture on;
  Asker asker(on);
  resolver_settings.idle_ms = 1;
  assert_text(asker.get("v4.idle"), "192.0.2.4");
  assert_int_equal(SocketResolver_set_threads(4, 16), 0); // those that wait look at the time anew
  wait_until([] { return ResolverPool::instance().threads() == 0; });
  assert_text(asker.get("v4.again"), "192.0.2.4");
}

void timers_fire_beside_a_dead_name_service(void **) {
  Fixture on;
  std::vector<std::unique_ptr<Asker>> askers;
  for (int i = 0; i < 50; i++) {
    askers.push_back(std::make_unique<Asker>(on));
    assert_true(askers.back()->ask("hang.n" + std::to_string(i)).ok());
  }
  wait_for_hanging(4);
  int fired = 0;
  SocketTimer_T timer = SocketTimer_new(on.handle);
  SocketTimer_set_callback(
      timer, [](const SocketCompletion_T *, void *user) { ++*static_cast<int *>(user); }, &fired);
  assert_int_equal(SocketTimer_start(timer, 1, 1), 0);
  while (fired < 20) assert_true(SocketLoop_run_once(on.handle, 20000) > 0);
  SocketTimer_free(&timer);
  askers.clear();
}

void the_loop_goes_first(void **) {
  std::optional<Fixture> on(std::in_place);
  Asker asker(*on);
  assert_true(asker.ask("hang.test").ok());
  wait_for_hanging(1);
  on.reset();
  let_go();
  wait_until([] { return ResolverPool::instance().busy() == 0; });
  assert_int_equal(asker.calls, 0);
}

// The answer is posted to a loop that never turns again.
void the_loop_never_hears_of_it(void **) {
  Fixture on;
  Asker asker(on);
  assert_true(asker.ask("v4.test").ok());
  wait_until([] { return ResolverPool::instance().busy() == 0; });
}

// ---- Processes

#if defined(__SANITIZE_THREAD__)
#define NO_FORK 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_FORK 1
#endif
#endif

#if !defined(NO_FORK) // whose threads the thread sanitizer cannot follow
int exit_code_of(pid_t child) {
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void a_process_ends_while_a_lookup_hangs(void **) {
  skip_on_windows(WITHOUT_FORK);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    Fixture on;
    Asker asker(on);
    if (!asker.ask("hang.test").ok()) _exit(2);
    wait_for_hanging(1);
    std::exit(0);
  }
  assert_int_equal(exit_code_of(child), 0);
}

void a_child_has_threads_of_its_own(void **) {
  skip_on_windows(WITHOUT_FORK);
  Fixture on;
  Asker asker(on);
  assert_true(asker.ask("hang.test").ok());
  wait_for_hanging(1);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    new (&state().mutex) std::mutex; // the thread that hangs in there is the parent's
    new (&state().changed) std::condition_variable;
    asker.lookup.reset(); // the parent's question
    Fixture fresh_loop;
    Asker own(fresh_loop);
    if (ResolverPool::instance().threads() != 0) _exit(2);
    if (own.get("both.child", AF_INET) != "192.0.2.1 192.0.2.2") _exit(3);
    if (own.get("v4.child") != "192.0.2.4" || own.get("v4.child") != "192.0.2.4") _exit(4);
    _exit(times_asked("v4.child") == 1 ? 0 : 5);
  }
  assert_int_equal(exit_code_of(child), 0);
  let_go();
  on.run();
  assert_text(asker.text, "192.0.2.4");
}
#endif

} // namespace

#define NAME_TEST(test) cmocka_unit_test_setup_teardown(test, fresh, quiet)

int main() {
  const CMUnitTest tests[] = {
    NAME_TEST(what_can_be_a_name),
    NAME_TEST(addresses_are_recognized),
    NAME_TEST(this_machine_needs_no_network),
    NAME_TEST(families_take_turns),
    NAME_TEST(failures_are_told_apart),
    NAME_TEST(answers_are_remembered_for_a_while),
    NAME_TEST(what_is_remembered_is_bounded),
    NAME_TEST(one_question_at_a_time),
    NAME_TEST(a_forgotten_lookup_disturbs_nobody),
    NAME_TEST(forgotten_at_the_last_moment),
    NAME_TEST(each_hanging_lookup_keeps_one_thread),
    NAME_TEST(idle_threads_end),
    NAME_TEST(timers_fire_beside_a_dead_name_service),
    NAME_TEST(the_loop_goes_first),
    NAME_TEST(the_loop_never_hears_of_it),
#if !defined(NO_FORK)
    NAME_TEST(a_process_ends_while_a_lookup_hangs),
    NAME_TEST(a_child_has_threads_of_its_own),
#endif
  };
  return cmocka_run_group_tests_name("resolver", tests, nullptr, nullptr);
}
