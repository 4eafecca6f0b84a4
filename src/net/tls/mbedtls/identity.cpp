// Net floor, TLS over mbedTLS. Reading certificates and keys.
#include "net/tls/mbedtls/types.hpp"

#include <mbedtls/error.h>

namespace socketpoll::tls {

namespace mbed {

namespace {

// PEM is text, which mbedTLS wants with its NUL; DER is not.
bool is_pem(std::string_view text) noexcept { return text.find("-----BEGIN ") != text.npos; }

bool is_password_trouble(int error) noexcept {
  switch (error) {
  case MBEDTLS_ERR_PK_PASSWORD_REQUIRED:
  case MBEDTLS_ERR_PK_PASSWORD_MISMATCH: return true;
  default: return false;
  }
}

// The names that a certificate is for, its subject's where it has no others.
std::vector<std::string> names_of(const mbedtls_x509_crt &certificate) {
  std::vector<std::string> names;
  for (const mbedtls_x509_sequence *name = &certificate.subject_alt_names; name && name->buf.p;
       name = name->next)
    if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_DNS_NAME)
      names.emplace_back(text_of(name->buf));
  return names;
}

} // namespace

int parse_certificates(const Certificates &into, const std::string &text) {
  return not_memory(mbedtls_x509_crt_parse(into.get(), unsigned_bytes(text),
                                           text.size() + (is_pem(text) ? 1 : 0)));
}

int parse_key(const PrivateKey &into, const std::string &text, const std::string &password) {
  return not_memory(mbedtls_pk_parse_key(into.get(), unsigned_bytes(text),
                                         text.size() + (is_pem(text) ? 1 : 0),
                                         password.empty() ? nullptr : unsigned_bytes(password),
                                         password.size(), random_bytes, nullptr));
}

Status MbedIdentity::read(std::string &why) {
  if (const int error = parse_certificates(chain, credential_.chain); error != 0) {
    why = "the certificate cannot be read: " +
          (error < 0 ? text_of_error(error) : std::string("a part of the chain is damaged"));
    return Error{SOCKET_ECREDENTIAL};
  }
  if (const int error = parse_key(key, credential_.key.text(), credential_.password.text());
      error != 0) {
    why = "the private key cannot be read: " + text_of_error(error);
    return Error{is_password_trouble(error) ? SOCKET_EPASSWORD : SOCKET_ECREDENTIAL};
  }
  if (not_memory(mbedtls_pk_check_pair(&chain->pk, key.get(), random_bytes, nullptr)) != 0) {
    why = "the private key is not that of the certificate";
    return Error{SOCKET_ECREDENTIAL};
  }
  if (!credential_.staple.empty()) {
    why = "mbedTLS staples no OCSP responses; a library built with OpenSSL does";
    return Error{SOCKET_ENOTSUP};
  }
  if (names_.empty()) names_ = names_of(*chain.get());
  return {};
}

} // namespace mbed

Result<std::shared_ptr<const Identity>> read_identity(Credential credential, std::string &why) {
  if (!mbed::begin()) return why = "the cryptography could not be started", Error{SOCKET_EIO};
  auto identity = std::make_shared<mbed::MbedIdentity>(std::move(credential));
  if (const Status status = identity->read(why); !status.ok()) return status.error();
  return std::shared_ptr<const Identity>(std::move(identity));
}

} // namespace socketpoll::tls
