// One request and its response: what a handler works with, and what SocketHTTP_T is made of.
//
// Exchanges are recycled, each with a new handle: a session borrows one when the first byte of a
// request arrives and gives it back when the response has ended, so an idle connection holds none,
// and a request in the steady state allocates nothing. The session owns the wire; the exchange
// knows what has been asked and answered so far.
#pragma once

#include "SocketHTTP.h"

#include "http/chunked.hpp"
#include "http/h1_parser.hpp"
#include "http/router.hpp"
#include "net/loop_object.hpp"
#include "net/stream/output_queue.hpp"

#include <span>
#include <string>
#include <string_view>

namespace socketpoll::tls {
class Engine;
}

namespace socketpoll::http {

class Server;
class H1Session;
struct ExchangeTag;

// The most that a response's own fields may add up to.
inline constexpr size_t kMaxResponseFields = 16384;

class Exchange final : public LoopObject, public Linked<ExchangeTag>, private Deferred {
public:
  static constexpr HandleKind kHandleKind = HandleKind::http_exchange;

  static Result<Exchange *> create(Server &server);
  ~Exchange() override;

  // ---- The request. Views into bytes that the session keeps for as long as the exchange lives.
  RequestView request() const noexcept { return {head_, base_}; }
  const RequestHead &head() const noexcept { return head_; }
  std::string_view parameter(size_t index) const noexcept;
  Server &server() const noexcept { return server_; }
  H1Session *session() const noexcept { return session_; }
  bool is_head_request() const noexcept { return head_.method == Method::head; }

  // ---- The response. Each gives SOCKET_ESTATE out of order, SOCKET_EINVAL for what it cannot
  // send, or what the transport gives; the connection is then closing and nothing more needs to be
  // done.
  Status add_header(std::string_view name, std::string_view value);
  Status set_header(std::string_view name, std::string_view value);
  // Whole lines, "Name: value\r\n", of the server's own making.
  Status add_lines(std::string_view lines);
  // The whole response; the body is copied as far as it is not sent at once.
  Status respond(int status, std::string_view type, std::span<const char> body);
  // The same without a copy.
  Status respond_borrowed(int status, std::string_view type, Borrowed body);
  Status respond_file(int status, std::string_view type, FileRange range);
  // Only the head, for HEAD and 304, with the length that a GET would have (-1: not said).
  Status respond_head(int status, std::string_view type, int64_t length);
  // A page of text for a status of the server's own.
  Status respond_error(int status);
  // In pieces. `length` of -1: not known.
  Status start(int status, std::string_view type, int64_t length);
  Status write(std::span<const char> bytes);
  Status write_file(FileRange range);
  Status end();
  void abort(int code) noexcept;
  bool answered() const noexcept { return phase_ != Phase::open; }
  bool ended() const noexcept { return phase_ == Phase::ended; }
  int64_t queued() const noexcept;
  // The high mark is reached.
  bool held_by_output() const noexcept;

  // ---- The request's body, and the way through the handlers
  Status read_body();
  void pause_body() noexcept;
  Status next();
  int64_t body_length() const noexcept;
  const RouteMatch &match() const noexcept { return match_; }

  // ---- Text for the C interface: NUL-terminated, in place where a delimiter makes room.
  enum class Text : uint8_t { method, target, path, query };
  const char *text(Text which);
  const char *header_text(std::string_view name) noexcept;
  const char *header_name_text(size_t index) noexcept;
  const char *header_value_text(size_t index) noexcept;
  const char *parameter_text(std::string_view name);

  // ---- For the log
  int status() const noexcept { return status_; }
  int64_t bytes_sent() const noexcept { return bytes_sent_; }
  int64_t duration_ns() const noexcept;
  Result<int> format_peer(std::span<char> out) const noexcept;
  // SOCKET_ENOTSUP over a connection without TLS.
  Result<const tls::Engine *> engine() const noexcept;

private:
  friend class H1Session;
  friend class Server;
  enum class Phase : uint8_t { open, started, ended };

  // The request body's progress.
  struct Body {
    ChunkedDecoder chunked;
    int64_t left = 0; // of a body of known length
    int64_t received = 0;
    int64_t most = 0;     // that the limit allows
    int64_t since_ns = 0; // when it began, put off by the time that the program did not take it
    int64_t held_ns = 0;  // since when the program takes none; 0: it does
    int64_t counted = 0;  // received when since_ns was set
    bool wanted = false;
    bool continued = false; // 100 was sent
    bool end_told = false;
  };

  explicit Exchange(Server &server) noexcept;
  void describe(SocketCompletion_T &event) noexcept override;
  Target target_of(int kind) const noexcept override;
  void on_dispose() noexcept override;
  void run_deferred() override { run(); }
  void on_no_memory() noexcept override { abort(SOCKET_ENOMEM); }

  // Ready for the next request, under a new handle. Throws std::bad_alloc.
  Status recycle();
  void begin(H1Session &session) noexcept;
  // Runs the handlers that are due, then settles what has been answered.
  void run();
  void run_handlers();
  // Keeps the head's bytes beyond the present read.
  void keep_head();
  // The head's bytes are gone and could not be kept.
  void lose_head() noexcept;
  // The program's part is over: its handle is stale, and it is told nothing more.
  void seal() noexcept;
  void deliver_body(std::string_view bytes);
  bool takes_body() const noexcept { return body_.held_ns == 0; }
  void hold_or_take_body() noexcept;
  bool connected() const noexcept;
  // The connection or the request has ended before the response, for `code`.
  void fail(int code) noexcept;

  Status check_head(int status, std::string_view type, int64_t length) const noexcept;
  void compose_head(int status, std::string_view type, int64_t length) noexcept;
  // The same for a response that ends now.
  void compose_last_head(int status, std::string_view type, int64_t length) noexcept;
  Status send_body(std::span<const char> bytes);
  Status finish(Status status);
  const char *terminate(std::string_view text) noexcept;
  char *path_copy(size_t which);

  Server &server_;
  H1Session *session_ = nullptr;
  const char *base_ = nullptr; // the head's bytes: the session's, or kept_
  RequestHead head_;
  RouteMatch match_{};
  H1Limits limits_;
  Body body_;
  std::string kept_;
  std::string lines_;  // of the response's head
  std::string copies_; // of the path: as it is, and with its parameters decoded where they stand
  ChunkRef chunk_;     // where pulled_bytes_ lie
  std::span<const char> pulled_bytes_; // of a SOCKET_HTTP_BODY that was not pulled yet
  void *route_user_ = nullptr;
  int64_t started_ns_ = 0;
  int64_t length_left_ = -1; // of a response of known length
  int64_t bytes_sent_ = 0;
  int status_ = 0;
  int close_code_ = 0;
  uint32_t step_ = 0; // handlers passed
  Phase phase_ = Phase::open;
  bool chunked_ = false;
  bool bodyless_ = false; // nothing of the body is sent, whatever is written
  bool pulled_ = false;   // its route has no handler
  bool running_ = false;  // a handler has not returned yet
  bool next_asked_ = false;
  bool at_route_ = false;
  bool sealed_ = false;
};

} // namespace socketpoll::http
