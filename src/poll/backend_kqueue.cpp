// Poll floor. BSD and macOS kqueue(2): the kernel holds the set, keyed by (fd, filter), and forgets
// an fd that is closed.
//
// EVFILT_READ is there for every registration: it tells a file from another one under the same
// number, and sees the end of what the peer sends even where nobody asked for POLL_READ; then it
// carries a low-water mark that no buffer reaches and is edge-triggered, whatever the registration.
// EVFILT_WRITE is there when asked for, and on a socket whose reading has ended: POLL_HANGUP is the
// end of both directions, so nobody need watch the second before the first is over.
#include "SocketPoll.h"

#include "base/error.hpp"
#include "poll/backend.hpp"
#include "poll/waker_kqueue.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <vector>

namespace socketpoll {
namespace {

using Kevent = struct kevent;

constexpr int kOutOfReach = INT_MAX; // as a low-water mark

// In the events of a ReadyEvent until settle() has looked up what they mean for this descriptor.
constexpr int kReadEnded = 0x10000;
constexpr int kWriteEnded = 0x20000;
constexpr int kNoBytes = 0x40000;
constexpr int kUnsettled = kReadEnded | kWriteEnded | kNoBytes;

int from_kqueue(const Kevent &one) noexcept {
  const bool reading = one.filter == EVFILT_READ;
  int events = reading ? POLL_READ : POLL_WRITE;
  // The error of the socket; libkqueue leaves there what the filter was asked for.
  const bool failed = (one.fflags & ~unsigned{NOTE_LOWAT}) != 0;
  if (one.flags & EV_EOF)
    events |= (reading ? kReadEnded : kWriteEnded) | (failed ? int{POLL_ERROR} : 0);
  else if (reading && one.data == 0)
    events |= kNoBytes;
  return events;
}

// The generation alone travels through the kernel, the fd being there anyhow: 32 bits fit into any
// platform's pointer.
FdKey key_of(const Kevent &one) noexcept {
  return make_key(static_cast<int>(one.ident), static_cast<uint32_t>((uintptr_t)one.udata));
}

enum class Kind : uint8_t { socket, pipe_reader, pipe_writer, pipe, other };

Result<Kind> kind_of(int fd) noexcept {
  struct stat found;
  if (::fstat(fd, &found) < 0) return last_system_error();
  if (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode)) return Error{SOCKET_EPERM};
  if (S_ISSOCK(found.st_mode)) return Kind::socket;
  if (!S_ISFIFO(found.st_mode)) return Kind::other;
  switch (::fcntl(fd, F_GETFL) & O_ACCMODE) {
  case O_RDONLY: return Kind::pipe_reader;
  case O_WRONLY: return Kind::pipe_writer;
  default: return Kind::pipe; // FreeBSD's pipes go both ways
  }
}

struct Record {
  uint32_t generation = 0;
  int events = 0;
  Kind kind = Kind::other;
  bool live = false;
  bool armed = false;
  bool writes = false;  // EVFILT_WRITE is in the set
  bool repeats = false; // EVFILT_READ has become level-triggered, though not asked for
  int ended = 0;        // kReadEnded, kWriteEnded
};

// Changes that go to the kernel in one call, with a receipt for each, so that no pending event is
// taken on the way and no error overlooked.
class Changes {
public:
  void push(int fd, int filter, unsigned flags, const Record &record, bool wanted) noexcept {
    Kevent &one = list_[count_++];
    one = {};
    one.ident = static_cast<decltype(one.ident)>(fd);
    one.filter = static_cast<decltype(one.filter)>(filter);
    one.udata = (decltype(one.udata))(uintptr_t{record.generation});
    if (flags & EV_ADD) {
      if (!wanted || !(record.events & SOCKET_POLL_LEVEL)) flags |= EV_CLEAR;
      if (wanted && (record.events & SOCKET_POLL_ONESHOT)) flags |= EV_DISPATCH;
      if (!record.armed) flags |= EV_DISABLE;
      one.fflags = wanted ? 0 : NOTE_LOWAT;
      one.data = wanted ? 0 : kOutOfReach;
    }
    one.flags = static_cast<decltype(one.flags)>(flags | EV_RECEIPT);
  }
  // What is asked of every filter that the record has.
  void push_all(int fd, unsigned flags, const Record &record) noexcept {
    push(fd, EVFILT_READ, flags, record, (record.events & POLL_READ) != 0);
    if (record.writes) push(fd, EVFILT_WRITE, flags, record, (record.events & POLL_WRITE) != 0);
  }
  void make(int set) noexcept {
    Kevent receipts[kMost];
    const int got = ::kevent(set, list_, count_, receipts, count_, nullptr);
    for (int i = 0; i < count_; i++)
      errors_[i] = got < 0 ? errno : i < got ? static_cast<int>(receipts[i].data) : 0;
  }
  int count() const noexcept { return count_; }
  int error(int place) const noexcept { return errors_[place]; }

private:
  static constexpr int kMost = 4;
  Kevent list_[kMost];
  int errors_[kMost];
  int count_ = 0;
};

// EINVAL and its like say that the file has no such filter.
Error refusal(int error_number) noexcept {
  switch (error_number) {
  case EINVAL:
  case ENODEV:
  case EOPNOTSUPP: return {SOCKET_EPERM};
  default: return error_from_errno(error_number);
  }
}

struct KqueueScratch final : Backend::Scratch {
  struct Place {
    uint32_t turn; // of the wait that wrote it
    uint32_t index;
  };
  std::unique_ptr<Kevent[]> events;
  std::unique_ptr<Place[]> places; // by fd, open addressing: where in the batch its event is
  size_t capacity = 0;
  size_t mask = 0;
  uint32_t turn = 0;

