#include "net/stream/acceptor.hpp"

#include "SocketListener.h"

#include "base/error.hpp"
#include "net/loop.hpp"
#include "net/stream/fd_transport.hpp"

namespace socketpoll {

namespace {
// Bounds one turn's share, so that a flood of new connections leaves room for the old ones.
constexpr int kBatch = 64;

bool concerns_one_connection(int code) noexcept {
  switch (code) {
  case SOCKET_ECONNABORTED:
  case SOCKET_EPROTOCOL:
  case SOCKET_EPERM: // a firewall's word, accept(2)
  case SOCKET_ENETDOWN:
  case SOCKET_ENETUNREACH:
  case SOCKET_EHOSTUNREACH:
  case SOCKET_ENOTSUP: return true;
  default: return false;
  }
}
} // namespace

Acceptor::Acceptor(Loop &loop, AcceptorDelegate &delegate)
    : Watch(loop), delegate_(delegate), limit_(SOCKET_LISTENER_MAX_CONNECTIONS) {
  loop.timers().join(*this);
}

Status Acceptor::listen(const char *address, const os::ListenOptions &options) {
  const Status status =
      SockName::is_unix(address) ? listen_unix(address, options) : listen_tcp(address, options);
  return status.ok() ? status : explain(status.error(), "cannot listen on %s", address);
}

Status Acceptor::listen_tcp(const char *address, const os::ListenOptions &options) {
  const auto parsed = Address::parse(address);
  if (!parsed.ok()) return parsed.error();
  if (options.mode >= 0) return Error{SOCKET_ENOTSUP};
  auto fd = os::listen_tcp(*parsed, options, loop().network());
  if (!fd.ok()) return fd.error();
  const Status status = begin(fd->get());
  if (status.ok()) fd_ = fd.take();
  return status;
}

Status Acceptor::listen_unix(const char *address, const os::ListenOptions &options) {
  const auto name = SockName::parse(address);
  if (!name.ok()) return name.error();
  if (loop().network()) return Error{SOCKET_ENOTSUP}; // a simulated one, which has only TCP
  auto file = std::make_unique<os::SocketFile>();
  auto fd = os::listen_unix(*name, options, *file);
  if (!fd.ok()) return fd.error();
  file_ = std::move(file);
  fd_ = fd.take();
  try {
    const Status status = begin(fd_.get());
    if (!status.ok()) close();
    return status;
  } catch (const std::bad_alloc &) {
    close();
    throw;
  }
}

Status Acceptor::listen_on(int fd) {
  Status status = os::prepare_listening(fd);
  if (!status.ok()) return status;
  const os::SocketFile file = os::file_of(fd);
  auto kept = file ? std::make_unique<os::SocketFile>(file) : nullptr;
  status = begin(fd);
  if (!status.ok()) return status;
  fd_ = Fd(fd);
  file_ = std::move(kept);
  return {};
}

Status Acceptor::begin(int fd) {
  watch(fd);
  const Status status = want_now(paused_ ? 0 : POLL_READ);
  if (!status.ok()) unwatch();
  return status;
}

void Acceptor::close() noexcept {
  end_handshakes();
  stop_listening();
}

void Acceptor::stop_listening() noexcept {
  unwatch();
  loop().timers().disarm(*this);
  // Looked at while our socket holds the inode, whose number is nobody else's until then.
  const bool remove = file_ && file_->is_there();
  fd_.reset();
  if (remove) file_->remove_if_dead();
  file_.reset();
  stalled_ = 0; // connections that outlive it have nothing to wake up
}

void Acceptor::update_interest() noexcept {
  if (fd_) want(paused_ || stalled_ || crowded_ ? 0 : POLL_READ);
}

void Acceptor::pause(bool paused) noexcept {
  paused_ = paused;
  if (!paused && stalled_) retry_in(0); // a try that fell due meanwhile was not made
  update_interest();
}

void Acceptor::on_ready(int) {
  for (int i = 0; i < kBatch && fd_ && !paused_ && !stalled_ && !crowded_; i++)
    if (!accept_one()) return;
}

// False when there is nothing more to accept just now.
bool Acceptor::accept_one() {
  if (connections_ >= limit_) {
    stall(SOCKET_ELIMIT);
    return false;
  }
  auto accepted = os::accept_tcp(fd_.get());
  if (!accepted.ok()) {
    if (accepted.code() == SOCKET_EAGAIN) return false;
    if (concerns_one_connection(accepted.code())) return true;
    stall(accepted.code());
    return false;
  }
  connections_++;
  try {
    const Medium medium = accepted->peer.family == AF_UNIX ? Medium::unix_socket : Medium::tcp;
    auto transport = std::make_unique<FdTransport>(loop(), std::move(accepted->fd), medium);
    if (!secured_) return delegate_.on_accepted(std::move(transport), accepted->peer), true;
    gate_->let_in(std::move(transport), accepted->peer);
    crowded_ = gate_->full();
    if (crowded_) update_interest();
  } catch (const std::bad_alloc &) {
    connections_--;
  }
  return true;
}

// The same reason found again by a probe is the old stall going on, not news.
void Acceptor::stall(int code) noexcept {
  if (code != SOCKET_ELIMIT) retry_in(SOCKET_LISTENER_RETRY_MS);
  stalled_ = code;
  update_interest();
  if (code != known_) delegate_.on_stalled(code);
}

void Acceptor::retry_in(int ms) noexcept {
  loop().timers().arm(*this, loop().now_ns() + ms * kNsPerMs);
}

// One connection is the probe: if nothing stalls it again, those behind it can be accepted too.
void Acceptor::on_timer() {
  if (!stalled_ || paused_) return;
  known_ = std::exchange(stalled_, 0);
  accept_one();
  if (const Status status = watch_again(); !status.ok()) stall(status.code());
  known_ = 0;
  if (!stalled_) delegate_.on_resumed();
}

// Whether the kernel watches the socket again; it may be what refused before.
Status Acceptor::watch_again() noexcept {
  if (stalled_ || !fd_) return {};
  try {
    return want_now(POLL_READ);
  } catch (const std::bad_alloc &) {
    return Error{SOCKET_ENOMEM};
  }
}

void Acceptor::set_limit(int connections) noexcept {
  limit_ = connections;
  if (stalled_ == SOCKET_ELIMIT && connections_ < limit_) retry_in(0);
}

// ---- Handshakes

void Acceptor::set_tls(Ref<tls::Config> config) {
  secured_ = static_cast<bool>(config);
  if (!config) return;
  if (gate_)
    gate_->set_config(std::move(config));
  else
    gate_ = std::unique_ptr<tls::Gate>(new tls::Gate(loop(), *this, std::move(config)));
}

void Acceptor::make_way() noexcept {
  if (!crowded_ || gate_->full()) return;
  crowded_ = false;
  update_interest();
}

void Acceptor::on_secured(std::unique_ptr<Transport> transport, const Address &peer) {
  make_way();
  delegate_.on_accepted(std::move(transport), peer);
}

void Acceptor::on_turned_away() noexcept {
  make_way();
  connection_gone();
  delegate_.on_turned_away();
}

// ---- The limit

void Acceptor::connection_gone() noexcept {
  connections_--;
  // Its descriptor is free now, so there is no need to wait for the next try.
  if (stalled_ && connections_ < limit_) retry_in(0);
}

} // namespace socketpoll
