// Construction, registration and every error that either can give.
#include "poll_test.hpp"

#include <cstdlib>
#include <set>

namespace {

#if defined(_WIN32)
constexpr char kAlwaysThere[] = "iocp";
#else
constexpr char kAlwaysThere[] = "poll";
#endif

void backends_are_listed(void **) {
  const int count = SocketPoll_backend_count();
  assert_true(count >= 1);
  std::set<std::string> names;
  for (int i = 0; i < count; i++) {
    const char *name = SocketPoll_backend_at(i);
    names.insert(name);
    SocketPoll_T poll = SocketPoll_new_backend(name, 0);
    assert_non_null(poll);
    assert_string_equal(SocketPoll_get_backend_name(poll), name);
    assert_int_equal(SocketPoll_get_capabilities(poll), SocketPoll_backend_capabilities(name));
    SocketPoll_free(&poll);
  }
  assert_int_equal(names.size(), count);
  assert_true(names.count(kAlwaysThere) == 1);
  for (int index : {-1, count, 1 << 30}) {
    errno = 0;
    assert_null(SocketPoll_backend_at(index));
    assert_int_equal(errno, EINVAL);
  }
  assert_fails(SocketPoll_backend_capabilities("no such"), EOPNOTSUPP);
  assert_fails(SocketPoll_backend_capabilities(nullptr), EINVAL);
}

void the_environment_chooses(void **) {
  const char *chosen = std::getenv("SOCKETPOLL_BACKEND");
  const std::string kept = chosen ? chosen : SocketPoll_backend_at(0);
  {
    const Poll poll;
    assert_string_equal(SocketPoll_get_backend_name(poll), kept.c_str());
  }
  unsetenv("SOCKETPOLL_BACKEND");
  for (const char *unset : {"", static_cast<const char *>(nullptr)}) {
    if (unset) setenv("SOCKETPOLL_BACKEND", unset, 1);
    const Poll poll;
    assert_string_equal(SocketPoll_get_backend_name(poll), SocketPoll_backend_at(0));
    unsetenv("SOCKETPOLL_BACKEND");
  }
  setenv("SOCKETPOLL_BACKEND", "no such", 1);
  errno = 0;
  assert_null(SocketPoll_new(0));
  assert_int_equal(errno, EOPNOTSUPP);
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  assert_non_null(std::strstr(Socket_last_error_message(), "no such"));
  SocketPoll_T named = SocketPoll_new_backend(kAlwaysThere, 0); // wins over the environment
  assert_non_null(named);
  SocketPoll_free(&named);
  setenv("SOCKETPOLL_BACKEND", kept.c_str(), 1);
}

void construction_fails_with_a_reason(void **) {
  errno = 0;
  assert_null(SocketPoll_new(-1));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  errno = 0;
  assert_null(SocketPoll_new_backend("no such", 0));
  assert_int_equal(errno, EOPNOTSUPP);
  SocketPoll_free(nullptr);
  SocketPoll_T none = nullptr;
  SocketPoll_free(&none);
  const Poll most(0x7fffffff); // bounds a batch; must not allocate for two thousand million
  assert_int_equal(wait_events(most, 0).size(), 0);
}

void registration_errors(void **) {
  const Poll poll;
  const Pair pair;
  const int fd = pair.near_end;
  Pair other;
  assert_int_equal(SocketPoll_add(poll, fd, POLL_READ, nullptr), 0);
  assert_fails(SocketPoll_add(poll, fd, POLL_READ, nullptr), EEXIST);
  assert_int_equal(Socket_last_error(), SOCKET_EEXIST);
  assert_fails(SocketPoll_mod(poll, other.near_end, POLL_READ, nullptr), ENOENT);
  assert_fails(SocketPoll_modify_events(poll, other.near_end, POLL_READ, 0), ENOENT);
  assert_fails(SocketPoll_del(poll, other.near_end), ENOENT);
  const int closed = other.near_end;
  other.near_end.close();
  for (int bad : {-1, closed, 0x7fffffff, -0x7fffffff - 1}) {
    assert_fails(SocketPoll_add(poll, bad, POLL_READ, nullptr), EBADF);
    assert_fails(SocketPoll_mod(poll, bad, POLL_READ, nullptr), EBADF);
    assert_fails(SocketPoll_modify_events(poll, bad, POLL_READ, 0), EBADF);
    assert_fails(SocketPoll_del(poll, bad), EBADF);
  }
  assert_int_equal(SocketPoll_getregisteredcount(poll), 1);
  assert_int_equal(SocketPoll_del(poll, fd), 0);
  assert_fails(SocketPoll_del(poll, fd), ENOENT);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 0);
}

void bits_are_checked(void **) {
  const Poll poll;
  const Pair pair, other;
  const int fd = pair.near_end;
  assert_int_equal(SocketPoll_add(poll, fd, POLL_READ, nullptr), 0);
  for (int bad : {0x20, 0x800, 0x10000, -1, SOCKET_POLL_EXCLUSIVE | SOCKET_POLL_ONESHOT,
                  SOCKET_POLL_EXCLUSIVE | SOCKET_POLL_PEER_CLOSED}) {
    assert_fails(SocketPoll_add(poll, other.near_end, bad, nullptr), EINVAL);
    assert_fails(SocketPoll_mod(poll, fd, bad, nullptr), EINVAL);
    assert_fails(SocketPoll_modify_events(poll, fd, bad, 0), EINVAL);
  }
  assert_fails(SocketPoll_modify_events(poll, fd, 0, 0x20), EINVAL);
  // Asking for what is reported unasked is no error.
  assert_int_equal(SocketPoll_mod(poll, fd, POLL_READ | POLL_ERROR | POLL_HANGUP, nullptr), 0);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 1);
}

