// The operations of one stream that complete once: at most one that reads, one that writes, and,
// before both, one that connects. Made when the first of them begins; a stream that only delivers
// events has none.
#pragma once

#include "SocketAsync.h"

#include "net/chunk_pool.hpp"
#include "net/future.hpp"
#include "net/transport.hpp"

#include <span>
#include <vector>

namespace socketpoll {

class Stream;

struct ReadRequest {
  std::span<char> buffer;
  size_t least = 1; // bytes that complete it
  std::span<const char> delimiter;
};

// Bytes that were received and not asked for yet.
struct Leftover {
  ChunkRef chunk;
  std::span<const char> bytes;
};

class StreamOps final : private FutureSource, private OutputWaiter {
public:
  explicit StreamOps(Stream &stream) noexcept : stream_(stream) {}

  // All throw std::bad_alloc and have then begun nothing.
  Result<Future *> connect(int timeout_ms);
  Result<Future *> read(const ReadRequest &request, int timeout_ms);
  // The pieces are lent, the list of them is not.
  Result<Future *> write(std::vector<iovec> pieces, int timeout_ms);

  bool connecting() const noexcept { return connector_ != nullptr; }
  bool reading() const noexcept { return reader_ != nullptr; }
  bool writing() const noexcept { return writer_ != nullptr; }

  // ---- What the stream passes on; receive_buffer and on_data only while reading()
  std::span<char> receive_buffer();
  void on_data(std::span<char> bytes) noexcept;
  void on_connected() noexcept;
  void on_eof() noexcept;
  // No bytes come any more.
  void end_reading(int code) noexcept;
  void on_close(int code) noexcept;
  // The stream is freed.
  void end() noexcept;

  // The stream begins to deliver events.
  Leftover take_leftover() noexcept { return std::exchange(leftover_, {}); }
  bool has_leftover() const noexcept { return !leftover_.bytes.empty(); }
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
  std::span<char> buffer_;
  size_t filled_ = 0;
  size_t least_ = 0;
  char delimiter_[SOCKET_ASYNC_MAX_DELIMITER];
  size_t delimiter_length_ = 0;
  Leftover leftover_;
  int64_t sent_ = 0;
  int64_t lent_ = 0; // bytes of the writer that the transport still has
  int64_t unsent_ = 0;
  bool ate_eof_ = false; // the end of the stream was told to a reader, not by an event
};

} // namespace socketpoll
