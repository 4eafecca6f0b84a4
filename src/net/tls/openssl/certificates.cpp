// Net floor, TLS over OpenSSL 3. Reading, describing and making certificates and keys.
#include "net/tls/openssl/types.hpp"

#include "SocketTLS.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <cstring>

namespace socketpoll::tls {

namespace ossl {

namespace {

bool is_pem(std::string_view text) noexcept { return text.find("-----BEGIN ") != text.npos; }

Bio reader(std::string_view text) {
  return Bio(there(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))));
}

std::string written(const Bio &bio) {
  char *text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

struct Password {
  const std::string &text;
  bool asked = false;
};

int give_password(char *out, int capacity, int, void *user) noexcept {
  auto &password = *static_cast<Password *>(user);
  password.asked = true;
  if (password.text.empty() || static_cast<int>(password.text.size()) > capacity) return -1;
  std::memcpy(out, password.text.data(), password.text.size());
  return static_cast<int>(password.text.size());
}

} // namespace

Failure take_failure() {
  Failure failure;
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) throw std::bad_alloc();
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) failure.reason = ERR_GET_REASON(error);
  const char *text = ERR_reason_error_string(error);
  failure.text = text ? text : "damaged";
  return failure;
}

std::vector<Certificate> parse_certificates(std::string_view text, Damaged damaged) {
  std::vector<Certificate> found;
  if (!is_pem(text)) {
    const unsigned char *in = unsigned_bytes(text);
    if (Certificate one{d2i_X509(nullptr, &in, static_cast<long>(text.size()))})
      found.push_back(std::move(one));
    return found;
  }
  const Bio bio = reader(text);
  for (;;) {
    if (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
      found.push_back(std::move(next));
      continue;
    }
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason == PEM_R_NO_START_LINE) break; // its end
    if (damaged == Damaged::spoils_all) {
      found.clear();
      break;
    }
    if (reason == ERR_R_MALLOC_FAILURE) throw std::bad_alloc();
    ERR_clear_error();
  }
  if (!found.empty()) ERR_clear_error();
  return found;
}

Key parse_key(std::string_view text, const std::string &password, bool &wrong_password) {
  if (!is_pem(text)) {
    const unsigned char *in = unsigned_bytes(text);
    return Key(d2i_AutoPrivateKey(nullptr, &in, static_cast<long>(text.size())));
  }
  Password asked{password};
  Key key(PEM_read_bio_PrivateKey(reader(text).get(), nullptr, give_password, &asked));
  wrong_password = !key && asked.asked;
  if (key) ERR_clear_error();
  return key;
}

std::string der_of(const X509 *certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) throw std::bad_alloc();
  std::string der(static_cast<size_t>(size), '\0');
  auto *out = reinterpret_cast<unsigned char *>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

namespace {
std::string text_of(const X509_NAME *name) {
  const Bio bio(there(BIO_new(BIO_s_mem())));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  return written(bio);
}

std::string text_of(const ASN1_TIME *time) {
  tm parts{};
  char text[40];
  ASN1_TIME_to_tm(time, &parts);
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday);
  return text;
}
} // namespace

CertificateFacts facts_of(const X509 *certificate) {
  CertificateFacts facts;
  facts.subject = text_of(X509_get_subject_name(certificate));
  facts.issuer = text_of(X509_get_issuer_name(certificate));
  facts.not_before = text_of(X509_get0_notBefore(certificate));
  facts.not_after = text_of(X509_get0_notAfter(certificate));
  each_name(certificate, [&](std::string_view name, bool is_address) {
    facts.names.push_back(
        is_address ? text_of_address({reinterpret_cast<const uint8_t *>(name.data()), name.size()})
                   : std::string(name));
  });
  return facts;
}

// ---- Making them

