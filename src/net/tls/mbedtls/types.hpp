// Net floor, TLS over mbedTLS. Its objects with an owner, and its errors as ours. Only the files of
// this folder include this.
#pragma once

#include "net/tls/engine.hpp"
#include "net/tls/names.hpp"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <new>
#include <utility>

namespace socketpoll::tls::mbed {

// A structure of mbedTLS's with its pair of functions.
template <class T, void (*init)(T *), void (*end)(T *)> class Owned {
public:
  Owned() noexcept { init(&value_); }
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  ~Owned() { end(&value_); }
  T *get() const noexcept { return &value_; }
  T *operator->() const noexcept { return &value_; }

private:
  mutable T value_; // what it points to is read by many connections
};

using Certificates = Owned<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using PrivateKey = Owned<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using Config = Owned<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;
using Connection = Owned<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;
using Session = Owned<mbedtls_ssl_session, mbedtls_ssl_session_init, mbedtls_ssl_session_free>;

inline std::span<const uint8_t> bytes_of(const mbedtls_asn1_buf &buffer) noexcept {
  return {buffer.p, buffer.len};
}
inline std::string_view text_of(const mbedtls_asn1_buf &buffer) noexcept {
  return {reinterpret_cast<const char *>(buffer.p), buffer.len};
}
inline const unsigned char *unsigned_bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char *>(text.data());
}

// In mbedTLS's own words. Throws std::bad_alloc.
std::string text_of_error(int error);
// Throws std::bad_alloc where that is what the error says; otherwise returns it.
int not_memory(int error);

// The system's, as mbedTLS wants to be called.
int random_bytes(void *, unsigned char *out, size_t length) noexcept;
// Once in a process, before anything else.
bool begin() noexcept;
int parse_certificates(const Certificates &into, const std::string &text);
int parse_key(const PrivateKey &into, const std::string &text, const std::string &password);

struct Identity {
  std::vector<std::string> names;
  Certificates chain;
  PrivateKey key;
};

class MbedContext final : public Context {
public:
  explicit MbedContext(std::shared_ptr<const Settings> settings) : settings_(std::move(settings)) {}
  // All that can fail; `why` says what did.
  Status set_up(std::string &why);
  Result<std::unique_ptr<Engine>> engine(Wire &wire, std::string_view server) const override;

  const Settings &settings() const noexcept { return *settings_; }
  const mbedtls_ssl_config *config() const noexcept { return config_.get(); }

private:
  Status read_authorities(std::string &why);
  Status read_identities(std::string &why);
  Status add_identity(const Credential &credential, std::string &why);
  void configure_identities() noexcept;
  Status configure(std::string &why);
  static int choose_identity(void *self, mbedtls_ssl_context *ssl, const unsigned char *name,
                             size_t length) noexcept;
  static int seal_ticket(void *self, const mbedtls_ssl_session *session, unsigned char *start,
                         const unsigned char *end, size_t *length, uint32_t *lifetime) noexcept;
  static int open_ticket(void *self, mbedtls_ssl_session *session, unsigned char *bytes,
                         size_t length) noexcept;

  std::shared_ptr<const Settings> settings_;
  Config config_;
  Certificates authorities_;
  std::vector<std::unique_ptr<Identity>> identities_;
  std::vector<int> suites_;
  std::vector<const char *> alpn_;
};

} // namespace socketpoll::tls::mbed
