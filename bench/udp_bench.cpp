// A UDP echo server over loopback: its processor time for each datagram answered, beside a bare
// epoll loop, libuv and libevent doing the same, as a markdown table. One datagram under way at a
// time, then 64. bench/run-udp builds and runs it.
#include "SocketDgram.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <event2/event.h>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#include <vector>

namespace {

constexpr int kRounds = 5;
constexpr int kDatagrams = 20000;
constexpr size_t kBytes = 32;

void check(bool ok, const char *what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(int port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(port));
  return to;
}

int bound_socket(int port, int flags) {
  const int fd = socket(AF_INET, SOCK_DGRAM | flags, 0);
  const sockaddr_in at = loopback(port);
  check(bind(fd, reinterpret_cast<const sockaddr *>(&at), sizeof at) == 0, "bind");
  return fd;
}

char scratch[65536];

void echo_once(int fd) {
  sockaddr_storage from;
  socklen_t length = sizeof from;
  const ssize_t got =
      recvfrom(fd, scratch, sizeof scratch, 0, reinterpret_cast<sockaddr *>(&from), &length);
  if (got >= 0)
    sendto(fd, scratch, static_cast<size_t>(got), 0, reinterpret_cast<sockaddr *>(&from), length);
}

// ---- Servers: each is told its port, and runs until it is killed

void serve_bare(int port) {
  const int fd = bound_socket(port, SOCK_NONBLOCK), poll = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  for (;;)
    if (epoll_wait(poll, &event, 1, -1) == 1) echo_once(fd);
}

SocketDgram_T our_socket(SocketLoop_T loop, int port) {
  SocketDgram_T dgram = SocketDgram_new(loop);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  check(SocketDgram_bind(dgram, address.c_str()) == 0, "SocketDgram_bind");
  SocketDgram_start(dgram);
  return dgram;
}

void echo(const SocketCompletion_T *event, void *) {
  auto dgram = static_cast<SocketDgram_T>(event->subject);
  SocketDgram_reply(dgram, event->source, event->data, event->length);
}

void serve_push(int port) {
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_set_callback(our_socket(loop, port), echo, nullptr);
  SocketLoop_run(loop);
}

void serve_pull(int port) {
  SocketLoop_T loop = SocketLoop_new();
  our_socket(loop, port);
  SocketCompletion_T events[64];
  for (;;) {
    const int count = SocketLoop_wait(loop, events, 64, -1);
    for (int i = 0; i < count; i++) echo(&events[i], nullptr);
  }
}

void serve_pull_batches(int port) {
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_T dgram = our_socket(loop, port);
  SocketDgram_set_batch(dgram, 64, 2048);
  SocketCompletion_T events[64];
  for (;;) {
    const int count = SocketLoop_wait(loop, events, 64, -1);
    void *sources[64];
    const void *data[64];
    int64_t lengths[64];
    for (int i = 0; i < count; i++) {
      sources[i] = events[i].source;
      data[i] = events[i].data;
      lengths[i] = events[i].length;
    }
    SocketDgram_reply_batch(dgram, sources, data, lengths, count);
  }
}

void serve_libuv(int port) {
  uv_udp_t handle;
  const sockaddr_in at = loopback(port);
  uv_udp_init(uv_default_loop(), &handle);
  uv_udp_bind(&handle, reinterpret_cast<const sockaddr *>(&at), 0);
  uv_udp_recv_start(
      &handle,
      [](uv_handle_t *, size_t, uv_buf_t *buffer) {
        *buffer = uv_buf_init(scratch, sizeof scratch);
      },
      [](uv_udp_t *on, ssize_t got, const uv_buf_t *buffer, const sockaddr *from, unsigned) {
        if (!from) return;
        const uv_buf_t answer = uv_buf_init(buffer->base, static_cast<unsigned>(got));
        uv_udp_try_send(on, &answer, 1, from);
      });
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

void serve_libevent(int port) {
  event_base *base = event_base_new();
  event *read = event_new(
      base, bound_socket(port, SOCK_NONBLOCK), EV_READ | EV_PERSIST,
      [](evutil_socket_t fd, short, void *) { echo_once(fd); }, nullptr);
  event_add(read, nullptr);
  event_base_dispatch(base);
}

// ---- The client

void converse(int port, int under_way) {
  const int fd = bound_socket(0, 0);
  const sockaddr_in to = loopback(port);
  check(connect(fd, reinterpret_cast<const sockaddr *>(&to), sizeof to) == 0, "connect");
  char bytes[kBytes] = {};
  const timeval patience{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  while (send(fd, bytes, sizeof bytes, 0) < 0 || recv(fd, bytes, sizeof bytes, 0) < 0)
    usleep(1000); // the server is not there yet
  for (int i = 0; i < under_way; i++) check(send(fd, bytes, sizeof bytes, 0) > 0, "send");
  for (int i = 0; i < kDatagrams; i++) {
    check(recv(fd, bytes, sizeof bytes, 0) > 0, "recv");
    check(send(fd, bytes, sizeof bytes, 0) > 0, "send");
  }
  close(fd);
}

// Microseconds of the server's processor time for each datagram.
double measure(void (*serve)(int), int under_way) {
  static int port = 20000 + getpid() % 20000;
  port++;
  const pid_t child = fork();
  if (child == 0) {
    serve(port);
    _exit(0);
  }
  converse(port, under_way);
  kill(child, SIGKILL);
  rusage used{};
  wait4(child, nullptr, 0, &used);
  const auto us = [](const timeval &t) { return 1e6 * double(t.tv_sec) + double(t.tv_usec); };
  return (us(used.ru_utime) + us(used.ru_stime)) / kDatagrams;
}

} // namespace

int main() {
  struct Server {
    const char *name;
    void (*serve)(int);
    std::vector<double> times = {};
  };
  std::vector<Server> servers = {
      {"bare epoll", serve_bare},       {"socketpoll, push", serve_push},
      {"socketpoll, pull", serve_pull}, {"socketpoll, pull in batches", serve_pull_batches},
      {"libuv", serve_libuv},           {"libevent", serve_libevent}};
  std::printf("| under way | server | µs a datagram | of bare |\n|---|---|---|---|\n");
  for (const int under_way : {1, 64}) {
    for (int round = 0; round < kRounds; round++)
      for (Server &server : servers) server.times.push_back(measure(server.serve, under_way));
    double bare = 0;
    for (Server &server : servers) {
      std::sort(server.times.begin(), server.times.end());
      const double median = server.times[server.times.size() / 2];
      if (bare == 0) bare = median;
      std::printf("| %d | %s | %.2f | %.2f |\n", under_way, server.name, median, median / bare);
      server.times.clear();
    }
  }
}
