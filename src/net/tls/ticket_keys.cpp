#include "net/tls/ticket_keys.hpp"

#include "net/tls/engine.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll::tls {

namespace {
// Two of them cover a ticket's life.
constexpr size_t kOwnKeys = 3;
constexpr int64_t kRotateSeconds = TicketKeys::kLifetimeSeconds / 2;

uint8_t *write_to(uint8_t *out, std::span<const uint8_t> part) noexcept {
  std::memcpy(out, part.data(), part.size());
  return out + part.size();
}

const uint8_t *read_from(const uint8_t *in, std::span<uint8_t> part) noexcept {
  std::memcpy(part.data(), in, part.size());
  return in + part.size();
}

// A clock that was set back is no reason to keep a key for longer.
bool is_due(int64_t made, int64_t now) noexcept {
  return now < made || now - made >= kRotateSeconds;
}
} // namespace

bool TicketKeys::rotate(int64_t now_seconds) {
  if (given_ || (!keys_.empty() && !is_due(made_seconds_, now_seconds))) return !keys_.empty();
  TicketKey key;
  for (const std::span<uint8_t> part :
       {std::span<uint8_t>(key.name), std::span<uint8_t>(key.cipher), std::span<uint8_t>(key.mac)})
    if (!fill_random(part).ok()) return !keys_.empty();
  keys_.insert(keys_.begin(), key);
  if (keys_.size() > kOwnKeys) keys_.resize(kOwnKeys);
  made_seconds_ = now_seconds;
  return true;
}

std::optional<TicketKey> TicketKeys::current(int64_t now_seconds) {
  const std::lock_guard lock(mutex_);
  if (!rotate(now_seconds)) return std::nullopt;
  return keys_.front();
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const uint8_t> name,
                                                  int64_t now_seconds) {
  const std::lock_guard lock(mutex_);
  (void)rotate(now_seconds);
  for (size_t i = 0; i < keys_.size(); i++)
    if (std::ranges::equal(keys_[i].name, name)) return Found{keys_[i], i > 0};
  return std::nullopt;
}

Status TicketKeys::set(std::span<const uint8_t> bytes) {
  if (bytes.size() % TicketKey::kBytes != 0 || bytes.size() > kMost * TicketKey::kBytes)
    return Error{SOCKET_EINVAL};
  std::vector<TicketKey> keys(bytes.size() / TicketKey::kBytes);
  const uint8_t *in = bytes.data();
  for (TicketKey &key : keys)
    in = read_from(read_from(read_from(in, key.name), key.cipher), key.mac);
  const std::lock_guard lock(mutex_);
  keys_.swap(keys);
  given_ = !keys_.empty();
  return {};
}

Result<size_t> TicketKeys::get(std::span<uint8_t> out, int64_t now_seconds) {
  const std::lock_guard lock(mutex_);
  if (!rotate(now_seconds)) return Error{SOCKET_EIO};
  const size_t size = keys_.size() * TicketKey::kBytes;
  if (out.size() < size) return Error{SOCKET_ENOBUFS};
  uint8_t *end = out.data();
  for (const TicketKey &key : keys_)
    end = write_to(write_to(write_to(end, key.name), key.cipher), key.mac);
  return size;
}

} // namespace socketpoll::tls
