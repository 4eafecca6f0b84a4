#include "net/stream/stream_ops.hpp"

#include "net/stream/stream.hpp"
#include "net/tls/engine.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll {

namespace {
// A read that looks for a delimiter goes through a chunk, as it may receive more than it wants.
constexpr size_t kLeastChunkRead = 4096;
} // namespace

// ---- Beginning

Result<Future *> StreamOps::connect(int timeout_ms) {
  auto future = Future::create(stream_.loop(), *this, 0, timeout_ms);
  if (future.ok()) connector_ = *future;
  return future;
}

Result<Future *> StreamOps::read(ReadRequest request, int timeout_ms) {
  if (request.buffer.empty() || request.delimiter.size() > sizeof delimiter_)
    return Error{SOCKET_EINVAL};
  if (has_reader()) return Error{SOCKET_EBUSY};
  auto future = Future::create(stream_.loop(), *this, stream_.handle(), timeout_ms);
  if (!future.ok()) return future;
  reader_ = *future;
  reader_->set_data(request.hold ? request.data : request.buffer.data());
  buffer_ = request.buffer;
  read_hold_ = std::move(request.hold);
  filled_ = 0;
  least_ = request.least;
  delimiter_length_ = request.delimiter.size();
  std::copy(request.delimiter.begin(), request.delimiter.end(), delimiter_);
  if (!leftover_.bytes.empty()) {
    leftover_.bytes = leftover_.bytes.subspan(take(leftover_.bytes));
    if (leftover_.bytes.empty()) leftover_ = {};
  }
  if (reader_ && at_end()) finish_read(filled_);
  stream_.reader_changed();
  return future;
}

Result<Future *> StreamOps::write(std::vector<iovec> pieces, BufferHold hold, int timeout_ms) {
  if (writing()) return Error{SOCKET_EBUSY};
  auto future = Future::create(stream_.loop(), *this, stream_.handle(), timeout_ms);
  if (!future.ok()) return future;
  writer_ = *future;
  write_hold_ = std::move(hold);
  sent_ = lent_ = unsent_ = 0;
  std::erase_if(pieces, [](const iovec &piece) { return piece.iov_len == 0; });
  for (const iovec &piece : pieces) lent_ += static_cast<int64_t>(piece.iov_len);
  if (lent_ == 0) return finish_write(), future;
  auto sent = stream_.transport().write_lent(pieces, *this);
  if (!sent.ok()) {
    write_hold_ = {};
    std::exchange(writer_, nullptr)->fail(sent.code());
    return future;
  }
  stream_.output_grew();
  // What was taken at once was lent for no time; of the rest, on_taken may have been told already.
  on_taken(static_cast<int64_t>(*sent), 0);
  return future;
}

// ---- Connecting

void StreamOps::on_connected() noexcept {
  std::exchange(connector_, nullptr)->succeed_with_stream(stream_.handle());
}

// ---- Reading

std::span<char> StreamOps::receive_buffer() {
  if (user_) return user_->receive_buffer();
  if (delimiter_length_ == 0) return buffer_.subspan(filled_);
  return stream_.loop().receive_chunk(kLeastChunkRead);
}

Result<size_t> StreamOps::receive_from(int fd) { return user_->receive_from(fd); }

void StreamOps::on_data(std::span<char> bytes) {
  if (user_) return user_->on_data(bytes);
  if (delimiter_length_ == 0) {
    filled_ += bytes.size();
    reader_->progress(static_cast<int64_t>(filled_));
    if (filled_ >= least_) finish_read(filled_);
    return;
  }
  ChunkRef chunk = stream_.loop().use_received(bytes.size());
  const size_t taken = take(bytes);
  if (taken < bytes.size()) leftover_ = {std::move(chunk), bytes.subspan(taken)};
}

size_t StreamOps::take(std::span<const char> bytes) noexcept {
  size_t taken = std::min(bytes.size(), buffer_.size() - filled_);
  std::memcpy(buffer_.data() + filled_, bytes.data(), taken);
  const size_t before = filled_;
  filled_ += taken;
  reader_->progress(static_cast<int64_t>(filled_));
  if (delimiter_length_ == 0) {
    if (filled_ >= least_) finish_read(filled_);
    return taken;
  }
  if (const size_t end = find_delimiter(before)) {
    taken = end - before;
    finish_read(end);
  } else if (filled_ == buffer_.size()) {
    fail_read(SOCKET_ENOBUFS);
  }
  return taken;
}

size_t StreamOps::find_delimiter(size_t from) const noexcept {
  from -= std::min(from, delimiter_length_ - 1); // it may have begun in what was there before
  const auto begin = buffer_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = buffer_.begin() + static_cast<std::ptrdiff_t>(filled_);
  const auto found = std::search(begin, end, delimiter_, delimiter_ + delimiter_length_);
  if (found == end) return 0;
  return static_cast<size_t>(found - buffer_.begin()) + delimiter_length_;
}

