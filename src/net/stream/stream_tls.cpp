// A stream's TLS: how it begins, over a connection to be made or one that is there.
#include "net/stream/stream.hpp"

#include "base/error.hpp"
#include "net/names/host_name.hpp"
#include "net/stream/stream_extras.hpp"
#include "net/tls/config.hpp"
#include "net/tls/names.hpp"
#include "net/tls/transport.hpp"

namespace socketpoll {

namespace {
// Whom a client wants to reach, where it does not say so.
Result<std::string_view> host_of(std::string_view address) noexcept {
  if (SockName::is_unix(address)) return Error{SOCKET_EINVAL};
  auto parts = split_host_port(address);
  if (!parts.ok()) return parts.error();
  return parts->host;
}

// What can be neither asked for nor in a certificate.
Status check_server(std::string_view server) {
  const tls::Server to = tls::Server::parse(server);
  return to.address.empty() ? check_host_name(to.name) : Status();
}

Result<std::unique_ptr<Transport>> secure(std::unique_ptr<Transport> &below, Loop &loop,
                                          tls::Config &config, std::string_view server) {
  if (!config.server())
    if (const Status status = check_server(server); !status.ok()) return status.error();
  auto context = config.context();
  if (!context.ok()) return context.error();
  return tls::TlsTransport::over(below, loop, **context, server);
}
} // namespace

Result<Stream *> Stream::connect_tls(Loop &loop, std::string_view address, tls::Config &config,
                                     std::string_view server, int timeout_ms) {
  if (config.server()) return Error{SOCKET_EINVAL};
  if (server.empty()) {
    auto host = host_of(address);
    if (!host.ok()) return host.error();
    server = *host;
  }
  auto below = FdTransport::for_address(loop, address);
  auto transport = secure(below, loop, config, server);
  if (!transport.ok()) return transport.error();
  return connect_over(transport.take(), loop, address, timeout_ms);
}

Result<Future *> Stream::async_connect_tls(Loop &loop, std::string_view address,
                                           tls::Config &config, std::string_view server,
                                           int timeout_ms) {
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  return as_future(connect_tls(loop, address, config, server, -1), timeout_ms);
}

Status Stream::start_tls(tls::Config &config, std::string_view server, int timeout_ms) {
  if (timeout_ms < -1 || config.server() != server.empty()) return Error{SOCKET_EINVAL};
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  if (const Status status = transport_->may_write(); !status.ok()) return status;
  // Descriptors come beside bytes that are nobody's yet.
  if (transport_->medium() == Medium::plain || (extras_ && extras_->fds.wanted()))
    return Error{SOCKET_ENOTSUP};
  if (ops_ && (ops_->has_reader() || ops_->writing())) return Error{SOCKET_EBUSY};
  // What came before in the clear would otherwise pass for what comes after.
  const bool unread = pending(SOCKET_DATA) || (ops_ && ops_->has_leftover());
  if (unread || transport_->engine() || transport_->queued() > 0 || saw_eof_)
    return Error{SOCKET_ESTATE};
  const int64_t low_mark = transport_->low_mark();
  auto transport = secure(transport_, loop(), config, server);
  if (!transport.ok()) return transport.error();
  transport_ = transport.take();
  transport_->set_sink(this);
  transport_->set_low_mark(low_mark);
  if (timeout_ms >= 0) connect_deadline_ns_ = loop().clock().now_ns() + timeout_ms * kNsPerMs;
  update_reading();
  schedule();
  return {};
}

Result<const tls::Engine *> Stream::engine() const noexcept {
  const tls::Engine *engine = transport_->engine();
  if (!engine) return Error{SOCKET_ENOTSUP};
  return engine;
}

} // namespace socketpoll
