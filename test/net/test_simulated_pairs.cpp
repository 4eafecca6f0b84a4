// Ten thousand seeds of clients and servers that connect, write, read, pause, half-close, cancel
// and free at random moments, over a network that delays, cuts and sometimes breaks what they send.
//
// What must hold in every run, whatever the seed:
//   - bytes arrive in order, none lost, none doubled: what was received is a prefix of what was
//     sent, and all of it where the sender ended well and the end arrived;
//   - events come in their order, none after SOCKET_CLOSED, none after the stream was freed;
//   - an operation ends exactly once, and its buffer is not touched after that;
//   - when all is freed no socket is open, and the sanitizers find nothing left.
#include "support/simulated_seeds.hpp"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketListener.h>
#include <socketpoll/SocketTimer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace {

struct World;

// What one side has sent to the other, by its own account.
struct Direction {
  unsigned char key = 0;
  int64_t sent = 0;
  int64_t received = 0;
  bool ended_well = false; // all that was sent is on its way, and the end behind it
  unsigned char at(int64_t offset) const {
    return static_cast<unsigned char>(key + offset * 31 + (offset >> 8));
  }
};

// A read or a write under way. Its buffer has guards that nobody may touch once it has ended.
struct Operation {
  static constexpr size_t kMost = 3000;
  SocketFuture_T future = nullptr;
  std::unique_ptr<unsigned char[]> buffer;
  std::vector<unsigned char> copy_at_end;
  int64_t length = 0;
  int endings = 0;
  bool live() const { return future != nullptr; }
};

class Actor {
public:
  void join(World &world, SocketLoop_T loop, Direction &out, Direction &in);
  void own(SocketStream_T stream, bool connected);
  void leave();
  bool gone() const { return freed_; }

private:
  static void event(const SocketCompletion_T *event, void *self) {
    static_cast<Actor *>(self)->on_event(*event);
  }
  static void act(const SocketCompletion_T *, void *self) { static_cast<Actor *>(self)->on_act(); }
  static void read_done(const SocketCompletion_T *event, void *self) {
    static_cast<Actor *>(self)->on_read(*event);
  }
  static void write_done(const SocketCompletion_T *event, void *self) {
    static_cast<Actor *>(self)->on_written(*event);
  }

  int64_t random(int64_t below);
  void on_event(const SocketCompletion_T &event);
  void on_act();
  void on_read(const SocketCompletion_T &event);
  void on_written(const SocketCompletion_T &event);
  void check(const void *bytes, int64_t length);
  void write();
  void begin_write();
  void begin_read();
  void cancel(Operation &operation);
  void end_write(int64_t went, bool whole);
  void free_stream();

  World *world_ = nullptr;
  SocketStream_T stream_ = nullptr;
  SocketTimer_T timer_ = nullptr;
  Direction *out_ = nullptr, *in_ = nullptr;
  Operation read_, write_;
  int actions_ = 0;
  bool connected_ = false, saw_eof_ = false, closed_ = false, freed_ = false;
  bool by_operations_ = false, started_ = false, shut_ = false;
  bool lossy_ = false; // bytes of ours may have been taken back or dropped
};

struct Connection {
  Actor client, server;
  Direction up, down;
};

struct World {
  SocketSimulation_T simulation = nullptr;
  SocketLoop_T loops[2] = {};
  SocketListener_T listener = nullptr;
  std::vector<std::unique_ptr<Connection>> connections;
  size_t accepted = 0;
  int64_t random(int64_t below) { return SocketSimulation_random(simulation, below); }
};

int64_t Actor::random(int64_t below) { return world_->random(below); }

void Actor::join(World &world, SocketLoop_T loop, Direction &out, Direction &in) {
  world_ = &world;
  out_ = &out;
  in_ = &in;
  timer_ = SocketTimer_new(loop);
  SocketTimer_set_callback(timer_, act, this);
  by_operations_ = random(2) == 0;
  actions_ = static_cast<int>(random(14)) + 1;
}

void Actor::own(SocketStream_T stream, bool connected) {
  stream_ = stream;
  connected_ = connected;
  SocketStream_set_callback(stream, event, this);
  if (random(4) == 0) SocketStream_set_marks(stream, 100, 2000);
  SocketTimer_start(timer_, random(5), 0);
}

void Actor::check(const void *bytes, int64_t length) {
  const auto *const got = static_cast<const unsigned char *>(bytes);
  for (int64_t i = 0; i < length; i++) INVARIANT(got[i] == in_->at(in_->received + i));
  in_->received += length;
  INVARIANT(in_->received <= in_->sent);
}

