/* POSIX for tests: files, and what applies to an fd of either kind. Paths are UTF-8; every file is
 * opened so that others may rename and remove it meanwhile, as POSIX has it. */
#include "inside.h"

#include <stdarg.h>
#include <wchar.h>

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define LONGEST_PATH 4096

typedef struct Path {
  wchar_t text[LONGEST_PATH];
} Path;

static const wchar_t *wide(const char *path, Path *out) {
  if (strcmp(path, "/dev/null") == 0) path = "NUL";
  if (strcmp(path, "/proc/self/exe") == 0)
    GetModuleFileNameW(NULL, out->text, LONGEST_PATH);
  else if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, out->text, LONGEST_PATH))
    out->text[0] = 0;
  return out->text;
}

/* ---- Opening and closing */

int test_posix_open(const char *path, int flags, ...) {
  Path name;
  if (flags & O_TMPFILE) return fail_with(EOPNOTSUPP);
  const int mode = flags & (O_WRONLY | O_RDWR);
  DWORD access = mode == O_RDWR     ? GENERIC_READ | GENERIC_WRITE
                 : mode == O_WRONLY ? GENERIC_WRITE
                                    : GENERIC_READ;
  const DWORD how = !(flags & O_CREAT) ? (flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING)
                    : flags & O_EXCL   ? CREATE_NEW
                    : flags & O_TRUNC  ? CREATE_ALWAYS
                                       : OPEN_ALWAYS;
  if (flags & O_APPEND) access = (access & ~GENERIC_WRITE) | FILE_APPEND_DATA;
  const HANDLE handle = CreateFileW(wide(path, &name), access, SHARE_ALL, NULL, how,
                                    FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (handle == INVALID_HANDLE_VALUE) return fail_file();
  note_blocking((int)(intptr_t)handle, !(flags & O_NONBLOCK));
  return (int)(intptr_t)handle;
}

int test_posix_close(int fd) {
  if (!may_be_handle(fd)) return fail_with(EBADF);
  if (is_socket(fd)) return closesocket(socket_of(fd)) == 0 ? 0 : fail_socket();
  return CloseHandle(handle_of(fd)) ? 0 : fail_file();
}

int test_posix_mkstemp(char *name) {
  static LONG number;
  char *end = name + strlen(name) - 6;
  for (int attempt = 0; attempt < 1000; attempt++) {
    snprintf(end, 7, "%06x",
             (unsigned)(GetCurrentProcessId() * 4096 + (unsigned)InterlockedIncrement(&number)) &
                 0xffffff);
    const int fd = test_posix_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return fail_with(EEXIST);
}

char *test_posix_mkdtemp(char *name) {
  const int fd = test_posix_mkstemp(name);
  if (fd < 0) return NULL;
  test_posix_close(fd);
  test_posix_unlink(name);
  return test_posix_mkdir(name, 0700) == 0 ? name : NULL;
}

FILE *test_posix_tmpfile(void) {
  char name[] = "/tmp/socketpoll-test-XXXXXX";
  const int fd = test_posix_mkstemp(name);
  if (fd < 0) return NULL;
  test_posix_unlink(name);
  return _fdopen(_open_osfhandle(fd, 0), "w+b");
}

int test_posix_fileno(FILE *file) { return (int)_get_osfhandle(_fileno(file)); }

/* ---- Descriptors */

/* Windows takes the copy of a socket's handle for a socket. Wine's winsock has a list of them, into
 * which WSASocket puts what WSADuplicateSocket has made: a handle, whose place the copy takes. */
static void make_known(int copy, int fd) {
  WSAPROTOCOL_INFOW about;
  if (WSADuplicateSocketW(socket_of(fd), GetCurrentProcessId(), &about) != 0) return;
  CloseHandle(handle_of((int)about.dwServiceFlags3));
  about.dwServiceFlags3 = (DWORD)copy;
  WSASocketW(about.iAddressFamily, about.iSocketType, about.iProtocol, &about, 0,
             WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

int test_posix_dup(int fd) {
  HANDLE handle;
  const HANDLE self = GetCurrentProcess();
  if (!may_be_handle(fd)) return fail_with(EBADF);
  if (!DuplicateHandle(self, handle_of(fd), self, &handle, 0, FALSE, DUPLICATE_SAME_ACCESS))
    return fail_file();
  const int copy = (int)(intptr_t)handle;
  if (is_socket(fd) && !is_socket(copy)) make_known(copy, fd);
  note_blocking(copy, blocks(fd));
  return copy;
}

/* Nobody chooses a handle's number; but the lowest that is free comes first, or nearly. */
int test_posix_dup2(int fd, int wanted) {
  enum { TRIES = 256 };
  int others[TRIES], count = 0, copy = -1;
  if (!may_be_handle(wanted)) return fail_with(EBADF);
  test_posix_close(wanted);
  while (count < TRIES && (copy = test_posix_dup(fd)) != wanted && copy >= 0)
    others[count++] = copy;
  while (count > 0) test_posix_close(others[--count]);
  if (copy >= 0 && copy != wanted) test_posix_absent("dup2 to a number that is not free again");
  return copy;
}

int test_posix_dup3(int fd, int wanted, int flags) {
  (void)flags;
  return test_posix_dup2(fd, wanted);
}

/* Events and threads have handles too, but no fd. */
static int is_open(int fd) {
  return may_be_handle(fd) && (is_socket(fd) || GetFileType(handle_of(fd)) == FILE_TYPE_DISK);
}

int test_posix_fcntl(int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  const int argument = command == F_GETFD || command == F_GETFL ? 0 : va_arg(more, int);
  va_end(more);
  if (!is_open(fd)) return fail_with(EBADF);
  switch (command) {
  case F_GETFD: {
    DWORD flags = 0;
    GetHandleInformation(handle_of(fd), &flags);
    return flags & HANDLE_FLAG_INHERIT ? 0 : FD_CLOEXEC;
  }
  case F_SETFD:
    SetHandleInformation(handle_of(fd), HANDLE_FLAG_INHERIT,
                         argument & FD_CLOEXEC ? 0 : HANDLE_FLAG_INHERIT);
    return 0;
  case F_GETFL: return O_RDWR | (blocks(fd) ? 0 : O_NONBLOCK);
  case F_SETFL: {
    u_long no = (argument & O_NONBLOCK) != 0;
    note_blocking(fd, !no);
    return is_socket(fd) && ioctlsocket(socket_of(fd), FIONBIO, &no) != 0 ? fail_socket() : 0;
  }
  case F_DUPFD:
  case F_DUPFD_CLOEXEC: return test_posix_dup(fd);
  default: test_posix_absent("that fcntl");
  }
}

int test_posix_isatty(int fd) {
  (void)fd;
  return 0;
}

/* ---- Bytes */

static OVERLAPPED at_offset(int64_t offset) {
  OVERLAPPED at;
  memset(&at, 0, sizeof at);
  at.Offset = (DWORD)offset;
  at.OffsetHigh = (DWORD)(offset >> 32);
  return at;
}

static ssize_t file_read(int fd, void *bytes, size_t length, OVERLAPPED *at) {
  DWORD got = 0;
  if (ReadFile(handle_of(fd), bytes, (DWORD)length, &got, at)) return got;
  return GetLastError() == ERROR_HANDLE_EOF ? 0 : fail_file();
}

static ssize_t file_write(int fd, const void *bytes, size_t length, OVERLAPPED *at) {
  DWORD put = 0;
  return WriteFile(handle_of(fd), bytes, (DWORD)length, &put, at) ? (ssize_t)put : fail_file();
}

ssize_t test_posix_read(int fd, void *bytes, size_t length) {
  return is_socket(fd) ? test_posix_recv(fd, bytes, length, 0) : file_read(fd, bytes, length, NULL);
}

ssize_t test_posix_write(int fd, const void *bytes, size_t length) {
  return is_socket(fd) ? test_posix_send(fd, bytes, length, 0)
                       : file_write(fd, bytes, length, NULL);
}

/* With an offset, Windows moves the position as well; POSIX does not. */
ssize_t test_posix_pread(int fd, void *bytes, size_t length, int64_t offset) {
  OVERLAPPED at = at_offset(offset);
  const int64_t before = test_posix_lseek(fd, 0, SEEK_CUR);
  const ssize_t got = file_read(fd, bytes, length, &at);
  test_posix_lseek(fd, before, SEEK_SET);
  return got;
}

ssize_t test_posix_pwrite(int fd, const void *bytes, size_t length, int64_t offset) {
  OVERLAPPED at = at_offset(offset);
  const int64_t before = test_posix_lseek(fd, 0, SEEK_CUR);
  const ssize_t put = file_write(fd, bytes, length, &at);
  test_posix_lseek(fd, before, SEEK_SET);
  return put;
}

int64_t test_posix_lseek(int fd, int64_t offset, int whence) {
  LARGE_INTEGER by, to;
  by.QuadPart = offset;
  if (!SetFilePointerEx(handle_of(fd), by, &to, (DWORD)whence)) return fail_file();
  return to.QuadPart;
}

int test_posix_ftruncate(int fd, int64_t length) {
  FILE_END_OF_FILE_INFO end;
  end.EndOfFile.QuadPart = length;
  return SetFileInformationByHandle(handle_of(fd), FileEndOfFileInfo, &end, sizeof end)
             ? 0
             : fail_file();
}

int test_posix_truncate(const char *path, int64_t length) {
  const int fd = test_posix_open(path, O_WRONLY);
  if (fd < 0) return -1;
  const int result = test_posix_ftruncate(fd, length);
  test_posix_close(fd);
  return result;
}

/* ---- What a file is. FILETIME counts 100 ns from 1601. */

#define EPOCH 116444736000000000ll

static struct timespec timespec_of(FILETIME time) {
  const int64_t ticks =
      (int64_t)(((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime) - EPOCH;
  struct timespec result;
  result.tv_sec = ticks / 10000000;
  result.tv_nsec = (long)(ticks % 10000000) * 100;
  return result;
}

static FILETIME filetime_of(const struct timespec *time) {
  FILETIME result;
  const uint64_t ticks = (uint64_t)(time->tv_sec * 10000000ll + time->tv_nsec / 100 + EPOCH);
  result.dwLowDateTime = (DWORD)ticks;
  result.dwHighDateTime = (DWORD)(ticks >> 32);
  return result;
}

int test_posix_fstat(int fd, struct test_posix_stat *out) {
  BY_HANDLE_FILE_INFORMATION about;
  memset(out, 0, sizeof *out);
  if (is_socket(fd)) {
    out->st_mode = S_IFSOCK | 0600;
    return 0;
  }
  if (!may_be_handle(fd)) return fail_with(EBADF);
  if (!GetFileInformationByHandle(handle_of(fd), &about)) return fail_file();
  out->st_dev = about.dwVolumeSerialNumber;
  out->st_ino = (uint64_t)about.nFileIndexHigh << 32 | about.nFileIndexLow;
  out->st_nlink = about.nNumberOfLinks;
  out->st_size = (int64_t)((uint64_t)about.nFileSizeHigh << 32 | about.nFileSizeLow);
  out->st_mtim = out->st_ctim = timespec_of(about.ftLastWriteTime);
  out->st_atim = timespec_of(about.ftLastAccessTime);
  out->st_mode = about.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ? S_IFLNK | 0777
                 : about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY   ? S_IFDIR | 0755
                                                                       : S_IFREG | 0644;
  return 0;
}

static int about_path(const char *path, struct test_posix_stat *out, DWORD flags) {
  Path name;
  const HANDLE handle = CreateFileW(wide(path, &name), FILE_READ_ATTRIBUTES, SHARE_ALL, NULL,
                                    OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
  if (handle == INVALID_HANDLE_VALUE) return fail_file();
  const int result = test_posix_fstat((int)(intptr_t)handle, out);
  CloseHandle(handle);
  return result;
}

int test_posix_stat(const char *path, struct test_posix_stat *out) {
  return about_path(path, out, 0);
}

int test_posix_lstat(const char *path, struct test_posix_stat *out) {
  return about_path(path, out, FILE_FLAG_OPEN_REPARSE_POINT);
}

int test_posix_access(const char *path, int mode) {
  struct test_posix_stat about;
  (void)mode;
  return test_posix_stat(path, &about);
}

int test_posix_utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
  Path name;
  (void)flags;
  if (folder != AT_FDCWD || times[0].tv_nsec >= UTIME_OMIT || times[1].tv_nsec >= UTIME_OMIT)
    test_posix_absent("that utimensat");
  const FILETIME access = filetime_of(&times[0]), write = filetime_of(&times[1]);
  const HANDLE handle = CreateFileW(wide(path, &name), FILE_WRITE_ATTRIBUTES, SHARE_ALL, NULL,
                                    OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (handle == INVALID_HANDLE_VALUE) return fail_file();
  const BOOL good = SetFileTime(handle, NULL, &access, &write);
  CloseHandle(handle);
  return good ? 0 : fail_file();
}

/* ---- Names */

int test_posix_mkdir(const char *path, unsigned mode) {
  Path name;
  (void)mode;
  return CreateDirectoryW(wide(path, &name), NULL) ? 0 : fail_file();
}

int test_posix_rmdir(const char *path) {
  Path name;
  return RemoveDirectoryW(wide(path, &name)) ? 0 : fail_file();
}

/* Windows keeps the name of an open file that is removed until it is closed: so the file leaves
 * under another name. */
int test_posix_unlink(const char *path) {
  static LONG number;
  char aside[64];
  Path name, other;
  const DWORD attributes = GetFileAttributesW(wide(path, &name));
  if (attributes == INVALID_FILE_ATTRIBUTES) return fail_file();
  if (attributes & FILE_ATTRIBUTE_DIRECTORY) return fail_with(EISDIR);
  snprintf(aside, sizeof aside, "/tmp/socketpoll-unlinked-%lu-%ld", GetCurrentProcessId(),
           InterlockedIncrement(&number));
  if (!MoveFileExW(name.text, wide(aside, &other), 0)) return fail_file();
  return DeleteFileW(other.text) ? 0 : fail_file();
}

/* Nor does it give the name of an open file to another. */
int test_posix_rename(const char *from, const char *to) {
  Path one, other;
  if (MoveFileExW(wide(from, &one), wide(to, &other), MOVEFILE_REPLACE_EXISTING)) return 0;
  if (GetLastError() != ERROR_ACCESS_DENIED && GetLastError() != ERROR_SHARING_VIOLATION)
    return fail_file();
  if (test_posix_unlink(to) != 0) return -1;
  return MoveFileExW(one.text, other.text, 0) ? 0 : fail_file();
}

int test_posix_symlink(const char *to, const char *path) {
  (void)to, (void)path;
  return fail_with(EPERM); /* needs a privilege; Wine 8 makes none at all */
}

typedef int Visit(const char *, const struct test_posix_stat *, int, struct FTW *);

int test_posix_nftw(const char *path, Visit *visit, int most, int flags) {
  struct test_posix_stat about;
  struct FTW where = {0, 0};
  char pattern[LONGEST_PATH], child[LONGEST_PATH];
  WIN32_FIND_DATAW found;
  Path name;
  int result = 0;
  if (test_posix_lstat(path, &about) != 0) return -1;
  if (!S_ISDIR(about.st_mode)) return visit(path, &about, FTW_F, &where);
  if (!(flags & FTW_DEPTH)) test_posix_absent("nftw from above");
  snprintf(pattern, sizeof pattern, "%s/*", path);
  const HANDLE search = FindFirstFileW(wide(pattern, &name), &found);
  if (search != INVALID_HANDLE_VALUE) {
    do {
      char text[1024];
      WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, text, sizeof text, NULL, NULL);
      if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0) continue;
      snprintf(child, sizeof child, "%s/%s", path, text);
      result = test_posix_nftw(child, visit, most, flags);
    } while (result == 0 && FindNextFileW(search, &found));
    FindClose(search);
  }
  return result ? result : visit(path, &about, FTW_DP, &where);
}
