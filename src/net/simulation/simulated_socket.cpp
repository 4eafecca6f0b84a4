#include "net/simulation/simulated_socket.hpp"

#include "poll/os_fd.hpp"

#include <algorithm>
#include <vector>

namespace socketpoll {

namespace {
thread_local std::vector<SimulatedSocket *> sockets;

size_t place_of(int fd) noexcept { return static_cast<size_t>(poll_number(fd) / kDescriptorStep); }
} // namespace

int enter_simulated(SimulatedSocket &socket) {
  auto free = std::find(sockets.begin(), sockets.end(), nullptr);
  if (free == sockets.end()) free = sockets.insert(free, nullptr);
  *free = &socket;
  return kFirstSimulated + static_cast<int>(free - sockets.begin()) * kDescriptorStep;
}

void leave_simulated(int fd) noexcept { sockets[place_of(fd)] = nullptr; }

SimulatedSocket *find_simulated(int fd) noexcept {
  if (!is_simulated(fd)) return nullptr;
  const size_t index = place_of(fd);
  return index < sockets.size() && plausible_descriptor(fd) ? sockets[index] : nullptr;
}

void close_simulated(int fd) noexcept {
  if (SimulatedSocket *socket = find_simulated(fd)) socket->close();
}

} // namespace socketpoll
