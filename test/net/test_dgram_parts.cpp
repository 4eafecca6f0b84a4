// The parts of datagram sockets by themselves: how much is asked for at a time, tokens.
#include "cmocka_cpp.hpp"

#include "net/dgram/receive_pace.hpp"
#include "net/dgram/sender_tokens.hpp"

#include <set>

using namespace socketpoll;

namespace {

void the_pace_grows_with_what_comes(void **) {
  ReceivePace pace;
  assert_int_equal(pace.budget(), 1);
  int turns = 0;
  for (; pace.budget() < 32; turns++) {
    assert_true(turns < 20);
    pace.full();
  }
  pace.full();
  assert_int_equal(pace.budget(), 32);
  pace.dry();
  assert_int_equal(pace.budget(), 1);
  // One by one for long: a second one is asked for ever more rarely.
  int wasted = 0;
  for (int i = 0; i < 1000; i++) {
    if (pace.budget() == 1) {
      pace.full();
      continue;
    }
    wasted++;
    pace.dry();
  }
  assert_in_range(wasted, 1, 30);
  pace.came(64);
  assert_int_equal(pace.room(), 64);
  pace.came(0);
  assert_int_equal(pace.room(), 4);
}

void tokens_are_no_handles_and_come_once(void **) {
  SenderTokens one, two;
  std::set<HandleWord> seen;
  for (int i = 0; i < 5000; i++) {
    assert_true(seen.insert(one.take(1)).second);
    const HandleWord first = two.take(3);
    for (HandleWord j = 0; j < 3; j++) assert_true(seen.insert(first + j).second);
  }
  for (const HandleWord token : seen) {
    assert_true(token != 0);
    assert_false(token & handle_layout::kMark);
  }
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_pace_grows_with_what_comes),
      cmocka_unit_test(tokens_are_no_handles_and_come_once),
  };
  return cmocka_run_group_tests_name("datagram parts", tests, nullptr, nullptr);
}
