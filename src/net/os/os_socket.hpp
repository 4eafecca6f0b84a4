// The system calls of TCP sockets, as results, and those of streams of any kind. Each asks the
// kernel (posix/os_socket.cpp and windows/os_socket.cpp, which know what their platforms have) or,
// of a descriptor of that kind, the simulation.
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"
#include "net/names/address.hpp"
#include "net/simulation/simulated_socket.hpp"
#include "poll/os_fd.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace socketpoll {

// Owns a descriptor.
class Fd {
public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd &operator=(Fd &&other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  // Whoever gets it owns it.
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept {
    const int fd = std::exchange(fd_, -1);
    if (is_simulated(fd)) return close_simulated(fd);
    if (fd >= 0) close_descriptor(fd);
  }

private:
  int fd_ = -1;
};

namespace os {

struct ListenOptions {
  int backlog = 0;
  int reuseport = 0; // SocketReuseport
  int receive_buffer = 0;
  int send_buffer = 0;
  int mode = -1; // of a unix socket's file; -1: as the umask has it
};

struct Accepted {
  Fd fd;
  Address peer;
};

// What one send may be given, well under IOV_MAX (1,024 on every system in use).
inline constexpr size_t kMaxSlices = 64;

// A descriptor that bytes go through: a socket unless it is said to be plain (os_plain.hpp).
struct Channel {
  Channel(int number, bool is_plain = false) noexcept : fd(number), plain(is_plain) {}
  int fd;
  bool plain;
};

// ---- What the kernel is asked

namespace kernel {

// A non-blocking, close-on-exec TCP socket.
Result<Fd> tcp_socket(int family) noexcept;
Result<Fd> listen_tcp(const Address &address, const ListenOptions &options) noexcept;
Result<Accepted> accept_tcp(int listener) noexcept;
Status connect_tcp(int fd, const Address &address) noexcept;
Status pending_error(int fd) noexcept;
Result<Address> local_address(int fd) noexcept;
Result<Address> peer_address(int fd) noexcept;
Status set_option(int fd, int level, int name, int value) noexcept;
Status set_keepalive(int fd, int idle_s, int interval_s, int count) noexcept;
Result<size_t> receive(int fd, std::span<char> into) noexcept;
Result<size_t> send(int fd, std::span<const iovec> slices, bool more_follows) noexcept;
Result<size_t> send_file(Channel channel, int file, int64_t offset, size_t length) noexcept;
Status shutdown_sending(int fd) noexcept;

} // namespace kernel

// ---- What the simulation is asked

namespace simulated {

Result<Fd> tcp_socket(int family, Network &simulation) noexcept;
Status listen(int fd, const Address &address, int backlog) noexcept;
Result<Accepted> accept_tcp(int listener) noexcept;
Status connect_tcp(int fd, const Address &address) noexcept;
Status pending_error(int fd) noexcept;
Result<Address> local_address(int fd) noexcept;
Result<Address> peer_address(int fd) noexcept;
Result<size_t> receive(int fd, std::span<char> into) noexcept;
Result<size_t> send(int fd, std::span<const iovec> slices) noexcept;
Status shutdown_sending(int fd) noexcept;

} // namespace simulated

// ---- What is called

// A non-blocking, close-on-exec TCP socket, of the simulation if there is one. All the rest goes by
// the descriptor.
inline Result<Fd> tcp_socket(int family, Network *simulation) noexcept {
  return simulation ? simulated::tcp_socket(family, *simulation) : kernel::tcp_socket(family);
}
Result<Fd> listen_tcp(const Address &address, const ListenOptions &options,
                      Network *simulation) noexcept;

// For a socket from elsewhere: whether it can be accepted from, and if so, non-blocking and closed
// on exec. SOCKET_EBADF: not open or no socket; SOCKET_EINVAL: no stream socket; SOCKET_ESTATE:
// does not listen.
Status prepare_listening(int fd) noexcept;

// Also of a unix listener; of such a peer the family alone. SOCKET_EAGAIN when there is none.
inline Result<Accepted> accept_tcp(int listener) noexcept {
  return is_simulated(listener) ? simulated::accept_tcp(listener) : kernel::accept_tcp(listener);
}
// Begins to connect; SOCKET_EAGAIN while it is under way.
inline Status connect_tcp(int fd, const Address &address) noexcept {
  return is_simulated(fd) ? simulated::connect_tcp(fd, address) : kernel::connect_tcp(fd, address);
}
// The error a socket has stored, SO_ERROR; ok if none.
inline Status pending_error(int fd) noexcept {
  return is_simulated(fd) ? simulated::pending_error(fd) : kernel::pending_error(fd);
}
inline Result<Address> local_address(int fd) noexcept {
  return is_simulated(fd) ? simulated::local_address(fd) : kernel::local_address(fd);
}
inline Result<Address> peer_address(int fd) noexcept {
  return is_simulated(fd) ? simulated::peer_address(fd) : kernel::peer_address(fd);
}
inline Status set_option(int fd, int level, int name, int value) noexcept {
  // Whatever it is, it makes no difference in a simulation.
  return is_simulated(fd) ? Status() : kernel::set_option(fd, level, name, value);
}
// idle_s 0: no more.
inline Status set_keepalive(int fd, int idle_s, int interval_s, int count) noexcept {
  if (idle_s == 0 || is_simulated(fd)) return set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
  return kernel::set_keepalive(fd, idle_s, std::max(interval_s, 1), std::max(count, 1));
}

// As receive() and send() below are (os_plain.hpp).
Result<size_t> read_plain(int fd, std::span<char> into) noexcept;
Result<size_t> write_plain(int fd, std::span<const iovec> slices) noexcept;

// All without SIGPIPE, restarted after EINTR. SOCKET_EAGAIN when the kernel takes or has nothing.
inline Result<size_t> receive(Channel channel, std::span<char> into) noexcept {
  if (channel.plain) [[unlikely]]
    return read_plain(channel.fd, into);
  if (is_simulated(channel.fd)) [[unlikely]]
    return simulated::receive(channel.fd, into);
  return kernel::receive(channel.fd, into);
}
inline Result<size_t> send(Channel channel, std::span<const iovec> slices,
                           bool more_follows) noexcept {
  if (channel.plain) [[unlikely]]
    return write_plain(channel.fd, slices);
  if (is_simulated(channel.fd)) [[unlikely]]
    return simulated::send(channel.fd, slices);
  return kernel::send(channel.fd, slices, more_follows);
}
// Reads from the file and sends, where the kernel does not do both at once.
Result<size_t> send_copied(Channel channel, int file, int64_t offset, size_t length) noexcept;
// Sends from a file. 0: the file ends before `offset`.
inline Result<size_t> send_file(Channel channel, int file, int64_t offset, size_t length) noexcept {
  return is_simulated(channel.fd) ? send_copied(channel, file, offset, length)
                                  : kernel::send_file(channel, file, offset, length);
}
inline Status shutdown_sending(int fd) noexcept {
  return is_simulated(fd) ? simulated::shutdown_sending(fd) : kernel::shutdown_sending(fd);
}

// A pipe that bytes go through from one descriptor to another without being copied, splice(2); its
// ends are non-blocking and closed on exec. SOCKET_ENOTSUP where the system has no such call.
struct Pipe {
  Fd read_end, write_end;
};
Result<Pipe> make_pipe() noexcept;
// Whether the kernel can move the bytes of that descriptor.
bool can_splice(Channel channel) noexcept;
// SOCKET_EINVAL: not from, or not to, a descriptor of this kind. 0: the end.
Result<size_t> splice_from(int fd, const Pipe &pipe, size_t length) noexcept;
Result<size_t> splice_to(int fd, const Pipe &pipe, size_t length, bool more_follows) noexcept;

} // namespace os
} // namespace socketpoll
