// extern "C" functions of SocketPoll.h. Unlike the newer floors these follow POSIX: -1 and errno.
#include "SocketPoll.h"

#include "base/boundary.hpp"
#include "poll/poller.hpp"

#include <cerrno>

using namespace socketpoll;

static_assert(sizeof(SocketEvent_T) == 2 * sizeof(int) + sizeof(void *));
static_assert(offsetof(SocketEvent_T, fd) == 0);
static_assert(offsetof(SocketEvent_T, events) == sizeof(int));
static_assert(offsetof(SocketEvent_T, data) == 2 * sizeof(int));

namespace {

int failed(int code) noexcept {
  record_error(code);
  errno = errno_from_code(code);
  return -1;
}

int outcome(Status status) noexcept { return status.ok() ? 0 : failed(status.code()); }
int outcome(const Result<int> &result) noexcept {
  return result.ok() ? *result : failed(result.code());
}
int outcome(int count) noexcept { return count; }

template <class Body> int with_poll(SocketPoll_T poll, Body &&body) noexcept {
  const Pinned<Poller> pinned(word_of_handle(poll));
  if (!pinned) return failed(SOCKET_EBADHANDLE);
  try {
    return outcome(body(*pinned));
  } catch (const std::bad_alloc &) {
    return failed(SOCKET_ENOMEM);
  }
}

void destroy_poller(void *object) noexcept {
  const std::unique_ptr<Poller> owned(static_cast<Poller *>(object));
}

Result<HandleWord> make_poll(const char *name, int max_events) {
  auto made = Poller::create(name, max_events);
  if (!made.ok()) return made.error();
  std::unique_ptr<Poller> poller = made.take();
  auto handle = HandleTable::instance().insert(HandleKind::poll, poller.get(), 0, destroy_poller);
  if (handle.ok()) static_cast<void>(poller.release());
  return handle;
}

} // namespace

SocketPoll_T SocketPoll_new(int max_events) { return SocketPoll_new_backend(nullptr, max_events); }

SocketPoll_T SocketPoll_new_backend(const char *name, int max_events) {
  const auto handle = guarded_new<SocketPoll_T>([&] { return make_poll(name, max_events); });
  if (!handle) errno = errno_from_code(last_error_code());
  return handle;
}

void SocketPoll_free(SocketPoll_T *poll) {
  if (!poll || !*poll) return;
  const HandleWord handle = word_of_handle(*poll);
  *poll = nullptr;
  const Pinned<Poller> pinned(handle);
  if (!pinned) return static_cast<void>(failed(SOCKET_EBADHANDLE));
  if (HandleTable::instance().retire(handle, HandleKind::poll)) pinned->close();
}

int SocketPoll_add(SocketPoll_T poll, int fd, int events, void *data) {
  return with_poll(poll, [&](Poller &poller) { return poller.add(fd, events, data); });
}

int SocketPoll_mod(SocketPoll_T poll, int fd, int events, void *data) {
  return with_poll(poll, [&](Poller &poller) { return poller.mod(fd, events, data); });
}

int SocketPoll_modify_events(SocketPoll_T poll, int fd, int add_events, int remove_events) {
  return with_poll(poll,
                   [&](Poller &poller) { return poller.modify(fd, add_events, remove_events); });
}

int SocketPoll_del(SocketPoll_T poll, int fd) {
  return with_poll(poll, [&](Poller &poller) { return poller.del(fd); });
}

int SocketPoll_wait(SocketPoll_T poll, SocketEvent_T **events, int timeout_ms) {
  return with_poll(poll, [&](Poller &poller) -> Result<int> {
    if (!events) return Error{SOCKET_EINVAL};
    auto ready = poller.wait(timeout_ms);
    if (!ready.ok()) return ready.error();
    *events = ready->data();
    return static_cast<int>(ready->size());
  });
}

int SocketPoll_wakeup(SocketPoll_T poll) {
  return with_poll(poll, [](Poller &poller) { return poller.wakeup(); });
}

const char *SocketPoll_get_backend_name(SocketPoll_T poll) {
  const char *name = nullptr;
  static_cast<void>(with_poll(poll, [&](Poller &poller) {
    name = poller.backend_name();
    return 0;
  }));
  return name;
}

int SocketPoll_get_capabilities(SocketPoll_T poll) {
  return with_poll(poll, [](Poller &poller) { return poller.capabilities(); });
}

int SocketPoll_get_fd(SocketPoll_T poll) {
  return with_poll(poll, [](Poller &poller) -> Result<int> {
    const int fd = poller.pollable_fd();
    if (fd < 0) return Error{SOCKET_ENOTSUP};
    return fd;
  });
}

int SocketPoll_getdefaulttimeout(SocketPoll_T poll) {
  return with_poll(poll, [](Poller &poller) { return poller.default_timeout(); });
}

int SocketPoll_setdefaulttimeout(SocketPoll_T poll, int timeout_ms) {
  return with_poll(poll, [&](Poller &poller) { return poller.set_default_timeout(timeout_ms); });
}

int SocketPoll_getregisteredcount(SocketPoll_T poll) {
  return with_poll(poll, [](Poller &poller) { return poller.count(); });
}

int SocketPoll_get_registered_sockets(SocketPoll_T poll, int *fds, int max) {
  return with_poll(poll, [&](Poller &poller) -> Result<int> {
    if (max < 0 || (!fds && max)) return Error{SOCKET_EINVAL};
    return fds ? poller.list({fds, static_cast<size_t>(max)}) : poller.count();
  });
}

int SocketPoll_getmaxregistered(SocketPoll_T poll) {
  return with_poll(poll, [](Poller &poller) { return poller.limit(); });
}

int SocketPoll_setmaxregistered(SocketPoll_T poll, int limit) {
  return with_poll(poll, [&](Poller &poller) { return poller.set_limit(limit); });
}

int SocketPoll_backend_count(void) { return static_cast<int>(backends().size()); }

const char *SocketPoll_backend_at(int index) {
  if (index >= 0 && index < SocketPoll_backend_count())
    return backends()[static_cast<size_t>(index)]->name;
  failed(SOCKET_EINVAL);
  return nullptr;
}

int SocketPoll_backend_capabilities(const char *name) {
  if (!name) return failed(SOCKET_EINVAL);
  const BackendEntry *entry = find_backend(name);
  return entry ? entry->capabilities : failed(SOCKET_ENOTSUP);
}
