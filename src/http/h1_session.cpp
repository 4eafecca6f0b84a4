#include "http/h1_session.hpp"

#include "http/server.hpp"
#include "net/loop.hpp"

#include <algorithm>

namespace socketpoll::http {

namespace {
// The rest of a body that nobody asked for: read up to this to save the connection, RFC 9112 9.3.
constexpr int64_t kMaxDiscarded = 262144;
constexpr int64_t kLingerMs = 2000;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
} // namespace

H1Session::H1Session(Server &server, std::unique_ptr<Transport> transport, const Address &peer,
                     uint16_t endpoint)
    : server_(server), transport_(std::move(transport)), since_ns_(server.loop().now_ns()),
      peer_(peer), endpoint_(endpoint) {
  server.loop().timers().join(*this);
  transport_->set_sink(this);
  transport_->set_low_mark(server.limits().low_mark);
  update_reading();
  schedule();
}

H1Session::~H1Session() = default;

Loop &H1Session::loop() const noexcept { return server_.loop(); }

// ---- What arrives

std::span<char> H1Session::receive_buffer() { return loop().scratch(); }

void H1Session::on_data(std::span<char> bytes) {
  if (state_ >= State::lingering) return;
  const Corked corked(*this);
  if (backlog_) {
    backlog_->append(bytes.data(), bytes.size());
    return process();
  }
  const size_t used = feed(bytes);
  if (used < bytes.size() && state_ < State::lingering)
    backlog_ = std::make_unique<std::string>(bytes.data() + used, bytes.size() - used);
  update_reading();
  schedule();
}

// Goes on with the backlog, after something that held it up is gone.
void H1Session::process() {
  if (state_ >= State::lingering) return;
  const Corked corked(*this);
  if (std::unique_ptr<std::string> backlog = std::move(backlog_)) {
    const size_t used = feed({backlog->data(), backlog->size()});
    if (used < backlog->size() && state_ < State::lingering) {
      backlog->erase(0, used);
      backlog_ = std::move(backlog);
    }
  }
  if (eof_ && state_ == State::head && !held_by_output()) close_gracefully();
  update_reading();
  schedule();
}

// Takes what it can of `bytes`; how many. Each step takes something, or stops.
size_t H1Session::feed(std::span<char> bytes) {
  size_t used = 0;
  feeding_ = true;
  for (bool more = true; more && used < bytes.size();) {
    switch (state_) {
    case State::head: more = !held_by_output() && feed_head(bytes, used); break;
    case State::body: more = feed_body(bytes, used); break;
    case State::waiting: more = false; break;
    default: used = bytes.size();
    }
  }
  feeding_ = false;
  return used;
}

bool H1Session::feed_head(std::span<char> bytes, size_t &used) {
  if (!exchange_) {
    if (server_.stopping()) {
      close_gracefully();
      return false;
    }
    auto taken = server_.take_exchange();
    if (!taken.ok()) {
      transport_->abort(taken.code());
      return false;
    }
    exchange_ = *taken;
    exchange_->begin(*this);
    since_ns_ = loop().now_ns();
  }
  const std::span<char> rest = bytes.subspan(used);
  switch (
      parse_request_head(exchange_->head_, rest.data(), rest.size(), server_.limits().parser())) {
  case ParseOutcome::more: return false;
  case ParseOutcome::error: refuse(exchange_->head_.error_status, SOCKET_EPROTOCOL); return false;
  case ParseOutcome::complete:
    exchange_->base_ = rest.data();
    used += exchange_->head_.head_length;
    start_request();
  }
  return true;
}

void H1Session::start_request() {
  const RequestHead &head = exchange_->head_;
  keep_alive_ = head.keep_alive && !server_.stopping();
  unread_ = discarding_ = false;
  state_ = State::waiting;
  if (head.framing != BodyFraming::none && head.content_length != 0) {
    state_ = State::body;
    exchange_->body_.left = head.content_length;
    exchange_->body_.since_ns = loop().now_ns();
  }
  if (head.content_length > server_.limits().max_body) return refuse(413, SOCKET_ELIMIT);
  server_.router().find(exchange_->request().method(), exchange_->request().path(),
                        exchange_->match_);
  exchange_->run();
}

bool H1Session::feed_body(std::span<char> bytes, size_t &used) {
  const bool held = !exchange_->body_.wanted || exchange_->pending(SOCKET_HTTP_BODY);
  if (!discarding_ && held) return false;
  const std::span<char> rest = bytes.subspan(used);
  if (exchange_->head_.framing == BodyFraming::length) {
    int64_t &left = exchange_->body_.left;
    const auto size = static_cast<size_t>(std::min(left, static_cast<int64_t>(rest.size())));
    // A pulled piece has to fit a chunk.
    const size_t piece = std::min(size, Chunk::kBytes);
    left -= static_cast<int64_t>(piece);
    used += piece;
    const bool last = left == 0;
    if (!take_body({rest.data(), piece})) return false;
    if (last) end_body();
    return true;
  }
  const ChunkedStep step =
      exchange_->body_.chunked.feed(rest.data(), std::min(rest.size(), Chunk::kBytes));
  used += step.consumed;
  switch (step.outcome) {
  case ChunkedOutcome::more: return true;
  case ChunkedOutcome::data: return take_body(step.data);
  case ChunkedOutcome::done: end_body(); return true;
  default: refuse(step.status, SOCKET_EPROTOCOL); return false;
  }
}

// False when the connection or the request has ended meanwhile.
bool H1Session::take_body(std::string_view bytes) {
  Exchange &exchange = *exchange_;
  exchange.body_.received += static_cast<int64_t>(bytes.size());
  if (exchange.body_.received > server_.limits().max_body) {
    refuse(413, SOCKET_ELIMIT);
    return false;
  }
  if (discarding_) {
    if (exchange.body_.received - exchange.body_.counted <= kMaxDiscarded) return true;
    keep_alive_ = false;
    unread_ = true;
    release_exchange(0);
    close_gracefully();
    return false;
  }
  exchange.deliver_body(bytes);
  return state_ == State::body && exchange_ == &exchange;
}

void H1Session::end_body() {
  if (state_ != State::body) return;
  state_ = State::waiting;
  if (discarding_) return settle();
  exchange_->body_.end_told = true;
  exchange_->raise(SOCKET_HTTP_BODY_END);
  if (exchange_->ended() && !exchange_->running_) settle();
}

void H1Session::continue_body() {
  Exchange::Body &body = exchange_->body_;
  if (state_ != State::body) {
    body.end_told = true;
    return exchange_->raise(SOCKET_HTTP_BODY_END);
  }
  if (exchange_->head_.expect_continue && !body.continued && body.received == 0 &&
      !exchange_->answered() && !backlog_) {
    const Corked corked(*this);
    std::copy(kContinue.begin(), kContinue.end(), cork_room(kContinue.size()));
    cork_commit(kContinue.size());
  }
  body.continued = true;
  resume_soon();
}

// ---- How a request ends

void H1Session::settle() {
  if (state_ == State::body) {
    discarding_ = can_discard();
    if (discarding_) {
      exchange_->body_.counted = exchange_->body_.received;
      return resume_soon();
    }
    keep_alive_ = false;
    unread_ = true;
  }
  release_exchange(0);
  if (!keep_alive_ || server_.stopping()) return close_gracefully();
  state_ = State::head;
  since_ns_ = loop().now_ns();
  if (!feeding_) resume_soon();
}

bool H1Session::can_discard() const noexcept {
  if (eof_ || !keep_alive_) return false;
  // The client may be waiting for our word before it sends the body, and will not send it now.
  if (exchange_->head_.expect_continue && !exchange_->body_.continued) return false;
  return exchange_->head_.framing == BodyFraming::chunked || exchange_->body_.left <= kMaxDiscarded;
}

// Answers a request that cannot be served, and ends the connection, because where the next request
// begins is not known.
void H1Session::refuse(int status, int code) {
  keep_alive_ = false;
  unread_ = true;
  if (exchange_->answered()) return transport_->abort(code);
  exchange_->running_ = true; // respond_error() must not settle
  exchange_->lines_.clear();
  (void)exchange_->respond_error(status);
  if (state_ == State::closed || !exchange_) return;
  exchange_->running_ = false;
  release_exchange(code);
  close_gracefully();
}

void H1Session::release_exchange(int code) noexcept {
  Exchange *exchange = std::exchange(exchange_, nullptr);
  if (!exchange) return;
  discarding_ = false;
  // A head that could not be parsed is no request that a log could tell of.
  if (exchange->base_) server_.log(*exchange);
  if (code)
    exchange->fail(code);
  else
    server_.give_back(*exchange);
}

void H1Session::close_gracefully() noexcept {
  if (state_ >= State::lingering) return;
  (void)flush_cork();
  backlog_.reset();
  // Closing with unread bytes would reset the connection, and the response might be lost with it.
  if (!eof_ && unread_) {
    state_ = State::lingering;
    since_ns_ = loop().now_ns();
    (void)transport_->shutdown();
  } else {
    state_ = State::closing;
    transport_->close();
  }
  update_reading();
  schedule();
}

void H1Session::finish_soon() noexcept {
  keep_alive_ = false;
  if (idle()) close_gracefully();
}

void H1Session::abandon() noexcept {
  transport_->set_sink(nullptr);
  transport_->abort(0);
  state_ = State::closed;
  exchange_ = nullptr;
  List<Deferred, DeferredTag>::remove(*this);
  loop().timers().disarm(*this);
  loop().retire(*this);
}

// ---- What else the transport tells

void H1Session::on_drain() {
  if (exchange_ && exchange_->phase_ == Exchange::Phase::started)
    exchange_->raise(SOCKET_HTTP_DRAINED);
  if (state_ == State::head) process();
}

void H1Session::on_eof() {
  eof_ = true;
  switch (state_) {
  case State::lingering: return transport_->close();
  case State::body:
    // The rest of the body will not come.
    return transport_->abort(SOCKET_ECONNABORTED);
  default:
    // A client may shut its side and still wait for the answer to what it asked.
    return process();
  }
}

void H1Session::on_close(int code) {
  state_ = State::closed;
  List<Deferred, DeferredTag>::remove(*this);
  loop().timers().disarm(*this);
  release_exchange(code ? code : int{SOCKET_ECLOSED});
  server_.session_gone(*this);
}

void H1Session::run_deferred() { process(); }

// ---- Deadlines: one timer, looked at anew when it fires

int64_t H1Session::deadline_ns() const noexcept {
  const Limits &limits = server_.limits();
  const auto after = [](int64_t from_ns, int64_t timeout_ms) {
    return timeout_ms < 0 ? INT64_MAX : from_ns + timeout_ms * kNsPerMs;
  };
  int64_t deadline = INT64_MAX;
  if (state_ == State::head && !backlog_ && !exchange_)
    deadline = after(since_ns_, limits.idle_timeout_ms);
  else if (state_ == State::head && exchange_)
    deadline = after(since_ns_, limits.head_timeout_ms);
  else if (state_ == State::body && (discarding_ || exchange_->body_.wanted) &&
           !exchange_->pending(SOCKET_HTTP_BODY) && limits.body_timeout_ms >= 0)
    deadline =
        after(exchange_->body_.since_ns,
              limits.body_timeout_ms + (exchange_->body_.received - exchange_->body_.counted) *
                                           1000 / SOCKET_HTTP_BODY_RATE);
  else if (state_ == State::lingering)
    deadline = after(since_ns_, kLingerMs);
  if (transport_->queued() > 0)
    deadline = std::min(deadline, after(transport_->output_progress_ns(), limits.write_timeout_ms));
  return deadline;
}

void H1Session::schedule() noexcept {
  if (state_ == State::closed) return;
  const int64_t deadline = deadline_ns();
  if (deadline != INT64_MAX && (!armed() || deadline < TimerNode::deadline()))
    loop().timers().arm(*this, deadline);
}

void H1Session::on_timer() {
  if (deadline_ns() > loop().now_ns()) return schedule();
  if (transport_->queued() > 0 || state_ >= State::lingering || !exchange_)
    return transport_->abort(transport_->queued() > 0 ? int{SOCKET_ETIMEDOUT} : 0);
  const Corked corked(*this);
  refuse(408, SOCKET_ETIMEDOUT);
}

bool H1Session::held_by_output() const noexcept {
  return transport_->queued() >= server_.limits().high_mark;
}

void H1Session::update_reading() noexcept {
  bool read = false;
  switch (state_) {
  case State::head: read = !held_by_output(); break;
  case State::body:
    read = discarding_ || (exchange_->body_.wanted && !exchange_->pending(SOCKET_HTTP_BODY));
    break;
  case State::waiting:
    read = !backlog_; // so that a client which goes away is noticed
    break;
  case State::lingering: read = true; break;
  default: return;
  }
  transport_->read(read && !eof_);
}

// ---- The cork

char *H1Session::cork_room(size_t bytes) noexcept {
  Cork &cork = server_.cork();
  if (Cork::kBytes - cork.used < bytes) (void)flush_cork();
  return cork.bytes.get() + cork.used;
}

void H1Session::cork_commit(size_t bytes) noexcept { server_.cork().used += bytes; }

Status H1Session::flush_cork() noexcept {
  Cork &cork = server_.cork();
  if (cork.owner != this || cork.used == 0) return {};
  const iovec slice{cork.bytes.get(), cork.used};
  cork.used = 0;
  return transport_->write({&slice, 1});
}

Status H1Session::send(std::span<const char> bytes) {
  Cork &cork = server_.cork();
  const iovec slices[] = {{cork.bytes.get(), cork.used},
                          {const_cast<char *>(bytes.data()), bytes.size()}};
  const bool corked = cork.used > 0;
  cork.used = 0;
  return transport_->write({slices + !corked, size_t{1} + corked});
}

Status H1Session::send_borrowed(Borrowed borrowed) {
  Cork &cork = server_.cork();
  const std::span<const char> head(cork.bytes.get(), cork.used);
  cork.used = 0;
  return transport_->write_borrowed(head, std::move(borrowed));
}

Status H1Session::send_file(FileRange range) {
  Cork &cork = server_.cork();
  const std::span<const char> head(cork.bytes.get(), cork.used);
  cork.used = 0;
  return transport_->write_file(head, std::move(range));
}

H1Session::Corked::Corked(H1Session &session) noexcept
    : session_(session), outer_(session.server_.cork().owner) {
  if (outer_ == &session) return;
  if (outer_) (void)outer_->flush_cork();
  session.server_.cork().owner = &session;
}

H1Session::Corked::~Corked() {
  if (outer_ == &session_) return;
  (void)session_.flush_cork();
  session_.server_.cork().owner = outer_;
  session_.schedule();
}

} // namespace socketpoll::http
