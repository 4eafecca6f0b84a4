#include "net/pipeline/pipeline_sinks.hpp"

#include "net/os/os_file.hpp"
#include "net/pipeline/pipeline.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll {

// ---- What gathers

Status GatheringSink::push(std::span<const char> bytes) {
  if (gathered_ + bytes.size() > kGathered)
    if (const Status status = flush(); !status.ok()) return status;
  if (gathered_ == 0 && bytes.size() >= kGathered / 2) return put(bytes);
  if (bytes.empty()) return {};
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kGathered);
  std::memcpy(buffer_.get() + gathered_, bytes.data(), bytes.size());
  gathered_ += bytes.size();
  return {};
}

Status GatheringSink::flush() {
  if (gathered_ == 0) return {};
  return put({buffer_.get(), std::exchange(gathered_, 0)});
}

// ---- Files

Status FileSink::put(std::span<const char> bytes) {
  while (!bytes.empty()) {
    auto wrote = os::write_next(file_.get(), bytes);
    // A device that is busy tells nobody when it is not.
    if (!wrote.ok())
      return Error{wrote.code() == SOCKET_EAGAIN ? int{SOCKET_ENOTSUP} : wrote.code()};
    if (*wrote == 0) return Error{SOCKET_EIO};
    written_ += static_cast<int64_t>(*wrote);
    bytes = bytes.subspan(*wrote);
  }
  return {};
}

Status FileSink::finish() {
  if (const Status status = flush(); !status.ok()) return status;
  return os::close_written(std::move(file_));
}

void FileSink::let_go() noexcept {
  if (!file_) return;
  try {
    (void)flush(); // what it has got is to stay
  } catch (const std::bad_alloc &) {
  }
  file_.reset();
}

// ---- Streams

Status StreamSink::begin() {
  auto stream = pipeline_.stream_of(handle_);
  if (!stream.ok()) return stream.error();
  if (const Status status = (*stream)->may_begin_writing(); !status.ok()) return status;
  if (const Status status = (*stream)->ops().take_writing(*this); !status.ok()) return status;
  stream_ = *stream;
  return {};
}

bool StreamSink::ready() const noexcept {
  return in_flight_ + static_cast<int64_t>(gathered()) < pipeline_.high_mark();
}

Status StreamSink::put(std::span<const char> bytes) {
  const auto length = static_cast<int64_t>(bytes.size());
  if (const Status status = stream_->transport().may_write(); !status.ok()) return status;
  in_flight_ += length;
  written_ += length;
  auto went = stream_->transport().write_piece({.bytes = bytes, .pipe = {}, .file = {}}, *this);
  if (!went.ok()) {
    in_flight_ = 0;
    written_ -= length;
    return went.error();
  }
  in_flight_ -= *went;
  stream_->output_grew();
  return {};
}

Status StreamSink::flush() {
  if (!broken_) return GatheringSink::flush();
  const Status why = stream_->transport().may_write();
  return why.ok() ? Status(Error{SOCKET_ECLOSED}) : why;
}

Status StreamSink::finish() {
  if (const Status status = flush(); !status.ok()) return status;
  return in_flight_ > 0 ? Status(Error{SOCKET_EAGAIN}) : Status();
}

void StreamSink::let_go() noexcept {
  if (!stream_) return;
  try {
    (void)flush();
  } catch (const std::bad_alloc &) {
  }
  if (Stream *const stream = std::exchange(stream_, nullptr)) stream->ops().leave_writing();
}

void StreamSink::on_taken(int64_t sent, int64_t unsent) noexcept {
  const bool full = !ready();
  in_flight_ -= sent + unsent;
  written_ -= unsent;
  if (unsent > 0) broken_ = true;
  // Woken at half the mark, so that it has something to do.
  if (broken_ || in_flight_ == 0 || (full && in_flight_ <= pipeline_.high_mark() / 2))
    pipeline_.wake();
}

void StreamSink::on_write_ended(int code) noexcept {
  stream_ = nullptr;
  pipeline_.end(code);
}

// ---- Buffers and callbacks

Status BufferSink::push(std::span<const char> bytes) {
  const Buffer::Turn turn(*buffer_);
  if (!turn) return Error{SOCKET_EBUSY};
  const Status status = buffer_->write(bytes);
  if (status.ok()) written_ += static_cast<int64_t>(bytes.size());
  return status;
}

Status CallbackSink::push(std::span<const char> bytes) {
  const int code =
      call_(pipeline_.as_handle(), bytes.data(), static_cast<int64_t>(bytes.size()), user_);
  if (code < 0) return Error{Pipeline::code_of(code)};
  written_ += static_cast<int64_t>(bytes.size());
  return {};
}

} // namespace socketpoll
