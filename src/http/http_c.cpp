// extern "C" functions of SocketHTTP.h.
#include "SocketHTTP.h"

#include "http/exchange.hpp"
#include "net/object_c.hpp"
#include "net/tls/agreed_c.hpp"

using namespace socketpoll;
using http::Exchange;

namespace {

std::string_view text_of(const char *text) noexcept { return text ? text : ""; }

const char *ask_text(SocketHTTP_T exchange, Exchange::Text which) noexcept {
  return with_pointer<Exchange>(exchange, [&](Exchange &self) { return self.text(which); });
}

} // namespace

const char *SocketHTTP_get_method(SocketHTTP_T exchange) {
  return ask_text(exchange, Exchange::Text::method);
}

const char *SocketHTTP_get_target(SocketHTTP_T exchange) {
  return ask_text(exchange, Exchange::Text::target);
}

const char *SocketHTTP_get_path(SocketHTTP_T exchange) {
  return ask_text(exchange, Exchange::Text::path);
}

const char *SocketHTTP_get_query(SocketHTTP_T exchange) {
  return ask_text(exchange, Exchange::Text::query);
}

int SocketHTTP_get_version(SocketHTTP_T exchange) {
  return with<Exchange>(exchange,
                        [](Exchange &self) { return Result<int>(10 + self.head().version_minor); });
}

const char *SocketHTTP_get_header(SocketHTTP_T exchange, const char *name) {
  return with_pointer<Exchange>(exchange,
                                [&](Exchange &self) { return self.header_text(text_of(name)); });
}

int SocketHTTP_get_header_count(SocketHTTP_T exchange) {
  return with<Exchange>(exchange,
                        [](Exchange &self) { return Result<int>(self.head().field_count); });
}

const char *SocketHTTP_get_header_name(SocketHTTP_T exchange, int index) {
  return with_pointer<Exchange>(
      exchange, [&](Exchange &self) { return self.header_name_text(static_cast<size_t>(index)); });
}

const char *SocketHTTP_get_header_value(SocketHTTP_T exchange, int index) {
  return with_pointer<Exchange>(
      exchange, [&](Exchange &self) { return self.header_value_text(static_cast<size_t>(index)); });
}

const char *SocketHTTP_get_parameter(SocketHTTP_T exchange, const char *name) {
  return with_pointer<Exchange>(exchange,
                                [&](Exchange &self) { return self.parameter_text(text_of(name)); });
}

int SocketHTTP_get_peer(SocketHTTP_T exchange, char *out, int capacity) {
  return with<Exchange>(exchange, [&](Exchange &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    return self.format_peer({out, static_cast<size_t>(capacity)});
  });
}

const char *SocketHTTP_get_tls_version(SocketHTTP_T exchange) {
  return with_pointer<Exchange>(exchange, [](Exchange &self) -> const char * {
    auto agreed = tls::agreement_of(self.engine());
    if (!agreed.ok()) return record_error(agreed.code()), nullptr;
    return tls::version_text(*agreed);
  });
}

int SocketHTTP_get_tls_server(SocketHTTP_T exchange, char *out, int capacity) {
  return with<Exchange>(exchange, [&](Exchange &self) {
    return tls::write_agreed(self.engine(), &tls::Agreement::server_name, out, capacity);
  });
}

int64_t SocketHTTP_get_tls_certificate(SocketHTTP_T exchange, int index, void *out,
                                       int64_t capacity) {
  return with<Exchange>(exchange, [&](Exchange &self) {
    return tls::write_certificate(self.engine(), index, out, capacity);
  });
}

int64_t SocketHTTP_get_body_length(SocketHTTP_T exchange) {
  // -1 is no error here.
  auto found = find<Exchange>(exchange);
  return found.ok() ? (*found)->body_length() : record_error(found.code());
}

int SocketHTTP_set_callback(SocketHTTP_T exchange, SocketCallback_T callback, void *user) {
  return set_callback<Exchange>(exchange, callback, user);
}

int SocketHTTP_read_body(SocketHTTP_T exchange) {
  return with<Exchange>(exchange, [](Exchange &self) { return self.read_body(); });
}

int SocketHTTP_pause_body(SocketHTTP_T exchange) {
  return with<Exchange>(exchange, [](Exchange &self) {
    self.pause_body();
    return Status();
  });
}

int SocketHTTP_add_header(SocketHTTP_T exchange, const char *name, const char *value) {
  return with<Exchange>(exchange, [&](Exchange &self) {
    return name && value ? self.add_header(name, value) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketHTTP_set_header(SocketHTTP_T exchange, const char *name, const char *value) {
  return with<Exchange>(exchange, [&](Exchange &self) {
    return name && value ? self.set_header(name, value) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketHTTP_respond(SocketHTTP_T exchange, int status, const char *content_type,
                       const void *body, int64_t length) {
  return with<Exchange>(exchange, [&](Exchange &self) -> Status {
    if (!valid_bytes(body, length)) return Error{SOCKET_EINVAL};
    return self.respond(status, text_of(content_type), bytes_of(body, length));
  });
}

int SocketHTTP_start(SocketHTTP_T exchange, int status, const char *content_type, int64_t length) {
  return with<Exchange>(
      exchange, [&](Exchange &self) { return self.start(status, text_of(content_type), length); });
}

int64_t SocketHTTP_write(SocketHTTP_T exchange, const void *data, int64_t length) {
  return with<Exchange>(exchange, [&](Exchange &self) -> Result<int64_t> {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    // The mark is for programs; what the library itself sends beside large files passes it.
    if (self.answered() && !self.ended() && self.held_by_output()) return Error{SOCKET_EAGAIN};
    if (const Status status = self.write(bytes_of(data, length)); !status.ok())
      return status.error();
    return self.queued();
  });
}

int SocketHTTP_end(SocketHTTP_T exchange) {
  return with<Exchange>(exchange, [](Exchange &self) { return self.end(); });
}

int SocketHTTP_abort(SocketHTTP_T exchange) {
  return with<Exchange>(exchange, [](Exchange &self) {
    self.abort(SOCKET_ECANCELED);
    return Status();
  });
}

int SocketHTTP_next(SocketHTTP_T exchange) {
  return with<Exchange>(exchange, [](Exchange &self) { return self.next(); });
}

int SocketHTTP_get_status(SocketHTTP_T exchange) {
  return with<Exchange>(exchange, [](Exchange &self) { return Result<int>(self.status()); });
}

int64_t SocketHTTP_get_bytes_sent(SocketHTTP_T exchange) {
  return with<Exchange>(exchange,
                        [](Exchange &self) { return Result<int64_t>(self.bytes_sent()); });
}

int64_t SocketHTTP_get_duration_us(SocketHTTP_T exchange) {
  return with<Exchange>(exchange,
                        [](Exchange &self) { return Result<int64_t>(self.duration_ns() / 1000); });
}
