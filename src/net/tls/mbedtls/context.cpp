// Net floor, TLS over mbedTLS. Settings become a configuration that any number of connections
// share, on any thread: nothing here changes once it is set up.
#include "net/tls/mbedtls/types.hpp"

#include "net/tls/mbedtls/engine.hpp"
#include "net/tls/mbedtls/tickets.hpp"
#include "net/tls/trust.hpp"

#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

#include <algorithm>

namespace socketpoll::tls {

namespace mbed {

namespace {

constexpr uint16_t kGroups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

mbedtls_ssl_protocol_version version_of(Version version) noexcept {
  return version == Version::tls13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2;
}

} // namespace

bool begin() noexcept {
  static const bool begun = psa_crypto_init() == PSA_SUCCESS;
  return begun;
}

int random_bytes(void *, unsigned char *out, size_t length) noexcept {
  return psa_generate_random(out, length) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

std::string text_of_error(int error) {
  char text[160] = "";
  mbedtls_strerror(error, text, sizeof text);
  return text;
}

int not_memory(int error) {
  switch (error) {
  case MBEDTLS_ERR_SSL_ALLOC_FAILED:
  case MBEDTLS_ERR_X509_ALLOC_FAILED:
  case MBEDTLS_ERR_PK_ALLOC_FAILED:
  case MBEDTLS_ERR_PEM_ALLOC_FAILED:
  case MBEDTLS_ERR_MD_ALLOC_FAILED:
  case MBEDTLS_ERR_MPI_ALLOC_FAILED:
  case MBEDTLS_ERR_ECP_ALLOC_FAILED:
  case MBEDTLS_ERR_CIPHER_ALLOC_FAILED:
  case MBEDTLS_ERR_ASN1_ALLOC_FAILED: throw std::bad_alloc();
  default: return error;
  }
}

Status MbedContext::set_up(std::string &why) {
  if (!begin()) return why = "the cryptography could not be started", Error{SOCKET_EIO};
  if (const Status status = read_authorities(why); !status.ok()) return status;
  return configure(why);
}

Status MbedContext::read_authorities(std::string &why) {
  std::vector<std::string> texts = settings_->authorities;
  const bool system = settings_->check != PeerCheck::none && settings_->system_authorities;
  for (const std::string &text : texts)
    if (const int error = parse_certificates(authorities_, text); error != 0) {
      why = "an authority's certificate cannot be read: " +
            (error < 0 ? text_of_error(error) : std::to_string(error) + " of them are damaged");
      return Error{SOCKET_ECREDENTIAL};
    }
  // Of the system's some may be beyond this library; the others are good.
  if (system)
    for (const std::string &text : system_authorities())
      (void)parse_certificates(authorities_, text);
  return {};
}

// The first certificate is for whoever names nobody, or somebody unknown; and beside it those for
// the same names, with keys of another type.
void MbedContext::configure_identities() noexcept {
  for (const auto &identity : settings_->identities) {
    if (identity->names() != settings_->identities.front()->names()) continue;
    const auto &own = static_cast<const MbedIdentity &>(*identity);
    (void)mbedtls_ssl_conf_own_cert(config_.get(), own.chain.get(), own.key.get());
  }
}

Status MbedContext::configure(std::string &why) {
  mbedtls_ssl_config *const config = config_.get();
  const Settings &is = *settings_;
  const int error = not_memory(
      mbedtls_ssl_config_defaults(config, is.server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                  MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
  if (error != 0) return why = text_of_error(error), Error{SOCKET_EIO};
  mbedtls_ssl_conf_rng(config, random_bytes, nullptr);
  mbedtls_ssl_conf_min_tls_version(config, version_of(is.policy.least));
  mbedtls_ssl_conf_max_tls_version(config, version_of(is.policy.most));
  for (const Suite *suite : is.policy.suites) suites_.push_back(suite->number);
  suites_.push_back(0);
  mbedtls_ssl_conf_ciphersuites(config, suites_.data());
  mbedtls_ssl_conf_groups(config, kGroups);
  for (const std::string &protocol : is.alpn) alpn_.push_back(protocol.c_str());
  alpn_.push_back(nullptr);
  if (!is.alpn.empty()) (void)mbedtls_ssl_conf_alpn_protocols(config, alpn_.data());
  mbedtls_ssl_conf_ca_chain(config, authorities_.get(), nullptr);
  // Where certificates are verified, pins are looked at and the program is asked.
  const bool judged = !is.pins.empty() || (is.judge && !is.server);
  mbedtls_ssl_conf_authmode(config, is.check == PeerCheck::required || judged
                                        ? MBEDTLS_SSL_VERIFY_REQUIRED
                                    : is.check == PeerCheck::optional ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                                      : MBEDTLS_SSL_VERIFY_NONE);
  configure_identities();
  if (is.server) {
    mbedtls_ssl_conf_sni(config, choose_identity, this);
    // A session that is resumed shows no certificate, and may be from when none was asked for.
    const bool tickets = is.tickets && is.check == PeerCheck::none;
    mbedtls_ssl_conf_session_tickets(config, tickets ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                                     : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    if (tickets) mbedtls_ssl_conf_session_tickets_cb(config, seal_ticket, open_ticket, this);
    mbedtls_ssl_conf_preference_order(config, MBEDTLS_SSL_SRV_CIPHERSUITE_ORDER_SERVER);
  } else {
    mbedtls_ssl_conf_session_tickets(config, is.sessions ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                                         : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
  }
  return {};
}

int MbedContext::choose_identity(void *self, mbedtls_ssl_context *ssl, const unsigned char *name,
                                 size_t length) noexcept {
  const std::string_view wanted(reinterpret_cast<const char *>(name), length);
  static_cast<MbedEngine *>(mbedtls_ssl_get_user_data_p(ssl))->set_server_name(wanted);
  for (const auto &identity : static_cast<MbedContext *>(self)->settings_->identities) {
    const auto fits = [&](const std::string &pattern) { return name_matches(pattern, wanted); };
    if (std::ranges::none_of(identity->names(), fits)) continue;
    const auto &own = static_cast<const MbedIdentity &>(*identity);
    const int error = mbedtls_ssl_set_hs_own_cert(ssl, own.chain.get(), own.key.get());
    if (error != 0) return error;
  }
  return 0;
}

int MbedContext::seal_ticket(void *self, const mbedtls_ssl_session *session, unsigned char *start,
                             const unsigned char *end, size_t *length,
                             uint32_t *lifetime) noexcept {
  *lifetime = TicketKeys::kLifetimeSeconds;
  return mbed::seal_ticket(*static_cast<MbedContext *>(self)->settings_->tickets, *session,
                           {start, end}, *length);
}

int MbedContext::open_ticket(void *self, mbedtls_ssl_session *session, unsigned char *bytes,
                             size_t length) noexcept {
  return mbed::open_ticket(*static_cast<MbedContext *>(self)->settings_->tickets, *session,
                           {bytes, length});
}

Result<std::unique_ptr<Engine>> MbedContext::engine(Wire &wire, std::string_view server) const {
  auto self = std::static_pointer_cast<const MbedContext>(shared_from_this());
  auto engine = std::make_unique<MbedEngine>(std::move(self), wire);
  if (const Status status = engine->set_up(server); !status.ok()) return status.error();
  return std::unique_ptr<Engine>(std::move(engine));
}

} // namespace mbed

const char *engine_name() noexcept { return "mbedtls"; }
bool can_staple() noexcept { return false; }

Status fill_random(std::span<uint8_t> out) noexcept {
  if (!mbed::begin() || psa_generate_random(out.data(), out.size()) != PSA_SUCCESS)
    return Error{SOCKET_EIO};
  return {};
}

Result<std::shared_ptr<const Context>> make_context(std::shared_ptr<const Settings> settings,
                                                    std::string &why) {
  auto context = std::make_shared<mbed::MbedContext>(std::move(settings));
  if (const Status status = context->set_up(why); !status.ok()) return status.error();
  return std::shared_ptr<const Context>(std::move(context));
}

Result<Digest> certificate_digest(std::string_view certificate) {
  const mbed::Certificates parsed;
  Digest digest;
  if (mbed::parse_certificates(parsed, std::string(certificate)) != 0 ||
      mbedtls_sha256(parsed->raw.p, parsed->raw.len, digest.data(), 0) != 0)
    return Error{SOCKET_ECREDENTIAL};
  return digest;
}

Result<std::string> describe_certificate(std::string_view der) {
  mbed::Certificates certificate;
  if (mbed::not_memory(mbedtls_x509_crt_parse_der(certificate.get(), mbed::unsigned_bytes(der),
                                                  der.size())) != 0)
    return Error{SOCKET_ECREDENTIAL};
  std::string text(4096, '\0');
  const int length = mbedtls_x509_crt_info(text.data(), text.size(), "", certificate.get());
  if (length < 0) return Error{SOCKET_ECREDENTIAL};
  text.resize(static_cast<size_t>(length));
  return text;
}

} // namespace socketpoll::tls
