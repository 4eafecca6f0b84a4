// Threads that each run a loop of their own.
//
// A group is pinned by its callers, and its memory may be let go of by any of them; its threads are
// joined before that, by whoever frees it, so no thread ever outlives the group. Everything but the
// loops themselves is guarded by one mutex, which is never held while a program's callback runs.
#pragma once

#include "SocketWorkers.h"

#include "base/handle_table.hpp"
#include "base/result.hpp"
#include "net/buffer/shared.hpp"
#include "net/loop.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace socketpoll {

class Workers final : public Shared {
public:
  static constexpr HandleKind kHandleKind = HandleKind::workers;
  static constexpr size_t kMostPrefix = 10; // a thread's name has room for five more

  // Throws std::bad_alloc.
  static Ref<Workers> create();
  void destroy() noexcept { const std::unique_ptr<Workers> last(this); }
  ~Workers();

  Status set_name(std::string_view prefix);
  Status set_pinning(bool on);
  Status start(int count, SocketWorkersSetup_T setup, void *user);
  int count();
  int failed();
  Result<HandleWord> loop(int index);
  void stop() noexcept;
  Status join(int timeout_ms);
  // No start succeeds any more; stops and joins. Not in one of its own workers.
  void close() noexcept;
  // Whether the calling thread is one of them.
  bool is_mine() const noexcept;

private:
  enum class State : uint8_t { idle, starting, running, joining };
  struct Worker;
  class Began;
  using Lock = std::unique_lock<std::mutex>;

  Workers();
  static void run_thread(void *worker) noexcept;
  void run(Worker &worker) noexcept;
  int set_up(Worker &worker, Loop &loop) noexcept;
  Status start_one(Lock &lock, Worker &worker) noexcept;
  void stop_loops() noexcept;
  void join_threads(Lock &lock) noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::idle;
  bool closed_ = false;
  bool stopping_ = false;
  bool released_ = false; // the workers may run their loops, or end
  bool pinning_ = false;
  std::string prefix_ = "socketpoll";
  SocketWorkersSetup_T setup_ = nullptr;
  void *user_ = nullptr;
  std::unique_ptr<Worker[]> workers_;
  int count_ = 0; // threads that were started
  int ended_ = 0;
  int failed_ = -1;
  int status_ = 0; // of the first that failed while running
};

} // namespace socketpoll
