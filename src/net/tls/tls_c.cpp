// extern "C" functions of SocketTLS.h.
#include "SocketTLS.h"

#include "net/object_c.hpp"
#include "net/stream/listener.hpp"
#include "net/tls/agreed_c.hpp"
#include "net/tls/config_handle.hpp"
#include "net/tls/names.hpp"

using namespace socketpoll;
using tls::Config;

namespace {

SocketTLS_T new_config(bool server) noexcept {
  return guarded_new<SocketTLS_T>([&]() -> Result<HandleWord> {
    auto config = Config::create(server);
    if (!config.ok()) return config.error();
    return publish(config.take());
  });
}

template <class Body> auto with_config(SocketTLS_T tls, Body &&body) noexcept {
  return with_pinned<Config>(tls, body);
}

std::string_view text_of(const void *data, int64_t length) noexcept {
  return {static_cast<const char *>(data), static_cast<size_t>(length)};
}
std::string_view text_or_empty(const char *text) noexcept { return text ? text : ""; }

const char *agreed_text(SocketStream_T stream,
                        const char *(*text)(const tls::Agreement &)) noexcept {
  return with_pointer<Stream>(stream, [&](Stream &self) -> const char * {
    auto agreed = tls::agreement_of(self.engine());
    if (!agreed.ok()) return record_error(agreed.code()), nullptr;
    return text(*agreed);
  });
}

} // namespace

const char *SocketTLS_get_engine(void) { return tls::engine_name(); }
SocketTLS_T SocketTLS_new_server(void) { return new_config(true); }
SocketTLS_T SocketTLS_new_client(void) { return new_config(false); }
void SocketTLS_free(SocketTLS_T *tls) {
  free_pinned<Config>(tls, [](Config &) {});
}

// ---- Certificates of one's own

int SocketTLS_add_certificate_files(SocketTLS_T tls, const char *names, const char *chain_path,
                                    const char *key_path) {
  return with_config(tls, [&](Config &self) -> Result<int> {
    if (!chain_path || !key_path) return Error{SOCKET_EINVAL};
    return self.add_files(names, chain_path, key_path);
  });
}

int SocketTLS_add_certificate(SocketTLS_T tls, const char *names, const void *chain,
                              int64_t chain_length, const void *key, int64_t key_length) {
  return with_config(tls, [&](Config &self) -> Result<int> {
    if (!chain || !key || chain_length < 1 || key_length < 1) return Error{SOCKET_EINVAL};
    return self.add_memory(names, text_of(chain, chain_length), text_of(key, key_length));
  });
}

int SocketTLS_replace_certificate(SocketTLS_T tls, int number, const void *chain,
                                  int64_t chain_length, const void *key, int64_t key_length) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!chain || !key || chain_length < 1 || key_length < 1) return Error{SOCKET_EINVAL};
    return self.replace(number, text_of(chain, chain_length), text_of(key, key_length));
  });
}

int SocketTLS_reload(SocketTLS_T tls) {
  return with_config(tls, [](Config &self) { return self.reload(); });
}

int SocketTLS_set_password(SocketTLS_T tls, SocketPassword_T password, void *user) {
  return with_config(tls, [&](Config &self) { return self.set_password(password, user); });
}

int SocketTLS_set_password_text(SocketTLS_T tls, const char *password) {
  return with_config(tls, [&](Config &self) { return self.set_password_text(password); });
}

int SocketTLS_set_staple(SocketTLS_T tls, int number, const void *der, int64_t length) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!valid_bytes(der, length)) return Error{SOCKET_EINVAL};
    return self.set_staple(number, text_of(der, length));
  });
}

// ---- The peer's certificate

int SocketTLS_add_authorities(SocketTLS_T tls, const void *bytes, int64_t length) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!bytes || length < 1) return Error{SOCKET_EINVAL};
    return self.add_authorities(text_of(bytes, length));
  });
}

int SocketTLS_add_authorities_file(SocketTLS_T tls, const char *path) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!path) return Error{SOCKET_EINVAL};
    return self.add_authorities_file(path);
  });
}

int SocketTLS_add_authorities_folder(SocketTLS_T tls, const char *path) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!path) return Error{SOCKET_EINVAL};
    return self.add_authorities_folder(path);
  });
}

int SocketTLS_set_system_authorities(SocketTLS_T tls, int on) {
  return with_config(tls, [&](Config &self) -> Status {
    if (on != 0 && on != 1) return Error{SOCKET_EINVAL};
    return self.set_system_authorities(on == 1);
  });
}

