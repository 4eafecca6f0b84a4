// Net floor, TLS over OpenSSL 3. One connection.
#pragma once

#include "net/tls/failure.hpp"
#include "net/tls/openssl/types.hpp"

namespace socketpoll::tls::ossl {

class OsslEngine final : public Engine {
public:
  OsslEngine(std::shared_ptr<const OsslContext> context, Wire &wire) noexcept
      : context_(std::move(context)), wire_(wire) {}
  Status set_up(std::string_view server);

  Status handshake() override;
  Result<size_t> read(std::span<char> into) override;
  Status write(std::span<const char> bytes) override;
  Status finish() override;
  void idle() noexcept override { (void)SSL_free_buffers(ssl_.get()); }
  Agreement agreement() const noexcept override;
  Result<std::string> peer_certificate(int index) const override;
  std::string_view failure() const noexcept override { return failure_; }

  static OsslEngine &of(const SSL *ssl) noexcept {
    return *static_cast<OsslEngine *>(SSL_get_app_data(ssl));
  }
  const OsslContext &context() const noexcept { return *context_; }
  // A session that may be resumed has come. Throws std::bad_alloc.
  void keep(SSL_SESSION *session);
  // verify.cpp: whether the peer's certificates are good, 1 or 0 with the error in `chain`.
  int verify(X509_STORE_CTX *chain);
  // Memory ran out in a callback, and that is why the handshake fails.
  void out_of_memory() noexcept { verdict_ = SOCKET_ENOMEM; }
  // What a server stapled, 1 or 0. Throws std::bad_alloc.
  int look_at_staple();

private:
  // Why a call returned this; SOCKET_EAGAIN where it only waits. Throws std::bad_alloc.
  Error failed(int outcome);
  int judge(X509_STORE_CTX *chain, int found, CertificateFacts &facts) const;
  int refuse(int code, const CertificateFacts &facts);
  Status look_for(std::string_view server);
  void take_up_session();

  const std::shared_ptr<const OsslContext> context_;
  Wire &wire_;
  Connection ssl_;
  std::string server_; // of a client: whom it wants to reach
  std::string failure_;
  int verdict_ = 0; // why a callback ended the handshake
  bool established_ = false;
};

} // namespace socketpoll::tls::ossl
