#include "net/tls/transport.hpp"

#include "net/loop.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll::tls {

namespace {
// So much may be sealed and not sent, and from so little on there is more.
constexpr int64_t kAhead = 65536, kLowBelow = 16384;
// Smaller records go down together.
constexpr size_t kLarge = 4096;
} // namespace

// ---- What the connections of a loop share

void Room::warm(TlsTransport &transport) noexcept {
  if (!List<TlsTransport, WarmTag>::contains(transport)) warm_count_++;
  warm_.push_front(transport);
  if (warm_count_ <= kWarm) return;
  TlsTransport *const coldest = warm_.back();
  forget(*coldest);
  coldest->cool();
}

void Room::forget(TlsTransport &transport) noexcept {
  if (!List<TlsTransport, WarmTag>::contains(transport)) return;
  List<TlsTransport, WarmTag>::remove(transport);
  warm_count_--;
}

size_t Wire::take(std::span<char> into) noexcept {
  const size_t size = std::min(into.size(), input_.size());
  if (size == 0) return 0;
  std::memcpy(into.data(), input_.data(), size);
  input_ = input_.subspan(size);
  return size;
}

// ---- Beginning

TlsTransport::TlsTransport(std::unique_ptr<Transport> below, Loop &loop, Room &room) noexcept
    : loop_(loop), room_(room), below_(std::move(below)), plain_(loop) {}

TlsTransport::~TlsTransport() { room_.forget(*this); }

Result<std::unique_ptr<Transport>> TlsTransport::over(std::unique_ptr<Transport> &below, Loop &loop,
                                                      const Context &context,
                                                      std::string_view server) {
  Room &room = loop.tls_room();
  std::unique_ptr<TlsTransport> made(new TlsTransport(nullptr, loop, room));
  auto engine = context.engine(*made, server);
  if (!engine.ok()) return engine.error();
  made->engine_ = engine.take();
  made->below_ = std::move(below);
  made->below_->set_sink(made.get());
  made->below_->set_low_mark(kLowBelow);
  if (!made->below_->connecting()) {
    made->state_ = State::handshaking;
    loop.defer(*made); // a client speaks first
  }
  made->update_below();
  return std::unique_ptr<Transport>(std::move(made));
}

void TlsTransport::on_connected() {
  state_ = State::handshaking;
  update_below();
  process({});
}

// ---- What arrives

void TlsTransport::read(bool on) noexcept {
  reading_ = on;
  if (on && (more_ || !kept_.empty()) && !processing_) loop_.defer(*this);
  update_below();
}

// Records that wait to be opened hold the next ones up.
void TlsTransport::update_below() noexcept {
  const bool wanted = state_ == State::handshaking || (reading_ && !saw_eof_ && kept_.empty());
  below_->read(wanted && open());
}

void TlsTransport::on_data(std::span<char> records) { process(records); }

void TlsTransport::on_released() noexcept {
  if (reading_ && (more_ || !kept_.empty())) loop_.defer(*this);
}

void TlsTransport::run_deferred() {
  if (!open()) return;
  if (std::exchange(tell_drain_, false) && sink_) sink_->on_drain();
  Watch *const watch = below_->as_watch();
  // Not while a callback has bytes of this connection's, and no other is made from inside this.
  if (!open() || processing_ || !watch || !watch->hold_reading(true)) return;
  const std::vector<char> records = std::exchange(kept_, {});
  try {
    process(records);
  } catch (const std::bad_alloc &) {
    abort(SOCKET_ENOMEM);
  }
  watch->hold_reading(false);
}

void TlsTransport::process(std::span<const char> records) {
  struct Processing {
    explicit Processing(TlsTransport &self) noexcept : self_(self) { self_.processing_ = true; }
    ~Processing() {
      self_.processing_ = false;
      self_.room_.records().clear(); // left there by what ran out of memory
    }
    TlsTransport &self_;
  } const processing(*this);
  input_ = {const_cast<char *>(records.data()), records.size()};
  if (state_ == State::handshaking && !go_on_with_handshake()) return;
  while ((state_ == State::open || state_ == State::closing) && reading_ && !saw_eof_ &&
         receive()) {
  }
  if (!open()) return;
  if (!input_.empty()) kept_.assign(input_.begin(), input_.end());
  input_ = {};
  update_below();
}

