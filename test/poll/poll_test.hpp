// What the tests of the poll floor share. They reach the library through its C ABI alone and run
// once for each backend, which $SOCKETPOLL_BACKEND chooses.
#pragma once

#include "SocketError.h"
#include "SocketPoll.h"
#include "cmocka_cpp.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <vector>

int run_registration_tests();
int run_readiness_tests();
int run_wait_tests();
int run_thread_tests();
int run_closed_fd_tests();
int run_hardship_tests();
extern "C" int run_c_tests(void);

#define assert_fails(call, error_number)                                                           \
  do {                                                                                             \
    errno = 0;                                                                                     \
    assert_int_equal(call, -1);                                                                    \
    assert_int_equal(errno, error_number);                                                         \
  } while (0)

struct Poll {
  explicit Poll(int max_events = 0) : handle(SocketPoll_new(max_events)) {
    assert_non_null(handle);
  }
  Poll(const Poll &) = delete;
  ~Poll() { SocketPoll_free(&handle); }
  operator SocketPoll_T() const { return handle; }
  bool can(int capability) const { return (SocketPoll_get_capabilities(handle) & capability) != 0; }
  SocketPoll_T handle;
};

struct Fd {
  explicit Fd(int fd = -1) : number(fd) {}
  Fd(Fd &&other) : number(std::exchange(other.number, -1)) {}
  Fd &operator=(Fd &&other) {
    std::swap(number, other.number);
    return *this;
  }
  ~Fd() { close(); }
  operator int() const { return number; }
  void close() {
    if (number >= 0) ::close(std::exchange(number, -1));
  }
  int number;
};

// Two connected, non-blocking stream sockets.
struct Pair {
  Pair() {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    near_end = Fd(fds[0]);
    far_end = Fd(fds[1]);
  }
  void send(const char *text = "x") const {
    assert_int_equal(write(far_end, text, std::strlen(text)), std::strlen(text));
  }
  void drain() const {
    char buffer[4096];
    while (read(near_end, buffer, sizeof buffer) > 0) {
    }
  }
  // Ends both directions at once. On Windows the pair is one of TCP, where a close would end one,
  // but a reset ends both, and is an error as well.
  void hang_up() {
#if defined(_WIN32)
    const linger reset{1, 0};
    assert_int_equal(setsockopt(far_end, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
#endif
    far_end.close();
  }
  Fd near_end, far_end;
};

inline std::vector<SocketEvent_T> wait_events(SocketPoll_T poll, int timeout_ms) {
  SocketEvent_T *events = nullptr;
  const int count = SocketPoll_wait(poll, &events, timeout_ms);
  assert_true(count >= 0);
  return {events, events + count};
}

// The one event that is expected now.
inline SocketEvent_T wait_one(SocketPoll_T poll, int timeout_ms = 10000) {
  const auto events = wait_events(poll, timeout_ms);
  assert_int_equal(events.size(), 1);
  return events[0];
}

inline int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

inline int this_thread_id() { return static_cast<int>(syscall(SYS_gettid)); }

// Returns once the kernel says that the thread sleeps. Windows does not say; the tests hold for one
// that is still on its way as well, and mean more with one that has arrived.
#if defined(_WIN32)
inline void until_asleep(int) { usleep(20000); }
#else
inline void until_asleep(int thread_id) {
  const std::string path = "/proc/self/task/" + std::to_string(thread_id) + "/stat";
  for (;;) {
    char line[512] = "";
    const Fd stat(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t got = read(stat, line, sizeof line - 1);
    const char *name_end = got > 0 ? std::strrchr(line, ')') : nullptr;
    if (name_end && name_end[2] == 'S') return;
    sched_yield();
  }
}
#endif
