#include "net/stream/connector.hpp"

#include "net/os/os_unix.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace socketpoll {

constinit ConnectCalls connect_calls;

namespace {

constexpr int64_t kMostRetryMs = 64;

// How much a failure tells. What this machine lacks comes first: the address was not even tried.
int weight(int code) noexcept {
  switch (code) {
  case 0: return 0;
  case SOCKET_ENETUNREACH:
  case SOCKET_ENETDOWN:
  case SOCKET_EADDRNOTAVAIL:
  case SOCKET_EAFNOSUPPORT: return 1;
  case SOCKET_EHOSTUNREACH: return 2;
  case SOCKET_ETIMEDOUT: return 3;
  case SOCKET_ECONNREFUSED:
  case SOCKET_ECONNRESET: return 4;
  default: return 5;
  }
}

} // namespace

// ---- Attempts

Connector::Attempt::Attempt(Connector &of) noexcept : Watch(of.loop_), connector(of) {}

// Connected and reset at once: Windows may say so by the event alone.
void Connector::Attempt::on_ready(int events) {
  Status status = os::pending_error(fd.get());
  if (status.ok() && (events & POLL_ERROR)) status = Error{SOCKET_ECONNRESET};
  if (status.ok()) return connector.connected(*this);
  connector.failed(*this, status.code());
}

void Connector::Attempt::on_refused(int code) noexcept { connector.failed(*this, code); }

void Connector::Attempt::on_no_memory() noexcept { connector.on_no_memory(); }

