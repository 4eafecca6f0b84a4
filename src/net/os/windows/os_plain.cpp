// Windows has nothing but sockets that could be waited for: its pipes and consoles cannot.
#include "net/os/os_plain.hpp"

#include "net/os/windows/sockets.hpp"

namespace socketpoll::os {

Result<Traits> traits_of(int fd) noexcept {
  const auto type = option_of<int>(fd, SOL_SOCKET, SO_TYPE);
  if (!type.ok()) return Error{is_open_descriptor(fd) ? SOCKET_EPERM : SOCKET_EBADF};
  if (*type != SOCK_STREAM) return Error{SOCKET_ENOTSUP};
  if (const auto listens = option_of<int>(fd, SOL_SOCKET, SO_ACCEPTCONN); listens.ok() && *listens)
    return Error{SOCKET_EINVAL};
  sockaddr_storage name{};
  int length = sizeof name;
  if (::getpeername(socket_of(fd), reinterpret_cast<sockaddr *>(&name), &length) != 0)
    return last_system_error();
  length = sizeof name;
  if (::getsockname(socket_of(fd), reinterpret_cast<sockaddr *>(&name), &length) != 0)
    return last_system_error();
  switch (name.ss_family) {
  case AF_UNIX: return Traits{Medium::unix_socket};
  case AF_INET:
  case AF_INET6: return Traits{Medium::tcp};
  default: return Error{SOCKET_EAFNOSUPPORT};
  }
}

// Whether a socket blocks cannot be asked.
Status make_nonblocking(int fd, Traits &) noexcept { return set_nonblocking(fd, true); }
void make_blocking(int fd) noexcept { (void)set_nonblocking(fd, false); }
bool is_pipe(int) noexcept { return false; }

Result<size_t> read_plain(int, std::span<char>) noexcept { return Error{SOCKET_ENOTSUP}; }
Result<size_t> write_plain(int, std::span<const iovec>) noexcept { return Error{SOCKET_ENOTSUP}; }
Result<PipeEnds> pipe_ends() noexcept { return Error{SOCKET_ENOTSUP}; }

} // namespace socketpoll::os
