#include "net/simulation/simulated_tcp.hpp"

#include "SocketPoll.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace socketpoll {

using What = Simulation::What;

namespace {
enum Noted : uint64_t { noted_send = 100, noted_receive, noted_close, noted_accept };

uint64_t hash_of(std::string_view bytes) noexcept {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}
} // namespace

void SimulatedTcp::join(SimulatedTcp &a, SimulatedTcp &b) noexcept {
  a.peer_ = b.id_;
  b.peer_ = a.id_;
  a.state_ = b.state_ = State::open;
}

// ---- Connecting

Status SimulatedTcp::listen(const Address &address, int backlog) {
  local_ = address;
  if (const Status status = world_.listen(local_.port, id_); !status.ok()) return status;
  state_ = State::listening;
  backlog_limit_ = static_cast<size_t>(backlog);
  return {};
}

Status SimulatedTcp::connect(const Address &address) {
  peer_address_ = local_ = address;
  local_.port = world_.next_port();
  const auto listener = world_.listener_at(address.port);
  // A port that nobody listens on answers as late as one that somebody does.
  if (listener)
    last_arrival_ = world_.send({listener, id_, What::knock, {}}, 0);
  else
    world_.send({id_, 0, What::refused, {}}, 0);
  state_ = State::connecting;
  return Error{SOCKET_EAGAIN};
}

void SimulatedTcp::knocked(const Simulation::Arrival &knock) {
  if (backlog_.size() >= backlog_limit_) return refuse(knock.from);
  SimulatedTcp *const client = world_.find(knock.from);
  if (!client) return; // it has given up meanwhile
  auto accepted = std::make_unique<SimulatedTcp>(world_);
  backlog_.push_back(accepted->id_);
  accepted->local_ = local_;
  accepted->peer_address_ = client->local_;
  accepted->peer_ = client->id_;
  accepted->state_ = State::open;
  client->peer_ = accepted->id_;
  accepted->tell_peer(What::opened);
  accepted.release(); // the backlog's, then its descriptor's
}

Result<int> SimulatedTcp::accept(Address &peer) {
  while (!backlog_.empty()) {
    SimulatedTcp *const accepted = world_.find(backlog_.front());
    const int fd = accepted ? accepted->open() : -1;
    backlog_.pop_front();
    if (!accepted) continue;
    peer = accepted->peer_address_;
    world_.note(id_, noted_accept, accepted->id_);
    return fd;
  }
  return Error{SOCKET_EAGAIN};
}

// ---- Bytes

size_t SimulatedTcp::room_at_peer() const noexcept {
  const SimulatedTcp *const peer = world_.find(peer_);
  if (!peer) return SIZE_MAX; // taken, and lost
  const size_t used = peer->inbox_.size() + peer->coming_;
  const auto buffer = static_cast<size_t>(world_.settings().buffer);
  return used < buffer ? buffer - used : 0;
}

Result<size_t> SimulatedTcp::send(std::span<const iovec> slices) {
  if (state_ == State::connecting) return Error{SOCKET_EAGAIN};
  if (state_ == State::broken) {
    const int error = std::exchange(error_, 0);
    return Error{error ? error : int{SOCKET_EPIPE}};
  }
  if (state_ != State::open) return Error{SOCKET_ENOTCONN};
  if (sent_end_) return Error{SOCKET_EPIPE};
  std::string bytes;
  for (const iovec &slice : slices)
    bytes.append(static_cast<char *>(slice.iov_base), slice.iov_len);
  if (bytes.empty()) return size_t{0};
  const size_t room = std::min(room_at_peer(), bytes.size());
  if (room == 0) return Error{SOCKET_EAGAIN};
  bytes.resize(world_.piece(room));
  const size_t moved = bytes.size();
  world_.note(id_, noted_send, hash_of(bytes));
  SimulatedTcp *const peer = world_.find(peer_);
  if (peer && world_.strikes()) {
    drop_connection();
    return moved;
  }
  if (peer) peer->inbox_.reserve(peer->inbox_.size() + peer->coming_ + moved);
  last_arrival_ = world_.send({peer_, id_, What::bytes, std::move(bytes)}, last_arrival_);
  if (peer) peer->coming_ += moved;
  return moved;
}

