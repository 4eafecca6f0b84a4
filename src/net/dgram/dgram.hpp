// SocketDgram: a datagram socket's readiness, turned into datagrams.
//
// Two ways in. Push delivery of single datagrams receives into the loop's scratch memory and calls
// the program at once, which is all that an echo server costs. Everything else (pull delivery,
// batches, joined datagrams) receives into a DatagramBatch, whose datagrams leave as pending
// events; until the last has left, the socket does not read on. A pulled batch's bytes must outlive
// the reading of the next one, but not of the next but one: that is delivered by a later wait at
// the earliest. So there are two.
#pragma once

#include "SocketDgram.h"

#include "net/dgram/dgram_batch.hpp"
#include "net/dgram/dgram_ops.hpp"
#include "net/dgram/receive_pace.hpp"
#include "net/dgram/sender_tokens.hpp"
#include "net/loop.hpp"
#include "net/os/os_dgram.hpp"

#include <memory>
#include <span>

namespace socketpoll {

class Dgram final : public LoopObject, private Watch, private TimerNode {
public:
  static constexpr HandleKind kHandleKind = HandleKind::datagram;

  static Result<Dgram *> create(Loop &loop);
  ~Dgram() override;

  Status bind(const char *address);
  Status connect(const char *address);
  Status disconnect() noexcept;
  // SOCKET_EBUSY while an operation receives.
  Status start() noexcept;
  void pause() noexcept;

  // Operations that complete once. Throw std::bad_alloc.
  Result<Future *> async_receive(std::span<char> buffer, int timeout_ms);
  Result<Future *> async_send(const SockName *to, std::span<const char> bytes, int timeout_ms);
  // The token of the datagram that an operation received last, or 0.
  HandleWord last_source() const noexcept { return ops_ ? ops_->token() : 0; }
  // What is waited for has changed.
  void reconsider() noexcept;

  // Whom a send goes to. `name` may be nullptr: the connected peer.
  Result<const SockName *> find_sender(void *token) const noexcept;
  Result<const SockName *> reply_target(void *token) const noexcept;
  // nullptr, the connected peer, for nullptr; otherwise `address`, parsed into `room`. Makes the
  // socket if there is none.
  Result<const SockName *> send_target(const char *address, SockName &room);
  Status send(const SockName *to, std::span<const char> bytes) noexcept;
  // The same, but nobody waits for room.
  Status send_now(const SockName *to, std::span<const char> bytes) noexcept;
  // `pick (i)` returns the Result<os::Departure> of the ith.
  template <class Pick> Result<int> send_each(int count, Pick &&pick) noexcept;
  Result<int64_t> send_segments(const SockName *to, std::span<const char> bytes,
                                int segment) noexcept;

  Status set_batch(int count, int bytes_each) noexcept;
  Status set_gro(bool on) noexcept;
  // Of an option that only a socket without an address takes.
  Status set_early(os::DgramOption option, int value) noexcept;
  Status set_option(os::DgramOption option, int value) noexcept;
  Status change_membership(os::Membership action, const char *group, const char *source,
                           const char *interface_name) noexcept;

  Result<int> open_fd() const noexcept;
  int family() const noexcept { return family_; }
  Loop &loop() const noexcept { return LoopObject::loop(); }

private:
  explicit Dgram(Loop &loop);

  Status open(int family);
  Status apply_options(int fd, int family) const noexcept;
  bool takes(const SockName &name) const noexcept;
  void close_socket() noexcept;
  template <class Try> auto try_twice(Try &&attempt) noexcept -> decltype(attempt());
  template <class Try> auto try_sending(Try &&attempt) noexcept -> decltype(attempt());
  DgramOps &ops();
  bool receiving() const noexcept { return ops_ && ops_->receiving(); }
  bool waits_for_room() const noexcept { return owes_drain_ || (ops_ && ops_->sending()); }
  // The kernel tells when its own buffer has room again, and of a connected unix socket when the
  // receiver's has; of an unconnected one the latter is not known.
  bool guesses_room() const noexcept { return family_ == AF_UNIX && !connected_; }
  void room() noexcept;

