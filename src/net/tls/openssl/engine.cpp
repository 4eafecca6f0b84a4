#include "net/tls/openssl/engine.hpp"

#include "net/tls/session_cache.hpp"

#include <openssl/err.h>

namespace socketpoll::tls::ossl {

namespace {

// ---- The wire as a BIO

Wire &wire_of(BIO *bio) noexcept { return *static_cast<Wire *>(BIO_get_data(bio)); }

int put(BIO *bio, const char *bytes, int length) noexcept {
  BIO_clear_retry_flags(bio);
  return wire_of(bio).put({bytes, static_cast<size_t>(length)}) ? length : -1;
}

int take(BIO *bio, char *into, int length) noexcept {
  BIO_clear_retry_flags(bio);
  const size_t taken = wire_of(bio).take({into, static_cast<size_t>(length)});
  if (taken > 0) return static_cast<int>(taken);
  BIO_set_retry_read(bio);
  return -1;
}

long control(BIO *, int command, long, void *) noexcept { return command == BIO_CTRL_FLUSH; }

// Made once, and never freed: connections of other threads may use it until the end.
const BIO_METHOD *wire_method() {
  static BIO_METHOD *const method = [] {
    BIO_METHOD *made =
        there(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socketpoll"));
    BIO_meth_set_write(made, put);
    BIO_meth_set_read(made, take);
    BIO_meth_set_ctrl(made, control);
    BIO_meth_set_create(made, [](BIO *bio) { return BIO_set_init(bio, 1), 1; });
    return made;
  }();
  return method;
}

} // namespace

Status OsslEngine::set_up(std::string_view server) {
  const Settings &settings = context_->settings();
  ERR_clear_error();
  ssl_.reset(there(SSL_new(context_->config())));
  SSL_set_app_data(ssl_.get(), this);
  BIO *const bio = there(BIO_new(wire_method()));
  BIO_set_data(bio, &wire_);
  SSL_set_bio(ssl_.get(), bio, bio);
  int mode = SSL_VERIFY_NONE;
  const bool judged = !settings.pins.empty() || (settings.judge && !settings.server);
  if (settings.check != PeerCheck::none || judged) mode = SSL_VERIFY_PEER;
  if (settings.server && settings.check == PeerCheck::required)
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_set_verify(ssl_.get(), mode, nullptr); // by the context's verify_chain
  if (settings.server) return SSL_set_accept_state(ssl_.get()), Status();
  SSL_set_connect_state(ssl_.get());
  return look_for(server);
}

// Whom the certificate must be for, and who is asked for. RFC 9525 knows no subject.
Status OsslEngine::look_for(std::string_view server) {
  server_ = server;
  const Server to = Server::parse(server);
  X509_VERIFY_PARAM *const wanted = SSL_get0_param(ssl_.get());
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                              X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool checks = context_->settings().check != PeerCheck::none;
  if (checks) SSL_set_tlsext_status_type(ssl_.get(), TLSEXT_STATUSTYPE_ocsp);
  if (!to.address.empty()) {
    if (checks && !X509_VERIFY_PARAM_set1_ip(wanted, to.address.data(), to.address.size()))
      throw std::bad_alloc();
  } else {
    if (!SSL_set_tlsext_host_name(ssl_.get(), to.name.c_str()) ||
        (checks && !X509_VERIFY_PARAM_set1_host(wanted, to.name.data(), to.name.size())))
      throw std::bad_alloc();
  }
  take_up_session();
  return {};
}

// ---- Sessions

void OsslEngine::take_up_session() {
  const auto &sessions = context_->settings().sessions;
  if (!sessions) return;
  const std::string saved = sessions->take(server_);
  if (saved.empty()) return;
  const unsigned char *in = unsigned_bytes(saved);
  const Owned<SSL_SESSION, SSL_SESSION_free> session(
      d2i_SSL_SESSION(nullptr, &in, static_cast<long>(saved.size())));
  if (session) (void)SSL_set_session(ssl_.get(), session.get());
  ERR_clear_error(); // what cannot be read any more is not taken up
}

void OsslEngine::keep(SSL_SESSION *session) {
  const auto &sessions = context_->settings().sessions;
  if (!sessions) return;
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return;
  std::string saved(static_cast<size_t>(size), '\0');
  auto *out = reinterpret_cast<unsigned char *>(saved.data());
  i2d_SSL_SESSION(session, &out);
  sessions->put(server_, std::move(saved));
}

// ---- Certificates

Result<std::string> OsslEngine::peer_certificate(int index) const {
  const X509 *own = SSL_get0_peer_certificate(ssl_.get());
  if (index == 0 && own) return der_of(own);
  // A client has the peer's own in front of the others, a server has not.
  const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl_.get());
  const int at = context_->settings().server ? index - 1 : index;
  if (!own || !chain || index < 0 || at >= sk_X509_num(chain)) return Error{SOCKET_ENOENT};
  return der_of(sk_X509_value(chain, at));
}

// ---- The handshake, and bytes

Status OsslEngine::handshake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_.get());
  if (outcome != 1) return failed(outcome);
  established_ = true;
  // Where a session of TLS 1.2 is resumed the server sends no other ticket: this one stays good.
  if (!server_.empty() && SSL_session_reused(ssl_.get()) == 1 &&
      SSL_version(ssl_.get()) == TLS1_2_VERSION)
    keep(SSL_get_session(ssl_.get()));
  return {};
}

