#include "net/listener.hpp"

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
  auto parsed = Address::parse(address);
  const Status status = parsed.ok() ? acceptor_.listen(*parsed, options_) : Status(parsed.error());
  if (!status.ok()) return explain(status.error(), "cannot listen on %s", address);
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

void Listener::on_accepted(Fd fd, const Address &) {
  auto stream = Stream::accept(*this, std::move(fd));
  if (!stream.ok())
    return acceptor_.connection_gone(); // out of handles: the socket is closed again
  streams_.push_back(**stream);
}

void Listener::on_dispose() noexcept {
  acceptor_.close();
  while (Stream *stream = streams_.front())
    if (stream->orphan()) stream->dispose();
}

} // namespace socketpoll
