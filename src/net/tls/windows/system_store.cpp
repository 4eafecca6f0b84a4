#include "net/tls/system_store.hpp"

#include <memory>
#include <windows.h>

#include <wincrypt.h>

namespace socketpoll::tls {

const char between_folders = ';';

// The user's store shows that of the machine as well.
std::vector<std::string> read_system_store() {
  struct Close {
    void operator()(void *store) const noexcept { ::CertCloseStore(store, 0); }
  };
  std::vector<std::string> found;
  const std::unique_ptr<void, Close> store(::CertOpenSystemStoreW(0, L"ROOT"));
  if (!store) return found;
  struct Context { // each step of the walk frees the one before
    ~Context() { ::CertFreeCertificateContext(at); }
    bool next(void *from) noexcept {
      return (at = ::CertEnumCertificatesInStore(from, at)) != nullptr;
    }
    const CERT_CONTEXT *at = nullptr;
  } context;
  while (context.next(store.get()))
    if (context.at->dwCertEncodingType & X509_ASN_ENCODING)
      found.emplace_back(reinterpret_cast<const char *>(context.at->pbCertEncoded),
                         context.at->cbCertEncoded);
  return found;
}

} // namespace socketpoll::tls
