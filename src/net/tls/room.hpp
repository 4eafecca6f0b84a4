// Net floor, TLS. What the TLS connections of a loop share: memory for one operation at a time, and
// the memory of those that are not idle.
#pragma once

#include "base/list.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace socketpoll::tls {

struct WarmTag;
class TlsTransport;

class Room {
public:
  static constexpr size_t kCipherBytes = 65536;
  static constexpr size_t kPlainBytes = 16384;
  // An engine's buffers are given back when so many other connections had traffic since: a busy
  // connection keeps its own, and idle ones cost nothing that grows with their number.
  static constexpr int kWarm = 64;

  // Where records are received; whose bytes last until the dispatch is over. Throws std::bad_alloc.
  std::span<char> cipher() {
    if (!cipher_) cipher_ = std::make_unique_for_overwrite<char[]>(kCipherBytes);
    return {cipher_.get(), kCipherBytes};
  }
  // Nested turns receive elsewhere: what this takes away is put back after them.
  std::unique_ptr<char[]> exchange_cipher(std::unique_ptr<char[]> other) noexcept {
    cipher_.swap(other);
    return other;
  }
  // For one record before it is sealed.
  std::span<char> plain() noexcept { return plain_; }
  // Small records on their way down, those of one call.
  std::vector<char> &records() noexcept { return records_; }

  void warm(TlsTransport &transport) noexcept;
  void forget(TlsTransport &transport) noexcept;

private:
  std::unique_ptr<char[]> cipher_;
  std::vector<char> plain_ = std::vector<char>(kPlainBytes);
  std::vector<char> records_;
  List<TlsTransport, WarmTag> warm_; // the latest first
  int warm_count_ = 0;
};

} // namespace socketpoll::tls