void Actor::on_event(const SocketCompletion_T &event) {
  INVARIANT(!freed_ && !closed_ && event.subject == stream_);
  switch (event.kind) {
  case SOCKET_CONNECTED:
    INVARIANT(!connected_ && !saw_eof_);
    connected_ = true;
    break;
  case SOCKET_DATA:
    INVARIANT(connected_ && !saw_eof_ && started_ && event.length > 0);
    check(event.data, event.length);
    break;
  case SOCKET_EOF:
    INVARIANT(connected_ && !saw_eof_);
    saw_eof_ = true;
    if (in_->ended_well) INVARIANT(in_->received == in_->sent);
    break;
  case SOCKET_DRAINED: INVARIANT(connected_); break;
  case SOCKET_CLOSED:
    closed_ = true;
    INVARIANT(!read_.live() || SocketFuture_is_done(read_.future) == 1);
    break;
  default: INVARIANT(false);
  }
  if (random(40) == 0) free_stream();
}

void Actor::write() {
  unsigned char bytes[Operation::kMost];
  const int64_t length = random(Operation::kMost);
  for (int64_t i = 0; i < length; i++) bytes[i] = out_->at(out_->sent + i);
  if (SocketStream_write(stream_, bytes, length) >= 0) {
    INVARIANT(!write_.live() && !shut_);
    out_->sent += length;
  }
}

void Actor::begin_write() {
  if (write_.live()) return;
  write_.length = random(Operation::kMost);
  write_.buffer = std::make_unique<unsigned char[]>(Operation::kMost);
  for (int64_t i = 0; i < write_.length; i++) write_.buffer[i] = out_->at(out_->sent + i);
  const int timeout = random(4) == 0 ? static_cast<int>(random(20)) : -1;
  write_.future = SocketAsync_write(stream_, write_.buffer.get(), write_.length, timeout);
  write_.endings = 0;
  if (!write_.future) return;
  out_->sent += write_.length; // what did not go is taken back when it ends
  INVARIANT(SocketFuture_then(write_.future, write_done, this) == 0);
}

void Actor::end_write(int64_t went, bool whole) {
  INVARIANT(went >= 0 && went <= write_.length && (!whole || went == write_.length));
  out_->sent -= write_.length - went;
  if (!whole) lossy_ = true;
  write_.buffer.reset(); // the sanitizer tells who still reads it
  SocketFuture_free(&write_.future);
}

void Actor::on_written(const SocketCompletion_T &event) {
  INVARIANT(write_.live() && ++write_.endings == 1 && event.subject == write_.future);
  end_write(event.length, event.status == 0);
}

void Actor::begin_read() {
  if (read_.live() || started_) return;
  const int64_t capacity = 1 + random(Operation::kMost - 1);
  const int timeout = random(4) == 0 ? static_cast<int>(random(20)) : -1;
  read_.buffer = std::make_unique<unsigned char[]>(Operation::kMost);
  void *const into = read_.buffer.get();
  const char newline = '\n';
  switch (random(3)) {
  case 0: read_.future = SocketAsync_read(stream_, into, capacity, timeout); break;
  case 1: read_.future = SocketAsync_read_exactly(stream_, into, capacity, timeout); break;
  case 2:
    read_.future = SocketAsync_read_until(stream_, into, capacity, &newline, 1, timeout);
    break;
  }
  read_.endings = 0;
  if (read_.future) INVARIANT(SocketFuture_then(read_.future, read_done, this) == 0);
}

void Actor::on_read(const SocketCompletion_T &event) {
  INVARIANT(read_.live() && ++read_.endings == 1 && event.subject == read_.future);
  if (event.status == 0) INVARIANT(event.data == read_.buffer.get());
  check(read_.buffer.get(), event.length);
  read_.buffer.reset();
  SocketFuture_free(&read_.future);
  if (!freed_ && random(3) > 0) begin_read();
}

void Actor::cancel(Operation &operation) {
  if (!operation.live() || SocketFuture_is_done(operation.future) == 1) return;
  INVARIANT(SocketFuture_cancel(operation.future) == 0);
  INVARIANT(SocketFuture_get_status(operation.future) == SOCKET_ECANCELED);
  const int64_t moved = SocketFuture_get_progress(operation.future);
  if (&operation == &write_) return end_write(moved, false);
  check(read_.buffer.get(), moved);
  read_.buffer.reset();
  SocketFuture_free(&read_.future);
}

