// The event loop. Its turn: posted work, timers, flush of changed interests, wait, dispatch,
// reclaim of the retired; after each phase that may raise events, delivery of those that are
// pushed.
//
// One thread owns it (see SocketLoop.h). It takes time through its clock and readiness through its
// poller, and through nothing else.
#pragma once

#include "SocketLoop.h"

#include "base/handle_table.hpp"
#include "base/list.hpp"
#include "net/chunk_pool.hpp"
#include "net/clock.hpp"
#include "net/loop_object.hpp"
#include "net/loop_stats.hpp"
#include "net/names/resolver_hook.hpp"
#include "net/simulation/simulated_socket.hpp"
#include "net/stream/pipe_pool.hpp"
#include "net/timer_heap.hpp"
#include "net/watch.hpp"
#include "poll/poller.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace socketpoll {

namespace tls {
class Room;
}
struct DeferredTag;

// A call that must not be made from inside the program's own call, made in the next delivery.
class Deferred : public Linked<DeferredTag> {
public:
  virtual ~Deferred() = default;
  virtual void run_deferred() = 0;
  virtual void on_no_memory() noexcept = 0;
};

// Something that another thread hands to the loop's, where it is delivered; destroyed undelivered
// if the loop goes first.
class Posted : public Deliverable {
public:
  virtual bool pushed() const noexcept { return true; }
  size_t collect(std::span<SocketCompletion_T>) override { return 0; }
};

class Loop {
public:
  static constexpr HandleKind kHandleKind = HandleKind::loop;
  static constexpr size_t kScratchBytes = 65536;
  static constexpr int kBatch = 256; // descriptors of one turn

  // backend_name may be nullptr. Throws std::bad_alloc.
  static Result<HandleWord> create(const char *backend_name);
  // Over another clock and another poll, and sockets from another network than the kernel's.
  static Result<HandleWord> create(std::unique_ptr<Poller> poller, std::unique_ptr<Clock> clock,
                                   Network *network);
  ~Loop();

  // Makes the calling thread the owner. SOCKET_EBUSY inside a callback of the loop, where it is the
  // owner already; SOCKET_EWRONGTHREAD while another thread runs it.
  Status claim() noexcept;

  Status run();
  Result<int> run_once(int timeout_ms);
  Result<int> wait(std::span<SocketCompletion_T> out, int timeout_ms);
  // Turns until met() or the timeout, also from inside a callback of this loop. Pulled events stay
  // queued. SOCKET_ESTOPPED: stopped or closed; the stop is left for the run that it was meant for.
  template <class Met> Status run_until(Met &&met, int timeout_ms) {
    using Condition = std::remove_reference_t<Met>;
    const auto ask = [](void *condition) { return (*static_cast<Condition *>(condition))(); };
    return run_until(ask, static_cast<void *>(&met), timeout_ms);
  }
  void stop() noexcept;                               // any thread
  Status post(SocketCallback_T callback, void *user); // any thread
  // deliver() is called on the loop's thread, and owns the object from then on. Any thread.
  Status post(std::unique_ptr<Posted> posted);
  // Ends the handle and all that stands on the loop: at once inside a callback of this loop, which
  // ends the run. SOCKET_EWRONGTHREAD while another thread runs it. What SocketLoop_free does.
  Status close() noexcept;

  HandleWord handle() const noexcept { return handle_; }
  Poller &poller() noexcept { return *poller_; }
  // nullptr: the kernel's.
  Network *network() const noexcept { return network_; }
  bool running() noexcept;
  bool closed() const noexcept { return closed_; }
  Clock &clock() noexcept { return *clock_; }
  TimerHeap &timers() noexcept { return timers_; }
  ChunkPool &chunks() noexcept { return chunks_; }
  // Throws std::bad_alloc.
  PipePool &pipes() {
    if (!pipes_) pipes_ = std::make_unique<PipePool>(*this);
    return *pipes_;
  }
  // Throws std::bad_alloc.
  tls::Room &tls_room();
  ResolverHook &resolver_hook() noexcept { return resolver_hook_; }
  // The time at which this turn began to dispatch, CLOCK_MONOTONIC. Outside the loop's turns, and
  // late in a long one, it is old: what starts a deadline asks the clock.
  int64_t now_ns() const noexcept { return now_ns_; }
  // The time at which every descriptor was last asked. A deadline after it may have been met by
  // what lies in the kernel still.
  int64_t looked_ns() const noexcept { return looked_ns_; }
  // Counts turns: what was looked up in this one need not be looked up again.
  uint64_t turn_number() const noexcept { return turn_number_; }
  // 64 KiB that one dispatch may fill; not kept across a call into the program.
  std::span<char> scratch() noexcept { return {scratch_.get(), kScratchBytes}; }
  // For a pulled read: room for at least `least` bytes in the shared chunk, then what was received
  // becomes a reference to it. receive_chunk throws std::bad_alloc.
  std::span<char> receive_chunk(size_t least);
  ChunkRef use_received(size_t bytes) noexcept;
  // Arms the node for a delay: from now, or, inside a callback, from when the loop has control
  // again and looks at the clock anyway.
  void arm_after(TimerNode &node, int64_t delay_ns) noexcept;
  // Milliseconds until timers or queued work are due; -1 for never.
  int due_in_ms(int64_t now_ns) noexcept;
  // Events wait for the program's next SocketLoop_wait, which is how it drives this loop.
  bool owes_pulled() noexcept { return pulls_ && !pull_ready_.empty(); }
  LoopStats &stats() noexcept { return stats_; }
  // No callback is to be made any more in this turn.
  bool stopping() const noexcept { return closed_ || stop_.load(std::memory_order_relaxed); }

