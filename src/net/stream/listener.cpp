#include "net/stream/listener.hpp"

#include "base/error.hpp"

namespace socketpoll {

Listener::Listener(Loop &loop) : StallReporter(loop, kHandleKind), acceptor_(loop, *this) {
  options_.backlog = SOCKET_LISTENER_BACKLOG;
}

Result<Listener *> Listener::create(Loop &loop) {
  return adopt(std::unique_ptr<Listener>(new Listener(loop)));
}

Status Listener::listen(const char *address) {
  if (acceptor_.listening()) return Error{SOCKET_ESTATE};
  return acceptor_.listen(address, options_);
}

Status Listener::listen_on(int fd) {
  if (acceptor_.listening()) return Error{SOCKET_ESTATE};
  const Status status = acceptor_.listen_on(fd);
  if (!status.ok()) return explain(status.error(), "cannot listen on descriptor %d", fd);
  return {};
}

Result<int> Listener::port() const noexcept {
  if (!acceptor_.listening()) return Error{SOCKET_ESTATE};
  auto address = acceptor_.address();
  if (!address.ok()) return address.error();
  return int{address->port};
}

void Listener::set_callback(SocketCallback_T callback, void *user) noexcept {
  set_target(callback, user);
  for (Stream *stream = streams_.front(); stream; stream = streams_.next(*stream))
    stream->retarget_accept();
}

void Listener::on_accepted(std::unique_ptr<Transport> transport, const Address &) {
  auto stream = Stream::accept(*this, std::move(transport));
  if (!stream.ok())
    return acceptor_.connection_gone(); // out of handles: the socket is closed again
  streams_.push_back(**stream);
  if (!waiting_) return;
  (*stream)->withhold_accept();
  std::exchange(waiting_, nullptr)->succeed_with_stream((*stream)->handle());
}

Result<Future *> Listener::async_accept(int timeout_ms) {
  if (!acceptor_.listening()) return Error{SOCKET_ESTATE};
  if (waiting_) return Error{SOCKET_EBUSY};
  auto future = Future::create(loop(), *this, handle(), timeout_ms);
  if (!future.ok()) return future;
  for (Stream *stream = streams_.front(); stream; stream = streams_.next(*stream)) {
    if (!stream->withhold_accept()) continue;
    (*future)->succeed_with_stream(stream->handle());
    return future;
  }
  waiting_ = *future;
  return future;
}

void Listener::on_dispose() noexcept {
  acceptor_.close();
  if (waiting_) std::exchange(waiting_, nullptr)->fail(SOCKET_ECANCELED);
  while (Stream *stream = streams_.front())
    if (stream->orphan()) stream->dispose();
}

} // namespace socketpoll
