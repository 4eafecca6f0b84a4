// Emulated kqueue: the set, its knotes and kevent(2). A kqueue is an epoll set, so that it can be
// polled and closed like any descriptor. Each ident stands in it once, edge-triggered, and an edge
// makes its filters look; what they find active waits in a queue, as in a BSD kernel. While that
// queue holds anything the bell, an eventfd that is always readable and all kqueues share, rings in
// the epoll set.
//
// Memory comes from malloc: the allocations that tests let fail are the library's, not the
// kernel's.
#include "filters.hpp"
#include "sys/event.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace emulated_kqueue {
namespace {

constexpr uint32_t kReadEdges = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr int kBatch = 64;
constexpr uint64_t kBell = UINT64_MAX;
constexpr uint16_t kKept = EV_ONESHOT | EV_CLEAR | EV_DISPATCH | EV_RECEIPT;
constexpr int64_t kNsPerMs = 1000000;

struct Source;

struct Knote {
  uintptr_t ident;
  int filter;
  uint16_t flags;
  uint32_t note; // what the filter was asked for
  intptr_t low_water;
  void *udata;
  bool active, disabled, triggered;
  uint32_t user_flags; // of EVFILT_USER
  Source *source;      // null for EVFILT_USER
  Knote *before, *after;
  bool queued;
  Knote *next_user;
};

struct Source {
  uint32_t serial; // so that an edge of a number's former file is recognised
  int fd;
  bool writes; // had a knote of EVFILT_WRITE at some time
  Knote *reading, *writing;
};

template <class T> T *make() { return static_cast<T *>(std::calloc(1, sizeof(T))); }

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 * kNsPerMs + now.tv_nsec;
}

// The calls on one kqueue. Lock held in all but `collect`.
class Set {
public:
  Set(int epoll, int bell) : epoll_(epoll), bell_(bell) {}
  ~Set();
  int collect(epoll_event *edges, int most, int timeout_ms) const {
    return ::epoll_wait(epoll_, edges, most, timeout_ms);
  }
  void notice(const epoll_event *edges, int count);
  int change(const struct kevent &wanted); // an errno value
  int take(struct kevent *events, int most);
  void ring();

  std::mutex mutex;
  const pid_t owner = ::getpid();
  int users = 0; // guarded by the table's mutex
  bool replaced = false;

private:
  Knote *find(uintptr_t ident, int filter);
  Source *source_of(uintptr_t ident);
  bool present(const Source &source) const;
  int attach(uintptr_t ident, int filter, Knote *&made);
  int open_source(int fd, Source *&made);
  void drop(Knote *knote);
  void drop_source(Source *source);
  void look(Knote *knote);
  void enqueue(Knote *knote);
  void dequeue(Knote *knote);
  bool deliver(Knote *knote, struct kevent &event);

  const int epoll_, bell_;
  bool ringing_ = false;
  Source **sources_ = nullptr; // by fd
  int room_ = 0;
  uint32_t serial_ = 0;
  Knote *users_ = nullptr; // the knotes of EVFILT_USER
  Knote *first_ = nullptr, *last_ = nullptr;
  int length_ = 0;
};

Condition condition_of(const Knote &knote) {
  switch (knote.filter) {
  case EVFILT_READ: return look_read(knote.source->fd, knote.note, knote.low_water);
  case EVFILT_WRITE: return look_write(knote.source->fd, knote.note, knote.low_water);
  default: return {knote.triggered, false, knote.user_flags, knote.low_water};
  }
}

// Memory only: the number of the epoll set is another one's by now.
Set::~Set() {
  for (int fd = 0; fd < room_; fd++) {
    if (!sources_[fd]) continue;
    std::free(sources_[fd]->reading);
    std::free(sources_[fd]->writing);
    std::free(sources_[fd]);
  }
  while (Knote *knote = users_) {
    users_ = knote->next_user;
    std::free(knote);
  }
  std::free(sources_);
}

void Set::enqueue(Knote *knote) {
  if (knote->queued || knote->disabled) return;
  knote->queued = true;
  knote->after = nullptr;
  knote->before = last_;
  (last_ ? last_->after : first_) = knote;
  last_ = knote;
  length_++;
}

void Set::dequeue(Knote *knote) {
  if (!knote->queued) return;
  knote->queued = false;
  (knote->before ? knote->before->after : first_) = knote->after;
  (knote->after ? knote->after->before : last_) = knote->before;
  length_--;
}

