// What stands on a loop and has a public handle: how its events reach the program, by push or by
// pull.
//
// An event is a bit in `pending_` until it is delivered, so that raising one never allocates and
// never calls the program. The loop delivers push objects after each phase of its turn, pull
// objects when the program waits; the events of one object come in the order of their kinds'
// numbers.
#pragma once

#include "SocketLoop.h"

#include "base/handle_table.hpp"
#include "base/list.hpp"

#include <memory>
#include <span>

namespace socketpoll {

class Loop;
struct ReadyTag;
struct OwnedTag;
struct RetiredTag;

// Memory that is given back at the end of the loop's turn, when nothing of the turn refers to it.
class Retired : public Linked<RetiredTag> {
public:
  virtual ~Retired() = default;
  virtual void reclaim() noexcept { const std::unique_ptr<Retired> last(this); }
};

// Something that SocketLoop_wait can fetch completions from.
class Deliverable : public Linked<ReadyTag> {
public:
  virtual ~Deliverable() = default;
  // Calls the callback of each pending push event.
  virtual void deliver() = 0;
  // Moves pending pull events into `out`; how many. Stays pending for what did not fit.
  virtual size_t collect(std::span<SocketCompletion_T> out) = 0;
};

class LoopObject : public Deliverable, public Linked<OwnedTag>, public Retired {
public:
  struct Target {
    SocketCallback_T callback = nullptr;
    void *user = nullptr;
  };

  LoopObject(const LoopObject &) = delete;
  LoopObject &operator=(const LoopObject &) = delete;
  ~LoopObject() override;

  Loop &loop() const noexcept { return loop_; }
  HandleWord handle() const noexcept { return handle_; }
  bool disposed() const noexcept { return handle_ == 0; }

  void set_target(SocketCallback_T callback, void *user) noexcept;
  bool pushes() const noexcept { return target_.callback != nullptr; }

  // Ends the handle and everything that could call the program, and leaves the memory to the end of
  // the turn. What Module_free and SocketLoop_free do.
  void dispose() noexcept;

  void deliver() override;
  size_t collect(std::span<SocketCompletion_T> out) override;

protected:
  LoopObject(Loop &loop, HandleKind kind) noexcept : loop_(loop), kind_(kind) {}
  // Gives the object its handle and the loop its ownership. Throws std::bad_alloc.
  template <class T> static Result<T *> adopt(std::unique_ptr<T> object);

  // Makes every copy of the handle stale and gives the object a new one, with nothing pending.
  // Throws std::bad_alloc.
  Status renew_handle();

  void raise(int kind) noexcept;
  void withdraw(int kind) noexcept;
  bool pending(int kind) const noexcept { return pending_ & (uint32_t{1} << kind); }
  // Where the pending events go has changed.
  void reroute() noexcept { enlist(); }
  // For an event that is delivered here and now, from the loop's dispatch.
  void push_now(SocketCompletion_T &event) noexcept;

  // Completes `event`, whose kind, subject and user are set, as it leaves.
  virtual void describe(SocketCompletion_T &event) noexcept = 0;
  virtual Target target_of(int) const noexcept { return target_; }
  virtual void on_dispose() noexcept = 0;

private:
  Result<HandleWord> enter(HandleFinalizer finalizer);
  int first_pending() const noexcept { return pending_ ? __builtin_ctz(pending_) : 0; }
  SocketCompletion_T take_event(const Target &target) noexcept;
  void enlist() noexcept;

  Loop &loop_;
  HandleWord handle_ = 0;
  Target target_;
  uint32_t pending_ = 0;
  HandleKind kind_;
};

} // namespace socketpoll
