// HTTP floor: the small files that were asked for lately, within a bound of memory. It holds what
// it is given and knows no file system; whoever asks decides what is still true.
#pragma once

#include "base/list.hpp"
#include "http/file_content.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace socketpoll::http {

struct RecentTag;

// A moment within which nothing is looked up twice: one phase of one turn of the loop. The turn
// alone would not do, because the loop may sleep in the middle of it.
struct Moment {
  uint64_t turn = 0;
  int64_t time_ns = 0;
  bool operator==(const Moment &) const noexcept = default;
};

class FileCache {
public:
  // What is known of one path: the file itself, and the one beside it with ".gz" behind its name.
  struct Fact {
    FileRef content; // null: not known, or, at `checked`, that there is nothing to send
    Moment checked;
  };
  struct Entry final : Linked<RecentTag> {
    explicit Entry(std::string_view name) : path(name) {}
    Fact &fact(Coding coding) noexcept { return facts[static_cast<size_t>(coding)]; }

    const std::string path;
    Fact facts[2];
    Moment seen; // a regular file was at `path`, whether or not it is among the facts
  };

  explicit FileCache(size_t limit) noexcept : limit_(limit) {}
  FileCache(const FileCache &) = delete;
  FileCache &operator=(const FileCache &) = delete;

  // The entry, which thereby is the latest used; null if there is none. Allocates nothing.
  Entry *find(std::string_view path) noexcept;
  // The entry of `path`, made if need be, now with `content`, which is in memory. Drops the entries
  // that were not used for longest. Throws std::bad_alloc and has then changed nothing.
  void put(std::string_view path, Coding coding, FileRef content, Moment checked);
  // Forgets one content, and the entry if that was all of it.
  void drop(Entry &entry, Coding coding) noexcept;

  size_t bytes() const noexcept { return bytes_; }
  size_t count() const noexcept { return entries_.size(); }

private:
  static size_t cost(const Entry &entry) noexcept;
  static size_t cost(const Fact &fact) noexcept;
  void erase(Entry &entry) noexcept;

  const size_t limit_;
  size_t bytes_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<Entry>> entries_; // by Entry::path
  List<Entry, RecentTag> recent_;                                        // latest first
};

} // namespace socketpoll::http
