// Net floor, TLS over OpenSSL 3. Its objects with an owner, and its errors as ours. Only the files
// of this folder include this.
#pragma once

#include "net/tls/engine.hpp"
#include "net/tls/failure.hpp"
#include "net/tls/names.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace socketpoll::tls::ossl {

template <auto end> struct Ends {
  template <class T> void operator()(T *object) const noexcept { end(object); }
};
template <class T, auto end> using Owned = std::unique_ptr<T, Ends<end>>;

using Ctx = Owned<SSL_CTX, SSL_CTX_free>;
using Connection = Owned<SSL, SSL_free>;
using Bio = Owned<BIO, BIO_free>;
using Certificate = Owned<X509, X509_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;

// For what returns nullptr where memory has run out, and for nothing else that can happen.
template <class T> T *there(T *made) {
  if (!made) throw std::bad_alloc();
  return made;
}

inline const unsigned char *unsigned_bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char *>(text.data());
}

// The first error in this thread's queue, which is empty afterwards; throws std::bad_alloc where it
// says that memory ran out. `reason` of the SSL library's, otherwise 0.
struct Failure {
  int reason = 0;
  std::string text;
};
Failure take_failure();

enum class Damaged { spoils_all, is_left_out };
// Every certificate of PEM, or the one of DER; none if it cannot be read. Throws std::bad_alloc.
std::vector<Certificate> parse_certificates(std::string_view text,
                                            Damaged damaged = Damaged::spoils_all);
// nullptr where it cannot be read; `wrong_password` says why. Throws std::bad_alloc.
Key parse_key(std::string_view text, const std::string &password, bool &wrong_password);
// Throws std::bad_alloc.
std::string der_of(const X509 *certificate);
// What a certificate says of itself; `detail` stays empty. Throws std::bad_alloc.
CertificateFacts facts_of(const X509 *certificate);
// `visit (name, is_address)` for each host and address that it names. Throws what `visit` throws.
template <class Visit> void each_name(const X509 *certificate, Visit &&visit) {
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> all(static_cast<GENERAL_NAMES *>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    visit(std::string_view(reinterpret_cast<const char *>(ASN1_STRING_get0_data(text)),
                           static_cast<size_t>(ASN1_STRING_length(text))),
          name->type == GEN_IPADD);
  }
}

class OsslContext final : public Context {
public:
  explicit OsslContext(std::shared_ptr<const Settings> settings) : settings_(std::move(settings)) {}
  // All that can fail; `why` says what did.
  Status set_up(std::string &why);
  Result<std::unique_ptr<Engine>> engine(Wire &wire, std::string_view server) const override;

  const Settings &settings() const noexcept { return *settings_; }
  SSL_CTX *config() const noexcept { return groups_.front().ctx.get(); }

private:
  // Certificates for the same names, with keys of different types.
  struct Group {
    std::vector<std::string> names;
    Ctx ctx;
    std::string staple;
  };
  Result<Group *> group_for(std::vector<std::string> names);
  Status add_identity(const Credential &credential, std::string &why);
  Status read_authorities(std::string &why);
  Status configure(SSL_CTX *ctx);
  void configure_server(SSL_CTX *ctx);
  void configure_client(SSL_CTX *ctx);
  static int choose_group(SSL *ssl, int *alert, void *self) noexcept;
  static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                             const unsigned char *in, unsigned in_length, void *self) noexcept;
  static int staple(SSL *ssl, void *group) noexcept;
  static int ticket_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int sealing) noexcept;

  std::shared_ptr<const Settings> settings_;
  std::vector<Group> groups_; // the first one is the default; one without certificates for clients
  std::string alpn_;          // as it goes over the wire
};

} // namespace socketpoll::tls::ossl
