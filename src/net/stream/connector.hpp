// Net floor. From addresses, a name and a port, or a unix name, to one connected socket. Of several
// addresses by Happy Eyeballs, version 2 (RFC 8305). The first address is tried at once, the next
// one when an attempt has failed or 250 ms have passed, the families taking turns; the first that
// connects ends the others.
//
// It has no deadline of its own: whoever has one destroys it. With a single address it costs no
// allocation beside itself and no system call beside socket, connect and one change of the set.
#pragma once

#include "net/loop.hpp"
#include "net/names/resolver.hpp"
#include "net/names/sock_name.hpp"
#include "net/os/os_socket.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace socketpoll {

// Told the outcome, exactly once, always by the loop and never from inside start(). Either call may
// destroy the connector.
class ConnectDelegate {
public:
  // Whoever goes on with the descriptor in the kernel's set: asked just before on_connected, inside
  // of which it may say what it wants. nullptr: the descriptor leaves the set.
  virtual Watch *takes_over() noexcept { return nullptr; }
  // Non-blocking, close-on-exec, without options set. Where it throws std::bad_alloc the connection
  // is closed and on_connect_failed follows; what took over must not throw.
  virtual void on_connected(Fd fd, const Address &address) = 0;
  // The most telling of the failures: what this machine lacks, then what the peer's answered, then
  // that nobody did, then that there is no way there.
  virtual void on_connect_failed(int code) noexcept = 0;

protected:
  ~ConnectDelegate() = default;
};

// Destroyed by the end of the loop's turn only, because the turn's events may refer to it: held by
// a ConnectorPtr, or by an object that is itself Retired.
class Connector final : public Retired,
                        private TimerNode,
                        private Deferred,
                        private LookupDelegate {
public:
  static constexpr int64_t kAttemptDelayNs = 250 * kNsPerMs;   // RFC 8305, section 5
  static constexpr int64_t kResolutionDelayNs = 50 * kNsPerMs; // RFC 8305, section 3

  Connector(Loop &loop, ConnectDelegate &delegate) noexcept;
  ~Connector() override;

  // One of these, once.
  void start(const Address &address) noexcept;
  // Best first. None: fails with SOCKET_ENONAME. Throws std::bad_alloc.
  void start(std::span<const Address> addresses);
  // Resolves `host` (a name or a numeric address) for `family` (AF_UNSPEC: any). The failures of
  // Lookup::start. Throws std::bad_alloc.
  Status start(std::string_view host, uint16_t port, int family = AF_UNSPEC);
  // A unix socket. While its backlog is full, which the kernel does not tell the end of, it is
  // tried again after 1, 2, 4... up to 64 ms. Throws std::bad_alloc.
  void start(const SockName &name);

  // Nothing is told from here on and every descriptor is closed. What destroying it does.
  void cancel() noexcept;
  Loop &loop() const noexcept { return loop_; }

private:
  struct AttemptTag;
  // One socket on its way. Given back at the end of the turn, too.
  struct Attempt final : Watch, Retired, Linked<AttemptTag> {
    explicit Attempt(Connector &of) noexcept;
    void on_ready(int events) override;
    void on_refused(int code) noexcept override;
    void on_no_memory() noexcept override;
    Connector &connector;
    Fd fd;
    Address address;
  };

  void on_timer() override { proceed(); }
  void on_no_memory() noexcept override;
  void run_deferred() override;
  void on_lookup(std::span<const Address> found, int code) override;

  void proceed() noexcept;
  void proceed_by_name() noexcept;
  void delay_for_ipv6() noexcept;
  Attempt *idle_attempt() noexcept;
  bool begin(Attempt &attempt, const Address &address) noexcept;
  void watch_outcome(Attempt &attempt, Fd fd) noexcept;
  Address take_next() noexcept;
  void connected(Attempt &attempt);
  void failed(Attempt &attempt, int code) noexcept;
  void end(Attempt &attempt) noexcept;
  void note(int code) noexcept;

  Loop &loop_;
  ConnectDelegate *delegate_; // nullptr once there is nothing to tell any more
  Attempt first_;             // so that a single address needs no allocation
  List<Attempt, AttemptTag> attempts_;
  std::vector<Address> untried_;
  std::unique_ptr<Lookup> lookup_; // while it may bring more
  std::unique_ptr<SockName> name_; // of a unix socket, instead of all that
  int64_t next_ns_ = 0;            // no attempt before; 0: at once
  int64_t retry_ms_ = 1;           // of name_
  int failure_ = 0;                // the most telling of the attempts'
  int lookup_code_ = 0;
  uint16_t port_ = 0;
  uint8_t last_family_ = AF_UNSPEC; // of the latest attempt
  bool wants_ipv6_ = false;
  bool piecemeal_ = false;
};

struct ConnectorRetires {
  void operator()(Connector *connector) const noexcept;
};
using ConnectorPtr = std::unique_ptr<Connector, ConnectorRetires>;

// The system calls that an attempt makes, so that a test can bring a network of its own.
struct ConnectCalls {
  Result<Fd> (*socket)(int family, Network *simulation) noexcept = os::tcp_socket;
  Status (*connect)(int fd, const Address &address) noexcept = os::connect_tcp;
};
extern ConnectCalls connect_calls;

} // namespace socketpoll
