// SocketListener: an acceptor whose connections become streams.
#pragma once

#include "SocketListener.h"

#include "net/acceptor.hpp"
#include "net/loop.hpp"
#include "net/stall_reporter.hpp"
#include "net/stream.hpp"

namespace socketpoll {

class Listener final : public StallReporter, private AcceptorDelegate {
public:
  static constexpr HandleKind kHandleKind = HandleKind::listener;

  static Result<Listener *> create(Loop &loop);

  Status listen(const char *address);
  Result<int> port() const noexcept;
  // For the options: changes them unless it listens already.
  template <class Change> Status configure(Change &&change) {
    if (acceptor_.listening()) return Error{SOCKET_ESTATE};
    change(options_);
    return {};
  }
  Acceptor &acceptor() noexcept { return acceptor_; }
  Target accept_target() const noexcept { return target_of(SOCKET_ACCEPTED); }
  void set_callback(SocketCallback_T callback, void *user) noexcept;
  void stream_gone() noexcept { acceptor_.connection_gone(); }

private:
  explicit Listener(Loop &loop);
  void on_accepted(Fd fd, const Address &peer) override;
  void on_stalled(int code) noexcept override { report_stalled(code); }
  void on_resumed() noexcept override { report_resumed(); }
  void on_dispose() noexcept override;

  Acceptor acceptor_;
  os::ListenOptions options_;
  List<Stream, AcceptedTag> streams_;
};

} // namespace socketpoll
