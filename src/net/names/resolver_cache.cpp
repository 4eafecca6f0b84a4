#include "net/names/resolver_cache.hpp"

#include <algorithm>
#include <utility>

namespace socketpoll {

HostKey::HostKey(std::string_view host, int wanted) : name(host), family(wanted) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

std::shared_ptr<const Resolved> ResolverCache::find(const HostKey &key, int64_t now_ns) noexcept {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  Entry &entry = found->second;
  if (entry.until_ns <= now_ns) {
    entries_.erase(found);
    return nullptr;
  }
  recent_.push_back(entry);
  return entry.outcome;
}

void ResolverCache::store(const HostKey &key, std::shared_ptr<const Resolved> outcome,
                          int64_t until_ns) {
  const auto stored = entries_.try_emplace(key).first; // stays where it is when the map grows
  Entry &entry = stored->second;
  entry.key = &stored->first;
  entry.outcome = std::move(outcome);
  entry.until_ns = until_ns;
  recent_.push_back(entry);
}

void ResolverCache::shrink(size_t entries) noexcept {
  while (entries_.size() > entries) entries_.erase(entries_.find(*recent_.front()->key));
}

} // namespace socketpoll