  void reserve(size_t wanted);
  bool merge(std::span<ReadyEvent> ready, size_t filled, FdKey key, int events) noexcept;
};

void KqueueScratch::reserve(size_t wanted) {
  const size_t size = std::bit_ceil(2 * wanted);
  auto more_events = std::make_unique<Kevent[]>(wanted);
  places = std::make_unique<Place[]>(size);
  events = std::move(more_events);
  mask = size - 1;
  capacity = wanted;
  turn = 1;
}

// True: the other filter of this registration is in the batch already, and now they are one event.
bool KqueueScratch::merge(std::span<ReadyEvent> ready, size_t filled, FdKey key,
                          int events) noexcept {
  for (size_t at = static_cast<size_t>(fd_of(key));; at++) {
    Place &place = places[at & mask];
    if (place.turn != turn) {
      place = {turn, static_cast<uint32_t>(filled)};
      return false;
    }
    if (ready[place.index].key != key) continue;
    ready[place.index].events |= events;
    return true;
  }
}

class KqueueBackend final : public Backend {
public:
  static constexpr char kName[] = "kqueue";
  static constexpr int kCapabilities = SOCKET_POLL_CAN_EDGE | SOCKET_POLL_CAN_ONESHOT |
                                       SOCKET_POLL_CAN_PEER_CLOSED | SOCKET_POLL_CAN_POLLABLE_FD;

  static Result<std::unique_ptr<Backend>> create();
  const char *name() const noexcept override { return kName; }
  int capabilities() const noexcept override { return kCapabilities; }

  Status add(const Registration &wanted) override;
  Status mod(const Registration &present, const Registration &wanted) override;
  void del(int fd) noexcept override;

  std::unique_ptr<Scratch> make_scratch() override { return std::make_unique<KqueueScratch>(); }
  Result<Outcome> wait(Scratch &scratch, std::span<ReadyEvent> ready, int timeout_ms) override;
  Status wakeup() noexcept override { return waker_.give(); }
  void close() noexcept override { waker_.give_to_all(); }
  int pollable_fd() const noexcept override { return set_.get(); }

private:
  bool still_there(int fd, const Record &record) noexcept;
  Status arm(int fd, Record &record, Changes &changes, const Record &wanted) noexcept;
  void disarm(int fd, Record &record) noexcept;
  int meaning_of_end(int fd, Record &record, int ended) noexcept;
  int settle(const ReadyEvent &one) noexcept;

