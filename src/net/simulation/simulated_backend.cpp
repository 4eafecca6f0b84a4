#include "net/simulation/simulated_backend.hpp"

#include "SocketPoll.h"

#include <algorithm>

namespace socketpoll {

namespace {
constexpr int kAlways = POLL_ERROR | POLL_HANGUP;
} // namespace

int SimulatedBackend::capabilities() const noexcept {
  return SOCKET_POLL_CAN_ONESHOT | SOCKET_POLL_CAN_PEER_CLOSED;
}

Status SimulatedBackend::add(const Registration &wanted) {
  const SimulatedSocket *const socket = simulated_at(wanted.fd);
  if (!socket) return Error{SOCKET_ENOTSUP}; // a descriptor of the kernel's
  const auto present = watched_.find(wanted.fd);
  if (present != watched_.end() && present->second.socket == socket) return Error{SOCKET_EEXIST};
  watched_[wanted.fd] = {socket, wanted};
  return {};
}

Status SimulatedBackend::mod(const Registration &, const Registration &wanted) {
  const auto present = watched_.find(wanted.fd);
  if (present == watched_.end() || present->second.socket != simulated_at(wanted.fd))
    return Error{SOCKET_ENOENT};
  present->second.registration = wanted;
  return {};
}

Result<Backend::Outcome> SimulatedBackend::wait(Scratch &, std::span<ReadyEvent> ready,
                                                int timeout_ms) {
  const int64_t until = timeout_ms < 0 ? INT64_MAX : world_.now_ns() + timeout_ms * kNsPerMs;
  for (;;) {
    world_.settle();
    const int count = collect(ready);
    const bool woken = woken_.exchange(false);
    if (count > 0 || woken || closed_ || world_.now_ns() >= until) return Outcome{count, woken};
    // Nothing is under way, and nobody waits for a time: a real program would hang here.
    if (!world_.advance(until)) return Error{SOCKET_ESTOPPED};
  }
}

// Some of what is ready may be held back for this time, but not all of it.
int SimulatedBackend::collect(std::span<ReadyEvent> ready) {
  size_t count = 0;
  for (const auto &[fd, watched] : watched_) {
    if (count == ready.size()) break;
    if (!watched.registration.armed || simulated_at(fd) != watched.socket) continue;
    const int events = watched.socket->readiness() & (watched.registration.events | kAlways);
    if (events) ready[count++] = {watched.registration.key, events};
  }
  if (!world_.settings().reorder || count < 2) return static_cast<int>(count);
  for (size_t i = count - 1; i > 0; i--) std::swap(ready[i], ready[world_.chance().below(i + 1)]);
  return static_cast<int>(count - world_.chance().below(count));
}

} // namespace socketpoll
