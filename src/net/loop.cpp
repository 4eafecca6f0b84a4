#include "net/loop.hpp"

#include "base/error.hpp"
#include "net/tls/room.hpp"

#include <algorithm>
#include <climits>
#include <new>
#include <optional>

namespace socketpoll {

namespace {

// What one wait collects, whatever the program has room for: bounds what it lends.
constexpr size_t kMostCollected = 65536;

void finalize_loop(void *object) noexcept { std::unique_ptr<Loop>(static_cast<Loop *>(object)); }

} // namespace

// Marks the loop as being run by this thread, which becomes its owner, until the end of the scope.
class Loop::Running {
public:
  explicit Running(Loop &loop) noexcept : loop_(loop) {
    std::lock_guard lock(loop.owner_mutex_);
    status_ = loop.take_ownership();
    if (status_.ok()) loop.running_ = true;
  }
  Running(const Running &) = delete;
  Running &operator=(const Running &) = delete;
  ~Running() {
    if (!status_.ok()) return;
    std::lock_guard lock(loop_.owner_mutex_);
    loop_.running_ = false;
  }
  Status status() const noexcept { return status_; }

private:
  Loop &loop_;
  Status status_;
};

// A turn inside a callback of another one. Until it ends, the descriptor whose event the callback
// is dealing with is not read, and the bytes that the callback was handed stay where they are.
class Loop::Nested {
public:
  // Throws std::bad_alloc.
  explicit Nested(Loop &loop)
      : loop_(loop), scratch_(std::make_unique_for_overwrite<char[]>(kScratchBytes)),
        active_(std::exchange(loop.active_, nullptr)), handled_(loop.handled_) {
    scratch_.swap(loop.scratch_);
    if (loop.tls_room_) cipher_ = loop.tls_room_->exchange_cipher({});
    loop.depth_++;
    if (active_) held_here_ = active_->hold_reading(true);
  }
  Nested(const Nested &) = delete;
  Nested &operator=(const Nested &) = delete;
  ~Nested() {
    if (held_here_) active_->hold_reading(false);
    loop_.depth_--;
    loop_.active_ = active_;
    loop_.handled_ += handled_;
    scratch_.swap(loop_.scratch_);
    if (cipher_) loop_.tls_room_->exchange_cipher(std::move(cipher_));
  }

private:
  Loop &loop_;
  std::unique_ptr<char[]> scratch_, cipher_;
  Watch *active_;
  int handled_;
  bool held_here_ = false;
};

// SOCKET_EBUSY: this thread runs it already; SOCKET_EWRONGTHREAD: another one does.
Status Loop::take_ownership() noexcept {
  HandleTable &table = HandleTable::instance();
  if (running_)
    return Error{table.owner(handle_) == thread_token() ? SOCKET_EBUSY : SOCKET_EWRONGTHREAD};
  table.set_owner(handle_, thread_token());
  return {};
}

bool Loop::running() noexcept {
  const std::lock_guard lock(owner_mutex_);
  return running_;
}

Status Loop::claim() noexcept {
  std::lock_guard lock(owner_mutex_);
  return take_ownership();
}

struct Loop::Post final : Posted {
  Post(Loop &post_loop, SocketCallback_T post_callback, void *post_user) noexcept
      : loop(post_loop), callback(post_callback), user(post_user) {}

  bool pushed() const noexcept override { return callback != nullptr; }
  SocketCompletion_T event() const noexcept {
    SocketCompletion_T event{};
    event.kind = SOCKET_POSTED;
    event.user = user;
    return event;
  }
  void deliver() override {
    const std::unique_ptr<Post> self(this);
    const SocketCompletion_T happened = event();
    loop.count_pushed();
    callback(&happened, user);
  }
  size_t collect(std::span<SocketCompletion_T> out) override {
    const std::unique_ptr<Post> self(this);
    unlink();
    out[0] = event();
    return 1;
  }
  void unlink() noexcept { List<Deliverable, ReadyTag>::remove(*this); }

