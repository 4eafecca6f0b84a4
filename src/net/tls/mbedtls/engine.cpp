#include "net/tls/mbedtls/engine.hpp"

#include "net/tls/key_log.hpp"
#include "net/tls/session_cache.hpp"

#include <mbedtls/error.h>

#if defined(SOCKETPOLL_MBEDTLS_BUNDLED)
#include <alert_keys.h>
#include <idle.h>
#include <key_update.h>
#endif

#include <algorithm>

namespace socketpoll::tls::mbed {

Status MbedEngine::set_up(std::string_view server) {
  if (const int error = not_memory(mbedtls_ssl_setup(ssl_.get(), context_.config())))
    return failed(error);
  mbedtls_ssl_set_bio(ssl_.get(), this, put, take, nullptr);
  mbedtls_ssl_set_user_data_p(ssl_.get(), this);
  mbedtls_ssl_set_verify(ssl_.get(), verify, this);
  if (context_.settings().key_log) mbedtls_ssl_set_export_keys_cb(ssl_.get(), log_key, this);
  if (context_.settings().server) return {};
  server_ = std::make_unique<Server>(Server::parse(server));
  // Of a name: asked for (SNI) and looked for in the certificate, where verify() does so once more,
  // for mbedTLS goes by the subject where RFC 9525 does not.
  const char *const name = server_->name.empty() ? nullptr : server_->name.c_str();
  if (const int error = not_memory(mbedtls_ssl_set_hostname(ssl_.get(), name)))
    return failed(error);
  server_name_ = std::make_unique<std::string>(server);
  return take_up_session();
}

void MbedEngine::set_server_name(std::string_view name) noexcept {
  try {
    server_name_ = std::make_unique<std::string>(name);
  } catch (const std::bad_alloc &) {
    server_name_.reset(); // only those who ask for it miss it
  }
}

// ---- The wire

int MbedEngine::put(void *self, const unsigned char *bytes, size_t length) noexcept {
  const std::span records(reinterpret_cast<const char *>(bytes), length);
  if (!static_cast<MbedEngine *>(self)->wire_.put(records)) return MBEDTLS_ERR_SSL_CONN_EOF;
  return static_cast<int>(length);
}

int MbedEngine::take(void *self, unsigned char *into, size_t length) noexcept {
  const size_t taken =
      static_cast<MbedEngine *>(self)->wire_.take({reinterpret_cast<char *>(into), length});
  return taken > 0 ? static_cast<int>(taken) : MBEDTLS_ERR_SSL_WANT_READ;
}

// ---- The handshake

// Step by step, because nothing else tells whether a session was taken up again: then no
// certificate is sent.
Status MbedEngine::handshake() {
  while (!mbedtls_ssl_is_handshake_over(ssl_.get())) {
    if (ssl_->MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_SERVER_CERTIFICATE) resumed_ = false;
    const int error = mbedtls_ssl_handshake_step(ssl_.get());
    if (error == MBEDTLS_ERR_SSL_WANT_READ) return Error{SOCKET_EAGAIN};
    if (error != 0) return handshake_failed(error);
#if defined(SOCKETPOLL_MBEDTLS_BUNDLED)
    socketpoll_mbedtls_alert_keys(ssl_.get());
#endif
  }
  established_ = true;
  server_.reset();
  if (mbedtls_ssl_get_version_number(ssl_.get()) == MBEDTLS_SSL_VERSION_TLS1_2) keep_session();
  return {};
}

// mbedTLS sends the alerts itself, but for a client of TLS 1.2 that shows no certificate (RFC 5246,
// 7.4.6).
Status MbedEngine::handshake_failed(int error) {
  if (error == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE &&
      mbedtls_ssl_get_version_number(ssl_.get()) == MBEDTLS_SSL_VERSION_TLS1_2)
    (void)mbedtls_ssl_send_alert_message(ssl_.get(), MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                         MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
  // Clients that stand on OpenSSL or mbedTLS refuse a server of TLS 1.3 in the clear.
  const unsigned char *const record = ssl_->MBEDTLS_PRIVATE(in_hdr);
  if (error == MBEDTLS_ERR_SSL_INVALID_MAC && record[0] == MBEDTLS_SSL_MSG_ALERT &&
      mbedtls_ssl_get_version_number(ssl_.get()) == MBEDTLS_SSL_VERSION_TLS1_3) {
    constexpr int kDescription = 6; // after the header of the record and the level
    failure_ = explain_alert(record[kDescription]);
    return Error{SOCKET_EALERT};
  }
  return failed(error);
}

Status MbedEngine::take_up_session() {
  if (!context_.settings().sessions) return {};
  const std::string saved = context_.settings().sessions->take(*server_name_);
  if (saved.empty()) return {};
  const Session session;
  // What cannot be read any more is not taken up.
  if (not_memory(mbedtls_ssl_session_load(session.get(), unsigned_bytes(saved), saved.size())) == 0)
    (void)not_memory(mbedtls_ssl_set_session(ssl_.get(), session.get()));
  return {};
}

void MbedEngine::keep_session() noexcept {
  const auto &sessions = context_.settings().sessions;
  if (context_.settings().server || !sessions) return;
  try {
    const Session session;
    if (mbedtls_ssl_get_session(ssl_.get(), session.get()) != 0) return;
    size_t size = 0;
    (void)mbedtls_ssl_session_save(session.get(), nullptr, 0, &size);
    std::string saved(size, '\0');
    if (mbedtls_ssl_session_save(session.get(), reinterpret_cast<unsigned char *>(saved.data()),
                                 saved.size(), &size) == 0)
      sessions->put(*server_name_, std::move(saved));
  } catch (const std::bad_alloc &) {
    // the next connection begins anew
  }
}

// ---- Bytes

void MbedEngine::wake() {
#if defined(SOCKETPOLL_MBEDTLS_BUNDLED)
  if (asleep_ && socketpoll_mbedtls_wake(ssl_.get()) != 0) throw std::bad_alloc();
#endif
  asleep_ = false;
}

void MbedEngine::idle() noexcept {
#if defined(SOCKETPOLL_MBEDTLS_BUNDLED)
  asleep_ = socketpoll_mbedtls_idle(ssl_.get()) != 0;
#endif
}

Result<size_t> MbedEngine::read(std::span<char> into) {
  wake();
  for (;;) {
    const int got =
        mbedtls_ssl_read(ssl_.get(), reinterpret_cast<unsigned char *>(into.data()), into.size());
    if (got > 0) {
      key_updates_ = 0;
      return static_cast<size_t>(got);
    }
    switch (got) {
    case MBEDTLS_ERR_SSL_WANT_READ:
      // After a ticket there may be more, on the wire or taken from it already.
      if (wire_.empty() && !mbedtls_ssl_check_pending(ssl_.get())) return Error{SOCKET_EAGAIN};
      break;
    case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET: keep_session(); break;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return size_t{0};
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE: // which mbedTLS takes a KeyUpdate for
      if (const int error = follow_key_update()) return failed(error);
      break;
    default: return failed(got);
    }
  }
}

// Each costs work, and an answer: so many without a byte between them are no use to anybody.
int MbedEngine::follow_key_update() noexcept {
#if defined(SOCKETPOLL_MBEDTLS_BUNDLED)
  constexpr int kMost = 32;
  if (key_updates_++ < kMost) return socketpoll_mbedtls_key_update(ssl_.get());
#endif
  (void)mbedtls_ssl_send_alert_message(ssl_.get(), MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE);
  return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
}

Status MbedEngine::write(std::span<const char> bytes) {
  wake();
  while (!bytes.empty()) { // in several records where the peer wants small ones
    const int sent = mbedtls_ssl_write(
        ssl_.get(), reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
    if (sent < 0) return failed(sent);
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
  return {};
}

Status MbedEngine::finish() {
  wake();
  const int error = mbedtls_ssl_close_notify(ssl_.get());
  return error == 0 ? Status() : failed(error);
}

// ---- What is known of it

Agreement MbedEngine::agreement() const noexcept {
  Agreement agreed;
  if (!established_) return agreed;
  agreed.version = mbedtls_ssl_get_version_number(ssl_.get()) == MBEDTLS_SSL_VERSION_TLS1_3
                       ? Version::tls13
                       : Version::tls12;
  agreed.suite =
      find_suite(static_cast<uint16_t>(mbedtls_ssl_get_ciphersuite_id_from_ssl(ssl_.get())));
  if (const char *protocol = mbedtls_ssl_get_alpn_protocol(ssl_.get())) agreed.alpn = protocol;
  if (server_name_) agreed.server_name = *server_name_;
  agreed.resumed = resumed_;
  return agreed;
}

Result<std::string> MbedEngine::peer_certificate(int index) const {
  const mbedtls_x509_crt *certificate = mbedtls_ssl_get_peer_cert(ssl_.get());
  for (; certificate && index > 0; index--) certificate = certificate->next;
  if (!certificate || !certificate->raw.p) return Error{SOCKET_ENOENT};
  return std::string(text_of(certificate->raw));
}

void MbedEngine::log_key(void *self, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                         size_t length, const unsigned char client_random[32],
                         const unsigned char[32], mbedtls_tls_prf_types) noexcept {
  const char *label = nullptr;
  switch (type) {
  case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET: label = "CLIENT_RANDOM"; break;
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
    label = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
    break;
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
    label = "SERVER_HANDSHAKE_TRAFFIC_SECRET";
    break;
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
    label = "CLIENT_TRAFFIC_SECRET_0";
    break;
  case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
    label = "SERVER_TRAFFIC_SECRET_0";
    break;
  default: return;
  }
  try {
    static_cast<MbedEngine *>(self)->context_.settings().key_log->line(label, {client_random, 32},
                                                                       {secret, length});
  } catch (const std::bad_alloc &) {
  }
}

namespace {
int code_of(int error) noexcept {
  switch (error) {
  case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE: return SOCKET_ECERT_MISSING;
  case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
  case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
  case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
  case MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION: return SOCKET_ENOCOMMON;
  default: return SOCKET_ETLS;
  }
}
} // namespace

Error MbedEngine::failed(int error) {
  (void)not_memory(error);
  switch (error) {
  case MBEDTLS_ERR_SSL_CONN_EOF: return {SOCKET_EPIPE};
  case MBEDTLS_ERR_X509_FATAL_ERROR:
  case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
    return {verdict_ != 0 ? verdict_ : int{SOCKET_ECERT}}; // explained where it was found
  case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
    failure_ = explain_alert(ssl_->MBEDTLS_PRIVATE(in_msg)[1]);
    return {SOCKET_EALERT};
  default: break;
  }
  const int code = code_of(error);
  failure_ = explain_failure(code, text_of_error(error));
  return {code};
}

} // namespace socketpoll::tls::mbed
