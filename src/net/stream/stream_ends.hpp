// Who uses one side of a stream in the program's place, for longer than one read or write: splices
// and pipelines. At most one at each side, and neither a reading or writing operation beside it.
#pragma once

#include "net/chunk_pool.hpp"
#include "net/stream/output_queue.hpp"

#include <span>

namespace socketpoll {

// Bytes that were received and not asked for yet.
struct Leftover {
  ChunkRef chunk;
  std::span<const char> bytes;
};

// Takes what the stream receives, while it asks for it. What is called here is called by the loop.
class StreamReader {
public:
  // As TransportSink's.
  virtual std::span<char> receive_buffer() = 0;
  virtual Result<size_t> receive_from(int) { return Error{SOCKET_EAGAIN}; }
  virtual void on_data(std::span<char> bytes) = 0;
  virtual void on_eof() = 0;
  // It is the reader no more: closed, with the reason or SOCKET_ECLOSED, or SOCKET_ECANCELED:
  // freed.
  virtual void on_read_ended(int code) noexcept = 0;

protected:
  ~StreamReader() = default;
};

// Writes pieces, and is told what becomes of them.
class StreamWriter : public OutputWaiter {
public:
  // It is the writer no more, and has been told of all that it wrote, unless the program closes the
  // stream gracefully: then that goes out as it would have.
  virtual void on_write_ended(int code) noexcept = 0;

protected:
  ~StreamWriter() = default;
};

} // namespace socketpoll
