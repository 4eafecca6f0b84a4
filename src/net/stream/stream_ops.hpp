// The operations of one stream: at most one that reads, one that writes, and, before both, one that
// connects. They complete once, or are a splice's or a pipeline's end (stream_ends.hpp). Made when
// the first of them begins; a stream that only delivers events has none.
#pragma once

#include "SocketAsync.h"

#include "net/buffer/buffer.hpp"
#include "net/future.hpp"
#include "net/stream/stream_ends.hpp"
#include "net/stream/transport.hpp"

#include <span>
#include <vector>

namespace socketpoll {

class Stream;

struct ReadRequest {
  std::span<char> buffer;
  size_t least = 1; // bytes that complete it
  std::span<const char> delimiter = {};
  // Of the public buffer whose room it is, if it is one's, and its handle, the outcome's data.
  BufferHold hold = {};
  void *data = nullptr;
};

class StreamOps final : private FutureSource, private OutputWaiter {
public:
  explicit StreamOps(Stream &stream) noexcept : stream_(stream) {}

  // All throw std::bad_alloc and have then begun nothing.
  Result<Future *> connect(int timeout_ms);
  Result<Future *> read(ReadRequest request, int timeout_ms);
  // The pieces are lent, the list of them is not; `hold`: of the public buffer that they lie in.
  Result<Future *> write(std::vector<iovec> pieces, BufferHold hold, int timeout_ms);

  // SOCKET_EBUSY. The reader takes the leftover itself and then asks for more, or not.
  Status take_reading(StreamReader &reader) noexcept;
  void want(bool more) noexcept;
  void leave_reading() noexcept;
  // SOCKET_EBUSY. What the writer has written when it leaves goes out all the same.
  Status take_writing(StreamWriter &writer) noexcept;
  void leave_writing() noexcept;

  bool connecting() const noexcept { return connector_ != nullptr; }
  bool has_reader() const noexcept { return reader_ || user_; }
  bool reading() const noexcept { return reader_ || wanted_; }
  bool writing() const noexcept { return writer_ || filler_; }

  // ---- What the stream passes on; receive_buffer and on_data only while reading()
  std::span<char> receive_buffer();
  Result<size_t> receive_from(int fd);
  void on_data(std::span<char> bytes);
  void on_connected() noexcept;
  void on_eof();
  // No bytes come any more.
  void end_reading(int code) noexcept;
  // The program closes the stream, gracefully.
  void on_closing() noexcept;
  void on_close(int code) noexcept;
  // The stream is freed.
  void end() noexcept;

  // The stream begins to deliver events.
  Leftover take_leftover() noexcept { return std::exchange(leftover_, {}); }
  // For the next reader; there is none left over at present.
  void leave_over(Leftover leftover) noexcept { leftover_ = std::move(leftover); }
  bool has_leftover() const noexcept { return !leftover_.bytes.empty(); }
  // Nothing comes any more, and nothing is left over.
  bool at_end() const noexcept;
  // The end of the stream was told to a reader, not by an event.
  bool ate_eof() const noexcept { return ate_eof_; }

private:
  void abandon(Future &future) noexcept override;
  void on_taken(int64_t sent, int64_t unsent) noexcept override;

  // Copies what the request may have of `bytes` to the buffer; how many.
  size_t take(std::span<const char> bytes) noexcept;
  // Where the delimiter that is not complete before `from` ends, or 0.
  size_t find_delimiter(size_t from) const noexcept;
  void finish_read(size_t result) noexcept;
  void fail_read(int code) noexcept;
  void finish_write() noexcept;
  void take_back(Future &writer) noexcept;

  Stream &stream_;
  Future *connector_ = nullptr;
  Future *reader_ = nullptr;
  Future *writer_ = nullptr;
  StreamReader *user_ = nullptr; // or reader_, never both
  bool wanted_ = false;          // user_ wants more
  bool ate_eof_ = false;
  StreamWriter *filler_ = nullptr; // or writer_
  BufferHold read_hold_, write_hold_;
  std::span<char> buffer_;
  size_t filled_ = 0;
  size_t least_ = 0;
  char delimiter_[SOCKET_ASYNC_MAX_DELIMITER];
  size_t delimiter_length_ = 0;
  Leftover leftover_;
  int64_t sent_ = 0;
  int64_t lent_ = 0; // bytes of the writer that the transport still has
  int64_t unsent_ = 0;
};

} // namespace socketpoll