int SocketTLS_set_client_check(SocketTLS_T tls, int check) {
  return with_config(tls, [&](Config &self) -> Status {
    switch (check) {
    case SOCKET_TLS_NO_CERTIFICATE: return self.set_check(tls::PeerCheck::none);
    case SOCKET_TLS_OPTIONAL_CERTIFICATE: return self.set_check(tls::PeerCheck::optional);
    case SOCKET_TLS_REQUIRED_CERTIFICATE: return self.set_check(tls::PeerCheck::required);
    default: return Error{SOCKET_EINVAL};
    }
  });
}

int SocketTLS_set_verify(SocketTLS_T tls, SocketTLSVerify_T verify, void *user) {
  return with_config(tls, [&](Config &self) { return self.set_verify(verify, user); });
}

int SocketTLS_add_pin(SocketTLS_T tls, const char *pin) {
  return with_config(tls, [&](Config &self) { return self.add_pin(text_or_empty(pin)); });
}

int SocketTLS_trust_anybody_without_verification(SocketTLS_T tls) {
  return with_config(tls, [](Config &self) { return self.trust_anybody(); });
}

// ---- What is spoken

int SocketTLS_set_policy(SocketTLS_T tls, const char *policy) {
  return with_config(tls, [&](Config &self) { return self.set_policy(text_or_empty(policy)); });
}

int SocketTLS_set_alpn(SocketTLS_T tls, const char *protocols) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!protocols) return Error{SOCKET_EINVAL};
    return self.set_alpn(protocols);
  });
}

int SocketTLS_set_tickets(SocketTLS_T tls, int on) {
  return with_config(tls, [&](Config &self) -> Status {
    if (on != 0 && on != 1) return Error{SOCKET_EINVAL};
    return self.set_tickets(on == 1);
  });
}

int SocketTLS_set_ticket_keys(SocketTLS_T tls, const void *keys, int64_t length) {
  return with_config(tls, [&](Config &self) -> Status {
    if (!valid_bytes(keys, length)) return Error{SOCKET_EINVAL};
    return self.set_ticket_keys({static_cast<const uint8_t *>(keys), static_cast<size_t>(length)});
  });
}

int64_t SocketTLS_get_ticket_keys(SocketTLS_T tls, void *out, int64_t capacity) {
  return with_config(tls, [&](Config &self) -> Result<int64_t> {
    if (!is_room(out, capacity)) return Error{SOCKET_EINVAL};
    auto size = self.get_ticket_keys({static_cast<uint8_t *>(out), static_cast<size_t>(capacity)});
    if (!size.ok()) return size.error();
    return static_cast<int64_t>(*size);
  });
}

int SocketTLS_set_sessions(SocketTLS_T tls, int most) {
  return with_config(tls, [&](Config &self) -> Status {
    if (most < 0) return Error{SOCKET_EINVAL};
    return self.set_sessions(static_cast<size_t>(most));
  });
}

int SocketTLS_set_key_log(SocketTLS_T tls, const char *path) {
  return with_config(tls, [&](Config &self) { return self.set_key_log(path); });
}

int SocketTLS_set_handshake_timeout(SocketTLS_T tls, int timeout_ms) {
  return with_config(tls, [&](Config &self) { return self.set_handshake_timeout(timeout_ms); });
}

int SocketTLS_set_max_handshakes(SocketTLS_T tls, int most) {
  return with_config(tls, [&](Config &self) { return self.set_max_handshakes(most); });
}

// ---- Streams

SocketStream_T SocketStream_connect_tls(SocketLoop_T loop, const char *address, SocketTLS_T tls,
                                        const char *server, int timeout_ms) {
  return new_on_loop<SocketStream_T>(loop, [&](Loop &on) -> Result<Stream *> {
    const Pinned<Config> config(word_of_handle(tls));
    if (!config) return Error{SOCKET_EBADHANDLE};
    const char *const to = address ? address : "NULL";
    auto stream = Stream::connect_tls(on, to, *config, text_or_empty(server), timeout_ms);
    return stream.ok() ? stream : explain(stream.error(), "cannot connect to %s", to);
  });
}

SocketFuture_T SocketAsync_connect_tls(SocketLoop_T loop, const char *address, SocketTLS_T tls,
                                       const char *server, int timeout_ms) {
  return new_on_loop<SocketFuture_T>(loop, [&](Loop &on) -> Result<Future *> {
    const Pinned<Config> config(word_of_handle(tls));
    if (!config) return Error{SOCKET_EBADHANDLE};
    const char *const to = address ? address : "NULL";
    auto future = Stream::async_connect_tls(on, to, *config, text_or_empty(server), timeout_ms);
    return future.ok() ? future : explain(future.error(), "cannot connect to %s", to);
  });
}

int SocketStream_start_tls(SocketStream_T stream, SocketTLS_T tls, const char *server,
                           int timeout_ms) {
  return with<Stream>(stream, [&](Stream &self) -> Status {
    const Pinned<Config> config(word_of_handle(tls));
    if (!config) return Error{SOCKET_EBADHANDLE};
    return self.start_tls(*config, text_or_empty(server), timeout_ms);
  });
}