void StreamOps::finish_read(size_t result) noexcept {
  Future *const reader = std::exchange(reader_, nullptr);
  read_hold_.commit(static_cast<int64_t>(result));
  reader->progress(static_cast<int64_t>(result));
  reader->succeed(static_cast<int64_t>(result), reader->take_data());
  stream_.reader_changed();
}

void StreamOps::fail_read(int code) noexcept {
  read_hold_.commit(static_cast<int64_t>(filled_));
  std::exchange(reader_, nullptr)->fail(code);
  stream_.reader_changed();
}

void StreamOps::on_eof() {
  ate_eof_ = true;
  if (user_)
    user_->on_eof();
  else
    finish_read(filled_);
}

void StreamOps::end_reading(int code) noexcept {
  if (reader_) fail_read(code);
  wanted_ = false;
  if (user_) std::exchange(user_, nullptr)->on_read_ended(code);
}

bool StreamOps::at_end() const noexcept {
  return leftover_.bytes.empty() && (ate_eof_ || stream_.saw_eof());
}

Status StreamOps::take_reading(StreamReader &reader) noexcept {
  if (has_reader()) return Error{SOCKET_EBUSY};
  user_ = &reader;
  return {};
}

void StreamOps::want(bool more) noexcept {
  wanted_ = more;
  stream_.reader_changed();
}

void StreamOps::leave_reading() noexcept {
  user_ = nullptr;
  want(false);
}

Status StreamOps::take_writing(StreamWriter &writer) noexcept {
  if (writing()) return Error{SOCKET_EBUSY};
  filler_ = &writer;
  return {};
}

void StreamOps::leave_writing() noexcept {
  if (filler_) stream_.transport().forget(*filler_);
  filler_ = nullptr;
}

// ---- Writing

void StreamOps::on_taken(int64_t sent, int64_t unsent) noexcept {
  sent_ += sent;
  unsent_ += unsent;
  lent_ -= sent + unsent;
  if (!writer_) return;
  writer_->progress(sent_);
  if (lent_ == 0) finish_write();
}

void StreamOps::finish_write() noexcept {
  Future *const writer = std::exchange(writer_, nullptr);
  write_hold_.commit(sent_);
  if (unsent_ == 0) return writer->succeed(sent_);
  const Status status = stream_.transport().may_write();
  writer->fail(status.ok() ? int{SOCKET_ECLOSED} : status.code());
}

// The transport tells of every piece what went, but there is no future to end any more.
void StreamOps::take_back(Future &writer) noexcept {
  stream_.transport().withdraw(*this);
  write_hold_.commit(sent_);
  writer.progress(sent_);
}

// ---- Ending

void StreamOps::abandon(Future &future) noexcept {
  if (&future == reader_) {
    reader_ = nullptr;
    read_hold_.commit(static_cast<int64_t>(filled_));
    return stream_.reader_changed();
  }
  if (&future == writer_) {
    take_back(*std::exchange(writer_, nullptr));
    return;
  }
  connector_ = nullptr;
  stream_.dispose(); // which nobody but the future knew
}

void StreamOps::on_close(int code) noexcept {
  const int reason = code ? code : int{SOCKET_ECLOSED};
  if (writer_) {
    write_hold_.commit(sent_);
    std::exchange(writer_, nullptr)->fail(reason);
  }
  if (filler_) std::exchange(filler_, nullptr)->on_write_ended(reason);
  end_reading(reason);
  if (!connector_) return;
  const auto engine = stream_.engine();
  std::exchange(connector_, nullptr)
      ->fail_because(reason, engine.ok() ? (*engine)->failure() : std::string_view());
  stream_.dispose();
}

void StreamOps::on_closing() noexcept {
  end_reading(SOCKET_ECLOSED);
  if (!filler_) return;
  stream_.transport().forget(*filler_);
  std::exchange(filler_, nullptr)->on_write_ended(SOCKET_ECLOSED);
}

void StreamOps::end() noexcept {
  if (writer_) {
    Future *const writer = std::exchange(writer_, nullptr);
    take_back(*writer);
    writer->fail(SOCKET_ECANCELED);
  }
  if (filler_) {
    stream_.transport().withdraw(*filler_);
    std::exchange(filler_, nullptr)->on_write_ended(SOCKET_ECANCELED);
  }
  end_reading(SOCKET_ECANCELED);
  if (connector_) std::exchange(connector_, nullptr)->fail(SOCKET_ECANCELED);
}

} // namespace socketpoll
