// Net floor. What the name service has answered, for a while: bounded, the least recently used goes
// first. getaddrinfo(3) tells no TTL, so whoever stores an answer says until when it holds.
//
// Not safe for threads: the pool guards it.
#pragma once

#include "base/list.hpp"
#include "net/names/system_lookup.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace socketpoll {

// A question: a name in lower case, and the family that is wanted.
struct HostKey {
  HostKey(std::string_view host, int wanted);
  bool operator==(const HostKey &) const noexcept = default;
  std::string name;
  int family;
};
struct HostKeyHash {
  size_t operator()(const HostKey &key) const noexcept {
    return std::hash<std::string>()(key.name) * 31 + static_cast<size_t>(key.family);
  }
};

class ResolverCache {
public:
  // nullptr where there is none that still holds.
  std::shared_ptr<const Resolved> find(const HostKey &key, int64_t now_ns) noexcept;
  // Throws std::bad_alloc; then nothing has changed.
  void store(const HostKey &key, std::shared_ptr<const Resolved> outcome, int64_t until_ns);
  void shrink(size_t entries) noexcept;
  size_t size() const noexcept { return entries_.size(); }

private:
  struct RecentTag;
  struct Entry : Linked<RecentTag> {
    const HostKey *key = nullptr;
    std::shared_ptr<const Resolved> outcome;
    int64_t until_ns = 0;
  };

  std::unordered_map<HostKey, Entry, HostKeyHash> entries_;
  List<Entry, RecentTag> recent_; // the latest at the end
};

} // namespace socketpoll
