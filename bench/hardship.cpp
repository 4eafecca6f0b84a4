// What the net floor does when things go badly: a name service that never answers, a thousand
// readers that stop reading, descriptors that run out, and nothing happening at all. Built and run
// by bench/run-hardship; prints a markdown table.
#include "SocketAll.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <malloc.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

void require(bool holds, const char *what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}
#define REQUIRE(call) require((call), #call)

double seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}
double now_ms() { return seconds(CLOCK_MONOTONIC) * 1e3; }

[[gnu::format(printf, 2, 3)]] void row(const char *what, const char *shape, ...) {
  va_list values;
  va_start(values, shape);
  std::printf("| %s | ", what);
  std::vprintf(shape, values);
  std::puts(" |");
  std::fflush(stdout);
  va_end(values);
}

void allow_descriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(count, limit.rlim_max);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

sockaddr_in loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<uint16_t>(port));
  return at;
}

int raw_connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = loopback(port);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr *>(&to), sizeof to) == 0);
  return fd;
}

SocketListener_T listener_on(SocketLoop_T loop, SocketCallback_T callback, void *user) {
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_callback(listener, callback, user);
  REQUIRE(SocketListener_listen(listener, "127.0.0.1:0") == 0);
  return listener;
}

// ---- A name service that never answers. The script has made 127.0.0.1 the only one.

struct Ticker {
  double due = 0, worst = 0;
  int count = 0;
};

void on_tick(const SocketCompletion_T *event, void *user) {
  auto &ticker = *static_cast<Ticker *>(user);
  ticker.worst = std::max(ticker.worst, now_ms() - ticker.due);
  ticker.count++;
  ticker.due = now_ms() + 2;
  SocketTimer_start(static_cast<SocketTimer_T>(event->subject), 2, 0);
}

double worst_lateness(SocketLoop_T loop, int ms) {
  Ticker ticker;
  SocketTimer_T timer = SocketTimer_new(loop);
  SocketTimer_set_callback(timer, on_tick, &ticker);
  ticker.due = now_ms() + 2;
  SocketTimer_start(timer, 2, 0);
  SocketFuture_T end = SocketAsync_sleep(loop, ms);
  REQUIRE(SocketFuture_await(end, -1) == 0);
  SocketFuture_free(&end);
  SocketTimer_free(&timer);
  return ticker.worst;
}

void dead_resolver() {
  const int deaf = socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in at = loopback(53);
  REQUIRE(bind(deaf, reinterpret_cast<const sockaddr *>(&at), sizeof at) == 0);
  SocketLoop_T loop = SocketLoop_new();
  const double before = worst_lateness(loop, 2000);
  std::vector<SocketFuture_T> lookups;
  double slowest_ask = 0;
  for (int i = 0; i < 250; i++) {
    const std::string name = "host" + std::to_string(i) + ".example.com";
    const double start = now_ms();
    lookups.push_back(SocketAsync_resolve(loop, name.c_str(), SOCKET_FAMILY_ANY, -1));
    slowest_ask = std::max(slowest_ask, now_ms() - start);
  }
  const double during = worst_lateness(loop, 2000);
  int under_way = 0;
  for (const SocketFuture_T lookup : lookups) under_way += SocketFuture_is_done(lookup) == 0;
  const double start = now_ms();
  SocketLoop_free(&loop);
  row("a 2 ms timer's worst lateness, name service dead", "%.2f ms (%.2f ms without)", during,
      before);
  row("the slowest of 250 questions to ask", "%.2f ms", slowest_ask);
  row("freeing the loop with the lookups under way", "%.2f ms, %d of them", now_ms() - start,
      under_way);
  _exit(0); // and the threads that hang are no concern of the process either
}

// ---- Readers that stop

struct Crowd {
  SocketLoop_T loop;
  std::vector<SocketStream_T> stalled;
  SocketStream_T echo = nullptr;
  size_t wanted;
};

void on_echo(const SocketCompletion_T *event, void *) {
  if (event->kind == SOCKET_DATA)
    SocketStream_write(static_cast<SocketStream_T>(event->subject), event->data, event->length);
}

void on_stalled(const SocketCompletion_T *, void *) {}

void on_crowd(const SocketCompletion_T *event, void *user) {
  auto &crowd = *static_cast<Crowd *>(user);
  if (event->kind != SOCKET_ACCEPTED) return;
  const auto stream = static_cast<SocketStream_T>(event->subject);
  if (crowd.stalled.size() < crowd.wanted) {
    SocketStream_set_callback(stream, on_stalled, nullptr);
    SocketStream_set_marks(stream, 16384, 65536);
    crowd.stalled.push_back(stream);
  } else {
    crowd.echo = stream;
    SocketStream_set_callback(stream, on_echo, nullptr);
    SocketStream_start(stream);
  }
}

