#include "http/h1_session.hpp"

#include "http/server.hpp"
#include "net/loop.hpp"

#include <algorithm>

namespace socketpoll::http {

namespace {
// The rest of a body that nobody asked for: read up to this to save the connection, RFC 9112 9.3.
constexpr int64_t kMaxDiscarded = 262144;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
} // namespace

H1Session::H1Session(Server &server, std::unique_ptr<Transport> transport, const Address &peer,
                     uint16_t endpoint)
    : server_(server), transport_(std::move(transport)), since_ns_(server.loop().now_ns()),
      high_mark_(server.limits().high_mark), peer_(peer), endpoint_(endpoint) {
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
  if (!open()) return;
  const Corked corked(*this);
  settle_ended();
  if (backlog_) {
    backlog_->append(bytes.data(), bytes.size());
    return process();
  }
  feed(bytes);
  if (!input_.empty() && open())
    backlog_ = std::make_unique<std::string>(input_.data(), input_.size());
  input_ = {};
  update_reading();
  schedule();
}

// Goes on with the backlog, after something that held it up is gone.
void H1Session::process() {
  if (!open() || feeding_) return; // a handler runs the loop: feed() goes on when it has returned
  const Corked corked(*this);
  settle_ended();
  if (std::unique_ptr<std::string> backlog = std::move(backlog_)) {
    transport_->read(false); // until all of it is fed
    feed({backlog->data(), backlog->size()});
    if (!input_.empty() && open()) {
      backlog->erase(0, backlog->size() - input_.size());
      backlog_ = std::move(backlog);
    }
    input_ = {};
  }
  if (eof_ && !backlog_ && state_ == State::body) return abort(SOCKET_ECONNABORTED);
  if (eof_ && state_ == State::head && !held_by_output()) close_gracefully();
  update_reading();
  schedule();
}

// Takes what it can of `bytes`; what it could not is left in input_. Each step takes something, or
// stops.
void H1Session::feed(std::span<char> bytes) {
  struct Feeding {
    bool &flag;
    explicit Feeding(bool &on) noexcept : flag(on) { flag = true; }
    ~Feeding() { flag = false; }
  };
  const Feeding feeding(feeding_);
  const int64_t began_ns = loop().now_ns();
  input_ = bytes;
  for (bool more = true; more && !input_.empty();) {
    switch (state_) {
    case State::head: more = !held_by_output() && feed_head(); break;
    case State::body: more = feed_body(); break;
    default: more = false;
    }
  }
  // The time for which a handler ran the loop is not the client's.
  const int64_t awaited_ns = loop().now_ns() - began_ns;
  if (awaited_ns > 0 && exchange_) exchange_->body_.since_ns += awaited_ns;
}

void H1Session::take_exchange() {
  auto taken = server_.take_exchange();
  if (!taken.ok()) return abort(taken.code());
  exchange_ = *taken;
  exchange_->begin(*this);
  since_ns_ = loop().now_ns();
  // Marks apply from a request on whose connection has nothing queued: only then is it known that
  // on_drain will be called for whatever is above the mark.
  if (transport_->queued() > 0) return;
  high_mark_ = server_.limits().high_mark;
  transport_->set_low_mark(server_.limits().low_mark);
}

bool H1Session::feed_head() {
  if (!exchange_) {
    if (server_.stopping_idle())
      close_gracefully();
    else
      take_exchange();
    if (!exchange_) return false;
  }
  RequestHead &head = exchange_->head_;
  switch (parse_request_head(head, input_.data(), input_.size(), exchange_->limits_)) {
  case ParseOutcome::more: return false;
  case ParseOutcome::error: refuse(head.error_status, SOCKET_EPROTOCOL); return false;
  case ParseOutcome::complete:
    exchange_->base_ = input_.data();
    input_ = input_.subspan(head.head_length);
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
    exchange_->body_.since_ns = exchange_->body_.held_ns = loop().now_ns();
  }
  if (head.content_length > exchange_->body_.most) return refuse(413, SOCKET_ELIMIT);
  server_.router().find(exchange_->request().method(), exchange_->request().path(),
                        exchange_->match_);
  exchange_->run();
}

bool H1Session::feed_body() {
  if (!discarding_ && !exchange_->takes_body()) return false;
  return exchange_->head_.framing == BodyFraming::length ? feed_length() : feed_chunked();
}

bool H1Session::feed_length() {
  int64_t &left = exchange_->body_.left;
  const auto size = static_cast<size_t>(std::min(left, static_cast<int64_t>(input_.size())));
  // A pulled piece has to fit a chunk.
  const std::string_view piece(input_.data(), std::min(size, Chunk::kBytes));
  left -= static_cast<int64_t>(piece.size());
  const bool last = left == 0;
  input_ = input_.subspan(piece.size());
  if (!take_body(piece)) return false;
  if (last) end_body();
  return true;
}

bool H1Session::feed_chunked() {
  const ChunkedStep step =
      exchange_->body_.chunked.feed(input_.data(), std::min(input_.size(), Chunk::kBytes));
  input_ = input_.subspan(step.consumed);
  switch (step.outcome) {
  case ChunkedOutcome::more: return true;
  case ChunkedOutcome::data: return take_body(step.data);
  case ChunkedOutcome::done: end_body(); return true;
  default:
    if (discarding_)
      give_up_discarding();
    else
      refuse(step.status, SOCKET_EPROTOCOL);
    return false;
  }
}

// False when the connection or the request has ended meanwhile.
bool H1Session::take_body(std::string_view bytes) {
  Exchange::Body &body = exchange_->body_;
  body.received += static_cast<int64_t>(bytes.size());
  if (discarding_) {
    if (body.received - body.counted <= kMaxDiscarded) return true;
    give_up_discarding();
    return false;
  }
  if (body.received > body.most) {
    refuse(413, SOCKET_ELIMIT);
    return false;
  }
  exchange_->deliver_body(bytes);
  return state_ == State::body;
}

void H1Session::end_body() {
  if (state_ != State::body) return;
  state_ = State::waiting;
  if (discarding_) return settle();
  exchange_->body_.end_told = true;
  exchange_->raise(SOCKET_HTTP_BODY_END);
}

void H1Session::continue_body() {
  Exchange::Body &body = exchange_->body_;
  if (state_ != State::body) {
    body.end_told = true;
    return exchange_->raise(SOCKET_HTTP_BODY_END);
  }
  if (exchange_->head_.expect_continue && !body.continued && body.received == 0 &&
      !exchange_->answered() && !backlog_ && input_.empty()) {
    const Corked corked(*this);
    std::copy(kContinue.begin(), kContinue.end(), cork_room(kContinue.size()));
    cork_commit(kContinue.size());
    body.continued = true;
  }
  resume_soon();
}

// ---- How a request ends

void H1Session::settle() {
  if (!discarding_) log_exchange();
  if (state_ == State::body) {
    discarding_ = can_discard();
    if (discarding_) {
      exchange_->seal();
      exchange_->body_.counted = exchange_->body_.received;
      exchange_->body_.since_ns = loop().now_ns();
      return resume_soon();
    }
    keep_alive_ = false;
    unread_ = true;
  }
  release_exchange(0);
  if (!open()) return;
  if (!keep_alive_ || server_.stopping()) return close_gracefully();
  state_ = State::head;
  since_ns_ = loop().now_ns();
  if (!feeding_) resume_soon();
}

void H1Session::response_ended() {
  if (feeding_) return settle();
  exchange_->seal();
  resume_soon();
}

void H1Session::settle_ended() {
  if (exchange_ && exchange_->ended() && !discarding_) settle();
}

void H1Session::last_head() noexcept {
  if (state_ == State::body && !can_discard()) keep_alive_ = false;
}

bool H1Session::can_discard() const noexcept {
  if (eof_ || !keep_alive_) return false;
  const Exchange::Body &body = exchange_->body_;
  // The client may be waiting for our word before it sends the body, and will not send it now.
  if (exchange_->head_.expect_continue && !body.continued && body.received == 0) return false;
  return exchange_->head_.framing == BodyFraming::chunked || body.left <= kMaxDiscarded;
}

// The response is on its way, but what follows it in the stream cannot be had.
void H1Session::give_up_discarding() noexcept {
  unread_ = true;
  release_exchange(0);
  close_gracefully();
}

// Answers a request that cannot be served, and ends the connection, because where the next request
// begins is not known.
void H1Session::refuse(int status, int code) {
  keep_alive_ = false;
  unread_ = true;
  if (exchange_->answered()) return abort(code);
  exchange_->running_ = true; // respond_error() must not settle
  exchange_->lines_.clear();
  (void)exchange_->respond_error(status);
  exchange_->running_ = false;
  log_exchange();
  release_exchange(code);
  close_gracefully();
}

// The program's log may do anything but answer: free the server, for one.
void H1Session::log_exchange() noexcept {
  // A head that could not be parsed is no request that a log could tell of.
  if (exchange_ && exchange_->base_) server_.log(*exchange_);
}

void H1Session::release_exchange(int code) noexcept {
  Exchange *exchange = std::exchange(exchange_, nullptr);
  discarding_ = false;
  if (!exchange) return;
  if (code)
    exchange->fail(code);
  else
    server_.give_back(*exchange);
}

void H1Session::close_gracefully() noexcept {
  if (!open()) return;
  (void)flush_cork();
  if (!open()) return;
  // Closing with unread bytes would reset the connection, and the response might be lost with it.
  if (!eof_ && (unread_ || backlog_ || !input_.empty())) {
    state_ = State::lingering;
    since_ns_ = loop().now_ns();
    (void)transport_->shutdown();
  } else {
    state_ = State::closing;
    transport_->close();
  }
  backlog_.reset();
  update_reading();
  schedule();
}

void H1Session::finish_soon() noexcept {
  keep_alive_ = false;
  if (idle()) close_gracefully();
}

void H1Session::abort(int code) noexcept {
  if (state_ == State::closed) return;
  state_ = State::closing;
  transport_->abort(code);
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
  if (state_ == State::lingering) return transport_->close();
  if (!open()) return;
  settle_ended();
  if (discarding_) return give_up_discarding();
  // In the middle of a body nothing can be made of it; otherwise a client may shut its side and
  // still wait for the answer to what it asked.
  process();
}

void H1Session::on_close(int code) {
  state_ = State::closed;
  List<Deferred, DeferredTag>::remove(*this);
  loop().timers().disarm(*this);
  if (exchange_ && !discarding_) {
    const bool ended =
        std::exchange(exchange_->phase_, Exchange::Phase::ended) == Exchange::Phase::ended;
    log_exchange();
    if (!ended) release_exchange(code ? code : int{SOCKET_ECLOSED});
  }
  release_exchange(0);
  if (!server_.disposed()) server_.session_gone(*this);
}

void H1Session::run_deferred() { process(); }

} // namespace socketpoll::http
