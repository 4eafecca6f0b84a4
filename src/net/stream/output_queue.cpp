#include "net/stream/output_queue.hpp"

#include "net/os/os_file.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

namespace socketpoll {

namespace {
// Bounds one sendfile(2), so that a fast reader of a large file cannot keep the loop to itself.
constexpr int64_t kMaxFileBytes = 1 << 20;

// Of a failed sendfile(2): whether it was the socket that failed, and not the file.
bool is_of_socket(int code) noexcept {
  switch (code) {
  case SOCKET_EPIPE:
  case SOCKET_ECONNRESET:
  case SOCKET_ETIMEDOUT:
  case SOCKET_ENOTCONN:
  case SOCKET_ENETUNREACH:
  case SOCKET_EHOSTUNREACH:
  case SOCKET_ENETDOWN:
  case SOCKET_ENOBUFS:
  case SOCKET_ENOMEM: return true;
  default: return false;
  }
}
} // namespace

// Waits in the loop's deferred list for its release call, once it is sent.
struct OutputQueue::Segment final : Linked<SegmentTag>, Deferred {
  ChunkRef chunk; // of copied bytes
  Borrowed borrowed;
  std::span<const char> rest; // of copied or borrowed bytes
  FileRange file;
  PipeLease pipe;
  OutputWaiter *waiter = nullptr;
  int64_t lent = 0; // what the waiter has not been told of