double echo_us(SocketLoop_T loop, int fd) {
  std::vector<double> all;
  for (int i = 0; i < 2000; i++) {
    char byte = 'x';
    const double start = seconds(CLOCK_MONOTONIC);
    REQUIRE(send(fd, &byte, 1, 0) == 1);
    while (recv(fd, &byte, 1, MSG_DONTWAIT) != 1) SocketLoop_run_once(loop, 100);
    all.push_back((seconds(CLOCK_MONOTONIC) - start) * 1e6);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void stopped_readers() {
  allow_descriptors(4096);
  Crowd crowd{SocketLoop_new(), {}, nullptr, 1000};
  SocketListener_T listener = listener_on(crowd.loop, on_crowd, &crowd);
  std::vector<int> peers;
  while (!crowd.echo) {
    if (peers.size() <= crowd.wanted)
      peers.push_back(raw_connect(SocketListener_get_port(listener)));
    SocketLoop_run_once(crowd.loop, 0);
  }
  const double alone = echo_us(crowd.loop, peers.back());
  const auto used = [] { return static_cast<double>(mallinfo2().uordblks) / 1048576; };
  const double before = used();
  static char block[16384];
  int refused = 0;
  for (const SocketStream_T stream : crowd.stalled) {
    while (SocketStream_write(stream, block, sizeof block) >= 0) {
    }
    refused += SocketStream_write(stream, block, sizeof block) == SOCKET_EAGAIN;
  }
  const double full = used();
  const double crowded = echo_us(crowd.loop, peers.back());
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < crowd.wanted; i++)
      for (char sink[65536]; recv(peers[i], sink, sizeof sink, MSG_DONTWAIT) > 0;) more = true;
    SocketLoop_run_once(crowd.loop, 5);
    for (const SocketStream_T stream : crowd.stalled) more |= SocketStream_get_queued(stream) > 0;
  }
  row("1,000 readers stopped, marks of 64 KiB", "%.1f MiB queued at %d of them (62.5 at the marks)",
      full - before, refused);
  row("an echo beside them", "%.0f µs (%.0f µs before)", crowded, alone);
  row("memory kept after they drained", "%.1f MiB", used() - before);
  SocketLoop_free(&crowd.loop);
}

// ---- No descriptors left

struct Scarce {
  std::vector<SocketStream_T> streams;
  double served_ms = 0;
};

void on_scarce(const SocketCompletion_T *event, void *user) {
  auto &scarce = *static_cast<Scarce *>(user);
  if (event->kind != SOCKET_ACCEPTED) return;
  scarce.streams.push_back(static_cast<SocketStream_T>(event->subject));
  scarce.served_ms = now_ms();
}

void run_for(SocketLoop_T loop, int ms) {
  SocketFuture_T end = SocketAsync_sleep(loop, ms);
  SocketFuture_await(end, -1);
  SocketFuture_free(&end);
}

void no_descriptors() {
  SocketLoop_T loop = SocketLoop_new();
  Scarce scarce;
  SocketListener_T listener = listener_on(loop, on_scarce, &scarce);
  const int port = SocketListener_get_port(listener);
  const pid_t clients = fork();
  if (clients == 0) {
    for (int i = 0; i < 200; i++) raw_connect(port);
    pause();
  }
  allow_descriptors(64);
  run_for(loop, 500);
  const size_t served = scarce.streams.size();
  const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), start = now_ms();
  run_for(loop, 3000);
  const double share = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (now_ms() - start) * 1e5;
  const double freed = now_ms();
  SocketStream_free(&scarce.streams[0]);
  while (scarce.streams.size() == served) SocketLoop_run_once(loop, 1000);
  row("64 descriptors, 200 clients, none free", "%.2f %% of a processor", share);
  row("from a free descriptor to service", "%.1f ms", scarce.served_ms - freed);
  kill(clients, SIGKILL);
  waitpid(clients, nullptr, 0);
  SocketLoop_free(&loop);
  allow_descriptors(4096);
}

// ---- Nothing happens

long switches_of(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/status";
  FILE *status = std::fopen(path.c_str(), "r");
  long count = -1;
  for (char line[256]; std::fgets(line, sizeof line, status);)
    std::sscanf(line, "voluntary_ctxt_switches: %ld", &count);
  std::fclose(status);
  return count;
}

void idle() {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t server = fork();
  if (server == 0) {
    SocketLoop_T loop = SocketLoop_new();
    Crowd crowd{loop, {}, nullptr, 100};
    SocketListener_T listener = listener_on(loop, on_crowd, &crowd);
    for (int i = 0; i < 100; i++) raw_connect(SocketListener_get_port(listener));
    while (crowd.stalled.size() < 100) SocketLoop_run_once(loop, 100);
    for (const SocketStream_T stream : crowd.stalled) SocketStream_start(stream);
    REQUIRE(write(ready[1], "x", 1) == 1);
    SocketLoop_run(loop);
  }
  close(ready[1]);
  char byte;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  usleep(200000);
  const long before = switches_of(server);
  sleep(10);
  row("100 idle connections, 10 s", "%ld wakeups", switches_of(server) - before);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
}

} // namespace

int main(int count, char **arguments) {
  if (count > 1 && std::strcmp(arguments[1], "dead-resolver") == 0) dead_resolver();
  std::puts("| hardship | |\n|---|---|");
  stopped_readers();
  no_descriptors();
  idle();
}
