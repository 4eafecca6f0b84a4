#include "certificate.hpp"

#include "options.hpp"

#include <cstring>
#include <ctime>

namespace cli {

namespace {
constexpr int64_t kDays = 365;
// Who asks for none is served as well, but nobody who speaks others only (RFC 7301, 3.2).
constexpr const char *kProtocols = "http/1.1,http/1.0";
} // namespace

int Certificate::open(const Settings &settings) {
  if (!settings.tls) return 0;
  tls_ = SocketTLS_new_server();
  if (!tls_) return Socket_last_error();
  if (const int code = SocketTLS_set_alpn(tls_, kProtocols); code < 0) return code;
  if (settings.certificate.empty()) return make(settings);
  const int number = SocketTLS_add_certificate_files(tls_, nullptr, settings.certificate.c_str(),
                                                     settings.key.c_str());
  return number < 0 ? number : 0;
}

int Certificate::make(const Settings &settings) {
  char chain[SOCKET_TLS_PEM_BYTES], key[SOCKET_TLS_PEM_BYTES], text[128];
  std::string names = "localhost,127.0.0.1,::1";
  const bool all = settings.bind == "0.0.0.0" || settings.bind == "::" || settings.over_unix();
  if (!all && names.find(settings.bind) == std::string::npos) names += "," + settings.bind;
  const auto now = static_cast<int64_t>(std::time(nullptr));
  int code = SocketTLS_make_certificate(names.c_str(), SOCKET_TLS_SERVER_CERTIFICATE, now - kDay,
                                        now + kDays * kDay, nullptr, nullptr, chain, sizeof chain,
                                        key, sizeof key);
  if (code < 0) return code;
  const auto length = [](const char *pem) { return static_cast<int64_t>(std::strlen(pem)); };
  code = SocketTLS_add_certificate(tls_, nullptr, chain, length(chain), key, length(key));
  if (code < 0) return code;
  code = SocketTLS_fingerprint(chain, length(chain), text, sizeof text);
  if (code < 0) return code;
  fingerprint_ = text;
  return 0;
}

void Certificate::reload() {
  if (tls_ && SocketTLS_reload(tls_) < 0) complain(kFailed, Socket_last_error_message());
}

} // namespace cli
