// Poll floor. Linux epoll(7): the kernel holds the set, keyed by (file, fd number).
#include "SocketPoll.h"

#include "base/error.hpp"
#include "poll/backend.hpp"
#include "poll/waker.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <sys/epoll.h>

namespace socketpoll {
namespace {

// No fd is negative, so no registration has these keys.
constexpr FdKey kWakerKey = make_key(-1, 0);
constexpr FdKey kMovedKey = make_key(-1, 1);

uint32_t to_epoll(int events) noexcept {
  uint32_t bits = 0;
  if (!(events & SOCKET_POLL_LEVEL)) bits |= EPOLLET;
  if (events & POLL_READ) bits |= EPOLLIN;
  if (events & POLL_WRITE) bits |= EPOLLOUT;
  if (events & SOCKET_POLL_PEER_CLOSED) bits |= EPOLLRDHUP;
  if (events & SOCKET_POLL_ONESHOT) bits |= EPOLLONESHOT;
  if (events & SOCKET_POLL_EXCLUSIVE) bits |= EPOLLEXCLUSIVE;
  return bits;
}

int from_epoll(uint32_t bits) noexcept {
  constexpr uint32_t kShifted = EPOLLOUT | EPOLLERR | EPOLLHUP;
  static_assert(int{EPOLLIN} == int{POLL_READ} && EPOLLOUT >> 1 == int{POLL_WRITE} &&
                EPOLLERR >> 1 == int{POLL_ERROR} && EPOLLHUP >> 1 == int{POLL_HANGUP} &&
                EPOLLRDHUP >> 9 == int{SOCKET_POLL_PEER_CLOSED});
  return static_cast<int>((bits & EPOLLIN) | ((bits & kShifted) >> 1) | ((bits & EPOLLRDHUP) >> 9));
}

struct EpollScratch final : Backend::Scratch {
  std::unique_ptr<epoll_event[]> events;
  size_t capacity = 0;
};

class EpollBackend final : public Backend {
public:
  static constexpr char kName[] = "epoll";
  static constexpr int kCapabilities = SOCKET_POLL_CAN_EDGE | SOCKET_POLL_CAN_ONESHOT |
                                       SOCKET_POLL_CAN_EXCLUSIVE | SOCKET_POLL_CAN_PEER_CLOSED |
                                       SOCKET_POLL_CAN_POLLABLE_FD;

  static Result<std::unique_ptr<Backend>> create();
  const char *name() const noexcept override { return kName; }
  int capabilities() const noexcept override { return kCapabilities; }

  Status add(const Registration &wanted) override;
  Status mod(const Registration &present, const Registration &wanted) override;
  void del(int fd) noexcept override;

  bool forget(int fd) noexcept override;
  Status rebuild(std::span<const Registration> live) override;

