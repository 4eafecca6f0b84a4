// Files are opened by NtCreateFile, relative to the handle of their folder: no device names, no
// drives, no current folder, no limit of 260 characters. A link is followed and then looked at:
// what has turned out to be outside was never there.
#include "http/os_file.hpp"

#include "base/error.hpp"
#include "base/os_types.hpp"
#include "http/windows/names.hpp"
#include "net/os/os_file.hpp"
#include "net/os/windows/sockets.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <winternl.h>

extern "C" BOOLEAN NTAPI SystemFunction036(void *bytes, ULONG length); // RtlGenRandom

namespace socketpoll::os {
namespace {

constexpr ULONG kShare = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
constexpr size_t kLongestName = 255;
constexpr size_t kLongestPath = 32768; // of the system, in UTF-16

// From hundreds of nanoseconds since 1601.
timespec time_of(int64_t ticks) noexcept {
  constexpr int64_t kPerSecond = 10'000'000, kUntil1970 = 11'644'473'600;
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(ticks / kPerSecond - kUntil1970);
  time.tv_nsec = static_cast<long>(ticks % kPerSecond * 100);
  return time;
}

bool is_link(DWORD attributes, DWORD reparse_tag) noexcept {
  constexpr DWORD kNameSurrogate = 0x20000000; // others hold the file itself elsewhere
  return (attributes & FILE_ATTRIBUTE_REPARSE_POINT) && (reparse_tag & kNameSurrogate);
}

FileKind kind_of(DWORD attributes) noexcept {
  if (attributes & FILE_ATTRIBUTE_DIRECTORY) return FileKind::folder;
  return attributes & FILE_ATTRIBUTE_DEVICE ? FileKind::other : FileKind::regular;
}

// In UTF-16 and with backslashes; the number of characters. SOCKET_ENOENT for what could be meant
// for something else than a file.
Result<size_t> system_path(const char *path, std::span<wchar_t> out) noexcept {
  std::string_view rest(path);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('/'), rest.size());
    if (!http::names_a_file(rest.substr(0, end))) return Error{SOCKET_ENOENT};
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const int bytes = static_cast<int>(std::strlen(path));
  if (bytes == 0) return size_t{0};
  const int count = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, bytes, out.data(),
                                          static_cast<int>(out.size()));
  if (count == 0)
    return Error{::GetLastError() == ERROR_INSUFFICIENT_BUFFER ? SOCKET_ENAMETOOLONG
                                                               : SOCKET_ENOENT};
  const std::wstring_view wide(out.data(), static_cast<size_t>(count));
  for (size_t from = 0, to; from <= wide.size(); from = to + 1) {
    to = std::min(wide.find(L'/', from), wide.size());
    if (to - from > kLongestName) return Error{SOCKET_ENAMETOOLONG};
  }
  std::replace(out.data(), out.data() + count, L'/', L'\\');
  return wide.size();
}

Result<Fd> open_below(int folder, std::span<wchar_t> path, ACCESS_MASK access,
                      ULONG options) noexcept {
  UNICODE_STRING name{};
  name.Buffer = path.data();
  name.Length = name.MaximumLength = static_cast<USHORT>(path.size_bytes());
  OBJECT_ATTRIBUTES attributes;
  InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, handle_of(folder), nullptr);
  IO_STATUS_BLOCK status{};
  HANDLE handle = INVALID_HANDLE_VALUE;
  const NTSTATUS outcome = ::NtCreateFile(
      &handle, access | SYNCHRONIZE, &attributes, &status, nullptr, 0, kShare, FILE_OPEN,
      options | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT, nullptr, 0);
  if (outcome < 0) return error_from_system(::RtlNtStatusToDosError(outcome));
  return descriptor(handle);
}

// Where the file really is, links and short names resolved; "" if the system cannot tell.
struct FinalPath {
  std::unique_ptr<wchar_t[]> text{new wchar_t[kLongestPath]};
  std::wstring_view view;

  explicit FinalPath(int fd) {
    for (const DWORD form : {DWORD{VOLUME_NAME_DOS}, DWORD{VOLUME_NAME_NT}}) {
      const DWORD length =
          ::GetFinalPathNameByHandleW(handle_of(fd), text.get(), kLongestPath, form);
      if (length == 0 || length >= kLongestPath) continue;
      view = {text.get(), length};
      return;
    }
  }
};

bool has_hidden_name(std::wstring_view path) noexcept {
  return path.starts_with(L'.') || path.find(L"\\.") != path.npos;
}

// SOCKET_ENOENT unless what was opened by `asked` is in the folder and no more hidden than its name
// says, as by a short name ("HTACCE~1").
Status check_beneath(int folder, int fd, std::wstring_view asked) noexcept {
  constexpr Error kOutside{SOCKET_ENOENT};
  try {
    const FinalPath root(folder), place(fd);
    std::wstring_view above = root.view, rest = place.view;
    if (above.ends_with(L'\\')) above.remove_suffix(1);
    if (above.empty() || !rest.starts_with(above)) return kOutside;
    rest.remove_prefix(above.size());
    if (!rest.empty() && !rest.starts_with(L'\\')) return kOutside;
    if (!rest.empty()) rest.remove_prefix(1);
    return has_hidden_name(rest) && !has_hidden_name(asked) ? Status(kOutside) : Status();
  } catch (const std::bad_alloc &) {
    return Error{SOCKET_ENOMEM};
  }
}

} // namespace

