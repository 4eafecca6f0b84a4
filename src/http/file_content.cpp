#include "http/file_content.hpp"

#include "http/h1_writer.hpp"
#include "http/http_date.hpp"

namespace socketpoll::http {
namespace {

// Beyond the coarsest clock of a file system, FAT's two seconds.
constexpr int64_t kSettlingSeconds = 3;

// To find a file in one state from the first byte to the last.
constexpr int kAttempts = 3;

// The finalizer of SplitMix64: each bit of the input reaches each of the output.
constexpr uint64_t mix(uint64_t hash, uint64_t value) noexcept {
  hash = (hash ^ value) + 0x9e3779b97f4a7c15u;
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
  return hash ^ hash >> 31;
}

// Strong (RFC 9110 8.8.1): the time of the last change of status is in it, because a program can
// set the modification time back, but not that one. A hash, so that it does not tell inode numbers.
void write_etag(const os::FileInfo &info, Coding coding, char *out) noexcept {
  uint64_t hash = mix(static_cast<uint64_t>(coding), info.inode);
  hash = mix(hash, info.size);
  for (const timespec &time : {info.modified, info.changed}) {
    hash = mix(hash, static_cast<uint64_t>(time.tv_sec));
    hash = mix(hash, static_cast<uint64_t>(time.tv_nsec));
  }
  *out++ = '"';
  for (int i = 0; i < 16; i++, hash >>= 4) *out++ = "0123456789abcdef"[hash & 15];
  *out = '"';
}

} // namespace

Result<FileRef> FileContent::load(const os::Folder &folder, const char *path, Coding coding,
                                  std::string_view type, bool varies, int64_t now) {
  auto content = std::make_shared<FileContent>(Private{});
  auto file = folder.open_file(path);
  if (!file.ok()) return file.error();
  auto info = os::file_info(file->get());
  if (!info.ok()) return info.error();
  if (info->kind == os::FileKind::folder) return Error{SOCKET_EISDIR};
  if (info->kind != os::FileKind::regular) return Error{SOCKET_ENOENT};
  content->info_ = *info;
  content->type_ = type;
  if (const Status status = content->read(file.take()); !status.ok()) return status.error();
  content->write_lines(coding, varies, now);
  return FileRef(std::move(content));
}

// The bytes in memory must be those of one state. A file that does not hold still is sent from its
// descriptor, at the length that it had last.
Status FileContent::read(Fd file) {
  for (int attempt = 0; attempt < kAttempts && info_.size <= kMaxFileInMemory; attempt++) {
    const auto size = static_cast<size_t>(info_.size);
    // Room for one byte more, to see whether it ends there.
    auto bytes = std::make_unique_for_overwrite<char[]>(size + 1);
    auto length = os::read_file(file.get(), {bytes.get(), size + 1});
    if (!length.ok()) return length.error();
    auto after = os::file_info(file.get());
    if (!after.ok()) return after.error();
    if (*length == size && after->same_state(info_)) {
      bytes_ = std::move(bytes);
      return {};
    }
    info_ = *after;
  }
  file_ = std::move(file);
  return {};
}

void FileContent::write_lines(Coding coding, bool varies, int64_t now) noexcept {
  write_etag(info_, coding, etag_);
  HeadWriter writer(lines_, sizeof lines_);
  writer.field("ETag", {etag_, kEtagLength});
  // Never later than Date (RFC 9110 8.8.2.1).
  if (info_.modified.tv_sec <= now) {
    last_modified_ = info_.modified.tv_sec;
    char date[kHttpDateLength];
    http_date(*last_modified_, date);
    writer.field("Last-Modified", {date, sizeof date});
  }
  if (varies) writer.field("Vary", "Accept-Encoding");
  validator_length_ = static_cast<uint8_t>(writer.length());
  writer.field("Accept-Ranges", "bytes");
  if (coding == Coding::gzip) writer.field("Content-Encoding", "gzip");
  length_ = static_cast<uint8_t>(writer.length());
  settled_ = info_.changed.tv_sec + kSettlingSeconds < now;
}

Validators FileContent::validators() const noexcept {
  return {{etag_, kEtagLength}, last_modified_};
}

} // namespace socketpoll::http