void Actor::on_act() {
  if (freed_) return;
  if (actions_-- <= 0) {
    if (random(2) == 0) return free_stream();
    if (by_operations_) begin_read();
    return;
  }
  switch (random(12)) {
  case 0:
  case 1:
  case 2: write(); break;
  case 3:
  case 4: begin_write(); break;
  case 5:
  case 6:
    if (by_operations_)
      begin_read();
    else if (SocketStream_start(stream_) == 0)
      started_ = true;
    break;
  case 7:
    if (SocketStream_pause(stream_) == 0) started_ = false;
    break;
  case 8: cancel(random(2) ? read_ : write_); break;
  case 9:
    if (random(3) == 0 && SocketStream_shutdown(stream_) == 0) {
      if (!shut_) out_->ended_well = !write_.live();
      shut_ = true;
    }
    break;
  case 10:
    if (random(4) == 0 && SocketStream_close(stream_) == 0) actions_ = 0;
    break;
  case 11:
    if (random(8) == 0) return free_stream();
    if (random(30) == 0) (void)SocketSimulation_break(stream_);
    break;
  }
  SocketTimer_start(timer_, random(12), 0);
}

void Actor::free_stream() {
  freed_ = true;
  if (SocketStream_get_queued(stream_) > 0) out_->ended_well = false;
  SocketStream_free(&stream_);
  for (Operation *operation : {&read_, &write_}) {
    if (!operation->live()) continue;
    INVARIANT(SocketFuture_is_done(operation->future) == 1);
    SocketFuture_free(&operation->future);
    operation->buffer.reset();
  }
}

void Actor::leave() {
  if (!freed_ && stream_) free_stream();
  SocketTimer_free(&timer_);
}

void on_accepted(const SocketCompletion_T *event, void *user) {
  auto &world = *static_cast<World *>(user);
  if (event->kind != SOCKET_ACCEPTED) return;
  // Clients are told apart by the order of nothing: the server's side takes the next free place.
  char peer[64];
  INVARIANT(SocketStream_get_peer(static_cast<SocketStream_T>(event->subject), peer, 64) > 0);
  const int port = std::atoi(std::strrchr(peer, ':') + 1);
  for (auto &connection : world.connections) {
    if (connection->up.key != static_cast<unsigned char>(port)) continue;
    connection->server.own(static_cast<SocketStream_T>(event->subject), true);
    world.accepted++;
    return;
  }
  auto stream = static_cast<SocketStream_T>(event->subject);
  SocketStream_free(&stream);
}

void configure(World &world) {
  const int most_us = static_cast<int>(world.random(5000));
  SocketSimulation_set_delay(world.simulation, 0, most_us);
  if (world.random(2))
    SocketSimulation_set_piece(world.simulation, 1 + static_cast<int>(world.random(500)));
  if (world.random(2))
    SocketSimulation_set_buffer(world.simulation, 1 + static_cast<int>(world.random(5000)));
  if (world.random(4) == 0) SocketSimulation_set_loss(world.simulation, 20000);
  if (world.random(4) == 0) SocketSimulation_set_reordering(world.simulation, 0);
}

// One run; its digest.
int64_t run() {
  World world;
  world.simulation = SocketSimulation_new(present_seed);
  world.loops[0] = SocketSimulation_new_loop(world.simulation);
  world.loops[1] = world.random(2) ? SocketSimulation_new_loop(world.simulation) : world.loops[0];
  configure(world);
  world.listener = SocketListener_new(world.loops[1]);
  SocketListener_set_callback(world.listener, on_accepted, &world);
  INVARIANT(SocketListener_listen(world.listener, "127.0.0.1:80") == 0);
  const int64_t count = 1 + world.random(3);
  for (int64_t i = 0; i < count; i++) {
    auto &connection = *world.connections.emplace_back(std::make_unique<Connection>());
    connection.down.key = static_cast<unsigned char>(100 + i);
    connection.client.join(world, world.loops[0], connection.up, connection.down);
    connection.server.join(world, world.loops[1], connection.down, connection.up);
    const int timeout = world.random(10) == 0 ? static_cast<int>(world.random(3)) : -1;
    connection.up.key = static_cast<unsigned char>(49152 + i); // the port that it will have
    connection.client.own(SocketStream_connect(world.loops[0], "127.0.0.1:80", timeout), false);
  }
  const int ended = SocketSimulation_run(world.simulation, 100000);
  INVARIANT(ended == 0 || ended == SOCKET_ETIMEDOUT);
  for (auto &connection : world.connections) {
    connection->client.leave();
    connection->server.leave();
  }
  SocketListener_free(&world.listener);
  return end_world(world.simulation);
}

void every_seed(void **) { run_seeds(10000, 50, run); }

} // namespace

int main(int count, char **arguments) {
  return run_one_or_all(count, arguments, run, cmocka_unit_test(every_seed));
}
