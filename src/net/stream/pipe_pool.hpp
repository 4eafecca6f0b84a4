// Pipes that bytes are spliced through. One is needed only while bytes lie in it, so that a few
// serve any number of connections; those that nobody has used for a while are closed.
#pragma once

#include "net/os/os_socket.hpp"
#include "net/timer_heap.hpp"

#include <memory>
#include <vector>

namespace socketpoll {

class Loop;
class PipePool;

// A pipe and what lies in it. Dropped empty, the pipe serves again; dropped with bytes, they are
// lost and it is closed.
class PipeLease {
public:
  PipeLease() noexcept = default;
  PipeLease(PipeLease &&other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), pipe_(std::move(other.pipe_)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  PipeLease &operator=(PipeLease &&other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(pipe_, other.pipe_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~PipeLease();
  explicit operator bool() const noexcept { return pool_ != nullptr; }
  int64_t bytes() const noexcept { return bytes_; }

  // As os::splice_from and os::splice_to.
  Result<size_t> fill(int fd, int64_t length) noexcept;
  Result<size_t> drain(int fd, bool more_follows) noexcept;

private:
  friend class PipePool;
  PipeLease(PipePool &pool, os::Pipe pipe) noexcept : pool_(&pool), pipe_(std::move(pipe)) {}
  PipePool *pool_ = nullptr;
  os::Pipe pipe_;
  int64_t bytes_ = 0;
};

class PipePool final : private TimerNode {
public:
  // Throws std::bad_alloc.
  explicit PipePool(Loop &loop);
  // SOCKET_EMFILE and the like.
  Result<PipeLease> take() noexcept;
  size_t kept() const noexcept { return free_.size(); }

private:
  friend class PipeLease;
  static constexpr size_t kKept = 8;
  static constexpr int64_t kIdleNs = 5'000'000'000;
  void give_back(os::Pipe pipe) noexcept;
  void on_timer() override;
  void on_no_memory() noexcept override {}

  Loop &loop_;
  std::vector<os::Pipe> free_;
  bool used_ = false; // since the timer was armed
};

} // namespace socketpoll
