#include "http/file_cache.hpp"

namespace socketpoll::http {
namespace {

// What malloc and the map take beside each piece, roughly.
constexpr size_t kOverhead = 64;

} // namespace

size_t FileCache::cost(const Entry &entry) noexcept {
  return sizeof(Entry) + entry.path.size() + 2 * kOverhead;
}

size_t FileCache::cost(const Fact &fact) noexcept {
  return fact.content ? sizeof(FileContent) + fact.content->size() + 2 * kOverhead : 0;
}

FileCache::Entry *FileCache::find(std::string_view path) noexcept {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return nullptr;
  Entry *entry = found->second.get();
  if (recent_.front() != entry) {
    recent_.remove(*entry);
    recent_.push_front(*entry);
  }
  return entry;
}

void FileCache::put(std::string_view path, Coding coding, FileRef content, Moment checked) {
  Entry *entry = find(path);
  if (!entry) {
    auto made = std::make_unique<Entry>(path);
    entry = made.get();
    entries_.emplace(std::string_view(entry->path), std::move(made));
    recent_.push_front(*entry);
    bytes_ += cost(*entry);
  }
  Fact &fact = entry->fact(coding);
  bytes_ -= cost(fact);
  fact = {std::move(content), checked};
  bytes_ += cost(fact);
  while (bytes_ > limit_) erase(*recent_.back());
}

void FileCache::drop(Entry &entry, Coding coding) noexcept {
  Fact &fact = entry.fact(coding);
  bytes_ -= cost(fact);
  fact = {};
  if (!entry.facts[0].content && !entry.facts[1].content) erase(entry);
}

void FileCache::erase(Entry &entry) noexcept {
  bytes_ -= cost(entry) + cost(entry.facts[0]) + cost(entry.facts[1]);
  recent_.remove(entry);
  // By iterator: the key lies in the entry that goes.
  entries_.erase(entries_.find(entry.path));
}

} // namespace socketpoll::http
