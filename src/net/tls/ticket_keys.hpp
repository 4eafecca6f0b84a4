// Net floor, TLS. The keys under which a server seals its session tickets (RFC 5077, RFC 8446
// 4.6.1). Shared by all connections of a context, on any thread.
//
// Keys that the library made are replaced before half of a ticket's life is over, and the ones
// before open what they have sealed. Keys that the program gave are its own to replace: that is how
// several processes, or one and its successor, accept each other's tickets.
#pragma once

#include "base/result.hpp"
#include "net/tls/secret.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace socketpoll::tls {

struct TicketKey {
  static constexpr size_t kNameBytes = 16, kSecretBytes = 32;
  static constexpr size_t kBytes = kNameBytes + 2 * kSecretBytes;

  TicketKey() noexcept = default;
  TicketKey(const TicketKey &) noexcept = default;
  TicketKey &operator=(const TicketKey &) noexcept = default;
  ~TicketKey() {
    wipe(cipher.data(), cipher.size());
    wipe(mac.data(), mac.size());
  }

  std::array<uint8_t, kNameBytes> name{}; // travels in the open, in front of the ticket
  std::array<uint8_t, kSecretBytes> cipher{};
  std::array<uint8_t, kSecretBytes> mac{};
};

class TicketKeys {
public:
  static constexpr int64_t kLifetimeSeconds = 12 * 3600; // of a ticket
  static constexpr size_t kMost = 16;

  // The one to seal with; none if there is no randomness to be had.
  std::optional<TicketKey> current(int64_t now_seconds);
  struct Found {
    TicketKey key;
    bool renew; // the ticket is to be replaced by one under the current key
  };
  std::optional<Found> find(std::span<const uint8_t> name, int64_t now_seconds);

  // TicketKey::kBytes each; the first one seals, the others open. None: back to keys of our own.
  // SOCKET_EINVAL. Throws std::bad_alloc.
  Status set(std::span<const uint8_t> bytes);
  // What set() takes; SOCKET_ENOBUFS where it does not fit.
  Result<size_t> get(std::span<uint8_t> out, int64_t now_seconds);

private:
  bool rotate(int64_t now_seconds);

  std::mutex mutex_;
  std::vector<TicketKey> keys_; // the newest first
  int64_t made_seconds_ = 0;
  bool given_ = false;
};

} // namespace socketpoll::tls
