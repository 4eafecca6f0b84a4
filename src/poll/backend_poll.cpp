// Poll floor. poll(2), for platforms that have nothing better. The set is an array under a mutex;
// each waiting thread polls a copy of it, taken again only when the set has changed, and a change
// wakes the blocked so that they take a new one.
//
// poll(2) knows no edges. Remembering what was reported would lose an event when the condition went
// away and came back between two waits, so an edge-triggered registration simply repeats.
#include "SocketPoll.h"

#include "base/error.hpp"
#include "base/list.hpp"
#include "poll/backend.hpp"
#include "poll/waker.hpp"

#include <cerrno>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <vector>

#if !defined(POLLRDHUP)
#define POLLRDHUP 0
#endif

namespace socketpoll {
namespace {

constexpr uint32_t kNoSlot = UINT32_MAX;
constexpr uint32_t kWakerSlot = 0;
constexpr int kDisarmed = -1; // poll(2) passes over negative numbers

short to_poll(int events) noexcept {
  int bits = 0;
  if (events & POLL_READ) bits |= POLLIN;
  if (events & POLL_WRITE) bits |= POLLOUT;
  if (events & SOCKET_POLL_PEER_CLOSED) bits |= POLLRDHUP;
  return static_cast<short>(bits);
}

int from_poll(int bits) noexcept {
  int events = 0;
  if (bits & POLLIN) events |= POLL_READ;
  if (bits & POLLOUT) events |= POLL_WRITE;
  if (bits & POLLERR) events |= POLL_ERROR;
  if (bits & POLLHUP) events |= POLL_HANGUP;
  if (bits & POLLRDHUP) events |= SOCKET_POLL_PEER_CLOSED;
  return events;
}

// What the number stands for, to notice that it was closed and taken anew; empty once it was.
// Descriptors without an inode of their own (eventfd and its like) all look the same.
struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Identity &) const = default;
};

Result<Identity> identify(int fd) noexcept {
  struct stat found;
  if (::fstat(fd, &found) < 0) return last_system_error();
  if (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode)) return Error{SOCKET_EPERM};
  return Identity{found.st_dev, found.st_ino};
}

struct Blocked;
struct PollScratch final : Backend::Scratch, Linked<Blocked> {
  std::vector<pollfd> snapshot; // the last entry is `changed`
  uint64_t version = 0;         // of the set that the snapshot shows
  Waker changed;                // for this thread alone, so that one cannot take another's token
  bool told = false;            // a token is in `changed`
};

class PollBackend final : public Backend {
public:
  static constexpr char kName[] = "poll";
  static constexpr int kCapabilities =
      SOCKET_POLL_CAN_ONESHOT | (POLLRDHUP ? int{SOCKET_POLL_CAN_PEER_CLOSED} : 0);

  static Result<std::unique_ptr<Backend>> create();
  const char *name() const noexcept override { return kName; }
  int capabilities() const noexcept override { return kCapabilities; }

  Status add(const Registration &wanted) override;
  Status mod(const Registration &present, const Registration &wanted) override;
  void del(int fd) noexcept override;

  std::unique_ptr<Scratch> make_scratch() override { return std::make_unique<PollScratch>(); }
  Result<Outcome> wait(Scratch &scratch, std::span<ReadyEvent> ready, int timeout_ms) override;
  Status wakeup() noexcept override { return waker_.give(); }
  void close() noexcept override { waker_.give_to_all(); }

private:
  struct Slot {
    int fd;
    int events;
    FdKey key;
    uint64_t since; // the version that brought it: an older snapshot says nothing about it
    Identity identity;
  };

  uint32_t slot_of(int fd) const noexcept {
    return static_cast<size_t>(fd) < slot_of_fd_.size() ? slot_of_fd_[fd] : kNoSlot;
  }
  void arm(uint32_t slot, const Registration &wanted) noexcept;
  void remove(uint32_t slot) noexcept;
  void disarm(uint32_t slot) noexcept;
  void tell_the_blocked() noexcept;
  Status begin(PollScratch &scratch);
  Outcome gather(PollScratch &scratch, std::span<ReadyEvent> ready) noexcept;

  Waker waker_;
  std::mutex mutex_; // guards all that follows
  std::vector<pollfd> fds_;
  std::vector<Slot> slots_; // beside fds_; [0] is the waker's
  std::vector<uint32_t> slot_of_fd_;
  uint64_t version_ = 1;
  size_t turn_ = 0; // where the next gathering begins, so that nobody starves
  List<PollScratch, Blocked> blocked_;
};

Result<std::unique_ptr<Backend>> PollBackend::create() {
  auto backend = std::make_unique<PollBackend>();
  if (Status opened = backend->waker_.open(); !opened) return opened.error();
  backend->fds_.push_back({backend->waker_.fd(), POLLIN, 0});
  backend->slots_.push_back({-1, 0, 0, 0, {}});
  return std::unique_ptr<Backend>(std::move(backend));
}

void PollBackend::tell_the_blocked() noexcept {
  version_++;
  for (PollScratch *one = blocked_.front(); one; one = blocked_.next(*one)) {
    if (one->told) continue;
    one->told = one->changed.give().ok();
  }
}

void PollBackend::arm(uint32_t slot, const Registration &wanted) noexcept {
  tell_the_blocked();
  fds_[slot] = {wanted.fd, to_poll(wanted.events), 0};
  slots_[slot].events = wanted.events;
  slots_[slot].key = wanted.key;
  slots_[slot].since = version_;
}

