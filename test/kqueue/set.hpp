// Emulated kqueue: a set and its knotes. Each ident stands in an epoll set once, edge-triggered,
// and an edge makes its filters look; what they find active waits in a queue, as in a BSD kernel.
// While that queue holds anything the bell, an eventfd that is always readable and all kqueues
// share, rings in the epoll set.
//
// Memory comes from malloc: the allocations that tests let fail are the library's, not the
// kernel's.
#pragma once

#include "sys/event.h"

#include <mutex>
#include <sys/epoll.h>
#include <unistd.h>

namespace emulated_kqueue {

constexpr uint64_t kBell = UINT64_MAX;

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

bool is_kqueue(int fd);

} // namespace emulated_kqueue
