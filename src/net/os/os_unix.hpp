// Net floor. What unix(7) stream sockets have and others have not: a file for a name, descriptors
// among the bytes, and a peer that can be asked who it is.
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"
#include "net/names/sock_name.hpp"
#include "net/os/os_socket.hpp"
#include "net/stream/medium.hpp"

#include <cstdint>
#include <span>

namespace socketpoll::os {

// Non-blocking and closed on exec.
Result<Fd> unix_socket() noexcept;
struct SocketPair {
  Fd a, b;
  Medium medium = Medium::unix_socket;
};
// Of TCP sockets where there are no pairs of others.
Result<SocketPair> unix_pair() noexcept;
// At once or not at all: SOCKET_EAGAIN says that the backlog is full, and nothing is under way.
// SOCKET_ENOENT, SOCKET_EACCES, SOCKET_ECONNREFUSED: nobody accepts streams there.
Status connect_unix(int fd, const SockName &name) noexcept;

// The file that a listening socket is known by; nothing for an abstract name.
class SocketFile {
public:
  // Still the one that was made, and not another under the same name.
  bool is_there() const noexcept;
  explicit operator bool() const noexcept { return inode_ != 0; }
  // For when the socket is closed: unless somebody else still accepts on it, as a successor that
  // was handed the socket does.
  void remove_if_dead() const noexcept;

private:
  friend SocketFile file_of(int) noexcept;
  friend Result<Fd> listen_unix(const SockName &, const ListenOptions &, SocketFile &) noexcept;
  SockName name_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

// Puts itself in the place of a socket that nobody listens on any more. `file` is filled.
// SOCKET_EADDRINUSE: somebody does, or it is no socket; SOCKET_ENOTSUP: options that it cannot
// have; SOCKET_EACCES, SOCKET_ENOENT and the like.
Result<Fd> listen_unix(const SockName &name, const ListenOptions &options,
                       SocketFile &file) noexcept;

// Of a socket from elsewhere that listens already, as far as its name tells.
SocketFile file_of(int fd) noexcept;

struct Credentials {
  int64_t pid = -1; // where the system does not tell
  int64_t uid = -1;
  int64_t gid = -1;
};
// Of the peer as it was when it connected. SOCKET_ENOTSUP where there is no such thing.
Result<Credentials> peer_credentials(int fd) noexcept;

// ---- Descriptors, SCM_RIGHTS

inline constexpr int kMostFds = 253; // what Linux takes in one message

// They go with the first byte, and none goes without it; at least one byte, at most kMostFds
// descriptors. SOCKET_EAGAIN: nothing went. SOCKET_EBADF, SOCKET_ELIMIT (too many on their way):
// nothing went, and the socket is as good as before.
Result<size_t> send_with_fds(int fd, std::span<const char> bytes,
                             std::span<const int> fds) noexcept;

struct ArrivedFds {
  int count = 0;
  int lost = 0; // why there were more: SOCKET_ETRUNCATED (no room) or SOCKET_EMFILE; or 0
};
// As receive(); up to `room.size()` descriptors, closed on exec, are the caller's from here on.
Result<size_t> receive_with_fds(int fd, std::span<char> into, std::span<int> room,
                                ArrivedFds &arrived) noexcept;

// ---- Names, of sockets of any family and of simulated ones. For unix sockets as SockName says.
Result<SockName> own_name(int fd) noexcept;
Result<SockName> name_of_peer(int fd) noexcept;

} // namespace socketpoll::os
