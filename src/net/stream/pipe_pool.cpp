#include "net/stream/pipe_pool.hpp"

#include "net/loop.hpp"

namespace socketpoll {

PipePool::PipePool(Loop &loop) : loop_(loop) {
  free_.reserve(kKept);
  loop.timers().join(*this);
}

Result<PipeLease> PipePool::take() noexcept {
  used_ = true;
  if (!free_.empty()) {
    PipeLease lease(*this, std::move(free_.back()));
    free_.pop_back();
    return lease;
  }
  auto pipe = os::make_pipe();
  if (!pipe.ok()) return pipe.error();
  return PipeLease(*this, pipe.take());
}

void PipePool::give_back(os::Pipe pipe) noexcept {
  if (free_.size() == kKept) return;
  free_.push_back(std::move(pipe));
  if (!armed()) loop_.timers().arm(*this, loop_.now_ns() + kIdleNs);
}

void PipePool::on_timer() {
  if (std::exchange(used_, false))
    loop_.timers().arm(*this, loop_.now_ns() + kIdleNs);
  else
    free_.clear();
}

PipeLease::~PipeLease() {
  if (pool_ && bytes_ == 0) pool_->give_back(std::move(pipe_));
}

Result<size_t> PipeLease::fill(int fd, int64_t length) noexcept {
  auto moved = os::splice_from(fd, pipe_, static_cast<size_t>(length));
  if (moved.ok()) bytes_ += static_cast<int64_t>(*moved);
  return moved;
}

Result<size_t> PipeLease::drain(int fd, bool more_follows) noexcept {
  auto moved = os::splice_to(fd, pipe_, static_cast<size_t>(bytes_), more_follows);
  if (moved.ok()) bytes_ -= static_cast<int64_t>(*moved);
  return moved;
}

} // namespace socketpoll
