// SocketListener: an acceptor whose connections become streams.
#pragma once

#include "SocketListener.h"

#include "net/loop.hpp"
#include "net/stream/acceptor.hpp"
#include "net/stream/stall_reporter.hpp"
#include "net/stream/stream.hpp"

namespace socketpoll {

class Listener final : public StallReporter, private AcceptorDelegate, private FutureSource {
public:
  static constexpr HandleKind kHandleKind = HandleKind::listener;

  static Result<Listener *> create(Loop &loop);

  Status listen(const char *address);
  Status listen_on(int fd);
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
  // The next stream that the program has not heard of. Throws std::bad_alloc.
  Result<Future *> async_accept(int timeout_ms);

private:
  explicit Listener(Loop &loop);
  void on_accepted(std::unique_ptr<Transport> transport, const Address &peer) override;
  void on_stalled(int code) noexcept override { report_stalled(code); }
  void on_resumed() noexcept override { report_resumed(); }
  void on_dispose() noexcept override;
  void abandon(Future &) noexcept override { waiting_ = nullptr; }

  Acceptor acceptor_;
  os::ListenOptions options_;
  List<Stream, AcceptedTag> streams_;
  Future *waiting_ = nullptr; // for the next connection
};

} // namespace socketpoll
