// Out of memory at every allocation in turn, for programs that link support/allocations.cpp.
#pragma once

#include "cmocka_cpp.hpp"
#include "support/allocations.h"

#include <SocketError.h>

// Makes the first, second, third... allocation of `attempt` fail until it succeeds; how often it
// failed. `attempt` returns false where it did, and `unharmed` then looks at what must hold.
template <class Attempt, class Unharmed>
int fail_each_allocation(Attempt &&attempt, Unharmed &&unharmed) {
  for (int failures = 0;; failures++) {
    allocations_fail_at(failures);
    const bool done = attempt();
    allocations_fail_at(-1);
    if (done) return failures;
    assert_int_equal(Socket_last_error(), SOCKET_ENOMEM);
    unharmed();
  }
}

template <class Attempt> int fail_each_allocation(Attempt &&attempt) {
  return fail_each_allocation(attempt, [] {});
}
