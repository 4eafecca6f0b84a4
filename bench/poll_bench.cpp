// What one readiness operation costs: socketpoll beside the bare system calls and the well-known
// loops. Built and run by bench/run-poll; prints a markdown table.
//
// Each round gives every library its turn, from a set registered anew, so that a slow moment of the
// machine falls on all of them; a figure is the median of the rounds.
#include "SocketPoll.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <memory>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>
#include <vector>

#include <ev.h>
// libevent has macros of the same names and other values.
constexpr int kLibevRead = EV_READ, kLibevWrite = EV_WRITE;
#include <event2/event.h>

namespace {

void require(bool holds, const char *what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}
#define REQUIRE(call) require((call), #call)

uint64_t seen = 0; // events delivered, checked after each run
bool taking = false;
void deliver(int fd) {
  seen++;
  uint64_t value;
  if (taking) REQUIRE(read(fd, &value, sizeof value) == sizeof value);
}

// Each library: add, del, widen (READ to READ|WRITE) and narrow one fd, and one turn of its loop.
// kImmediate: changes reach the kernel in the call, not at the next turn.
struct RawEpoll {
  static constexpr const char *kName = "epoll";
  static constexpr bool kImmediate = true;
  explicit RawEpoll(bool edge) : trigger(edge ? uint32_t{EPOLLET} : 0) {}
  ~RawEpoll() { close(set); }
  void control(int operation, int fd, uint32_t bits) {
    epoll_event event{};
    event.events = bits | trigger;
    event.data.fd = fd;
    REQUIRE(epoll_ctl(set, operation, fd, &event) == 0);
  }
  void add(int fd) { control(EPOLL_CTL_ADD, fd, EPOLLIN); }
  void del(int fd) { control(EPOLL_CTL_DEL, fd, 0); }
  void widen(int fd) { control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT); }
  void narrow(int fd) { control(EPOLL_CTL_MOD, fd, EPOLLIN); }
  void turn(bool block) {
    const int count = epoll_wait(set, events, 256, block ? -1 : 0);
    for (int i = 0; i < count; i++) deliver(events[i].data.fd);
  }
  const uint32_t trigger;
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event events[256];
};

struct Socketpoll {
  static constexpr const char *kName = "socketpoll";
  static constexpr bool kImmediate = true;
  explicit Socketpoll(bool edge) : trigger(edge ? 0 : int{SOCKET_POLL_LEVEL}) { REQUIRE(poll); }
  ~Socketpoll() { SocketPoll_free(&poll); }
  void add(int fd) { REQUIRE(SocketPoll_add(poll, fd, POLL_READ | trigger, nullptr) == 0); }
  void del(int fd) { REQUIRE(SocketPoll_del(poll, fd) == 0); }
  void widen(int fd) {
    REQUIRE(SocketPoll_mod(poll, fd, POLL_READ | POLL_WRITE | trigger, nullptr) == 0);
  }
  void narrow(int fd) { REQUIRE(SocketPoll_mod(poll, fd, POLL_READ | trigger, nullptr) == 0); }
  void turn(bool block) {
    SocketEvent_T *events;
    const int count = SocketPoll_wait(poll, &events, block ? -1 : 0);
    for (int i = 0; i < count; i++) deliver(events[i].fd);
  }
  const int trigger;
  SocketPoll_T poll = SocketPoll_new(256);
};

