#include "poll/windows/completion_port.hpp"

#include "base/error.hpp"
#include "poll/os_fd.hpp"
#include "poll/windows/winsock.hpp"

#include <algorithm>

namespace socketpoll {
namespace {

constexpr LONG kTruncated = static_cast<LONG>(0x80000005); // STATUS_BUFFER_OVERFLOW
constexpr DWORD kNoPacketMs = 10;
constexpr int kPatience = 200; // times kNoPacketMs

int code_of_status(LONG status) noexcept {
  if (status >= 0) return 0;
  return status == kTruncated ? SOCKET_EMSGSIZE : error_from_status(status).code;
}

} // namespace

bool PortOperation::ended() const noexcept {
  return kind == 0 || __atomic_load_n(&Internal, __ATOMIC_ACQUIRE) != kStatusPending;
}

Status CompletionPort::available() noexcept { return {}; }

Result<std::unique_ptr<CompletionPort>> CompletionPort::create(int concurrency) {
  if (concurrency < 0) return Error{SOCKET_EINVAL};
  if (Status started = start_winsock(); !started) return started.error();
  auto port = open_port(static_cast<unsigned>(concurrency));
  if (!port.ok()) return port.error();
  return std::unique_ptr<CompletionPort>(std::make_unique<WindowsCompletionPort>(port.take()));
}

// Records that the kernel may still write into are left to it: a socket that was closed while a
// duplicate of it is open cannot be named any more, and what was begun on it not be cancelled.
WindowsCompletionPort::~WindowsCompletionPort() {
  for (std::unique_ptr<PortOperation[]> &chunk : chunks_) {
    const uint32_t size = kFirst << (&chunk - chunks_.data());
    const auto ended = [](const PortOperation &one) { return one.ended(); };
    if (!std::all_of(&chunk[0], &chunk[0] + size, ended)) static_cast<void>(chunk.release());
  }
}

template <class Visit> void WindowsCompletionPort::for_each_under_way(Visit &&visit) noexcept {
  for (const std::unique_ptr<PortOperation[]> &chunk : chunks_)
    for (uint32_t i = 0; i < kFirst << (&chunk - chunks_.data()); i++)
      if (chunk[i].kind != 0 && chunk[i].fd >= 0) visit(chunk[i]);
}

void WindowsCompletionPort::pass_on_the_end() noexcept {
  if (waiting_.load() > 0) static_cast<void>(post_packet(port_.get(), 0, 0, nullptr));
}

// Whoever begins an operation at this moment sees `closing_` afterwards, and cancels it (begun).
void WindowsCompletionPort::close() noexcept {
  closing_.store(true);
  pass_on_the_end();
  for (int turn = 0; turn < kPatience; turn++) {
    bool all_ended = true;
    {
      std::lock_guard lock(mutex_);
      for_each_under_way([&](PortOperation &one) {
        if (one.ended()) return;
        if (turn == 0) ::CancelIoEx(handle_of_fd(one.fd), &one);
        all_ended = all_ended && one.ended();
      });
    }
    if (all_ended) return;
    OVERLAPPED_ENTRY packets[16];
    const auto taken = take_packets(port_.get(), packets, kNoPacketMs);
    for (ULONG i = 0; taken.ok() && i < *taken; i++) {
      SocketPortEvent_T event;
      if (translate(packets[i], event) && event.kind == SOCKET_PORT_ACCEPTED && !event.error)
        close_descriptor(event.fd);
    }
  }
}

PortOperation &WindowsCompletionPort::take_unused(int kind, int fd, void *user) {
  if (unused_.empty()) {
    if (chunks_.size() == kChunks) throw std::bad_alloc();
    const uint32_t size = kFirst << chunks_.size();
    chunks_.push_back(std::make_unique<PortOperation[]>(size));
    for (uint32_t i = 0; i < size; i++) {
      chunks_.back()[i].place = size - kFirst + i;
      unused_.push_back(chunks_.back()[i]);
    }
  }
  PortOperation &operation = *unused_.pop_front();
  static_cast<OVERLAPPED &>(operation) = {};
  operation.Internal = kStatusPending;
  operation.kind = kind;
  operation.fd = fd;
  operation.user = user;
  operation.accepted = -1;
  operation.sender = {};
  // Positive and never 0, so that no name is an error or of a posted event.
  operation.generation = operation.generation % INT32_MAX + 1;
  return operation;
}

Result<PortOperation *> WindowsCompletionPort::prepare(int kind, int fd, void *user) {
  if (!is_open_descriptor(fd)) return Error{SOCKET_EBADF};
  std::lock_guard lock(mutex_);
  if (!associated_.contains(fd)) return Error{SOCKET_ESTATE};
  return &take_unused(kind, fd, user);
}

void WindowsCompletionPort::give_back(PortOperation &operation) noexcept {
  std::lock_guard lock(mutex_);
  operation.kind = 0;
  unused_.push_back(operation);
}

// From a call that succeeded on, the record is the port's: another thread may have taken its
// packet.
Result<int64_t> WindowsCompletionPort::begun(PortOperation &operation, int64_t name, int outcome) {
  if (outcome != 0 && outcome != ERROR_IO_PENDING) {
    if (operation.accepted >= 0) close_descriptor(operation.accepted);
    give_back(operation);
    return error_from_system(static_cast<unsigned long>(outcome));
  }
  if (closing_.load()) static_cast<void>(cancel(name));
  return name;
}

// By its address alone: the memory of what was begun without us may be anything.
PortOperation *WindowsCompletionPort::of_packet(OVERLAPPED *overlapped) noexcept {
  auto *const operation = static_cast<PortOperation *>(overlapped);
  const std::less_equal<> not_after;
  for (const std::unique_ptr<PortOperation[]> &chunk : chunks_) {
    PortOperation *const last = &chunk[(kFirst << (&chunk - chunks_.data())) - 1];
    if (not_after(&chunk[0], operation) && not_after(operation, last)) return operation;
  }
  return nullptr;
}

bool WindowsCompletionPort::translate(const OVERLAPPED_ENTRY &packet,
                                      SocketPortEvent_T &event) noexcept {
  if (!packet.lpOverlapped) return false;
  const int error = code_of_status(static_cast<LONG>(packet.Internal));
  event = {packet.lpCompletionKey, 0, packet.lpOverlapped, packet.dwNumberOfBytesTransferred, error,
           SOCKET_PORT_FOREIGN,    -1};
  std::lock_guard lock(mutex_);
  PortOperation *const operation = of_packet(packet.lpOverlapped);
  if (!operation) return true;
  event.user = operation->user;
  event.kind = operation->kind;
  if (operation->kind != SOCKET_PORT_POSTED) {
    event.operation = operation->name();
    event.error = finish(*operation, error);
    event.fd = operation->fd;
    if (operation->accepted >= 0 && !event.error) event.fd = operation->accepted;
  }
  operation->kind = 0;
  unused_.push_back(*operation);
  return true;
}

Result<int> WindowsCompletionPort::wait(std::span<SocketPortEvent_T> events, int timeout_ms) {
  constexpr size_t kMost = 64;
  OVERLAPPED_ENTRY packets[kMost];
  waiting_.fetch_add(1);
  Result<ULONG> taken = ULONG{0};
  if (!closing_.load())
    taken = take_packets(port_.get(), {packets, std::min(events.size(), kMost)}, timeout_ms);
  waiting_.fetch_sub(1);
  if (!taken.ok()) return taken.error();
  int count = 0;
  for (ULONG i = 0; i < *taken; i++) count += translate(packets[i], events[count]);
  if (!closing_.load()) return count;
  pass_on_the_end();
  for (const SocketPortEvent_T &one : events.first(static_cast<size_t>(count)))
    if (one.kind == SOCKET_PORT_ACCEPTED && !one.error) close_descriptor(one.fd);
  return Error{SOCKET_EBADHANDLE};
}

Status WindowsCompletionPort::associate(int fd, uint64_t key) {
  if (!is_open_descriptor(fd)) return Error{SOCKET_EBADF};
  std::lock_guard lock(mutex_);
  const bool fresh = associated_.insert(fd).second;
  const Status joined = join_port(port_.get(), handle_of_fd(fd), key);
  if (joined) return joined;
  if (fresh) associated_.erase(fd);
  return joined.code() == SOCKET_EINVAL ? Error{SOCKET_EEXIST} : joined.error();
}

Status WindowsCompletionPort::post(uint64_t key, uint32_t bytes, void *user) {
  PortOperation *operation;
  {
    std::lock_guard lock(mutex_);
    operation = &take_unused(SOCKET_PORT_POSTED, -1, user);
    operation->Internal = 0;
  }
  const Status posted = post_packet(port_.get(), bytes, key, operation);
  if (!posted) give_back(*operation);
  return posted;
}

// Under the lock, so that the record is not another operation's meanwhile.
Status WindowsCompletionPort::cancel(int64_t name) {
  std::lock_guard lock(mutex_);
  const auto place = static_cast<uint32_t>(name);
  for (const std::unique_ptr<PortOperation[]> &chunk : chunks_) {
    const uint32_t size = kFirst << (&chunk - chunks_.data()), first = size - kFirst;
    if (place < first || place - first >= size) continue;
    PortOperation &operation = chunk[place - first];
    if (operation.kind == 0 || operation.fd < 0 || operation.name() != name) break;
    if (::CancelIoEx(handle_of_fd(operation.fd), &operation)) return {};
    break;
  }
  return Error{SOCKET_ENOENT};
}

Result<int> WindowsCompletionPort::cancel_all(int fd) {
  if (!is_open_descriptor(fd)) return Error{SOCKET_EBADF};
  int count = 0;
  std::lock_guard lock(mutex_);
  for_each_under_way([&](PortOperation &one) {
    if (one.fd == fd && ::CancelIoEx(handle_of_fd(fd), &one)) count++;
  });
  return count;
}

} // namespace socketpoll
