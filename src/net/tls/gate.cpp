#include "net/tls/gate.hpp"

#include "net/loop.hpp"
#include "net/tls/transport.hpp"

namespace socketpoll::tls {

class Gate::Handshake final : public Retired,
                              public Linked<HandshakeTag>,
                              private TransportSink,
                              private TimerNode,
                              private Deferred {
public:
  Handshake(Gate &gate, const Address &peer) noexcept : gate_(&gate), peer_(peer) {
    gate.loop_.timers().join(*this);
  }

  void begin(std::unique_ptr<Transport> transport) noexcept {
    transport_ = std::move(transport);
    transport_->set_sink(this);
    transport_->read(true);
    const int64_t deadline = gate_->config_->handshake_timeout_ms() * kNsPerMs;
    gate_->loop_.timers().arm(*this, gate_->loop_.now_ns() + deadline);
  }
  void end() noexcept {
    gate_->loop_.timers().disarm(*this);
    if (!transport_) return;
    transport_->set_sink(nullptr);
    transport_->abort(0);
  }
  std::unique_ptr<Transport> take() noexcept {
    gate_->loop_.timers().disarm(*this);
    transport_->read(false);
    transport_->set_sink(nullptr);
    return std::move(transport_);
  }
  const Address &peer() const noexcept { return peer_; }

private:
  std::span<char> receive_buffer() override { return {}; }
  void on_data(std::span<char>) override {}
  void on_drain() override {}
  void on_eof() override {}
  // Not from inside the transport's own call: who it is handed to may destroy it.
  void on_connected() override {
    transport_->read(false);
    gate_->loop_.defer(*this);
  }
  void on_close(int) override {
    gate_->loop_.stats().add(SOCKET_STAT_TLS_FAILED);
    GateDelegate &delegate = gate_->delegate_;
    gate_->leave(*this);
    delegate.on_turned_away();
  }
  void on_timer() override { transport_->abort(SOCKET_ETIMEDOUT); }
  void run_deferred() override {
    if (transport_->open()) gate_->hand_on(*this);
  }
  void on_no_memory() noexcept override { transport_->abort(SOCKET_ENOMEM); }

  Gate *gate_;
  std::unique_ptr<Transport> transport_;
  Address peer_;
};

Gate::Gate(Loop &loop, GateDelegate &delegate, Ref<Config> config) noexcept
    : loop_(loop), delegate_(delegate), config_(std::move(config)) {}

Gate::~Gate() { clear(); }

void Gate::let_in(std::unique_ptr<Transport> transport, const Address &peer) {
  auto handshake = std::make_unique<Handshake>(*this, peer);
  auto context = config_->context();
  if (!context.ok()) return delegate_.on_turned_away();
  auto secured = TlsTransport::over(transport, loop_, **context, {});
  if (!secured.ok()) return delegate_.on_turned_away();
  handshake->begin(secured.take());
  handshakes_.push_back(*handshake.release());
  under_way_++;
}

void Gate::leave(Handshake &handshake) noexcept {
  List<Handshake, HandshakeTag>::remove(handshake);
  under_way_--;
  handshake.end();
  loop_.retire(handshake);
}

void Gate::hand_on(Handshake &handshake) noexcept {
  loop_.stats().add(SOCKET_STAT_TLS_HANDSHAKES);
  std::unique_ptr<Transport> transport = handshake.take();
  leave(handshake);
  try {
    delegate_.on_secured(std::move(transport), handshake.peer());
  } catch (const std::bad_alloc &) {
    delegate_.on_turned_away();
  }
}

void Gate::clear() noexcept {
  while (Handshake *handshake = handshakes_.front()) leave(*handshake);
}

} // namespace socketpoll::tls
