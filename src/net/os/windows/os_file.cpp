#include "net/os/os_file.hpp"

#include "net/os/windows/sockets.hpp"

namespace socketpoll::os {

namespace {

constexpr DWORD kShare = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

Result<Fd> opened(const char *path, DWORD access, DWORD disposition) noexcept {
  const WidePath wide(path);
  if (!wide.text[0]) return Error{*path ? SOCKET_ENAMETOOLONG : SOCKET_ENOENT};
  // With the flag a folder opens too, and is told apart below.
  auto fd = descriptor(::CreateFileW(wide.text, access, kShare, nullptr, disposition,
                                     FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  if (!fd.ok()) {
    const DWORD attributes = ::GetFileAttributesW(wide.text);
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY))
      return Error{SOCKET_EISDIR};
    return fd;
  }
  if (const Status status = check_file(fd->get()); !status.ok()) return status.error();
  return fd;
}

Result<size_t> transferred(int fd, BOOL done, OVERLAPPED *at, DWORD count) noexcept {
  // A handle that was opened for overlapped I/O.
  if (!done && at && ::GetLastError() == ERROR_IO_PENDING)
    done = ::GetOverlappedResult(handle_of(fd), at, &count, TRUE);
  if (done) return size_t{count};
  const DWORD problem = ::GetLastError();
  if (problem == ERROR_HANDLE_EOF || problem == ERROR_BROKEN_PIPE) return size_t{0};
  return error_from_system(problem);
}

} // namespace

Result<Fd> duplicate(int fd) noexcept {
  if (!is_open_descriptor(fd)) return Error{SOCKET_EBADF};
  const HANDLE process = ::GetCurrentProcess();
  HANDLE copy = INVALID_HANDLE_VALUE;
  if (!::DuplicateHandle(process, handle_of(fd), process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
    return last_system_error();
  return descriptor(copy);
}

Status check_file(int fd) noexcept {
  if (!is_open_descriptor(fd)) return Error{SOCKET_EBADF};
  const HANDLE handle = handle_of(fd);
  switch (::GetFileType(handle)) {
  case FILE_TYPE_CHAR: return {};
  case FILE_TYPE_DISK: break;
  default: return Error{SOCKET_ENOTSUP}; // pipes and sockets, and what is no file at all
  }
  BY_HANDLE_FILE_INFORMATION info;
  if (!::GetFileInformationByHandle(handle, &info)) return last_system_error();
  if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) return Error{SOCKET_EISDIR};
  return {};
}

Result<Fd> open_to_read(const char *path) noexcept {
  return opened(path, GENERIC_READ, OPEN_EXISTING);
}

Result<Fd> open_to_write(const char *path, Existing existing, Readers) noexcept {
  switch (existing) {
  case Existing::replace: return opened(path, GENERIC_WRITE, CREATE_ALWAYS);
  case Existing::append:
    return opened(path, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, OPEN_ALWAYS);
  default: return opened(path, GENERIC_WRITE, CREATE_NEW);
  }
}

Result<size_t> read_at(int fd, std::span<char> into, int64_t offset) noexcept {
  OVERLAPPED at{};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD count = 0;
  const BOOL done = ::ReadFile(handle_of(fd), into.data(),
                               static_cast<DWORD>(length_of(into.size())), &count, &at);
  return transferred(fd, done, &at, count);
}

Result<size_t> write_next(int fd, std::span<const char> bytes) noexcept {
  DWORD count = 0;
  const BOOL done = ::WriteFile(handle_of(fd), bytes.data(),
                                static_cast<DWORD>(length_of(bytes.size())), &count, nullptr);
  return transferred(fd, done, nullptr, count);
}

Status close_written(Fd fd) noexcept {
  if (!::CloseHandle(handle_of(fd.release()))) return last_system_error();
  return {};
}

} // namespace socketpoll::os
