// The operations of one datagram socket that complete once: at most one that receives and one that
// sends. Made when the first of them begins; a socket that only delivers events has none.
#pragma once

#include "net/dgram/dgram_batch.hpp"
#include "net/future.hpp"
#include "net/names/sock_name.hpp"
#include "net/os/os_dgram.hpp"

#include <span>

namespace socketpoll {

class Dgram;

class DgramOps final : private FutureSource {
public:
  explicit DgramOps(Dgram &dgram) noexcept : dgram_(dgram) {}

  // Both throw std::bad_alloc and have then begun nothing.
  Result<Future *> receive(std::span<char> buffer, int timeout_ms);
  // To the connected peer where `to` is nullptr; the name is copied.
  Result<Future *> send(const SockName *to, std::span<const char> bytes, int timeout_ms);

  bool receiving() const noexcept { return reader_ != nullptr; }
  bool sending() const noexcept { return writer_ != nullptr; }

  // ---- What the socket passes on, the first three only while receiving()
  std::span<char> buffer() const noexcept { return buffer_; }
  SockName &sender_room() noexcept { return sender_; }
  // The datagram lies in buffer(), from sender_room(). The token is its sender's from now on.
  void received(size_t length, bool truncated, HandleWord token) noexcept;
  // Copies it there first.
  void received(const DatagramBatch::Datagram &datagram) noexcept;
  void receiving_failed(int code, HandleWord token) noexcept;
  // A datagram may go now; only while sending().
  void try_again() noexcept;
  // The socket is freed, or can be waited for no more.
  void end(int code) noexcept;

  // Of the datagram that came last; 0 while the next one is awaited.
  HandleWord token() const noexcept { return token_; }
  const SockName &sender() const noexcept { return sender_; }

private:
  void abandon(Future &future) noexcept override;

  Dgram &dgram_;
  Future *reader_ = nullptr;
  Future *writer_ = nullptr;
  std::span<char> buffer_;
  std::span<const char> unsent_;
  bool connected_peer_ = false;
  HandleWord token_ = 0;
  SockName sender_, to_;
};

} // namespace socketpoll
