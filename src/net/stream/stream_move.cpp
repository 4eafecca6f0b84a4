// A stream that leaves its loop for another one. The descriptor travels as something posted, so it
// is closed wherever it is lost on the way.
#include "net/stream/stream.hpp"

namespace socketpoll {

class Stream::Arrival final : public Posted {
public:
  Arrival(Loop &loop, SocketCallback_T callback, void *user) noexcept
      : loop_(loop), callback_(callback), user_(user) {}
  void carry(Fd fd, Medium medium) noexcept {
    fd_ = std::move(fd);
    medium_ = medium;
  }

  // Without memory it costs that connection only, as when one is accepted.
  void deliver() override {
    const std::unique_ptr<Arrival> self(this);
    try {
      auto stream = connected(loop_, std::move(fd_), medium_);
      if (!stream.ok()) return;
      (*stream)->set_target(callback_, user_);
      (*stream)->raise(SOCKET_ACCEPTED);
    } catch (const std::bad_alloc &) {
    }
  }

private:
  Loop &loop_;
  SocketCallback_T callback_;
  void *user_;
  Fd fd_;
  Medium medium_ = Medium::tcp;
};

// All that the peer sent is in the kernel still.
bool Stream::untouched() const noexcept {
  const bool by_operations =
      ops_ && (ops_->has_reader() || ops_->writing() || ops_->has_leftover());
  return !started_ && !saw_eof_ && !pending(SOCKET_DATA) && !by_operations;
}

Status Stream::move(Loop &to, SocketCallback_T callback, void *user) {
  if (const Status status = transport_->may_write(); !status.ok()) return status;
  if (!untouched()) return Error{SOCKET_ESTATE};
  if (to.network()) return Error{SOCKET_ENOTSUP};
  auto arrival = std::make_unique<Arrival>(to, callback, user);
  auto fd = transport_->detach();
  if (!fd.ok()) return fd.error();
  arrival->carry(fd.take(), transport_->medium());
  (void)to.post(std::move(arrival)); // it is there, whatever became of the wakeup
  dispose();
  return {};
}

} // namespace socketpoll
