// A transport without a socket: a protocol's session over it is driven, and seen to answer, byte by
// byte and without a kernel. The test is the peer.
#pragma once

#include "net/loop.hpp"
#include "net/stream/transport.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace socketpoll {

class MemoryTransport final : public Transport, private Deferred {
public:
  explicit MemoryTransport(Loop &loop) noexcept : loop_(loop) {}

  // ---- The peer's side
  // Hands over as much as the session reads now; how many bytes.
  size_t send(std::string_view bytes) {
    size_t sent = 0;
    while (sent < bytes.size() && reading_ && state_ == State::open && sink_) {
      const std::span<char> into = sink_->receive_buffer();
      const size_t size = std::min(into.size(), bytes.size() - sent);
      std::memcpy(into.data(), bytes.data() + sent, size);
      sent += size;
      sink_->on_data(into.first(size));
    }
    return sent;
  }
  void send_end() {
    if (state_ != State::open || !sink_ || !reading_) return;
    reading_ = false;
    sink_->on_eof();
  }
  void break_off(int code) noexcept { abort(code); }
  // The next write finds that the peer is gone.
  void vanish() noexcept { vanished_ = true; }
  // Takes up to `most` bytes of what is queued.
  std::string take(size_t most = SIZE_MAX) {
    std::string taken = output_.substr(0, most);
    output_.erase(0, taken.size());
    if (!taken.empty()) progress_ns_ = loop_.now_ns();
    if (owes_drain_ && queued() <= low_mark_) {
      owes_drain_ = false;
      tell_drain_ = true;
      loop_.defer(*this);
    }
    if (output_.empty() && state_ == State::closing) abort(0);
    return taken;
  }
  bool reading() const noexcept { return reading_ && state_ == State::open; }
  bool closed() const noexcept { return state_ == State::closed; }
  bool shut() const noexcept { return shut_; }

  // ---- Transport
  Status write(std::span<const iovec> slices) override {
    if (state_ == State::closed) return Error{SOCKET_ECLOSED};
    if (state_ == State::closing || shut_) return Error{SOCKET_ESTATE};
    if (vanished_) {
      abort(SOCKET_EPIPE);
      return Error{SOCKET_EPIPE};
    }
    for (const iovec &slice : slices)
      output_.append(static_cast<const char *>(slice.iov_base), slice.iov_len);
    if (queued() > low_mark_) owes_drain_ = true;
    return {};
  }
  Status write_borrowed(std::span<const char> head, Borrowed borrowed) override {
    const iovec slices[] = {
        {const_cast<char *>(head.data()), head.size()},
        {const_cast<char *>(borrowed.bytes.data()), borrowed.bytes.size()},
    };
    return write(slices);
  }
  Status write_file(std::span<const char>, FileRange) override { return Error{SOCKET_ENOTSUP}; }
  Result<size_t> write_lent(std::span<iovec>, OutputWaiter &) override {
    return Error{SOCKET_ENOTSUP};
  }
  void withdraw(const OutputWaiter &) noexcept override {}
  void keep_received(bool) noexcept override {}
  Status may_write() const noexcept override { return {}; }
  bool connecting() const noexcept override { return false; }
  bool open() const noexcept override { return state_ != State::closed; }
  int fd() const noexcept override { return -1; }
  void read(bool on) noexcept override { reading_ = on; }
  Status shutdown() override {
    shut_ = true;
    return {};
  }
  void close() noexcept override {
    if (state_ == State::closed) return;
    if (output_.empty()) return abort(0);
    state_ = State::closing;
  }
  void abort(int code) noexcept override {
    if (state_ == State::closed) return;
    state_ = State::closed;
    close_code_ = code;
    output_.clear();
    loop_.defer(*this);
  }
  int64_t queued() const noexcept override { return static_cast<int64_t>(output_.size()); }
  int64_t output_progress_ns() const noexcept override { return progress_ns_; }
  void set_low_mark(int64_t bytes) noexcept override { low_mark_ = bytes; }
  int64_t low_mark() const noexcept override { return low_mark_; }

private:
  enum class State : uint8_t { open, closing, closed };

  void run_deferred() override {
    if (!sink_) return;
    if (state_ == State::closed) return sink_->on_close(close_code_);
    if (std::exchange(tell_drain_, false)) sink_->on_drain();
  }
  void on_no_memory() noexcept override { abort(SOCKET_ENOMEM); }

  Loop &loop_;
  std::string output_;
  int64_t progress_ns_ = 0;
  int64_t low_mark_ = 0;
  int close_code_ = 0;
  State state_ = State::open;
  bool reading_ = false;
  bool owes_drain_ = false;
  bool tell_drain_ = false;
  bool shut_ = false;
  bool vanished_ = false;
};

} // namespace socketpoll
