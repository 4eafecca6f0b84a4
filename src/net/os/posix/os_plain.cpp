#include "net/os/os_plain.hpp"

#include "base/error.hpp"
#include "net/os/posix/descriptors.hpp"
#include "net/os/posix/sigpipe_guard.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace socketpoll::os {

namespace {

Result<int> socket_option(int fd, int name) noexcept {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0) return last_system_error();
  return value;
}

Result<Traits> traits_of_socket(int fd) noexcept {
  const auto type = socket_option(fd, SO_TYPE);
  if (!type.ok()) return type.error();
  if (*type != SOCK_STREAM) return Error{SOCKET_ENOTSUP};
  if (const auto listens = socket_option(fd, SO_ACCEPTCONN); listens.ok() && *listens)
    return Error{SOCKET_EINVAL};
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (::getpeername(fd, reinterpret_cast<sockaddr *>(&name), &length) < 0)
    return last_system_error();
  length = sizeof name; // of an unnamed peer only our own name tells the family everywhere
  if (::getsockname(fd, reinterpret_cast<sockaddr *>(&name), &length) < 0)
    return last_system_error();
  switch (name.ss_family) {
  case AF_UNIX: return Traits{Medium::unix_socket};
  case AF_INET:
  case AF_INET6: return Traits{Medium::tcp};
  default: return Error{SOCKET_EAFNOSUPPORT};
  }
}

// Opening that side's name would make another terminal, not open this one once more.
bool is_terminal_master(int fd) noexcept {
#if defined(TIOCGPTN)
  unsigned number = 0;
  return ::ioctl(fd, TIOCGPTN, &number) == 0;
#else
  return ::isatty(fd) && ::ptsname(fd) != nullptr;
#endif
}

// What opens it once more; false where nothing does.
bool name_of(int fd, std::span<char> path) noexcept {
#if defined(__linux__)
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
  return true;
#else
  return ::ttyname_r(fd, path.data(), path.size()) == 0;
#endif
}

bool same_file(int a, int b) noexcept {
  struct stat one, other;
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino && one.st_rdev == other.st_rdev;
}

// The writers are gone: a FIFO that is opened from now on would wait for the next one, and never
// hear of the end.
bool has_hung_up(int fd) noexcept {
  pollfd state{fd, POLLIN, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP);
}

// Another open file description of the same thing, non-blocking, or nothing.
Fd open_anew(int fd, int flags) noexcept {
  char path[128];
  if (is_terminal_master(fd) || !name_of(fd, path)) return Fd();
  Fd own(::open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!own || !same_file(fd, own.get())) return Fd();
  return has_hung_up(fd) && !has_hung_up(own.get()) ? Fd() : std::move(own);
}

// What children inherit of the number stays as it was.
bool put_in_place(const Fd &own, int fd) noexcept {
  const int descriptor_flags = ::fcntl(fd, F_GETFD);
  if (descriptor_flags < 0) return false;
  return restart([&] { return copy_onto(own.get(), fd, descriptor_flags & FD_CLOEXEC); }) >= 0;
}

} // namespace

// ---- Any descriptor

Result<Traits> traits_of(int fd) noexcept {
  struct stat about;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fstat(fd, &about) < 0) return last_system_error();
#if defined(O_PATH)
  if (flags & O_PATH) return Error{SOCKET_EBADF};
#endif
  if (S_ISSOCK(about.st_mode)) return traits_of_socket(fd);
  if (!S_ISFIFO(about.st_mode) && !::isatty(fd)) return Error{SOCKET_EPERM};
  Traits traits{Medium::plain};
  traits.reads = (flags & O_ACCMODE) != O_WRONLY;
  traits.writes = (flags & O_ACCMODE) != O_RDONLY;
  return traits;
}

Status make_nonblocking(int fd, Traits &traits) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return last_system_error();
  if (traits.writes) forbid_sigpipe(fd);
  if (flags & O_NONBLOCK) return {};
  if (traits.medium == Medium::plain)
    if (const Fd own = open_anew(fd, flags); own && put_in_place(own, fd)) return {};
  if (::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return last_system_error();
  traits.unblocked = true;
  return {};
}

void make_blocking(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) (void)::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

bool is_pipe(int fd) noexcept {
  struct stat about;
  return ::fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
}

// ---- Bytes

Result<size_t> read_plain(int fd, std::span<char> into) noexcept {
  const ssize_t received = restart([&] { return ::read(fd, into.data(), into.size()); });
  if (received < 0 && errno == EIO) return size_t{0};
  if (received < 0) return last_system_error();
  return static_cast<size_t>(received);
}

Result<size_t> write_plain(int fd, std::span<const iovec> slices) noexcept {
  size_t wanted = 0;
  for (const iovec &slice : slices) wanted += slice.iov_len;
  SigpipeGuard guard;
  const ssize_t sent =
      restart([&] { return ::writev(fd, slices.data(), static_cast<int>(slices.size())); });
  const Error error = sent < 0 ? last_system_error() : Error{0};
  // As with sendfile(2), a short count may come with a signal.
  if (error.code == SOCKET_EPIPE || (sent >= 0 && static_cast<size_t>(sent) < wanted))
    guard.swallow();
  if (sent < 0) return error;
  return static_cast<size_t>(sent);
}

Result<PipeEnds> pipe_ends() noexcept {
  int ends[2];
  if (!new_pipe(ends)) return last_system_error();
  return PipeEnds{Fd(ends[0]), Fd(ends[1])};
}

} // namespace socketpoll::os
