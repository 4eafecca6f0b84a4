#include "http/exchange.hpp"

#include "http/h1_session.hpp"
#include "http/h1_writer.hpp"
#include "http/server.hpp"
#include "http/status.hpp"

#include <algorithm>

namespace socketpoll::http {

namespace {
// Bodies up to this travel in the cork with their head; a larger one is not worth the copy.
constexpr size_t kCorkedBody = 16384;
// What a head needs beyond the fields of the program's own.
constexpr size_t kHeadRoom = 512;
constexpr int kBodyEvents[] = {SOCKET_HTTP_BODY, SOCKET_HTTP_BODY_END, SOCKET_HTTP_DRAINED,
                               SOCKET_HTTP_REQUEST};
constexpr size_t kMaxType = 4096;
// Memory that an idle exchange may keep for its next request.
constexpr size_t kKeptBytes = 4096;

void shrink(std::string &text) noexcept {
  if (text.capacity() > kKeptBytes)
    std::string().swap(text);
  else
    text.clear();
}
} // namespace

Exchange::Exchange(Server &server) noexcept
    : LoopObject(server.loop(), kHandleKind), server_(server) {}

Exchange::~Exchange() = default;

Result<Exchange *> Exchange::create(Server &server) {
  return adopt(std::unique_ptr<Exchange>(new Exchange(server)));
}

// ---- Its life

// Limits hold from the next request on: the parser could not bear one that shrinks below it.
void Exchange::begin(H1Session &session) noexcept {
  session_ = &session;
  started_ns_ = loop().now_ns();
  limits_ = server_.limits().parser();
  body_.most = server_.limits().max_body;
}

Status Exchange::recycle() {
  const Status renewed = sealed_ ? Status() : renew_handle();
  List<Deferred, DeferredTag>::remove(*this);
  set_target(nullptr, nullptr);
  session_ = nullptr;
  base_ = nullptr;
  head_.reset();
  match_.outcome = RouteOutcome::not_found;
  match_.parameter_count = 0;
  body_ = {};
  shrink(kept_);
  shrink(lines_);
  shrink(copies_);
  chunk_ = {};
  pulled_bytes_ = {};
  route_user_ = nullptr;
  length_left_ = -1;
  bytes_sent_ = 0;
  status_ = close_code_ = 0;
  step_ = 0;
  phase_ = Phase::open;
  chunked_ = bodyless_ = pulled_ = running_ = next_asked_ = at_route_ = sealed_ = false;
  return renewed;
}

void Exchange::seal() noexcept {
  List<Deferred, DeferredTag>::remove(*this);
  try {
    sealed_ = renew_handle().ok();
  } catch (const std::bad_alloc &) {
    // Its old handle stays, and every call with it is told that the response has ended.
  }
  set_target(nullptr, nullptr);
}

void Exchange::keep_head() {
  if (base_ == kept_.data()) return;
  kept_.assign(base_, head_.head_length);
  base_ = kept_.data();
}

void Exchange::lose_head() noexcept {
  kept_.clear();
  base_ = kept_.data();
  head_.reset();
  match_.outcome = RouteOutcome::not_found;
  match_.parameter_count = 0;
}

void Exchange::run() {
  if (disposed() || !session_ || answered()) return;
  const H1Session::Corked corked(*session_);
  try {
    run_handlers();
  } catch (const std::bad_alloc &) {
    running_ = false;
    if (!disposed() && base_ != kept_.data()) lose_head();
    throw;
  }
}

void Exchange::run_handlers() {
  const HandleWord self = handle();
  running_ = true;
  do {
    next_asked_ = false;
    server_.run_step(*this);
    if (handle() != self) return; // the server was freed
  } while (next_asked_ && !answered());
  running_ = false;
  if (ended())
    session_->settle();
  else
    keep_head();
}

void Exchange::fail(int code) noexcept {
  const bool heard_of = pulled_ && !pending(SOCKET_HTTP_REQUEST);
  for (int kind : kBodyEvents) withdraw(kind);
  session_ = nullptr;
  phase_ = Phase::ended;
  close_code_ = code;
  List<Deferred, DeferredTag>::remove(*this);
  if (heard_of || pushes())
    raise(SOCKET_HTTP_CLOSED);
  else
    server_.give_back(*this);
}

void Exchange::abort(int code) noexcept {
  if (session_) session_->abort(code);
}

bool Exchange::connected() const noexcept { return session_ && session_->open(); }

void Exchange::on_dispose() noexcept {
  if (session_) session_->forget_exchange();
  session_ = nullptr;
  List<Exchange, ExchangeTag>::remove(*this);
  List<Deferred, DeferredTag>::remove(*this);
}

void Exchange::describe(SocketCompletion_T &event) noexcept {
  switch (event.kind) {
  case SOCKET_HTTP_REQUEST: event.source = reinterpret_cast<void *>(server_.handle()); break;
  case SOCKET_HTTP_BODY:
    event.data = const_cast<char *>(pulled_bytes_.data());
    event.length = static_cast<int64_t>(pulled_bytes_.size());
    if (!pushes() && loop().may_lend()) loop().lend(std::move(chunk_));
    pulled_bytes_ = {};
    hold_or_take_body();
    if (session_) session_->resume_soon();
    break;
  case SOCKET_HTTP_CLOSED:
    event.status = close_code_;
    server_.give_back(*this);
    break;
  default: break;
  }
}

LoopObject::Target Exchange::target_of(int kind) const noexcept {
  if (kind == SOCKET_HTTP_REQUEST) return {nullptr, route_user_};
  return LoopObject::target_of(kind);
}

Status Exchange::next() {
  if (answered() || at_route_) return Error{SOCKET_ESTATE};
  next_asked_ = true;
  if (!running_) loop().defer(*this);
  return {};
}

// ---- The request's body

int64_t Exchange::body_length() const noexcept {
  switch (head_.framing) {
  case BodyFraming::length: return head_.content_length;
  case BodyFraming::chunked: return -1;
  default: return 0;
  }
}

Status Exchange::read_body() {
  const bool piece_waits = !pulled_bytes_.empty();
  if (ended() || (body_.end_told && !piece_waits)) return Error{SOCKET_ESTATE};
  if (!connected()) return Error{SOCKET_ECLOSED};
  if (body_.wanted) return {};
  body_.wanted = true;
  hold_or_take_body();
  if (piece_waits) raise(SOCKET_HTTP_BODY);
  if (body_.end_told)
    raise(SOCKET_HTTP_BODY_END);
  else
    session_->continue_body();
  return {};
}

void Exchange::pause_body() noexcept {
  if (ended()) return;
  body_.wanted = false;
  if (!pulled_bytes_.empty()) {
    withdraw(SOCKET_HTTP_BODY);
    withdraw(SOCKET_HTTP_BODY_END);
  }
  hold_or_take_body();
  if (session_) session_->body_paused();
}

// The time for which the program holds the body up is not the client's.
void Exchange::hold_or_take_body() noexcept {
  const bool held = !body_.wanted || !pulled_bytes_.empty();
  if (held == (body_.held_ns != 0)) return;
  if (!held) body_.since_ns += loop().now_ns() - body_.held_ns;
  body_.held_ns = held ? loop().now_ns() : 0;
}

void Exchange::deliver_body(std::string_view bytes) {
  if (pushes()) {
    SocketCompletion_T event{};
    event.kind = SOCKET_HTTP_BODY;
    event.data = const_cast<char *>(bytes.data());
    event.length = static_cast<int64_t>(bytes.size());
    return push_now(event);
  }
  const std::span<char> room = loop().receive_chunk(bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  chunk_ = loop().use_received(bytes.size());
  pulled_bytes_ = room.first(bytes.size());
  hold_or_take_body();
  raise(SOCKET_HTTP_BODY);
}

// ---- The response

bool Exchange::held_by_output() const noexcept { return session_ && session_->held_by_output(); }
int64_t Exchange::queued() const noexcept { return session_ ? session_->transport().queued() : 0; }
int64_t Exchange::duration_ns() const noexcept { return loop().clock().now_ns() - started_ns_; }

Status Exchange::add_lines(std::string_view lines) {
  if (phase_ != Phase::open) return Error{SOCKET_ESTATE};
  if (lines_.size() + lines.size() > kMaxResponseFields) return Error{SOCKET_ELIMIT};
  lines_.append(lines);
  return {};
}

Status Exchange::add_header(std::string_view name, std::string_view value) {
  constexpr std::string_view kOurs[] = {"content-length", "transfer-encoding", "connection", "date",
                                        "keep-alive"};
  if (!valid_field_name(name) || !valid_field_value(value)) return Error{SOCKET_EINVAL};
  for (std::string_view ours : kOurs)
    if (equals_ignoring_case(name, ours)) return Error{SOCKET_EINVAL};
  if (phase_ != Phase::open) return Error{SOCKET_ESTATE};
  const size_t size = lines_.size() + name.size() + value.size() + 4;
  if (size > kMaxResponseFields) return Error{SOCKET_ELIMIT};
  lines_.reserve(std::max(size, size_t{256}));
  lines_.append(name).append(": ").append(value).append("\r\n");
  return {};
}

Status Exchange::set_header(std::string_view name, std::string_view value) {
  size_t before = lines_.size();
  const Status added = add_header(name, value);
  if (!added.ok()) return added;
  for (size_t at = 0; at < before;) {
    const size_t size = lines_.find("\r\n", at) + 2 - at;
    const std::string_view line = std::string_view(lines_).substr(at, size);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        equals_ignoring_case(line.substr(0, name.size()), name)) {
      lines_.erase(at, size);
      before -= size;
    } else {
      at += size;
    }
  }
  return {};
}

Status Exchange::check_head(int status, std::string_view type, int64_t length) const noexcept {
  if (phase_ != Phase::open) return Error{SOCKET_ESTATE};
  if (status < 200 || status > 999 || length < -1) return Error{SOCKET_EINVAL};
  if (!valid_field_value(type) || type.size() > kMaxType) return Error{SOCKET_EINVAL};
  if (!connected()) return Error{SOCKET_ECLOSED};
  return {};
}

// check_head() has passed.
void Exchange::compose_head(int status, std::string_view type, int64_t length) noexcept {
  const size_t room = kHeadRoom + lines_.size() + type.size();
  HeadWriter writer(session_->cork_room(room), room);
  writer.status(status);
  if (!type.empty()) writer.field("Content-Type", type);
  if (!lines_.empty()) writer.text(lines_);
  bodyless_ = is_head_request() || forbids_content(status);
  if (length >= 0 && !forbids_content_length(status)) {
    writer.content_length(static_cast<uint64_t>(length));
  } else if (length < 0 && !forbids_content(status)) {
    if (head_.version_minor > 0) {
      writer.chunked();
      chunked_ = !bodyless_;
    } else {
      session_->close_after_response(); // the end of the connection ends the body
    }
  }
  writer.date(server_.date());
  writer.connection(head_.version_minor, session_->keep_alive());
  writer.end();
  session_->cork_commit(writer.length());
  status_ = status;
  length_left_ = length;
  phase_ = Phase::started;
}

void Exchange::compose_last_head(int status, std::string_view type, int64_t length) noexcept {
  session_->last_head();
  compose_head(status, type, length);
}

Status Exchange::send_body(std::span<const char> bytes) {
  if (bytes.size() > kCorkedBody) return session_->send(bytes);
  std::copy(bytes.begin(), bytes.end(), session_->cork_room(bytes.size()));
  session_->cork_commit(bytes.size());
  return {};
}

// Every way to end a response leads through here, inside a Corked scope. If a handler runs, the
// session settles when it has returned.
Status Exchange::finish(Status status) {
  phase_ = Phase::ended;
  if (!running_) session_->response_ended();
  return status;
}

Status Exchange::respond(int status, std::string_view type, std::span<const char> body) {
  const int64_t length = status == 304 ? -1 : static_cast<int64_t>(body.size());
  if (const Status checked = check_head(status, type, length); !checked.ok()) return checked;
  const H1Session::Corked corked(*session_);
  compose_last_head(status, type, length);
  if (bodyless_) return finish({});
  bytes_sent_ += length;
  return finish(send_body(body));
}

Status Exchange::respond_borrowed(int status, std::string_view type, Borrowed body) {
  const auto length = static_cast<int64_t>(body.bytes.size());
  if (const Status checked = check_head(status, type, length); !checked.ok()) return checked;
  const H1Session::Corked corked(*session_);
  compose_last_head(status, type, length);
  if (bodyless_) return finish({});
  bytes_sent_ += length;
  return finish(session_->send_borrowed(std::move(body)));
}

Status Exchange::respond_file(int status, std::string_view type, FileRange range) {
  if (const Status checked = check_head(status, type, range.length); !checked.ok()) return checked;
  const H1Session::Corked corked(*session_);
  compose_last_head(status, type, range.length);
  if (bodyless_) return finish({});
  bytes_sent_ += range.length;
  return finish(session_->send_file(std::move(range)));
}

Status Exchange::respond_head(int status, std::string_view type, int64_t length) {
  if (const Status checked = check_head(status, type, length); !checked.ok()) return checked;
  const H1Session::Corked corked(*session_);
  compose_last_head(status, type, length);
  bodyless_ = true;
  return finish({});
}

Status Exchange::respond_error(int status) {
  char text[64];
  HeadWriter writer(text, sizeof text);
  char digits[kMaxDecimal];
  const char *end = put_decimal(digits, static_cast<uint64_t>(status));
  writer.text({digits, static_cast<size_t>(end - digits)});
  writer.text(" ");
  writer.text(reason_phrase(status));
  writer.text("\n");
  return respond(status, "text/plain; charset=utf-8", {text, writer.length()});
}

Status Exchange::start(int status, std::string_view type, int64_t length) {
  if (const Status checked = check_head(status, type, length); !checked.ok()) return checked;
  const H1Session::Corked corked(*session_);
  compose_head(status, type, length);
  return {};
}

Status Exchange::write(std::span<const char> bytes) {
  if (phase_ != Phase::started) return Error{SOCKET_ESTATE};
  if (!connected()) return Error{SOCKET_ECLOSED};
  const auto size = static_cast<int64_t>(bytes.size());
  if (length_left_ >= 0 && size > length_left_) return Error{SOCKET_EINVAL};
  if (length_left_ >= 0) length_left_ -= size;
  if (bodyless_ || bytes.empty()) return {};
  const H1Session::Corked corked(*session_);
  bytes_sent_ += size;
  if (chunked_) session_->cork_commit(chunk_head(session_->cork_room(kMaxChunkHead), bytes.size()));
  if (const Status sent = send_body(bytes); !sent.ok()) return sent;
  if (chunked_) (void)send_body(kChunkEnd);
  return session_->queue_cork();
}

Status Exchange::write_file(FileRange range) {
  if (phase_ != Phase::started) return Error{SOCKET_ESTATE};
  if (!connected()) return Error{SOCKET_ECLOSED};
  if (chunked_ || (length_left_ >= 0 && range.length > length_left_)) return Error{SOCKET_EINVAL};
  if (length_left_ >= 0) length_left_ -= range.length;
  if (bodyless_) return {};
  const H1Session::Corked corked(*session_);
  bytes_sent_ += range.length;
  return session_->send_file(std::move(range));
}

Status Exchange::end() {
  if (phase_ != Phase::started) return Error{SOCKET_ESTATE};
  if (!connected()) return Error{SOCKET_ECLOSED};
  const H1Session::Corked corked(*session_);
  if (length_left_ > 0 && !bodyless_) {
    // The client counts on more bytes than it got: only a broken connection tells it so.
    session_->abort(SOCKET_EINVAL);
    return finish(Error{SOCKET_EINVAL});
  }
  return finish(chunked_ ? send_body(kLastChunk) : Status());
}

} // namespace socketpoll::http