  void on_ready(int events) override;
  void on_refused(int code) noexcept override;
  void on_no_memory() noexcept override { on_refused(SOCKET_ENOMEM); }
  void on_timer() override { room(); }
  void on_dispose() noexcept override;

  bool single() const noexcept { return pushes() && !shape_.slots && !gro_; }
  bool may_push() const noexcept;
  void receive();
  void receive_for_operation();
  void feed_operation() noexcept;
  void receive_single();
  void receive_batch();
  DatagramBatch &empty_batch();
  void receive_failed(int code);
  void take_errors();
  void tell_error(int code, const SockName *to);
  void report_error(int code, const SockName *to);
  void push(SocketCompletion_T &event, const SockName *from) noexcept;
  void update_interest() noexcept;

  void deliver() override;
  size_t collect(std::span<SocketCompletion_T> out) override;
  void describe(SocketCompletion_T &event) noexcept override;
  void describe_datagram(SocketCompletion_T &event) noexcept;
  void describe_error(SocketCompletion_T &event) noexcept;

  // What is pulled: the tokens that the present wait has given out. The lease is a chunk lent to
  // that wait, for the one thing that a chunk tells: when the next wait begins.
  struct Pulled {
    ChunkRef lease;
    std::unique_ptr<DatagramBatch> other; // see `batch_`
    const DatagramBatch *given = nullptr;
    HandleWord first = 0, count = 0; // tokens of `given`
    HandleWord error_token = 0;
    SockName error_to;
    bool live() const noexcept { return lease && !lease.unique(); }
  };
  Pulled &pulled();
  void renew_lease() noexcept;

  struct PendingError {
    int code = 0;
    HandleWord token = 0;
    SockName to;
  };

  Fd fd_;
  int family_ = AF_UNSPEC;
  bool connected_ = false;
  bool started_ = false;
  bool gro_ = false;
  bool owes_drain_ = false;
  bool delivering_ = false; // the program's callback runs
  bool held_ = false;       // was ready meanwhile
  bool segments_ = true;    // until the kernel says that it cannot
  ReceivePace pace_;
  BatchShape shape_;
  int options_[static_cast<size_t>(os::DgramOption::count)];

  SenderTokens tokens_;
  HandleWord push_token_ = 0;
  const SockName *push_name_ = nullptr;
  PendingError error_;
  SockName sender_, peer_;

  std::unique_ptr<DatagramBatch> batch_; // what is being delivered, or was last
  std::unique_ptr<Pulled> pulled_;       // made by the first pulled event
  std::unique_ptr<DgramOps> ops_;        // made by the first operation
};

// Stops at the first that cannot go; its error is told only if it is the very first.
template <class Pick> Result<int> Dgram::send_each(int count, Pick &&pick) noexcept {
  int sent = 0;
  Status status;
  while (status.ok() && sent < count) {
    os::Departure departures[os::kMostMessages];
    int ready = 0;
    for (; status.ok() && ready < os::kMostMessages && sent + ready < count; ready++) {
      Result<os::Departure> picked = pick(sent + ready);
      if (!picked.ok()) {
        status = picked.error();
        break;
      }
      departures[ready] = *picked;
    }
    if (ready == 0) break;
    const std::span<const os::Departure> batch{departures, static_cast<size_t>(ready)};
    auto went = try_sending([&] { return os::send_batch(fd_.get(), batch); });
    if (went.ok())
      sent += *went;
    else
      status = went.error();
  }
  if (sent == 0 && !status.ok()) return status.error();
  return sent;
}

// An error of an unconnected socket may be what became of an earlier datagram, which take_errors()
// will tell; it is told once, so a second attempt speaks for itself.
template <class Try> auto Dgram::try_twice(Try &&attempt) noexcept -> decltype(attempt()) {
  auto outcome = attempt();
  if (outcome.ok() || outcome.code() == SOCKET_EAGAIN || connected_) return outcome;
  return attempt();
}

template <class Try> auto Dgram::try_sending(Try &&attempt) noexcept -> decltype(attempt()) {
  auto outcome = try_twice(attempt);
  if (outcome.code() == SOCKET_EAGAIN) {
    owes_drain_ = true;
    reconsider();
  }
  return outcome;
}

} // namespace socketpoll