Result<size_t> OsslEngine::read(std::span<char> into) {
  ERR_clear_error();
  size_t got = 0;
  const int outcome = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  if (outcome == 1) return got;
  if (SSL_get_error(ssl_.get(), outcome) == SSL_ERROR_ZERO_RETURN) return size_t{0};
  return failed(outcome);
}

Status OsslEngine::write(std::span<const char> bytes) {
  ERR_clear_error();
  while (!bytes.empty()) {
    size_t sent = 0;
    const int outcome = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (outcome != 1) return failed(outcome);
    bytes = bytes.subspan(sent);
  }
  return {};
}

Status OsslEngine::finish() {
  ERR_clear_error();
  const int outcome = SSL_shutdown(ssl_.get());
  return outcome >= 0 ? Status() : failed(outcome);
}

Agreement OsslEngine::agreement() const noexcept {
  Agreement agreed;
  if (!established_) return agreed;
  const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl_.get());
  agreed.version = SSL_version(ssl_.get()) == TLS1_3_VERSION ? Version::tls13 : Version::tls12;
  agreed.suite = cipher ? find_suite(SSL_CIPHER_get_protocol_id(cipher)) : nullptr;
  const unsigned char *protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
  agreed.alpn = {reinterpret_cast<const char *>(protocol), length};
  if (const char *name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name))
    agreed.server_name = name;
  agreed.resumed = SSL_session_reused(ssl_.get()) == 1;
  return agreed;
}

namespace {
int code_of(int reason) noexcept {
  switch (reason) {
  case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return SOCKET_ECERT_MISSING;
  case SSL_R_NO_SHARED_CIPHER:
  case SSL_R_UNSUPPORTED_PROTOCOL:
  case SSL_R_NO_PROTOCOLS_AVAILABLE:
  case SSL_R_NO_APPLICATION_PROTOCOL:
  case SSL_R_VERSION_TOO_LOW: return SOCKET_ENOCOMMON;
  default: return SOCKET_ETLS;
  }
}
} // namespace

Error OsslEngine::failed(int outcome) {
  switch (SSL_get_error(ssl_.get(), outcome)) {
  case SSL_ERROR_WANT_READ: return {SOCKET_EAGAIN};
  case SSL_ERROR_SYSCALL: ERR_clear_error(); return {SOCKET_EPIPE}; // the wire takes no more
  default: break;
  }
  const Failure failure = take_failure();
  if (verdict_ != 0) return {verdict_}; // explained where it was found
  if (failure.reason > SSL_AD_REASON_OFFSET) {
    failure_ = explain_alert(failure.reason - SSL_AD_REASON_OFFSET);
    return {SOCKET_EALERT};
  }
  const int code = code_of(failure.reason);
  failure_ = explain_failure(code, failure.text);
  return {code};
}

} // namespace socketpoll::tls::ossl
