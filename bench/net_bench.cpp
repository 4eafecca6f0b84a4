// What the net floor costs beside the bare system calls, libuv and libevent: one byte to and fro
// over TCP, 64 KiB blocks one way, timers. Built and run by bench/run-net; prints markdown tables.
//
// Both ends run in one loop of one process over loopback, so that the processor's time is all that
// the work cost, and nothing depends on who is woken when. Each round gives every library its turn;
// a figure is the median of the rounds.
#include "SocketAll.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <memory>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <vector>

namespace {

void require(bool holds, const char *what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}
#define REQUIRE(call) require((call), #call)

constexpr int kTrips = 20000;
constexpr int64_t kBytes = int64_t{512} << 20;
constexpr int kBlock = 65536;
constexpr int kTimers = 100000;
constexpr int kRounds = 9;

double cpu_ns() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

char block[kBlock];

// ---- Sockets that are connected already

struct Ends {
  int a, b;
};

Ends tcp_ends() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  REQUIRE(bind(listener, reinterpret_cast<sockaddr *>(&at), length) == 0);
  REQUIRE(listen(listener, 1) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr *>(&at), &length) == 0);
  Ends ends{socket(AF_INET, SOCK_STREAM, 0), 0};
  REQUIRE(connect(ends.a, reinterpret_cast<sockaddr *>(&at), length) == 0);
  ends.b = accept(listener, nullptr, nullptr);
  close(listener);
  for (const int fd : {ends.a, ends.b}) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return ends;
}

// What a timer costs inside a callback, where programs arm theirs: armed, then canceled.
std::pair<double, double> arm_and_cancel(auto &&arm, auto &&cancel) {
  const double start = cpu_ns();
  for (int i = 0; i < kTimers; i++) arm(static_cast<size_t>(i), 1000 + i * 7919 % 60000);
  const double armed = cpu_ns();
  for (int i = 0; i < kTimers; i++) cancel(static_cast<size_t>(i));
  return {(armed - start) / kTimers, (cpu_ns() - armed) / kTimers};
}

// ---- The bare system calls