  Loop &loop;
  SocketCallback_T callback;
  void *user;
};

Result<HandleWord> Loop::create(const char *backend_name) {
  auto poller = Poller::create(backend_name, 0);
  if (!poller.ok()) return poller.error();
  return create(poller.take(), std::make_unique<SystemClock>(), nullptr);
}

Result<HandleWord> Loop::create(std::unique_ptr<Poller> poller, std::unique_ptr<Clock> clock,
                                Network *network) {
  std::unique_ptr<Loop> loop(new Loop);
  loop->poller_ = std::move(poller);
  loop->clock_ = std::move(clock);
  loop->network_ = network;
  loop->update_now();
  auto handle = HandleTable::instance().insert(kHandleKind, loop.get(), 0, finalize_loop);
  if (!handle.ok()) return handle;
  loop->handle_ = *handle;
  HandleTable::instance().set_owner(*handle, thread_token());
  loop.release(); // finalize_loop's from here on
  return handle;
}

Loop::Loop() = default;

Loop::~Loop() {
  reclaim();
  for (auto *list : {&posts_, &push_ready_, &delivering_, &pull_ready_})
    while (Deliverable *post = list->pop_front()) std::unique_ptr<Deliverable>{post};
}

tls::Room &Loop::tls_room() {
  if (!tls_room_) tls_room_ = std::make_unique<tls::Room>();
  return *tls_room_;
}

Status Loop::close() noexcept {
  const Running running(*this);
  if (running.status().code() == SOCKET_EWRONGTHREAD) return running.status();
  dispose_all();
  if (running.status().ok()) reclaim();
  return {};
}

void Loop::dispose_all() noexcept {
  closed_ = true;
  HandleTable::instance().retire(handle_, kHandleKind);
  while (LoopObject *object = objects_.front()) object->dispose();
}

void Loop::stop() noexcept {
  if (!stop_.exchange(true)) (void)poller_->wakeup();
}

Status Loop::post(SocketCallback_T callback, void *user) {
  return post(std::make_unique<Post>(*this, callback, user));
}

Status Loop::post(std::unique_ptr<Posted> posted) {
  {
    std::lock_guard lock(posts_mutex_);
    posts_.push_back(*posted.release());
  }
  if (!has_posts_.exchange(true)) return poller_->wakeup();
  return {};
}

void Loop::enlist(Deliverable &deliverable, bool push) noexcept {
  (push ? push_ready_ : pull_ready_).push_back(deliverable);
}

Status Loop::run() {
  const Running running(*this);
  if (!running.status().ok()) return running.status();
  pulls_ = false;
  for (;;) {
    if (take_stop()) return {};
    begin_turn();
    const Status status = finish_turn(-1, 0);
    if (closed_) return Error{SOCKET_ESTOPPED};
    if (!status.ok()) return status;
  }
}

Result<int> Loop::run_once(int timeout_ms) {
  const Running running(*this);
  if (!running.status().ok()) return running.status().error();
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  pulls_ = false;
  const Status status = turns_until(timeout_ms, 0, [this] { return handled_ > 0; });
  if (!status.ok()) return status.error();
  return handled_;
}

Result<int> Loop::wait(std::span<SocketCompletion_T> out, int timeout_ms) {
  const Running running(*this);
  if (!running.status().ok()) return running.status().error();
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  out = out.first(std::min(out.size(), kMostCollected));
  pulls_ = true;
  lent_.clear();
  lent_.reserve(out.size());
  const int batch = static_cast<int>(std::min<size_t>(out.size(), 256));
  const Status status = turns_until(timeout_ms, batch, [this] { return !pull_ready_.empty(); });
  if (!status.ok()) return status.error();
  return static_cast<int>(collect(out));
}

Status Loop::run_until(bool (*met)(void *), void *condition, int timeout_ms) {
  const Running running(*this);
  if (running.status().code() == SOCKET_EWRONGTHREAD) return running.status();
  std::optional<Nested> nested;
  if (!running.status().ok()) nested.emplace(*this);
  return turns_until(timeout_ms, 0, [&] { return met(condition); });
}

template <class Done> Status Loop::turns_until(int timeout_ms, int max_events, Done &&done) {
  const int64_t start = clock_->now_ns();
  if (timeout_ms == 0) woke_ns_ = 0;
  const int64_t deadline = timeout_ms < 0 ? INT64_MAX : start + timeout_ms * kNsPerMs;
  int64_t left_ms = timeout_ms;
  for (;;) {
    if (stopped_here()) return Error{SOCKET_ESTOPPED};
    begin_turn();
    const Status status = finish_turn(done() ? 0 : static_cast<int>(left_ms), max_events);
    // Taken here, so that it ends this call and not the next one as well.
    if (closed_ || stopped_here()) return Error{SOCKET_ESTOPPED};
    if (!status.ok()) return status;
    if (done()) return {};
    if (timeout_ms < 0) continue;
    const int64_t left = deadline - clock_->now_ns();
    if (left <= 0) return {};
    left_ms = std::max<int64_t>(0, (left + kNsPerMs - 1) / kNsPerMs);
  }
}

void Loop::begin_turn() {
  turn_number_++;
  handled_ = 0;
  if (has_posts_.load(std::memory_order_relaxed)) run_posts();
  // Without timers nobody asks what time it is before the wait is over.
  if (!timers_.empty()) {
    update_now();
    fire_timers();
  }
  if (has_deliveries()) deliver();
  flush_changes();
  // What the program did took time.
  if (timers_.unsorted() || (handled_ > 0 && !timers_.empty())) update_now();
}

Status Loop::finish_turn(int timeout_ms, int max_events) {
  const int room = max_events ? max_events : kBatch;
  const int wait_ms = wait_timeout_ms(timeout_ms);
  const bool timed = !timers_.empty(); // otherwise now_ns_ is old
  stats_.add(SOCKET_STAT_TURNS);
  if (wait_ms != 0) stats_.add(SOCKET_STAT_WAITS);
  if (timed && woke_ns_ != 0) stats_.raise_to(SOCKET_STAT_LONGEST_NS, now_ns_ - woke_ns_);
  const int64_t before_ns = now_ns_;
  auto batch = poller_->wait(wait_ms, room, timed ? now_ns_ : 0);
  update_now();
  if (timed) stats_.add(SOCKET_STAT_WAIT_NS, now_ns_ - before_ns);
  woke_ns_ = now_ns_;
  if (batch.ok()) {
    const uint64_t turn = turn_number_;
    const int count = static_cast<int>(batch->size());
    dispatch(*batch);
    if (turn_number_ == turn && !stopping()) note_looked(count, room);
    if (has_deliveries()) deliver();
  }
  if (depth_ == 0) reclaim(); // what is freed may be in use by the callbacks around us
  return batch.ok() ? Status() : Status(batch.error());
}

void Loop::run_posts() {
  List<Deliverable, ReadyTag> posts;
  has_posts_.store(false);
  {
    std::lock_guard lock(posts_mutex_);
    posts.splice(posts_);
  }
  while (Deliverable *next = posts.front()) {
    stats_.add(SOCKET_STAT_POSTS);
    const bool push = static_cast<Posted *>(next)->pushed();
    if (!push) count_event();
    enlist(*next, push);
  }
}

void Loop::fire_timers() noexcept {
  timers_.begin_round(now_ns_);
  while (!closed_) {
    TimerNode *node = timers_.pop_due(now_ns_);
    if (!node) return;
    stats_.add(SOCKET_STAT_TIMERS);
    try {
      node->on_timer();
    } catch (const std::bad_alloc &) {
      node->on_no_memory();
    }
  }
}

void Loop::run(Deferred &deferred) noexcept {
  try {
    deferred.run_deferred();
  } catch (const std::bad_alloc &) {
    deferred.on_no_memory();
  }
}

// What is raised meanwhile waits for the next delivery, here and in deliver(), so that two handles
// which wake each other cannot keep the loop from its descriptors.
// A nested turn goes on with what the one around it has begun.
void Loop::run_deferred() noexcept {
  running_deferred_.splice(deferred_);
  while (!stopping()) {
    Deferred *next = running_deferred_.pop_front();
    if (!next) return;
    run(*next);
  }
}

void Loop::deliver() noexcept {
  run_deferred();
  delivering_.splice(push_ready_);
  while (!stopping()) {
    Deliverable *next = delivering_.pop_front();
    if (!next) return;
    next->deliver();
    active_ = nullptr;
  }
}

void Loop::flush_changes() noexcept {
  while (Watch *watch = changed_.pop_front()) {
    Status status;
    try {
      status = watch->want_now(watch->wanted());
    } catch (const std::bad_alloc &) {
      status = Error{SOCKET_ENOMEM};
    }
    if (!status.ok()) watch->on_refused(status.code());
  }
}

void Loop::dispatch(std::span<SocketEvent_T> events) noexcept {
  const uint64_t turn = turn_number_;
  for (const SocketEvent_T &event : events) {
    // Not lost: level-triggered, so the kernel tells once more.
    if (stopping()) return;
    Watch &watch = *static_cast<Watch *>(event.data);
    if (!watch.registered_) continue; // an earlier event of this batch ended it
    active_ = &watch;
    try {
      watch.on_ready(event.events);
    } catch (const std::bad_alloc &) {
      watch.on_no_memory();
    }
    if (turn_number_ != turn) break; // the callback ran turns of its own, into the same batch
  }
  active_ = nullptr;
}

// A full batch may have left descriptors out. They take turns, so a row of full ones has asked all
// when it is as long as there are descriptors.
void Loop::note_looked(int events, int room) noexcept {
  if (events < room) {
    looked_ns_ = now_ns_;
    swept_ = 0;
    return;
  }
  if (swept_ == 0) sweep_ns_ = now_ns_;
  swept_ += events;
  if (swept_ < poller_->count()) return;
  looked_ns_ = sweep_ns_;
  swept_ = 0;
}

void Loop::reclaim() noexcept {
  // No later turn lets go of what was borrowed.
  if (closed_) {
    running_deferred_.splice(deferred_);
    while (Deferred *next = running_deferred_.pop_front()) run(*next);
  }
  while (Retired *retired = retired_.pop_front()) retired->reclaim();
}

size_t Loop::collect(std::span<SocketCompletion_T> out) noexcept {
  size_t count = 0;
  while (count < out.size()) {
    Deliverable *next = pull_ready_.front();
    if (!next) break;
    count += next->collect(out.subspan(count));
  }
  stats_.add(SOCKET_STAT_PULLED, static_cast<int64_t>(count));
  return count;
}

std::span<char> Loop::receive_chunk(size_t least) {
  if (receive_chunk_ && receive_chunk_.unique()) receive_chunk_->used = 0;
  if (!receive_chunk_ || receive_chunk_->free_bytes() < least) receive_chunk_ = chunks_.take();
  return {receive_chunk_->end(), receive_chunk_->free_bytes()};
}

ChunkRef Loop::use_received(size_t bytes) noexcept {
  receive_chunk_->used += static_cast<uint32_t>(bytes);
  return receive_chunk_;
}

void Loop::arm_after(TimerNode &node, int64_t delay_ns) noexcept {
  if (running_) return timers_.arm_after(node, delay_ns);
  timers_.arm(node, clock_->now_ns() + delay_ns);
}

int Loop::due_in_ms(int64_t now_ns) noexcept {
  if (closed_ || stop_.load() || has_posts_.load() || has_deliveries() || !changed_.empty())
    return 0;
  if (timers_.empty()) return -1;
  timers_.sort(now_ns);
  const int64_t left = timers_.next_deadline() - now_ns;
  return static_cast<int>(std::clamp<int64_t>((left + kNsPerMs - 1) / kNsPerMs, 0, INT_MAX));
}

int Loop::wait_timeout_ms(int timeout_ms) noexcept {
  const int due = due_in_ms(now_ns_);
  if (due < 0 || timeout_ms == 0) return timeout_ms;
  return timeout_ms < 0 ? due : std::min(timeout_ms, due);
}

} // namespace socketpoll
