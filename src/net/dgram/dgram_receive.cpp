// The receiving side of SocketDgram: what is ready, who sent it, and how it leaves.
#include "net/dgram/dgram.hpp"

#include <algorithm>

namespace socketpoll {

namespace {

constexpr int kMostErrors = 8; // told in one turn

void *pointer_of(HandleWord token) noexcept { return reinterpret_cast<void *>(token); }

// As opposed to what the network said of a datagram.
bool concerns_reading(int code) noexcept {
  return code == SOCKET_ENOMEM || code == SOCKET_ENOBUFS || code == SOCKET_EBADF ||
         code == SOCKET_EIO;
}

} // namespace

// What the program has not fetched yet holds the socket up.
void Dgram::update_interest() noexcept {
  if (!fd_) return;
  int events = 0;
  const bool error_waits = started_ && pending(SOCKET_DATAGRAM_ERROR);
  const bool reads = started_ && !error_waits && !pending(SOCKET_DATAGRAM);
  if (reads || receiving()) events |= POLL_READ;
  if (waits_for_room() && !guesses_room() && !error_waits) events |= POLL_WRITE;
  want(held_ ? 0 : events);
}

void Dgram::on_ready(int events) {
  if (delivering_ && (started_ || gro_)) { // a callback runs the loop: later
    held_ = true;
    return update_interest();
  }
  // A connected socket that nobody reads tells the next send.
  if ((events & POLL_ERROR) && (started_ || receiving() || !connected_)) take_errors();
  if (events & (POLL_WRITE | POLL_ERROR)) room();
  if (events & (POLL_READ | POLL_HANGUP)) receive();
  update_interest();
}

// What is wanted cannot be had; the program is told, and may start again.
void Dgram::on_refused(int code) noexcept {
  if (ops_) ops_->end(code);
  if (started_) {
    started_ = false;
    error_.code = code;
    error_.token = 0;
    raise(SOCKET_DATAGRAM_ERROR);
  }
  room();
  update_interest();
}

// ---- Datagrams

void Dgram::receive() {
  if (!fd_ || loop().stopping()) return;
  if (receiving()) return receive_for_operation();
  if (!started_ || pending(SOCKET_DATAGRAM) || pending(SOCKET_DATAGRAM_ERROR)) return;
  if (single()) return receive_single();
  receive_batch();
  if (!batch_->empty()) raise(SOCKET_DATAGRAM);
}

bool Dgram::may_push() const noexcept {
  return fd_ && started_ && single() && !LoopObject::loop().stopping();
}

void Dgram::receive_single() {
  const int budget = pace_.budget();
  for (int i = 0; i < budget; i++) {
    auto arrived = os::receive_from(fd_.get(), loop().scratch(), sender_, false);
    if (!arrived.ok()) {
      pace_.dry();
      return receive_failed(arrived.code());
    }
    SocketCompletion_T event{};
    event.kind = SOCKET_DATAGRAM;
    event.status = arrived->truncated ? SOCKET_ETRUNCATED : 0;
    event.data = loop().scratch().data();
    event.length = static_cast<int64_t>(arrived->length);
    push(event, &sender_);
    if (!may_push()) return;
  }
  pace_.full();
}

DatagramBatch &Dgram::empty_batch() {
  Pulled &shared = pulled();
  if (batch_ && batch_->lent()) std::swap(batch_, shared.other);
  BatchShape shape = shape_;
  if (gro_ && shape.slots) shape.slot_bytes = std::max(shape.slot_bytes, os::kMostDatagramBytes);
  if (!batch_ || batch_->shape() != shape) batch_ = std::make_unique<DatagramBatch>(shape);
  return *batch_;
}

void Dgram::receive_batch() {
  DatagramBatch &batch = empty_batch();
  const int budget = receiving() ? 1 : shape_.slots ? pace_.room() : pace_.budget();
  const auto outcome = batch.receive(fd_.get(), budget, gro_);
  if (shape_.slots)
    pace_.came(outcome.count);
  else if (!outcome.status.ok())
    pace_.dry();
  else if (outcome.count == budget)
    pace_.full();
  if (outcome.count > 0) batch.set_tokens(tokens_.take(static_cast<HandleWord>(outcome.count)));
  receive_failed(outcome.status.code());
}

// What the kernel has joined goes through a batch, as it is more than the operation wants.
void Dgram::receive_for_operation() {
  if (gro_) {
    receive_batch();
    return feed_operation();
  }
  auto arrived = os::receive_from(fd_.get(), ops_->buffer(), ops_->sender_room(), false);
  if (!arrived.ok()) return receive_failed(arrived.code());
  ops_->received(arrived->length, arrived->truncated, tokens_.take(1));
}

// What was received before the operation began, and not delivered.
void Dgram::feed_operation() noexcept {
  if (!receiving() || !batch_ || batch_->empty()) return;
  ops_->received(batch_->take());
  if (batch_->empty()) withdraw(SOCKET_DATAGRAM);
}

// Of an unconnected socket the error queue will tell, if it was about a datagram.
void Dgram::receive_failed(int code) {
  if (code == 0 || code == SOCKET_EAGAIN) return;
  if (concerns_reading(code)) return on_refused(code);
  if (connected_) tell_error(code, nullptr);
}

// ---- Errors

void Dgram::take_errors() {
  if (connected_) {
    if (const Status status = os::pending_error(fd_.get()); !status.ok())
      tell_error(status.code(), nullptr);
    return;
  }
  for (int i = 0; i < kMostErrors && fd_ && !connected_ && !loop().stopping(); i++) {
    if (started_ && pending(SOCKET_DATAGRAM_ERROR)) return;
    auto queued = os::take_error(fd_.get());
    if (!queued.ok()) {
      // Left over from a call that failed, it would be reported as readiness for ever.
      if (i == 0) (void)os::pending_error(fd_.get());
      return;
    }
    if (queued->code) tell_error(queued->code, &queued->to);
  }
}

// Whoever reads is told; if nobody does, nobody.
void Dgram::tell_error(int code, const SockName *to) {
  if (started_) return report_error(code, to);
  if (!receiving()) return;
  if (to) ops_->sender_room() = *to;
  ops_->receiving_failed(code, to ? tokens_.take(1) : 0);
}

void Dgram::report_error(int code, const SockName *to) {
  if (pushes()) {
    SocketCompletion_T event{};
    event.kind = SOCKET_DATAGRAM_ERROR;
    event.status = code;
    return push(event, to);
  }
  static_cast<void>(pulled());
  error_.code = code;
  error_.token = to ? tokens_.take(1) : 0;
  if (to) error_.to = *to;
  raise(SOCKET_DATAGRAM_ERROR);
}

// ---- Who sent it

Result<const SockName *> Dgram::find_sender(void *token) const noexcept {
  const auto word = reinterpret_cast<HandleWord>(token);
  if (word == 0) return Error{SOCKET_EBADHANDLE};
  if (word == push_token_) return push_name_;
  if (ops_ && word == ops_->token()) return &ops_->sender();
  if (!pulled_ || !pulled_->live()) return Error{SOCKET_EBADHANDLE};
  if (word - pulled_->first < pulled_->count) return &pulled_->given->sender(word);
  if (word == pulled_->error_token) return &pulled_->error_to;
  return Error{SOCKET_EBADHANDLE};
}

Dgram::Pulled &Dgram::pulled() {
  if (!pulled_) {
    auto made = std::make_unique<Pulled>();
    made->lease = loop().chunks().take();
    pulled_ = std::move(made);
  }
  return *pulled_;
}

// At the first event that a wait takes, what the one before had been given is over.
void Dgram::renew_lease() noexcept {
  if (pulled_->live() || !loop().may_lend()) return;
  loop().lend(pulled_->lease);
  pulled_->count = 0;
  pulled_->error_token = 0;
}

// ---- How events leave

void Dgram::push(SocketCompletion_T &event, const SockName *from) noexcept {
  push_name_ = from;
  push_token_ = from ? tokens_.take(1) : 0;
  event.source = pointer_of(push_token_);
  delivering_ = true;
  push_now(event);
  delivering_ = false;
  push_token_ = 0;
  if (std::exchange(held_, false)) update_interest();
}

void Dgram::deliver() {
  if (delivering_) return; // whoever does it goes on
  delivering_ = true;
  LoopObject::deliver();
  delivering_ = false;
  push_token_ = 0;
  if (std::exchange(held_, false)) update_interest();
}

// Those whose events did not all fit take turns.
size_t Dgram::collect(std::span<SocketCompletion_T> out) {
  const size_t count = LoopObject::collect(out);
  if (pending(SOCKET_DATAGRAM)) reroute();
  return count;
}

void Dgram::describe(SocketCompletion_T &event) noexcept {
  if (event.kind == SOCKET_DATAGRAM) describe_datagram(event);
  if (event.kind == SOCKET_DATAGRAM_ERROR) describe_error(event);
}

void Dgram::describe_datagram(SocketCompletion_T &event) noexcept {
  const DatagramBatch::Datagram datagram = batch_->take();
  event.data = datagram.bytes.data();
  event.length = static_cast<int64_t>(datagram.bytes.size());
  event.status = datagram.truncated ? SOCKET_ETRUNCATED : 0;
  event.source = pointer_of(datagram.token);
  if (pushes()) {
    push_token_ = datagram.token;
    push_name_ = datagram.from;
  } else {
    batch_->lend();
    renew_lease();
    if (pulled_->count == 0) {
      pulled_->given = batch_.get();
      pulled_->first = datagram.token;
    }
    pulled_->count = datagram.token - pulled_->first + 1;
  }
  if (!batch_->empty()) return raise(SOCKET_DATAGRAM);
  update_interest();
}

void Dgram::describe_error(SocketCompletion_T &event) noexcept {
  event.status = error_.code;
  event.source = pointer_of(error_.token);
  if (pushes()) {
    push_token_ = error_.token;
    push_name_ = &error_.to;
  } else if (error_.token) {
    renew_lease();
    pulled_->error_token = error_.token;
    pulled_->error_to = error_.to;
  }
  update_interest();
}

} // namespace socketpoll