struct Bare {
  static constexpr const char *kName = "epoll";
  static int make_set(std::initializer_list<int> fds) {
    const int set = epoll_create1(0);
    for (const int fd : fds) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fd;
      REQUIRE(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    return set;
  }
  static double tcp_trips() {
    const Ends ends = tcp_ends();
    const int set = make_set({ends.a, ends.b});
    const double start = cpu_ns();
    REQUIRE(send(ends.a, "x", 1, MSG_NOSIGNAL) == 1);
    for (int trips = 0; trips < kTrips;) {
      epoll_event events[64];
      const int count = epoll_wait(set, events, 64, -1);
      for (int i = 0; i < count; i++) {
        const int fd = events[i].data.fd;
        const ssize_t got = recv(fd, block, sizeof block, 0);
        REQUIRE(got == 1 && send(fd, block, 1, MSG_NOSIGNAL) == 1);
        trips += fd == ends.a;
      }
    }
    const double spent = cpu_ns() - start;
    for (const int fd : {set, ends.a, ends.b}) close(fd);
    return spent / kTrips;
  }
  static double blocks() {
    const Ends ends = tcp_ends();
    const int set = make_set({ends.b});
    epoll_event writable{};
    writable.events = EPOLLOUT;
    writable.data.fd = ends.a;
    REQUIRE(epoll_ctl(set, EPOLL_CTL_ADD, ends.a, &writable) == 0);
    const double start = cpu_ns();
    size_t offset = 0;
    for (int64_t received = 0; received < kBytes;) {
      epoll_event events[64];
      const int count = epoll_wait(set, events, 64, -1);
      for (int i = 0; i < count; i++) {
        if (events[i].data.fd == ends.b) {
          received += std::max<ssize_t>(0, recv(ends.b, block, sizeof block, 0));
          continue;
        }
        const ssize_t sent = send(ends.a, block + offset, sizeof block - offset, MSG_NOSIGNAL);
        if (sent > 0) offset = (offset + static_cast<size_t>(sent)) % sizeof block;
      }
    }
    const double spent = cpu_ns() - start;
    for (const int fd : {set, ends.a, ends.b}) close(fd);
    return spent / static_cast<double>(kBytes >> 20);
  }
};

// ---- socketpoll

struct Ours {
  static constexpr const char *kName = "socketpoll";
  struct Pair {
    SocketLoop_T loop = SocketLoop_new();
    SocketListener_T listener = SocketListener_new(loop);
    SocketStream_T a = nullptr, b = nullptr;
    int64_t count = 0;
    Pair() {
      char address[64];
      REQUIRE(SocketListener_listen(listener, "127.0.0.1:0") == 0);
      std::snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(listener));
      SocketFuture_T accept = SocketAsync_accept(listener, -1);
      SocketFuture_T connect = SocketAsync_connect(loop, address, -1);
      REQUIRE(SocketFuture_await(connect, -1) == 0 && SocketFuture_await(accept, -1) == 0);
      a = static_cast<SocketStream_T>(SocketFuture_get_data(connect));
      b = static_cast<SocketStream_T>(SocketFuture_get_data(accept));
      SocketListener_free(&listener);
    }
    ~Pair() { SocketLoop_free(&loop); }
  };
  static void on_a(const SocketCompletion_T *event, void *user) {
    auto &pair = *static_cast<Pair *>(user);
    if (++pair.count == kTrips) return void(SocketLoop_stop(pair.loop));
    SocketStream_write(pair.a, event->data, 1);
  }
  static void on_b(const SocketCompletion_T *event, void *user) {
    SocketStream_write(static_cast<Pair *>(user)->b, event->data, 1);
  }
  static double tcp_trips() {
    Pair pair;
    SocketStream_set_callback(pair.a, on_a, &pair);
    SocketStream_set_callback(pair.b, on_b, &pair);
    SocketStream_start(pair.a);
    SocketStream_start(pair.b);
    const double start = cpu_ns();
    SocketStream_write(pair.a, "x", 1);
    REQUIRE(SocketLoop_run(pair.loop) == 0);
    return (cpu_ns() - start) / kTrips;
  }
  static void next_block(const SocketCompletion_T *, void *user) {
    auto &pair = *static_cast<Pair *>(user);
    SocketFuture_T write = SocketAsync_write(pair.a, block, kBlock, -1);
    SocketFuture_then(write, next_block, &pair);
    SocketFuture_release(write);
  }
  static void on_block(const SocketCompletion_T *event, void *user) {
    auto &pair = *static_cast<Pair *>(user);
    pair.count += event->length;
    if (pair.count >= kBytes) SocketLoop_stop(pair.loop);
  }
  static double blocks() {
    Pair pair;
    SocketStream_set_callback(pair.b, on_block, &pair);
    SocketStream_start(pair.b);
    const double start = cpu_ns();
    next_block(nullptr, &pair);
    REQUIRE(SocketLoop_run(pair.loop) == 0);
    return (cpu_ns() - start) / static_cast<double>(kBytes >> 20);
  }
  struct Timers {
    SocketLoop_T loop = SocketLoop_new();
    std::vector<SocketTimer_T> all = std::vector<SocketTimer_T>(kTimers);
    std::pair<double, double> cost;
  };
  static void measure(const SocketCompletion_T *, void *user) {
    auto &timers = *static_cast<Timers *>(user);
    timers.cost = arm_and_cancel([&](size_t i, int ms) { SocketTimer_start(timers.all[i], ms, 0); },
                                 [&](size_t i) { SocketTimer_stop(timers.all[i]); });
  }
  static std::pair<double, double> timers() {
    Timers timers;
    for (auto &timer : timers.all) timer = SocketTimer_new(timers.loop);
    SocketLoop_post(timers.loop, measure, &timers);
    SocketLoop_run_once(timers.loop, -1);
    SocketLoop_free(&timers.loop);
    return timers.cost;
  }
};

// ---- libuv

