#include "poll/batch.hpp"

#include "base/thread_value.hpp"

namespace socketpoll {
namespace {

struct Tenure {
  std::shared_ptr<ThreadLife> life = std::make_shared<ThreadLife>();
  ~Tenure() { life->end(); }
};

} // namespace

void ThreadLife::inherit(std::unique_ptr<EventArray> array) noexcept {
  std::lock_guard lock(mutex_);
  if (ended()) return;
  array->next = std::move(inherited_);
  inherited_ = std::move(array);
}

void ThreadLife::drop_inheritance() noexcept {
  std::lock_guard lock(mutex_);
  while (inherited_) inherited_ = std::move(inherited_->next);
}

void ThreadLife::end() noexcept {
  drop_inheritance();
  std::lock_guard lock(mutex_);
  ended_.store(true, std::memory_order_release);
}

BatchList::~BatchList() {
  for (const std::unique_ptr<Batch> &batch : all_)
    batch->owner_life->inherit(std::move(batch->array));
}

Batch &BatchList::prepare(Backend &backend, uint64_t token, size_t capacity) {
  Batch &batch = find_or_make(backend, token);
  recent_[token % kRecent].store(&batch, std::memory_order_release);
  if (batch.ready.size() < capacity) {
    batch.array->events.resize(capacity);
    batch.ready.resize(capacity);
  }
  return batch;
}

Batch &BatchList::find_or_make(Backend &backend, uint64_t token) {
  const std::shared_ptr<ThreadLife> &life = ThreadValue<Tenure>::get().life;
  life->drop_inheritance();
  std::lock_guard lock(mutex_);
  Batch *unused = nullptr;
  for (const std::unique_ptr<Batch> &batch : all_) {
    if (batch->owner.load(std::memory_order_relaxed) == token) return *batch;
    if (batch->owner_life->ended()) unused = batch.get();
  }
  if (!unused) {
    auto made = std::make_unique<Batch>();
    made->owner_life = life;
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