const char *SocketStream_get_tls_version(SocketStream_T stream) {
  return agreed_text(stream, tls::version_text);
}

const char *SocketStream_get_tls_suite(SocketStream_T stream) {
  return agreed_text(stream,
                     [](const tls::Agreement &agreed) { return agreed.suite->name.data(); });
}

int SocketStream_get_tls_alpn(SocketStream_T stream, char *out, int capacity) {
  return with<Stream>(stream, [&](Stream &self) {
    return tls::write_agreed(self.engine(), &tls::Agreement::alpn, out, capacity);
  });
}

int SocketStream_get_tls_server(SocketStream_T stream, char *out, int capacity) {
  return with<Stream>(stream, [&](Stream &self) {
    return tls::write_agreed(self.engine(), &tls::Agreement::server_name, out, capacity);
  });
}

int SocketStream_is_tls_resumed(SocketStream_T stream) {
  return with<Stream>(stream, [](Stream &self) -> Result<int> {
    auto agreed = tls::agreement_of(self.engine());
    if (!agreed.ok()) return agreed.error();
    return int{agreed->resumed};
  });
}

int64_t SocketStream_get_tls_certificate(SocketStream_T stream, int index, void *out,
                                         int64_t capacity) {
  return with<Stream>(stream, [&](Stream &self) {
    return tls::write_certificate(self.engine(), index, out, capacity);
  });
}

int SocketStream_get_tls_failure(SocketStream_T stream, char *out, int capacity) {
  return with<Stream>(stream, [&](Stream &self) -> Result<int> {
    if (!is_room(out, capacity)) return Error{SOCKET_EINVAL};
    auto engine = self.engine();
    if (!engine.ok()) return engine.error();
    return write_text((*engine)->failure(), out, capacity);
  });
}

int SocketTLS_describe_certificate(const void *der, int64_t length, char *out, int capacity) {
  return guarded([&]() -> Result<int> {
    if (!der || length < 1 || !is_room(out, capacity)) return Error{SOCKET_EINVAL};
    auto text = tls::describe_certificate(text_of(der, length));
    if (!text.ok()) return text.error();
    return write_text(*text, out, capacity);
  });
}

int SocketTLS_fingerprint(const void *certificate, int64_t length, char *out, int capacity) {
  return guarded([&]() -> Result<int> {
    if (!certificate || length < 1 || !is_room(out, capacity)) return Error{SOCKET_EINVAL};
    auto digest = tls::certificate_digest(text_of(certificate, length));
    if (!digest.ok()) return digest.error();
    std::string text;
    for (const uint8_t byte : *digest) {
      if (!text.empty()) text += ':';
      text += "0123456789ABCDEF"[byte >> 4];
      text += "0123456789ABCDEF"[byte & 15];
    }
    return write_text(text, out, capacity);
  });
}

int SocketTLS_make_certificate(const char *names, int kind, int64_t not_before, int64_t not_after,
                               const char *issuer, const char *issuer_key, char *certificate,
                               int certificate_capacity, char *key, int key_capacity) {
  return guarded([&]() -> Status {
    const int role = kind & ~SOCKET_TLS_RSA;
    if (!names || role < SOCKET_TLS_SERVER_CERTIFICATE || role > SOCKET_TLS_AUTHORITY ||
        !issuer != !issuer_key || !is_room(certificate, certificate_capacity) ||
        !is_room(key, key_capacity))
      return Error{SOCKET_EINVAL};
    tls::CertificateRequest request;
    request.names = tls::split_list(names);
    request.authority = role == SOCKET_TLS_AUTHORITY;
    request.client = role == SOCKET_TLS_CLIENT_CERTIFICATE;
    request.rsa = (kind & SOCKET_TLS_RSA) != 0;
    request.not_before = not_before;
    request.not_after = not_after;
    request.issuer_chain = text_or_empty(issuer);
    request.issuer_key = text_or_empty(issuer_key);
    std::string why;
    auto made = tls::make_certificate(request, why);
    if (!made.ok()) return explain(made.error(), "%s", why.c_str());
    const auto written = write_text(made->chain, certificate, certificate_capacity);
    return written.ok() ? Status(write_text(made->key, key, key_capacity).error())
                        : Status(written.error());
  });
}

// ---- Listeners

int SocketListener_set_tls(SocketListener_T listener, SocketTLS_T tls) {
  return with<Listener>(listener, [&](Listener &self) -> Status {
    auto config = tls::for_listening(tls);
    if (!config.ok()) return config.error();
    self.acceptor().set_tls(config.take());
    return {};
  });
}
