#include "net/os/os_socket.hpp"

#include "SocketListener.h"

#include "base/error.hpp"
#include "net/os/os_plain.hpp"
#include "net/os/posix/descriptors.hpp"
#include "net/os/posix/sigpipe_guard.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#if defined(__linux__)
#include <sys/sendfile.h>
#endif

namespace socketpoll::os {

namespace {

Result<size_t> count_of(ssize_t outcome) noexcept {
  if (outcome < 0) return last_system_error();
  return static_cast<size_t>(outcome);
}

template <class Get> Result<Address> address_from(Get &&get) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (get(reinterpret_cast<sockaddr *>(&storage), &length) < 0) return last_system_error();
  return Address::from_sockaddr(storage);
}

// Who shares a port gets a share of its connections; FreeBSD has an option of its own for that.
#if defined(SO_REUSEPORT_LB)
constexpr int kSharePort = SO_REUSEPORT_LB;
#else
constexpr int kSharePort = SO_REUSEPORT;
#endif

// How much went, or -1 with errno.
#if defined(__linux__)

ssize_t call_sendfile(int fd, int file, off_t offset, size_t length) noexcept {
  return ::sendfile(fd, file, &offset, length);
}

#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__DragonFly__)

// A length of 0 would be the rest of the file. EAGAIN and EINTR come with what went before them.
ssize_t call_sendfile(int fd, int file, off_t offset, size_t length) noexcept {
  if (length == 0) return 0;
#if defined(__APPLE__)
  auto went = static_cast<off_t>(length);
  const int outcome = ::sendfile(file, fd, offset, &went, nullptr, 0);
#else
  off_t went = 0;
  const int outcome = ::sendfile(file, fd, offset, length, nullptr, &went, 0);
#endif
  if (outcome == 0 || (went > 0 && (errno == EAGAIN || errno == EINTR)))
    return static_cast<ssize_t>(went);
  return -1;
}

#else

ssize_t call_sendfile(int, int, off_t, size_t) noexcept {
  errno = EOPNOTSUPP;
  return -1;
}

#endif

} // namespace

Status prepare_listening(int fd) noexcept {
  int type = 0, listens = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return last_system_error();
  if (type != SOCK_STREAM) return Error{SOCKET_EINVAL};
  length = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0)
    return last_system_error();
  if (!listens) return Error{SOCKET_ESTATE};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    return last_system_error();
  return {};
}

