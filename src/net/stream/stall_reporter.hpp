// An object that accepts connections, as far as the program is told that it cannot just now: a
// stall is told once for each reason, and one that is over before it was heard of is not told at
// all.
#pragma once

#include "net/loop_object.hpp"

namespace socketpoll {

class StallReporter : public LoopObject {
public:
  void report_stalled(int code) noexcept {
    const bool told = pending(SOCKET_ACCEPT_RESUMED) && stall_code_ == code;
    stall_code_ = code;
    withdraw(SOCKET_ACCEPT_RESUMED);
    if (!told) raise(SOCKET_ACCEPT_STALLED);
  }
  void report_resumed() noexcept {
    if (pending(SOCKET_ACCEPT_STALLED)) return withdraw(SOCKET_ACCEPT_STALLED);
    raise(SOCKET_ACCEPT_RESUMED);
  }

protected:
  using LoopObject::LoopObject;
  void describe(SocketCompletion_T &event) noexcept override {
    if (event.kind == SOCKET_ACCEPT_STALLED) event.status = stall_code_;
  }

private:
  int stall_code_ = 0;
};

} // namespace socketpoll
