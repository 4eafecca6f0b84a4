#include "net/os/os_file.hpp"

#include "base/error.hpp"
#include "net/os/posix/descriptors.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace socketpoll::os {

namespace {

// Without O_NONBLOCK opening a FIFO waits for its other end; without O_NOCTTY a terminal may become
// ours.
constexpr int kAlways = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

Result<Fd> opened(int number) noexcept {
  if (number < 0 && errno == ENXIO) return Error{SOCKET_ENOTSUP}; // a FIFO that nobody reads
  if (number < 0) return last_system_error();
  Fd fd(number);
  if (const Status status = check_file(number); !status.ok()) return status.error();
  return fd;
}

} // namespace

Result<Fd> duplicate(int fd) noexcept {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return last_system_error();
  return Fd(copy);
}

Status check_file(int fd) noexcept {
  struct stat info;
  if (::fstat(fd, &info) < 0) return last_system_error();
  if (S_ISDIR(info.st_mode)) return Error{SOCKET_EISDIR};
  if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) return Error{SOCKET_ENOTSUP};
  return {};
}

Result<Fd> open_to_read(const char *path) noexcept {
  return opened(restart([&] { return ::open(path, O_RDONLY | kAlways); }));
}

Result<Fd> open_to_write(const char *path, Existing existing, Readers readers) noexcept {
  const int flags = existing == Existing::replace  ? O_TRUNC
                    : existing == Existing::append ? O_APPEND
                                                   : O_EXCL;
  const mode_t mode = readers == Readers::owner ? 0600 : 0666;
  return opened(restart([&] { return ::open(path, O_WRONLY | O_CREAT | flags | kAlways, mode); }));
}

Result<size_t> read_at(int fd, std::span<char> into, int64_t offset) noexcept {
  auto got = restart([&] { return ::pread(fd, into.data(), into.size(), offset); });
  if (got < 0 && errno == ESPIPE)
    got = restart([&] { return ::read(fd, into.data(), into.size()); });
  if (got < 0) return last_system_error();
  return static_cast<size_t>(got);
}

Result<size_t> write_next(int fd, std::span<const char> bytes) noexcept {
  const auto wrote = restart([&] { return ::write(fd, bytes.data(), bytes.size()); });
  if (wrote < 0) return last_system_error();
  return static_cast<size_t>(wrote);
}

Status close_written(Fd fd) noexcept {
  const int number = fd.release();
  // EINTR: the descriptor is closed all the same, and what there was to tell will not be told.
  if (::close(number) < 0 && errno != EINTR) return last_system_error();
  return {};
}

} // namespace socketpoll::os
