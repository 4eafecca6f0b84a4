// Net floor, TLS. The sessions that a client may take up again, as its engine writes them: bounded,
// the least recently used server forgotten first. Shared by all connections of a context, on any
// thread.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace socketpoll::tls {

class SessionCache {
public:
  static constexpr size_t kSessions = 256;

  explicit SessionCache(size_t most) noexcept : most_(most) {}

  // Replaces what is there for that server. Throws std::bad_alloc.
  void put(std::string_view server, std::string session) {
    const std::lock_guard lock(mutex_);
    forget_locked(server);
    if (most_ == 0) return;
    if (index_.size() >= most_) forget_locked(entries_.back().server);
    entries_.push_front({std::string(server), std::move(session)});
    try {
      index_.emplace(entries_.front().server, entries_.begin());
    } catch (...) {
      entries_.pop_front();
      throw;
    }
  }

  // And forgets it: a ticket of TLS 1.3 is used once, so that nobody can tell that two connections
  // are the same client's (RFC 8446, C.4). Empty if there is none.
  std::string take(std::string_view server) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(server);
    if (found == index_.end()) return {};
    std::string session = std::move(found->second->session);
    forget_locked(server);
    return session;
  }

  size_t most() const noexcept { return most_; }
  size_t size() noexcept {
    const std::lock_guard lock(mutex_);
    return index_.size();
  }

private:
  struct Entry {
    std::string server, session;
  };
  // `server` may be the entry's own.
  void forget_locked(std::string_view server) noexcept {
    const auto found = index_.find(server);
    if (found == index_.end()) return;
    const auto entry = found->second;
    index_.erase(found);
    entries_.erase(entry);
  }

  std::mutex mutex_;
  std::list<Entry> entries_;                                               // latest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_; // views of entries_
  const size_t most_;
};

} // namespace socketpoll::tls
