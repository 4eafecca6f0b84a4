// Two thousand seeds of a proxy in a simulated world, written as a program that pulls and awaits,
// without a callback anywhere. Clients connect, write and half-close at
// random; the proxy accepts by operations and joins each with an upstream by a splice.
//
// What must hold in every run, whatever the seed:
//   - what comes back through the proxy is what was sent, in order, none lost and none doubled,
//     unless the network broke a connection, and then a prefix of it;
//   - every operation that is awaited ends, or the await's own time passes, and each event that is
//     pulled is of a stream that lives;
//   - bytes of the last wait are unchanged by awaiting;
//   - when all is freed no socket is open, and the same seed gives the same run.
#include "support/simulated_seeds.hpp"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketListener.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>

namespace {

constexpr int kAwaitMs = 60000;
struct World {
  SocketSimulation_T simulation = nullptr;
  SocketLoop_T loop = nullptr;
  bool lossy = false;
  int64_t random(int64_t below) { return SocketSimulation_random(simulation, below); }
  // Its result, once it has ended.
  int64_t finish(SocketFuture_T future) {
    INVARIANT(future != nullptr);
    const int64_t result = SocketFuture_await(future, kAwaitMs);
    INVARIANT(SocketFuture_is_done(future) == 1);
    return result;
  }
  // The stream that it brings, or nullptr; frees it.
  SocketStream_T stream_of(SocketFuture_T future) {
    const bool well = finish(future) == 0;
    INVARIANT(well || lossy);
    auto stream = well ? static_cast<SocketStream_T>(SocketFuture_get_data(future)) : nullptr;
    SocketFuture_free(&future);
    return stream;
  }
};

struct Path { // client - outer, spliced with, inner - upstream
  SocketStream_T client = nullptr, outer = nullptr, inner = nullptr, upstream = nullptr;
  SocketFuture_T up = nullptr;
  std::string sent, received;
  bool join(World &world, SocketListener_T listener);
  void write(World &world);
  void pull(World &world);
  void free();
};

bool Path::join(World &world, SocketListener_T listener) {
  SocketFuture_T accepting = SocketAsync_accept(listener, kAwaitMs / 2);
  client = world.stream_of(SocketAsync_connect(world.loop, "127.0.0.1:80", -1));
  outer = world.stream_of(accepting);
  INVARIANT(SocketSimulation_pair(world.loop, world.loop, &inner, &upstream) == 0);
  if (!client || !outer) return false;
  up = SocketAsync_splice(outer, inner, -1, -1);
  INVARIANT(up != nullptr || world.lossy);
  return up != nullptr;
}

void Path::write(World &world) {
  std::string piece;
  for (int64_t left = world.random(4000); left > 0; left--)
    piece += static_cast<char>('a' + (sent.size() + piece.size()) * 7 % 26);
  SocketFuture_T write =
      SocketAsync_write(client, piece.data(), static_cast<int64_t>(piece.size()), -1);
  if (!write) {
    INVARIANT(world.lossy);
    return;
  }
  if (world.random(5) == 0) SocketFuture_cancel(write);
  (void)world.finish(write);
  sent.append(piece, 0, static_cast<size_t>(SocketFuture_get_progress(write)));
  SocketFuture_free(&write);
}

// Up to the upstream's end.
void Path::pull(World &world) {
  if (SocketStream_start(upstream) != 0) return;
  for (bool ended = false; !ended;) {
    SocketCompletion_T events[4];
    const int count =
        SocketLoop_wait(world.loop, events, 1 + static_cast<int>(world.random(4)), kAwaitMs);
    INVARIANT(count > 0);
    std::string before;
    for (int i = 0; i < count; i++)
      if (events[i].kind == SOCKET_DATA)
        before.append(static_cast<const char *>(events[i].data),
                      static_cast<size_t>(events[i].length));
    if (world.random(3) == 0) { // the bytes of this wait stay
      SocketFuture_T sleep = SocketAsync_sleep(world.loop, world.random(5));
      INVARIANT(world.finish(sleep) == 0);
      SocketFuture_free(&sleep);
    }
    size_t at = 0;
    for (int i = 0; i < count; i++) {
      if (events[i].subject == upstream && events[i].kind != SOCKET_DATA) ended = true;
      if (events[i].kind != SOCKET_DATA) continue;
      INVARIANT(events[i].subject == upstream);
      const auto length = static_cast<size_t>(events[i].length);
      INVARIANT(before.compare(at, length, static_cast<const char *>(events[i].data), length) == 0);
      at += length;
    }
    received += before;
  }
}

void Path::free() {
  SocketFuture_free(&up);
  for (SocketStream_T *stream : {&client, &outer, &inner, &upstream}) SocketStream_free(stream);
}

int64_t run() {
  World world;
  world.simulation = SocketSimulation_new(present_seed);
  world.loop = SocketSimulation_new_loop(world.simulation);
  SocketSimulation_set_delay(world.simulation, 0, static_cast<int>(world.random(3000)));
  if (world.random(2))
    SocketSimulation_set_piece(world.simulation, 1 + static_cast<int>(world.random(400)));
  // Holds all that is written before anybody reads.
  SocketSimulation_set_buffer(world.simulation, 20000 + static_cast<int>(world.random(50000)));
  world.lossy = world.random(4) == 0;
  if (world.lossy) SocketSimulation_set_loss(world.simulation, 10000);
  SocketListener_T listener = SocketListener_new(world.loop);
  INVARIANT(SocketListener_listen(listener, "127.0.0.1:80") == 0);
  Path path;
  if (path.join(world, listener)) {
    const int64_t writes = 1 + world.random(5);
    for (int64_t i = 0; i < writes; i++) path.write(world);
    (void)SocketStream_shutdown(path.client);
    if (const int64_t moved = world.finish(path.up); !world.lossy)
      INVARIANT(moved == static_cast<int64_t>(path.sent.size()));
    SocketFuture_free(&path.up);
    (void)SocketStream_shutdown(path.inner);
    path.pull(world);
    INVARIANT(path.sent.compare(0, path.received.size(), path.received) == 0);
    INVARIANT(world.lossy || path.sent == path.received);
  }
  path.free();
  SocketListener_free(&listener);
  return end_world(world.simulation);
}

void every_seed(void **) { run_seeds(2000, 100, run); }

} // namespace

int main(int count, char **arguments) {
  return run_one_or_all(count, arguments, run, cmocka_unit_test(every_seed));
}