void Set::look(Knote *knote) {
  if (!knote || knote->active || knote->disabled || !condition_of(*knote).holds) return;
  knote->active = true;
  enqueue(knote);
}

// Adding what is there changes nothing and says so, whatever it is there as.
bool Set::present(const Source &source) const {
  epoll_event same{};
  same.events = kReadEdges;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, source.fd, &same) < 0) return errno == EEXIST;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, source.fd, nullptr);
  return false;
}

// Null as well when the file is gone for which the knotes were.
Source *Set::source_of(uintptr_t ident) {
  if (ident >= static_cast<uintptr_t>(room_)) return nullptr;
  Source *source = sources_[ident];
  if (!source || present(*source)) return source;
  drop_source(source);
  return nullptr;
}

Knote *Set::find(uintptr_t ident, int filter) {
  if (filter == EVFILT_USER) {
    Knote *knote = users_;
    while (knote && knote->ident != ident) knote = knote->next_user;
    return knote;
  }
  const Source *source = source_of(ident);
  return !source ? nullptr : filter == EVFILT_READ ? source->reading : source->writing;
}

void Set::drop(Knote *knote) {
  dequeue(knote);
  Source *source = knote->source;
  if (!source) {
    Knote **link = &users_;
    while (*link != knote) link = &(*link)->next_user;
    *link = knote->next_user;
  } else {
    (knote->filter == EVFILT_READ ? source->reading : source->writing) = nullptr;
  }
  std::free(knote);
  if (!source || source->reading || source->writing) return;
  if (present(*source)) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, source->fd, nullptr);
  sources_[source->fd] = nullptr;
  std::free(source);
}

void Set::drop_source(Source *source) {
  Knote *const reading = source->reading, *const writing = source->writing;
  if (reading) drop(reading);
  if (writing) drop(writing); // the last of the two takes the source along
}

epoll_event edges_of(const Source &source) {
  epoll_event edges{};
  edges.events = kReadEdges | (source.writes ? uint32_t{EPOLLOUT} : 0);
  edges.data.u64 = uint64_t{source.serial} << 32 | static_cast<uint32_t>(source.fd);
  return edges;
}

int Set::open_source(int fd, Source *&made) {
  if (fd >= room_) {
    const int room = std::max(fd + 1, 2 * room_);
    auto **more = static_cast<Source **>(
        std::realloc(sources_, sizeof(Source *) * static_cast<size_t>(room)));
    if (!more) return ENOMEM;
    std::fill(more + room_, more + room, nullptr);
    sources_ = more;
    room_ = room;
  }
  auto *source = make<Source>();
  if (!source) return ENOMEM;
  source->fd = fd;
  source->serial = ++serial_;
  epoll_event edges = edges_of(*source);
  // The set still has a file that was closed and is back under the same number.
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &edges) < 0 &&
      (errno != EEXIST || ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &edges) < 0)) {
    const int error = errno == EPERM ? EINVAL : errno;
    std::free(source);
    return error;
  }
  sources_[fd] = made = source;
  return 0;
}

bool is_kqueue(int fd);

// The knote, without what the change says of it.
int Set::attach(uintptr_t ident, int filter, Knote *&made) {
  auto *knote = make<Knote>();
  if (!knote) return ENOMEM;
  knote->ident = ident;
  knote->filter = filter;
  if (filter == EVFILT_USER) {
    knote->next_user = users_;
    users_ = made = knote;
    return 0;
  }
  const int fd = static_cast<int>(ident);
  Source *source = source_of(ident);
  int error = filter == EVFILT_WRITE && is_kqueue(fd) ? EINVAL : 0;
  struct stat found;
  if (filter == EVFILT_WRITE && ::fstat(fd, &found) == 0 && S_ISFIFO(found.st_mode) &&
      look_write(fd, 0, 0).eof)
    error = EPIPE;
  if (!error && !source) error = open_source(fd, source);
  if (error) {
    std::free(knote);
    return error;
  }
  if (filter == EVFILT_WRITE && !source->writes) {
    source->writes = true;
    epoll_event edges = edges_of(*source);
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &edges);
  }
  knote->source = source;
  (filter == EVFILT_READ ? source->reading : source->writing) = made = knote;
  return 0;
}