// True once it is over.
bool TlsTransport::go_on_with_handshake() {
  const Status status = engine_->handshake();
  flush_records();
  if (status.code() == SOCKET_EAGAIN) return false;
  if (!status.ok()) return fail(status.code()), false;
  state_ = State::open;
  more_ = true; // the first bytes may have come with the last of the handshake
  room_.warm(*this);
  if (sink_) sink_->on_connected();
  return open();
}

// Opens what is there, as much as the sink has room for; false when there is no more, or it wants
// no more.
bool TlsTransport::receive() {
  if (!sink_) return false;
  const std::span<char> into = sink_->receive_buffer();
  if (into.empty()) return fail(SOCKET_ENOTSUP), false;
  size_t filled = 0;
  int code = 0;
  while (filled < into.size()) {
    const auto got = engine_->read(into.subspan(filled));
    code = got.code();
    if (code == 0 && *got == 0) saw_eof_ = true;
    if (code != 0 || saw_eof_) break;
    filled += *got;
  }
  room_.warm(*this);
  flush_records();
  more_ = code == 0 && !saw_eof_;
  if (filled > 0) sink_->on_data(into.first(filled));
  if (!open() || !sink_) return false;
  if (saw_eof_) sink_->on_eof();
  if (code != 0 && code != SOCKET_EAGAIN) fail(code);
  return more_;
}

// TLS announces its end; another one may be somebody else's doing (RFC 8446, 6.1).
void TlsTransport::on_eof() {
  if (saw_eof_) return;
  fail(SOCKET_ECUTOFF);
}

void TlsTransport::on_close(int code) {
  state_ = State::closed;
  if (close_code_ == 0) close_code_ = code;
  plain_.clear();
  if (sink_) sink_->on_close(close_code_);
}

// ---- What leaves

bool TlsTransport::put(std::span<const char> records) noexcept {
  std::vector<char> &small = room_.records();
  if (records.size() < kLarge) {
    try {
      small.insert(small.end(), records.begin(), records.end());
    } catch (const std::bad_alloc &) {
      return false;
    }
    return true;
  }
  flush_records();
  const iovec slice{const_cast<char *>(records.data()), records.size()};
  try {
    return below_->write({&slice, 1}).ok();
  } catch (const std::bad_alloc &) {
    return false;
  }
}

void TlsTransport::flush_records() noexcept {
  std::vector<char> &small = room_.records();
  if (small.empty()) return;
  const iovec slice{small.data(), small.size()};
  try {
    // What goes wrong with it is told by on_close.
    (void)below_->write({&slice, 1});
  } catch (const std::bad_alloc &) {
    below_->abort(SOCKET_ENOMEM);
  }
  small.clear();
}

bool TlsTransport::room_below() const noexcept { return below_->queued() < kAhead; }

// A walk along slices, in pieces of a record each.
class TlsTransport::Pieces {
public:
  explicit Pieces(std::span<const iovec> slices) noexcept : slices_(slices) { skip_empty(); }
  bool done() const noexcept { return slices_.empty(); }
  // The next one, where it lies or, if it is in several places, in `scratch`.
  std::span<const char> next(std::span<char> scratch) noexcept {
    const size_t most = std::min(scratch.size(), Engine::kMostPlain);
    if (front().size() >= most || slices_.size() == 1) return take(std::min(front().size(), most));
    size_t used = 0;
    while (!done() && used < most) {
      const auto piece = take(std::min(front().size(), most - used));
      std::memcpy(scratch.data() + used, piece.data(), piece.size());
      used += piece.size();
    }
    return scratch.first(used);
  }
  // What is left, slice by slice.
  std::span<const char> take_slice() noexcept { return take(front().size()); }

private:
  std::span<const char> front() const noexcept {
    return std::span(static_cast<const char *>(slices_[0].iov_base), slices_[0].iov_len)
        .subspan(skip_);
  }
  std::span<const char> take(size_t size) noexcept {
    const auto piece = front().first(size);
    skip_ += size;
    skip_empty();
    return piece;
  }
  void skip_empty() noexcept {
    while (!slices_.empty() && skip_ == slices_[0].iov_len) {
      slices_ = slices_.subspan(1);
      skip_ = 0;
    }
  }
  std::span<const iovec> slices_;
  size_t skip_ = 0;
};

