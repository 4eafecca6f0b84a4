#include "net/os/os_unix.hpp"

#include "base/error.hpp"
#include "net/os/os_dgram.hpp"
#include "net/os/posix/descriptors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace socketpoll::os {

namespace {

// What other calls than those of unix(7) do not give.
Error unix_error() noexcept {
  switch (errno) {
  case EPROTOTYPE: return {SOCKET_ECONNREFUSED}; // datagrams only
  case EROFS: return {SOCKET_EACCES};
  case ETOOMANYREFS: return {SOCKET_ELIMIT};
  default: return last_system_error();
  }
}

Status unix_status(int outcome) noexcept { return outcome < 0 ? Status(unix_error()) : Status(); }

Status bind_unix(int fd, const SockName &name) noexcept {
  return unix_status(::bind(fd, name.get(), name.length));
}

// "" for a name that is no file's.
const char *path_of(const SockName &name) noexcept {
  return name.family() == AF_UNIX ? reinterpret_cast<const sockaddr_un *>(name.get())->sun_path
                                  : "";
}

// Held while a socket gets its file and listens, so that two programs of this library that find the
// same dead file do not replace each other's. Where the folder cannot be opened there is no lock to
// be had, and no need to stop for it.
class FolderLock {
public:
  explicit FolderLock(std::string_view path) noexcept {
    char folder[sizeof(sockaddr_un::sun_path)] = ".";
    if (path.empty()) return;
    if (const size_t slash = path.rfind('/'); slash != path.npos)
      folder[path.copy(folder, slash + 1)] = '\0';
    fd_ = Fd(::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    taken_ = fd_ && restart([&] { return ::flock(fd_.get(), LOCK_EX | LOCK_NB); }) < 0 &&
             errno == EWOULDBLOCK;
  }
  bool by_another() const noexcept { return taken_; }

private:
  Fd fd_;
  bool taken_ = false;
};

// A closed socket's file refuses. `probe`, a socket without a name, is good for nothing else unless
// it is so.
bool is_dead(const SockName &name, int probe) noexcept {
  return restart([&] { return ::connect(probe, name.get(), name.length); }) < 0 &&
         errno == ECONNREFUSED;
}

bool same_file(const struct stat &one, const struct stat &other) noexcept {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// False: it is alive, or no socket.
bool remove_dead(const SockName &name, int probe) noexcept {
  struct stat before, after;
  return ::lstat(path_of(name), &before) == 0 && S_ISSOCK(before.st_mode) && is_dead(name, probe) &&
         ::lstat(path_of(name), &after) == 0 && same_file(before, after) &&
         ::unlink(path_of(name)) == 0;
}

} // namespace

Result<Fd> unix_socket() noexcept {
  Fd fd(new_socket(AF_UNIX, SOCK_STREAM));
  if (!fd) return last_system_error();
  return fd;
}

Result<SocketPair> unix_pair() noexcept {
  int ends[2];
  if (!new_pair(SOCK_STREAM, ends)) return last_system_error();
  return SocketPair{Fd(ends[0]), Fd(ends[1]), Medium::unix_socket};
}

Status connect_unix(int fd, const SockName &name) noexcept {
  return unix_status(restart([&] { return ::connect(fd, name.get(), name.length); }));
}

// ---- Listening

bool SocketFile::is_there() const noexcept {
  struct stat about;
  return inode_ && ::lstat(path_of(name_), &about) == 0 &&
         static_cast<uint64_t>(about.st_dev) == device_ && about.st_ino == inode_;
}

void SocketFile::remove_if_dead() const noexcept {
  auto probe = unix_socket();
  if (probe.ok() && is_there() && is_dead(name_, probe->get()) && is_there())
    ::unlink(path_of(name_));
}

namespace {

// The file never has more rights than `mode`, and from the first moment on those that the umask
// leaves of it: Linux makes it after the mode of the socket. -1: as the umask has it.
Status bind_with_mode(int fd, const SockName &name, int mode, const FolderLock &lock,
                      struct stat &made) noexcept {
  const auto rights = static_cast<mode_t>(mode);
  if (mode >= 0) (void)::fchmod(fd, rights);
  Status status = bind_unix(fd, name);
  if (status.code() == SOCKET_EADDRINUSE && !lock.by_another() && remove_dead(name, fd))
    status = bind_unix(fd, name);
  const char *const path = path_of(name);
  if (!status.ok() || !*path || ::lstat(path, &made) < 0) return status;
  if (mode < 0 || (made.st_mode & 07777) == rights) return {};
  status = unix_status(::fchmodat(AT_FDCWD, path, rights, AT_SYMLINK_NOFOLLOW));
  if (!status.ok()) ::unlink(path);
  return status;
}

} // namespace

Result<Fd> listen_unix(const SockName &name, const ListenOptions &options,
                       SocketFile &file) noexcept {
  const bool abstract = !*path_of(name);
  if (options.reuseport || options.receive_buffer || options.send_buffer ||
      (abstract && options.mode >= 0))
    return Error{SOCKET_ENOTSUP};
  auto fd = unix_socket();
  if (!fd.ok()) return fd;
  const FolderLock lock(path_of(name));
  struct stat made {};
  Status status = bind_with_mode(fd->get(), name, options.mode, lock, made);
  if (!status.ok()) return status.error();
  file.name_ = name;
  file.device_ = static_cast<uint64_t>(made.st_dev);
  file.inode_ = made.st_ino;
  status = unix_status(::listen(fd->get(), options.backlog));
  if (status.ok()) return fd;
  if (file.is_there()) ::unlink(path_of(name));
  return status.error();
}

SocketFile file_of(int fd) noexcept {
  SocketFile file;
  struct stat about;
  const auto name = local_name(fd);
  if (!name.ok() || ::lstat(path_of(*name), &about) < 0 || !S_ISSOCK(about.st_mode)) return file;
  file.name_ = *name;
  file.device_ = static_cast<uint64_t>(about.st_dev);
  file.inode_ = about.st_ino;
  return file;
}

// ---- The peer

Result<Credentials> peer_credentials(int fd) noexcept {
#if defined(SO_PEERCRED)
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return last_system_error();
  return Credentials{peer.pid, peer.uid, peer.gid};
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
  uid_t uid = 0;
  gid_t gid = 0;
  if (::getpeereid(fd, &uid, &gid) < 0) return last_system_error();
  return Credentials{-1, uid, gid};
#else
  static_cast<void>(fd);
  return Error{SOCKET_ENOTSUP};
#endif
}

// ---- Descriptors

namespace {

struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int) * kMostFds)];
};

