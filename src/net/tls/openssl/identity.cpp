// Net floor, TLS over OpenSSL 3. Reading certificates and keys, and handing them to OpenSSL.
#include "net/tls/openssl/types.hpp"

#include <openssl/err.h>
#include <openssl/ocsp.h>

namespace socketpoll::tls {

namespace ossl {

namespace {

std::vector<std::string> names_of(const X509 *certificate) {
  std::vector<std::string> names;
  each_name(certificate, [&](std::string_view name, bool is_address) {
    if (!is_address) names.emplace_back(name);
  });
  return names;
}

} // namespace

Status OsslIdentity::read(std::string &why) {
  chain_ = parse_certificates(credential_.chain);
  if (chain_.empty()) {
    why = "the certificate cannot be read: " + take_failure().text;
    return Error{SOCKET_ECREDENTIAL};
  }
  bool wrong_password = false;
  key_ = parse_key(credential_.key.text(), credential_.password.text(), wrong_password);
  if (!key_) {
    why = "the private key cannot be read: " + take_failure().text;
    return Error{wrong_password ? SOCKET_EPASSWORD : SOCKET_ECREDENTIAL};
  }
  if (X509_check_private_key(chain_[0].get(), key_.get()) != 1) {
    why = "the private key is not that of the certificate";
    return ERR_clear_error(), Error{SOCKET_ECREDENTIAL};
  }
  if (names_.empty()) names_ = names_of(chain_[0].get());
  if (const Status status = check_staple(why); !status.ok()) return status;
  // What OpenSSL would not have is told here, and not when it is needed.
  const Ctx scratch(there(SSL_CTX_new(TLS_method())));
  return use(scratch.get(), why);
}

Status OsslIdentity::use(SSL_CTX *ctx, std::string &why) const {
  bool used = SSL_CTX_use_certificate(ctx, chain_[0].get()) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, key_.get()) == 1;
  for (size_t i = 1; used && i < chain_.size(); i++)
    used = SSL_CTX_add1_chain_cert(ctx, chain_[i].get()) == 1;
  if (used) return {};
  why = "the certificate cannot be used: " + take_failure().text;
  return Error{SOCKET_ECREDENTIAL};
}

Status OsslIdentity::check_staple(std::string &why) const {
  if (credential_.staple.empty()) return {};
  const unsigned char *in = unsigned_bytes(credential_.staple);
  const Owned<OCSP_RESPONSE, OCSP_RESPONSE_free> response(
      d2i_OCSP_RESPONSE(nullptr, &in, static_cast<long>(credential_.staple.size())));
  if (!response) {
    why = "the OCSP response cannot be read: " + take_failure().text;
    return Error{SOCKET_ECREDENTIAL};
  }
  if (const int status = OCSP_response_status(response.get()); status != 0) {
    why = std::string("the OCSP response is an error: ") + OCSP_response_status_str(status);
    return Error{SOCKET_ECREDENTIAL};
  }
  return {};
}

} // namespace ossl

Result<std::shared_ptr<const Identity>> read_identity(Credential credential, std::string &why) {
  ERR_clear_error();
  auto identity = std::make_shared<ossl::OsslIdentity>(std::move(credential));
  if (const Status status = identity->read(why); !status.ok()) return status.error();
  return std::shared_ptr<const Identity>(std::move(identity));
}

} // namespace socketpoll::tls
