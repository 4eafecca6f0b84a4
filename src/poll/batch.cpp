#include "poll/batch.hpp"

#include "base/handle_table.hpp"

namespace socketpoll {
namespace {

// Expires with the thread.
std::weak_ptr<const char> this_thread_lives() {
  thread_local const std::shared_ptr<const char> life = std::make_shared<const char>('\0');
  return life;
}

} // namespace

Batch &BatchList::mine(Backend &backend, size_t capacity) {
  const uint64_t token = thread_token();
  std::atomic<Batch *> &recent = recent_[token % kRecent];
  Batch *batch = recent.load(std::memory_order_acquire);
  if (!batch || batch->owner.load(std::memory_order_relaxed) != token) [[unlikely]] {
    batch = &find_or_make(backend, token);
    recent.store(batch, std::memory_order_release);
  }
  if (batch->ready.size() < capacity) [[unlikely]] {
    batch->events.resize(capacity);
    batch->ready.resize(capacity);
  }
  return *batch;
}

Batch &BatchList::find_or_make(Backend &backend, uint64_t token) {
  std::weak_ptr<const char> life = this_thread_lives();
  std::lock_guard lock(mutex_);
  Batch *unused = nullptr;
  for (const std::unique_ptr<Batch> &batch : all_) {
    if (batch->owner.load(std::memory_order_relaxed) == token) return *batch;
    if (batch->owner_lives.expired()) unused = batch.get();
  }
  if (!unused) {
    auto made = std::make_unique<Batch>();
    made->scratch = backend.make_scratch();
    unused = made.get();
    all_.push_back(std::move(made));
  }
  unused->owner_lives = std::move(life);
  unused->owner.store(token, std::memory_order_relaxed);
  return *unused;
}

} // namespace socketpoll
