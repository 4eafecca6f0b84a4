// Net floor, TLS over mbedTLS. Making certificates, for development and tests.
#include "net/tls/mbedtls/types.hpp"

#include "SocketTLS.h"

#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/rsa.h>

#include <ctime>

namespace socketpoll::tls {

namespace mbed {
namespace {

using Writer =
    Owned<mbedtls_x509write_cert, mbedtls_x509write_crt_init, mbedtls_x509write_crt_free>;
constexpr unsigned kRsaBits = 2048;

// In the order of what mbedTLS is asked, stops at the first error.
class Steps {
public:
  explicit Steps(std::string &why) noexcept : why_(why) {}
  template <class Step> Steps &operator()(Step &&step) {
    if (error_ == 0) error_ = not_memory(step());
    return *this;
  }
  Status outcome() {
    if (error_ == 0) return {};
    why_ = text_of_error(error_);
    return Error{SOCKET_EINVAL};
  }

private:
  std::string &why_;
  int error_ = 0;
};

int make_key(const PrivateKey &key, bool rsa) {
  const auto type = rsa ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECKEY;
  if (const int error = mbedtls_pk_setup(key.get(), mbedtls_pk_info_from_type(type))) return error;
  if (rsa)
    return mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key.get()), random_bytes, nullptr, kRsaBits, 65537);
  return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key.get()), random_bytes,
                             nullptr);
}

// "20260131235959"; the years that this form has.
bool write_time(int64_t seconds, char (&text)[16]) noexcept {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts;
#if defined(_WIN32)
  if (gmtime_s(&parts, &time) != 0) return false;
#else
  if (!gmtime_r(&time, &parts)) return false;
#endif
  return std::strftime(text, sizeof text, "%Y%m%d%H%M%S", &parts) == 14;
}

// The list that mbedTLS reads, each node with what it points to.
class AlternativeNames {
public:
  explicit AlternativeNames(const std::vector<std::string> &names) : nodes_(names.size()) {
    for (const std::string &name : names) servers_.push_back(Server::parse(name));
    for (size_t i = 0; i < nodes_.size(); i++) {
      mbedtls_x509_subject_alternative_name &to = nodes_[i].node;
      Server &server = servers_[i];
      const bool number = !server.address.empty();
      to.type = number ? MBEDTLS_X509_SAN_IP_ADDRESS : MBEDTLS_X509_SAN_DNS_NAME;
      auto *const bytes =
          number ? server.address.data() : reinterpret_cast<unsigned char *>(server.name.data());
      to.san.unstructured_name = {0, number ? server.address.size() : server.name.size(), bytes};
      nodes_[i].next = i + 1 < nodes_.size() ? &nodes_[i + 1] : nullptr;
    }
  }
  const mbedtls_x509_san_list *list() const noexcept { return nodes_.data(); }

private:
  std::vector<Server> servers_;
  std::vector<mbedtls_x509_san_list> nodes_;
};

Status describe_subject(const Writer &writer, const CertificateRequest &request, Steps &steps) {
  unsigned char serial[16];
  char from[16], to[16];
  if (request.names.empty() || request.not_after <= request.not_before ||
      !write_time(request.not_before, from) || !write_time(request.not_after, to) ||
      request.names.front().find_first_of(",=+\\\"") != std::string::npos)
    return Error{SOCKET_EINVAL};
  if (const Status status = fill_random(serial); !status.ok()) return status;
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 1); // positive, and not shorter
  const std::string subject = "CN=" + request.names.front();
  mbedtls_x509write_crt_set_version(writer.get(), MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(writer.get(), MBEDTLS_MD_SHA256);
  steps([&] { return mbedtls_x509write_crt_set_serial_raw(writer.get(), serial, sizeof serial); })(
      [&] { return mbedtls_x509write_crt_set_subject_name(writer.get(), subject.c_str()); })(
      [&] { return mbedtls_x509write_crt_set_validity(writer.get(), from, to); });
  return steps.outcome();
}

// RFC 5280, 4.2.
void describe_use(const Writer &writer, const CertificateRequest &request, Steps &steps) {
  const unsigned usage = request.authority
                             ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
                             : MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
  steps([&] {
    return mbedtls_x509write_crt_set_basic_constraints(writer.get(), request.authority, -1);
  })([&] { return mbedtls_x509write_crt_set_key_usage(writer.get(), usage); })([&] {
    return mbedtls_x509write_crt_set_subject_key_identifier(writer.get());
  })([&] { return mbedtls_x509write_crt_set_authority_key_identifier(writer.get()); });
  if (request.authority) return;
  mbedtls_asn1_sequence purpose{};
  const std::string_view oid = request.client ? std::string_view(MBEDTLS_OID_CLIENT_AUTH)
                                              : std::string_view(MBEDTLS_OID_SERVER_AUTH);
  purpose.buf = {MBEDTLS_ASN1_OID, oid.size(),
                 reinterpret_cast<unsigned char *>(const_cast<char *>(oid.data()))};
  const AlternativeNames names(request.names);
  steps([&] { return mbedtls_x509write_crt_set_ext_key_usage(writer.get(), &purpose); })([&] {
    return mbedtls_x509write_crt_set_subject_alternative_name(writer.get(), names.list());
  });
}

Status set_issuer(const Writer &writer, const CertificateRequest &request, const PrivateKey &own,
                  const Certificates &issuer, const PrivateKey &issuer_key, Steps &steps) {
  std::string name = "CN=" + request.names.front();
  const bool self = request.issuer_key.empty();
  if (!self) {
    if (parse_certificates(issuer, request.issuer_chain) != 0 ||
        parse_key(issuer_key, request.issuer_key, {}) != 0)
      return Error{SOCKET_ECREDENTIAL};
    char text[512];
    if (mbedtls_x509_dn_gets(text, sizeof text, &issuer->subject) < 0)
      return Error{SOCKET_ECREDENTIAL};
    name = text;
  }
  mbedtls_x509write_crt_set_subject_key(writer.get(), own.get());
  mbedtls_x509write_crt_set_issuer_key(writer.get(), self ? own.get() : issuer_key.get());
  steps([&] { return mbedtls_x509write_crt_set_issuer_name(writer.get(), name.c_str()); });
  return steps.outcome();
}

} // namespace
} // namespace mbed

Result<NewCertificate> make_certificate(const CertificateRequest &request, std::string &why) {
  using namespace mbed;
  if (!begin()) return Error{SOCKET_EIO};
  const Writer writer;
  const PrivateKey key, issuer_key;
  const Certificates issuer;
  Steps steps(why);
  if (const Status status = describe_subject(writer, request, steps); !status.ok())
    return status.error();
  steps([&] { return make_key(key, request.rsa); });
  const Status status = set_issuer(writer, request, key, issuer, issuer_key, steps);
  if (!status.ok()) return status.error();
  describe_use(writer, request, steps);
  unsigned char chain_text[SOCKET_TLS_PEM_BYTES], key_text[SOCKET_TLS_PEM_BYTES];
  steps([&] {
    return mbedtls_x509write_crt_pem(writer.get(), chain_text, sizeof chain_text, random_bytes,
                                     nullptr);
  })([&] { return mbedtls_pk_write_key_pem(key.get(), key_text, sizeof key_text); });
  if (const Status outcome = steps.outcome(); !outcome.ok()) return outcome.error();
  return NewCertificate{reinterpret_cast<char *>(chain_text), reinterpret_cast<char *>(key_text)};
}

} // namespace socketpoll::tls
