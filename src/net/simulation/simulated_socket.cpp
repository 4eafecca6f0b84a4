#include "net/simulation/simulated_socket.hpp"

#include <algorithm>
#include <vector>

namespace socketpoll {

namespace {
thread_local std::vector<SimulatedSocket *> sockets;
} // namespace

int enter_simulated(SimulatedSocket &socket) {
  auto free = std::find(sockets.begin(), sockets.end(), nullptr);
  if (free == sockets.end()) free = sockets.insert(free, nullptr);
  *free = &socket;
  return kFirstSimulated + static_cast<int>(free - sockets.begin());
}

void leave_simulated(int fd) noexcept { sockets[static_cast<size_t>(poll_number(fd))] = nullptr; }

SimulatedSocket *find_simulated(int fd) noexcept {
  if (!is_simulated(fd)) return nullptr;
  const auto index = static_cast<size_t>(poll_number(fd));
  return index < sockets.size() ? sockets[index] : nullptr;
}

void close_simulated(int fd) noexcept {
  if (SimulatedSocket *socket = find_simulated(fd)) socket->close();
}

} // namespace socketpoll
