#include "net/tls/mbedtls/tickets.hpp"

#include <mbedtls/gcm.h>

#include <algorithm>
#include <ctime>

namespace socketpoll::tls::mbed {

namespace {
constexpr size_t kName = TicketKey::kNameBytes, kNonce = 12, kTag = 16;

using Gcm = Owned<mbedtls_gcm_context, mbedtls_gcm_init, mbedtls_gcm_free>;

int with_key(const Gcm &gcm, const TicketKey &key) noexcept {
  return mbedtls_gcm_setkey(gcm.get(), MBEDTLS_CIPHER_ID_AES, key.cipher.data(),
                            TicketKey::kSecretBytes * 8);
}
} // namespace

int seal_ticket(TicketKeys &keys, const mbedtls_ssl_session &session, std::span<unsigned char> room,
                size_t &length) noexcept {
  std::optional<TicketKey> key;
  try {
    key = keys.current(std::time(nullptr));
  } catch (const std::bad_alloc &) {
  }
  if (!key) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
  if (room.size() < kName + kNonce + kTag) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  const auto name = room.first(kName), nonce = room.subspan(kName, kNonce);
  const auto rest = room.subspan(kName + kNonce, room.size() - kName - kNonce - kTag);
  size_t size = 0;
  if (const int error = mbedtls_ssl_session_save(&session, rest.data(), rest.size(), &size))
    return error;
  std::ranges::copy(key->name, name.begin());
  if (!fill_random(nonce).ok()) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
  const Gcm gcm;
  if (const int error = with_key(gcm, *key)) return error;
  length = kName + kNonce + size + kTag;
  return mbedtls_gcm_crypt_and_tag(gcm.get(), MBEDTLS_GCM_ENCRYPT, size, nonce.data(), kNonce,
                                   name.data(), kName, rest.data(), rest.data(), kTag,
                                   rest.data() + size);
}

int open_ticket(TicketKeys &keys, mbedtls_ssl_session &session,
                std::span<unsigned char> ticket) noexcept {
  if (ticket.size() < kName + kNonce + kTag) return MBEDTLS_ERR_SSL_INVALID_MAC;
  const auto name = ticket.first(kName), nonce = ticket.subspan(kName, kNonce);
  const auto sealed = ticket.subspan(kName + kNonce, ticket.size() - kName - kNonce - kTag);
  std::optional<TicketKeys::Found> found;
  try {
    found = keys.find(name, std::time(nullptr));
  } catch (const std::bad_alloc &) {
  }
  if (!found) return MBEDTLS_ERR_SSL_INVALID_MAC;
  const Gcm gcm;
  if (const int error = with_key(gcm, found->key)) return error;
  if (mbedtls_gcm_auth_decrypt(gcm.get(), sealed.size(), nonce.data(), kNonce, name.data(), kName,
                               sealed.data() + sealed.size(), kTag, sealed.data(),
                               sealed.data()) != 0)
    return MBEDTLS_ERR_SSL_INVALID_MAC;
  return mbedtls_ssl_session_load(&session, sealed.data(), sealed.size());
}

} // namespace socketpoll::tls::mbed
