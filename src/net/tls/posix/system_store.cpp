#include "net/tls/system_store.hpp"

#include "net/tls/trust.hpp"

namespace socketpoll::tls {

const char between_folders = ':';

namespace {
// Debian and its relatives, Fedora's, openSUSE, Alpine and OpenBSD with macOS, FreeBSD, NetBSD.
constexpr const char *kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/etc/openssl/certs/ca-certificates.crt",
};
} // namespace

std::vector<std::string> read_system_store() {
  std::vector<std::string> found;
  for (const char *bundle : kBundles)
    if (auto text = read_whole_file(bundle); text.ok()) {
      found.push_back(text.take());
      break;
    }
  return found;
}

} // namespace socketpoll::tls
