#include "http/server.hpp"

#include "base/error.hpp"
#include "net/stream/fd_transport.hpp"

#include <algorithm>

namespace socketpoll::http {

namespace {
// Exchanges kept for the next requests; more were needed by a burst and are given back.
constexpr int kKeptExchanges = 64;
} // namespace

// One address that the server listens on.
class Server::Endpoint final : public AcceptorDelegate {
public:
  Endpoint(Server &server, uint16_t number)
      : acceptor(server.loop(), *this), server_(server), number_(number) {}

  void on_accepted(std::unique_ptr<Transport> transport, const Address &peer) override {
    server_.serve(std::move(transport), peer, number_);
  }
  void on_stalled(int code) noexcept override { server_.report_stalled(code); }
  void on_resumed() noexcept override { server_.report_resumed(); }
  void on_turned_away() noexcept override { server_.check_stopped(); }

  Acceptor acceptor;

private:
  Server &server_;
  uint16_t number_;
};

Server::Server(Loop &loop) : StallReporter(loop, kHandleKind) { loop.timers().join(*this); }

Server::~Server() = default;

Result<Server *> Server::create(Loop &loop) {
  return adopt(std::unique_ptr<Server>(new Server(loop)));
}

// ---- What the program sets up

Status Server::add_route(std::string_view method, std::string_view pattern, Route route) {
  const auto payload = static_cast<uint32_t>(routes_.size());
  routes_.push_back(std::move(route));
  Status status;
  try {
    status = router_.add(method, pattern, payload);
  } catch (...) {
    routes_.pop_back();
    throw;
  }
  if (!status.ok()) routes_.pop_back();
  return status;
}

Status Server::route(const char *method, const char *pattern, SocketHTTPHandler_T handler,
                     void *user) {
  const Status status = add_route(method, pattern, {{handler, user}, nullptr});
  if (!status.ok()) return explain(status.error(), "cannot route %s %s", method, pattern);
  return {};
}

Status Server::use(SocketHTTPHandler_T handler, void *user) {
  middleware_.push_back({handler, user});
  return {};
}

Status Server::serve_folder(const char *prefix, const char *folder, int flags) {
  if (flags & ~SOCKET_HTTP_LISTING) return Error{SOCKET_EINVAL};
  std::string pattern(prefix);
  if (pattern.empty() || pattern.back() != '/') pattern += '/';
  pattern += '*';
  auto files = StaticFiles::open(loop(), folder, flags);
  if (!files.ok()) return files.error();
  return add_route("GET", pattern, {{}, files.take()});
}

template <class Listen> Status Server::add_endpoint(Listen &&listen) {
  if (stopping_) return Error{SOCKET_ESTATE};
  if (endpoints_.size() >= UINT16_MAX) return Error{SOCKET_ELIMIT};
  auto endpoint = std::make_unique<Endpoint>(*this, static_cast<uint16_t>(endpoints_.size()));
  endpoints_.reserve(endpoints_.size() + 1);
  endpoint->acceptor.set_limit(static_cast<int>(limits_.max_connections));
  if (tls_) endpoint->acceptor.set_tls(tls_);
  const Status status = listen(endpoint->acceptor);
  if (status.ok()) endpoints_.push_back(std::move(endpoint));
  return status;
}

Status Server::listen(const char *address) {
  return add_endpoint([&](Acceptor &acceptor) {
    os::ListenOptions options;
    options.backlog = SOCKET_LISTENER_BACKLOG;
    options.reuseport = reuseport_;
    return acceptor.listen(address, options);
  });
}

Status Server::listen_on(int fd) {
  const Status status = add_endpoint([&](Acceptor &acceptor) { return acceptor.listen_on(fd); });
  if (!status.ok()) return explain(status.error(), "cannot listen on descriptor %d", fd);
  return {};
}

Status Server::set_reuseport(int how) noexcept {
  if (how < SOCKET_REUSEPORT_OFF || how > SOCKET_REUSEPORT_FIRST) return Error{SOCKET_EINVAL};
  reuseport_ = how;
  return {};
}

Result<int> Server::listen_fd() const noexcept {
  if (endpoints_.empty() || stopping_) return Error{SOCKET_ESTATE};
  return endpoints_.back()->acceptor.fd();
}

Result<int> Server::port() const noexcept {
  if (endpoints_.empty() || stopping_) return Error{SOCKET_ESTATE};
  auto address = endpoints_.back()->acceptor.address();
  if (!address.ok()) return address.error();
  return int{address->port};
}

Status Server::set_limit(int64_t Limits::*limit, int64_t value, int64_t least,
                         int64_t most) noexcept {
  if (value < least || value > most) return Error{SOCKET_EINVAL};
  limits_.*limit = value;
  for (auto &endpoint : endpoints_)
    endpoint->acceptor.set_limit(static_cast<int>(limits_.max_connections));
  return {};
}

Status Server::set_timeout(int64_t Limits::*limit, int64_t value) noexcept {
  if (value == -1) {
    limits_.*limit = -1;
    return {};
  }
  return set_limit(limit, value, 1, INT32_MAX);
}

Status Server::set_marks(int64_t low, int64_t high) noexcept {
  if (low < 0 || high <= low) return Error{SOCKET_EINVAL};
  limits_.low_mark = low;
  limits_.high_mark = high;
  return {};
}

// ---- Connections

void Server::serve(std::unique_ptr<Transport> transport, const Address &peer, uint16_t endpoint) {
  auto session = std::make_unique<H1Session>(*this, std::move(transport), peer, endpoint);
  sessions_.push_back(*session.release());
  connections_++;
}

void Server::session_gone(H1Session &session) noexcept {
  List<H1Session, SessionTag>::remove(session);
  connections_--;
  if (session.endpoint() < endpoints_.size())
    endpoints_[session.endpoint()]->acceptor.connection_gone();
  loop().retire(session);
  check_stopped();
}

std::string_view Server::date() noexcept {
  if (date_turn_ != loop().turn_number()) {
    date_ = date_cache_.at(loop().clock().wall_seconds());
    date_turn_ = loop().turn_number();
  }
  return date_;
}

Result<Exchange *> Server::take_exchange() {
  Exchange *exchange = idle_exchanges_.pop_front();
  if (exchange) {
    idle_exchange_count_--;
  } else {
    auto created = Exchange::create(*this);
    if (!created.ok()) return created;
    exchange = *created;
  }
  busy_exchanges_.push_back(*exchange);
  return exchange;
}

void Server::give_back(Exchange &exchange) noexcept {
  if (exchange.disposed()) return;
  bool reusable = false;
  try {
    reusable = exchange.recycle().ok();
  } catch (const std::bad_alloc &) {
  }
  if (!reusable || idle_exchange_count_ >= kKeptExchanges) return exchange.dispose();
  List<Exchange, ExchangeTag>::remove(exchange);
  idle_exchanges_.push_front(exchange);
  idle_exchange_count_++;
}

void Server::log(Exchange &exchange) noexcept {
  if (log_.call) log_.call(reinterpret_cast<SocketHTTP_T>(exchange.handle()), log_.user);
}

// ---- Requests

void Server::run_step(Exchange &exchange) {
  const auto handle = reinterpret_cast<SocketHTTP_T>(exchange.handle());
  if (exchange.step_ < middleware_.size()) {
    const Handler next = middleware_[exchange.step_++];
    return next.call(handle, next.user);
  }
  exchange.at_route_ = true;
  run_route(exchange);
}

void Server::run_route(Exchange &exchange) {
  if (exchange.match_.outcome != RouteOutcome::found) return answer_unrouted(exchange);
  const Route &route = routes_[exchange.match_.payload];
  if (route.files)
    return route.files->serve(exchange,
                              exchange.parameter(exchange.match_.parameter_count - size_t{1}));
  const Handler handler = route.handler;
  if (handler.call)
    return handler.call(reinterpret_cast<SocketHTTP_T>(exchange.handle()), handler.user);
  exchange.pulled_ = true;
  exchange.route_user_ = handler.user;
  if (!exchange.pushes()) exchange.set_target(nullptr, handler.user);
  exchange.raise(SOCKET_HTTP_REQUEST);
}

void Server::answer_unrouted(Exchange &exchange) {
  const bool whole_server =
      exchange.head().method == Method::options && exchange.request().path() == "*";
  const RouteOutcome outcome = whole_server ? RouteOutcome::options : exchange.match_.outcome;
  if (outcome == RouteOutcome::options || outcome == RouteOutcome::method_not_allowed) {
    char allow[512] = "Allow: ";
    const size_t start = std::string_view(allow).size();
    size_t length =
        start + router_.allow(whole_server ? router_.methods_in_use() : exchange.match_.allowed,
                              allow + start, sizeof allow - start - 2);
    allow[length++] = '\r';
    allow[length++] = '\n';
    (void)exchange.add_lines({allow, length});
  }
  const bool unknown = !router_.knows(exchange.request().method());
  switch (outcome) {
  case RouteOutcome::options: (void)exchange.respond(204, {}, {}); break;
  case RouteOutcome::method_not_allowed: (void)exchange.respond_error(unknown ? 501 : 405); break;
  case RouteOutcome::bad_path: (void)exchange.respond_error(400); break;
  default: (void)exchange.respond_error(unknown ? 501 : 404);
  }
}

// ---- The end

Status Server::stop(int timeout_ms) {
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  if (stopped_) return {};
  const int64_t now = loop().clock().now_ns();
  if (timeout_ms >= 0) {
    stop_deadline_ns_ = std::min(stop_deadline_ns_, now + timeout_ms * kNsPerMs);
    if (!armed() || stop_deadline_ns_ < TimerNode::deadline())
      loop().timers().arm(*this, stop_deadline_ns_);
  }
  if (stopping_) return {};
  stopping_ = true;
  for (auto &endpoint : endpoints_) endpoint->acceptor.stop_listening();
  const int64_t grace = now + stop_grace_ms_ * kNsPerMs;
  in_grace_ = stop_grace_ms_ > 0 && grace < stop_deadline_ns_;
  if (in_grace_)
    loop().timers().arm(*this, grace);
  else
    end_idle();
  check_stopped();
  return {};
}

Status Server::set_stop_grace(int64_t ms) noexcept {
  if (ms < 0 || ms > INT32_MAX) return Error{SOCKET_EINVAL};
  stop_grace_ms_ = ms;
  return {};
}

int Server::handshakes() const noexcept {
  int count = 0;
  for (const auto &endpoint : endpoints_) count += endpoint->acceptor.handshakes();
  return count;
}

void Server::end_idle() noexcept {
  for (auto &endpoint : endpoints_) endpoint->acceptor.end_handshakes();
  for (H1Session *session = sessions_.front(); session; session = sessions_.next(*session))
    session->finish_soon();
}

void Server::on_timer() {
  if (std::exchange(in_grace_, false) && loop().clock().now_ns() < stop_deadline_ns_) {
    if (stop_deadline_ns_ != INT64_MAX) loop().timers().arm(*this, stop_deadline_ns_);
    end_idle();
    return check_stopped();
  }
  if (connections_ > 0) stop_code_ = SOCKET_ETIMEDOUT;
  for (auto &endpoint : endpoints_) endpoint->acceptor.end_handshakes();
  for (H1Session *session = sessions_.front(); session; session = sessions_.next(*session))
    session->abort(SOCKET_ETIMEDOUT);
  check_stopped();
}

void Server::check_stopped() noexcept {
  if (!stopping_ || stopped_ || connections_ > 0 || handshakes() > 0) return;
  stopped_ = true;
  loop().timers().disarm(*this);
  raise(SOCKET_HTTP_STOPPED);
}

void Server::describe(SocketCompletion_T &event) noexcept {
  StallReporter::describe(event);
  if (event.kind == SOCKET_HTTP_STOPPED) event.status = stop_code_;
}

void Server::on_dispose() noexcept {
  for (auto &endpoint : endpoints_) endpoint->acceptor.close();
  for (auto *exchanges : {&busy_exchanges_, &idle_exchanges_})
    while (Exchange *exchange = exchanges->front()) exchange->dispose();
  while (H1Session *session = sessions_.pop_front()) session->abandon();
  loop().timers().disarm(*this);
}

} // namespace socketpoll::http