struct Uv {
  static constexpr const char *kName = "libuv";
  struct Pair {
    uv_loop_t loop;
    uv_tcp_t a, b;
    uv_write_t write_a, write_b;
    int64_t count = 0;
    Pair() {
      const Ends ends = tcp_ends();
      uv_loop_init(&loop);
      uv_tcp_init(&loop, &a);
      uv_tcp_init(&loop, &b);
      REQUIRE(uv_tcp_open(&a, ends.a) == 0 && uv_tcp_open(&b, ends.b) == 0);
      a.data = b.data = this;
    }
    ~Pair() {
      uv_close(reinterpret_cast<uv_handle_t *>(&a), nullptr);
      uv_close(reinterpret_cast<uv_handle_t *>(&b), nullptr);
      uv_run(&loop, UV_RUN_DEFAULT);
      uv_loop_close(&loop);
    }
  };
  static void room(uv_handle_t *, size_t, uv_buf_t *buffer) {
    *buffer = uv_buf_init(block, kBlock);
  }
  // Its way without a copy and without a request, where the kernel takes it.
  static void send_byte(uv_tcp_t &tcp) {
    uv_buf_t byte = uv_buf_init(block, 1);
    REQUIRE(uv_try_write(reinterpret_cast<uv_stream_t *>(&tcp), &byte, 1) == 1);
  }
  static void on_a(uv_stream_t *stream, ssize_t, const uv_buf_t *) {
    auto &pair = *static_cast<Pair *>(stream->data);
    if (++pair.count == kTrips) return uv_stop(&pair.loop);
    send_byte(pair.a);
  }
  static void on_b(uv_stream_t *stream, ssize_t, const uv_buf_t *) {
    send_byte(static_cast<Pair *>(stream->data)->b);
  }
  static double tcp_trips() {
    Pair pair;
    uv_read_start(reinterpret_cast<uv_stream_t *>(&pair.a), room, on_a);
    uv_read_start(reinterpret_cast<uv_stream_t *>(&pair.b), room, on_b);
    const double start = cpu_ns();
    send_byte(pair.a);
    uv_run(&pair.loop, UV_RUN_DEFAULT);
    return (cpu_ns() - start) / kTrips;
  }
  static void next_block(uv_write_t *request, int) {
    auto &pair = *static_cast<Pair *>(request->data);
    if (pair.count >= kBytes) return;
    uv_buf_t bytes = uv_buf_init(block, kBlock);
    uv_write(request, reinterpret_cast<uv_stream_t *>(&pair.a), &bytes, 1, next_block);
  }
  static void on_block(uv_stream_t *stream, ssize_t got, const uv_buf_t *) {
    auto &pair = *static_cast<Pair *>(stream->data);
    pair.count += std::max<ssize_t>(0, got);
    if (pair.count >= kBytes) uv_stop(&pair.loop);
  }
  static double blocks() {
    Pair pair;
    pair.write_a.data = &pair;
    uv_read_start(reinterpret_cast<uv_stream_t *>(&pair.b), room, on_block);
    const double start = cpu_ns();
    next_block(&pair.write_a, 0);
    uv_run(&pair.loop, UV_RUN_DEFAULT);
    return (cpu_ns() - start) / static_cast<double>(kBytes >> 20);
  }
  struct Timers {
    std::vector<uv_timer_t> all = std::vector<uv_timer_t>(kTimers);
    std::pair<double, double> cost;
  };
  static void measure(uv_timer_t *first) {
    auto &timers = *static_cast<Timers *>(first->data);
    timers.cost = arm_and_cancel(
        [&](size_t i, int ms) {
          uv_timer_start(
              &timers.all[i], [](uv_timer_t *) {}, static_cast<uint64_t>(ms), 0);
        },
        [&](size_t i) { uv_timer_stop(&timers.all[i]); });
  }
  static std::pair<double, double> timers() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    Timers timers;
    uv_timer_t first;
    uv_timer_init(&loop, &first);
    first.data = &timers;
    for (auto &timer : timers.all) uv_timer_init(&loop, &timer);
    uv_timer_start(&first, measure, 0, 0);
    uv_run(&loop, UV_RUN_ONCE);
    for (auto &timer : timers.all) uv_close(reinterpret_cast<uv_handle_t *>(&timer), nullptr);
    uv_close(reinterpret_cast<uv_handle_t *>(&first), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return timers.cost;
  }
};

// ---- libevent, with its buffered streams

