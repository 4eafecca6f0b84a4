#include "net/dgram/dgram_ops.hpp"

#include "net/dgram/dgram.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll {

Result<Future *> DgramOps::receive(std::span<char> buffer, int timeout_ms) {
  if (reader_) return Error{SOCKET_EBUSY};
  auto future = Future::create(dgram_.loop(), *this, dgram_.handle(), timeout_ms);
  if (!future.ok()) return future;
  reader_ = *future;
  reader_->set_data(buffer.data());
  buffer_ = buffer;
  token_ = 0;
  dgram_.reconsider();
  return future;
}

Result<Future *> DgramOps::send(const SockName *to, std::span<const char> bytes, int timeout_ms) {
  if (writer_) return Error{SOCKET_EBUSY};
  auto future = Future::create(dgram_.loop(), *this, dgram_.handle(), timeout_ms);
  if (!future.ok()) return future;
  writer_ = *future;
  unsent_ = bytes;
  connected_peer_ = !to;
  if (to) to_ = *to;
  try_again();
  return future;
}

void DgramOps::try_again() noexcept {
  const Status status = dgram_.send_now(connected_peer_ ? nullptr : &to_, unsent_);
  if (status.code() == SOCKET_EAGAIN) return dgram_.reconsider();
  Future *const writer = std::exchange(writer_, nullptr);
  if (status.ok())
    writer->succeed(static_cast<int64_t>(unsent_.size()));
  else
    writer->fail(status.code());
  dgram_.reconsider();
}

void DgramOps::received(size_t length, bool truncated, HandleWord token) noexcept {
  Future *const reader = std::exchange(reader_, nullptr);
  token_ = token;
  reader->progress(static_cast<int64_t>(length));
  if (truncated)
    reader->fail(SOCKET_ETRUNCATED);
  else
    reader->succeed(static_cast<int64_t>(length), buffer_.data());
}

void DgramOps::received(const DatagramBatch::Datagram &datagram) noexcept {
  const size_t length = std::min(datagram.bytes.size(), buffer_.size());
  if (length > 0) std::memcpy(buffer_.data(), datagram.bytes.data(), length);
  sender_ = *datagram.from;
  received(length, datagram.truncated || length < datagram.bytes.size(), datagram.token);
}

void DgramOps::receiving_failed(int code, HandleWord token) noexcept {
  token_ = token;
  std::exchange(reader_, nullptr)->fail(code);
}

void DgramOps::abandon(Future &future) noexcept {
  (&future == reader_ ? reader_ : writer_) = nullptr;
  dgram_.reconsider();
}

void DgramOps::end(int code) noexcept {
  if (reader_) std::exchange(reader_, nullptr)->fail(code);
  if (writer_) std::exchange(writer_, nullptr)->fail(code);
}

} // namespace socketpoll
