// Output that the kernel did not take yet, in order: copied bytes, borrowed memory, ranges of
// files. Empty, it owns nothing.
#pragma once

#include "base/list.hpp"
#include "net/chunk_pool.hpp"
#include "net/loop.hpp"
#include "net/os/os_socket.hpp"
#include "net/stream/pipe_pool.hpp"

#include <memory>
#include <span>

namespace socketpoll {

struct SegmentTag;

// Lends pieces of memory to a write, or follows what it has handed over, and is told of each piece
// when the queue has done with it, from inside whatever call that happens in: how many of its bytes
// went, and how many never will. Of files and pipes it is told bit by bit.
class OutputWaiter {
public:
  virtual void on_taken(int64_t sent, int64_t unsent) noexcept = 0;
  // The file of its front piece cannot be read (code), or ends before the piece does (0); the rest
  // of that piece is unsent. Nothing else is harmed.
  virtual void on_file_ended(int) noexcept {}

protected:
  ~OutputWaiter() = default;
};

// Memory that a write borrows. `owner` is dropped, or `release (data, user)` is called, when the
// bytes are no longer needed; never from inside the write that borrowed them.
struct Borrowed {
  std::span<const char> bytes;
  std::shared_ptr<const void> owner;
  void (*release)(const void *data, void *user) = nullptr;
  void *user = nullptr;
};

struct FileRange {
  std::shared_ptr<const Fd> file;
  int64_t offset = 0;
  int64_t length = 0;
};

// One of these.
struct OutputPiece {
  std::span<const char> bytes; // to be copied
  PipeLease pipe;
  FileRange file;
};

class OutputQueue {
public:
  explicit OutputQueue(Loop &loop) noexcept : loop_(loop) {}
  OutputQueue(const OutputQueue &) = delete;
  OutputQueue &operator=(const OutputQueue &) = delete;
  ~OutputQueue() { clear(); }

  bool empty() const noexcept { return bytes_ == 0; }
  int64_t bytes() const noexcept { return bytes_; }

  // Each takes all of it, or throws std::bad_alloc and takes nothing.
  void append_copy(std::span<const char> bytes, OutputWaiter *waiter = nullptr);
  void append_borrowed(Borrowed borrowed, size_t already_sent);
  void append_file(FileRange range);
  void append_lent(std::span<const iovec> pieces, OutputWaiter &waiter);
  void append_piece(OutputPiece piece, OutputWaiter &waiter);
  // Takes out what the waiter has lent, and tells it.
  void withdraw(const OutputWaiter &waiter) noexcept;
  // What it handed over goes out like anything else, and it is told no more.
  void forget(const OutputWaiter &waiter) noexcept;

  // Sends until the queue is empty or the kernel takes no more; how many bytes went. On an error
  // nothing that was queued before it is lost track of: the queue stays as it is.
  Result<int64_t> flush(os::Channel fd) noexcept;
  // For who sends it otherwise: what comes next, up to the size of `scratch`, where it lies or
  // copied there; a file that ends early is dealt with as by flush(), and a pipe is SOCKET_ENOTSUP.
  // SOCKET_EAGAIN: nothing is queued. took() follows.
  Result<std::span<const char>> next(std::span<char> scratch) noexcept;
  void took(size_t bytes) noexcept { consume(bytes); }
  void clear() noexcept;

private:
  struct Segment;
  using Segments = List<Segment, SegmentTag>;
  template <class Cut> void append_all(Cut &&cut);
  Segment &append(std::unique_ptr<Segment> segment, int64_t bytes) noexcept;
  Result<size_t> send_front(os::Channel fd) noexcept;
  void tell_of_front(Segment &front) noexcept;
  Status file_ended(int code) noexcept;
  std::span<const char> gather(std::span<char> scratch) noexcept;
  void consume(size_t sent) noexcept;
  void drop(Segment *segment) noexcept;

  Loop &loop_;
  Segments segments_;
  int64_t bytes_ = 0;
};

} // namespace socketpoll
