#include "net/simulation/simulation.hpp"

#include "net/loop.hpp"
#include "net/simulation/simulated_backend.hpp"
#include "net/simulation/simulated_tcp.hpp"
#include "net/stream/stream.hpp"

#include <algorithm>
#include <memory>

namespace socketpoll {

namespace {
struct Disposes {
  void operator()(LoopObject *object) const noexcept { object->dispose(); }
};
void finalize_simulation(void *object) noexcept {
  const std::unique_ptr<Simulation> last(static_cast<Simulation *>(object));
}
} // namespace

Result<HandleWord> Simulation::create(uint64_t seed) {
  std::unique_ptr<Simulation> world(new Simulation(seed));
  auto handle = HandleTable::instance().insert(kHandleKind, world.get(), 0, finalize_simulation);
  if (!handle.ok()) return handle;
  world->handle_ = *handle;
  world.release(); // finalize_simulation's from here on
  return handle;
}

// Sockets that no loop had taken yet.
Simulation::~Simulation() {
  while (!sockets_.empty()) const std::unique_ptr<SimulatedTcp> last(sockets_.begin()->second);
}

// ---- Its loops

Result<HandleWord> Simulation::make_loop() {
  loops_.reserve(loops_.size() + 1);
  auto poller = Poller::create(std::make_unique<SimulatedBackend>(*this), 0);
  if (!poller.ok()) return poller.error();
  auto loop = Loop::create(poller.take(), std::make_unique<SimulatedClock>(*this), this);
  if (loop.ok()) loops_.push_back(*loop);
  return loop;
}

bool Simulation::any_running() {
  return running_ || std::any_of(loops_.begin(), loops_.end(), [](HandleWord word) {
           const Pinned<Loop> loop(word);
           return loop && loop->running();
         });
}

Status Simulation::close() {
  if (any_running()) return Error{SOCKET_EBUSY};
  for (const HandleWord word : loops_)
    if (const Pinned<Loop> loop(word); loop)
      if (const Status status = loop->close(); !status.ok()) return status;
  HandleTable::instance().retire(handle_, kHandleKind);
  return {};
}

Status Simulation::pair(Loop &a, Loop &b, HandleWord &stream_a, HandleWord &stream_b) {
  auto first = make_socket(AF_INET);
  if (!first.ok()) return first.error();
  Fd fd_a(*first);
  auto second = make_socket(AF_INET);
  if (!second.ok()) return second.error();
  Fd fd_b(*second);
  SimulatedTcp::join(static_cast<SimulatedTcp &>(*find_simulated(fd_a.get())),
                     static_cast<SimulatedTcp &>(*find_simulated(fd_b.get())));
  auto made_a = Stream::connected(a, std::move(fd_a));
  if (!made_a.ok()) return made_a.error();
  std::unique_ptr<Stream, Disposes> one(*made_a);
  auto made_b = Stream::connected(b, std::move(fd_b));
  if (!made_b.ok()) return made_b.error();
  stream_a = one.release()->handle();
  stream_b = (*made_b)->handle();
  return {};
}

Status Simulation::turn_all(std::vector<HandleWord> &order) {
  const struct Turning {
    bool &on;
    ~Turning() { on = false; }
  } turning{running_ = true};
  order = loops_;
  for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[chance_.below(i)]);
  for (const HandleWord word : order) {
    const Pinned<Loop> loop(word);
    if (!loop) {
      std::erase(loops_, word);
      continue;
    }
    const auto ran = loop->run_once(0);
    if (!ran.ok() && !(ran.code() == SOCKET_ESTOPPED && loop->closed())) return ran.error();
  }
  return {};
}

int64_t Simulation::next_timer_ns() {
  int64_t next = INT64_MAX;
  for (const HandleWord word : loops_) {
    const Pinned<Loop> loop(word);
    const int due_ms = loop ? loop->due_in_ms(now_ns_) : -1;
    if (due_ms >= 0) next = std::min(next, now_ns_ + due_ms * kNsPerMs);
  }
  return next;
}

Status Simulation::run(int64_t max_ms) {
  if (max_ms < -1) return Error{SOCKET_EINVAL};
  if (any_running()) return Error{SOCKET_EBUSY};
  const int64_t end = max_ms < 0 ? INT64_MAX : now_ns_ + ns_of_ms(max_ms);
  std::vector<HandleWord> order;
  for (;;) {
    const uint64_t before = activity_;
    const Status status = turn_all(order);
    if (!status.ok()) return status;
    const int64_t timer = next_timer_ns();
    if (activity_ != before || timer <= now_ns_) continue;
    if (timer >= end && now_ns_ >= end) return Error{SOCKET_ETIMEDOUT};
    if (under_way_.empty() && timer == INT64_MAX) return {};
    if (!advance(std::min(timer, end))) return {};
    if (now_ns_ >= end) return Error{SOCKET_ETIMEDOUT};
  }
}