namespace {

Key make_key(bool rsa) { return Key(there(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"))); }

bool set_serial(X509 *certificate) {
  unsigned char bytes[16];
  if (!fill_random(bytes).ok()) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 1); // positive, and not shorter
  const Owned<BIGNUM, BN_free> number(there(BN_bin2bn(bytes, sizeof bytes, nullptr)));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool extend(X509 *certificate, X509 *issuer, int nid, const std::string &value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// RFC 5280, 4.2.
bool describe_use(X509 *certificate, X509 *issuer, const CertificateRequest &request) {
  const bool known =
      extend(certificate, issuer, NID_basic_constraints,
             request.authority ? "critical,CA:TRUE" : "CA:FALSE") &&
      extend(certificate, issuer, NID_key_usage,
             request.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
      extend(certificate, issuer, NID_subject_key_identifier, "hash") &&
      // Of who signs itself OpenSSL would make an empty one, which mbedTLS refuses to read.
      (issuer == certificate || extend(certificate, issuer, NID_authority_key_identifier, "keyid"));
  if (!known || request.authority) return known;
  std::string names;
  for (const std::string &name : request.names) {
    const bool number = !Server::parse(name).address.empty();
    names.append(names.empty() ? "" : ",").append(number ? "IP:" : "DNS:").append(name);
  }
  return extend(certificate, issuer, NID_ext_key_usage,
                request.client ? "clientAuth" : "serverAuth") &&
         extend(certificate, issuer, NID_subject_alt_name, names);
}

bool fill_in(X509 *certificate, const CertificateRequest &request, EVP_PKEY *key, X509 *issuer) {
  X509_NAME *const subject = X509_get_subject_name(certificate);
  const std::string &name = request.names.front();
  const auto set_time = [](ASN1_TIME *time, int64_t seconds) {
    return ASN1_TIME_set(time, static_cast<time_t>(seconds)) != nullptr;
  };
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
         set_time(X509_getm_notBefore(certificate), request.not_before) &&
         set_time(X509_getm_notAfter(certificate), request.not_after) &&
         X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, unsigned_bytes(name),
                                    static_cast<int>(name.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         X509_set_pubkey(certificate, key) == 1 && describe_use(certificate, issuer, request);
}

// What a comma or a quote would turn into something else.
bool is_plain(const std::string &name) noexcept {
  return name.find_first_of(",=+\\\"") == std::string::npos && !name.empty();
}

} // namespace
} // namespace ossl

Result<NewCertificate> make_certificate(const CertificateRequest &request, std::string &why) {
  using namespace ossl;
  ERR_clear_error();
  if (request.names.empty() || !is_plain(request.names.front()) ||
      request.not_after <= request.not_before)
    return Error{SOCKET_EINVAL};
  const Certificate made(there(X509_new()));
  const Key key = make_key(request.rsa);
  std::vector<Certificate> issuer;
  Key issuer_key;
  const bool self = request.issuer_key.empty();
  if (!self) {
    bool wrong_password = false;
    issuer = parse_certificates(request.issuer_chain);
    issuer_key = parse_key(request.issuer_key, {}, wrong_password);
    if (issuer.empty() || !issuer_key) return why = take_failure().text, Error{SOCKET_ECREDENTIAL};
  }
  if (!fill_in(made.get(), request, key.get(), self ? made.get() : issuer[0].get()) ||
      X509_sign(made.get(), self ? key.get() : issuer_key.get(), EVP_sha256()) == 0)
    return why = take_failure().text, Error{SOCKET_EINVAL};
  const Bio chain(there(BIO_new(BIO_s_mem()))), secret(there(BIO_new(BIO_s_mem())));
  if (PEM_write_bio_X509(chain.get(), made.get()) != 1 ||
      PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw std::bad_alloc();
  return NewCertificate{written(chain), written(secret)};
}

Result<Digest> certificate_digest(std::string_view certificate) {
  ERR_clear_error();
  const auto parsed = ossl::parse_certificates(certificate);
  if (parsed.empty()) return ERR_clear_error(), Error{SOCKET_ECREDENTIAL};
  const std::string der = ossl::der_of(parsed[0].get());
  Digest digest;
  SHA256(ossl::unsigned_bytes(der), der.size(), digest.data());
  return digest;
}

Result<std::string> describe_certificate(std::string_view der) {
  ERR_clear_error();
  const auto parsed = ossl::parse_certificates(der);
  if (parsed.empty()) return ERR_clear_error(), Error{SOCKET_ECREDENTIAL};
  const ossl::Bio bio(ossl::there(BIO_new(BIO_s_mem())));
  constexpr unsigned long kWithout = X509_FLAG_NO_PUBKEY | X509_FLAG_NO_SIGDUMP;
  X509_print_ex(bio.get(), parsed[0].get(), XN_FLAG_ONELINE, kWithout);
  return ossl::written(bio);
}

} // namespace socketpoll::tls