namespace kernel {

Result<Fd> tcp_socket(int family) noexcept {
  Fd fd(new_socket(family, SOCK_STREAM));
  if (!fd) return last_system_error();
  return fd;
}

Result<Fd> listen_tcp(const Address &address, const ListenOptions &options) noexcept {
  auto fd = tcp_socket(address.family);
  if (!fd.ok()) return fd;
  const int number = fd->get();
  // A restarted server must not wait for the TIME_WAIT of its predecessor's connections.
  Status status = set_option(number, SOL_SOCKET, SO_REUSEADDR, 1);
  if (status.ok() && options.reuseport == SOCKET_REUSEPORT_SHARE)
    status = set_option(number, SOL_SOCKET, kSharePort, 1);
  if (status.ok() && address.family == AF_INET6)
    status = set_option(number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (status.ok() && options.receive_buffer)
    status = set_option(number, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
  if (status.ok() && options.send_buffer)
    status = set_option(number, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
  if (!status.ok()) return status.error();
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  if (::bind(number, reinterpret_cast<sockaddr *>(&storage), length) < 0)
    return last_system_error();
  // Bound without the option, and so only where nobody else is bound; listen(2) then looks at it.
  if (options.reuseport == SOCKET_REUSEPORT_FIRST)
    status = set_option(number, SOL_SOCKET, kSharePort, 1);
  if (!status.ok()) return status.error();
  if (::listen(number, options.backlog) < 0) return last_system_error();
  return fd;
}

Result<Accepted> accept_tcp(int listener) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const int fd = restart(
      [&] { return accept_from(listener, reinterpret_cast<sockaddr *>(&storage), &length); });
  if (fd < 0) return last_system_error();
  Accepted accepted{Fd(fd), Address::from_sockaddr(storage)};
  if (storage.ss_family == AF_UNIX || length == 0) accepted.peer.family = AF_UNIX;
  return accepted;
}

Status connect_tcp(int fd, const Address &address) noexcept {
  sockaddr_storage storage;
  const socklen_t length = address.to_sockaddr(storage);
  // Not restarted: after EINTR the attempt goes on by itself, connect(2).
  if (::connect(fd, reinterpret_cast<sockaddr *>(&storage), length) == 0) return {};
  return errno == EINTR ? Error{SOCKET_EAGAIN} : last_system_error();
}

Status pending_error(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return last_system_error();
  return error ? Status(error_from_errno(error)) : Status();
}

Result<Address> local_address(int fd) noexcept {
  return address_from(
      [&](sockaddr *to, socklen_t *length) { return ::getsockname(fd, to, length); });
}

Result<Address> peer_address(int fd) noexcept {
  return address_from(
      [&](sockaddr *to, socklen_t *length) { return ::getpeername(fd, to, length); });
}

Status set_option(int fd, int level, int name, int value) noexcept {
  if (::setsockopt(fd, level, name, &value, sizeof value) < 0) return last_system_error();
  return {};
}

Status set_keepalive(int fd, int idle_s, int interval_s, int count) noexcept {
#if defined(TCP_KEEPINTVL)
#if defined(TCP_KEEPIDLE)
  constexpr int kIdle = TCP_KEEPIDLE;
#else
  constexpr int kIdle = TCP_KEEPALIVE; // macOS
#endif
  Status status = set_option(fd, IPPROTO_TCP, kIdle, idle_s);
  if (status.ok()) status = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
  if (status.ok()) status = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
  if (status.ok()) status = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  return status;
#else
  // OpenBSD has one time for the whole machine.
  static_cast<void>(fd), static_cast<void>(idle_s), static_cast<void>(interval_s);
  static_cast<void>(count);
  return Error{SOCKET_ENOTSUP};
#endif
}

Result<size_t> receive(int fd, std::span<char> into) noexcept {
  return count_of(restart([&] { return ::recv(fd, into.data(), into.size(), 0); }));
}

Result<size_t> send(int fd, std::span<const iovec> slices, bool more_follows) noexcept {
  const int flags = kNoSignal | (more_follows ? kMoreFollows : 0);
  if (slices.size() == 1)
    return count_of(
        restart([&] { return ::send(fd, slices[0].iov_base, slices[0].iov_len, flags); }));
  msghdr message{};
  message.msg_iov = const_cast<iovec *>(slices.data());
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(slices.size());
  return count_of(restart([&] { return ::sendmsg(fd, &message, flags); }));
}

Result<size_t> send_file(Channel channel, int file, int64_t offset, size_t length) noexcept {
  SigpipeGuard guard;
  const ssize_t sent = restart([&] { return call_sendfile(channel.fd, file, offset, length); });
  // Some files can only be read, and BSD writes to sockets alone: sendfile(2).
  if (sent < 0 && (errno == EINVAL || errno == ENOTSOCK || errno == EOPNOTSUPP || errno == ENOTSUP))
    return send_copied(channel, file, offset, length);
  const Error error = sent < 0 ? last_system_error() : Error{0};
  // A signal comes with a short count as well: some pages had gone before the error was met, and
  // only the next call will tell of it.
  if (error.code == SOCKET_EPIPE || (sent >= 0 && static_cast<size_t>(sent) < length))
    guard.swallow();
  if (sent < 0) return error;
  return static_cast<size_t>(sent);
}

Status shutdown_sending(int fd) noexcept {
  if (::shutdown(fd, SHUT_WR) < 0) return last_system_error();
  return {};
}

} // namespace kernel

#ifdef __linux__
namespace {
// Enough for a fast link, and a sixteenth of what one process may have before its pipes get small.
constexpr int kPipeBytes = 256 * 1024;
} // namespace

Result<Pipe> make_pipe() noexcept {
  int ends[2];
  if (!new_pipe(ends)) return last_system_error();
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  (void)::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes); // or it stays as it is
  return pipe;
}

bool can_splice(Channel channel) noexcept {
  if (channel.plain) return is_pipe(channel.fd); // some terminals take what they then refuse
  return channel.fd >= 0 && !is_simulated(channel.fd);
}

Result<size_t> splice_from(int fd, const Pipe &pipe, size_t length) noexcept {
  return count_of(restart([&] {
    return ::splice(fd, nullptr, pipe.write_end.get(), nullptr, length,
                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }));
}

Result<size_t> splice_to(int fd, const Pipe &pipe, size_t length, bool more_follows) noexcept {
  SigpipeGuard guard; // like sendfile(2) it has no MSG_NOSIGNAL
  const unsigned flags =
      SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more_follows ? unsigned{SPLICE_F_MORE} : 0U);
  const ssize_t sent =
      restart([&] { return ::splice(pipe.read_end.get(), nullptr, fd, nullptr, length, flags); });
  const Error error = sent < 0 ? last_system_error() : Error{0};
  if (error.code == SOCKET_EPIPE || (sent >= 0 && static_cast<size_t>(sent) < length))
    guard.swallow();
  if (sent < 0) return error;
  return static_cast<size_t>(sent);
}
#else
Result<Pipe> make_pipe() noexcept { return Error{SOCKET_ENOTSUP}; }
bool can_splice(Channel) noexcept { return false; }
Result<size_t> splice_from(int, const Pipe &, size_t) noexcept { return Error{SOCKET_ENOTSUP}; }
Result<size_t> splice_to(int, const Pipe &, size_t, bool) noexcept { return Error{SOCKET_ENOTSUP}; }
#endif

} // namespace socketpoll::os
