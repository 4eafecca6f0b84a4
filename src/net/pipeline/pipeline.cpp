#include "net/pipeline/pipeline.hpp"

#include <algorithm>
#include <climits>

namespace socketpoll {

namespace {
// What one turn moves: then everybody else has theirs.
constexpr int64_t kTurnBytes = 262144;
constexpr int kTurnPieces = 4096;
} // namespace

Pipeline::~Pipeline() = default;

// ---- Building

Status Pipeline::set_source(std::unique_ptr<Source> source) noexcept {
  if (state_ != State::open || source_) return Error{SOCKET_ESTATE};
  source_ = std::move(source);
  return {};
}

Status Pipeline::set_sink(std::unique_ptr<Sink> sink) noexcept {
  if (!may_set_sink()) return Error{SOCKET_ESTATE};
  sink_ = std::move(sink);
  return {};
}

Status Pipeline::add(std::unique_ptr<Transform> transform) {
  if (state_ != State::open) return Error{SOCKET_ESTATE};
  transforms_.push_back(std::move(transform));
  return {};
}

Result<int> Pipeline::add_count() {
  const auto counts = [](const auto &transform) { return transform->count() >= 0; };
  const auto before = std::count_if(transforms_.begin(), transforms_.end(), counts);
  const Status status = add(std::make_unique<Count>());
  return status.ok() ? Result<int>(static_cast<int>(before)) : status.error();
}

Result<int64_t> Pipeline::count(int counter) const noexcept {
  for (const auto &transform : transforms_)
    if (transform->count() >= 0 && counter-- == 0) return transform->count();
  return Error{SOCKET_EINVAL};
}

Status Pipeline::set_high_mark(int64_t bytes) noexcept {
  if (state_ != State::open) return Error{SOCKET_ESTATE};
  if (bytes < 1) return Error{SOCKET_EINVAL};
  high_mark_ = bytes;
  return {};
}

Status Pipeline::set_progress(int64_t every) noexcept {
  if (state_ != State::open) return Error{SOCKET_ESTATE};
  if (every < 0) return Error{SOCKET_EINVAL};
  progress_every_ = every;
  return {};
}

Status Pipeline::set_zero_copy(bool on) noexcept {
  if (state_ != State::open) return Error{SOCKET_ESTATE};
  wants_zero_copy_ = on;
  return {};
}

// ---- Starting

Result<Stream *> Pipeline::stream_of(HandleWord handle) noexcept {
  auto found = HandleTable::instance().get(handle, HandleKind::stream);
  if (!found.ok()) return found.error();
  auto *const stream = static_cast<Stream *>(*found);
  if (&stream->loop() != &loop()) return Error{SOCKET_EINVAL};
  return stream;
}

Stage &Pipeline::last() noexcept {
  if (transforms_.empty()) return *source_;
  return *transforms_.back();
}

Status Pipeline::begin_mover() {
  if (!wants_zero_copy_ || !sink_->stream()) return {};
  int64_t most = INT64_MAX;
  for (const auto &transform : transforms_) {
    auto limit = transform->plain_limit();
    if (!limit.ok()) return {};
    most = std::min(most, *limit);
  }
  auto to = stream_of(sink_->stream());
  if (!to.ok()) return to.error();
  auto mover = source_->mover(**to, *this);
  if (!mover.ok()) return mover.error();
  if (!*mover) return {};
  mover_ = mover.take();
  zero_copy_ = true;
  mover_->at_most(most);
  if (paused_) mover_->pause(true);
  return {};
}

Status Pipeline::begin_stages() {
  struct Undo {
    Source *source;
    ~Undo() {
      if (source) source->let_go();
    }
  } undo{source_.get()};
  if (const Status status = source_->begin(); !status.ok()) return status;
  if (const Status status = sink_->begin(); !status.ok()) return status;
  undo.source = nullptr;
  Stage *upstream = source_.get();
  for (const auto &transform : transforms_) {
    transform->stand_on(*upstream);
    upstream = transform.get();
  }
  return {};
}

Status Pipeline::start() {
  if (state_ != State::open || !source_ || !sink_) return Error{SOCKET_ESTATE};
  if (const Status status = begin_mover(); !status.ok()) return status;
  if (const Status status = mover_ ? Status() : begin_stages(); !status.ok()) return status;
  state_ = State::running;
  if (mover_)
    mover_->begin();
  else
    wake();
  return {};
}

Result<Future *> Pipeline::start_as_future(int timeout_ms) {
  if (state_ != State::open) return Error{SOCKET_ESTATE};
  auto future = Future::create(loop(), *this, handle(), timeout_ms);
  if (!future.ok()) return future;
  future_ = *future;
  Status status = Error{SOCKET_ENOMEM};
  try {
    status = start();
  } catch (const std::bad_alloc &) {
  }
  if (status.ok()) return future;
  std::exchange(future_, nullptr)->dispose();
  return status.error();
}

// ---- Running

void Pipeline::wake() noexcept {
  if (!ended() && !List<Deferred, DeferredTag>::contains(*this)) loop().defer(*this);
}

void Pipeline::run_deferred() {
  // A callback of ours is running turns of the loop.
  if (pumping_) {
    woken_ = true;
    return;
  }
  pumping_ = true;
  woken_ = false;
  try {
    pump();
  } catch (const std::bad_alloc &) {
    end(SOCKET_ENOMEM);
  }
  pumping_ = false;
  if (woken_) wake();
}

Status Pipeline::have_piece() {
  if (has_piece_) return {};
  auto piece = last().pull(Source::kMost);
  if (ended()) return Error{SOCKET_ECANCELED};
  if (!piece.ok()) return piece.error();
  if (piece->end) {
    state_ = State::finishing;
    return {};
  }
  piece_ = piece->bytes;
  has_piece_ = true;
  return {};
}

void Pipeline::pump() {
  int64_t bytes = kTurnBytes;
  for (int pieces = kTurnPieces; state_ == State::running && !paused_; pieces--) {
    if (bytes <= 0 || pieces == 0) {
      wake();
      break;
    }
    if (!sink_->ready()) break;
    const Status pulled = have_piece();
    if (ended() || pulled.code() == SOCKET_EAGAIN) break;
    if (!pulled.ok()) return end(pulled.code());
    if (state_ != State::running) break;
    const Status pushed = sink_->push(piece_);
    if (ended() || pushed.code() == SOCKET_EAGAIN) break;
    if (!pushed.ok()) return end(pushed.code());
    has_piece_ = false;
    bytes -= static_cast<int64_t>(piece_.size());
    progressed();
  }
  if (ended()) return;
  if (state_ == State::finishing) return finish();
  if (const Status status = sink_->flush(); !status.ok()) end(status.code());
  progressed();
}

void Pipeline::progressed() noexcept {
  if (progress_every_ == 0 || ended() || written() - progress_told_ < progress_every_) return;
  progress_told_ = written() - written() % progress_every_;
  if (!future_) raise(SOCKET_PROGRESS);
}

void Pipeline::finish() {
  const Status status = sink_->finish();
  if (ended() || status.code() == SOCKET_EAGAIN) return;
  end(status.code());
}

void Pipeline::pause() noexcept {
  paused_ = true;
  if (mover_) mover_->pause(true);
}

void Pipeline::resume() noexcept {
  paused_ = false;
  if (mover_)
    mover_->pause(false);
  else if (state_ == State::running)
    wake();
}

Status Pipeline::cancel() noexcept {
  if (state_ == State::open) return Error{SOCKET_ESTATE};
  end(SOCKET_ECANCELED);
  return {};
}

Status Pipeline::emit(std::span<const char> bytes) {
  if (!emitter_ || ended()) return Error{SOCKET_ESTATE};
  return emitter_->emit(bytes);
}

int Pipeline::code_of(int64_t returned) noexcept {
  return returned < INT_MIN ? int{SOCKET_EUNKNOWN} : static_cast<int>(returned);
}

// ---- By the kernel's hand

void Pipeline::on_moved(int64_t bytes) noexcept {
  moved_ = taken_ = bytes;
  for (const auto &transform : transforms_) transform->moved(bytes);
  if (future_) future_->progress(bytes);
  progressed();
}

// ---- Ending

// Its parts may be what calls this, so they stay; what they hold goes.
void Pipeline::let_go() noexcept {
  List<Deferred, DeferredTag>::remove(*this);
  if (mover_) {
    mover_->let_go();
    taken_ = mover_->taken();
    moved_ = taken_ - mover_->lost();
    mover_.reset();
    for (const auto &transform : transforms_) transform->moved(taken_);
  }
  if (has_piece_ && !last().units()) source_->take_back(piece_);
  piece_ = {};
  has_piece_ = false;
  for (const auto &transform : transforms_) transform->let_go();
  if (source_) source_->let_go();
  if (sink_) sink_->let_go();
}

void Pipeline::end(int code) noexcept {
  if (ended() || state_ == State::open) return;
  state_ = State::ended;
  code_ = code;
  let_go();
  if (Future *const future = std::exchange(future_, nullptr)) {
    future->progress(written());
    if (code)
      future->fail(code);
    else
      future->succeed(written());
    return;
  }
  raise(SOCKET_FINISHED);
}

void Pipeline::abandon(Future &future) noexcept {
  future_ = nullptr;
  if (state_ == State::open) return; // it never started
  state_ = State::ended;
  let_go();
  future.progress(written());
}

void Pipeline::describe(SocketCompletion_T &event) noexcept {
  event.length = written();
  if (event.kind == SOCKET_FINISHED) event.status = code_;
}

void Pipeline::on_dispose() noexcept {
  state_ = State::ended;
  let_go();
  if (Future *const future = std::exchange(future_, nullptr)) {
    future->progress(written());
    future->fail(SOCKET_ECANCELED);
  }
}

} // namespace socketpoll