void trigger(Knote &knote, uint32_t fflags) {
  const uint32_t given = fflags & NOTE_FFLAGSMASK;
  switch (fflags & NOTE_FFCTRLMASK) {
  case NOTE_FFAND: knote.user_flags &= given; break;
  case NOTE_FFOR: knote.user_flags |= given; break;
  case NOTE_FFCOPY: knote.user_flags = given; break;
  default: break;
  }
  if (fflags & NOTE_TRIGGER) knote.triggered = true;
}

int Set::change(const struct kevent &wanted) {
  const int filter = wanted.filter;
  if (filter != EVFILT_READ && filter != EVFILT_WRITE && filter != EVFILT_USER) return EINVAL;
  if (filter != EVFILT_USER &&
      (wanted.ident > INT_MAX || ::fcntl(static_cast<int>(wanted.ident), F_GETFD) < 0)) {
    source_of(wanted.ident);
    return EBADF;
  }
  Knote *knote = find(wanted.ident, filter);
  const bool added = !knote;
  if (added) {
    if (!(wanted.flags & EV_ADD)) return ENOENT;
    if (const int error = attach(wanted.ident, filter, knote)) return error;
    knote->flags = wanted.flags & kKept; // never changed by a later EV_ADD
  }
  if (wanted.flags & EV_DELETE) {
    drop(knote);
    return 0;
  }
  knote->udata = wanted.udata;
  knote->low_water = wanted.data;
  if (filter == EVFILT_USER)
    trigger(*knote, wanted.fflags);
  else
    knote->note = wanted.fflags;
  if (wanted.flags & EV_DISABLE) {
    knote->disabled = true;
    dequeue(knote);
  } else if (wanted.flags & (EV_ENABLE | EV_ADD)) {
    knote->disabled = false;
    if (knote->active) enqueue(knote);
  }
  look(knote);
  return 0;
}

void Set::notice(const epoll_event *edges, int count) {
  for (int i = 0; i < count; i++) {
    if (edges[i].data.u64 == kBell) continue;
    const auto fd = static_cast<uint32_t>(edges[i].data.u64);
    const auto serial = static_cast<uint32_t>(edges[i].data.u64 >> 32);
    if (fd >= static_cast<uint32_t>(room_) || !sources_[fd] || sources_[fd]->serial != serial)
      continue;
    const Source *source = source_of(fd);
    if (!source) continue;
    look(source->reading);
    look(source->writing);
  }
}

// False: it is no longer so, or the file is gone.
bool Set::deliver(Knote *knote, struct kevent &event) {
  dequeue(knote);
  if (knote->source && !source_of(knote->ident)) return false;
  const Condition now = condition_of(*knote);
  if (!now.holds) {
    knote->active = false;
    return false;
  }
  EV_SET(&event, knote->ident, knote->filter, knote->flags | (now.eof ? EV_EOF : 0), now.fflags,
         now.data, knote->udata);
  if (knote->flags & EV_ONESHOT) {
    drop(knote);
    return true;
  }
  if (knote->flags & EV_DISPATCH) knote->disabled = true;
  if (knote->flags & EV_CLEAR) {
    knote->triggered = false;
    knote->user_flags = 0;
  }
  if (knote->flags & (EV_DISPATCH | EV_CLEAR))
    knote->active = false;
  else
    enqueue(knote);
  return true;
}

int Set::take(struct kevent *events, int most) {
  int taken = 0;
  // What is put back at the end is not looked at twice.
  for (int left = length_; left > 0 && first_ && taken < most; left--)
    taken += deliver(first_, events[taken]);
  return taken;
}

void Set::ring() {
  const bool wanted = first_ != nullptr;
  if (wanted == ringing_) return;
  epoll_event bell{};
  bell.events = wanted ? uint32_t{EPOLLIN} : 0;
  bell.data.u64 = kBell;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, bell_, &bell) == 0) ringing_ = wanted;
}

// Which numbers are kqueues. A set goes when its number is given to another and nobody is in it.
struct Table {
  std::mutex mutex;
  Set **sets = nullptr;
  int room = 0;
  // Before any test begins to count descriptors.
  const int bell = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

  Set *enter(int fd) {
    std::lock_guard lock(mutex);
    if (fd < 0 || fd >= room || !sets[fd] || sets[fd]->owner != ::getpid()) return nullptr;
    sets[fd]->users++;
    return sets[fd];
  }
  void leave(Set *set) {
    std::lock_guard lock(mutex);
    if (--set->users == 0 && set->replaced) end(set);
  }
  static void end(Set *set) {
    set->~Set();
    std::free(set);
  }
  bool prepare(int fd) {
    if (fd < room) return true;
    const int more = std::max(fd + 1, 2 * room);
    auto **grown =
        static_cast<Set **>(std::realloc(sets, sizeof(Set *) * static_cast<size_t>(more)));
    if (!grown) return false;
    std::fill(grown + room, grown + more, nullptr);
    sets = grown;
    room = more;
    return true;
  }
};

