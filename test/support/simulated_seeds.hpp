// What the tests that run many seeds of a simulation have in common: an invariant that names its
// seed when it does not hold, the end of a world, and runs that repeat.
#pragma once

#include "cmocka_cpp.hpp"

#include <socketpoll/SocketSimulation.h>

#include <cstdlib>

inline uint64_t present_seed;

#define INVARIANT(condition)                                                                       \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      print_error("seed %llu: ", static_cast<unsigned long long>(present_seed));                   \
      assert_true(condition);                                                                      \
    }                                                                                              \
  } while (0)

// Everything of the program's is freed: nothing may be left. Its digest.
inline int64_t end_world(SocketSimulation_T world) {
  INVARIANT(SocketSimulation_run(world, 1000) == 0);
  INVARIANT(SocketSimulation_get_open(world) == 0);
  const int64_t digest = SocketSimulation_get_digest(world);
  SocketSimulation_free(&world);
  return digest;
}

// Every seed below `seeds`; some of them twice, with equal digests.
inline void run_seeds(uint64_t seeds, uint64_t repeat_every, int64_t (*run)()) {
  for (present_seed = 0; present_seed < seeds; present_seed++) {
    const int64_t digest = run();
    if (present_seed % repeat_every == 0) INVARIANT(run() == digest);
  }
}

// With a number as argument: that seed alone, to look closer at it.
inline int run_one_or_all(int count, char **arguments, int64_t (*run)(), CMUnitTest all) {
  if (count > 1) {
    present_seed = std::strtoull(arguments[1], nullptr, 10);
    run();
    return 0;
  }
  const CMUnitTest tests[] = {all};
  return cmocka_run_group_tests_name(all.name, tests, nullptr, nullptr);
}