// nullptr: no memory for another one beside those under way.
Connector::Attempt *Connector::idle_attempt() noexcept {
  if (!first_.fd) return &first_;
  try {
    return std::make_unique<Attempt>(*this).release(); // the list's, until it is retired
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

// False, with the failure noted, if it is over already.
bool Connector::begin(Attempt &attempt, const Address &address) noexcept {
  last_family_ = address.family;
  attempts_.push_back(attempt);
  auto fd = connect_calls.socket(address.family, loop_.network());
  Status status = fd.ok() ? connect_calls.connect(fd->get(), address) : Status(fd.error());
  if (!status.ok() && status.code() != SOCKET_EAGAIN) {
    note(status.code());
    end(attempt);
    return false;
  }
  attempt.address = address;
  watch_outcome(attempt, fd.take());
  return true;
}

// Connected at once or not, the outcome comes from the loop: the socket is writable then.
void Connector::watch_outcome(Attempt &attempt, Fd fd) noexcept {
  attempt.fd = std::move(fd);
  attempt.watch(attempt.fd.get());
  attempt.want(POLL_WRITE);
}

void Connector::end(Attempt &attempt) noexcept {
  attempt.unwatch();
  attempt.fd.reset();
  List<Attempt, AttemptTag>::remove(attempt);
  if (&attempt != &first_) loop_.retire(attempt);
}

void Connector::failed(Attempt &attempt, int code) noexcept {
  note(code);
  end(attempt);
  next_ns_ = 0;
  proceed();
}

void Connector::connected(Attempt &attempt) {
  const Address address = attempt.address;
  ConnectDelegate &delegate = *delegate_;
  if (Watch *next = delegate.takes_over())
    next->take_over(attempt);
  else
    attempt.unwatch();
  Fd fd = std::move(attempt.fd);
  cancel();
  delegate_ = &delegate;
  delegate.on_connected(std::move(fd), address);
}

void Connector::note(int code) noexcept {
  if (weight(code) > weight(failure_)) failure_ = code;
}

// ---- The whole

Connector::Connector(Loop &loop, ConnectDelegate &delegate) noexcept
    : loop_(loop), delegate_(&delegate), first_(*this) {}

Connector::~Connector() { cancel(); }

void Connector::cancel() noexcept {
  delegate_ = nullptr;
  lookup_.reset();
  while (Attempt *attempt = attempts_.front()) end(*attempt);
  loop_.timers().disarm(*this);
  List<Deferred, DeferredTag>::remove(*this);
}

void Connector::start(const Address &address) noexcept {
  if (!begin(first_, address)) loop_.defer(*this);
}

void Connector::start(std::span<const Address> addresses) {
  loop_.timers().join(*this);
  untried_.assign(addresses.begin(), addresses.end());
  proceed();
}

Status Connector::start(std::string_view host, uint16_t port, int family) {
  loop_.timers().join(*this);
  port_ = port;
  wants_ipv6_ = family != AF_INET;
  lookup_ = std::make_unique<Lookup>(loop_, static_cast<LookupDelegate &>(*this));
  return lookup_->start(host, family);
}

void Connector::start(const SockName &name) {
  loop_.timers().join(*this);
  name_ = std::make_unique<SockName>(name);
  proceed();
}

// Connected at once or not at all; the outcome comes from the loop all the same.
void Connector::proceed_by_name() noexcept {
  auto fd = os::unix_socket();
  const Status status = fd.ok() ? os::connect_unix(fd->get(), *name_) : Status(fd.error());
  if (status.code() == SOCKET_EAGAIN) {
    loop_.timers().arm(*this, loop_.clock().now_ns() + retry_ms_ * kNsPerMs);
    retry_ms_ = std::min<int64_t>(retry_ms_ * 2, kMostRetryMs);
    return;
  }
  if (!status.ok()) {
    note(status.code());
    return loop_.defer(*this);
  }
  name_.reset();
  attempts_.push_back(first_);
  first_.address.family = AF_UNIX;
  watch_outcome(first_, fd.take());
}

void Connector::on_lookup(std::span<const Address> found, int code) {
  const size_t before = untried_.size();
  untried_.insert(untried_.end(), found.begin(), found.end());
  for (size_t i = before; i < untried_.size(); i++) untried_[i].port = port_;
  if (code == SOCKET_EAGAIN) {
    piecemeal_ = true;
  } else {
    lookup_.reset();
    lookup_code_ = code;
  }
  if (last_family_ == AF_UNSPEC) delay_for_ipv6();
  proceed();
}

// IPv4 alone waits a little for the IPv6 addresses that may be about to arrive.
void Connector::delay_for_ipv6() noexcept {
  const auto is_ipv6 = [](const Address &address) { return address.family == AF_INET6; };
  if (!lookup_ || !wants_ipv6_ || std::any_of(untried_.begin(), untried_.end(), is_ipv6))
    next_ns_ = 0;
  else if (next_ns_ == 0 && !untried_.empty())
    next_ns_ = loop_.clock().now_ns() + kResolutionDelayNs;
}

// The first of the family whose turn it is; addresses that came one by one are in no order of
// preference, so IPv6 begins.
Address Connector::take_next() noexcept {
  uint8_t family = untried_.front().family;
  if (last_family_ != AF_UNSPEC)
    family = last_family_ == AF_INET6 ? AF_INET : AF_INET6;
  else if (piecemeal_)
    family = AF_INET6;
  auto next = std::find_if(untried_.begin(), untried_.end(),
                           [&](const Address &address) { return address.family == family; });
  if (next == untried_.end()) next = untried_.begin();
  const Address taken = *next;
  untried_.erase(next);
  return taken;
}

void Connector::proceed() noexcept {
  loop_.timers().disarm(*this);
  if (name_) return proceed_by_name();
  while (!untried_.empty()) {
    if (next_ns_ > 0 && next_ns_ > loop_.clock().now_ns())
      return loop_.timers().arm(*this, next_ns_);
    Attempt *attempt = idle_attempt();
    const bool under_way = !attempt || begin(*attempt, take_next());
    next_ns_ = under_way ? loop_.clock().now_ns() + kAttemptDelayNs : 0;
  }
  if (attempts_.empty() && !lookup_) loop_.defer(*this);
}

void Connector::run_deferred() {
  if (failure_ == 0) failure_ = lookup_code_ ? lookup_code_ : int{SOCKET_ENONAME};
  if (ConnectDelegate *delegate = std::exchange(delegate_, nullptr))
    delegate->on_connect_failed(failure_);
}

// on_connected threw: nothing else does. The delegate may have destroyed the connector before.
void Connector::on_no_memory() noexcept {
  if (!delegate_) return;
  failure_ = SOCKET_ENOMEM;
  loop_.defer(*this);
}

void ConnectorRetires::operator()(Connector *connector) const noexcept {
  connector->cancel();
  connector->loop().retire(*connector);
}

} // namespace socketpoll
