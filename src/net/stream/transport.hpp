// A byte stream in both directions, and who is told of it. Protocols stand on this and know neither
// sockets nor TLS; a transport knows no protocol.
#pragma once

#include "base/result.hpp"
#include "net/loop_object.hpp"
#include "net/stream/medium.hpp"
#include "net/stream/output_queue.hpp"

#include <cstdint>
#include <span>

namespace socketpoll {

// Told what happens, always from the loop, never from inside a call into the transport.
class TransportSink {
public:
  virtual ~TransportSink() = default;
  // Where the next bytes are to be received; none: receive_from() is asked instead. Throws
  // std::bad_alloc.
  virtual std::span<char> receive_buffer() = 0;
  // Receives on its own, with the outcome of os::receive; on_data is not called then.
  virtual Result<size_t> receive_from(int) { return Error{SOCKET_EAGAIN}; }
  // `bytes` lie at the start of what receive_buffer() named, and are the sink's to change until it
  // returns.
  virtual void on_data(std::span<char> bytes) = 0;
  // Queued output fell to the low mark after a write had left more.
  virtual void on_drain() = 0;
  // The peer sends no more.
  virtual void on_eof() = 0;
  virtual void on_connected() {}
  // It may be read again, after a callback that was handed bytes of it ran the loop.
  virtual void on_released() noexcept {}
  // The last call: closed, with 0 or why.
  virtual void on_close(int code) = 0;
};

class Watch;
namespace tls {
class Engine;
}

class Transport : public Retired {
public:
  // `sink` outlives the transport, or is replaced by nullptr (nothing is told any more).
  void set_sink(TransportSink *sink) noexcept { sink_ = sink; }

  // Sends the slices in order, at once as far as possible; the rest is copied and queued. An error
  // is told here and, later, by on_close.
  virtual Status write(std::span<const iovec> slices) = 0;
  // Sends `head` (copied if need be), then the borrowed bytes without a copy.
  virtual Status write_borrowed(std::span<const char> head, Borrowed borrowed) = 0;
  virtual Status write_file(std::span<const char> head, FileRange range) = 0;
  // Sends the pieces without a copy; how many of their bytes went at once. The waiter is told of
  // the rest, if any, as it goes.
  virtual Result<size_t> write_lent(std::span<iovec> pieces, OutputWaiter &waiter) = 0;
  // Gives back what the waiter has lent; it is told now.
  virtual void withdraw(const OutputWaiter &waiter) noexcept = 0;

  // Sends the piece, at once as far as possible; how many of its bytes the waiter is not to be told
  // of any more, because they went. What is queued of it does not count for on_drain.
  virtual Result<int64_t> write_piece(OutputPiece, OutputWaiter &) { return Error{SOCKET_ENOTSUP}; }
  // The waiter is told no more; what it wrote goes out as if it had been copied.
  virtual void forget(const OutputWaiter &) noexcept {}
  // Sends the bytes, at least one, with copies of the descriptors: all of it, at once or queued, or
  // nothing. SOCKET_EAGAIN unless nothing is queued and there is room; on_drain tells when there
  // is.
  virtual Status write_fds(std::span<const char>, std::span<const int>) {
    return Error{SOCKET_ENOTSUP};
  }

  virtual void read(bool on) noexcept = 0;
  // Ends our sending side after what is queued.
  virtual Status shutdown() = 0;
  // Closes after what is queued.
  virtual void close() noexcept = 0;
  // Closes now, with `code`; on_close follows.
  virtual void abort(int code) noexcept = 0;

  // A broken connection (its output is lost) still delivers what had been received, as long as this
  // is on, and closes with the reason after that.
  virtual void keep_received(bool on) noexcept = 0;
  // Whether a write would be taken: SOCKET_ENOTCONN, SOCKET_ESTATE, or why it is closed.
  virtual Status may_write() const noexcept = 0;
  // SOCKET_ESTATE where nothing can ever come.
  virtual Status may_read() const noexcept { return {}; }
  virtual bool connecting() const noexcept = 0;
  virtual bool open() const noexcept = 0;
  // Nothing is received because a callback that was handed bytes of it has not returned.
  virtual bool held() const noexcept { return false; }
  // -1 where there is none.
  virtual int fd() const noexcept = 0;
  // What holds its place in the kernel's set; nullptr where nothing does.
  virtual Watch *as_watch() noexcept { return nullptr; }
  // Whether the kernel can move bytes between fd() and a pipe, and they are the stream's very own.
  virtual bool can_splice() const noexcept { return false; }
  // Gives the descriptor away, with whatever it has received and nobody has read; the transport is
  // closed from here on and tells nothing of it. SOCKET_ESTATE unless it is open and nothing is
  // queued, SOCKET_ENOTSUP where the descriptor alone is not the connection.
  virtual Result<Fd> detach() noexcept { return Error{SOCKET_ENOTSUP}; }
  virtual Medium medium() const noexcept { return Medium::tcp; }
  // Goes on with a socket that has connected, and tells the sink; where somebody else sees to that.
  virtual void established(Fd) {}
  // What it is encrypted by; nullptr: it is not.
  virtual const tls::Engine *engine() const noexcept { return nullptr; }

  virtual int64_t queued() const noexcept = 0;
  // The loop's time at which the peer last took output, or the queue was last empty.
  virtual int64_t output_progress_ns() const noexcept = 0;
  virtual void set_low_mark(int64_t bytes) noexcept = 0;
  virtual int64_t low_mark() const noexcept = 0;

protected:
  TransportSink *sink_ = nullptr;
};

} // namespace socketpoll
