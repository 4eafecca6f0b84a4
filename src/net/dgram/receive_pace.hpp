// How many datagrams to ask for in one turn. A call that finds nothing costs a third of one that
// does, so a socket where they come one by one is asked for one, as its readiness promised; where
// they keep coming, more and more are taken in a turn, up to a bound that leaves room for others.
#pragma once

#include <algorithm>
#include <cstdint>

namespace socketpoll {

class ReceivePace {
public:
  int budget() const noexcept { return budget_; }
  // The whole budget came.
  void full() noexcept {
    if (budget_ == 1 && ++streak_ < patience_) return;
    streak_ = 0;
    budget_ = static_cast<uint8_t>(std::min(budget_ * 2, kMost));
    if (budget_ == kMost) patience_ = kLeastPatience;
  }
  // There were fewer.
  void dry() noexcept {
    if (budget_ > 1) patience_ = static_cast<uint8_t>(std::min(patience_ * 2, kMostPatience));
    budget_ = 1;
    streak_ = 0;
  }

  // How many to have room for in one call that takes what there is: naming 64 costs more than the
  // call itself.
  int room() const noexcept { return room_; }
  void came(int count) noexcept {
    room_ = static_cast<uint8_t>(std::clamp(count * 2, kLeastRoom, kMostRoom));
  }

private:
  static constexpr int kLeastRoom = 4, kMostRoom = 64;
  uint8_t room_ = kLeastRoom;
  static constexpr int kMost = 32;
  static constexpr int kLeastPatience = 4, kMostPatience = 64;
  uint8_t budget_ = 1;
  uint8_t streak_ = 0;                // turns in a row in which the one came
  uint8_t patience_ = kLeastPatience; // how many of them make a second one likely
};

} // namespace socketpoll
