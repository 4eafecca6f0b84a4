// One HTTP/1.x connection: cuts requests out of what arrives, runs them one after the other, and
// puts the responses on the wire in their order (RFC 9112 9.3).
//
// What has arrived and cannot be used yet waits in the backlog, which stays small because reading
// stops. An idle connection has no exchange and no backlog: it is this object and its transport.
#pragma once

#include "http/exchange.hpp"
#include "net/names/address.hpp"
#include "net/stream/transport.hpp"

#include <memory>
#include <string>

namespace socketpoll::http {

struct SessionTag;

class H1Session final : public Linked<SessionTag>,
                        public Retired,
                        private TransportSink,
                        private TimerNode,
                        private Deferred {
public:
  // `endpoint` says which of the server's listeners accepted it. Throws std::bad_alloc.
  H1Session(Server &server, std::unique_ptr<Transport> transport, const Address &peer,
            uint16_t endpoint);
  ~H1Session() override;

  const Address &peer() const noexcept { return peer_; }
  uint16_t endpoint() const noexcept { return endpoint_; }
  Transport &transport() noexcept { return *transport_; }
  bool idle() const noexcept { return state_ == State::head && !exchange_; }
  // Something may be sent.
  bool open() const noexcept { return state_ < State::lingering; }
  bool keep_alive() const noexcept { return keep_alive_; }

  // The server stops: no request after the present one.
  void finish_soon() noexcept;
  // The server is gone: nothing is told any more.
  void abandon() noexcept;
  // Breaks the connection off.
  void abort(int code) noexcept;

  // ---- For the exchange, inside a Corked scope.
  // Gathers what belongs together into one write: the outermost scope of a session sends it.
  class Corked;
  char *cork_room(size_t bytes) noexcept;
  void cork_commit(size_t bytes) noexcept;
  // What is corked counts as queued, so that a writer sees its marks reached when they are.
  Status queue_cork() noexcept;
  Status send(std::span<const char> bytes);
  Status send_borrowed(Borrowed borrowed);
  Status send_file(FileRange range);
  void close_after_response() noexcept { keep_alive_ = false; }
  // The head that is about to be composed is of a response that ends with it.
  void last_head() noexcept;
  // The response has ended and no handler runs: at once, from the loop...
  void settle();
  // ...or from inside the program's own call, which then neither logs nor starts the next request.
  void response_ended();
  bool held_by_output() const noexcept { return transport_->queued() >= high_mark_; }
  // The program asks for the body, or for no more of it.
  void continue_body();
  void body_paused() noexcept {
    if (state_ == State::body) update_reading();
  }
  void forget_exchange() noexcept { exchange_ = nullptr; }
  void resume_soon() noexcept { loop().defer(*this); }

private:
  enum class State : uint8_t {
    head,      // between requests, or within a head
    body,      // the request's body is arriving
    waiting,   // the request has arrived whole, its response has not ended
    lingering, // our side is shut; what still comes is discarded (RFC 9112 9.6)
    closing,   // closes when the output is gone
    closed,
  };

  Loop &loop() const noexcept;
  std::span<char> receive_buffer() override;
  void on_data(std::span<char> bytes) override;
  void on_drain() override;
  void on_eof() override;
  void on_close(int code) override;
  void on_timer() override;
  void run_deferred() override;
  void on_no_memory() noexcept override { abort(SOCKET_ENOMEM); }

  void process();
  void feed(std::span<char> bytes);
  bool feed_head();
  bool feed_body();
  bool feed_length();
  bool feed_chunked();
  bool take_body(std::string_view bytes);
  void end_body();
  void start_request();
  void refuse(int status, int code);
  void take_exchange();
  void release_exchange(int code) noexcept;
  void log_exchange() noexcept;
  void settle_ended();
  void give_up_discarding() noexcept;
  bool can_discard() const noexcept;
  void close_gracefully() noexcept;
  Status flush_cork() noexcept;
  Status sent(Status status) noexcept;
  void update_reading() noexcept;
  int64_t write_deadline_ns() const noexcept;
  int64_t state_deadline_ns() const noexcept;
  void schedule() noexcept;

  Server &server_;
  std::unique_ptr<Transport> transport_;
  Exchange *exchange_ = nullptr;
  std::unique_ptr<std::string> backlog_;
  std::span<char> input_; // what is being fed and was not taken yet
  int64_t since_ns_;      // when the present state began, or the connection was last used
  int64_t high_mark_;
  Address peer_;
  uint16_t endpoint_;
  State state_ = State::head;
  bool keep_alive_ = true;
  bool eof_ = false;
  bool discarding_ = false; // the rest of a body that nobody asked for
  bool unread_ = false;     // the request has bytes that will not be read
  bool feeding_ = false;
};

// Opens the server's cork for one session.
class H1Session::Corked {
public:
  explicit Corked(H1Session &session) noexcept;
  Corked(const Corked &) = delete;
  Corked &operator=(const Corked &) = delete;
  ~Corked();

private:
  H1Session &session_;
  H1Session *outer_;
};

} // namespace socketpoll::http
