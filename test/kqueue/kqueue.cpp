// Emulated kqueue: kqueue(2) and kevent(2). A kqueue is an epoll set, so that it can be polled and
// closed like any descriptor; what else belongs to it is found by its number.
#include "set.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <sys/eventfd.h>

namespace emulated_kqueue {
namespace {

constexpr int kBatch = 64;
constexpr int64_t kNsPerMs = 1000000;

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 * kNsPerMs + now.tv_nsec;
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

} // namespace

// An epoll set under a number that kqueue() gave out, as far as can be told.
bool is_kqueue(int fd) {
  std::lock_guard lock(table.mutex);
  epoll_event bell{};
  return fd < table.room && table.sets[fd] &&
         ::epoll_ctl(fd, EPOLL_CTL_ADD, table.bell, &bell) < 0 && errno == EEXIST;
}

namespace {

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
