#include "net/dgram/dgram.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <climits>

namespace socketpoll {

namespace {

constexpr int64_t kMostPayload = 65507; // of UDP over IPv4

bool is_multicast(const Address &group) noexcept {
  return group.family == AF_INET6 ? group.bytes[0] == 0xff : group.bytes[0] >> 4 == 0xe;
}

} // namespace

Dgram::Dgram(Loop &loop) : LoopObject(loop, kHandleKind), Watch(loop) {
  std::fill(std::begin(options_), std::end(options_), -1);
  options_[static_cast<size_t>(os::DgramOption::v6only)] = 1;
  loop.timers().join(*this);
}

Dgram::~Dgram() = default;

Result<Dgram *> Dgram::create(Loop &loop) { return adopt(std::unique_ptr<Dgram>(new Dgram(loop))); }

// ---- Its socket

Status Dgram::open(int family) {
  if (loop().network()) return Error{SOCKET_ENOTSUP}; // a simulated one, which has only streams
  auto fd = os::dgram_socket(family);
  if (!fd.ok()) return fd.error();
  Status status = apply_options(fd->get(), family);
  if (status.ok()) status = os::keep_errors(fd->get(), family, true);
  if (!status.ok()) return status;
  gro_ = gro_ && os::set_dgram_option(fd->get(), family, os::DgramOption::gro, 1).ok();
  fd_ = fd.take();
  family_ = family;
  watch(fd_.get());
  update_interest();
  return {};
}

Status Dgram::apply_options(int fd, int family) const noexcept {
  for (size_t i = 0; i < std::size(options_); i++) {
    const auto option = static_cast<os::DgramOption>(i);
    if (options_[i] < 0 || (option == os::DgramOption::v6only && family != AF_INET6)) continue;
    const Status status = os::set_dgram_option(fd, family, option, options_[i]);
    if (!status.ok()) return status;
  }
  return {};
}

void Dgram::close_socket() noexcept {
  unwatch();
  fd_.reset();
  family_ = AF_UNSPEC;
}

Status Dgram::bind(const char *address) {
  if (fd_) return Error{SOCKET_ESTATE};
  auto name = SockName::parse(address);
  Status status = name.ok() ? open(name->family()) : Status(name.error());
  if (status.ok()) {
    status = os::bind_name(fd_.get(), *name);
    if (!status.ok()) close_socket();
  }
  if (!status.ok()) return explain(status.error(), "cannot bind datagrams to %s", address);
  return {};
}

bool Dgram::takes(const SockName &name) const noexcept {
  const bool both = options_[static_cast<size_t>(os::DgramOption::v6only)] == 0;
  return name.family() == family_ || (both && family_ == AF_INET6 && name.family() == AF_INET);
}

Status Dgram::connect(const char *address) {
  auto name = SockName::parse(address);
  const bool is_new = !fd_;
  Status status = name.ok() ? Status() : Status(name.error());
  if (status.ok() && is_new) status = open(name->family());
  if (status.ok() && !takes(*name)) status = Error{SOCKET_EAFNOSUPPORT};
  if (status.ok()) {
    status = os::connect_name(fd_.get(), *name);
    if (!status.ok() && is_new) close_socket();
  }
  if (!status.ok()) return explain(status.error(), "cannot connect datagrams to %s", address);
  connected_ = true;
  peer_ = *name;
  reconsider();
  // From here on the calls themselves tell what went wrong.
  return os::keep_errors(fd_.get(), family_, false);
}

Status Dgram::disconnect() noexcept {
  if (!connected_) return {};
  const Status status = os::disconnect(fd_.get());
  if (!status.ok()) return status;
  connected_ = false;
  reconsider();
  return os::keep_errors(fd_.get(), family_, true);
}

Status Dgram::start() noexcept {
  if (receiving()) return Error{SOCKET_EBUSY};
  started_ = true;
  if (batch_ && !batch_->empty()) raise(SOCKET_DATAGRAM); // an operation has left them over
  update_interest();
  return {};
}

void Dgram::pause() noexcept {
  started_ = false;
  update_interest();
}

Result<int> Dgram::open_fd() const noexcept {
  if (!fd_) return Error{SOCKET_ESTATE};
  return fd_.get();
}

void Dgram::on_dispose() noexcept {
  if (ops_) ops_->end(SOCKET_ECANCELED);
  loop().timers().disarm(*this);
  close_socket();
}

// ---- Options

Status Dgram::set_batch(int count, int bytes_each) noexcept {
  constexpr int kMostBytes = 1 << 20;
  if (count < 0 || count > SOCKET_DGRAM_MAX_BATCH) return Error{SOCKET_EINVAL};
  if (count > 0 && (bytes_each < 1 || bytes_each > kMostBytes)) return Error{SOCKET_EINVAL};
  shape_ = {count, count ? static_cast<size_t>(bytes_each) : 0};
  return {};
}

Status Dgram::set_gro(bool on) noexcept {
  if (fd_) {
    const Status status = os::set_dgram_option(fd_.get(), family_, os::DgramOption::gro, on);
    if (!status.ok()) return on ? status : Status();
  } else if (on) {
    auto probe = os::dgram_socket(AF_INET);
    if (!probe.ok()) return probe.error();
    const Status status = os::set_dgram_option(probe->get(), AF_INET, os::DgramOption::gro, 1);
    if (!status.ok()) return status;
  }
  gro_ = on;
  return {};
}

Status Dgram::set_early(os::DgramOption option, int value) noexcept {
  return fd_ ? Status(Error{SOCKET_ESTATE}) : set_option(option, value);
}

Status Dgram::set_option(os::DgramOption option, int value) noexcept {
  if (fd_) return os::set_dgram_option(fd_.get(), family_, option, value);
  options_[static_cast<size_t>(option)] = value;
  return {};
}

Status Dgram::change_membership(os::Membership action, const char *group, const char *source,
                                const char *interface_name) noexcept {
  auto address = Address::parse_host(group);
  if (!address.ok() || !is_multicast(*address)) return Error{SOCKET_EADDRESS};
  auto from = source ? Address::parse_host(source) : Result<Address>(Address());
  if (!from.ok()) return from.error();
  if (!fd_) return Error{SOCKET_ESTATE};
  if (address->family != family_ || (source && from->family != family_))
    return Error{SOCKET_EAFNOSUPPORT};
  auto index = interface_name && *interface_name ? os::interface_index(interface_name)
                                                 : Result<uint32_t>(uint32_t{0});
  if (!index.ok()) return index.error();
  const SockName group_name(*address), source_name(source ? *from : *address);
  return os::set_membership(fd_.get(), action, group_name, source ? &source_name : nullptr, *index);
}

// ---- Sending

Result<const SockName *> Dgram::send_target(const char *address, SockName &room) {
  if (!address) return connected_ ? Result<const SockName *>(nullptr) : Error{SOCKET_ENOTCONN};
  auto name = SockName::parse(address);
  Status status = name.ok() ? Status() : Status(name.error());
  if (status.ok() && connected_) status = Error{SOCKET_ESTATE};
  if (status.ok() && !fd_) status = open(name->family());
  if (status.ok() && !takes(*name)) status = Error{SOCKET_EAFNOSUPPORT};
  if (!status.ok()) return explain(status.error(), "cannot send to %s", address);
  room = *name;
  return &room;
}

Result<const SockName *> Dgram::reply_target(void *token) const noexcept {
  auto name = find_sender(token);
  if (!name.ok()) return name;
  if (!connected_)
    return (*name)->length > 0 ? name : Result<const SockName *>(Error{SOCKET_ENOTCONN});
  if (**name == peer_) return nullptr;
  return Error{SOCKET_ESTATE};
}

Status Dgram::send(const SockName *to, std::span<const char> bytes) noexcept {
  return try_sending([&] { return os::send_one(fd_.get(), {to, bytes}); });
}

Status Dgram::send_now(const SockName *to, std::span<const char> bytes) noexcept {
  return try_twice([&] { return os::send_one(fd_.get(), {to, bytes}); });
}

Result<int64_t> Dgram::send_segments(const SockName *to, std::span<const char> bytes,
                                     int segment) noexcept {
  const auto length = static_cast<int64_t>(bytes.size());
  const int64_t piece = std::min(kMostPayload / segment, int64_t{os::kMostMessages}) * segment;
  int64_t sent = 0;
  Status status;
  while (segments_ && family_ != AF_UNIX && length - sent > segment) {
    const auto part = bytes.subspan(static_cast<size_t>(sent),
                                    static_cast<size_t>(std::min(piece, length - sent)));
    status = try_sending([&] { return os::send_segments(fd_.get(), {to, part}, segment); });
    if (!status.ok()) break;
    sent += static_cast<int64_t>(part.size());
  }
  if (!status.ok() && !os::wants_plain_sends(status.code()))
    return sent > 0 ? Result<int64_t>(sent) : Result<int64_t>(status.error());
  if (status.code() == SOCKET_EIO || status.code() == SOCKET_ENOTSUP) segments_ = false;
  const auto rest = bytes.subspan(static_cast<size_t>(sent));
  const auto size = static_cast<size_t>(segment);
  const size_t segments = std::min<size_t>((rest.size() + size - 1) / size, INT_MAX);
  auto went = send_each(static_cast<int>(segments), [&](int i) {
    const auto tail = rest.subspan(static_cast<size_t>(i) * size);
    return Result<os::Departure>(os::Departure{to, tail.first(std::min(tail.size(), size))});
  });
  if (!went.ok()) return sent > 0 ? Result<int64_t>(sent) : Result<int64_t>(went.error());
  return std::min(length, sent + int64_t{*went} * segment);
}

// ---- Operations that complete once

DgramOps &Dgram::ops() {
  if (!ops_) ops_ = std::make_unique<DgramOps>(*this);
  return *ops_;
}

Result<Future *> Dgram::async_receive(std::span<char> buffer, int timeout_ms) {
  if (started_ || !fd_) return Error{SOCKET_ESTATE};
  return ops().receive(buffer, timeout_ms);
}

Result<Future *> Dgram::async_send(const SockName *to, std::span<const char> bytes,
                                   int timeout_ms) {
  return ops().send(to, bytes, timeout_ms);
}

void Dgram::reconsider() noexcept {
  if (!fd_) return;
  feed_operation();
  if (waits_for_room() && guesses_room() && !armed())
    loop().timers().arm(*this, loop().clock().now_ns() + SOCKET_DGRAM_RETRY_MS * kNsPerMs);
  update_interest();
}

void Dgram::room() noexcept {
  if (std::exchange(owes_drain_, false)) raise(SOCKET_DRAINED);
  if (ops_ && ops_->sending()) ops_->try_again();
}

} // namespace socketpoll
