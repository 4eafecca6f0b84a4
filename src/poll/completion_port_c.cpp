// extern "C" functions of SocketCompletionPort.h.
#include "SocketCompletionPort.h"

#include "base/boundary.hpp"
#include "poll/completion_port.hpp"

using namespace socketpoll;

static_assert(sizeof(SocketPortEvent_T) == 32 + sizeof(void *) || sizeof(void *) < 8);
static_assert(offsetof(SocketPortEvent_T, key) == 0);
static_assert(offsetof(SocketPortEvent_T, operation) == 8);
static_assert(offsetof(SocketPortEvent_T, user) == 16);
static_assert(offsetof(SocketPortEvent_T, bytes) == 16 + sizeof(void *));
static_assert(offsetof(SocketPortEvent_T, error) == 20 + sizeof(void *));
static_assert(offsetof(SocketPortEvent_T, kind) == 24 + sizeof(void *));
static_assert(offsetof(SocketPortEvent_T, fd) == 28 + sizeof(void *));

namespace {

template <class Body> auto with_port(SocketCompletionPort_T port, Body &&body) noexcept {
  using Outcome = decltype(body(std::declval<CompletionPort &>()));
  return guarded([&]() -> Outcome {
    if (Status there = CompletionPort::available(); !there) return there.error();
    const Pinned<CompletionPort> pinned(word_of_handle(port));
    if (!pinned) return Error{SOCKET_EBADHANDLE};
    return body(*pinned);
  });
}

void destroy_port(void *object) noexcept {
  const std::unique_ptr<CompletionPort> owned(static_cast<CompletionPort *>(object));
}

Result<HandleWord> make_port(int concurrency) {
  auto made = CompletionPort::create(concurrency);
  if (!made.ok()) return made.error();
  std::unique_ptr<CompletionPort> port = made.take();
  auto handle =
      HandleTable::instance().insert(HandleKind::completion_port, port.get(), 0, destroy_port);
  if (handle.ok()) static_cast<void>(port.release());
  return handle;
}

bool missing(const void *bytes, uint32_t length) noexcept { return !bytes && length > 0; }

} // namespace

SocketCompletionPort_T SocketCompletionPort_new(int concurrency) {
  return guarded_new<SocketCompletionPort_T>([&] { return make_port(concurrency); });
}

void SocketCompletionPort_free(SocketCompletionPort_T *port) {
  if (!port || !*port) return;
  const HandleWord handle = word_of_handle(*port);
  *port = nullptr;
  const Pinned<CompletionPort> pinned(handle);
  if (!pinned) return static_cast<void>(record_error(SOCKET_EBADHANDLE));
  if (HandleTable::instance().retire(handle, HandleKind::completion_port)) pinned->close();
}

int SocketCompletionPort_associate(SocketCompletionPort_T port, int fd, uint64_t key) {
  return with_port(port, [&](CompletionPort &self) { return self.associate(fd, key); });
}

int SocketCompletionPort_wait(SocketCompletionPort_T port, SocketPortEvent_T *events, int capacity,
                              int timeout_ms) {
  return with_port(port, [&](CompletionPort &self) -> Result<int> {
    if (!events || capacity < 1 || timeout_ms < -1) return Error{SOCKET_EINVAL};
    return self.wait({events, static_cast<size_t>(capacity)}, timeout_ms);
  });
}

int SocketCompletionPort_wait_one(SocketCompletionPort_T port, SocketPortEvent_T *event,
                                  int timeout_ms) {
  return SocketCompletionPort_wait(port, event, 1, timeout_ms);
}

int SocketCompletionPort_post(SocketCompletionPort_T port, uint64_t key, uint32_t bytes,
                              void *user) {
  return with_port(port, [&](CompletionPort &self) { return self.post(key, bytes, user); });
}

int64_t SocketCompletionPort_accept(SocketCompletionPort_T port, int listener, void *user) {
  return with_port(port, [&](CompletionPort &self) { return self.accept(listener, user); });
}

int64_t SocketCompletionPort_connect(SocketCompletionPort_T port, int fd, const char *address,
                                     void *user) {
  return with_port(port, [&](CompletionPort &self) -> Result<int64_t> {
    if (!address) return Error{SOCKET_EINVAL};
    return self.connect(fd, address, user);
  });
}

int64_t SocketCompletionPort_receive(SocketCompletionPort_T port, int fd, void *buffer,
                                     uint32_t length, void *user) {
  return with_port(port, [&](CompletionPort &self) -> Result<int64_t> {
    if (missing(buffer, length)) return Error{SOCKET_EINVAL};
    return self.receive(fd, {buffer, length}, user);
  });
}

int64_t SocketCompletionPort_send(SocketCompletionPort_T port, int fd, const void *buffer,
                                  uint32_t length, void *user) {
  return with_port(port, [&](CompletionPort &self) -> Result<int64_t> {
    if (missing(buffer, length)) return Error{SOCKET_EINVAL};
    return self.send(fd, {buffer, length}, user);
  });
}

int64_t SocketCompletionPort_receive_from(SocketCompletionPort_T port, int fd, void *buffer,
                                          uint32_t length, char *sender, int sender_size,
                                          void *user) {
  return with_port(port, [&](CompletionPort &self) -> Result<int64_t> {
    if (missing(buffer, length) || sender_size < 0) return Error{SOCKET_EINVAL};
    return self.receive_from(fd, {buffer, length}, {sender, sender ? sender_size : 0}, user);
  });
}

int64_t SocketCompletionPort_send_to(SocketCompletionPort_T port, int fd, const void *buffer,
                                     uint32_t length, const char *address, void *user) {
  return with_port(port, [&](CompletionPort &self) -> Result<int64_t> {
    if (missing(buffer, length) || !address) return Error{SOCKET_EINVAL};
    return self.send_to(fd, {buffer, length}, address, user);
  });
}

int64_t SocketCompletionPort_transmit_file(SocketCompletionPort_T port, int fd, int file,
                                           uint64_t offset, uint32_t length, void *user) {
  return with_port(port, [&](CompletionPort &self) {
    return self.transmit_file(fd, file, offset, length, user);
  });
}

int SocketCompletionPort_cancel(SocketCompletionPort_T port, int64_t operation) {
  return with_port(port, [&](CompletionPort &self) { return self.cancel(operation); });
}

int SocketCompletionPort_cancel_all(SocketCompletionPort_T port, int fd) {
  return with_port(port, [&](CompletionPort &self) { return self.cancel_all(fd); });
}
