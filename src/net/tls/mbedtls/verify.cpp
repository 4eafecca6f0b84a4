// Net floor, TLS over mbedTLS. Whether the peer's certificates are good.
#include "net/tls/mbedtls/engine.hpp"

#include <mbedtls/oid.h>
#include <mbedtls/sha256.h>

#include <algorithm>

namespace socketpoll::tls::mbed {

namespace {

struct Flag {
  uint32_t bit;
  int code;
};
// The most telling first.
constexpr Flag kFlags[] = {
    {MBEDTLS_X509_BADCERT_REVOKED, SOCKET_ECERT_REVOKED},
    {MBEDTLS_X509_BADCERT_EXPIRED, SOCKET_ECERT_EXPIRED},
    {MBEDTLS_X509_BADCERT_FUTURE, SOCKET_ECERT_NOT_YET},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, SOCKET_ECERT_ISSUER},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, SOCKET_ECERT_NAME},
    {MBEDTLS_X509_BADCERT_OTHER, SOCKET_ECERT_PIN},
};
// What the program cannot overrule.
constexpr uint32_t kFinal = MBEDTLS_X509_BADCERT_OTHER | MBEDTLS_X509_BADCERT_KEY_USAGE |
                            MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;

int code_of_flags(uint32_t flags) noexcept {
  if (flags == 0) return 0;
  for (const Flag &flag : kFlags)
    if (flags & flag.bit) return flag.code;
  return SOCKET_ECERT;
}

std::string text_of(const mbedtls_x509_name &name) {
  char text[512] = "";
  (void)mbedtls_x509_dn_gets(text, sizeof text, &name);
  return text;
}

std::string text_of(const mbedtls_x509_time &time) {
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", time.year, time.mon, time.day);
  return text;
}

// `visit (name, is_address)` until it returns true, and whether it did.
template <class Visit> bool any_name(const mbedtls_x509_crt &certificate, Visit &&visit) {
  for (const mbedtls_x509_sequence *name = &certificate.subject_alt_names; name && name->buf.p;
       name = name->next) {
    const int type = name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
    if (type != MBEDTLS_X509_SAN_DNS_NAME && type != MBEDTLS_X509_SAN_IP_ADDRESS) continue;
    if (visit(name->buf, type == MBEDTLS_X509_SAN_IP_ADDRESS)) return true;
  }
  return false;
}

CertificateFacts facts_of(const mbedtls_x509_crt &certificate, uint32_t flags) {
  CertificateFacts facts;
  facts.subject = text_of(certificate.subject);
  facts.issuer = text_of(certificate.issuer);
  facts.not_before = text_of(certificate.valid_from);
  facts.not_after = text_of(certificate.valid_to);
  any_name(certificate, [&](const mbedtls_x509_buf &name, bool is_address) {
    facts.names.push_back(is_address ? text_of_address(bytes_of(name))
                                     : std::string(mbed::text_of(name)));
    return false;
  });
  char detail[400] = "";
  if (mbedtls_x509_crt_verify_info(detail, sizeof detail, "", flags) > 0)
    facts.detail = std::string_view(detail).substr(0, std::string_view(detail).find('\n'));
  return facts;
}

// mbedTLS looks at this itself, but later, and lets a client in who shows a server's certificate
// where none is needed.
uint32_t check_use(const mbedtls_x509_crt &certificate, bool of_server) noexcept {
  const char *const use = of_server ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH;
  if (mbedtls_x509_crt_check_extended_key_usage(&certificate, use,
                                                std::char_traits<char>::length(use)) != 0)
    return MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
  if (mbedtls_x509_crt_check_key_usage(&certificate, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0)
    return MBEDTLS_X509_BADCERT_KEY_USAGE;
  return 0;
}

} // namespace

int MbedEngine::verify(void *self, mbedtls_x509_crt *certificate, int depth,
                       uint32_t *flags) noexcept {
  try {
    return static_cast<MbedEngine *>(self)->look_at(*certificate, depth, *flags);
  } catch (const std::bad_alloc &) {
    return MBEDTLS_ERR_X509_ALLOC_FAILED;
  }
}

// Called for each certificate of the chain, the peer's own last: it is judged then, and mbedTLS is
// told nothing before.
int MbedEngine::look_at(const mbedtls_x509_crt &certificate, int depth, uint32_t &flags) {
  const Settings &settings = context_.settings();
  uint32_t found = std::exchange(flags, 0);
  if (settings.check == PeerCheck::none) found = 0; // nobody but the pins and the program is asked
  if (depth == 0) found |= check_identity(certificate);
  if (depth == 0 && settings.check != PeerCheck::none)
    found |= check_use(certificate, !settings.server);
  if (found != 0 && flags_ == 0) bad_ = facts_of(certificate, found);
  flags_ |= found;
  if (depth > 0) return 0;
  verdict_ = judge(certificate);
  if (verdict_ == 0) return 0;
  failure_ = explain_certificate(verdict_, bad_, server_ ? std::string_view(*server_name_) : "");
  flags = flags_ != 0 ? flags_ : uint32_t{MBEDTLS_X509_BADCERT_OTHER};
  // mbedTLS would go on: a certificate is optional, but what is there must be good.
  return settings.check == PeerCheck::optional ? MBEDTLS_ERR_X509_FATAL_ERROR : 0;
}

int MbedEngine::judge(const mbedtls_x509_crt &certificate) {
  const int found = code_of_flags(flags_);
  if (!context_.settings().judge || (flags_ & kFinal) != 0) return found;
  std::string chain;
  for (const mbedtls_x509_crt *one = &certificate; one && one->raw.p; one = one->next)
    chain += mbed::text_of(one->raw);
  const int verdict = context_.settings().judge(chain, found);
  if (verdict == found || verdict == 0) return verdict;
  bad_ = facts_of(certificate, 0);
  bad_.detail = kProgramRefused;
  return verdict < 0 ? verdict : int{SOCKET_ECERT};
}

// What mbedTLS does not look at, as its flags.
uint32_t MbedEngine::check_identity(const mbedtls_x509_crt &certificate) const noexcept {
  const Settings &settings = context_.settings();
  if (!settings.pins.empty()) {
    Digest digest;
    const std::span key = bytes_of(certificate.pk_raw);
    if (mbedtls_sha256(key.data(), key.size(), digest.data(), 0) != 0 ||
        std::ranges::count(settings.pins, digest) == 0)
      return MBEDTLS_X509_BADCERT_OTHER;
  }
  if (!server_ || settings.check == PeerCheck::none) return 0;
  const bool named = any_name(certificate, [&](const mbedtls_x509_buf &name, bool is_address) {
    if (is_address)
      return !server_->address.empty() && std::ranges::equal(bytes_of(name), server_->address);
    return !server_->name.empty() && name_matches(mbed::text_of(name), server_->name);
  });
  return named ? 0 : MBEDTLS_X509_BADCERT_CN_MISMATCH;
}

} // namespace socketpoll::tls::mbed
