// An outcome that is not there yet, of an operation or of the program's own making.
//
// All but waiting happens on the loop's thread. Other threads pin the handle, look at done() and at
// what never changes after it, or block in await(). So the memory has two holders: the loop, which
// gives it back at the end of a turn, and the handle table, which waits for the last pin.
#pragma once

#include "SocketFuture.h"

#include "net/loop.hpp"
#include "net/names/address.hpp"

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace socketpoll {

class Future;
struct ObserverTag;

// Who works for a future. It forgets the future when it completes it, and is told when nobody wants
// it any more.
class FutureSource {
public:
  // Canceled, timed out or freed: the caller's memory is touched no more. What was moved until now
  // may be told by Future::progress.
  virtual void abandon(Future &future) noexcept = 0;

protected:
  ~FutureSource() = default;
};

// Told that a future it watches has ended.
class FutureObserver : public Linked<ObserverTag> {
public:
  virtual void on_ended(Future &future) noexcept = 0;

protected:
  ~FutureObserver() = default;
};

class Future : public LoopObject, private TimerNode {
public:
  static constexpr HandleKind kHandleKind = HandleKind::future;

  // An operation's. `subject`: the handle that it was begun on, or 0. Throws std::bad_alloc.
  // SOCKET_EINVAL for a timeout below -1.
  static Result<Future *> create(Loop &loop, FutureSource &source, HandleWord subject,
                                 int timeout_ms);
  static Result<Future *> create_sleep(Loop &loop, int64_t ms);
  // The program's own.
  static Result<Future *> create_open(Loop &loop);

  // ---- For the source, on the loop's thread; once.
  void succeed(int64_t result, void *data = nullptr) noexcept { settle(0, result, data); }
  // A stream that nobody has asked for is freed with the future.
  void succeed_with_stream(HandleWord stream) noexcept;
  // `lost`: bytes that it had taken and could give to nobody.
  void fail(int code, int64_t lost = 0) noexcept { settle(code, lost, data_); }
  // With the reason in words, which are left out where there is no memory for them.
  void fail_because(int code, std::string_view why) noexcept;
  void progress(int64_t bytes) noexcept { progress_.store(bytes, std::memory_order_relaxed); }
  // What `data` will say, known from the beginning.
  void set_data(void *data) noexcept { data_ = data; }

  // ---- For the program, on the loop's thread
  void cancel() noexcept;
  void then(SocketCallback_T callback, void *user) noexcept;
  Status release() noexcept;
  void *take_data() noexcept;
  void observe(FutureObserver &observer) noexcept { observers_.push_back(observer); }

  // ---- Any thread that holds a pin
  bool done() const noexcept { return done_.load(std::memory_order_seq_cst); }
  int status() const noexcept { return done() ? status_ : int{SOCKET_EAGAIN}; }
  Result<int64_t> result() const noexcept;
  // Why it failed, if there is more to say than its status does.
  std::string_view failure() const noexcept {
    return done() && failure_ ? std::string_view(*failure_) : std::string_view();
  }
  int64_t lost() const noexcept { return done() && status_ ? result_ : 0; }
  int64_t progress() const noexcept { return progress_.load(std::memory_order_relaxed); }
  // Of SocketAsync_resolve; unchanged once it is done.
  virtual std::span<const Address> addresses() const noexcept { return {}; }
  HandleWord loop_handle() const noexcept { return loop_handle_; }
  // Throws std::bad_alloc on other threads than the loop's.
  Status complete(HandleWord self, int status, int64_t result, void *data);
  // Ends as soon as `enough` of them have. On the loop's thread it runs the loop.
  static Status await(std::span<Future *const> futures, size_t enough, int timeout_ms);

  static void finalize(void *object) noexcept { static_cast<Future *>(object)->drop(); }

protected:
  Future(Loop &loop, FutureSource *source, HandleWord subject) noexcept
      : LoopObject(loop, kHandleKind), source_(source), subject_(subject),
        loop_handle_(loop.handle()) {}
  void settle(int status, int64_t result, void *data) noexcept;
  void on_dispose() noexcept override;
  // How long it may take from now on, once. SOCKET_EINVAL for less than -1. Throws std::bad_alloc.
  Status limit(int timeout_ms);
  // The program must not complete it.
  void reserve() noexcept { claimed_.store(true, std::memory_order_relaxed); }

private:
  class Completion;
  void give_up(int code) noexcept;
  void on_timer() override;
  void on_no_memory() noexcept override {}
  void describe(SocketCompletion_T &event) noexcept override;
  void reclaim() noexcept override { drop(); }
  void drop() noexcept;
  static Status block(std::span<Future *const> futures, size_t enough, int timeout_ms);

  FutureSource *source_;
  HandleWord subject_;
  HandleWord loop_handle_;
  List<FutureObserver, ObserverTag> observers_;
  std::unique_ptr<const std::string> failure_;
  void *data_ = nullptr;
  int64_t result_ = 0; // of one that failed: what was lost
  std::atomic<int64_t> progress_{0};
  std::atomic<int> waiters_{0};
  std::atomic<int> holders_{2};
  int status_ = 0;
  int elapsed_code_ = SOCKET_ETIMEDOUT; // what the end of its time means
  std::atomic<bool> done_{false};
  std::atomic<bool> claimed_{false}; // somebody has completed it, or is the only one who may
  bool delivers_ = false;
  bool delivered_ = false;
  bool released_ = false;
  bool owns_stream_ = false;
};

// The handles that a call names, kept from being finalized until it ends.
class PinnedFutures {
public:
  PinnedFutures() noexcept = default;
  PinnedFutures(const PinnedFutures &) = delete;
  PinnedFutures &operator=(const PinnedFutures &) = delete;
  ~PinnedFutures();
  static constexpr int kMost = 65536;
  // Throws std::bad_alloc.
  Status pin(const SocketFuture_T *handles, int count);
  std::span<Future *const> all() const noexcept { return futures_; }

private:
  std::vector<Future *> futures_;
  std::vector<HandleWord> words_;
};

} // namespace socketpoll
