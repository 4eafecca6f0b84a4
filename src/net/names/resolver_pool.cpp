#include "net/names/resolver_pool.hpp"

#include "base/error.hpp"
#include "net/clock.hpp"
#include "net/os/os_thread.hpp"

#include <algorithm>
#include <chrono>
#include <new>

namespace socketpoll {

constinit ResolverSettings resolver_settings;

namespace {

// getaddrinfo(3) and the modules that it loads do with less; memory is used as it is touched.
constexpr size_t kStackBytes = 512 * 1024;

std::atomic<ResolverPool *> present{nullptr};
ResolverPool *abandoned = nullptr;

// The parent's threads do not exist in the child, its mutex may be locked for ever.
void after_fork_in_child() noexcept { abandoned = present.exchange(nullptr); }

int64_t now_ns() noexcept {
  const auto replaced = resolver_settings.now_ns.load(std::memory_order_relaxed);
  return replaced ? replaced() : SystemClock().now_ns();
}

} // namespace

// Never destroyed: its threads may run until the process has ended.
ResolverPool &ResolverPool::instance() {
  static const bool watched = (os::at_fork_in_child(after_fork_in_child), true);
  static_cast<void>(watched);
  ResolverPool *pool = present.load(std::memory_order_acquire);
  if (pool) return *pool;
  std::unique_ptr<ResolverPool> made(new ResolverPool(abandoned));
  if (present.compare_exchange_strong(pool, made.get(), std::memory_order_acq_rel))
    pool = made.release();
  return *pool;
}

// ---- Asking

Result<std::shared_ptr<const Resolved>> ResolverPool::ask(const HostKey &key,
                                                          std::unique_ptr<Answer> answer) {
  std::lock_guard lock(mutex_);
  if (auto known = cache_.find(key, now_ns())) return known;
  const std::shared_ptr<const Resolved> later;
  if (const auto same = jobs_.find(key); same != jobs_.end()) {
    same->second->answers.push_back(std::move(answer));
    return later;
  }
  if (queued_ >= static_cast<size_t>(resolver_settings.queued.load())) return Error{SOCKET_ELIMIT};
  auto job = std::make_unique<Job>(key);
  job->answers.push_back(std::move(answer));
  const auto added = jobs_.emplace(key, std::move(job)).first;
  queue_.push_back(*added->second);
  queued_++;
  if (idle_ > 0) wake_.notify_one();
  if (static_cast<size_t>(idle_) >= queued_ || threads_ >= resolver_settings.threads.load())
    return later;
  const Status started = start_thread();
  if (started.ok() || threads_ > 0) return later; // else another thread will come to it
  drop(added);
  return started.error();
}

void ResolverPool::drop(Jobs::iterator job) noexcept {
  queued_--;
  jobs_.erase(job);
}

void ResolverPool::forget(const HostKey &key, const std::shared_ptr<Lookup *> &asker) noexcept {
  // None: the question was asked before a fork().
  if (ResolverPool *pool = present.load(std::memory_order_acquire)) pool->forget_answer(key, asker);
}

void ResolverPool::forget_answer(const HostKey &key,
                                 const std::shared_ptr<Lookup *> &asker) noexcept {
  std::lock_guard lock(mutex_);
  const auto found = jobs_.find(key);
  if (found == jobs_.end()) return;
  Job &job = *found->second;
  std::erase_if(job.answers, [&](const auto &answer) { return answer->asker == asker; });
  if (job.answers.empty() && List<Job, QueueTag>::contains(job)) drop(found);
}

void ResolverPool::flush_cache() noexcept {
  std::lock_guard lock(mutex_);
  cache_.shrink(0);
}

void ResolverPool::apply_settings() noexcept {
  std::lock_guard lock(mutex_);
  cache_.shrink(static_cast<size_t>(resolver_settings.cached.load()));
  wake_.notify_all(); // some may have to end, or there may be work for more
  while (static_cast<size_t>(idle_) < queued_ && threads_ < resolver_settings.threads.load() &&
         start_thread().ok()) {
  }
}

int ResolverPool::threads() noexcept {
  std::lock_guard lock(mutex_);
  return threads_;
}

size_t ResolverPool::busy() noexcept {
  std::lock_guard lock(mutex_);
  return jobs_.size() + posting_;
}

size_t ResolverPool::cached() noexcept {
  std::lock_guard lock(mutex_);
  return cache_.size();
}

// ---- Threads

void ResolverPool::run_thread(void *pool) noexcept {
  os::name_this_thread("socketpoll-name");
  static_cast<ResolverPool *>(pool)->work();
}

Status ResolverPool::start_thread() noexcept {
  const Status started = os::start_detached(body_, kStackBytes);
  if (started.ok()) threads_++;
  return started;
}

void ResolverPool::work() noexcept {
  std::unique_lock lock(mutex_);
  while (wait_for_job(lock)) {
    Job &job = *queue_.pop_front();
    queued_--;
    lock.unlock();
    look_up(job.key.name.c_str(), job.key.family, *job.outcome);
    lock.lock();
    finish(job, lock);
  }
  threads_--;
}

// False: this thread is to end.
bool ResolverPool::wait_for_job(std::unique_lock<std::mutex> &lock) noexcept {
  for (;;) {
    if (threads_ > resolver_settings.threads.load()) {
      wake_.notify_one(); // what this one was woken for
      return false;
    }
    if (!queue_.empty()) return true;
    const std::chrono::milliseconds patience(resolver_settings.idle_ms.load());
    idle_++;
    const auto woken = wake_.wait_for(lock, patience);
    idle_--;
    if (woken == std::cv_status::timeout && queue_.empty()) return false;
  }
}

void ResolverPool::finish(Job &job, std::unique_lock<std::mutex> &lock) noexcept {
  remember(job);
  const auto place = jobs_.find(job.key);
  const std::unique_ptr<Job> done = std::move(place->second);
  jobs_.erase(place);
  posting_++;
  lock.unlock();
  for (std::unique_ptr<Answer> &answer : done->answers) {
    answer->outcome = done->outcome;
    if (const Pinned<Loop> loop(answer->loop); loop) (void)loop->post(std::move(answer));
  }
  lock.lock();
  posting_--;
}

// Failures, too, for a moment (RFC 9520), but not those of this machine.
void ResolverPool::remember(const Job &job) noexcept {
  const int code = job.outcome->code;
  if (code != 0 && code != SOCKET_ENONAME && code != SOCKET_ENAMESERVER) return;
  const int entries = resolver_settings.cached.load();
  const int ms = code ? resolver_settings.failed_ms.load() : resolver_settings.found_ms.load();
  if (entries == 0 || ms == 0) return;
  try {
    cache_.store(job.key, job.outcome, now_ns() + ms * kNsPerMs);
  } catch (const std::bad_alloc &) {
    return; // asked again next time
  }
  cache_.shrink(static_cast<size_t>(entries));
}

} // namespace socketpoll
