#include "poll/batch.hpp"

#include <new>
#include <pthread.h>

namespace socketpoll {
namespace {

using Tenure = std::shared_ptr<ThreadLife>;

void end_tenure(void *value) {
  const std::unique_ptr<Tenure> tenure(static_cast<Tenure *>(value));
  (*tenure)->end();
}

// A thread_local with a destructor would say the same, but mingw-w64 gives back the memory of
// thread_locals before it destroys what is in them.
const Tenure &this_thread() {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    if (::pthread_key_create(&made, end_tenure) != 0) throw std::bad_alloc();
    return made;
  }();
  if (void *present = ::pthread_getspecific(key)) return *static_cast<Tenure *>(present);
  auto tenure = std::make_unique<Tenure>(std::make_shared<ThreadLife>());
  if (::pthread_setspecific(key, tenure.get()) != 0) throw std::bad_alloc();
  return *tenure.release();
}

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
  const Tenure &life = this_thread();
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
