// Net floor, TLS over OpenSSL 3. Whether the peer's certificates are good, and what is stapled to
// them.
#include "net/tls/openssl/engine.hpp"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/sha.h>

#include <algorithm>

namespace socketpoll::tls::ossl {

namespace {

// A clock of the responder's that goes before ours.
constexpr long kSkewSeconds = 300;

int code_of_verification(int error) {
  switch (error) {
  case X509_V_OK: return 0;
  case X509_V_ERR_OUT_OF_MEM: throw std::bad_alloc();
  case X509_V_ERR_CERT_HAS_EXPIRED: return SOCKET_ECERT_EXPIRED;
  case X509_V_ERR_CERT_NOT_YET_VALID: return SOCKET_ECERT_NOT_YET;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return SOCKET_ECERT_ISSUER;
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH: return SOCKET_ECERT_NAME;
  case X509_V_ERR_CERT_REVOKED: return SOCKET_ECERT_REVOKED;
  default: return SOCKET_ECERT;
  }
}

// Looked at apart, for a chain that is bad for another reason is judged by that one alone.
bool is_for(const X509 *certificate, bool to_server) noexcept {
  const int purpose = to_server ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
  return X509_check_purpose(const_cast<X509 *>(certificate), purpose, 0) == 1;
}

bool is_pinned(const X509 *certificate, const std::vector<Digest> &pins) {
  Digest digest;
  unsigned char *der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size < 0) throw std::bad_alloc();
  SHA256(der, static_cast<size_t>(size), digest.data());
  OPENSSL_free(der);
  return std::ranges::count(pins, digest) > 0;
}

} // namespace

int OsslEngine::verify(X509_STORE_CTX *chain) {
  const Settings &settings = context_->settings();
  const X509 *const own = X509_STORE_CTX_get0_cert(chain);
  const X509 *bad = own;
  int error = X509_V_OK;
  if (settings.check != PeerCheck::none && X509_verify_cert(chain) != 1) {
    error = X509_STORE_CTX_get_error(chain);
    if (const X509 *at = X509_STORE_CTX_get_current_cert(chain)) bad = at;
  }
  int code = code_of_verification(error);
  if (code == 0 && !settings.pins.empty() && !is_pinned(own, settings.pins))
    code = SOCKET_ECERT_PIN;
  CertificateFacts facts;
  if (settings.judge && code != SOCKET_ECERT_PIN) {
    if (settings.check == PeerCheck::none || is_for(own, settings.server))
      code = judge(chain, code, facts);
    else
      code = code_of_verification(error = X509_V_ERR_INVALID_PURPOSE);
  }
  if (code == 0) {
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  }
  if (facts.detail.empty()) {
    facts = facts_of(bad);
    if (error != X509_V_OK) facts.detail = X509_verify_cert_error_string(error);
  }
  // The alert follows from it.
  X509_STORE_CTX_set_error(chain, error != X509_V_OK ? error : X509_V_ERR_APPLICATION_VERIFICATION);
  return refuse(code, facts);
}

int OsslEngine::judge(X509_STORE_CTX *chain, int found, CertificateFacts &facts) const {
  const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(chain);
  std::string all;
  for (int i = 0; i < sk_X509_num(sent); i++) all += der_of(sk_X509_value(sent, i));
  const int verdict = context_->settings().judge(all, found);
  if (verdict == found || verdict == 0) return verdict;
  facts = facts_of(X509_STORE_CTX_get0_cert(chain));
  facts.detail = kProgramRefused;
  return verdict < 0 ? verdict : int{SOCKET_ECERT};
}

int OsslEngine::refuse(int code, const CertificateFacts &facts) {
  verdict_ = code;
  failure_ = explain_certificate(code, facts, server_);
  return 0;
}

// ---- Staples

namespace {

using Response = Owned<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using Basic = Owned<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using CertId = Owned<OCSP_CERTID, OCSP_CERTID_free>;

// 0, SOCKET_ECERT_REVOKED, or SOCKET_ECERT where nobody vouches for it (RFC 6960, 3.2).
int status_of(const SSL *ssl, std::string_view der) {
  const unsigned char *in = unsigned_bytes(der);
  const Response response(d2i_OCSP_RESPONSE(nullptr, &in, static_cast<long>(der.size())));
  const Basic basic(response ? OCSP_response_get1_basic(response.get()) : nullptr);
  STACK_OF(X509) *const chain = SSL_get0_verified_chain(ssl);
  if (!basic || !chain) return SOCKET_ECERT;
  // Its own authority's word counts, which a certificate that signs itself is.
  X509 *const own = sk_X509_value(chain, 0);
  X509 *const issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : own;
  if (OCSP_basic_verify(basic.get(), chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) != 1)
    return SOCKET_ECERT;
  ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr;
  int status = -1;
  // Responders choose the hash that they name a certificate by.
  for (const EVP_MD *hash : {EVP_sha1(), EVP_sha256()}) {
    const CertId id(there(OCSP_cert_to_id(hash, own, issuer)));
    if (OCSP_resp_find_status(basic.get(), id.get(), &status, nullptr, nullptr, &from, &until) == 1)
      break;
  }
  if (status < 0 || OCSP_check_validity(from, until, kSkewSeconds, -1) != 1) return SOCKET_ECERT;
  if (status == V_OCSP_CERTSTATUS_REVOKED) return SOCKET_ECERT_REVOKED;
  return status == V_OCSP_CERTSTATUS_GOOD ? 0 : int{SOCKET_ECERT};
}

} // namespace

int OsslEngine::look_at_staple() {
  unsigned char *bytes = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl_.get(), &bytes);
  if (!bytes || size <= 0) return 1; // nothing is stapled
  const int code =
      status_of(ssl_.get(), {reinterpret_cast<const char *>(bytes), static_cast<size_t>(size)});
  ERR_clear_error();
  if (code == 0) return 1;
  CertificateFacts facts = facts_of(SSL_get0_peer_certificate(ssl_.get()));
  facts.detail = "the OCSP response that is stapled to it is out of date, or nobody vouches for it";
  return refuse(code, facts);
}

} // namespace socketpoll::tls::ossl
