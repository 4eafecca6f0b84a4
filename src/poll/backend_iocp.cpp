// Poll floor. Windows: readiness of sockets by AFD requests that end as packets in an I/O
// completion port. A request answers once, so what is wanted is asked again: by the next wait,
// after the program has dealt with the event, or at once while another thread is blocked, which has
// to hear of it too. An edge-triggered registration therefore repeats while its condition holds.
//
// A second request of each registration asks for nothing but the close of the socket. It is under
// way all the time and tells a socket from its number's next owner, also between an event and the
// request that follows it.
//
// The timeout's precision is the system's: a tick, 15.6 ms unless some program asked for finer
// ones.
#include "SocketPoll.h"

#include "base/error.hpp"
#include "base/list.hpp"
#include "poll/backend.hpp"
#include "poll/os_fd.hpp"
#include "poll/windows/os_afd.hpp"
#include "poll/windows/winsock.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

namespace socketpoll {
namespace {

// As on Linux, the end of the peer's stream is told to who asks for it, and to nobody else.
ULONG to_afd(int events) noexcept {
  ULONG bits = kAfdAbort | kAfdConnectFail | kAfdLocalClose;
  if (events & POLL_READ) bits |= kAfdReceive | kAfdAccept | kAfdDisconnect;
  if (events & POLL_WRITE) bits |= kAfdSend;
  if (events & SOCKET_POLL_PEER_CLOSED) bits |= kAfdDisconnect;
  return bits;
}

// A reset and a connect that failed are the end of everything: nothing that one waits for would
// still come, so all of it is ready.
int from_afd(ULONG bits) noexcept {
  int events = 0;
  if (bits & (kAfdReceive | kAfdAccept)) events |= POLL_READ;
  if (bits & kAfdSend) events |= POLL_WRITE;
  if (bits & kAfdDisconnect) events |= POLL_READ | SOCKET_POLL_PEER_CLOSED;
  if (bits & (kAfdAbort | kAfdConnectFail))
    events |= POLL_READ | POLL_WRITE | POLL_ERROR | POLL_HANGUP | SOCKET_POLL_PEER_CLOSED;
  return events;
}

// Where the socket is and whom it is connected to, to notice that the number was closed and taken
// anew while a duplicate keeps the old socket open. An end that is unknown (yet, or no more) is
// empty and tells nothing.
struct Identity {
  using End = std::array<unsigned char, sizeof(SOCKADDR_IN6)>;
  End near_end{}, far_end{};
  bool may_be(const Identity &other) const noexcept {
    const auto agree = [](const End &one, const End &two) {
      return one == two || one == End{} || two == End{};
    };
    return agree(near_end, other.near_end) && agree(far_end, other.far_end);
  }
};

Identity identify(int fd) noexcept {
  const auto ask = [fd](decltype(::getsockname) *question, Identity::End &answer) {
    SOCKADDR_STORAGE name{};
    int length = sizeof name;
    if (question(static_cast<SOCKET>(fd), reinterpret_cast<sockaddr *>(&name), &length) == 0)
      std::memcpy(answer.data(), &name, answer.size());
  };
  Identity identity;
  ask(::getsockname, identity.near_end);
  ask(::getpeername, identity.far_end);
  return identity;
}

struct Record;
struct Request : AfdPoll {
  Record *record = nullptr;
};

// One registration. It goes back to the free ones when no request of it is under way any more.
struct Queued;
struct Record : Linked<Queued> { // free, or to be asked by the next wait
  Request ready;                 // for what is wanted
  Request closing;               // for the close
  const AfdDevice *device = nullptr;
  SOCKET socket = INVALID_SOCKET;
  int events = 0;
  FdKey key = 0;
  bool outdated = false; // the answer to `ready`, when it comes, is to an old question
  bool dropped = false;
  Identity identity;

  // Nothing but the close, or being dropped, ends that request for good.
  bool closed() const noexcept {
    return !closing.under_way() || (closing.answered() && (closing.found() & kAfdLocalClose));
  }
  bool at_rest() const noexcept { return !ready.under_way() && !closing.under_way(); }
};

// Cancelling is linear in the requests of a device, so none serves many sockets.
struct Group {
  static constexpr size_t kSockets = 32;
  AfdDevice device;
  std::array<Record, kSockets> records;
};

struct IocpScratch final : Backend::Scratch {
  std::vector<OVERLAPPED_ENTRY> packets;
};

class IocpBackend final : public Backend {
public:
  static constexpr char kName[] = "iocp";
  static constexpr int kCapabilities = SOCKET_POLL_CAN_ONESHOT | SOCKET_POLL_CAN_PEER_CLOSED;

  static Result<std::unique_ptr<Backend>> create();
  ~IocpBackend() override;
  const char *name() const noexcept override { return kName; }
  int capabilities() const noexcept override { return kCapabilities; }

  Status add(const Registration &wanted) override;
  Status mod(const Registration &present, const Registration &wanted) override;
  void del(int fd) noexcept override;