  std::unique_ptr<Scratch> make_scratch() override { return std::make_unique<EpollScratch>(); }
  Result<Outcome> wait(Scratch &scratch, std::span<ReadyEvent> ready, int timeout_ms) override;
  Status wakeup() noexcept override { return waker_.give(); }
  void close() noexcept override { waker_.give_to_all(); }
  int pollable_fd() const noexcept override { return set_.get(); }

private:
  OsFd set_; // the number never changes, the set behind it may (rebuild)
  Waker waker_;
  Waker moved_; // opened by the first rebuild; its tokens are never taken
};

Status control(int set, int operation, int fd, uint32_t bits, FdKey key) noexcept {
  epoll_event event{};
  event.events = bits;
  event.data.u64 = key;
  return ::epoll_ctl(set, operation, fd, &event) == 0 ? Status() : last_system_error();
}

Result<std::unique_ptr<Backend>> EpollBackend::create() {
  auto backend = std::make_unique<EpollBackend>();
  backend->set_ = OsFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!backend->set_) return last_system_error();
  if (Status opened = backend->waker_.open(); !opened) return opened.error();
  if (Status added =
          control(backend->set_.get(), EPOLL_CTL_ADD, backend->waker_.fd(), EPOLLIN, kWakerKey);
      !added)
    return added.error();
  return std::unique_ptr<Backend>(std::move(backend));
}

Status EpollBackend::add(const Registration &wanted) {
  if (wanted.fd == waker_.fd() || wanted.fd == moved_.fd()) return Error{SOCKET_EINVAL};
  return control(set_.get(), EPOLL_CTL_ADD, wanted.fd, to_epoll(wanted.events), wanted.key);
}

// The kernel modifies no exclusive registration, neither from nor to (epoll_ctl(2), EINVAL).
Status EpollBackend::mod(const Registration &present, const Registration &wanted) {
  const uint32_t bits = to_epoll(wanted.events);
  if (!((present.events | wanted.events) & SOCKET_POLL_EXCLUSIVE))
    return control(set_.get(), EPOLL_CTL_MOD, wanted.fd, bits, wanted.key);
  if (::epoll_ctl(set_.get(), EPOLL_CTL_DEL, wanted.fd, nullptr) < 0) return last_system_error();
  const Status added = control(set_.get(), EPOLL_CTL_ADD, wanted.fd, bits, wanted.key);
  if (!added)
    static_cast<void>(
        control(set_.get(), EPOLL_CTL_ADD, present.fd, to_epoll(present.events), present.key));
  return added;
}

void EpollBackend::del(int fd) noexcept { ::epoll_ctl(set_.get(), EPOLL_CTL_DEL, fd, nullptr); }

bool EpollBackend::forget(int fd) noexcept {
  return ::epoll_ctl(set_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0;
}

// A file that outlives its fd number, because a duplicate is open, stays in the set and can no
// longer be named to epoll_ctl. The way out is a new set in the old one's place.
Status EpollBackend::rebuild(std::span<const Registration> live) {
  OsFd fresh(::epoll_create1(EPOLL_CLOEXEC));
  if (!fresh) return last_system_error();
  if (Status added = control(fresh.get(), EPOLL_CTL_ADD, waker_.fd(), EPOLLIN, kWakerKey); !added)
    return added;
  for (const Registration &one : live) {
    const uint32_t bits = one.armed ? to_epoll(one.events) : uint32_t{EPOLLONESHOT | EPOLLET};
    // Asks whether the number is still the file that was registered: ENOENT and EBADF say no, while
    // an exclusive registration answers EINVAL and stays as it is.
    const Status known =
        control(set_.get(), EPOLL_CTL_MOD, one.fd, bits & ~uint32_t{EPOLLEXCLUSIVE}, one.key);
    if (known.code() == SOCKET_ENOENT || known.code() == SOCKET_EBADF) continue;
    if (Status added = control(fresh.get(), EPOLL_CTL_ADD, one.fd, bits, one.key); !added)
      return added;
  }
  // Threads blocked in the old set hold on to it: an event that stays ready sends them to the new.
  OsFd old_set(::fcntl(set_.get(), F_DUPFD_CLOEXEC, 0));
  if (!old_set) return last_system_error();
  if (moved_.fd() < 0) {
    if (Status opened = moved_.open(); !opened) return opened;
    moved_.give_to_all();
  }
  if (::dup3(fresh.get(), set_.get(), O_CLOEXEC) < 0) return last_system_error();
  return control(old_set.get(), EPOLL_CTL_ADD, moved_.fd(), EPOLLIN, kMovedKey);
}

Result<Backend::Outcome> EpollBackend::wait(Scratch &scratch, std::span<ReadyEvent> ready,
                                            int timeout_ms) {
  auto &mine = static_cast<EpollScratch &>(scratch);
  if (mine.capacity < ready.size()) [[unlikely]] {
    mine.events = std::make_unique<epoll_event[]>(ready.size());
    mine.capacity = ready.size();
  }
  const epoll_event *const events = mine.events.get();
  const int count =
      ::epoll_wait(set_.get(), mine.events.get(), static_cast<int>(ready.size()), timeout_ms);
  if (count < 0) [[unlikely]] {
    if (errno == EINTR) return Outcome{};
    return last_system_error();
  }
  int filled = 0;
  bool woken = false;
  for (int i = 0; i < count; i++) {
    const FdKey key = events[i].data.u64;
    ready[static_cast<size_t>(filled)] = {key, from_epoll(events[i].events)};
    if (fd_of(key) >= 0) [[likely]]
      filled++;
    else if (key == kWakerKey && !woken)
      woken = waker_.take();
  }
  return Outcome{filled, woken};
}

} // namespace

constinit const BackendEntry kEpollBackend{EpollBackend::kName, EpollBackend::kCapabilities,
                                           EpollBackend::create};

} // namespace socketpoll
