// The simulated world: virtual time, what is on its way between its sockets, and the chance that
// decides about both. Everything that happens follows from the seed and from what the program does.
#pragma once

#include "SocketSimulation.h"

#include "base/handle_table.hpp"
#include "net/clock.hpp"
#include "net/simulation/simulated_socket.hpp"

#include <map>
#include <string>
#include <vector>

namespace socketpoll {

class Loop;
class SimulatedTcp;

// splitmix64: a few lines that are the same everywhere, unlike the distributions of <random>.
class Chance {
public:
  explicit Chance(uint64_t seed) noexcept : state_(seed) {}
  uint64_t next() noexcept {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 to below - 1; below > 0.
  uint64_t below(uint64_t below) noexcept { return next() % below; }

private:
  uint64_t state_;
};

struct SimulationSettings {
  int64_t min_delay_ns = SOCKET_SIMULATION_MIN_DELAY_US * int64_t{1000};
  int64_t max_delay_ns = SOCKET_SIMULATION_MAX_DELAY_US * int64_t{1000};
  int loss_per_million = 0;
  int max_piece = 0;
  int buffer = SOCKET_SIMULATION_BUFFER;
  bool reorder = true;
};

class Simulation final : public Network {
public:
  static constexpr HandleKind kHandleKind = HandleKind::simulation;
  using SocketId = uint64_t;

  // Throws std::bad_alloc.
  static Result<HandleWord> create(uint64_t seed);
  ~Simulation();

  Result<HandleWord> make_loop();
  Status pair(Loop &a, Loop &b, HandleWord &stream_a, HandleWord &stream_b);
  Status run(int64_t max_ms);
  // Ends its loops and the handle; SOCKET_EBUSY inside a callback of one of them.
  Status close();
  bool mine() const noexcept { return thread_ == thread_token(); }

  int64_t now_ns() const noexcept { return now_ns_; }
  SimulationSettings &settings() noexcept { return settings_; }
  Chance &program_chance() noexcept { return program_chance_; }
  uint64_t digest() const noexcept { return digest_; }
  size_t open_sockets() const noexcept { return sockets_.size(); }

  Result<int> make_socket(int family) override;

  // ---- For the backends of its loops
  Chance &chance() noexcept { return chance_; }
  // Lets everything arrive that is due at the present time. Asks for no memory, so that nothing is
  // lost for want of it.
  void settle() noexcept;
  // Moves time to the next arrival, or to `until_ns` if that comes first. False: there is neither.
  bool advance(int64_t until_ns) noexcept;

  // ---- For its sockets
  enum class What : uint8_t { bytes, end, reset, opened, refused, knock };
  struct Arrival {
    SocketId to;
    SocketId from;
    What what;
    std::string bytes;
  };
  SocketId enter(SimulatedTcp &socket);
  void leave(SimulatedTcp &socket) noexcept;
  SimulatedTcp *find(SocketId id) noexcept;
  // It arrives after a delay, and not before `not_before_ns`; the time at which. Throws
  // std::bad_alloc.
  int64_t send(Arrival arrival, int64_t not_before_ns);
  // The same for a word without bytes, of which each socket has kWords that need no memory.
  static constexpr size_t kWords = 5; // opened, end, the reset of close, and two of a break
  int64_t tell(SocketId to, SocketId from, What what, int64_t not_before_ns) noexcept;
  Status listen(uint16_t &port, SocketId id);
  void stop_listening(SocketId id) noexcept;
  SocketId listener_at(uint16_t port) const noexcept;
  uint16_t next_port() noexcept {
    return next_port_ == UINT16_MAX ? next_port_ = 49152 : next_port_++;
  }
  bool strikes() noexcept;
  // How much one call moves, of `most` bytes.
  size_t piece(size_t most) noexcept;
  // What happened enters the digest.
  void note(SocketId id, uint64_t what, uint64_t value) noexcept;

private:
  using Parcels = std::map<std::pair<int64_t, uint64_t>, Arrival>; // by time, then in their order
  explicit Simulation(uint64_t seed) noexcept
      : chance_(seed), program_chance_(seed ^ 0x5bd1e995'0badcafe), thread_(thread_token()) {}
  bool any_running();
  // One turn of each loop, in random order; SOCKET_ESTOPPED if one was stopped.
  Status turn_all(std::vector<HandleWord> &order);
  int64_t next_timer_ns();
  Parcels::key_type when(int64_t not_before_ns) noexcept;

  HandleWord handle_ = 0;
  Chance chance_;
  Chance program_chance_;
  SimulationSettings settings_;
  uint64_t thread_;
  int64_t now_ns_ = 0;
  uint64_t digest_ = 0xcbf29ce484222325;
  uint64_t activity_ = 0;
  uint64_t next_sequence_ = 0;
  SocketId next_socket_ = 1;
  uint16_t next_port_ = 49152;
  bool running_ = false;
  Parcels under_way_;
  std::vector<Parcels::node_type> words_; // at least kWords for each socket, less what it has said
  std::map<SocketId, SimulatedTcp *> sockets_;
  std::map<uint16_t, SocketId> listeners_;
  std::vector<HandleWord> loops_;
};

class SimulatedClock final : public Clock {
public:
  explicit SimulatedClock(const Simulation &world) noexcept : world_(world) {}
  int64_t now_ns() noexcept override { return world_.now_ns(); }
  // The world begins in the year 2000.
  std::time_t wall_seconds() noexcept override {
    return static_cast<std::time_t>(946684800 + world_.now_ns() / 1'000'000'000);
  }

private:
  const Simulation &world_;
};

} // namespace socketpoll
