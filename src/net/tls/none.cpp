// Net floor, TLS. Of a library that was built without: everything that would need an engine says
// so.
#include "net/tls/engine.hpp"

namespace socketpoll::tls {

const char *engine_name() noexcept { return "none"; }
bool can_staple() noexcept { return false; }
Status fill_random(std::span<uint8_t>) noexcept { return Error{SOCKET_ENOTSUP}; }

Result<std::shared_ptr<const Identity>> read_identity(Credential, std::string &) {
  return Error{SOCKET_ENOTSUP};
}

Result<std::shared_ptr<const Context>> make_context(std::shared_ptr<const Settings>,
                                                    std::string &why) {
  why = "this library was built without TLS (meson option tls)";
  return Error{SOCKET_ENOTSUP};
}

Result<NewCertificate> make_certificate(const CertificateRequest &, std::string &) {
  return Error{SOCKET_ENOTSUP};
}

Result<Digest> certificate_digest(std::string_view) { return Error{SOCKET_ENOTSUP}; }

Result<std::string> describe_certificate(std::string_view) { return Error{SOCKET_ENOTSUP}; }

} // namespace socketpoll::tls
