// Net floor, TLS over mbedTLS. One connection.
#pragma once

#include "net/tls/failure.hpp"
#include "net/tls/mbedtls/types.hpp"

namespace socketpoll::tls::mbed {

class MbedEngine final : public Engine {
public:
  MbedEngine(std::shared_ptr<const MbedContext> context, Wire &wire) noexcept
      : kept_(std::move(context)), context_(*kept_), wire_(wire) {}
  Status set_up(std::string_view server);

  Status handshake() override;
  Result<size_t> read(std::span<char> into) override;
  Status write(std::span<const char> bytes) override;
  Status finish() override;
  void idle() noexcept override;
  Agreement agreement() const noexcept override;
  Result<std::string> peer_certificate(int index) const override;
  std::string_view failure() const noexcept override { return failure_; }

  void set_server_name(std::string_view name) noexcept;

private:
  void wake();
  int follow_key_update() noexcept;
  Status handshake_failed(int error);
  Status take_up_session();
  void keep_session() noexcept;
  // Why mbedTLS returned this; throws std::bad_alloc where it ran out of memory.
  Error failed(int error);
  // verify.cpp: the peer's certificates.
  static int put(void *self, const unsigned char *bytes, size_t length) noexcept;
  static int take(void *self, unsigned char *into, size_t length) noexcept;
  static int verify(void *self, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) noexcept;
  static void log_key(void *self, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                      size_t length, const unsigned char client_random[32],
                      const unsigned char server_random[32], mbedtls_tls_prf_types prf) noexcept;
  int look_at(const mbedtls_x509_crt &certificate, int depth, uint32_t &flags);
  int judge(const mbedtls_x509_crt &certificate);
  uint32_t check_identity(const mbedtls_x509_crt &certificate) const noexcept;

  const std::shared_ptr<const MbedContext> kept_;
  const MbedContext &context_;
  Wire &wire_;
  Connection ssl_;
  std::unique_ptr<Server> server_; // of a client, until the handshake is over
  std::unique_ptr<std::string> server_name_;
  std::string failure_;
  CertificateFacts bad_; // of the first of the peer's certificates that is not good
  uint32_t flags_ = 0;   // what is wrong with them
  int verdict_ = 0;      // why they were refused
  int key_updates_ = 0;  // since the last byte
  bool asleep_ = false;
  bool resumed_ = true; // until a certificate was the handshake's next step
  bool established_ = false;
};

} // namespace socketpoll::tls::mbed
