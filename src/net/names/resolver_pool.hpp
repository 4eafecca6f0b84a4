// Net floor. getaddrinfo(3) blocks, so a few threads of the process call it: started when there is
// something to do, gone after some idle seconds, shared by all loops. Whoever asks waits in its
// loop; nobody ever waits for a thread. One that hangs in getaddrinfo keeps its thread and nothing
// else: a lookup is forgotten, a loop freed and the process ended beside it.
//
// The same question asked again while its answer is under way joins it. Any thread may call
// anything here.
#pragma once

#include "base/handle_table.hpp"
#include "base/time.hpp"
#include "net/loop.hpp"
#include "net/names/resolver_cache.hpp"
#include "net/os/os_thread.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace socketpoll {

class Lookup;

// What goes to the pool and comes back to the loop's thread. Made beforehand, so that an answer
// never fails for want of memory.
struct Answer final : Posted {
  Answer(HandleWord of, std::shared_ptr<Lookup *> by) noexcept : loop(of), asker(std::move(by)) {}
  void deliver() override;

  const HandleWord loop;
  const std::shared_ptr<Lookup *> asker; // what it points to is the loop's thread's alone
  std::shared_ptr<const Resolved> outcome;
};

// Process-wide, and kept across fork().
struct ResolverSettings {
  std::atomic<int> threads{4};
  std::atomic<int> queued{256};
  std::atomic<int> cached{256};
  std::atomic<int> found_ms{30'000};
  std::atomic<int> failed_ms{1'000};
  // For tests.
  std::atomic<int> idle_ms{5'000};
  std::atomic<int64_t (*)()> now_ns;
};
extern ResolverSettings resolver_settings;

class ResolverPool {
public:
  // This process's. A child of fork() has none of its parent's threads, and gets another one.
  // Throws std::bad_alloc, the first time.
  static ResolverPool &instance();

  // The outcome where it is known; else nullptr, and `answer` is delivered later. SOCKET_ELIMIT
  // when too many questions wait, or the system gives no thread. Throws std::bad_alloc.
  Result<std::shared_ptr<const Resolved>> ask(const HostKey &key, std::unique_ptr<Answer> answer);
  // Drops the answer that `asker` waits for; one that is on its way already is the caller's to
  // ignore. A question that nobody waits for any more is not asked.
  static void forget(const HostKey &key, const std::shared_ptr<Lookup *> &asker) noexcept;
  void flush_cache() noexcept;
  void apply_settings() noexcept;

  int threads() noexcept;
  size_t busy() noexcept; // questions waiting and under way, answers not posted yet among them
  size_t cached() noexcept;

private:
  struct QueueTag;
  struct Job : Linked<QueueTag> {
    explicit Job(const HostKey &asked) : key(asked) {}
    HostKey key;
    std::vector<std::unique_ptr<Answer>> answers;
    std::shared_ptr<Resolved> outcome = std::make_shared<Resolved>();
  };
  using Jobs = std::unordered_map<HostKey, std::unique_ptr<Job>, HostKeyHash>;

  explicit ResolverPool(ResolverPool *parents) noexcept : parents_(parents) {}
  static void run_thread(void *pool) noexcept;
  Status start_thread() noexcept;
  void work() noexcept;
  bool wait_for_job(std::unique_lock<std::mutex> &lock) noexcept;
  void finish(Job &job, std::unique_lock<std::mutex> &lock) noexcept;
  void remember(const Job &job) noexcept;
  void forget_answer(const HostKey &key, const std::shared_ptr<Lookup *> &asker) noexcept;
  void drop(Jobs::iterator job) noexcept;

  const os::ThreadBody body_{run_thread, this};
  ResolverPool *const parents_; // of before a fork(): never used again, so that nothing seems lost
  std::mutex mutex_;            // guards all below, is never held across getaddrinfo or a post
  std::condition_variable wake_;
  Jobs jobs_;                 // waiting and under way
  List<Job, QueueTag> queue_; // those that wait
  size_t queued_ = 0;
  int threads_ = 0;
  int idle_ = 0;
  size_t posting_ = 0;
  ResolverCache cache_;
};

} // namespace socketpoll
