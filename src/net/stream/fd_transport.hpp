// A descriptor as a transport: a TCP or unix socket, a pipe, a FIFO or a terminal.
#pragma once

#include "net/os/os_plain.hpp"
#include "net/stream/transport.hpp"
#include "net/watch.hpp"

namespace socketpoll {

class FdTransport final : public Transport, private Watch, private Deferred {
public:
  // An accepted socket. Does not read until read(true).
  FdTransport(Loop &loop, Fd fd, Medium medium = Medium::tcp) noexcept;
  // Without a descriptor yet: somebody else sees to that, and calls attach(), established() or
  // abort().
  explicit FdTransport(Loop &loop, Medium medium = Medium::tcp) noexcept;
  // The same, of the kind that an address of text is for. Throws std::bad_alloc.
  static std::unique_ptr<Transport> for_address(Loop &loop, std::string_view address);
  ~FdTransport() override;

  // Goes on with a descriptor that is open in these directions.
  void attach(Fd fd, const os::Traits &traits) noexcept;
  void established(Fd fd) override;
  // Whoever connects hands the descriptor's place in the kernel's set over to this.
  Watch *as_watch() noexcept override { return this; }

  Status write(std::span<const iovec> slices) override;
  Status write_borrowed(std::span<const char> head, Borrowed borrowed) override;
  Status write_file(std::span<const char> head, FileRange range) override;
  Result<size_t> write_lent(std::span<iovec> pieces, OutputWaiter &waiter) override;
  void withdraw(const OutputWaiter &waiter) noexcept override;
  Result<int64_t> write_piece(OutputPiece piece, OutputWaiter &waiter) override;
  void forget(const OutputWaiter &waiter) noexcept override { output_.forget(waiter); }
  Status write_fds(std::span<const char> bytes, std::span<const int> fds) override;
  void read(bool on) noexcept override;
  Status shutdown() override;
  void close() noexcept override;
  void abort(int code) noexcept override;
  int64_t queued() const noexcept override { return output_.bytes(); }
  int64_t low_mark() const noexcept override { return low_mark_; }
  int64_t output_progress_ns() const noexcept override { return progress_ns_; }
  void set_low_mark(int64_t bytes) noexcept override {
    low_mark_ = bytes;
    if (output_.bytes() > bytes) owes_drain_ = true; // a writer may be waiting to hear of it
  }
  void keep_received(bool on) noexcept override;
  Status may_write() const noexcept override;
  Status may_read() const noexcept override;
  bool connecting() const noexcept override { return state_ == State::connecting; }
  bool open() const noexcept override { return state_ != State::closed; }
  bool held() const noexcept override { return reading_held(); }
  int fd() const noexcept override { return fd_.get(); }
  bool can_splice() const noexcept override { return os::can_splice(channel()); }
  Result<Fd> detach() noexcept override;
  Medium medium() const noexcept override { return medium_; }

private:
  enum class State : uint8_t { connecting, open, closing, broken, closed };

  void on_ready(int events) override;
  void on_released() noexcept override {
    if (sink_) sink_->on_released();
  }
  void on_refused(int code) noexcept override { abort(code); }
  void on_no_memory() noexcept override { abort(SOCKET_ENOMEM); }
  void run_deferred() override;

  // Sends as much of the slices as the kernel takes now; how many bytes.
  Result<size_t> send_now(std::span<const iovec> slices) noexcept;
  template <class Queue> Status queue_rest(Queue &&queue) noexcept;
  bool may_receive() const noexcept;
  void sending_failed(int code) noexcept;
  void receive();
  bool receive_once();
  void receive_end();
  void flush() noexcept;
  void output_shrank() noexcept;
  void update_interest() noexcept;
  os::Channel channel() const noexcept { return {fd_.get(), medium_ == Medium::plain}; }
  Status end_sending() noexcept;
  Error await_room() noexcept;
  void tell_of_room() noexcept;
  void let_go() noexcept;

  OutputQueue output_;
  Fd fd_;
  int64_t progress_ns_ = 0;
  int64_t low_mark_ = 0;
  int close_code_ = 0; // why it is broken or closed
  State state_;
  Medium medium_;
  bool reading_ = false;
  bool keep_received_ = false;
  bool saw_eof_ = false;
  bool owes_drain_ = false;
  bool tell_drain_ = false;
  bool shut_after_output_ = false;
  bool shut_ = false;
  bool never_reads_ = false;
  bool unblocked_ = false;
  bool awaits_room_ = false; // somebody wants to send what cannot be queued
};

} // namespace socketpoll
