#include "net/stream/mover.hpp"

#include <algorithm>

namespace socketpoll {

namespace {
constexpr int64_t kMaxSplice = 1 << 20; // a pipe holds less
constexpr int64_t kMaxFilePiece = 1 << 20;
} // namespace

Result<MoverPtr> Mover::between(Stream &from, Stream &to, int64_t length, MoverOwner &owner) {
  if (length < -1 || &from.loop() != &to.loop()) return Error{SOCKET_EINVAL};
  if (const Status status = from.may_begin_reading(); !status.ok()) return status.error();
  if (const Status status = to.may_begin_writing(); !status.ok()) return status.error();
  if (from.ops().has_reader() || to.ops().writing()) return Error{SOCKET_EBUSY};
  MoverPtr mover(new Mover(&from, to, length, owner));
  (void)from.ops().take_reading(*mover);
  (void)to.ops().take_writing(*mover);
  mover->copies_ = !from.transport().can_splice() || !to.transport().can_splice();
  return mover;
}

Result<MoverPtr> Mover::of_file(FileRange range, Stream &to, MoverOwner &owner) {
  if (range.offset < 0 || range.length < -1) return Error{SOCKET_EINVAL};
  if (const Status status = to.may_begin_writing(); !status.ok()) return status.error();
  if (to.ops().writing()) return Error{SOCKET_EBUSY};
  MoverPtr mover(new Mover(nullptr, to, range.length, owner));
  (void)to.ops().take_writing(*mover);
  mover->file_ = std::move(range);
  return mover;
}

void Mover::pause(bool on) noexcept {
  paused_ = on;
  if (on && from_) from_->ops().want(false);
  if (!on) wake();
}

void Mover::stop() noexcept {
  let_go();
  loop_.retire(*this);
}

void Mover::let_go() noexcept {
  owner_ = nullptr;
  List<Deferred, DeferredTag>::remove(*this);
  if (Stream *from = std::exchange(from_, nullptr)) from->ops().leave_reading();
  Stream *to = std::exchange(to_, nullptr);
  if (!to) return;
  // What is left of a file has not been taken from it.
  if (file_.file && in_flight_ > 0) to->transport().withdraw(*this);
  to->ops().leave_writing();
}

// The owner may destroy it from within.
void Mover::end(int code) noexcept {
  MoverOwner *const owner = std::exchange(owner_, nullptr);
  let_go();
  if (owner) owner->on_move_ended(code);
}

// ---- Turn by turn

void Mover::step() {
  if (!owner_) return;
  if (broken_) {
    const Status why = to_->transport().may_write();
    return end(why.ok() ? int{SOCKET_ECLOSED} : why.code());
  }
  if (in_flight_ > 0) return; // on_taken wakes it
  if (left_ == 0 || source_ended_) return end(file_code_);
  if (paused_) return;
  // Taking what the destination would refuse would lose it.
  if (const Status status = to_->transport().may_write(); !status.ok()) return end(status.code());
  if (file_.file) return take_from_file();
  if (from_->ops().has_leftover()) return take_leftover();
  if (from_->ops().at_end()) return end(0);
  from_->ops().want(true);
}

void Mover::take_from_file() {
  const int64_t length = std::min(left_, kMaxFilePiece);
  // The next piece has its own turn, so that no file has the loop to itself.
  put({.bytes = {}, .pipe = {}, .file = {file_.file, file_.offset, length}}, length);
}

void Mover::take_leftover() {
  Leftover rest = from_->ops().take_leftover();
  const auto length = std::min<int64_t>(left_, static_cast<int64_t>(rest.bytes.size()));
  const auto bytes = rest.bytes.first(static_cast<size_t>(length));
  rest.bytes = rest.bytes.subspan(bytes.size());
  const ChunkRef kept = rest.chunk;
  if (!rest.bytes.empty()) from_->ops().leave_over(std::move(rest));
  took(length);
  put({.bytes = bytes, .pipe = {}, .file = {}}, length);
  if (owner_) wake();
}

void Mover::took(int64_t bytes) noexcept {
  taken_ += bytes;
  left_ -= bytes;
  if (owner_) owner_->on_moved(taken_);
}

void Mover::put(OutputPiece piece, int64_t length) {
  in_flight_ += length;
  auto went = to_->transport().write_piece(std::move(piece), *this);
  if (!to_) return;
  if (!went.ok()) {
    in_flight_ = 0;
    if (!file_.file) lost_ += length;
    return end(went.code());
  }
  in_flight_ -= *went;
  to_->output_grew();
}

// ---- The source

std::span<char> Mover::receive_buffer() {
  if (!copies_) return {};
  const std::span<char> scratch = loop_.scratch();
  return scratch.first(
      static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(scratch.size()), left_)));
}

// The pipe is empty, so SOCKET_EAGAIN is the source's.
Result<size_t> Mover::receive_from(int fd) {
  if (!to_->transport().may_write().ok()) {
    from_->ops().want(false);
    wake();
    return Error{SOCKET_EAGAIN};
  }
  auto pipe = loop_.pipes().take();
  auto moved =
      pipe.ok() ? pipe->fill(fd, std::min(left_, kMaxSplice)) : Result<size_t>(pipe.error());
  if (!moved.ok()) {
    if (pipe.ok() && moved.code() != SOCKET_EINVAL) return moved.error();
    copies_ = true; // no descriptor is left for a pipe, or this one cannot do it
    return Error{SOCKET_EAGAIN};
  }
  if (*moved == 0) return moved;
  const auto length = static_cast<int64_t>(*moved);
  took(length);
  put({.bytes = {}, .pipe = pipe.take(), .file = {}}, length);
  rest_if_full();
  return moved;
}

void Mover::on_data(std::span<char> bytes) {
  const auto length = static_cast<int64_t>(bytes.size());
  took(length);
  put({.bytes = bytes, .pipe = {}, .file = {}}, length);
  rest_if_full();
}

void Mover::rest_if_full() noexcept {
  if (!owner_ || (in_flight_ == 0 && left_ > 0)) return;
  from_->ops().want(false);
  wake();
}

void Mover::on_eof() {
  source_ended_ = true;
  wake();
}

void Mover::on_read_ended(int code) noexcept {
  from_ = nullptr;
  end(code);
}

// ---- The destination

void Mover::on_taken(int64_t sent, int64_t unsent) noexcept {
  in_flight_ -= sent + unsent;
  if (file_.file) {
    file_.offset += sent;
    took(sent);
  } else {
    lost_ += unsent;
  }
  if (unsent > 0 && !(file_.file && source_ended_)) broken_ = true;
  if (owner_ && (in_flight_ == 0 || broken_)) wake();
}

void Mover::on_file_ended(int code) noexcept {
  source_ended_ = true;
  file_code_ = code || to_end_ ? code : int{SOCKET_EIO};
}

void Mover::on_write_ended(int code) noexcept {
  to_ = nullptr;
  end(code);
}

} // namespace socketpoll
