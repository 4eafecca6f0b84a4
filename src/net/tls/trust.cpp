#include "net/tls/trust.hpp"

#include "net/os/os_file.hpp"

#include <cstdlib>

namespace socketpoll::tls {

namespace {
// Where systems keep them: Debian and its relatives, Fedora's, openSUSE, Alpine and OpenBSD with
// macOS, FreeBSD, NetBSD.
constexpr const char *kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/etc/openssl/certs/ca-certificates.crt",
};
constexpr size_t kMostBytes = 16 << 20;

std::vector<std::string> read_system() {
  std::vector<std::string> found;
  if (const char *given = std::getenv("SSL_CERT_FILE")) {
    if (auto text = read_whole_file(given); text.ok()) found.push_back(text.take());
    return found;
  }
  for (const char *bundle : kBundles)
    if (auto text = read_whole_file(bundle); text.ok()) {
      found.push_back(text.take());
      break;
    }
  return found;
}
} // namespace

const std::vector<std::string> &system_authorities() {
  static const std::vector<std::string> found = read_system();
  return found;
}

Result<std::string> read_whole_file(const char *path) {
  auto file = os::open_to_read(path);
  if (!file.ok()) return file.error();
  std::string text;
  for (size_t used = 0;;) {
    if (used > kMostBytes) return Error{SOCKET_EMSGSIZE};
    text.resize(used + 65536);
    auto got = os::read_at(file->get(), std::span(text).subspan(used), static_cast<int64_t>(used));
    if (!got.ok()) return got.error();
    used += *got;
    text.resize(used);
    if (*got == 0) return text;
  }
}

} // namespace socketpoll::tls
