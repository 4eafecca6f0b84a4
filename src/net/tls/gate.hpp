// Net floor, TLS. Between an acceptor and who it accepts for: connections are handed on when their
// handshake is over. Those that take too long, or fail, are closed, and nobody hears of them.
#pragma once

#include "net/names/address.hpp"
#include "net/stream/transport.hpp"
#include "net/tls/config.hpp"

namespace socketpoll::tls {

class GateDelegate {
public:
  // Throws std::bad_alloc, which costs that connection only.
  virtual void on_secured(std::unique_ptr<Transport> transport, const Address &peer) = 0;
  // A connection that was let in will not come out.
  virtual void on_turned_away() noexcept = 0;

protected:
  ~GateDelegate() = default;
};

struct HandshakeTag;

class Gate {
public:
  Gate(Loop &loop, GateDelegate &delegate, Ref<Config> config) noexcept;
  ~Gate();

  // Throws std::bad_alloc, and the connection is closed.
  void let_in(std::unique_ptr<Transport> transport, const Address &peer);
  bool full() const noexcept { return under_way_ >= config_->max_handshakes(); }
  int under_way() const noexcept { return under_way_; }
  // Connections that come from here on.
  void set_config(Ref<Config> config) noexcept { config_ = std::move(config); }
  // Of those who are in it nobody comes out.
  void clear() noexcept;

private:
  class Handshake;
  void leave(Handshake &handshake) noexcept;
  void hand_on(Handshake &handshake) noexcept;

  Loop &loop_;
  GateDelegate &delegate_;
  Ref<Config> config_;
  List<Handshake, HandshakeTag> handshakes_;
  int under_way_ = 0;
};

} // namespace socketpoll::tls