  std::unique_ptr<Scratch> make_scratch() override { return std::make_unique<IocpScratch>(); }
  Result<Outcome> wait(Scratch &scratch, std::span<ReadyEvent> ready, int timeout_ms) override;
  Status wakeup() noexcept override { return give_tokens(1); }
  void close() noexcept override { static_cast<void>(give_tokens(uint64_t{1} << 32)); }

private:
  static size_t place_of(int fd) noexcept { return static_cast<size_t>(fd / kDescriptorStep); }
  Record *record_of(int fd) const noexcept {
    return place_of(fd) < record_of_fd_.size() ? record_of_fd_[place_of(fd)] : nullptr;
  }
  Status make_room(int fd);
  void drop(Record &record) noexcept;
  void ask_later(Record &record) noexcept;
  Status ask_queued() noexcept;
  void gather(std::span<const OVERLAPPED_ENTRY> packets, std::span<ReadyEvent> ready,
              Outcome &outcome) noexcept;
  bool landed(Request &request, ReadyEvent &event) noexcept;
  Status give_tokens(uint64_t tokens) noexcept;
  void take_token() noexcept;

  OsHandle port_;
  std::atomic<uint64_t> tokens_{0}; // of wakeups, times two; and kPosted
  std::mutex mutex_;                // guards all that follows
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Record *> record_of_fd_;
  List<Record, Queued> free_;
  List<Record, Queued> to_ask_;
  int blocked_ = 0; // threads in the port
};

Result<std::unique_ptr<Backend>> IocpBackend::create() {
  if (Status started = start_winsock(); !started) return started.error();
  auto backend = std::make_unique<IocpBackend>();
  auto port = open_port(0);
  if (!port.ok()) return port.error();
  backend->port_ = port.take();
  return std::unique_ptr<Backend>(std::move(backend));
}

// The kernel writes into the records until their last packet is there.
IocpBackend::~IocpBackend() {
  for (Record *one : record_of_fd_)
    if (one) drop(*one);
  const auto at_rest = [](const Record &one) { return one.at_rest(); };
  const auto all_at_rest = [&](const std::unique_ptr<Group> &group) {
    return std::all_of(group->records.begin(), group->records.end(), at_rest);
  };
  OVERLAPPED_ENTRY packets[Group::kSockets];
  while (!std::all_of(groups_.begin(), groups_.end(), all_at_rest)) {
    const auto taken = take_packets(port_.get(), packets, -1);
    if (!taken.ok()) break;
    Outcome nothing;
    gather({packets, *taken}, {}, nothing);
  }
}

// One packet is in the port while there are tokens, however many: it is passed on by who takes one.
constexpr uint64_t kPosted = 1;
constexpr uint64_t kToken = 2;

Status IocpBackend::give_tokens(uint64_t tokens) noexcept {
  uint64_t present = tokens_.load(std::memory_order_relaxed);
  while (!tokens_.compare_exchange_weak(present, (present + tokens * kToken) | kPosted)) {
  }
  if (present & kPosted) return {};
  const Status posted = post_packet(port_.get(), 0, 0, nullptr);
  if (!posted) tokens_.fetch_sub(tokens * kToken + kPosted);
  return posted;
}

void IocpBackend::take_token() noexcept {
  uint64_t present = tokens_.load(std::memory_order_relaxed), left;
  do {
    left = present - kToken;
    if (left == kPosted) left = 0;
  } while (!tokens_.compare_exchange_weak(present, left));
  if (left && !post_packet(port_.get(), 0, 0, nullptr)) tokens_.fetch_sub(kPosted);
}

// A table entry for the number and a free record. On failure, an exception included, nothing else
// has changed.
Status IocpBackend::make_room(int fd) {
  if (place_of(fd) >= record_of_fd_.size())
    record_of_fd_.resize(place_of(fd) + 1 + record_of_fd_.size());
  if (!free_.empty()) return {};
  auto group = std::make_unique<Group>();
  auto device = AfdDevice::open(port_.get());
  if (!device.ok()) return device.error();
  group->device = device.take();
  groups_.push_back(std::move(group));
  for (Record &one : groups_.back()->records) {
    one.device = &groups_.back()->device;
    one.ready.record = one.closing.record = &one;
    free_.push_back(one);
  }
  return {};
}

void IocpBackend::drop(Record &record) noexcept {
  List<Record, Queued>::remove(record);
  record.dropped = true;
  for (Request *one : {&record.ready, &record.closing})
    if (one->under_way()) record.device->cancel(*one);
  if (record.at_rest()) free_.push_front(record);
}

// By the next wait, so that what happens until then makes no system calls; but at once where a
// thread is blocked already. If that fails, it is the next wait that reports it.
void IocpBackend::ask_later(Record &record) noexcept {
  if (!record.ready.under_way()) {
    to_ask_.push_back(record);
    if (blocked_) static_cast<void>(ask_queued());
  } else if (record.ready.answered() || (to_afd(record.events) & ~record.ready.asked())) {
    record.outdated = true;
    record.device->cancel(record.ready);
  }
}

Status IocpBackend::ask_queued() noexcept {
  while (Record *one = to_ask_.front()) {
    if (!one->closed()) {
      const Status asked = one->device->submit(one->ready, one->socket, to_afd(one->events));
      if (!asked && asked.code() != SOCKET_EBADF) return asked;
    }
    List<Record, Queued>::remove(*one);
  }
  return {};
}

// What is open and yet no socket is a file or the like.
Error told_apart(Error error, int fd) noexcept {
  return error.code == SOCKET_EBADF && is_open_descriptor(fd) ? Error{SOCKET_EPERM} : error;
}

Status IocpBackend::add(const Registration &wanted) {
  const auto socket = base_socket(wanted.fd);
  if (!socket.ok()) return told_apart(socket.error(), wanted.fd);
  const Identity identity = identify(wanted.fd);
  std::lock_guard lock(mutex_);
  Record *const present = record_of(wanted.fd);
  if (present && !present->closed() && present->identity.may_be(identity))
    return Error{SOCKET_EEXIST};
  if (Status room = make_room(wanted.fd); !room) return room;
  Record &record = *free_.front();
  if (Status asked = record.device->submit(record.closing, *socket, kAfdLocalClose); !asked)
    return told_apart(asked.error(), wanted.fd);
  List<Record, Queued>::remove(record);
  if (present) drop(*present);
  record.socket = *socket;
  record.events = wanted.events;
  record.key = wanted.key;
  record.outdated = record.dropped = false;
  record.identity = identity;
  record_of_fd_[place_of(wanted.fd)] = &record;
  ask_later(record);
  return {};
}

Status IocpBackend::mod(const Registration &, const Registration &wanted) {
  std::lock_guard lock(mutex_);
  Record *const record = record_of(wanted.fd);
  if (!record || record->closed())
    return Error{is_open_descriptor(wanted.fd) ? SOCKET_ENOENT : SOCKET_EBADF};
  record->events = wanted.events;
  record->key = wanted.key;
  ask_later(*record);
  return {};
}

void IocpBackend::del(int fd) noexcept {
  std::lock_guard lock(mutex_);
  Record *const record = record_of(fd);
  if (!record) return;
  record_of_fd_[place_of(fd)] = nullptr;
  drop(*record);
}

// The packet of `request` was taken. True: it brought an event.
bool IocpBackend::landed(Request &request, ReadyEvent &event) noexcept {
  Record &record = *request.record;
  request.landed();
  if (record.dropped) {
    if (record.at_rest()) free_.push_front(record);
    return false;
  }
  if (&request == &record.closing) {
    // Old systems cancel what a thread began when it ends: asked again, it is under way for ever.
    if (!(request.found() & kAfdLocalClose))
      static_cast<void>(record.device->submit(record.closing, record.socket, kAfdLocalClose));
    return false;
  }
  if (record.closed()) return false;
  int events = 0;
  if (!std::exchange(record.outdated, false))
    events = from_afd(request.found()) & (record.events | POLL_ERROR | POLL_HANGUP);
  event = {record.key, events};
  if (!events || !(record.events & SOCKET_POLL_ONESHOT)) to_ask_.push_back(record);
  return events != 0;
}

// Lock held.
void IocpBackend::gather(std::span<const OVERLAPPED_ENTRY> packets, std::span<ReadyEvent> ready,
                         Outcome &outcome) noexcept {
  for (const OVERLAPPED_ENTRY &packet : packets) {
    ReadyEvent event;
    if (!packet.lpOverlapped)
      outcome.woken = true;
    else if (landed(static_cast<Request &>(AfdPoll::of_token(packet.lpOverlapped)), event))
      ready[outcome.count++] = event;
  }
  if (blocked_) static_cast<void>(ask_queued());
}

Result<Backend::Outcome> IocpBackend::wait(Scratch &scratch, std::span<ReadyEvent> ready,
                                           int timeout_ms) {
  auto &mine = static_cast<IocpScratch &>(scratch);
  if (mine.packets.size() < ready.size()) [[unlikely]]
    mine.packets.resize(ready.size());
  Outcome outcome;
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (Status asked = ask_queued(); !asked && !outcome.woken) return asked.error();
      blocked_++;
    }
    const auto taken = take_packets(port_.get(), {mine.packets.data(), ready.size()}, timeout_ms);
    std::lock_guard lock(mutex_);
    blocked_--;
    if (!taken.ok() && !outcome.woken) return taken.error();
    if (taken.ok()) gather({mine.packets.data(), *taken}, ready, outcome);
    // Packets that told nothing may have put something in motion that is ready already.
    if (outcome.count > 0 || !taken.ok() || *taken == 0) break;
    timeout_ms = 0;
  }
  if (outcome.woken) take_token();
  return outcome;
}

} // namespace

constinit const BackendEntry kIocpBackend{IocpBackend::kName, IocpBackend::kCapabilities,
                                          IocpBackend::create};

} // namespace socketpoll