Result<size_t> SimulatedTcp::receive(std::span<char> into) {
  if (!inbox_.empty()) {
    const size_t moved = world_.piece(std::min(into.size(), inbox_.size()));
    std::memcpy(into.data(), inbox_.data(), moved);
    world_.note(id_, noted_receive, hash_of({inbox_.data(), moved}));
    inbox_.erase(0, moved);
    return moved;
  }
  if (const int error = std::exchange(error_, 0)) return Error{error};
  if (got_end_ || state_ == State::broken) return size_t{0};
  return state_ == State::open ? Error{SOCKET_EAGAIN} : Error{SOCKET_ENOTCONN};
}

Status SimulatedTcp::shutdown_sending() {
  if (state_ != State::open) return Error{SOCKET_ENOTCONN};
  if (!std::exchange(sent_end_, true)) tell_peer(What::end);
  return {};
}

// ---- What is on its way

void SimulatedTcp::tell_peer(What what) noexcept {
  last_arrival_ = world_.tell(peer_, id_, what, last_arrival_);
}

void SimulatedTcp::refuse(Simulation::SocketId client) noexcept {
  world_.tell(client, id_, What::refused, last_arrival_);
}

// Both ends hear of it, each after its own delay and after what was sent to it before.
void SimulatedTcp::drop_connection() noexcept {
  if (std::exchange(dropped_, true)) return;
  SimulatedTcp *const peer = world_.find(peer_);
  tell_peer(What::reset);
  world_.tell(id_, peer_, What::reset, peer ? peer->last_arrival_ : 0);
}

void SimulatedTcp::break_connection() noexcept {
  if (state_ == State::open) drop_connection();
}

void SimulatedTcp::arrive(const Simulation::Arrival &arrival) noexcept {
  switch (arrival.what) {
  case What::knock:
    try {
      if (state_ == State::listening) return knocked(arrival);
    } catch (const std::bad_alloc &) {
    }
    return refuse(arrival.from);
  case What::opened: state_ = State::open; break;
  case What::refused:
    state_ = State::broken;
    error_ = SOCKET_ECONNREFUSED;
    break;
  case What::bytes:
    coming_ -= arrival.bytes.size();
    if (state_ == State::open) inbox_ += arrival.bytes; // within what send() reserved
    break;
  case What::end: got_end_ = true; break;
  case What::reset:
    if (state_ == State::broken) break;
    error_ = state_ == State::connecting ? SOCKET_ECONNREFUSED : SOCKET_ECONNRESET;
    state_ = State::broken;
    break;
  }
}

Status SimulatedTcp::take_error() noexcept {
  const int error = std::exchange(error_, 0);
  return error ? Status(Error{error}) : Status();
}

Result<Address> SimulatedTcp::peer_address() const noexcept {
  if (state_ != State::open) return Error{SOCKET_ENOTCONN};
  return peer_address_;
}

int SimulatedTcp::readiness() const noexcept {
  switch (state_) {
  case State::fresh:
  case State::connecting: return 0;
  case State::listening: return backlog_.empty() ? 0 : POLL_READ;
  case State::broken:
    return POLL_READ | POLL_WRITE | POLL_HANGUP | SOCKET_POLL_PEER_CLOSED |
           (error_ ? POLL_ERROR : 0);
  case State::open: break;
  }
  int ready = 0;
  if (!inbox_.empty() || got_end_) ready |= POLL_READ;
  if (room_at_peer() > 0) ready |= POLL_WRITE;
  if (got_end_) ready |= SOCKET_POLL_PEER_CLOSED;
  if (got_end_ && sent_end_) ready |= POLL_HANGUP;
  return ready;
}

void SimulatedTcp::close() noexcept {
  const std::unique_ptr<SimulatedTcp> last(this);
  world_.note(id_, noted_close, inbox_.size());
  for (const auto waiting : backlog_) {
    const std::unique_ptr<SimulatedTcp> unaccepted(world_.find(waiting));
    if (unaccepted) unaccepted->tell_peer(What::reset);
  }
  if (state_ == State::listening) world_.stop_listening(id_);
  if (state_ != State::open || !peer_) return;
  // What was received and not read makes a reset of the end, RFC 1122 4.2.2.13.
  if (!inbox_.empty() || coming_ > 0)
    tell_peer(What::reset);
  else if (!sent_end_)
    tell_peer(What::end);
}

} // namespace socketpoll