Status TlsTransport::seal_one(std::span<const char> bytes) noexcept {
  Status status;
  try {
    status = engine_->write(bytes);
  } catch (const std::bad_alloc &) {
    status = Error{SOCKET_ENOMEM};
  }
  // Part of it may be on its way, so there is no going on.
  if (!status.ok()) fail(status.code());
  return status;
}

// As much as the transport below has room for; how many bytes.
Result<size_t> TlsTransport::seal(Pieces &pieces) {
  size_t sealed = 0;
  if (plain_.empty()) {
    while (!pieces.done() && room_below()) {
      const auto piece = pieces.next(room_.plain());
      if (const Status status = seal_one(piece); !status.ok()) return status.error();
      sealed += piece.size();
    }
    room_.warm(*this);
    flush_records();
  }
  return sealed;
}

template <class Queue> Status TlsTransport::queue_rest(Queue &&queue) noexcept {
  try {
    queue();
  } catch (const std::bad_alloc &) {
    abort(SOCKET_ENOMEM);
    return Error{SOCKET_ENOMEM};
  }
  return {};
}

Status TlsTransport::may_write() const noexcept {
  switch (state_) {
  case State::connecting:
  case State::handshaking: return Error{SOCKET_ENOTCONN};
  case State::closing: return Error{SOCKET_ESTATE};
  case State::closed: return Error{close_code_ ? close_code_ : int{SOCKET_ECLOSED}};
  case State::open: break;
  }
  if (shut_after_output_) return Error{SOCKET_ESTATE};
  return below_->may_write();
}

Status TlsTransport::write(std::span<const iovec> slices) {
  if (const Status status = may_write(); !status.ok()) return status;
  Pieces pieces(slices);
  auto sealed = seal(pieces);
  if (!sealed.ok()) return sealed.error();
  const Status status = queue_rest([&] {
    while (!pieces.done()) plain_.append_copy(pieces.take_slice());
  });
  output_changed();
  return status;
}

Status TlsTransport::write_borrowed(std::span<const char> head, Borrowed borrowed) {
  if (const Status status = may_write(); !status.ok()) return status;
  const iovec slices[] = {{const_cast<char *>(head.data()), head.size()},
                          {const_cast<char *>(borrowed.bytes.data()), borrowed.bytes.size()}};
  Pieces pieces(slices);
  auto sealed = seal(pieces);
  if (!sealed.ok()) return sealed.error();
  const size_t of_head = std::min(*sealed, head.size());
  const size_t of_body = *sealed - of_head;
  const Status status = queue_rest([&] {
    if (of_head < head.size()) plain_.append_copy(head.subspan(of_head));
    if (of_body < borrowed.bytes.size() || borrowed.release)
      plain_.append_borrowed(std::move(borrowed), of_body);
  });
  output_changed();
  return status;
}

Status TlsTransport::write_file(std::span<const char> head, FileRange range) {
  if (const Status status = may_write(); !status.ok()) return status;
  const Status status = queue_rest([&] {
    if (!head.empty()) plain_.append_copy(head);
    plain_.append_file(std::move(range));
  });
  if (!status.ok()) return status;
  pump();
  return close_code_ ? Status(Error{close_code_}) : Status();
}