void set_close_on_exec([[maybe_unused]] std::span<const int> fds) noexcept {
#if !defined(MSG_CMSG_CLOEXEC)
  for (const int fd : fds) (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
}

#if defined(MSG_CMSG_CLOEXEC)
constexpr int kReceiveFlags = MSG_CMSG_CLOEXEC;
#else
constexpr int kReceiveFlags = 0;
#endif

} // namespace

Result<size_t> send_with_fds(int fd, std::span<const char> bytes,
                             std::span<const int> fds) noexcept {
  Control control;
  iovec slice{const_cast<char *>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &slice;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  std::memset(control.bytes, 0, message.msg_controllen);
  cmsghdr *const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  const ssize_t sent = restart([&] { return ::sendmsg(fd, &message, kNoSignal); });
  if (sent < 0) return unix_error();
  return static_cast<size_t>(sent);
}

Result<size_t> receive_with_fds(int fd, std::span<char> into, std::span<int> room,
                                ArrivedFds &arrived) noexcept {
  room = room.first(std::min<size_t>(room.size(), kMostFds));
  Control control;
  iovec slice{into.data(), into.size()};
  msghdr message{};
  const ssize_t received = restart([&] {
    message.msg_iov = &slice;
    message.msg_iovlen = 1;
    // Without room the kernel closes what comes. CMSG_LEN, because in the padding of CMSG_SPACE it
    // would find room for one more.
    message.msg_control = room.empty() ? nullptr : control.bytes;
    message.msg_controllen = room.empty() ? 0 : CMSG_LEN(room.size_bytes());
    return ::recvmsg(fd, &message, kReceiveFlags);
  });
  if (received < 0) return unix_error();
  arrived = {};
  for (cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t bytes = part->cmsg_len - CMSG_LEN(0);
    std::memcpy(room.data(), CMSG_DATA(part), bytes);
    arrived.count = static_cast<int>(bytes / sizeof(int));
  }
  set_close_on_exec(room.first(static_cast<size_t>(arrived.count)));
  // The kernel says no more than that some are missing; it closed those.
  if (message.msg_flags & MSG_CTRUNC)
    arrived.lost =
        arrived.count < static_cast<int>(room.size()) ? SOCKET_EMFILE : SOCKET_ETRUNCATED;
  return static_cast<size_t>(received);
}

} // namespace socketpoll::os