void files_cannot_be_polled(void **) {
  const Poll poll;
  FILE *file = tmpfile();
  const Fd directory(open("/", O_RDONLY | O_DIRECTORY));
  assert_fails(SocketPoll_add(poll, fileno(file), POLL_READ, nullptr), EPERM);
  assert_fails(SocketPoll_add(poll, directory, POLL_READ, nullptr), EPERM);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 0);
  fclose(file);
}

void counts_lists_and_limits(void **) {
  const Poll poll;
  const Pair pairs[3];
  int fds[4] = {-7, -7, -7, -7};
  assert_int_equal(SocketPoll_getmaxregistered(poll), 0);
  assert_int_equal(SocketPoll_setmaxregistered(poll, 2), 0);
  assert_int_equal(SocketPoll_getmaxregistered(poll), 2);
  assert_int_equal(SocketPoll_add(poll, pairs[1].near_end, POLL_READ, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, pairs[0].near_end, POLL_READ, nullptr), 0);
  assert_fails(SocketPoll_add(poll, pairs[2].near_end, POLL_READ, nullptr), ENOSPC);
  assert_fails(SocketPoll_add(poll, 0x7fffffff, POLL_READ, nullptr), EBADF);
  assert_fails(SocketPoll_add(poll, pairs[0].near_end, POLL_READ, nullptr), EEXIST);
  assert_fails(SocketPoll_setmaxregistered(poll, 1), EINVAL);
  assert_fails(SocketPoll_setmaxregistered(poll, -1), EINVAL);
  assert_int_equal(SocketPoll_getmaxregistered(poll), 2);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 2);
  assert_int_equal(SocketPoll_get_registered_sockets(poll, nullptr, 0), 2);
  assert_int_equal(SocketPoll_get_registered_sockets(poll, fds, 0), 0);
  assert_int_equal(SocketPoll_get_registered_sockets(poll, fds, 1), 1);
  assert_int_equal(fds[1], -7);
  assert_int_equal(SocketPoll_get_registered_sockets(poll, fds, 4), 2);
  assert_int_equal(fds[0], pairs[0].near_end.number);
  assert_int_equal(fds[1], pairs[1].near_end.number);
  assert_int_equal(fds[2], -7);
  assert_fails(SocketPoll_get_registered_sockets(poll, nullptr, 1), EINVAL);
  assert_fails(SocketPoll_get_registered_sockets(poll, fds, -1), EINVAL);
  assert_int_equal(SocketPoll_setmaxregistered(poll, 0), 0);
  assert_int_equal(SocketPoll_add(poll, pairs[2].near_end, POLL_READ, nullptr), 0);
}

void every_function_refuses(SocketPoll_T bad, int fd) {
  SocketEvent_T *events;
  assert_fails(SocketPoll_add(bad, fd, POLL_READ, nullptr), EINVAL);
  assert_fails(SocketPoll_add(bad, -1, POLL_READ, nullptr), EINVAL);
  assert_fails(SocketPoll_mod(bad, fd, POLL_READ, nullptr), EINVAL);
  assert_fails(SocketPoll_modify_events(bad, fd, POLL_READ, 0), EINVAL);
  assert_fails(SocketPoll_del(bad, fd), EINVAL);
  assert_fails(SocketPoll_wait(bad, &events, 0), EINVAL);
  assert_fails(SocketPoll_wakeup(bad), EINVAL);
  assert_fails(SocketPoll_get_capabilities(bad), EINVAL);
  assert_fails(SocketPoll_get_fd(bad), EINVAL);
  assert_fails(SocketPoll_getdefaulttimeout(bad), EINVAL);
  assert_fails(SocketPoll_setdefaulttimeout(bad, 1), EINVAL);
  assert_fails(SocketPoll_getregisteredcount(bad), EINVAL);
  assert_fails(SocketPoll_get_registered_sockets(bad, nullptr, 0), EINVAL);
  assert_fails(SocketPoll_getmaxregistered(bad), EINVAL);
  assert_fails(SocketPoll_setmaxregistered(bad, 1), EINVAL);
  errno = 0;
  assert_null(SocketPoll_get_backend_name(bad));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(Socket_last_error(), SOCKET_EBADHANDLE);
  SocketPoll_T variable = bad;
  SocketPoll_free(&variable);
  assert_null(variable);
}

void bad_handles_are_refused(void **) {
  const Pair pair;
  SocketPoll_T freed = SocketPoll_new(0);
  SocketPoll_T copy = freed;
  SocketPoll_free(&freed);
  assert_null(freed);
  const Poll live;
  every_function_refuses(nullptr, pair.near_end);
  every_function_refuses(copy, pair.near_end);
  uint64_t random = 88172645463325252u;
  for (int i = 0; i < 1000; i++) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    every_function_refuses(reinterpret_cast<SocketPoll_T>(static_cast<uintptr_t>(random)),
                           pair.near_end);
  }
  SocketEvent_T *events;
  assert_fails(SocketPoll_wait(live, nullptr, 0), EINVAL);
  assert_int_equal(SocketPoll_wait(live, &events, 0), 0);
}

} // namespace

int run_registration_tests() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(backends_are_listed),
      cmocka_unit_test(the_environment_chooses),
      cmocka_unit_test(construction_fails_with_a_reason),
      cmocka_unit_test(registration_errors),
      cmocka_unit_test(bits_are_checked),
      cmocka_unit_test(files_cannot_be_polled),
      cmocka_unit_test(counts_lists_and_limits),
      cmocka_unit_test(bad_handles_are_refused),
  };
  return cmocka_run_group_tests_name("poll: registration", tests, nullptr, nullptr);
}