  OsFd set_;
  KqueueWaker waker_;
  std::mutex mutex_; // guards the records against waiters that settle events
  std::vector<Record> records_;
  std::atomic<bool> one_shots_{false}; // there was one, so every event has to be settled
};

Result<std::unique_ptr<Backend>> KqueueBackend::create() {
  auto backend = std::make_unique<KqueueBackend>();
  // A forked child does not inherit it, so nothing is lost by setting the flag late.
  backend->set_ = OsFd(::kqueue());
  if (!backend->set_ || ::fcntl(backend->set_.get(), F_SETFD, FD_CLOEXEC) < 0)
    return last_system_error();
  if (Status opened = backend->waker_.open(backend->set_.get()); !opened) return opened.error();
  return std::unique_ptr<Backend>(std::move(backend));
}

// Restates what holds, which the kernel answers with ENOENT once the number is another file.
bool KqueueBackend::still_there(int fd, const Record &record) noexcept {
  Changes changes;
  changes.push(fd, EVFILT_READ, record.armed ? EV_ENABLE : EV_DISABLE, record, false);
  changes.make(set_.get());
  return changes.error(0) == 0;
}

// Makes `changes` and then the additions for `wanted`, all in one call. If an addition is refused
// the others are taken back. On success `record` is what is in the set.
Status KqueueBackend::arm(int fd, Record &record, Changes &changes, const Record &wanted) noexcept {
  const int before = changes.count();
  changes.push_all(fd, EV_ADD, wanted);
  changes.make(set_.get());
  const int present = before > 0 ? changes.error(0) : 0;
  int refused = changes.error(before);
  bool writes = wanted.writes;
  if (writes && changes.error(before + 1)) {
    // EPIPE: nobody reads from this pipe any more. The end of it shows in EVFILT_READ.
    if (!refused && changes.error(before + 1) != EPIPE) refused = changes.error(before + 1);
    writes = false;
  }
  if (!present && !refused) {
    record = wanted;
    record.writes = writes;
    return {};
  }
  Changes undo;
  undo.push_all(fd, EV_DELETE, wanted);
  undo.make(set_.get());
  return present ? error_from_errno(present) : refusal(refused);
}

Status KqueueBackend::add(const Registration &wanted) {
  const auto kind = kind_of(wanted.fd);
  if (!kind.ok()) return kind.error();
  if (wanted.fd == set_.get() || wanted.fd == waker_.fd()) return Error{SOCKET_EINVAL};
  std::lock_guard lock(mutex_);
  if (static_cast<size_t>(wanted.fd) >= records_.size())
    records_.resize(static_cast<size_t>(wanted.fd) + 1 + records_.size());
  Record &record = records_[wanted.fd];
  if (record.live && still_there(wanted.fd, record)) return Error{SOCKET_EEXIST};
  if (wanted.events & SOCKET_POLL_ONESHOT) one_shots_ = true;
  Changes changes;
  const Record added{generation_of(wanted.key),        wanted.events, *kind, true, wanted.armed,
                     (wanted.events & POLL_WRITE) != 0};
  return arm(wanted.fd, record, changes, added);
}

// Filters are deleted and added anew, because adding again leaves the trigger as it was.
Status KqueueBackend::mod(const Registration &, const Registration &wanted) {
  std::lock_guard lock(mutex_);
  Record &record = records_[wanted.fd];
  if (wanted.events & SOCKET_POLL_ONESHOT) one_shots_ = true;
  Changes changes;
  changes.push_all(wanted.fd, EV_DELETE, record);
  const Record next{
      generation_of(wanted.key),        wanted.events, record.kind, true, wanted.armed,
      (wanted.events & POLL_WRITE) != 0};
  const Status changed = arm(wanted.fd, record, changes, next);
  if (changed || changed.code() == SOCKET_ENOENT || changed.code() == SOCKET_EBADF) return changed;
  Changes restore;
  const Record before = record;
  static_cast<void>(arm(wanted.fd, record, restore, before));
  return changed;
}

void KqueueBackend::del(int fd) noexcept {
  std::lock_guard lock(mutex_);
  Changes changes;
  changes.push_all(fd, EV_DELETE, records_[fd]);
  changes.make(set_.get());
  records_[fd] = Record();
}

// Lock held. EV_DISPATCH has switched off the filter that fired, and does the same for the other
// one only when it fires as well.
void KqueueBackend::disarm(int fd, Record &record) noexcept {
  record.armed = false;
  if ((record.events & POLL_READ) && !record.writes) return;
  Changes changes;
  changes.push_all(fd, EV_DISABLE, record);
  changes.make(set_.get());
}

// Lock held. A socket has two directions, anything else ends as a whole.
int KqueueBackend::meaning_of_end(int fd, Record &record, int ended) noexcept {
  switch (record.kind) {
  case Kind::socket: break;
  case Kind::pipe_writer: return POLL_ERROR;
  case Kind::pipe:
    return (ended & kReadEnded ? int{POLL_HANGUP} : 0) | (ended & kWriteEnded ? POLL_ERROR : 0);
  default: return POLL_HANGUP;
  }
  record.ended |= ended;
  if (record.ended == kReadEnded && !record.writes) {
    pollfd look{fd, POLLOUT, 0};
    if (::poll(&look, 1, 0) > 0 && (look.revents & POLLHUP)) {
      record.ended |= kWriteEnded;
    } else {
      Changes changes;
      changes.push(fd, EVFILT_WRITE, EV_ADD, record, false);
      changes.make(set_.get());
      record.writes = changes.error(0) == 0;
    }
  }
  return (ended & kReadEnded ? int{SOCKET_POLL_PEER_CLOSED} : 0) |
         (record.ended == (kReadEnded | kWriteEnded) ? int{POLL_HANGUP} : 0);
}

// Lock held. What the registration asked for, of what has happened; 0 when nothing. A one-shot that
// has something to report is disarmed.
int KqueueBackend::settle(const ReadyEvent &one) noexcept {
  const int fd = fd_of(one.key);
  Record &record = records_[fd];
  if (!record.live || !record.armed || record.generation != generation_of(one.key)) return 0;
  int events = one.events & ~kUnsettled;
  const int ended = one.events & (kReadEnded | kWriteEnded);
  if (ended)
    events |= meaning_of_end(fd, record, ended);
  else if (record.kind == Kind::socket && (one.events & kNoBytes))
    events |= POLL_ERROR; // readable, with nothing to read: what is pending is SO_ERROR
  events &= record.events | POLL_ERROR | POLL_HANGUP;
  if (!events) return 0;
  if (record.events & SOCKET_POLL_ONESHOT) {
    disarm(fd, record);
  } else if ((ended & kReadEnded) && !record.repeats &&
             (record.events & (POLL_READ | SOCKET_POLL_LEVEL)) == SOCKET_POLL_LEVEL) {
    // No byte will come any more, so that the filter can do without its mark and repeat.
    Changes changes;
    changes.push(fd, EVFILT_READ, EV_DELETE, record, true);
    changes.push(fd, EVFILT_READ, EV_ADD, record, true);
    changes.make(set_.get());
    record.repeats = true;
  }
  return events;
}

Result<Backend::Outcome> KqueueBackend::wait(Scratch &scratch, std::span<ReadyEvent> ready,
                                             int timeout_ms) {
  auto &mine = static_cast<KqueueScratch &>(scratch);
  if (mine.capacity < ready.size() || ++mine.turn == 0) [[unlikely]]
    mine.reserve(ready.size());
  const timespec limit{timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
  const int count = ::kevent(set_.get(), nullptr, 0, mine.events.get(),
                             static_cast<int>(ready.size()), timeout_ms < 0 ? nullptr : &limit);
  if (count < 0) [[unlikely]] {
    if (errno == EINTR) return Outcome{};
    return last_system_error();
  }
  size_t filled = 0;
  bool woken = false;
  int seen = one_shots_.load(std::memory_order_relaxed) ? kUnsettled : 0;
  for (int i = 0; i < count; i++) {
    const Kevent &one = mine.events[i];
    if (waker_.sent(one)) [[unlikely]] {
      if (!woken) woken = waker_.take();
      continue;
    }
    const FdKey key = key_of(one);
    const int events = from_kqueue(one);
    seen |= events;
    if (count > 1 && mine.merge(ready, filled, key, events)) continue;
    ready[filled++] = {key, events};
  }
  if (seen & kUnsettled) [[unlikely]] {
    std::lock_guard lock(mutex_);
    size_t kept = 0;
    for (size_t i = 0; i < filled; i++)
      if (const int events = settle(ready[i])) ready[kept++] = {ready[i].key, events};
    filled = kept;
  }
  return Outcome{static_cast<int>(filled), woken};
}

} // namespace

constinit const BackendEntry kKqueueBackend{KqueueBackend::kName, KqueueBackend::kCapabilities,
                                            KqueueBackend::create};

} // namespace socketpoll
