#include "base/os_types.hpp"

#include "net/stream/fd_transport.hpp"

#include "net/loop.hpp"
#include "net/names/sock_name.hpp"
#include "net/os/os_unix.hpp"

#include <algorithm>

namespace socketpoll {

namespace {

constexpr int kMostReads = 4; // of one connection in one turn

// How many slices the first `bytes` cover whole; `bytes` becomes what they cover of the next one.
size_t whole_slices(std::span<const iovec> slices, size_t &bytes) noexcept {
  size_t count = 0;
  while (count < slices.size() && bytes >= slices[count].iov_len) bytes -= slices[count++].iov_len;
  return count;
}

} // namespace

FdTransport::FdTransport(Loop &loop, Fd fd, Medium medium) noexcept : FdTransport(loop, medium) {
  attach(std::move(fd), {medium});
}

FdTransport::FdTransport(Loop &loop, Medium medium) noexcept
    : Watch(loop), output_(loop), progress_ns_(loop.now_ns()), state_(State::connecting),
      medium_(medium) {}

std::unique_ptr<Transport> FdTransport::for_address(Loop &loop, std::string_view address) {
  return std::make_unique<FdTransport>(loop, SockName::is_unix(address) ? Medium::unix_socket
                                                                        : Medium::tcp);
}

void FdTransport::attach(Fd fd, const os::Traits &traits) noexcept {
  fd_ = std::move(fd);
  if (watched_fd() < 0) watch(fd_.get());
  // Whatever belongs together is written together, so Nagle's delay helps nobody (RFC 896).
  if (traits.medium == Medium::tcp) (void)os::set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  medium_ = traits.medium;
  never_reads_ = !traits.reads;
  shut_ = shut_after_output_ = !traits.writes;
  unblocked_ = traits.unblocked;
  state_ = State::open;
  progress_ns_ = loop().now_ns();
  update_interest();
}

void FdTransport::established(Fd fd) {
  if (state_ != State::connecting) return; // given up meanwhile
  attach(std::move(fd), {medium_});
  if (sink_) sink_->on_connected();
}

FdTransport::~FdTransport() { let_go(); }

void FdTransport::update_interest() noexcept {
  if (state_ == State::connecting || state_ == State::closed) return;
  int events = 0;
  if (!output_.empty() || awaits_room_) events |= POLL_WRITE;
  if (may_receive()) events |= POLL_READ;
  want(events);
}

bool FdTransport::may_receive() const noexcept {
  return (state_ == State::open || state_ == State::broken) && reading_ && !saw_eof_ &&
         !never_reads_;
}

void FdTransport::read(bool on) noexcept {
  reading_ = on;
  update_interest();
}

void FdTransport::on_ready(int events) {
  constexpr int kBroken = POLL_ERROR | POLL_HANGUP;
  if (events & (POLL_WRITE | kBroken)) {
    if (!output_.empty())
      flush();
    else if (awaits_room_)
      tell_of_room();
    // A terminal without a reader has no error to tell, and hangs up again and again.
    if ((events & POLL_HANGUP) && medium_ == Medium::plain && !output_.empty())
      sending_failed(SOCKET_EPIPE);
  }
  if ((events & (POLL_READ | kBroken)) && may_receive() && !reading_held()) receive();
}

// A few times a turn: the loop is level-triggered, so a connection that has more comes again after
// the others. One that fills its buffer is read again at once, which keeps what a fast sender has
// under way small enough for the processor's caches.
void FdTransport::receive() {
  for (int reads = 1; receive_once() && reads < kMostReads && may_receive(); reads++) {
  }
}

// Whether there is more.
bool FdTransport::receive_once() {
  const std::span<char> into = sink_->receive_buffer();
  auto received = into.empty() ? sink_->receive_from(fd_.get()) : os::receive(channel(), into);
  if (!received.ok()) {
    if (received.code() != SOCKET_EAGAIN)
      abort(state_ == State::broken ? close_code_ : received.code());
    return false;
  }
  if (*received > 0) {
    loop().stats().add(SOCKET_STAT_RECEIVED, static_cast<int64_t>(*received));
    if (into.empty()) return false;
    sink_->on_data(into.first(*received));
    return *received == into.size();
  }
  receive_end();
  return false;
}

void FdTransport::receive_end() {
  saw_eof_ = true;
  update_interest();
  if (state_ != State::broken) return sink_->on_eof();
  // EPIPE is what the kernel answers with when the peer's end came before its reset; otherwise this
  // is no end, but the reset itself, whose error the failed send has taken already.
  if (close_code_ == SOCKET_EPIPE) sink_->on_eof();
  abort(close_code_);
}

Status FdTransport::may_write() const noexcept {
  if (state_ == State::connecting) return Error{SOCKET_ENOTCONN};
  if (state_ == State::broken) return Error{close_code_};
  if (state_ == State::closed) return Error{close_code_ ? close_code_ : int{SOCKET_ECLOSED}};
  if (state_ == State::closing || shut_after_output_) return Error{SOCKET_ESTATE};
  return {};
}

Status FdTransport::may_read() const noexcept {
  return never_reads_ ? Status(Error{SOCKET_ESTATE}) : Status();
}

Result<size_t> FdTransport::send_now(std::span<const iovec> slices) noexcept {
  if (!output_.empty() || slices.empty()) return size_t{0};
  auto sent = os::send(channel(), slices, false);
  if (sent.ok()) {
    loop().stats().add(SOCKET_STAT_SENT, static_cast<int64_t>(*sent));
    progress_ns_ = loop().now_ns();
    return sent;
  }
  if (sent.code() == SOCKET_EAGAIN) return size_t{0};
  sending_failed(sent.code());
  return sent;
}

// Part of the bytes may be on their way already, so output that cannot be queued breaks the stream.
template <class Queue> Status FdTransport::queue_rest(Queue &&queue) noexcept {
  if (output_.empty()) progress_ns_ = loop().clock().now_ns();
  try {
    queue();
  } catch (const std::bad_alloc &) {
    abort(SOCKET_ENOMEM);
    return Error{SOCKET_ENOMEM};
  }
  if (output_.bytes() > low_mark_) owes_drain_ = true;
  update_interest();
  return {};
}

Status FdTransport::write(std::span<const iovec> slices) {
  if (const Status status = may_write(); !status.ok()) return status;
  auto sent = send_now(slices);
  if (!sent.ok()) return sent.error();
  size_t skip = *sent;
  slices = slices.subspan(whole_slices(slices, skip));
  if (slices.empty()) return {};
  return queue_rest([&] {
    for (const iovec &slice : slices) {
      output_.append_copy({static_cast<const char *>(slice.iov_base) + skip, slice.iov_len - skip});
      skip = 0;
    }
  });
}

Status FdTransport::write_borrowed(std::span<const char> head, Borrowed borrowed) {
  if (const Status status = may_write(); !status.ok()) return status;
  const iovec slices[] = {{const_cast<char *>(head.data()), head.size()},
                          {const_cast<char *>(borrowed.bytes.data()), borrowed.bytes.size()}};
  const bool has_head = !head.empty();
  auto sent = send_now({slices + !has_head, size_t{1} + has_head});
  if (!sent.ok()) return sent.error();
  const size_t of_head = std::min(*sent, head.size());
  const size_t of_body = *sent - of_head;
  if (of_body == borrowed.bytes.size() && !borrowed.release) return {};
  return queue_rest([&] {
    if (of_head < head.size()) output_.append_copy(head.subspan(of_head));
    output_.append_borrowed(std::move(borrowed), of_body);
  });
}

Status FdTransport::write_file(std::span<const char> head, FileRange range) {
  if (const Status status = may_write(); !status.ok()) return status;
  const iovec slice{const_cast<char *>(head.data()), head.size()};
  // The head is not held back for the file (MSG_MORE): it wakes the reader while the file is still
  // being handed over, which saves a tenth of the sender's time on 1 MiB.
  auto sent = send_now({&slice, size_t{!head.empty()}});
  if (!sent.ok()) return sent.error();
  const bool owed = owes_drain_;
  const Status status = queue_rest([&] {
    if (*sent < head.size()) output_.append_copy(head.subspan(*sent));
    output_.append_file(std::move(range));
  });
  if (!status.ok()) return status;
  owes_drain_ = owed; // what goes at once was never queued
  flush();
  if (output_.bytes() > low_mark_) owes_drain_ = true;
  return close_code_ ? Status(Error{close_code_}) : Status();
}

Result<size_t> FdTransport::write_lent(std::span<iovec> pieces, OutputWaiter &waiter) {
  if (const Status status = may_write(); !status.ok()) return status.error();
  auto sent = send_now(pieces.first(std::min(pieces.size(), os::kMaxSlices)));
  if (!sent.ok()) return sent;
  size_t skip = *sent;
  pieces = pieces.subspan(whole_slices(pieces, skip));
  if (pieces.empty()) return sent;
  pieces[0] = {static_cast<char *>(pieces[0].iov_base) + skip, pieces[0].iov_len - skip};
  const Status status = queue_rest([&] { output_.append_lent(pieces, waiter); });
  if (!status.ok()) return status.error();
  return sent;
}

Result<int64_t> FdTransport::write_piece(OutputPiece piece, OutputWaiter &waiter) {
  if (const Status status = may_write(); !status.ok()) return status.error();
  int64_t went = 0;
  if (!piece.bytes.empty()) {
    const iovec slice{const_cast<char *>(piece.bytes.data()), piece.bytes.size()};
    auto sent = send_now({&slice, 1});
    if (!sent.ok()) return sent.error();
    went = static_cast<int64_t>(*sent);
    piece.bytes = piece.bytes.subspan(*sent);
    if (piece.bytes.empty()) return went;
  }
  const bool idle = output_.empty() && piece.bytes.empty();
  const bool owed = owes_drain_;
  const Status status = queue_rest([&] { output_.append_piece(std::move(piece), waiter); });
  if (!status.ok()) return status.error();
  owes_drain_ = owed;
  if (idle) flush();
  return went;
}

void FdTransport::withdraw(const OutputWaiter &waiter) noexcept {
  output_.withdraw(waiter);
  if (state_ != State::closed) output_shrank();
}

// What is wrong with the descriptors harms nobody; all else is said of the connection.
Status FdTransport::write_fds(std::span<const char> bytes, std::span<const int> fds) {
  if (const Status status = may_write(); !status.ok()) return status;
  if (medium_ != Medium::unix_socket) return Error{SOCKET_ENOTSUP};
  if (!output_.empty()) return await_room();
  const auto sent = os::send_with_fds(fd_.get(), bytes, fds);
  if (sent.code() == SOCKET_EAGAIN) return await_room();
  if (sent.code() == SOCKET_EPIPE || sent.code() == SOCKET_ECONNRESET) sending_failed(sent.code());
  if (!sent.ok()) return sent.error();
  loop().stats().add(SOCKET_STAT_SENT, static_cast<int64_t>(*sent));
  progress_ns_ = loop().now_ns();
  if (*sent == bytes.size()) return {};
  return queue_rest([&] { output_.append_copy(bytes.subspan(*sent)); });
}

Error FdTransport::await_room() noexcept {
  awaits_room_ = true;
  update_interest();
  return {SOCKET_EAGAIN};
}

void FdTransport::tell_of_room() noexcept {
  awaits_room_ = false;
  tell_drain_ = true;
  loop().defer(*this);
  update_interest();
}

void FdTransport::flush() noexcept {
  auto sent = output_.flush(channel());
  if (!sent.ok()) return sending_failed(sent.code());
  loop().stats().add(SOCKET_STAT_SENT, *sent);
  if (*sent > 0) progress_ns_ = std::max(progress_ns_, loop().now_ns());
  output_shrank();
}

void FdTransport::output_shrank() noexcept {
  if (owes_drain_ && output_.bytes() <= low_mark_) {
    owes_drain_ = false;
    tell_drain_ = true;
    loop().defer(*this);
  }
  if (output_.empty()) {
    if (state_ == State::closing) return abort(0);
    if (shut_after_output_) (void)shutdown();
  }
  update_interest();
}

Status FdTransport::shutdown() {
  if (state_ == State::connecting) return Error{SOCKET_ENOTCONN};
  if (state_ == State::closed) return Error{SOCKET_ECLOSED};
  if (state_ == State::broken) return {};
  if (medium_ == Medium::plain && !never_reads_)
    return Error{shut_ ? SOCKET_ESTATE : SOCKET_ENOTSUP}; // one descriptor for both directions
  shut_after_output_ = true;
  if (!output_.empty() || shut_) return {};
  shut_ = true;
  return end_sending();
}

Status FdTransport::end_sending() noexcept {
  if (medium_ == Medium::plain) return let_go(), Status();
  const Status status = os::shutdown_sending(fd_.get());
  // The peer may have gone meanwhile; reading will tell.
  return status.code() == SOCKET_ENOTCONN ? Status() : status;
}

void FdTransport::let_go() noexcept {
  unwatch();
  if (unblocked_ && fd_) os::make_blocking(fd_.get());
  fd_.reset();
}

void FdTransport::close() noexcept {
  if (state_ == State::closed) return;
  if (output_.empty()) return abort(close_code_);
  state_ = State::closing;
  update_interest();
}

void FdTransport::keep_received(bool on) noexcept {
  keep_received_ = on;
  if (!on && state_ == State::broken) abort(close_code_);
}

// A peer that answers, closes and only then gets more of our output resets the connection: its
// answer lies in our kernel all the same.
void FdTransport::sending_failed(int code) noexcept {
  const bool peer_gone = code == SOCKET_EPIPE || code == SOCKET_ECONNRESET ||
                         code == SOCKET_ETIMEDOUT; // so the end of what it sent is in the kernel
  if (state_ != State::open || !keep_received_ || saw_eof_ || never_reads_ || !peer_gone)
    return abort(code);
  state_ = State::broken;
  close_code_ = code;
  owes_drain_ = tell_drain_ = awaits_room_ = false;
  output_.clear();
  update_interest();
}

void FdTransport::abort(int code) noexcept {
  if (state_ == State::closed) return;
  state_ = State::closed;
  close_code_ = code;
  let_go();
  output_.clear();
  loop().defer(*this);
}

Result<Fd> FdTransport::detach() noexcept {
  if (is_simulated(fd_.get()) || medium_ == Medium::plain || unblocked_)
    return Error{SOCKET_ENOTSUP};
  if (state_ != State::open || !output_.empty()) return Error{SOCKET_ESTATE};
  unwatch();
  state_ = State::closed;
  return std::move(fd_);
}

void FdTransport::run_deferred() {
  if (!sink_) return;
  if (state_ == State::closed) return sink_->on_close(close_code_);
  if (std::exchange(tell_drain_, false)) sink_->on_drain();
}

} // namespace socketpoll
