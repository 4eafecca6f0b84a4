// SocketWatch: a foreign descriptor's readiness, turned into the program's events.
#pragma once

#include "net/loop.hpp"

namespace socketpoll {

class ForeignWatch final : public LoopObject, private Watch {
public:
  static constexpr HandleKind kHandleKind = HandleKind::watch;

  static Result<ForeignWatch *> create(Loop &loop, int fd, int events) {
    if (loop.network()) return Error{SOCKET_ENOTSUP}; // a simulated one waits for nothing real
    std::unique_ptr<ForeignWatch> made(new ForeignWatch(loop, fd));
    if (const Status status = made->set_events(events); !status.ok()) return status.error();
    return adopt(std::move(made));
  }

  Status set_events(int events) {
    if (events & ~(POLL_READ | POLL_WRITE | SOCKET_POLL_PEER_CLOSED)) return Error{SOCKET_EINVAL};
    // What is ready already and no longer asked for is not reported.
    ready_ &= events | POLL_ERROR | POLL_HANGUP;
    if (ready_ == 0) withdraw(SOCKET_READY);
    const Status status = want_now(pending(SOCKET_READY) ? 0 : events);
    if (status.ok()) events_ = events;
    return status;
  }

private:
  ForeignWatch(Loop &loop, int fd) : LoopObject(loop, kHandleKind), Watch(loop) { watch(fd); }

  Loop &loop() const noexcept { return LoopObject::loop(); }

  // The callback runs the loop: it hears of what is ready when it has returned.
  void deliver() override {
    if (delivering_) return;
    delivering_ = true;
    LoopObject::deliver();
    delivering_ = false;
    if (!disposed() && !pending(SOCKET_READY)) want(events_);
  }
  void on_ready(int events) override {
    if (delivering_) return want(0);
    ready_ = events;
    // A pulled event waits for the program; the descriptor, still ready, must not spin meanwhile.
    if (!pushes()) want(0);
    raise(SOCKET_READY);
  }
  void on_refused(int) noexcept override {
    ready_ = POLL_ERROR;
    raise(SOCKET_READY);
  }
  void on_no_memory() noexcept override {}
  void describe(SocketCompletion_T &event) noexcept override {
    event.length = std::exchange(ready_, 0);
    want(events_);
  }
  void on_dispose() noexcept override { unwatch(); }

  int events_ = 0;
  int ready_ = 0;
  bool delivering_ = false;
};

} // namespace socketpoll
