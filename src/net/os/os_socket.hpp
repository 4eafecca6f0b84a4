// The system calls of TCP sockets, as results, and those of streams of any kind. Knows which
// platform has accept4, SOCK_NONBLOCK or sendfile.
#pragma once

#include "base/result.hpp"
#include "net/names/address.hpp"
#include "net/simulation/simulated_socket.hpp"

#include <cstdint>
#include <span>
#include <sys/uio.h>
#include <unistd.h>
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
    if (fd >= 0) ::close(fd);
  }

private:
  int fd_ = -1;
};

namespace os {

// A non-blocking, close-on-exec TCP socket, of the simulation if there is one. All the rest goes by
// the descriptor.
Result<Fd> tcp_socket(int family, Network *simulation) noexcept;

struct ListenOptions {
  int backlog = 0;
  int reuseport = 0; // SocketReuseport
  int receive_buffer = 0;
  int send_buffer = 0;
  int mode = -1; // of a unix socket's file; -1: as the umask has it
};
Result<Fd> listen_tcp(const Address &address, const ListenOptions &options,
                      Network *simulation) noexcept;

// For a socket from elsewhere: whether it can be accepted from, and if so, non-blocking and closed
// on exec. SOCKET_EBADF: not open or no socket; SOCKET_EINVAL: no stream socket; SOCKET_ESTATE:
// does not listen.
Status prepare_listening(int fd) noexcept;

struct Accepted {
  Fd fd;
  Address peer;
};
// Also of a unix listener; of such a peer the family alone. SOCKET_EAGAIN when there is none.
Result<Accepted> accept_tcp(int listener) noexcept;

// Begins to connect; SOCKET_EAGAIN while it is under way.
Status connect_tcp(int fd, const Address &address) noexcept;
// The error a socket has stored, SO_ERROR; ok if none.
Status pending_error(int fd) noexcept;

Result<Address> local_address(int fd) noexcept;
Result<Address> peer_address(int fd) noexcept;
Status set_option(int fd, int level, int name, int value) noexcept;
Status set_keepalive(int fd, int idle_s, int interval_s, int count) noexcept;

// What one send may be given, well under IOV_MAX (1,024 on every system in use).
inline constexpr size_t kMaxSlices = 64;

// A descriptor that bytes go through: a socket unless it is said to be plain (os_plain.hpp).
struct Channel {
  Channel(int number, bool is_plain = false) noexcept : fd(number), plain(is_plain) {}
  int fd;
  bool plain;
};

// All without SIGPIPE, restarted after EINTR. SOCKET_EAGAIN when the kernel takes or has nothing.
Result<size_t> receive(Channel channel, std::span<char> into) noexcept;
Result<size_t> send(Channel channel, std::span<const iovec> slices, bool more_follows) noexcept;
// Sends from a file. 0: the file ends before `offset`.
Result<size_t> send_file(Channel channel, int file, int64_t offset, size_t length) noexcept;
Status shutdown_sending(int fd) noexcept;

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
