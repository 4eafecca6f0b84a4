// HTTP floor: one representation of one file, as it was at one moment: its bytes, or the descriptor
// they come from, and the header lines that go with them. Never changed once it is made, and shared
// by the cache and by responses that are still being sent.
#pragma once

#include "http/conditional.hpp"
#include "http/os_file.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace socketpoll::http {

// Files up to here are read into memory, larger ones are sent from their descriptor.
inline constexpr size_t kMaxFileInMemory = 65536;

enum class Coding : uint8_t { identity, gzip };

class FileContent {
public:
  // Opens and, if it is small, reads the regular file at `path`; SOCKET_ENOENT for anything else
  // than a file, SOCKET_EISDIR for a folder. `type` and `varies` are those of the name that the
  // client asked for, which a gzip variant shares. Throws std::bad_alloc.
  static Result<std::shared_ptr<const FileContent>> load(const os::Folder &folder, const char *path,
                                                         Coding coding, std::string_view type,
                                                         bool varies, int64_t now);

  const os::FileInfo &info() const noexcept { return info_; }
  uint64_t size() const noexcept { return info_.size; }
  // With static storage.
  std::string_view type() const noexcept { return type_; }
  Validators validators() const noexcept;
  // ETag, Last-Modified, Vary: what a 304 repeats (RFC 9110 15.4.5) ...
  std::string_view validator_lines() const noexcept { return {lines_, validator_length_}; }
  // ... and all of them.
  std::string_view lines() const noexcept { return {lines_, length_}; }

  bool in_memory() const noexcept { return !file_; }
  std::span<const char> bytes() const noexcept { return {bytes_.get(), info_.size}; }
  const Fd &file() const noexcept { return file_; }
  // Whether a later change would show in info(): the file had been left alone for longer than its
  // system's clock ticks when it was read.
  bool settled() const noexcept { return settled_; }

private:
  struct Private {};

public:
  explicit FileContent(Private) noexcept {}

private:
  Status read(Fd file);
  void write_lines(Coding coding, bool varies, int64_t now) noexcept;

  static constexpr size_t kEtagLength = 18;
  static constexpr size_t kMaxLines = 192;

  os::FileInfo info_;
  std::string_view type_;
  std::unique_ptr<char[]> bytes_;
  Fd file_;
  std::optional<int64_t> last_modified_;
  uint8_t validator_length_ = 0;
  uint8_t length_ = 0;
  bool settled_ = false;
  char etag_[kEtagLength];
  char lines_[kMaxLines];
};

using FileRef = std::shared_ptr<const FileContent>;

} // namespace socketpoll::http
