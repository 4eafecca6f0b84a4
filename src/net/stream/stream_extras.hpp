// Net floor. What few streams need, made when it is asked for: descriptors that came with the bytes
// of a unix socket, and the settings of a terminal in raw mode.
#pragma once

#include "net/os/os_terminal.hpp"
#include "net/os/os_unix.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace socketpoll {

// Descriptors that have arrived and wait to be taken; closed if they are not.
class ReceivedFds {
public:
  // How many may wait; 0: whatever comes is closed. Throws std::bad_alloc, so that receiving need
  // not.
  void set_most(int most) {
    waiting_.reserve(static_cast<size_t>(most));
    most_ = static_cast<size_t>(most);
  }
  bool wanted() const noexcept { return most_ > 0; }

  // As os::receive().
  Result<size_t> receive(int fd, std::span<char> into) noexcept {
    int room[os::kMostFds];
    os::ArrivedFds arrived;
    const size_t most = most_ - std::min(most_, waiting_.size());
    const auto received = os::receive_with_fds(fd, into, {room, most}, arrived);
    if (!received.ok()) return received;
    for (int i = 0; i < arrived.count; i++) waiting_.push_back(Fd(room[i]));
    latest_ = static_cast<size_t>(arrived.count);
    if (arrived.lost) lost_ = arrived.lost;
    return received;
  }

  // Why some that came are not there, once; then those that are, the oldest first. Those of the
  // latest bytes only if they are wanted.
  Result<int> take(std::span<int> out, bool with_latest) noexcept {
    if (lost_ && with_latest) return Error{std::exchange(lost_, 0)};
    const size_t there = waiting_.size() - (with_latest ? 0 : latest_);
    const size_t count = std::min(out.size(), there);
    for (size_t i = 0; i < count; i++) out[i] = waiting_[i].release();
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    latest_ = std::min(latest_, waiting_.size());
    return static_cast<int>(count);
  }

private:
  std::vector<Fd> waiting_;
  size_t most_ = 0;
  size_t latest_ = 0; // how many came with the bytes that were received last
  int lost_ = 0;
};

struct StreamExtras {
  ReceivedFds fds;
  std::unique_ptr<os::RawTerminal> raw;
};

} // namespace socketpoll
