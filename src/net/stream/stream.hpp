// SocketStream: a transport's events, turned into the program's.
#pragma once

#include "SocketStream.h"

#include "net/loop.hpp"
#include "net/os/os_unix.hpp"
#include "net/stream/connector.hpp"
#include "net/stream/fd_transport.hpp"
#include "net/stream/stream_ops.hpp"

namespace socketpoll {

namespace os {
struct WindowSize;
}
namespace tls {
class Config;
}
class Listener;
struct AcceptedTag;
struct StreamExtras;

class Stream final : public LoopObject,
                     private TransportSink,
                     private TimerNode,
                     private ConnectDelegate,
                     public Linked<AcceptedTag> {
public:
  static constexpr HandleKind kHandleKind = HandleKind::stream;

  // To "host:port", the host a name or a number, or to a unix name. What is wrong with the text is
  // told at once.
  static Result<Stream *> connect(Loop &loop, std::string_view address, int timeout_ms);
  // The same, and then the handshake of a client that wants to reach `server` (empty: the host of
  // the address).
  static Result<Stream *> connect_tls(Loop &loop, std::string_view address, tls::Config &config,
                                      std::string_view server, int timeout_ms);
  // Over a descriptor that is connected already.
  static Result<Stream *> connected(Loop &loop, Fd fd, Medium medium = Medium::tcp);
  // Over the program's own descriptor, which stays the program's, as it was, if this fails.
  static Result<Stream *> adopt_fd(Loop &loop, int fd);
  struct Pair {
    Stream *first = nullptr, *second = nullptr;
  };
  static Result<Pair> socketpair(Loop &loop_a, Loop &loop_b);
  // The reader, then the writer.
  static Result<Pair> pipe(Loop &loop);
  // Goes on under another handle on another loop, where SOCKET_ACCEPTED tells of it; this one ends.
  // Throws std::bad_alloc.
  Status move(Loop &to, SocketCallback_T callback, void *user);
  // Raises SOCKET_ACCEPTED at `listener`.
  static Result<Stream *> accept(Listener &listener, std::unique_ptr<Transport> transport);
  ~Stream() override;

  Status start();
  Status pause();
  Result<int64_t> write(std::span<const char> bytes);
  Result<int64_t> write_ref(Borrowed borrowed);
  Status shutdown() { return transport_->shutdown(); }
  Status close();
  Status set_marks(int64_t low, int64_t high);
  Status set_write_timeout(int timeout_ms);
  Status set_idle_timeout(int timeout_ms);
  int64_t queued() const noexcept { return transport_->queued(); }
  // SOCKET_ENOTCONN before it is connected, SOCKET_ECLOSED once it is closed.
  Result<int> open_fd() const noexcept;
  Transport &transport() noexcept { return *transport_; }

  // ---- What not every medium has: SOCKET_ENOTSUP (stream_kinds.cpp)
  Result<int> tcp_fd() const noexcept;
  Result<int> socket_fd() const noexcept;
  Result<SockName> own_name() const noexcept;
  Result<SockName> peer_name() const noexcept;
  Result<os::Credentials> peer_credentials() const noexcept;
  Result<int64_t> send_fds(std::span<const char> bytes, std::span<const int> fds);
  Status set_max_fds(int most);
  Result<int> take_fds(std::span<int> out);
  Status start_tls(tls::Config &config, std::string_view server, int timeout_ms);
  // SOCKET_ENOTSUP: there is none.
  Result<const tls::Engine *> engine() const noexcept;
  Status set_raw(bool on);
  Result<os::WindowSize> window_size() const noexcept;

  // ---- Operations that complete once
  static Result<Future *> async_connect(Loop &loop, std::string_view address, int timeout_ms);
  static Result<Future *> async_connect_tls(Loop &loop, std::string_view address,
                                            tls::Config &config, std::string_view server,
                                            int timeout_ms);
  Result<Future *> async_read(ReadRequest request, int timeout_ms);
  Result<Future *> async_write(std::vector<iovec> pieces, BufferHold hold, int timeout_ms);
  // Whether such an operation can begin: SOCKET_ESTATE, SOCKET_ECLOSED, SOCKET_ENOTCONN...
  Status may_begin_reading() const noexcept;
  Status may_begin_writing() const noexcept;
  // Throws std::bad_alloc.
  StreamOps &ops();
  bool saw_eof() const noexcept { return saw_eof_; }
  // For them: another reader has begun or ended; there is more output than before.
  void reader_changed() noexcept { update_reading(); }
  void output_grew() noexcept { schedule(); }

  // The program has not heard of it: now it is an operation's.
  bool withhold_accept() noexcept;

  // The listener's callback changed.
  void retarget_accept() noexcept {
    if (pending(SOCKET_ACCEPTED)) reroute();
  }
  // The listener goes away; true if the program has not heard of this stream yet.
  bool orphan() noexcept;

private:
  Stream(Loop &loop, std::unique_ptr<Transport> transport);
  class Arrival;
  bool untouched() const noexcept;
  void take_over() noexcept;

  std::span<char> receive_buffer() override;
  std::span<char> own_receive_buffer();
  Result<size_t> receive_from(int fd) override;
  Result<size_t> receive_with_fds(int fd, std::span<char> into);
  void on_data(std::span<char> bytes) override;
  void on_drain() override { raise(SOCKET_DRAINED); }
  void on_eof() override;
  void on_connected() override;
  Watch *takes_over() noexcept override;
  void on_connected(Fd fd, const Address &) override;
  void on_connect_failed(int code) noexcept override { transport_->abort(code); }
  void on_close(int code) override;
  void on_timer() override;
  void on_no_memory() noexcept override { transport_->abort(SOCKET_ENOMEM); }

  void describe(SocketCompletion_T &event) noexcept override;
  Target target_of(int kind) const noexcept override;
  void on_dispose() noexcept override;
  void leave_listener() noexcept;
  static Result<Stream *> connect_over(std::unique_ptr<Transport> transport, Loop &loop,
                                       std::string_view address, int timeout_ms);
  static Result<Future *> as_future(Result<Stream *> connecting, int timeout_ms);
  Status begin_connect(std::string_view address);
  Status begin_connect(const HostPort &to);
  static Result<Stream *> without_fd(Loop &loop, Medium medium = Medium::tcp);
  void attach(Fd fd, const os::Traits &traits) noexcept;
  StreamExtras &extras();

  Status may_write() const noexcept;
  Result<int64_t> written(Status status) noexcept;
  int64_t deadline_ns() const noexcept;
  void schedule() noexcept;
  void update_reading() noexcept;

  std::unique_ptr<Transport> transport_;
  std::unique_ptr<StreamOps> ops_;
  ConnectorPtr connector_; // until it has connected
  std::unique_ptr<StreamExtras> extras_;
  Listener *listener_ = nullptr;
  ChunkRef chunk_; // where the bytes of a pending SOCKET_DATA lie
  std::span<const char> data_;
  int64_t high_mark_ = SOCKET_STREAM_HIGH_MARK;
  int64_t connect_deadline_ns_ = INT64_MAX;
  int64_t last_read_ns_ = 0;
  int write_timeout_ms_ = SOCKET_STREAM_WRITE_TIMEOUT_MS;
  int idle_timeout_ms_ = -1;
  int close_code_ = 0;
  bool started_ = false;
  bool closing_ = false;
  bool saw_eof_ = false;
  bool told_eof_ = false;
  bool reading_ = false; // connected or not: started, and nothing holds it up
};

} // namespace socketpoll
