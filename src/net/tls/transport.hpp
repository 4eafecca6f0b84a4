// Net floor, TLS. A transport over another one: a sink of records below, a transport of bytes
// above. Until the handshake is over it is connecting(), and on_connected tells that it is. Output
// waits unsealed while the transport below has enough of it, so that what was lent, borrowed or is
// in a file is never copied ahead of its time.
#pragma once

#include "net/stream/transport.hpp"
#include "net/tls/engine.hpp"
#include "net/tls/room.hpp"

#include <memory>
#include <vector>

namespace socketpoll::tls {

class TlsTransport final : public Transport,
                           private TransportSink,
                           private Wire,
                           private Deferred,
                           public Linked<WarmTag> {
public:
  // `below` is connected, or will be by established(); of a client, `server` is whom it wants to
  // reach. Throws std::bad_alloc.
  static Result<std::unique_ptr<Transport>> over(std::unique_ptr<Transport> &below, Loop &loop,
                                                 const Context &context, std::string_view server);
  ~TlsTransport() override;

  Status write(std::span<const iovec> slices) override;
  Status write_borrowed(std::span<const char> head, Borrowed borrowed) override;
  Status write_file(std::span<const char> head, FileRange range) override;
  Result<size_t> write_lent(std::span<iovec> pieces, OutputWaiter &waiter) override;
  void withdraw(const OutputWaiter &waiter) noexcept override;
  Result<int64_t> write_piece(OutputPiece piece, OutputWaiter &waiter) override;
  void forget(const OutputWaiter &waiter) noexcept override { plain_.forget(waiter); }
  void read(bool on) noexcept override;
  Status shutdown() override;
  void close() noexcept override;
  void abort(int code) noexcept override;
  void keep_received(bool on) noexcept override { below_->keep_received(on); }
  Status may_write() const noexcept override;
  Status may_read() const noexcept override { return below_->may_read(); }
  bool connecting() const noexcept override { return state_ < State::open; }
  bool open() const noexcept override { return state_ != State::closed; }
  bool held() const noexcept override { return below_->held(); }
  int fd() const noexcept override { return below_->fd(); }
  Watch *as_watch() noexcept override { return below_->as_watch(); }
  void established(Fd fd) override { below_->established(std::move(fd)); }
  Medium medium() const noexcept override { return below_->medium(); }
  int64_t queued() const noexcept override { return plain_.bytes() + below_->queued(); }
  int64_t output_progress_ns() const noexcept override { return below_->output_progress_ns(); }
  void set_low_mark(int64_t bytes) noexcept override;
  int64_t low_mark() const noexcept override { return low_mark_; }
  const Engine *engine() const noexcept override { return engine_.get(); }

  // For the room.
  void cool() noexcept { engine_->idle(); }

private:
  enum class State : uint8_t { connecting, handshaking, open, closing, closed };

  TlsTransport(std::unique_ptr<Transport> below, Loop &loop, Room &room) noexcept;

  std::span<char> receive_buffer() override { return room_.cipher(); }
  void on_data(std::span<char> records) override;
  void on_drain() override { pump(); }
  void on_eof() override;
  void on_connected() override;
  void on_released() noexcept override;
  void on_close(int code) override;
  bool put(std::span<const char> records) noexcept override;
  void run_deferred() override;
  void on_no_memory() noexcept override { abort(SOCKET_ENOMEM); }

  void process(std::span<const char> records);
  bool go_on_with_handshake();
  bool receive();
  void update_below() noexcept;
  class Pieces;
  Result<size_t> seal(Pieces &pieces);
  Status seal_one(std::span<const char> bytes) noexcept;
  bool room_below() const noexcept;
  void flush_records() noexcept;
  void pump() noexcept;
  void output_changed() noexcept;
  template <class Queue> Status queue_rest(Queue &&queue) noexcept;
  Status end_sending() noexcept;
  void fail(int code) noexcept;

  Loop &loop_;
  Room &room_;
  std::unique_ptr<Transport> below_;
  std::unique_ptr<Engine> engine_;
  OutputQueue plain_;
  std::vector<char> kept_; // records that nobody wanted to have the bytes of yet
  int64_t low_mark_ = 0;
  int close_code_ = 0;
  State state_ = State::connecting;
  bool reading_ = false;
  bool more_ = false; // the engine may have bytes without another record
  bool processing_ = false;
  bool saw_eof_ = false;
  bool owes_drain_ = false;
  bool tell_drain_ = false;
  bool shut_after_output_ = false;
  bool shut_ = false;
};

} // namespace socketpoll::tls
