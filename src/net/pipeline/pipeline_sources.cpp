#include "net/pipeline/pipeline_sources.hpp"

#include "net/os/os_file.hpp"
#include "net/pipeline/pipeline.hpp"

#include <algorithm>

namespace socketpoll {

namespace {
// A receive into less than this would cost a system call for too little.
constexpr size_t kLeastReceive = 8192;

char *room(std::unique_ptr<char[]> &buffer) {
  if (!buffer) buffer = std::make_unique_for_overwrite<char[]>(Source::kMost);
  return buffer.get();
}
} // namespace

// ---- Files

Result<Piece> FileSource::pull(size_t most) {
  const bool to_end = range_.length < 0;
  if (range_.length == 0) return Piece{{}, true};
  most = std::min(most, kMost);
  if (!to_end) most = static_cast<size_t>(std::min(static_cast<int64_t>(most), range_.length));
  const std::span<char> into(room(buffer_), most);
  auto got = os::read_at(range_.file->get(), into, range_.offset);
  // A device that has nothing yet tells nobody when it has.
  if (!got.ok()) return Error{got.code() == SOCKET_EAGAIN ? int{SOCKET_ENOTSUP} : got.code()};
  if (*got == 0) return to_end ? Result<Piece>(Piece{{}, true}) : Error{SOCKET_EIO};
  range_.offset += static_cast<int64_t>(*got);
  if (!to_end) range_.length -= static_cast<int64_t>(*got);
  return give(into.first(*got));
}

// ---- Memory

Result<Piece> MemorySource::pull(size_t most) {
  if (rest_.empty()) return Piece{{}, true};
  const auto bytes = rest_.first(std::min({most, kMost, rest_.size()}));
  rest_ = rest_.subspan(bytes.size());
  return give(bytes);
}

// ---- Callbacks

Result<Piece> CallbackSource::pull(size_t most) {
  const std::span<char> into(room(buffer_), std::min(most, kMost));
  const int64_t got =
      call_(pipeline_.as_handle(), into.data(), static_cast<int64_t>(into.size()), user_);
  if (got < 0) return Error{Pipeline::code_of(got)};
  if (got > static_cast<int64_t>(into.size())) return Error{SOCKET_EINVAL};
  if (got == 0) return Piece{{}, true};
  return give(into.first(static_cast<size_t>(got)));
}

// ---- Streams

Status StreamSource::begin() {
  auto stream = pipeline_.stream_of(handle_);
  if (!stream.ok()) return stream.error();
  if (const Status status = (*stream)->may_begin_reading(); !status.ok()) return status;
  if (const Status status = (*stream)->ops().take_reading(*this); !status.ok()) return status;
  stream_ = *stream;
  rest_ = stream_->ops().take_leftover();
  return {};
}

Result<MoverPtr> StreamSource::mover(Stream &to, MoverOwner &owner) {
  auto from = pipeline_.stream_of(handle_);
  if (!from.ok()) return from.error();
  if (!(*from)->transport().can_splice() || !to.transport().can_splice()) return MoverPtr();
  return Mover::between(**from, to, -1, owner);
}

Result<Piece> StreamSource::pull(size_t most) {
  given_ = {};
  if (!rest_.bytes.empty()) {
    const auto bytes = rest_.bytes.first(std::min(most, rest_.bytes.size()));
    rest_.bytes = rest_.bytes.subspan(bytes.size());
    given_ = rest_.chunk;
    if (rest_.bytes.empty()) rest_ = {};
    return give(bytes);
  }
  if (code_) return Error{code_};
  if (ended_ || stream_->ops().at_end()) return Piece{{}, true};
  stream_->ops().want(true);
  return Error{SOCKET_EAGAIN};
}

// What was received behind it follows it in the same chunk.
void StreamSource::take_back(std::span<const char> bytes) noexcept {
  if (bytes.empty() || !given_) return;
  taken_ -= static_cast<int64_t>(bytes.size());
  rest_ = {given_, {bytes.data(), bytes.size() + rest_.bytes.size()}};
}

void StreamSource::let_go() noexcept {
  Stream *const stream = std::exchange(stream_, nullptr);
  if (!stream) return;
  if (!rest_.bytes.empty()) stream->ops().leave_over(std::exchange(rest_, {}));
  stream->ops().leave_reading();
}

std::span<char> StreamSource::receive_buffer() {
  return stream_->loop().receive_chunk(kLeastReceive);
}

void StreamSource::on_data(std::span<char> bytes) {
  rest_ = {stream_->loop().use_received(bytes.size()), bytes};
  stream_->ops().want(false);
  pipeline_.wake();
}

void StreamSource::on_eof() {
  ended_ = true;
  pipeline_.wake();
}

void StreamSource::on_read_ended(int code) noexcept {
  stream_ = nullptr;
  code_ = code;
  pipeline_.end(code);
}

} // namespace socketpoll
