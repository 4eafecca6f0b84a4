#include "http/os_file.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/syscall.h>
#endif

namespace socketpoll::os {
namespace {

#ifdef O_PATH
constexpr int kOnlyPath = O_PATH;
#else
constexpr int kOnlyPath = O_RDONLY;
#endif
// Without O_NONBLOCK a FIFO blocks the loop; without O_NOCTTY a terminal becomes ours.
constexpr int kReading = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

Error file_error() noexcept {
  // Out of the folder; a socket; a device without a driver: not there, as far as a client goes.
  if (errno == EXDEV || errno == ENXIO || errno == ENODEV) return {SOCKET_ENOENT};
  return last_system_error();
}

FileInfo info_of(const struct stat &stat) noexcept {
  FileInfo info;
  info.kind = S_ISREG(stat.st_mode)   ? FileKind::regular
              : S_ISDIR(stat.st_mode) ? FileKind::folder
              : S_ISLNK(stat.st_mode) ? FileKind::link
                                      : FileKind::other;
  info.device = static_cast<uint64_t>(stat.st_dev);
  info.inode = stat.st_ino;
  info.size = static_cast<uint64_t>(stat.st_size);
#if defined(__APPLE__) || defined(__NetBSD__)
  info.modified = stat.st_mtimespec;
  info.changed = stat.st_ctimespec;
#else
  info.modified = stat.st_mtim;
  info.changed = stat.st_ctim;
#endif
  return info;
}

template <class Call> int restarted(Call &&call) noexcept {
  int result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

Result<Fd> owned(int fd) noexcept {
  if (fd < 0) return file_error();
  return Fd(fd);
}

#ifdef __linux__
// A rename during a ".." makes openat2 give up, because it cannot tell any more (openat2(2)).
constexpr int kAttempts = 8;

int open_beneath(int folder, const char *path, int flags) noexcept {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    fd = restarted(
        [&] { return static_cast<int>(syscall(SYS_openat2, folder, path, &how, sizeof how)); });
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}
#else
int open_beneath(int, const char *, int) noexcept {
  errno = ENOSYS;
  return -1;
}
#endif

} // namespace

Result<FileInfo> file_info(int fd) noexcept {
  struct stat stat;
  if (fstat(fd, &stat) != 0) return file_error();
  return info_of(stat);
}

Result<size_t> read_file(int fd, std::span<char> into) noexcept {
  size_t length = 0;
  while (length < into.size()) {
    const ssize_t count =
        ::pread(fd, into.data() + length, into.size() - length, static_cast<off_t>(length));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error();
    if (count == 0) break;
    length += static_cast<size_t>(count);
  }
  return length;
}

uint64_t random_bits() noexcept {
  uint64_t bits = 0;
#ifdef __linux__
  if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits) return bits;
#else
  arc4random_buf(&bits, sizeof bits);
  return bits;
#endif
  // Only a young machine without entropy gets here.
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  bits = static_cast<uint64_t>(now.tv_sec) << 30 ^ static_cast<uint64_t>(now.tv_nsec);
  return bits * 0x9e3779b97f4a7c15u;
}

Result<Folder> Folder::open(const char *path) noexcept {
  Folder folder;
  auto fd = owned(restarted([&] { return ::open(path, kOnlyPath | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd.ok()) return fd.error();
  folder.fd_ = fd.take();
  // Opened for its path alone it need not be searchable.
  if (faccessat(folder.fd_.get(), ".", X_OK, AT_EACCESS) != 0) return file_error();
  const Fd probe(open_beneath(folder.fd_.get(), ".", kOnlyPath | O_DIRECTORY | O_CLOEXEC));
  // A sandbox that does not know the call may forbid it instead.
  folder.resolves_beneath_ = probe || (errno != ENOSYS && errno != EPERM);
  return folder;
}

Result<Fd> Folder::walk(const char *path, int flags) const noexcept {
  Fd parent;
  char name[NAME_MAX + 1];
  for (const char *slash; (slash = std::strchr(path, '/')); path = slash + 1) {
    const auto length = static_cast<size_t>(slash - path);
    if (length >= sizeof name) return Error{SOCKET_ENAMETOOLONG};
    std::memcpy(name, path, length);
    name[length] = 0;
    auto next = owned(restarted([&] {
      return openat(parent ? parent.get() : fd_.get(), name,
                    kOnlyPath | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    if (!next.ok()) return next;
    parent = next.take();
  }
  return owned(restarted(
      [&] { return openat(parent ? parent.get() : fd_.get(), path, flags | O_NOFOLLOW); }));
}

Result<Fd> Folder::open_at(const char *path, int flags) const noexcept {
  if (!*path) path = ".";
  if (!resolves_beneath_) return walk(path, flags);
  return owned(open_beneath(fd_.get(), path, flags));
}

Result<Fd> Folder::open_file(const char *path) const noexcept { return open_at(path, kReading); }

Result<FileInfo> Folder::info(const char *path) const noexcept {
  // A name without a folder before it leads nowhere else unless it is a link: one call will do.
  if (*path && !std::strchr(path, '/')) {
    struct stat stat;
    if (fstatat(fd_.get(), path, &stat, AT_SYMLINK_NOFOLLOW) != 0) return file_error();
    if (!S_ISLNK(stat.st_mode)) return info_of(stat);
  }
#ifdef O_PATH
  constexpr int kLooking = O_PATH | O_CLOEXEC;
#else
  constexpr int kLooking = kReading;
#endif
  auto fd = open_at(path, kLooking);
  if (!fd.ok()) return fd.error();
  return file_info(fd->get());
}

Status Folder::each_entry(const char *path, const Visit &visit) const {
  auto fd = open_at(path, kReading | O_DIRECTORY);
  if (!fd.ok()) return fd.error();
  struct Close {
    void operator()(DIR *stream) const noexcept { closedir(stream); }
  };
  // A stream of its own, because it closes what it reads.
  const int copy = fcntl(fd->get(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, Close> stream(copy < 0 ? nullptr : fdopendir(copy));
  if (!stream) {
    const Error error = file_error();
    Fd{copy}.reset();
    return error;
  }
  for (;;) {
    errno = 0;
    const dirent *entry = readdir(stream.get());
    if (!entry) return errno ? Status(file_error()) : Status();
    struct stat stat;
    if (entry->d_name[0] == '.') continue;
    // It may be gone by now.
    if (fstatat(fd->get(), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!visit(entry->d_name, info_of(stat))) return {};
  }
}

} // namespace socketpoll::os