// ---- Time

void Simulation::settle() noexcept {
  while (!under_way_.empty() && under_way_.begin()->first.first <= now_ns_) {
    auto parcel = under_way_.extract(under_way_.begin());
    const Arrival arrival = std::move(parcel.mapped());
    if (words_.size() < words_.capacity()) words_.push_back(std::move(parcel)); // for the answer
    note(arrival.to, static_cast<uint64_t>(arrival.what), arrival.from);
    if (SimulatedTcp *const socket = find(arrival.to)) {
      socket->arrive(arrival);
      continue;
    }
    // Who sends to a socket that is gone is told so.
    const bool answered = arrival.what == What::bytes || arrival.what == What::opened;
    if (answered && find(arrival.from)) tell(arrival.from, arrival.to, What::reset, 0);
    if (arrival.what == What::knock) tell(arrival.from, arrival.to, What::refused, 0);
  }
}

bool Simulation::advance(int64_t until_ns) noexcept {
  const int64_t next = under_way_.empty() ? INT64_MAX : under_way_.begin()->first.first;
  const int64_t to = std::min(next, until_ns);
  if (to == INT64_MAX) return false;
  now_ns_ = std::max(now_ns_, to);
  activity_++;
  return true;
}

Simulation::Parcels::key_type Simulation::when(int64_t not_before_ns) noexcept {
  const auto range = static_cast<uint64_t>(settings_.max_delay_ns - settings_.min_delay_ns + 1);
  const int64_t delay = settings_.min_delay_ns + static_cast<int64_t>(chance_.below(range));
  return {std::max(now_ns_ + delay, not_before_ns), next_sequence_++};
}

int64_t Simulation::send(Arrival arrival, int64_t not_before_ns) {
  return under_way_.emplace(when(not_before_ns), std::move(arrival)).first->first.first;
}

int64_t Simulation::tell(SocketId to, SocketId from, What what, int64_t not_before_ns) noexcept {
  auto word = std::move(words_.back());
  words_.pop_back();
  word.key() = when(not_before_ns);
  word.mapped() = {to, from, what, {}};
  return under_way_.insert(std::move(word)).position->first.first;
}

bool Simulation::strikes() noexcept {
  return settings_.loss_per_million > 0 &&
         chance_.below(1'000'000) < static_cast<uint64_t>(settings_.loss_per_million);
}

size_t Simulation::piece(size_t most) noexcept {
  if (settings_.max_piece == 0) return most;
  return std::min<uint64_t>(most, 1 + chance_.below(static_cast<uint64_t>(settings_.max_piece)));
}

void Simulation::note(SocketId id, uint64_t what, uint64_t value) noexcept {
  activity_++;
  for (const uint64_t part : {static_cast<uint64_t>(now_ns_), id, what, value})
    digest_ = (digest_ ^ part) * 0x100000001b3;
}

// ---- Its sockets

Result<int> Simulation::make_socket(int) {
  auto socket = std::make_unique<SimulatedTcp>(*this);
  const int fd = socket->open();
  socket.release(); // its descriptor's
  return fd;
}

Simulation::SocketId Simulation::enter(SimulatedTcp &socket) {
  const size_t enough = (sockets_.size() + 1) * kWords;
  words_.reserve(enough);
  for (Parcels blank; words_.size() < enough;) {
    blank.try_emplace({});
    words_.push_back(blank.extract(blank.begin()));
  }
  sockets_.emplace(next_socket_, &socket);
  return next_socket_++;
}

void Simulation::leave(SimulatedTcp &socket) noexcept { sockets_.erase(socket.id()); }

SimulatedTcp *Simulation::find(SocketId id) noexcept {
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : found->second;
}

Status Simulation::listen(uint16_t &port, SocketId id) {
  while (port == 0)
    if (const uint16_t free = next_port(); !listeners_.contains(free)) port = free;
  if (!listeners_.emplace(port, id).second) return Error{SOCKET_EADDRINUSE};
  return {};
}

void Simulation::stop_listening(SocketId id) noexcept {
  std::erase_if(listeners_, [id](const auto &entry) { return entry.second == id; });
}

Simulation::SocketId Simulation::listener_at(uint16_t port) const noexcept {
  const auto found = listeners_.find(port);
  return found == listeners_.end() ? 0 : found->second;
}

} // namespace socketpoll
