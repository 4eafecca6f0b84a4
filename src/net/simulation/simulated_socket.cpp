#include "net/simulation/simulated_socket.hpp"

#include "base/thread_value.hpp"
#include "poll/os_fd.hpp"

#include <algorithm>
#include <vector>

namespace socketpoll {

namespace {
// Of this thread, by the place in their numbers.
using Sockets = std::vector<SimulatedSocket *>;

size_t place_of(int fd) noexcept { return static_cast<size_t>(poll_number(fd) / kDescriptorStep); }
} // namespace

int enter_simulated(SimulatedSocket &socket) {
  Sockets &sockets = ThreadValue<Sockets>::get();
  auto free = std::find(sockets.begin(), sockets.end(), nullptr);
  if (free == sockets.end()) free = sockets.insert(free, nullptr);
  *free = &socket;
  return kFirstSimulated + static_cast<int>(free - sockets.begin()) * kDescriptorStep;
}

void leave_simulated(int fd) noexcept { (*ThreadValue<Sockets>::find())[place_of(fd)] = nullptr; }

SimulatedSocket *find_simulated(int fd) noexcept {
  if (!is_simulated(fd)) return nullptr;
  const Sockets *sockets = ThreadValue<Sockets>::find();
  const size_t index = place_of(fd);
  return sockets && index < sockets->size() && plausible_descriptor(fd) ? (*sockets)[index]
                                                                        : nullptr;
}

void close_simulated(int fd) noexcept {
  if (SimulatedSocket *socket = find_simulated(fd)) socket->close();
}

} // namespace socketpoll