Result<FileInfo> file_info(int fd) noexcept {
  BY_HANDLE_FILE_INFORMATION about;
  FILE_BASIC_INFO basic;
  if (!::GetFileInformationByHandle(handle_of(fd), &about) ||
      !::GetFileInformationByHandleEx(handle_of(fd), FileBasicInfo, &basic, sizeof basic))
    return last_system_error();
  FileInfo info;
  info.kind = kind_of(about.dwFileAttributes);
  info.device = about.dwVolumeSerialNumber;
  info.inode = uint64_t{about.nFileIndexHigh} << 32 | about.nFileIndexLow;
  info.size = uint64_t{about.nFileSizeHigh} << 32 | about.nFileSizeLow;
  info.modified = time_of(basic.LastWriteTime.QuadPart);
  info.changed = time_of(basic.ChangeTime.QuadPart);
  return info;
}

Result<size_t> read_file(int fd, std::span<char> into) noexcept {
  size_t length = 0;
  while (length < into.size()) {
    const auto got = read_at(fd, into.subspan(length), static_cast<int64_t>(length));
    if (!got.ok()) return got;
    if (*got == 0) break;
    length += *got;
  }
  return length;
}

uint64_t random_bits() noexcept {
  uint64_t bits = 0;
  if (::SystemFunction036(&bits, sizeof bits)) return bits;
  FILETIME now;
  ::GetSystemTimeAsFileTime(&now);
  return (uint64_t{now.dwHighDateTime} << 32 | now.dwLowDateTime) * 0x9e3779b97f4a7c15u;
}

Result<Folder> Folder::open(const char *path) noexcept {
  const WidePath wide(path);
  if (!wide.text[0]) return Error{*path ? SOCKET_ENAMETOOLONG : SOCKET_ENOENT};
  Folder folder;
  auto fd =
      descriptor(::CreateFileW(wide.text, FILE_LIST_DIRECTORY | FILE_TRAVERSE | SYNCHRONIZE, kShare,
                               nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  if (!fd.ok()) return fd.error();
  auto info = file_info(fd->get());
  if (!info.ok()) return info.error();
  if (info->kind != FileKind::folder) return Error{SOCKET_ENOTDIR};
  folder.fd_ = fd.take();
  folder.resolves_beneath_ = true;
  return folder;
}

// `access` says what for.
Result<Fd> Folder::open_at(const char *path, int access) const noexcept {
  wchar_t wide[4096];
  const auto length = system_path(path, wide);
  if (!length.ok()) return length.error();
  const std::span<wchar_t> name(wide, *length);
  const ULONG options = resolves_beneath_ ? 0 : FILE_OPEN_REPARSE_POINT;
  auto fd = open_below(fd_.get(), name, static_cast<ACCESS_MASK>(access), options);
  if (!fd.ok()) return fd;
  const Status beneath = check_beneath(fd_.get(), fd->get(), {name.data(), name.size()});
  return beneath.ok() ? std::move(fd) : Result<Fd>(beneath.error());
}

Result<Fd> Folder::open_file(const char *path) const noexcept {
  return open_at(path, FILE_READ_DATA | FILE_READ_ATTRIBUTES);
}

Result<FileInfo> Folder::info(const char *path) const noexcept {
  auto fd = open_at(path, FILE_READ_ATTRIBUTES);
  if (!fd.ok()) return fd.error();
  return file_info(fd->get());
}

Status Folder::each_entry(const char *path, const Visit &visit) const {
  auto fd = open_at(path, FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES);
  if (!fd.ok()) return fd.error();
  auto what = file_info(fd->get());
  if (what.ok() && what->kind != FileKind::folder) return Error{SOCKET_ENOTDIR};
  alignas(FILE_ID_BOTH_DIR_INFO) char page[16384];
  while (::GetFileInformationByHandleEx(handle_of(fd->get()), FileIdBothDirectoryInfo, page,
                                        sizeof page)) {
    const char *at = page;
    for (;;) {
      const auto &entry = *reinterpret_cast<const FILE_ID_BOTH_DIR_INFO *>(at);
      char name[1024];
      const int length =
          ::WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, entry.FileName,
                                static_cast<int>(entry.FileNameLength / sizeof(wchar_t)), name,
                                sizeof name, nullptr, nullptr);
      FileInfo info;
      info.kind = is_link(entry.FileAttributes, entry.EaSize) ? FileKind::link
                                                              : kind_of(entry.FileAttributes);
      info.inode = static_cast<uint64_t>(entry.FileId.QuadPart);
      info.size = static_cast<uint64_t>(entry.EndOfFile.QuadPart);
      info.modified = time_of(entry.LastWriteTime.QuadPart);
      info.changed = time_of(entry.ChangeTime.QuadPart);
      if (length > 0 && name[0] != '.' && !visit({name, static_cast<size_t>(length)}, info))
        return {};
      if (entry.NextEntryOffset == 0) break;
      at += entry.NextEntryOffset;
    }
  }
  return ::GetLastError() == ERROR_NO_MORE_FILES ? Status() : Status(last_system_error());
}

} // namespace socketpoll::os
