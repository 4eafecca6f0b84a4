// Net floor, TLS over OpenSSL 3. One connection.
#pragma once

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
  // What verify tells of each certificate: whether the handshake goes on.
  int verify(bool good, X509_STORE_CTX *chain);

private:
  // Why a call returned this; SOCKET_EAGAIN where it only waits. Throws std::bad_alloc.
  Error failed(int outcome);
  Error certificate_failed() const noexcept;
  Status look_for(std::string_view server);
  void take_up_session();

  const std::shared_ptr<const OsslContext> context_;
  Wire &wire_;
  Connection ssl_;
  std::string server_; // of a client: whom it wants to reach
  std::string failure_;
  bool established_ = false;
};

} // namespace socketpoll::tls::ossl