struct Libuv {
  static constexpr const char *kName = "libuv";
  static constexpr bool kImmediate = false;
  explicit Libuv(bool) { REQUIRE(uv_loop_init(&loop) == 0); }
  ~Libuv() {
    for (uv_poll_t &one : polls)
      if (!uv_is_closing(reinterpret_cast<uv_handle_t *>(&one)))
        uv_close(reinterpret_cast<uv_handle_t *>(&one), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  static void ready(uv_poll_t *one, int, int) {
    deliver(static_cast<int>(reinterpret_cast<intptr_t>(one->data)));
  }
  void start(int fd, int events) { REQUIRE(uv_poll_start(by_fd[fd], events, ready) == 0); }
  // A handle that was stopped is started again: making and closing one would cost more.
  void add(int fd) {
    if (by_fd.size() <= static_cast<size_t>(fd)) by_fd.resize(static_cast<size_t>(fd) + 1);
    if (!by_fd[fd]) {
      by_fd[fd] = &polls.emplace_back();
      REQUIRE(uv_poll_init(&loop, by_fd[fd], fd) == 0);
      by_fd[fd]->data = reinterpret_cast<void *>(static_cast<intptr_t>(fd));
    }
    start(fd, UV_READABLE);
  }
  void del(int fd) { uv_poll_stop(by_fd[fd]); }
  void widen(int fd) { start(fd, UV_READABLE | UV_WRITABLE); }
  void narrow(int fd) { start(fd, UV_READABLE); }
  void turn(bool block) { uv_run(&loop, block ? UV_RUN_ONCE : UV_RUN_NOWAIT); }
  uv_loop_t loop;
  std::deque<uv_poll_t> polls;
  std::vector<uv_poll_t *> by_fd;
};

struct Libevent {
  static constexpr const char *kName = "libevent";
  static constexpr bool kImmediate = true;
  explicit Libevent(bool edge) : trigger(edge ? short{EV_ET} : short{0}) { REQUIRE(base); }
  ~Libevent() {
    for (event *one : readers) event_free(one);
    for (event *one : writers) event_free(one);
    event_base_free(base);
  }
  static void ready(int fd, short, void *) { deliver(fd); }
  static event *&of(std::vector<event *> &all, std::vector<int> &index, int fd) {
    if (index.size() <= static_cast<size_t>(fd)) index.resize(static_cast<size_t>(fd) + 1, -1);
    if (index[fd] < 0) {
      index[fd] = static_cast<int>(all.size());
      all.push_back(nullptr);
    }
    return all[static_cast<size_t>(index[fd])];
  }
  void start(event *&one, int fd, short events) {
    if (!one)
      one = event_new(base, fd, static_cast<short>(events | EV_PERSIST | trigger), ready, nullptr);
    REQUIRE(one && event_add(one, nullptr) == 0);
  }
  void add(int fd) { start(of(readers, reader_of, fd), fd, EV_READ); }
  void del(int fd) { event_del(of(readers, reader_of, fd)); }
  void widen(int fd) { start(of(writers, writer_of, fd), fd, EV_WRITE); }
  void narrow(int fd) { event_del(of(writers, writer_of, fd)); }
  void turn(bool block) { event_base_loop(base, block ? EVLOOP_ONCE : EVLOOP_NONBLOCK); }
  const short trigger;
  event_base *const base = event_base_new();
  std::vector<event *> readers, writers;
  std::vector<int> reader_of, writer_of;
};

struct Libev {
  static constexpr const char *kName = "libev";
  static constexpr bool kImmediate = false;
  explicit Libev(bool) { REQUIRE(loop); }
  ~Libev() { ev_loop_destroy(loop); }
  static void ready(struct ev_loop *, ev_io *one, int) { deliver(one->fd); }
  void add(int fd) {
    if (by_fd.size() <= static_cast<size_t>(fd)) by_fd.resize(static_cast<size_t>(fd) + 1);
    if (!by_fd[fd]) {
      by_fd[fd] = &watchers.emplace_back();
      ev_io_init(by_fd[fd], ready, fd, kLibevRead);
    }
    ev_io_start(loop, by_fd[fd]);
  }
  void del(int fd) { ev_io_stop(loop, by_fd[fd]); }
  void change(int fd, int events) {
    ev_io_stop(loop, by_fd[fd]);
    ev_io_set(by_fd[fd], fd, events);
    ev_io_start(loop, by_fd[fd]);
  }
  void widen(int fd) { change(fd, kLibevRead | kLibevWrite); }
  void narrow(int fd) { change(fd, kLibevRead); }
  void turn(bool block) { ev_run(loop, block ? EVRUN_ONCE : EVRUN_NOWAIT); }
  struct ev_loop *const loop = ev_loop_new(EVBACKEND_EPOLL);
  std::deque<ev_io> watchers;
  std::vector<ev_io *> by_fd;
};

enum Work { kDispatch, kCycle, kAddDel, kAddDelTurn, kMod, kModTurn };
struct Row {
  Work work;
  size_t registered;
  const char *text;
};
constexpr Row kRows[] = {
    {kDispatch, 10, "dispatch one ready event, 10 registered"},
    {kDispatch, 1000, "dispatch one ready event, 1,000 registered"},
    {kDispatch, 19000, "dispatch one ready event, 19,000 registered"},
    {kCycle, 10, "write, dispatch, read, 10 registered"},
    {kCycle, 19000, "write, dispatch, read, 19,000 registered"},
    {kAddDel, 10, "add + del"},
    {kAddDelTurn, 10, "add, turn, del, turn"},
    {kMod, 10, "mod"},
    {kModTurn, 10, "mod, turn"},
};
constexpr int kRounds = 9;
constexpr int kOperations = 20000;

std::vector<int> counters; // eventfds; as many as the largest row registers
int quiet;                 // the read end of a pipe: neither readable nor ever writable

double now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Library> void operate(Library &library, Work work, int ready) {
  const uint64_t one = 1;
  switch (work) {
  case kDispatch: library.turn(true); break;
  case kCycle:
    REQUIRE(write(ready, &one, sizeof one) == sizeof one);
    library.turn(true);
    break;
  case kAddDel: library.add(quiet), library.del(quiet); break;
  case kAddDelTurn:
    library.add(quiet), library.turn(false), library.del(quiet), library.turn(false);
    break;
  case kMod: library.widen(quiet), library.narrow(quiet); break;
  case kModTurn:
    library.widen(quiet), library.turn(false), library.narrow(quiet), library.turn(false);
    break;
  }
}

// Nanoseconds an operation; negative where the work has no meaning for the library.
template <class Library> double measure(const Row &row) {
  if ((row.work == kAddDel || row.work == kMod) && !Library::kImmediate) return -1;
  Library library(row.work == kCycle);
  for (size_t i = 0; i < row.registered; i++) library.add(counters[i]);
  const bool modifies = row.work == kMod || row.work == kModTurn;
  if (modifies) library.add(quiet);
  library.turn(false);
  const int ready = counters[row.registered / 2];
  const uint64_t one = 1;
  uint64_t value;
  if (row.work == kDispatch) REQUIRE(write(ready, &one, sizeof one) == sizeof one);
  taking = row.work == kCycle;
  for (int i = 0; i < kOperations / 10; i++) operate(library, row.work, ready);
  seen = 0;
  const double begin = now_ns();
  for (int i = 0; i < kOperations; i++) operate(library, row.work, ready);
  const double took = now_ns() - begin;
  const bool dispatches = row.work == kDispatch || row.work == kCycle;
  const uint64_t expected = dispatches ? kOperations : 0;
  if (seen != expected) {
    std::fprintf(stderr, "%s: %s: %llu events in %d turns\n", Library::kName, row.text,
                 static_cast<unsigned long long>(seen), kOperations);
    std::exit(1);
  }
  if (row.work == kDispatch) REQUIRE(read(ready, &value, sizeof value) == sizeof value);
  return took / (modifies ? 2 * kOperations : kOperations);
}

constexpr double (*kMeasures[])(const Row &) = {measure<RawEpoll>, measure<Socketpoll>,
                                                measure<Libuv>, measure<Libevent>, measure<Libev>};
constexpr size_t kLibraries = std::size(kMeasures);

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure_row(const Row &row) {
  std::vector<double> figures[kLibraries], ratios[kLibraries];
  for (int round = 0; round < kRounds; round++) {
    for (size_t step = 0; step < kLibraries; step++) {
      const size_t library = (step + static_cast<size_t>(round)) % kLibraries;
      figures[library].push_back(kMeasures[library](row));
    }
    for (size_t library = 0; library < kLibraries; library++)
      ratios[library].push_back(figures[library].back() / figures[0].back());
  }
  std::printf("| %s | %.0f |", row.text, median(figures[0]));
  for (size_t library = 1; library < kLibraries; library++) {
    const double figure = median(figures[library]);
    if (figure < 0)
      std::printf(" - |");
    else
      std::printf(" %.0f (%.2f) |", figure, median(ratios[library]));
  }
  std::printf("\n");
  std::fflush(stdout);
}

} // namespace

int main() {
  setenv("SOCKETPOLL_BACKEND", "epoll", 1);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (const Row &row : kRows)
    while (counters.size() < row.registered) {
      counters.push_back(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
      REQUIRE(counters.back() >= 0);
    }
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  quiet = ends[0];
  std::printf("Nanoseconds an operation, and in brackets how many times the bare epoll calls; "
              "medians of %d rounds.\n\n",
              kRounds);
  std::printf("| operation | epoll | socketpoll | libuv | libevent | libev |\n"
              "|---|---:|---:|---:|---:|---:|\n");
  for (const Row &row : kRows) measure_row(row);
  std::printf(
      "\nDispatch: one level-triggered eventfd stays ready, each turn delivers it; no other system "
      "call.\nWrite, dispatch, read: the same for all, edge-triggered where the library can "
      "(epoll, socketpoll, libevent).\nlibuv and libev hand a change to the kernel at the next "
      "turn, so that they appear in the rows with turns alone.\n");
}
