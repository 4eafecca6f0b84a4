// One request and its response: what a handler works with, and what SocketHTTP_T is made of.
//
// Exchanges are recycled, each with a new handle: a session borrows one when the first byte of a
// request arrives and gives it back when the response has ended, so an idle connection holds none,
// and a request in the steady state allocates nothing. The session owns the wire; the exchange knows
// what has been asked and answered so far.
#pragma once

#include "SocketHTTP.h"

#include "http/h1_parser.hpp"
#include "http/router.hpp"
#include "net/loop_object.hpp"
#include "net/output_queue.hpp"

#include <span>
#include <string>
#include <string_view>

namespace socketpoll::http {

class Server;
class H1Session;

// The most that a response's own fields may add up to.
inline constexpr size_t kMaxResponseFields = 16384;

class Exchange final : public LoopObject, private Deferred {
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

  // ---- The response. Each gives SOCKET_ESTATE out of order, SOCKET_EINVAL for what it cannot send, or
  // what the transport gives; the connection is then closing and nothing more needs to be done.
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

  // ---- The request's body and what comes of it
  Status read_body();
  void pause_body() noexcept;
  Status next();

  // ---- For the log
  int status() const noexcept { return status_; }
  int64_t bytes_sent() const noexcept { return bytes_sent_; }
  int64_t duration_ns() const noexcept;
  bool format_peer(std::span<char> out, int &length) const noexcept;

private:
  friend class H1Session;
  friend class Server;
  friend struct ExchangeText;
  enum class Phase : uint8_t { open, started, ended };

  explicit Exchange(Server &server) noexcept;
  void describe(SocketCompletion_T &event) noexcept override;
  Target target_of(int kind) const noexcept override;
  void on_dispose() noexcept override;
  void run_deferred() override;
  void on_no_memory() noexcept override;

  // Ready for the next request, under a new handle. Throws std::bad_alloc.
  Status recycle();
  void begin(H1Session &session) noexcept;
  Status compose_head(int status, std::string_view type, int64_t length);
  Status finish(Status status) noexcept;
  // Keeps the head's bytes beyond the present read.
  void keep_head();

  Server &server_;
  H1Session *session_ = nullptr;
  const char *base_ = nullptr; // the head's bytes: the session's, or kept_
  RequestHead head_;
  RouteMatch match_{};
  std::string kept_;
  std::string lines_; // of the response's head
  std::string text_[2]; // what the last string-valued question was answered with
  ChunkRef body_chunk_; // where the bytes of a pending SOCKET_HTTP_BODY lie
  std::span<const char> body_bytes_;
  int64_t started_ns_ = 0;
  int64_t length_left_ = -1; // of a response of known length
  int64_t bytes_sent_ = 0;
  int status_ = 0;
  int close_code_ = 0;
  uint32_t step_ = 0;   // how many of the middleware it has passed
  Phase phase_ = Phase::open;
  bool chunked_ = false;
  bool bodyless_ = false;   // the response has no body, whatever is written
  bool wants_body_ = false;
  bool pulled_ = false;     // its route has no handler
  bool running_ = false;    // a handler of it has not returned yet
  bool next_asked_ = false;
};

} // namespace socketpoll::http
