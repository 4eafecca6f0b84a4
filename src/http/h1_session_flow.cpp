// A connection's deadlines, when it reads, and how what it sends is gathered.
#include "http/h1_session.hpp"

#include "http/server.hpp"
#include "net/loop.hpp"

#include <algorithm>

namespace socketpoll::http {

// ---- Deadlines: one timer, looked at anew when it fires

namespace {
constexpr int64_t kLingerMs = 2000;

int64_t after(int64_t from_ns, int64_t timeout_ms) noexcept {
  return timeout_ms < 0 ? INT64_MAX : from_ns + timeout_ms * kNsPerMs;
}
} // namespace

int64_t H1Session::write_deadline_ns() const noexcept {
  if (transport_->queued() == 0) return INT64_MAX;
  return after(transport_->output_progress_ns(), server_.limits().write_timeout_ms);
}

int64_t H1Session::state_deadline_ns() const noexcept {
  const Limits &limits = server_.limits();
  if (feeding_) return INT64_MAX;
  if (exchange_ && state_ == State::head) return after(since_ns_, limits.head_timeout_ms);
  if (exchange_ && state_ == State::body && (discarding_ || exchange_->takes_body())) {
    const Exchange::Body &body = exchange_->body_;
    if (limits.body_timeout_ms < 0) return INT64_MAX;
    return after(body.since_ns, limits.body_timeout_ms +
                                    (body.received - body.counted) * 1000 / SOCKET_HTTP_BODY_RATE);
  }
  // A client that is still taking what was sent is neither idle nor lingering.
  if (transport_->queued() > 0 || (state_ != State::head && state_ != State::lingering))
    return INT64_MAX;
  return after(std::max(since_ns_, transport_->output_progress_ns()),
               state_ == State::head ? limits.idle_timeout_ms : kLingerMs);
}

void H1Session::schedule() noexcept {
  if (state_ == State::closed) return;
  const int64_t deadline = std::min(write_deadline_ns(), state_deadline_ns());
  if (deadline != INT64_MAX && (!armed() || deadline < TimerNode::deadline()))
    loop().timers().arm(*this, deadline);
}

void H1Session::on_timer() {
  // What would have met the deadline may lie in the kernel still, if the loop was held up.
  const int64_t now = loop().looked_ns();
  if (write_deadline_ns() <= now) return abort(SOCKET_ETIMEDOUT);
  const Corked corked(*this);
  if (open() && !feeding_) settle_ended();
  if (state_deadline_ns() > now) return schedule();
  if (discarding_) return give_up_discarding();
  if (exchange_) return refuse(408, SOCKET_ETIMEDOUT);
  abort(0);
}

void H1Session::update_reading() noexcept {
  bool read = false;
  switch (state_) {
  case State::head: read = !held_by_output(); break;
  case State::body: read = discarding_ || exchange_->takes_body(); break;
  case State::waiting:
    read = !backlog_; // so that a client which goes away is noticed
    break;
  case State::lingering: read = true; break;
  default: return;
  }
  transport_->read(read && !eof_ && !feeding_);
}

// ---- The cork

char *H1Session::cork_room(size_t bytes) noexcept {
  Cork &cork = server_.cork();
  if (Cork::kBytes - cork.used < bytes) (void)flush_cork();
  return cork.bytes.get() + cork.used;
}

void H1Session::cork_commit(size_t bytes) noexcept { server_.cork().used += bytes; }

// Nothing more comes of a connection that does not take output.
Status H1Session::sent(Status status) noexcept {
  if (!status.ok()) abort(status.code());
  return status;
}

Status H1Session::flush_cork() noexcept {
  Cork &cork = server_.cork();
  if (cork.owner != this || cork.used == 0) return {};
  const iovec slice{cork.bytes.get(), cork.used};
  cork.used = 0;
  return sent(transport_->write({&slice, 1}));
}

Status H1Session::queue_cork() noexcept {
  const auto corked = static_cast<int64_t>(server_.cork().used);
  return transport_->queued() > 0 || corked >= high_mark_ ? flush_cork() : Status();
}

Status H1Session::send(std::span<const char> bytes) {
  Cork &cork = server_.cork();
  const iovec slices[] = {{cork.bytes.get(), cork.used},
                          {const_cast<char *>(bytes.data()), bytes.size()}};
  const bool corked = cork.used > 0;
  cork.used = 0;
  return sent(transport_->write({slices + !corked, size_t{1} + corked}));
}

Status H1Session::send_borrowed(Borrowed borrowed) {
  Cork &cork = server_.cork();
  const std::span<const char> head(cork.bytes.get(), cork.used);
  cork.used = 0;
  return sent(transport_->write_borrowed(head, std::move(borrowed)));
}

Status H1Session::send_file(FileRange range) {
  Cork &cork = server_.cork();
  const std::span<const char> head(cork.bytes.get(), cork.used);
  cork.used = 0;
  return sent(transport_->write_file(head, std::move(range)));
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
