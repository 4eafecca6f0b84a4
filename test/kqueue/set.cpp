#include "set.hpp"

#include "filters.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>

namespace emulated_kqueue {

namespace {

constexpr uint32_t kReadEdges = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr uint16_t kKept = EV_ONESHOT | EV_CLEAR | EV_DISPATCH | EV_RECEIPT;

template <class T> T *make() { return static_cast<T *>(std::calloc(1, sizeof(T))); }

Condition condition_of(const Knote &knote) {
  switch (knote.filter) {
  case EVFILT_READ: return look_read(knote.source->fd, knote.note, knote.low_water);
  case EVFILT_WRITE: return look_write(knote.source->fd, knote.note, knote.low_water);
  default: return {knote.triggered, false, knote.user_flags, knote.low_water};
  }
}

epoll_event edges_of(const Source &source) {
  epoll_event edges{};
  edges.events = kReadEdges | (source.writes ? uint32_t{EPOLLOUT} : 0);
  edges.data.u64 = uint64_t{source.serial} << 32 | static_cast<uint32_t>(source.fd);
  return edges;
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

} // namespace

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

} // namespace emulated_kqueue
