// HTTP floor: the system calls behind static files, as results. The only file of this floor that
// knows of openat2 and its fallback.
#pragma once

#include "base/result.hpp"
#include "net/os/os_socket.hpp"

#include <cstdint>
#include <ctime>
#include <functional>
#include <span>
#include <string_view>

namespace socketpoll::os {

enum class FileKind : uint8_t { regular, folder, link, other };

inline bool same_time(const timespec &a, const timespec &b) noexcept {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// What tells one state of a file from another. Two states of the same size within one tick of the
// file system's clock look alike: see FileContent::settled.
struct FileInfo {
  FileKind kind = FileKind::other;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  timespec modified{};
  timespec changed{};

  bool same_state(const FileInfo &other) const noexcept {
    return kind == other.kind && inode == other.inode && size == other.size &&
           device == other.device && same_time(modified, other.modified) &&
           same_time(changed, other.changed);
  }
};

Result<FileInfo> file_info(int fd) noexcept;

// Fills `into` from the file's start; how much there was, which is less at the file's end.
Result<size_t> read_file(int fd, std::span<char> into) noexcept;

// 64 bits that nobody can guess.
uint64_t random_bits() noexcept;

// A folder, open: whatever happens to its name, these paths stay below it. A path is relative, with
// single slashes and without "." or ".." (see safe_path); "" is the folder itself. Symbolic links
// are followed as long as they do not lead out, not even for a moment; an absolute one always does.
// Where the kernel cannot promise that (before Linux 5.6, or forbidden by a sandbox), none is.
// What leads out is SOCKET_ENOENT.
class Folder {
public:
  static Result<Folder> open(const char *path) noexcept;

  // For reading. Never waits for the other end of a FIFO.
  Result<Fd> open_file(const char *path) const noexcept;
  // The state of what open_file would open, without opening it.
  Result<FileInfo> info(const char *path) const noexcept;
  // Calls `visit (name, info)` for what is in the folder at `path`, but for names that begin with a
  // dot, until it returns false. A link is described as one.
  using Visit = std::function<bool(std::string_view name, const FileInfo &info)>;
  Status each_entry(const char *path, const Visit &visit) const;

  // As if the kernel could not resolve beneath.
  void forbid_links() noexcept { resolves_beneath_ = false; }

private:
  Result<Fd> open_at(const char *path, int flags) const noexcept;
  Result<Fd> walk(const char *path, int flags) const noexcept;

  Fd fd_;
  bool resolves_beneath_ = false;
};

} // namespace socketpoll::os