struct Event {
  static constexpr const char *kName = "libevent";
  struct Pair {
    event_base *base = event_base_new();
    bufferevent *a, *b;
    int64_t count = 0;
    Pair() {
      const Ends ends = tcp_ends();
      a = bufferevent_socket_new(base, ends.a, BEV_OPT_CLOSE_ON_FREE);
      b = bufferevent_socket_new(base, ends.b, BEV_OPT_CLOSE_ON_FREE);
    }
    ~Pair() {
      bufferevent_free(a);
      bufferevent_free(b);
      event_base_free(base);
    }
  };
  static void on_a(bufferevent *stream, void *user) {
    auto &pair = *static_cast<Pair *>(user);
    bufferevent_read(stream, block, sizeof block);
    if (++pair.count == kTrips) return void(event_base_loopbreak(pair.base));
    bufferevent_write(stream, block, 1);
  }
  static void on_b(bufferevent *stream, void *) {
    bufferevent_read(stream, block, sizeof block);
    bufferevent_write(stream, block, 1);
  }
  static double tcp_trips() {
    Pair pair;
    bufferevent_setcb(pair.a, on_a, nullptr, nullptr, &pair);
    bufferevent_setcb(pair.b, on_b, nullptr, nullptr, &pair);
    bufferevent_enable(pair.a, EV_READ | EV_WRITE);
    bufferevent_enable(pair.b, EV_READ | EV_WRITE);
    const double start = cpu_ns();
    bufferevent_write(pair.a, "x", 1);
    event_base_dispatch(pair.base);
    return (cpu_ns() - start) / kTrips;
  }
  static void on_room(bufferevent *stream, void *) {
    evbuffer_add_reference(bufferevent_get_output(stream), block, kBlock, nullptr, nullptr);
  }
  static void on_block(bufferevent *stream, void *user) {
    auto &pair = *static_cast<Pair *>(user);
    evbuffer *input = bufferevent_get_input(stream);
    pair.count += static_cast<int64_t>(evbuffer_get_length(input));
    evbuffer_drain(input, evbuffer_get_length(input));
    if (pair.count >= kBytes) event_base_loopbreak(pair.base);
  }
  static double blocks() {
    Pair pair;
    bufferevent_setcb(pair.a, nullptr, on_room, nullptr, &pair);
    bufferevent_setcb(pair.b, on_block, nullptr, nullptr, &pair);
    bufferevent_set_max_single_read(pair.b, kBlock);
    bufferevent_set_max_single_write(pair.a, kBlock);
    bufferevent_enable(pair.a, EV_WRITE);
    bufferevent_enable(pair.b, EV_READ);
    const double start = cpu_ns();
    on_room(pair.a, nullptr);
    event_base_dispatch(pair.base);
    return (cpu_ns() - start) / static_cast<double>(kBytes >> 20);
  }
  struct Timers {
    std::vector<event *> all = std::vector<event *>(kTimers);
    std::pair<double, double> cost;
  };
  static void measure(evutil_socket_t, short, void *user) {
    auto &timers = *static_cast<Timers *>(user);
    timers.cost = arm_and_cancel(
        [&](size_t i, int ms) {
          const timeval delay{ms / 1000, ms % 1000 * 1000};
          evtimer_add(timers.all[i], &delay);
        },
        [&](size_t i) { evtimer_del(timers.all[i]); });
  }
  static std::pair<double, double> timers() {
    event_base *base = event_base_new();
    Timers timers;
    for (auto &timer : timers.all)
      timer = evtimer_new(
          base, [](evutil_socket_t, short, void *) {}, nullptr);
    const timeval now{};
    event_base_once(base, -1, EV_TIMEOUT, measure, &timers, &now);
    event_base_loop(base, EVLOOP_ONCE);
    for (event *timer : timers.all) event_free(timer);
    event_base_free(base);
    return timers.cost;
  }
};

// ---- Tables

struct Series {
  std::vector<double> rounds;
  double median() {
    std::sort(rounds.begin(), rounds.end());
    return rounds[rounds.size() / 2];
  }
};

template <class... Libraries> void compare(const char *title, auto &&measure) {
  Series all[sizeof...(Libraries)];
  for (int round = 0; round < kRounds; round++) {
    size_t i = 0;
    (all[i++].rounds.push_back(measure.template operator()<Libraries>()), ...);
  }
  std::printf("| %s |", title);
  const double base = all[0].median();
  for (auto &series : all) std::printf(" %.0f (%.2f) |", series.median(), series.median() / base);
  std::puts("");
  std::fflush(stdout);
}

template <class... Libraries> void head(const char *what) {
  std::printf("\n| %s |", what);
  (std::printf(" %s |", Libraries::kName), ...);
  std::printf("\n|---|");
  for (size_t i = 0; i < sizeof...(Libraries); i++) std::printf("---:|");
  std::puts("");
}

} // namespace

int main() {
  head<Bare, Ours, Uv, Event>("nanoseconds of processor time");
  compare<Bare, Ours, Uv, Event>("one byte to and fro, TCP",
                                 []<class L> { return L::tcp_trips(); });
  compare<Bare, Ours, Uv, Event>("1 MiB one way in 64 KiB blocks",
                                 []<class L> { return L::blocks(); });
  head<Ours, Uv, Event>("nanoseconds a timer, 100,000 of them in a callback");
  compare<Ours, Uv, Event>("armed", []<class L> { return L::timers().first; });
  compare<Ours, Uv, Event>("canceled", []<class L> { return L::timers().second; });
}
