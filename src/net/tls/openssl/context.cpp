// Net floor, TLS over OpenSSL 3. Settings become SSL_CTXs, one for each set of names, which any
// number of connections share, on any thread: nothing here changes once it is set up.
#include "net/tls/key_log.hpp"
#include "net/tls/openssl/engine.hpp"
#include "net/tls/trust.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

namespace socketpoll::tls {

namespace ossl {

namespace {

constexpr unsigned char kSessionContext[] = "socketpoll";

int version_number(Version version) noexcept {
  return version == Version::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

// The names of the suites of one version, as OpenSSL wants them.
std::string suite_list(const Policy &policy, Version version) {
  std::string list;
  for (const Suite *suite : policy.suites)
    if (suite->version == version) (list += list.empty() ? "" : ":") += suite->openssl;
  return list;
}

int verify_chain(X509_STORE_CTX *chain, void *) noexcept {
  const auto *ssl = static_cast<const SSL *>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  try {
    return OsslEngine::of(ssl).verify(chain);
  } catch (const std::bad_alloc &) {
    X509_STORE_CTX_set_error(chain, X509_V_ERR_OUT_OF_MEM); // the alert follows from it
    OsslEngine::of(ssl).out_of_memory();
    return 0;
  }
}

int look_at_staple(SSL *ssl, void *) noexcept {
  try {
    return OsslEngine::of(ssl).look_at_staple();
  } catch (const std::bad_alloc &) {
    OsslEngine::of(ssl).out_of_memory();
    return -1;
  }
}

OsslContext &context_of(SSL *ssl) noexcept {
  return const_cast<OsslContext &>(OsslEngine::of(ssl).context());
}

int new_session(SSL *ssl, SSL_SESSION *session) noexcept {
  try {
    OsslEngine::of(ssl).keep(session);
  } catch (const std::bad_alloc &) {
    // the next connection begins anew
  }
  return 0; // the reference stays OpenSSL's
}

void log_line(const SSL *ssl, const char *line) noexcept {
  try {
    OsslEngine::of(ssl).context().settings().key_log->line(line);
  } catch (const std::bad_alloc &) {
  }
}

} // namespace

Status OsslContext::set_up(std::string &why) {
  ERR_clear_error();
  groups_.reserve(settings_->identities.size() + 1);
  if (const Status status = read_authorities(why); !status.ok()) return status;
  for (const std::string &protocol : settings_->alpn) {
    alpn_ += static_cast<char>(protocol.size());
    alpn_ += protocol;
  }
  for (const auto &identity : settings_->identities) {
    auto group = group_for(identity->names());
    if (!group.ok()) return group.error();
    const auto &own = static_cast<const OsslIdentity &>(*identity);
    if (const Status status = own.use((*group)->ctx.get(), why); !status.ok()) return status;
    if (!own.credential().staple.empty()) (*group)->staple = own.credential().staple;
  }
  if (groups_.empty())
    if (auto group = group_for({}); !group.ok()) return group.error();
  return {};
}

Result<OsslContext::Group *> OsslContext::group_for(const std::vector<std::string> &names) {
  for (Group &group : groups_)
    if (group.names == names) return &group;
  Group group;
  group.names = names;
  group.ctx.reset(
      there(SSL_CTX_new(settings_->server ? TLS_server_method() : TLS_client_method())));
  if (const Status status = configure(group.ctx.get()); !status.ok()) return status.error();
  groups_.push_back(std::move(group));
  return &groups_.back();
}

Status OsslContext::read_authorities(std::string &why) {
  authorities_.reset(there(X509_STORE_new()));
  X509_STORE *const store = authorities_.get();
  for (const std::string &text : settings_->authorities) {
    auto certificates = parse_certificates(text);
    if (certificates.empty()) {
      why = "an authority's certificate cannot be read: " + take_failure().text;
      return Error{SOCKET_ECREDENTIAL};
    }
    for (Certificate &certificate : certificates) {
      if (!X509_STORE_add_cert(store, certificate.get())) throw std::bad_alloc();
      named_authorities_.push_back(std::move(certificate));
    }
  }
  if (settings_->check != PeerCheck::none && settings_->system_authorities)
    for (const std::string &text : system_authorities())
      // Of these some may be beyond this library; the others are good.
      for (const Certificate &certificate : parse_certificates(text, Damaged::is_left_out))
        (void)X509_STORE_add_cert(store, certificate.get());
  ERR_clear_error();
  return {};
}

Status OsslContext::configure(SSL_CTX *ctx) {
  const Settings &is = *settings_;
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // What leads to an authority is the program's to add: authorities are here for the peer's check.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_NO_AUTO_CHAIN);
  const std::string older = suite_list(is.policy, Version::tls12);
  const bool set =
      SSL_CTX_set_min_proto_version(ctx, version_number(is.policy.least)) == 1 &&
      SSL_CTX_set_max_proto_version(ctx, version_number(is.policy.most)) == 1 &&
      SSL_CTX_set_ciphersuites(ctx, suite_list(is.policy, Version::tls13).c_str()) == 1 &&
      (older.empty() || SSL_CTX_set_cipher_list(ctx, older.c_str()) == 1) &&
      SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1;
  if (!set) return (void)take_failure(), Error{SOCKET_ENOTSUP};
  // Whichever certificate a server shows, its clients are judged alike.
  SSL_CTX_set1_cert_store(ctx, authorities_.get());
  SSL_CTX_set_cert_verify_callback(ctx, verify_chain, nullptr);
  if (is.key_log) SSL_CTX_set_keylog_callback(ctx, log_line);
  is.server ? configure_server(ctx) : configure_client(ctx);
  return {};
}

void OsslContext::configure_server(SSL_CTX *ctx) {
  const Settings &is = *settings_;
  // The policy's best first; but who puts ChaCha20 first has no instructions for AES.
  SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(ctx, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_tlsext_servername_callback(ctx, choose_group);
  SSL_CTX_set_tlsext_servername_arg(ctx, this);
  for (const Certificate &authority : named_authorities_)
    if (SSL_CTX_add_client_CA(ctx, authority.get()) != 1) throw std::bad_alloc();
  if (!is.alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, this);
  SSL_CTX_set_tlsext_status_cb(ctx, staple);
  // A session that is resumed shows no certificate, and may be from when none was asked for.
  if (is.tickets && is.check == PeerCheck::none) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, TicketKeys::kLifetimeSeconds);
  } else {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
  }
}

void OsslContext::configure_client(SSL_CTX *ctx) {
  const Settings &is = *settings_;
  if (!alpn_.empty() &&
      SSL_CTX_set_alpn_protos(ctx, unsigned_bytes(alpn_), static_cast<unsigned>(alpn_.size())) != 0)
    throw std::bad_alloc();
  SSL_CTX_set_session_cache_mode(
      ctx, is.sessions ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
  if (is.sessions) SSL_CTX_sess_set_new_cb(ctx, new_session);
  SSL_CTX_set_tlsext_status_cb(ctx, look_at_staple);
}

// ---- What a connection asks

int OsslContext::choose_group(SSL *ssl, int *, void *self) noexcept {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  for (const Group &group : static_cast<OsslContext *>(self)->groups_) {
    const auto fits = [&](const std::string &pattern) { return name_matches(pattern, name); };
    if (std::ranges::none_of(group.names, fits)) continue;
    SSL_set_SSL_CTX(ssl, group.ctx.get());
    break;
  }
  return SSL_TLSEXT_ERR_OK;
}

// The first of ours that the client knows (RFC 7301, 3.2).
int OsslContext::choose_protocol(SSL *, const unsigned char **out, unsigned char *out_length,
                                 const unsigned char *in, unsigned in_length, void *self) noexcept {
  const std::string &own = static_cast<OsslContext *>(self)->alpn_;
  const int found =
      SSL_select_next_proto(const_cast<unsigned char **>(out), out_length, unsigned_bytes(own),
                            static_cast<unsigned>(own.size()), in, in_length);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int OsslContext::staple(SSL *ssl, void *) noexcept {
  for (const Group &group : context_of(ssl).groups_) {
    if (group.ctx.get() != SSL_get_SSL_CTX(ssl) || group.staple.empty()) continue;
    void *const copy = OPENSSL_memdup(group.staple.data(), group.staple.size());
    if (!copy) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, static_cast<unsigned char *>(copy),
                                    static_cast<long>(group.staple.size()));
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

// AES-256-CBC, then HMAC-SHA256, RFC 5077, 4. 1: found; 2: to be renewed; 0: not ours.
int OsslContext::ticket_key(SSL *ssl, unsigned char name[16], unsigned char *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing) noexcept {
  TicketKeys &keys = *context_of(ssl).settings_->tickets;
  TicketKey key;
  int answer = 1;
  try {
    const int64_t now = std::time(nullptr);
    if (sealing) {
      const auto current = keys.current(now);
      if (!current || !fill_random({iv, 16}).ok()) return -1;
      key = *current;
      std::ranges::copy(key.name, name);
    } else {
      const auto found = keys.find({name, TicketKey::kNameBytes}, now);
      if (!found) return 0;
      key = found->key;
      // One of TLS 1.3 is used once, so who comes with it needs another.
      if (found->renew || SSL_version(ssl) == TLS1_3_VERSION) answer = 2;
    }
  } catch (const std::bad_alloc &) {
    OsslEngine::of(ssl).out_of_memory();
    return -1;
  }
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char *>("SHA256"), 0),
      OSSL_PARAM_construct_end()};
  const bool set =
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) == 1 &&
      EVP_MAC_CTX_set_params(mac, parameters) == 1;
  return set ? answer : -1;
}

Result<std::unique_ptr<Engine>> OsslContext::engine(Wire &wire, std::string_view server) const {
  auto self = std::static_pointer_cast<const OsslContext>(shared_from_this());
  auto engine = std::make_unique<OsslEngine>(std::move(self), wire);
  if (const Status status = engine->set_up(server); !status.ok()) return status.error();
  return std::unique_ptr<Engine>(std::move(engine));
}

} // namespace ossl

const char *engine_name() noexcept { return "openssl"; }
bool can_staple() noexcept { return true; }

Status fill_random(std::span<uint8_t> out) noexcept {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) == 1) return {};
  ERR_clear_error();
  return Error{SOCKET_EIO};
}

Result<std::shared_ptr<const Context>> make_context(std::shared_ptr<const Settings> settings,
                                                    std::string &why) {
  auto context = std::make_shared<ossl::OsslContext>(std::move(settings));
  if (const Status status = context->set_up(why); !status.ok()) return status.error();
  return std::shared_ptr<const Context>(std::move(context));
}

} // namespace socketpoll::tls
