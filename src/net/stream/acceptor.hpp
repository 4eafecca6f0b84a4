// A listening socket, TCP or unix: accepts in batches, and stops accepting while descriptors or the
// limit on connections are used up, without spinning on the connection that waits.
#pragma once

#include "net/names/address.hpp"
#include "net/os/os_socket.hpp"
#include "net/os/os_unix.hpp"
#include "net/stream/transport.hpp"
#include "net/timer_heap.hpp"
#include "net/tls/gate.hpp"
#include "net/watch.hpp"

#include <memory>

namespace socketpoll {

class AcceptorDelegate {
public:
  // Throws std::bad_alloc, which costs that connection only.
  virtual void on_accepted(std::unique_ptr<Transport> transport, const Address &peer) = 0;
  virtual void on_stalled(int code) noexcept = 0;
  virtual void on_resumed() noexcept = 0;
  // A connection whose handshake had begun will not come.
  virtual void on_turned_away() noexcept {}

protected:
  ~AcceptorDelegate() = default;
};

class Acceptor final : private Watch, private TimerNode, private tls::GateDelegate {
public:
  // Throws std::bad_alloc.
  Acceptor(Loop &loop, AcceptorDelegate &delegate);

  // "127.0.0.1:80", "unix:/path" and the like, SockName::parse without a scope. What is wrong is
  // explained. Throws std::bad_alloc.
  Status listen(const char *address, const os::ListenOptions &options);
  // On a socket that listens already; its owner from here on, unless this fails. SOCKET_EBADF,
  // SOCKET_EINVAL: no stream socket, SOCKET_ESTATE: does not listen.
  Status listen_on(int fd);
  void close() noexcept;
  // The same, but connections whose handshake has begun still come.
  void stop_listening() noexcept;
  int handshakes() const noexcept { return gate_ ? gate_->under_way() : 0; }
  // Those do not come either.
  void end_handshakes() noexcept {
    if (gate_) gate_->clear();
  }
  bool listening() const noexcept { return static_cast<bool>(fd_); }
  int fd() const noexcept { return fd_.get(); }
  Result<Address> address() const noexcept { return os::local_address(fd_.get()); }
  void pause(bool paused) noexcept;

  // Connections come after a handshake from here on; of no config: without any more. Throws
  // std::bad_alloc.
  void set_tls(Ref<tls::Config> config);
  void set_limit(int connections) noexcept;
  // A connection that on_accepted handed over is gone.
  void connection_gone() noexcept;
  int connections() const noexcept { return connections_; }

private:
  void on_ready(int events) override;
  void on_refused(int code) noexcept override { stall(code); }
  void on_no_memory() noexcept override { stall(SOCKET_ENOMEM); }
  void on_timer() override;
  void on_secured(std::unique_ptr<Transport> transport, const Address &peer) override;
  void on_turned_away() noexcept override;

  Status listen_tcp(const char *address, const os::ListenOptions &options);
  Status listen_unix(const char *address, const os::ListenOptions &options);
  Status begin(int fd);
  bool accept_one();
  Status watch_again() noexcept;
  void stall(int code) noexcept;
  void retry_in(int ms) noexcept;
  void update_interest() noexcept;

  void make_way() noexcept;

  AcceptorDelegate &delegate_;
  std::unique_ptr<tls::Gate> gate_;
  Fd fd_;
  std::unique_ptr<os::SocketFile> file_; // of a unix socket that is bound to a path
  int limit_;
  int connections_ = 0;
  int stalled_ = 0; // why it does not accept, or 0
  int known_ = 0;   // the reason that the delegate was told last, while probing
  bool paused_ = false;
  bool crowded_ = false; // as many handshakes are under way as may be
  bool secured_ = false;
};

} // namespace socketpoll