  void own(LoopObject &object) noexcept {
    objects_.push_back(object);
    stats_.add(SOCKET_STAT_OBJECTS);
  }
  void disown(LoopObject &object) noexcept {
    List<LoopObject, OwnedTag>::remove(object);
    stats_.add(SOCKET_STAT_OBJECTS, -1);
  }
  void retire(Retired &retired) noexcept { retired_.push_back(retired); }
  void enlist(Deliverable &deliverable, bool push) noexcept;
  void changed(Watch &watch) noexcept { changed_.push_back(watch); }
  void defer(Deferred &deferred) noexcept { deferred_.push_back(deferred); }
  // The event that is being delivered hands out bytes of this descriptor's, as a dispatch does.
  void delivers_bytes_of(Watch *watch) noexcept { active_ = watch; }
  // An event was queued to be pulled.
  void count_event() noexcept { handled_++; }
  void count_pushed() noexcept {
    handled_++;
    stats_.add(SOCKET_STAT_PUSHED);
  }
  // A chunk whose bytes the program may read until its next wait; at most one for each event that
  // the present wait collects.
  void lend(ChunkRef chunk) noexcept { lent_.push_back(std::move(chunk)); }
  bool may_lend() const noexcept { return lent_.size() < lent_.capacity(); }

private:
  class Running;
  class Nested;
  Loop();
  Status run_until(bool (*met)(void *), void *condition, int timeout_ms);
  Status take_ownership() noexcept;

  // A turn up to the flush of interests, and from the wait on.
  void begin_turn();
  Status finish_turn(int timeout_ms, int max_events);
  // Turns until done() or the timeout; SOCKET_ESTOPPED when stopped or closed.
  template <class Done> Status turns_until(int timeout_ms, int max_events, Done &&done);
  void run_posts();
  void fire_timers() noexcept;
  bool take_stop() noexcept { return stop_.load() && stop_.exchange(false); }
  // A nested turn leaves the stop to the run that it was meant for.
  bool stopped_here() noexcept { return depth_ > 0 ? stop_.load() : take_stop(); }
  static void run(Deferred &deferred) noexcept;
  bool has_deliveries() noexcept {
    return !push_ready_.empty() || !deferred_.empty() || !delivering_.empty() ||
           !running_deferred_.empty();
  }
  void run_deferred() noexcept;
  void deliver() noexcept;
  void flush_changes() noexcept;
  void dispatch(std::span<SocketEvent_T> events) noexcept;
  void note_looked(int events, int room) noexcept;
  void dispose_all() noexcept;
  void reclaim() noexcept;
  size_t collect(std::span<SocketCompletion_T> out) noexcept;
  int wait_timeout_ms(int timeout_ms) noexcept;
  void update_now() noexcept { now_ns_ = clock_->now_ns(); }

  struct Post;
  HandleWord handle_ = 0;
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<Clock> clock_;
  Network *network_ = nullptr;
  LoopStats stats_;
  std::unique_ptr<char[]> scratch_ = std::make_unique_for_overwrite<char[]>(kScratchBytes);
  int64_t now_ns_ = 0;
  int64_t looked_ns_ = 0;
  int64_t sweep_ns_ = 0; // when the present row of full batches began
  int swept_ = 0;        // and how many descriptors they had
  int64_t woke_ns_ = 0;  // when the last wait ended; 0: what came after it was not ours
  uint64_t turn_number_ = 0;
  int handled_ = 0;         // events of this turn
  int depth_ = 0;           // turns that are under way inside one another
  Watch *active_ = nullptr; // the one that the innermost turn dispatches to
  bool closed_ = false;
  bool pulls_ = true; // driven by wait() last; not driven at all yet, it may well be
  ResolverHook resolver_hook_;
  std::atomic<bool> stop_{false};

  std::mutex owner_mutex_;
  bool running_ = false; // guarded by owner_mutex_, but for reading on the thread that set it

  // Before everything that its members point into.
  ChunkPool chunks_;
  TimerHeap timers_;
  std::unique_ptr<PipePool> pipes_;
  std::unique_ptr<tls::Room> tls_room_;
  ChunkRef receive_chunk_;
  std::vector<ChunkRef> lent_;

  std::mutex posts_mutex_;
  List<Deliverable, ReadyTag> posts_; // guarded by posts_mutex_
  std::atomic<bool> has_posts_{false};

  List<LoopObject, OwnedTag> objects_;
  List<Deliverable, ReadyTag> push_ready_;
  List<Deliverable, ReadyTag> delivering_; // push_ready_ as it was when this delivery began
  List<Deliverable, ReadyTag> pull_ready_;
  List<Watch, ChangedTag> changed_;
  List<Deferred, DeferredTag> deferred_;
  List<Deferred, DeferredTag> running_deferred_;
  List<Retired, RetiredTag> retired_;
};

template <class T> Result<T *> LoopObject::adopt(std::unique_ptr<T> object) {
  HandleFinalizer finalizer = nullptr;
  if constexpr (requires { T::finalize; }) finalizer = T::finalize; // other threads may pin it
  auto entered = static_cast<LoopObject &>(*object).enter(finalizer);
  if (!entered.ok()) return entered.error();
  return object.release(); // the loop's from here on
}

} // namespace socketpoll