Result<size_t> TlsTransport::write_lent(std::span<iovec> pieces, OutputWaiter &waiter) {
  if (const Status status = may_write(); !status.ok()) return status.error();
  Pieces walk(pieces);
  auto sealed = seal(walk);
  if (!sealed.ok()) return sealed;
  std::vector<iovec> rest;
  const Status status = queue_rest([&] {
    while (!walk.done()) {
      const auto slice = walk.take_slice();
      rest.push_back({const_cast<char *>(slice.data()), slice.size()});
    }
    if (!rest.empty()) plain_.append_lent(rest, waiter);
  });
  if (!status.ok()) return status.error();
  output_changed();
  return sealed;
}

Result<int64_t> TlsTransport::write_piece(OutputPiece piece, OutputWaiter &waiter) {
  if (const Status status = may_write(); !status.ok()) return status.error();
  int64_t went = 0;
  if (!piece.bytes.empty()) {
    const iovec slice{const_cast<char *>(piece.bytes.data()), piece.bytes.size()};
    Pieces walk({&slice, 1});
    auto sealed = seal(walk);
    if (!sealed.ok()) return sealed.error();
    went = static_cast<int64_t>(*sealed);
    piece.bytes = piece.bytes.subspan(*sealed);
    if (piece.bytes.empty()) return went;
  }
  const Status status = queue_rest([&] { plain_.append_piece(std::move(piece), waiter); });
  if (!status.ok()) return status.error();
  pump();
  return went;
}

void TlsTransport::withdraw(const OutputWaiter &waiter) noexcept {
  plain_.withdraw(waiter);
  if (open()) output_changed();
}

void TlsTransport::pump() noexcept {
  if (state_ != State::open && state_ != State::closing) return;
  bool sealed = false;
  while (!plain_.empty() && room_below()) {
    auto piece = plain_.next(room_.plain().first(Engine::kMostPlain));
    if (piece.code() == SOCKET_EAGAIN) break; // its file ended early
    if (!piece.ok()) return fail(piece.code());
    if (!seal_one(*piece).ok()) return;
    plain_.took(piece->size());
    sealed = true;
  }
  if (sealed) room_.warm(*this);
  flush_records();
  output_changed();
}

void TlsTransport::set_low_mark(int64_t bytes) noexcept {
  low_mark_ = bytes;
  below_->set_low_mark(std::min(bytes, kLowBelow));
  if (queued() > bytes) owes_drain_ = true;
}

void TlsTransport::output_changed() noexcept {
  if (queued() > low_mark_) {
    owes_drain_ = true;
  } else if (owes_drain_) {
    owes_drain_ = false;
    tell_drain_ = true;
    loop_.defer(*this);
  }
  if (!plain_.empty()) return;
  if (state_ == State::closing) {
    (void)end_sending();
    below_->close();
  } else if (shut_after_output_) {
    (void)end_sending();
  }
}

// ---- The end

Status TlsTransport::end_sending() noexcept {
  if (std::exchange(shut_, true)) return {};
  Status status;
  try {
    status = engine_->finish();
  } catch (const std::bad_alloc &) {
    status = Error{SOCKET_ENOMEM};
  }
  flush_records();
  return status;
}

Status TlsTransport::shutdown() {
  if (connecting()) return Error{SOCKET_ENOTCONN};
  if (!open()) return Error{SOCKET_ECLOSED};
  shut_after_output_ = true;
  return plain_.empty() ? end_sending() : Status();
}

void TlsTransport::close() noexcept {
  if (!open()) return;
  if (connecting()) return abort(0);
  state_ = State::closing;
  pump();
}

// An alert that says why may be on its way.
void TlsTransport::fail(int code) noexcept {
  flush_records();
  if (close_code_ == 0) close_code_ = code;
  if (below_->queued() > 0) return abort(code);
  state_ = State::closed;
  plain_.clear();
  below_->close();
}

void TlsTransport::abort(int code) noexcept {
  if (!open()) return;
  state_ = State::closed;
  close_code_ = code;
  plain_.clear();
  below_->abort(code);
}

} // namespace socketpoll::tls
