#include "poll_test.hpp"

int main() {
  return run_c_tests() + run_registration_tests() + run_readiness_tests() + run_wait_tests() +
         run_thread_tests() + run_closed_fd_tests() + run_hardship_tests();
}