Table table;

// An epoll set under a number that kqueue() gave out, as far as can be told.
bool is_kqueue(int fd) {
  std::lock_guard lock(table.mutex);
  epoll_event bell{};
  return fd < table.room && table.sets[fd] &&
         ::epoll_ctl(fd, EPOLL_CTL_ADD, table.bell, &bell) < 0 && errno == EEXIST;
}

// The changes, one after the other. How many entries of `events` say what became of them; -1 with
// errno where there is no room for one that failed.
int make_changes(Set &set, const struct kevent *changes, int count, struct kevent *events,
                 int most) {
  int receipts = 0;
  for (int i = 0; i < count; i++) {
    const int error = set.change(changes[i]);
    if (!error && !(changes[i].flags & EV_RECEIPT)) continue;
    if (receipts == most) {
      if (!error) return receipts;
      errno = error;
      return -1;
    }
    events[receipts] = changes[i];
    events[receipts].flags = EV_ERROR;
    events[receipts++].data = error;
  }
  return receipts;
}

// Lock held.
void notice_all(Set &set) {
  epoll_event edges[kBatch];
  int count;
  do {
    count = set.collect(edges, kBatch, 0);
    if (count > 0) set.notice(edges, count);
  } while (count == kBatch);
}

int wait_for_events(Set &set, struct kevent *events, int most, const timespec *timeout) {
  const int64_t limit = timeout ? int64_t{timeout->tv_sec} * 1000 * kNsPerMs + timeout->tv_nsec : 0;
  const int64_t deadline = timeout ? now_ns() + limit : 0;
  for (bool looked = false;; looked = true) {
    int64_t left = 0;
    if (looked && timeout) {
      left = deadline - now_ns();
      if (left <= 0) return 0;
    }
    const int64_t left_ms = std::min<int64_t>((left + kNsPerMs - 1) / kNsPerMs, INT_MAX);
    epoll_event edges[kBatch];
    const int count = set.collect(edges, kBatch,
                                  !looked   ? 0
                                  : timeout ? static_cast<int>(left_ms)
                                            : -1);
    if (count < 0) return -1;
    std::lock_guard lock(set.mutex);
    set.notice(edges, count);
    if (count == kBatch) notice_all(set);
    const int taken = set.take(events, most);
    set.ring();
    if (taken > 0) return taken;
  }
}

} // namespace
} // namespace emulated_kqueue

using namespace emulated_kqueue;

int kqueue(void) {
  const int fd = ::epoll_create1(0);
  if (fd < 0) return -1;
  std::lock_guard lock(table.mutex);
  auto *memory = std::malloc(sizeof(Set));
  epoll_event bell{};
  bell.data.u64 = kBell;
  if (!memory || !table.prepare(fd) || ::epoll_ctl(fd, EPOLL_CTL_ADD, table.bell, &bell) < 0) {
    const int error = errno;
    std::free(memory);
    ::close(fd);
    errno = error;
    return -1;
  }
  if (Set *former = table.sets[fd]) {
    former->replaced = true;
    if (former->users == 0) Table::end(former);
  }
  table.sets[fd] = new (memory) Set(fd, table.bell);
  return fd;
}

int kevent(int kq, const struct kevent *changelist, int nchanges, struct kevent *eventlist,
           int nevents, const struct timespec *timeout) {
  if (nchanges < 0 || nevents < 0 ||
      (timeout &&
       (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000))) {
    errno = EINVAL;
    return -1;
  }
  Set *const set = table.enter(kq);
  if (!set || ::fcntl(kq, F_GETFD) < 0) {
    if (set) table.leave(set);
    errno = EBADF;
    return -1;
  }
  int result;
  {
    std::lock_guard lock(set->mutex);
    result = make_changes(*set, changelist, nchanges, eventlist, nevents);
    const int error = errno;
    if (nchanges > 0) notice_all(*set); // the edges with which epoll greets a new fd
    set->ring();
    errno = error;
  }
  if (result == 0 && nevents > 0) result = wait_for_events(*set, eventlist, nevents, timeout);
  const int error = errno;
  table.leave(set);
  errno = error;
  return result;
}
