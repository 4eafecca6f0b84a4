#include "net/stream/stream.hpp"

#include "net/stream/listener.hpp"
#include "net/stream/stream_extras.hpp"

#include <algorithm>

namespace socketpoll {

namespace {
// A pull read into less than this would cost a system call for too little.
constexpr size_t kLeastPullRead = 8192;
} // namespace

Stream::Stream(Loop &loop, std::unique_ptr<Transport> transport)
    : LoopObject(loop, kHandleKind), transport_(std::move(transport)),
      last_read_ns_(loop.now_ns()) {
  transport_->set_sink(this);
  transport_->set_low_mark(SOCKET_STREAM_LOW_MARK);
  loop.timers().join(*this);
}

Stream::~Stream() = default;

Result<Stream *> Stream::connect(Loop &loop, std::string_view address, int timeout_ms) {
  return connect_over(FdTransport::for_address(loop, address), loop, address, timeout_ms);
}

Result<Stream *> Stream::connect_over(std::unique_ptr<Transport> transport, Loop &loop,
                                      std::string_view address, int timeout_ms) {
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  std::unique_ptr<Stream> made(new Stream(loop, std::move(transport)));
  made->connector_.reset(new Connector(loop, *made));
  if (timeout_ms >= 0) made->connect_deadline_ns_ = loop.clock().now_ns() + timeout_ms * kNsPerMs;
  auto stream = adopt(std::move(made));
  if (!stream.ok()) return stream;
  try {
    const Status status = (*stream)->begin_connect(address);
    if (!status.ok()) return (*stream)->dispose(), status.error();
  } catch (const std::bad_alloc &) {
    (*stream)->dispose();
    throw;
  }
  (*stream)->schedule();
  return stream;
}

Status Stream::begin_connect(std::string_view address) {
  if (SockName::is_unix(address)) {
    const auto name = SockName::parse(address);
    if (!name.ok()) return name.error();
    if (loop().network()) return Error{SOCKET_ENOTSUP}; // a simulated one, which has only TCP
    return connector_->start(*name), Status();
  }
  const auto parts = split_host_port(address);
  return parts.ok() ? begin_connect(*parts) : Status(parts.error());
}

Status Stream::begin_connect(const HostPort &to) {
  auto number = Address::parse_host(to.host);
  // Brackets are for IPv6 addresses, RFC 3986 3.2.2.
  if (to.bracketed && (!number.ok() || number->family != AF_INET6)) return Error{SOCKET_EADDRESS};
  if (!number.ok()) return connector_->start(to.host, to.port);
  number->port = to.port;
  connector_->start(*number);
  return {};
}

Result<Stream *> Stream::connected(Loop &loop, Fd fd, Medium medium) {
  return adopt(std::unique_ptr<Stream>(
      new Stream(loop, std::make_unique<FdTransport>(loop, std::move(fd), medium))));
}

Result<Stream *> Stream::accept(Listener &listener, std::unique_ptr<Transport> transport) {
  std::unique_ptr<Stream> stream(new Stream(listener.loop(), std::move(transport)));
  auto adopted = adopt(std::move(stream));
  if (!adopted.ok()) return adopted;
  (*adopted)->listener_ = &listener;
  (*adopted)->raise(SOCKET_ACCEPTED);
  return adopted;
}

// ---- What the program asks for

Status Stream::start() {
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  if (const Status status = transport_->may_read(); !status.ok()) return status;
  if (ops_ && ops_->has_reader()) return Error{SOCKET_EBUSY};
  if (ops_ && !started_) take_over();
  started_ = true;
  update_reading();
  return {};
}

// What reading operations have left over comes as events.
void Stream::take_over() noexcept {
  if (Leftover left = ops_->take_leftover(); !left.bytes.empty()) {
    chunk_ = std::move(left.chunk);
    data_ = left.bytes;
    raise(SOCKET_DATA);
  }
  if (ops_->ate_eof() && !std::exchange(told_eof_, true)) raise(SOCKET_EOF);
}

Status Stream::pause() {
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  started_ = false;
  update_reading();
  return {};
}

// An event that the program has not fetched yet holds reading up, and is no idleness of the peer's.
// Bytes come after the connection that they are of, also where it was made by its first bytes.
void Stream::update_reading() noexcept {
  const bool wanted = (started_ || (ops_ && ops_->reading())) && !closing_;
  const bool told = !pending(SOCKET_DATA) && !pending(SOCKET_CONNECTED);
  const bool before = std::exchange(reading_, wanted && !saw_eof_ && told);
  transport_->keep_received(wanted || (ops_ && !closing_));
  transport_->read(reading_);
  if (!reading_ || before || idle_timeout_ms_ < 0) return;
  last_read_ns_ = loop().clock().now_ns();
  schedule();
}

Status Stream::may_write() const noexcept {
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  if (const Status status = transport_->may_write(); !status.ok()) return status;
  if (ops_ && ops_->writing()) return Error{SOCKET_EBUSY};
  if (transport_->queued() >= high_mark_) return Error{SOCKET_EAGAIN};
  return {};
}

Result<int64_t> Stream::written(Status status) noexcept {
  if (!status.ok()) return status.error();
  if (transport_->queued() > 0) schedule();
  return transport_->queued();
}

Result<int64_t> Stream::write(std::span<const char> bytes) {
  if (const Status status = may_write(); !status.ok()) return status.error();
  const iovec slice{const_cast<char *>(bytes.data()), bytes.size()};
  return written(transport_->write({&slice, size_t{!bytes.empty()}}));
}

Result<int64_t> Stream::write_ref(Borrowed borrowed) {
  if (const Status status = may_write(); !status.ok()) return status.error();
  return written(transport_->write_borrowed({}, std::move(borrowed)));
}

Status Stream::close() {
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  closing_ = true;
  if (ops_) ops_->on_closing();
  transport_->close();
  update_reading();
  schedule();
  return {};
}

Status Stream::set_marks(int64_t low, int64_t high) {
  if (low < 0 || high <= low) return Error{SOCKET_EINVAL};
  high_mark_ = high;
  transport_->set_low_mark(low);
  return {};
}

Status Stream::set_write_timeout(int timeout_ms) {
  if (timeout_ms == 0 || timeout_ms < -1) return Error{SOCKET_EINVAL};
  write_timeout_ms_ = timeout_ms;
  schedule();
  return {};
}

Status Stream::set_idle_timeout(int timeout_ms) {
  if (timeout_ms == 0 || timeout_ms < -1) return Error{SOCKET_EINVAL};
  idle_timeout_ms_ = timeout_ms;
  last_read_ns_ = loop().clock().now_ns();
  schedule();
  return {};
}

Result<int> Stream::open_fd() const noexcept {
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  if (transport_->connecting()) return Error{SOCKET_ENOTCONN};
  if (transport_->fd() < 0) return Error{SOCKET_ECLOSED}; // a pipe whose sending side has ended
  return transport_->fd();
}

// ---- Deadlines: one timer, armed for the nearest, looked at anew when it fires, so that progress
// costs a store and not a heap operation.

int64_t Stream::deadline_ns() const noexcept {
  if (!transport_->open()) return INT64_MAX;
  if (transport_->connecting()) return connect_deadline_ns_;
  int64_t deadline = INT64_MAX;
  if (write_timeout_ms_ > 0 && transport_->queued() > 0)
    deadline = transport_->output_progress_ns() + write_timeout_ms_ * kNsPerMs;
  if (idle_timeout_ms_ > 0 && reading_)
    deadline = std::min(deadline, last_read_ns_ + idle_timeout_ms_ * kNsPerMs);
  return deadline;
}

void Stream::schedule() noexcept {
  const int64_t deadline = deadline_ns();
  if (deadline != INT64_MAX && (!armed() || TimerNode::deadline() > deadline))
    loop().timers().arm(*this, deadline);
}

// After the loop was held up, what met the deadline in time may still lie in the kernel: it is
// missed only if the socket was looked at since, and as long as a callback keeps it from being read
// there is no idleness of the peer's.
void Stream::on_timer() {
  if (transport_->held()) last_read_ns_ = loop().now_ns();
  if (deadline_ns() <= loop().looked_ns()) return transport_->abort(SOCKET_ETIMEDOUT);
  schedule();
}

// ---- What the transport tells

std::span<char> Stream::receive_buffer() {
  if (extras_ && extras_->fds.wanted()) return {}; // receive_from() does it
  return own_receive_buffer();
}

std::span<char> Stream::own_receive_buffer() {
  if (ops_ && ops_->reading()) return ops_->receive_buffer();
  if (pushes()) return loop().scratch();
  return loop().receive_chunk(kLeastPullRead);
}

Result<size_t> Stream::receive_from(int fd) {
  last_read_ns_ = loop().now_ns();
  std::span<char> into;
  if (extras_ && extras_->fds.wanted()) into = own_receive_buffer();
  return into.empty() ? ops_->receive_from(fd) : receive_with_fds(fd, into);
}

void Stream::on_data(std::span<char> bytes) {
  last_read_ns_ = loop().now_ns();
  if (ops_ && ops_->reading()) return ops_->on_data(bytes);
  if (pushes()) {
    chunk_ = {};
    SocketCompletion_T event{};
    event.kind = SOCKET_DATA;
    event.data = bytes.data();
    event.length = static_cast<int64_t>(bytes.size());
    push_now(event);
    last_read_ns_ = loop().now_ns(); // later, if the callback ran the loop
    return;
  }
  chunk_ = loop().use_received(bytes.size());
  data_ = bytes;
  raise(SOCKET_DATA);
  update_reading();
}

void Stream::on_eof() {
  saw_eof_ = true;
  if (ops_ && ops_->reading()) return ops_->on_eof();
  told_eof_ = true;
  raise(SOCKET_EOF);
  update_reading();
}

Watch *Stream::takes_over() noexcept {
  if (!transport_->connecting()) return nullptr; // given up in this turn
  return transport_->as_watch();
}

void Stream::on_connected(Fd fd, const Address &) { transport_->established(std::move(fd)); }

void Stream::on_connected() {
  connector_.reset();
  connect_deadline_ns_ = INT64_MAX;
  last_read_ns_ = loop().now_ns();
  if (ops_ && ops_->connecting())
    ops_->on_connected();
  else
    raise(SOCKET_CONNECTED);
  update_reading();
  schedule();
}

void Stream::on_close(int code) {
  close_code_ = code;
  connector_.reset();
  reading_ = false;
  loop().timers().disarm(*this);
  if (ops_) ops_->on_close(code);
  raise(SOCKET_CLOSED);
}

// ---- Operations that complete once

StreamOps &Stream::ops() {
  if (!ops_) ops_ = std::make_unique<StreamOps>(*this);
  return *ops_;
}

Result<Future *> Stream::async_connect(Loop &loop, std::string_view address, int timeout_ms) {
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  return as_future(connect(loop, address, -1), timeout_ms);
}

Result<Future *> Stream::as_future(Result<Stream *> connecting, int timeout_ms) {
  if (!connecting.ok()) return connecting.error();
  Stream &stream = **connecting;
  try {
    auto future = stream.ops().connect(timeout_ms);
    if (!future.ok()) stream.dispose();
    return future;
  } catch (const std::bad_alloc &) {
    stream.dispose();
    return Error{SOCKET_ENOMEM};
  }
}

Status Stream::may_begin_reading() const noexcept {
  if (started_) return Error{SOCKET_ESTATE};
  if (closing_) return Error{SOCKET_ECLOSED};
  if (const Status status = transport_->may_read(); !status.ok()) return status.error();
  // What an operation has left over is there even when the connection is gone.
  if (!transport_->open() && !(ops_ && ops_->has_leftover())) return Error{SOCKET_ECLOSED};
  return {};
}

Status Stream::may_begin_writing() const noexcept {
  if (!transport_->open()) return Error{SOCKET_ECLOSED};
  return transport_->may_write();
}

Result<Future *> Stream::async_read(ReadRequest request, int timeout_ms) {
  if (const Status status = may_begin_reading(); !status.ok()) return status.error();
  return ops().read(std::move(request), timeout_ms);
}

Result<Future *> Stream::async_write(std::vector<iovec> pieces, BufferHold hold, int timeout_ms) {
  if (const Status status = may_begin_writing(); !status.ok()) return status.error();
  return ops().write(std::move(pieces), std::move(hold), timeout_ms);
}

bool Stream::withhold_accept() noexcept {
  const bool withheld = pending(SOCKET_ACCEPTED);
  withdraw(SOCKET_ACCEPTED);
  return withheld;
}

// ---- How events leave

void Stream::describe(SocketCompletion_T &event) noexcept {
  switch (event.kind) {
  case SOCKET_ACCEPTED: // or moved here from another loop
    if (listener_) event.source = reinterpret_cast<void *>(listener_->handle());
    break;
  case SOCKET_CONNECTED: update_reading(); break;
  case SOCKET_DATA:
    event.data = const_cast<char *>(data_.data());
    event.length = static_cast<int64_t>(data_.size());
    // Pushed though it was received to be pulled: it stays in chunk_ until more is received, which
    // is not before the callback returns.
    if (pushes())
      loop().delivers_bytes_of(transport_->as_watch());
    else if (loop().may_lend())
      loop().lend(std::move(chunk_));
    update_reading();
    break;
  case SOCKET_CLOSED: event.status = close_code_; break;
  default: break;
  }
}

LoopObject::Target Stream::target_of(int kind) const noexcept {
  if (kind == SOCKET_ACCEPTED && listener_) return listener_->accept_target();
  return LoopObject::target_of(kind);
}

bool Stream::orphan() noexcept {
  leave_listener();
  return pending(SOCKET_ACCEPTED);
}

void Stream::leave_listener() noexcept {
  List<Stream, AcceptedTag>::remove(*this);
  listener_ = nullptr;
}

void Stream::on_dispose() noexcept {
  transport_->set_sink(nullptr);
  connector_.reset();
  extras_.reset();
  if (ops_) ops_->end();
  transport_->abort(0);
  loop().timers().disarm(*this);
  if (!listener_) return;
  listener_->stream_gone();
  leave_listener();
}

} // namespace socketpoll