void PollBackend::disarm(uint32_t slot) noexcept {
  fds_[slot].fd = kDisarmed;
  slots_[slot].since = ++version_;
}

void PollBackend::remove(uint32_t slot) noexcept {
  slot_of_fd_[slots_[slot].fd] = kNoSlot;
  const auto last = static_cast<uint32_t>(fds_.size() - 1);
  if (slot != last) {
    fds_[slot] = fds_[last];
    slots_[slot] = slots_[last];
    slot_of_fd_[slots_[slot].fd] = slot;
  }
  fds_.pop_back();
  slots_.pop_back();
}

Status PollBackend::add(const Registration &wanted) {
  const auto identity = identify(wanted.fd);
  if (!identity.ok()) return identity.error();
  if (wanted.fd == waker_.fd()) return Error{SOCKET_EINVAL};
  std::lock_guard lock(mutex_);
  uint32_t slot = slot_of(wanted.fd);
  if (slot != kNoSlot) {
    if (*identity == slots_[slot].identity) return Error{SOCKET_EEXIST};
  } else {
    if (static_cast<size_t>(wanted.fd) >= slot_of_fd_.size())
      slot_of_fd_.resize(static_cast<size_t>(wanted.fd) + 1 + slot_of_fd_.size(), kNoSlot);
    fds_.reserve(fds_.size() + 1 > fds_.capacity() ? fds_.size() * 2 : 0);
    slots_.reserve(slots_.size() + 1 > slots_.capacity() ? slots_.size() * 2 : 0);
    slot = static_cast<uint32_t>(fds_.size());
    fds_.push_back({});
    slots_.push_back({});
    slot_of_fd_[wanted.fd] = slot;
  }
  slots_[slot].fd = wanted.fd;
  slots_[slot].identity = *identity;
  arm(slot, wanted);
  return {};
}

Status PollBackend::mod(const Registration &, const Registration &wanted) {
  const auto identity = identify(wanted.fd);
  if (identity.code() == SOCKET_EBADF) return identity.error();
  std::lock_guard lock(mutex_);
  const uint32_t slot = slot_of(wanted.fd);
  if (slot == kNoSlot || !identity.ok() || *identity != slots_[slot].identity)
    return Error{SOCKET_ENOENT};
  arm(slot, wanted);
  return {};
}

void PollBackend::del(int fd) noexcept {
  std::lock_guard lock(mutex_);
  const uint32_t slot = slot_of(fd);
  if (slot == kNoSlot) return;
  tell_the_blocked();
  remove(slot);
}

// Lock held: brings the snapshot up to date and lists this thread among those to be told.
Status PollBackend::begin(PollScratch &scratch) {
  if (scratch.changed.fd() < 0)
    if (Status opened = scratch.changed.open(); !opened) return opened;
  if (scratch.version != version_) {
    scratch.snapshot.reserve(fds_.capacity() + 1);
    scratch.snapshot.assign(fds_.begin(), fds_.end());
    scratch.snapshot.push_back({scratch.changed.fd(), POLLIN, 0});
    scratch.version = version_;
  }
  blocked_.push_back(scratch);
  return {};
}

// Lock held: turns what poll(2) reported into events, as far as it still speaks of the present set.
Backend::Outcome PollBackend::gather(PollScratch &scratch, std::span<ReadyEvent> ready) noexcept {
  Outcome outcome;
  const std::span<const pollfd> polled(scratch.snapshot.data(), scratch.snapshot.size() - 1);
  if (polled[kWakerSlot].revents) outcome.woken = waker_.take();
  const size_t count = polled.size() - 1;
  const size_t first = count ? turn_ % count : 0;
  for (size_t step = 0; step < count; step++) {
    const size_t place = first + step < count ? first + step : first + step - count;
    const pollfd &one = polled[1 + place];
    if (one.revents == 0 || one.fd < 0) continue;
    const uint32_t slot = slot_of(one.fd);
    if (slot == kNoSlot || slots_[slot].since > scratch.version) continue;
    if (static_cast<size_t>(outcome.count) == ready.size()) {
      turn_ = place;
      break;
    }
    // The number may have been closed, and even taken anew, without a del.
    const auto identity = identify(one.fd);
    if (!identity.ok() || *identity != slots_[slot].identity) {
      slots_[slot].identity = {};
      disarm(slot);
      continue;
    }
    ready[outcome.count++] = {slots_[slot].key, from_poll(one.revents)};
    if (slots_[slot].events & SOCKET_POLL_ONESHOT) disarm(slot);
  }
  return outcome;
}

Result<Backend::Outcome> PollBackend::wait(Scratch &scratch, std::span<ReadyEvent> ready,
                                           int timeout_ms) {
  auto &mine = static_cast<PollScratch &>(scratch);
  {
    std::lock_guard lock(mutex_);
    if (Status begun = begin(mine); !begun) return begun.error();
  }
  const int count = ::poll(mine.snapshot.data(), mine.snapshot.size(), timeout_ms);
  const int error_number = errno;
  std::lock_guard lock(mutex_);
  List<PollScratch, Blocked>::remove(mine);
  if (mine.told) mine.told = !mine.changed.take();
  if (count > 0) return gather(mine, ready);
  if (count < 0 && error_number != EINTR) return error_from_errno(error_number);
  return Outcome{};
}

} // namespace

constinit const BackendEntry kPollBackend{PollBackend::kName, PollBackend::kCapabilities,
                                          PollBackend::create};

} // namespace socketpoll
