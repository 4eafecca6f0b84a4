// SocketBuf without memory: each allocation in turn fails, what was asked for gives SOCKET_ENOMEM
// and changes nothing, and nothing leaks.
#include "cmocka_cpp.hpp"
#include "support/fail_allocations.hpp"

#include "SocketBuf.h"

#include <string>

namespace {

bool holds(SocketBuf_T buf, const std::string &text) {
  return SocketBuf_get_readable(buf) == static_cast<int64_t>(text.size()) &&
         text.compare(0, text.size(), static_cast<const char *>(SocketBuf_get_data(buf)),
                      text.size()) == 0;
}

constexpr auto kNothing = [] {};

void making_fails_cleanly(void **) {
  SocketBuf_T buf = SocketBuf_new(1); // the handle table's first chunk stays
  SocketBuf_free(&buf);
  const long before = allocations_live();
  assert_int_equal(
      fail_each_allocation([&] { return (buf = SocketBuf_new(100)) != nullptr; }, kNothing), 2);
  SocketBuf_free(&buf);
  assert_int_equal(
      fail_each_allocation([&] { return (buf = SocketBuf_new(0)) != nullptr; }, kNothing), 1);
  SocketBuf_free(&buf);
  int released = 0;
  const SocketRelease_T release = [](const void *, void *user) { ++*static_cast<int *>(user); };
  const auto untouched = [&] { assert_int_equal(released, 0); };
  assert_int_equal(fail_each_allocation(
                       [&] {
                         buf = SocketBuf_new_ref("lent", 4, release, &released);
                         return buf != nullptr;
                       },
                       untouched),
                   2);
  SocketBuf_T slice = nullptr;
  assert_int_equal(
      fail_each_allocation([&] { return (slice = SocketBuf_slice(buf, 1, 2)) != nullptr; },
                           [&] { assert_true(holds(buf, "lent")); }),
      1);
  SocketBuf_free(&slice);
  assert_int_equal(released, 0);
  SocketBuf_free(&buf);
  assert_int_equal(released, 1);
  assert_int_equal(allocations_live(), before);
}

void adding_fails_cleanly(void **) {
  SocketBuf_T buf = SocketBuf_new(4);
  assert_int_equal(SocketBuf_write(buf, "-full", 5), 0);
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  SocketBuf_T slice = SocketBuf_slice(buf, 0, 4);
  const std::string more(200, '+');
  assert_int_equal(fail_each_allocation([&] { return SocketBuf_write(slice, "!", 1) == 0; },
                                        [&] { assert_true(holds(slice, "full")); }),
                   1);
  assert_int_equal(fail_each_allocation([&] { return SocketBuf_write(buf, more.data(), 200) == 0; },
                                        [&] { assert_true(holds(buf, "full")); }),
                   1);
  assert_true(holds(buf, "full" + more));
  assert_int_equal(fail_each_allocation([&] { return SocketBuf_reserve(buf, 1000) != nullptr; },
                                        [&] { assert_true(holds(buf, "full" + more)); }),
                   1);
  SocketBuf_free(&slice);
  slice = SocketBuf_slice(buf, 0, 4);
  assert_int_equal(fail_each_allocation([&] { return SocketBuf_compact(slice) == 0; },
                                        [&] { assert_true(holds(slice, "full")); }),
                   1);
  SocketBuf_free(&slice);
  SocketBuf_free(&buf);
}

void pools_count_only_what_they_gave(void **) {
  const long before = allocations_live();
  SocketBufPool_T pool = nullptr;
  assert_int_equal(
      fail_each_allocation([&] { return (pool = SocketBufPool_new(64, 1)) != nullptr; }, kNothing),
      1);
  SocketBuf_T buf = nullptr;
  const auto nothing_in_use = [&] {
    assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_IN_USE), 0);
    assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_ALLOCATED), 0);
    assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_TAKEN), 0);
  };
  assert_int_equal(fail_each_allocation([&] { return (buf = SocketBufPool_take(pool)) != nullptr; },
                                        nothing_in_use),
                   2);
  SocketBufPool_free(&pool);
  SocketBuf_free(&buf);
  assert_int_equal(allocations_live(), before);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(making_fails_cleanly),
      cmocka_unit_test(adding_fails_cleanly),
      cmocka_unit_test(pools_count_only_what_they_gave),
  };
  return cmocka_run_group_tests_name("buffers: exhaustion", tests, nullptr, nullptr);
}