  bool is_file() const noexcept { return file.file != nullptr; }
  bool is_memory() const noexcept { return !is_file() && !pipe; }
  int64_t left() const noexcept {
    if (is_file()) return file.length;
    return pipe ? pipe.bytes() : static_cast<int64_t>(rest.size());
  }
  void run_deferred() override {
    const std::unique_ptr<Segment> self(this);
    borrowed.release(borrowed.bytes.data(), borrowed.user);
  }
  void on_no_memory() noexcept override {}
};

OutputQueue::Segment &OutputQueue::append(std::unique_ptr<Segment> segment,
                                          int64_t bytes) noexcept {
  segments_.push_back(*segment);
  bytes_ += bytes;
  return *segment.release();
}

void OutputQueue::append_copy(std::span<const char> bytes, OutputWaiter *waiter) {
  Segment *last = segments_.back();
  if (last && last->chunk && last->waiter == waiter && last->chunk->free_bytes() > 0) {
    const size_t fits = std::min(bytes.size(), last->chunk->free_bytes());
    if (fits == bytes.size()) {
      std::memcpy(last->chunk->end(), bytes.data(), fits);
      last->chunk->used += static_cast<uint32_t>(fits);
      last->rest = {last->rest.data(), last->rest.size() + fits};
      bytes_ += static_cast<int64_t>(fits);
      if (waiter) last->lent += static_cast<int64_t>(fits);
      return;
    }
  }
  append_all([&](Segment &piece) {
    if (bytes.empty()) return false;
    piece.chunk = loop_.chunks().take();
    const size_t size = std::min(bytes.size(), Chunk::kBytes);
    std::memcpy(piece.chunk->bytes, bytes.data(), size);
    piece.chunk->used = static_cast<uint32_t>(size);
    piece.rest = {piece.chunk->bytes, size};
    piece.waiter = waiter;
    piece.lent = static_cast<int64_t>(size);
    bytes = bytes.subspan(size);
    return true;
  });
}

void OutputQueue::append_lent(std::span<const iovec> pieces, OutputWaiter &waiter) {
  append_all([&](Segment &segment) {
    if (pieces.empty()) return false;
    segment.rest = {static_cast<const char *>(pieces[0].iov_base), pieces[0].iov_len};
    segment.lent = static_cast<int64_t>(pieces[0].iov_len);
    segment.waiter = &waiter;
    pieces = pieces.subspan(1);
    return true;
  });
}

// Appends what `cut` fills, until it returns false: all of it, so that a failed allocation takes
// nothing.
template <class Cut> void OutputQueue::append_all(Cut &&cut) {
  Segments pieces;
  int64_t total = 0;
  try {
    for (;;) {
      auto piece = std::make_unique<Segment>();
      if (!cut(*piece)) break;
      total += static_cast<int64_t>(piece->rest.size());
      pieces.push_back(*piece.release());
    }
  } catch (...) {
    while (Segment *piece = pieces.pop_front()) std::unique_ptr<Segment>{piece};
    throw;
  }
  segments_.splice(pieces);
  bytes_ += total;
}

void OutputQueue::append_piece(OutputPiece piece, OutputWaiter &waiter) {
  if (!piece.bytes.empty()) return append_copy(piece.bytes, &waiter);
  auto segment = std::make_unique<Segment>();
  segment->file = std::move(piece.file);
  segment->pipe = std::move(piece.pipe);
  segment->waiter = &waiter;
  segment->lent = segment->left();
  const int64_t length = segment->lent;
  append(std::move(segment), length);
}

void OutputQueue::forget(const OutputWaiter &waiter) noexcept {
  for (Segment *segment = segments_.front(); segment; segment = segments_.next(*segment))
    if (segment->waiter == &waiter) segment->waiter = nullptr;
}

void OutputQueue::withdraw(const OutputWaiter &waiter) noexcept {
  for (Segment *segment = segments_.front(); segment;) {
    Segment *const next = segments_.next(*segment);
    if (segment->waiter == &waiter) {
      bytes_ -= segment->left();
      drop(segment);
    }
    segment = next;
  }
}

void OutputQueue::append_borrowed(Borrowed borrowed, size_t already_sent) {
  auto segment = std::make_unique<Segment>();
  segment->rest = borrowed.bytes.subspan(already_sent);
  segment->borrowed = std::move(borrowed);
  const auto bytes = static_cast<int64_t>(segment->rest.size());
  Segment &appended = append(std::move(segment), bytes);
  if (bytes == 0) drop(&appended);
}

void OutputQueue::append_file(FileRange range) {
  if (range.length == 0) return;
  auto segment = std::make_unique<Segment>();
  segment->file = std::move(range);
  const int64_t length = segment->file.length;
  append(std::move(segment), length);
}

Result<size_t> OutputQueue::send_front(os::Channel fd) noexcept {
  Segment *front = segments_.front();
  if (front->is_file()) {
    const auto length = static_cast<size_t>(std::min(front->file.length, kMaxFileBytes));
    return os::send_file(fd, front->file.file->get(), front->file.offset, length);
  }
  if (front->pipe) return front->pipe.drain(fd.fd, segments_.next(*front) != nullptr);
  iovec slices[os::kMaxSlices];
  size_t count = 0;
  Segment *segment = front;
  for (; segment && segment->is_memory() && count < os::kMaxSlices;
       segment = segments_.next(*segment))
    slices[count++] = {const_cast<char *>(segment->rest.data()), segment->rest.size()};
  return os::send(fd, {slices, count}, segment != nullptr);
}

void OutputQueue::consume(size_t sent) noexcept {
  bytes_ -= static_cast<int64_t>(sent);
  while (sent > 0) {
    Segment *front = segments_.front();
    if (!front->is_memory()) {
      if (front->is_file()) {
        front->file.offset += static_cast<int64_t>(sent);
        front->file.length -= static_cast<int64_t>(sent);
      }
      if (front->left() == 0) return drop(front);
      return tell_of_front(*front);
    }
    const size_t taken = std::min(sent, front->rest.size());
    front->rest = front->rest.subspan(taken);
    sent -= taken;
    if (front->rest.empty()) drop(front);
  }
}

void OutputQueue::tell_of_front(Segment &front) noexcept {
  const int64_t sent = front.lent - front.left();
  front.lent -= sent;
  if (front.waiter) front.waiter->on_taken(sent, 0);
}

// The front piece's file was cut short or cannot be read, after its length had been promised.
Status OutputQueue::file_ended(int code) noexcept {
  Segment *front = segments_.front();
  if (!front->waiter) return Error{code ? code : int{SOCKET_EIO}};
  front->waiter->on_file_ended(code);
  bytes_ -= front->left();
  drop(front);
  return {};
}

Result<int64_t> OutputQueue::flush(os::Channel fd) noexcept {
  int64_t total = 0;
  while (!empty()) {
    const bool file = segments_.front()->is_file();
    auto sent = send_front(fd);
    if (sent.code() == SOCKET_EAGAIN) break;
    if (file && (sent.ok() ? *sent == 0 : !is_of_socket(sent.code()))) {
      if (const Status status = file_ended(sent.code()); !status.ok()) return status.error();
      continue;
    }
    if (!sent.ok()) return sent.error();
    consume(*sent);
    total += static_cast<int64_t>(*sent);
    if (file && total >= kMaxFileBytes) break;
  }
  return total;
}

Result<std::span<const char>> OutputQueue::next(std::span<char> scratch) noexcept {
  while (Segment *front = segments_.front()) {
    if (front->pipe) return Error{SOCKET_ENOTSUP};
    if (front->is_memory()) return gather(scratch);
    const auto length = std::min(front->file.length, static_cast<int64_t>(scratch.size()));
    const auto into = scratch.first(static_cast<size_t>(length));
    const auto got = os::read_at(front->file.file->get(), into, front->file.offset);
    if (got.ok() && *got > 0) return std::span<const char>(into.first(*got));
    if (const Status status = file_ended(got.code()); !status.ok()) return status.error();
  }
  return Error{SOCKET_EAGAIN};
}

// Small pieces become one; what is enough by itself stays where it is.
std::span<const char> OutputQueue::gather(std::span<char> scratch) noexcept {
  Segment *segment = segments_.front();
  if (segment->rest.size() >= scratch.size() || !segments_.next(*segment))
    return segment->rest.first(std::min(segment->rest.size(), scratch.size()));
  size_t used = 0;
  for (; segment && segment->is_memory() && used < scratch.size();
       segment = segments_.next(*segment)) {
    const auto piece = segment->rest.first(std::min(segment->rest.size(), scratch.size() - used));
    std::memcpy(scratch.data() + used, piece.data(), piece.size());
    used += piece.size();
  }
  return scratch.first(used);
}

void OutputQueue::drop(Segment *segment) noexcept {
  Segments::remove(*segment);
  if (segment->borrowed.release) return loop_.defer(*segment);
  const std::unique_ptr<Segment> last(segment);
  const int64_t unsent = segment->left();
  if (segment->waiter) segment->waiter->on_taken(segment->lent - unsent, unsent);
}

void OutputQueue::clear() noexcept {
  while (Segment *segment = segments_.front()) drop(segment);
  bytes_ = 0;
}

} // namespace socketpoll
