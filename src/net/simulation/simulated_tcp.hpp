// A simulated TCP socket: what it shows is what a kernel would show, partial transfers, resets and
// late refusals among it.
#pragma once

#include "net/simulation/simulation.hpp"

#include <deque>

namespace socketpoll {

class SimulatedTcp final : public SimulatedSocket {
public:
  // Throws std::bad_alloc.
  explicit SimulatedTcp(Simulation &world) : world_(world), id_(world.enter(*this)) {}
  ~SimulatedTcp() {
    world_.leave(*this);
    if (fd_ >= 0) leave_simulated(fd_);
  }
  SimulatedTcp(const SimulatedTcp &) = delete;
  SimulatedTcp &operator=(const SimulatedTcp &) = delete;

  // Its descriptor, which it has from here on. Throws std::bad_alloc.
  int open() { return fd_ = enter_simulated(*this); }
  // Connects the two at once.
  static void join(SimulatedTcp &a, SimulatedTcp &b) noexcept;

  Status listen(const Address &address, int backlog) override;
  Result<int> accept(Address &peer) override;
  Status connect(const Address &address) override;
  Result<size_t> receive(std::span<char> into) override;
  Result<size_t> send(std::span<const iovec> slices) override;
  Status shutdown_sending() override;
  Status take_error() noexcept override;
  Result<Address> local_address() const noexcept override { return local_; }
  Result<Address> peer_address() const noexcept override;
  int readiness() const noexcept override;
  void break_connection() noexcept override;
  void close() noexcept override;

  Simulation::SocketId id() const noexcept { return id_; }
  void arrive(const Simulation::Arrival &arrival) noexcept;

private:
  enum class State : uint8_t { fresh, listening, connecting, open, broken };

  void knocked(const Simulation::Arrival &knock);
  void refuse(Simulation::SocketId client) noexcept;
  void tell_peer(Simulation::What what) noexcept;
  size_t room_at_peer() const noexcept;
  void drop_connection() noexcept;

  Simulation &world_;
  int fd_ = -1;
  State state_ = State::fresh;
  Address local_;
  Address peer_address_;
  Simulation::SocketId peer_ = 0;
  std::string inbox_;
  size_t coming_ = 0;        // bytes on their way to this socket, for which inbox_ has room
  int64_t last_arrival_ = 0; // of what this socket has sent
  std::deque<Simulation::SocketId> backlog_;
  size_t backlog_limit_ = 0;
  int error_ = 0;
  bool sent_end_ = false;
  bool dropped_ = false;
  const Simulation::SocketId id_; // last: the world knows it only when all else is there
  bool got_end_ = false;
};

} // namespace socketpoll
