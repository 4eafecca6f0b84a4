#include "poll/batch.hpp"

#include "base/handle_table.hpp"

namespace socketpoll {
namespace {

const std::shared_ptr<ThreadLife> &this_thread() {
  thread_local const std::shared_ptr<ThreadLife> life = std::make_shared<ThreadLife>();
  return life;
}

void enlarge(Batch &batch, size_t capacity) {
  batch.array->events.resize(capacity);
  batch.ready.resize(capacity);
}

} // namespace

void ThreadLife::inherit(std::unique_ptr<EventArray> array) noexcept {
  std::lock_guard lock(mutex_);
  array->next = std::move(inherited_);
  inherited_ = std::move(array);
}

void ThreadLife::drop_inheritance() noexcept {
  std::lock_guard lock(mutex_);
  while (inherited_) inherited_ = std::move(inherited_->next);
}

BatchList::~BatchList() {
  for (const std::unique_ptr<Batch> &batch : all_)
    if (const std::shared_ptr<ThreadLife> life = batch->owner_life.lock())
      life->inherit(std::move(batch->array));
}

Batch &BatchList::mine(Backend &backend, size_t capacity) {
  const uint64_t token = thread_token();
  std::atomic<Batch *> &recent = recent_[token % kRecent];
  Batch *batch = recent.load(std::memory_order_acquire);
  if (!batch || batch->owner.load(std::memory_order_relaxed) != token) [[unlikely]] {
    batch = &find_or_make(backend, token);
    recent.store(batch, std::memory_order_release);
  }
  if (batch->ready.size() < capacity) [[unlikely]]
    enlarge(*batch, capacity);
  return *batch;
}

Batch &BatchList::find_or_make(Backend &backend, uint64_t token) {
  const std::shared_ptr<ThreadLife> &life = this_thread();
  life->drop_inheritance();
  std::lock_guard lock(mutex_);
  Batch *unused = nullptr;
  for (const std::unique_ptr<Batch> &batch : all_) {
    if (batch->owner.load(std::memory_order_relaxed) == token) return *batch;
    if (batch->owner_life.expired()) unused = batch.get();
  }
  if (!unused) {
    auto made = std::make_unique<Batch>();
    made->scratch = backend.make_scratch();
    made->array = std::make_unique<EventArray>();
    unused = made.get();
    all_.push_back(std::move(made));
  }
  unused->owner_life = life;
  unused->owner.store(token, std::memory_order_relaxed);
  return *unused;
}

} // namespace socketpoll
