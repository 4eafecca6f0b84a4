// Readiness in a simulation: a wait lets time pass instead of blocking.
#pragma once

#include "net/simulation/simulation.hpp"
#include "poll/backend.hpp"

#include <atomic>
#include <map>

namespace socketpoll {

class SimulatedBackend final : public Backend {
public:
  explicit SimulatedBackend(Simulation &world) noexcept : world_(world) {}

  const char *name() const noexcept override { return "simulation"; }
  int capabilities() const noexcept override;
  Status add(const Registration &wanted) override;
  Status mod(const Registration &present, const Registration &wanted) override;
  void del(int fd) noexcept override { watched_.erase(fd); }
  Result<Outcome> wait(Scratch &scratch, std::span<ReadyEvent> ready, int timeout_ms) override;
  Status wakeup() noexcept override {
    woken_ = true;
    return {};
  }
  void close() noexcept override { closed_ = true; }
  bool is_open(int fd) const noexcept override { return simulated_at(fd) != nullptr; }
  int64_t now_ns() const noexcept override { return world_.now_ns(); }

private:
  struct Watched {
    const SimulatedSocket *socket;
    Registration registration;
  };
  int collect(std::span<ReadyEvent> ready);

  Simulation &world_;
  std::map<int, Watched> watched_; // in the order of their numbers, so that runs repeat
  std::atomic<bool> woken_{false};
  std::atomic<bool> closed_{false};
};

} // namespace socketpoll
