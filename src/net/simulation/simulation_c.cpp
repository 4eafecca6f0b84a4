// extern "C" functions of SocketSimulation.h.
#include "SocketSimulation.h"

#include "net/object_c.hpp"
#include "net/simulation/simulation.hpp"
#include "net/stream/stream.hpp"

using namespace socketpoll;

namespace {

template <class Body> auto with_world(SocketSimulation_T handle, Body &&body) noexcept {
  using Outcome = decltype(to_code(body(std::declval<Simulation &>())));
  const Pinned<Simulation> world(word_of_handle(handle));
  if (!world) return static_cast<Outcome>(record_error(SOCKET_EBADHANDLE));
  if (!world->mine()) return static_cast<Outcome>(record_error(SOCKET_EWRONGTHREAD));
  return guarded([&] { return body(*world); });
}

// For the settings that are a number within bounds.
template <class T> int set_number(SocketSimulation_T simulation, T SimulationSettings::*setting,
                                  int value, int least, int most) noexcept {
  return with_world(simulation, [&](Simulation &world) -> Status {
    if (value < least || value > most) return Error{SOCKET_EINVAL};
    world.settings().*setting = static_cast<T>(value);
    return {};
  });
}

constexpr uint64_t kNoSign = ~(uint64_t{1} << 63);

} // namespace

SocketSimulation_T SocketSimulation_new(uint64_t seed) {
  return guarded_new<SocketSimulation_T>([&] { return Simulation::create(seed); });
}

void SocketSimulation_free(SocketSimulation_T *variable) {
  if (!variable || !*variable) return;
  const int code = with_world(*variable, [](Simulation &world) { return world.close(); });
  if (code != SOCKET_EWRONGTHREAD && code != SOCKET_EBUSY) *variable = nullptr;
}

SocketLoop_T SocketSimulation_new_loop(SocketSimulation_T simulation) {
  SocketLoop_T loop = nullptr;
  with_world(simulation, [&](Simulation &world) -> Status {
    auto made = world.make_loop();
    if (!made.ok()) return made.error();
    loop = handle_of_word<SocketLoop_T>(*made);
    return {};
  });
  return loop;
}

int SocketSimulation_pair(SocketLoop_T loop_a, SocketLoop_T loop_b, SocketStream_T *a,
                          SocketStream_T *b) {
  return with<Loop>(loop_a, [&](Loop &on_a) -> Status {
    auto on_b = find<Loop>(loop_b);
    if (!on_b.ok()) return on_b.error();
    if (!a || !b || !on_a.network() || on_a.network() != (*on_b)->network())
      return Error{SOCKET_EINVAL};
    HandleWord words[2];
    auto &world = static_cast<Simulation &>(*on_a.network());
    const Status status = world.pair(on_a, **on_b, words[0], words[1]);
    if (!status.ok()) return status;
    *a = handle_of_word<SocketStream_T>(words[0]);
    *b = handle_of_word<SocketStream_T>(words[1]);
    return {};
  });
}

int SocketSimulation_run(SocketSimulation_T simulation, int64_t max_ms) {
  return with_world(simulation, [&](Simulation &world) { return world.run(max_ms); });
}

int64_t SocketSimulation_get_time(SocketSimulation_T simulation) {
  return with_world(simulation, [](Simulation &world) { return Result<int64_t>(world.now_ns()); });
}

int SocketSimulation_set_delay(SocketSimulation_T simulation, int min_us, int max_us) {
  return with_world(simulation, [&](Simulation &world) -> Status {
    if (min_us < 0 || max_us < min_us) return Error{SOCKET_EINVAL};
    world.settings().min_delay_ns = min_us * int64_t{1000};
    world.settings().max_delay_ns = max_us * int64_t{1000};
    return {};
  });
}

int SocketSimulation_set_loss(SocketSimulation_T simulation, int per_million) {
  return set_number(simulation, &SimulationSettings::loss_per_million, per_million, 0, 1'000'000);
}

int SocketSimulation_set_piece(SocketSimulation_T simulation, int max_bytes) {
  return set_number(simulation, &SimulationSettings::max_piece, max_bytes, 0, INT32_MAX);
}

int SocketSimulation_set_buffer(SocketSimulation_T simulation, int bytes) {
  return set_number(simulation, &SimulationSettings::buffer, bytes, 1, INT32_MAX);
}

int SocketSimulation_set_reordering(SocketSimulation_T simulation, int on) {
  return set_number(simulation, &SimulationSettings::reorder, on != 0, 0, 1);
}

int SocketSimulation_break(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) -> Status {
    auto fd = self.open_fd();
    if (!fd.ok()) return fd.error();
    SimulatedSocket *const socket = find_simulated(*fd);
    if (!socket) return Error{SOCKET_ENOTSUP};
    socket->break_connection();
    return {};
  });
}

int64_t SocketSimulation_random(SocketSimulation_T simulation, int64_t below) {
  return with_world(simulation, [&](Simulation &world) -> Result<int64_t> {
    if (below < 1) return Error{SOCKET_EINVAL};
    return static_cast<int64_t>(world.program_chance().below(static_cast<uint64_t>(below)));
  });
}

int64_t SocketSimulation_get_digest(SocketSimulation_T simulation) {
  return with_world(simulation, [](Simulation &world) {
    return Result<int64_t>(static_cast<int64_t>(world.digest() & kNoSign));
  });
}

int SocketSimulation_get_open(SocketSimulation_T simulation) {
  return with_world(simulation, [](Simulation &world) {
    return Result<int>(static_cast<int>(world.open_sockets()));
  });
}
