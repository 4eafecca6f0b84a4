// The HTTP server: routes, middleware, limits, and the connections they apply to.
#pragma once

#include "SocketHTTPServer.h"
#include "SocketListener.h"

#include "http/exchange.hpp"
#include "http/h1_session.hpp"
#include "http/http_date.hpp"
#include "http/router.hpp"
#include "http/static_files.hpp"
#include "net/loop.hpp"
#include "net/stream/acceptor.hpp"
#include "net/stream/stall_reporter.hpp"

#include <memory>
#include <vector>

namespace socketpoll::http {

struct Limits {
  int64_t max_head = SOCKET_HTTP_MAX_HEAD;
  int64_t max_target = SOCKET_HTTP_MAX_TARGET;
  int64_t max_fields = SOCKET_HTTP_MAX_FIELDS;
  int64_t max_body = SOCKET_HTTP_MAX_BODY;
  int64_t max_connections = SOCKET_HTTP_MAX_CONNECTIONS;
  int64_t head_timeout_ms = SOCKET_HTTP_HEAD_TIMEOUT_MS;
  int64_t body_timeout_ms = SOCKET_HTTP_BODY_TIMEOUT_MS;
  int64_t idle_timeout_ms = SOCKET_HTTP_IDLE_TIMEOUT_MS;
  int64_t write_timeout_ms = SOCKET_HTTP_WRITE_TIMEOUT_MS;
  int64_t low_mark = SOCKET_HTTP_LOW_MARK;
  int64_t high_mark = SOCKET_HTTP_HIGH_MARK;

  H1Limits parser() const noexcept {
    return {static_cast<uint32_t>(max_target), static_cast<uint32_t>(max_head),
            static_cast<uint16_t>(max_fields)};
  }
};

// What a session has composed and not sent yet; one session at a time has it.
struct Cork {
  static constexpr size_t kBytes = 65536;
  std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(kBytes);
  size_t used = 0;
  H1Session *owner = nullptr;
};

class Server final : public StallReporter, private TimerNode {
public:
  static constexpr HandleKind kHandleKind = HandleKind::http_server;

  static Result<Server *> create(Loop &loop);
  ~Server() override;

  Status route(const char *method, const char *pattern, SocketHTTPHandler_T handler, void *user);
  Status use(SocketHTTPHandler_T handler, void *user);
  Status serve_folder(const char *prefix, const char *folder, int flags);
  Status listen(const char *address);
  Status listen_on(int fd);
  Result<int> port() const noexcept;
  Result<int> listen_fd() const noexcept;
  void set_tls(Ref<tls::Config> config) noexcept { tls_ = std::move(config); }
  Status set_reuseport(int how) noexcept;
  Status set_stop_grace(int64_t ms) noexcept;
  Status stop(int timeout_ms);
  void set_log(SocketHTTPHandler_T log, void *user) noexcept { log_ = {log, user}; }
  Status set_limit(int64_t Limits::*limit, int64_t value, int64_t least, int64_t most) noexcept;
  Status set_timeout(int64_t Limits::*limit, int64_t value) noexcept;
  Status set_marks(int64_t low, int64_t high) noexcept;
  int connections() const noexcept { return connections_; }

  // ---- For its sessions and exchanges
  const Limits &limits() const noexcept { return limits_; }
  const Router &router() const noexcept { return router_; }
  Cork &cork() noexcept { return cork_; }
  bool stopping() const noexcept { return stopping_; }
  // It stops, and connections without a request get none any more.
  bool stopping_idle() const noexcept { return stopping_ && !in_grace_; }
  std::string_view date() noexcept;
  Result<Exchange *> take_exchange();
  void give_back(Exchange &exchange) noexcept;
  void log(Exchange &exchange) noexcept;
  void session_gone(H1Session &session) noexcept;
  // A new connection. `endpoint` is kNoEndpoint where none of the listeners accepted it. Throws
  // std::bad_alloc.
  static constexpr uint16_t kNoEndpoint = UINT16_MAX;
  void serve(std::unique_ptr<Transport> transport, const Address &peer, uint16_t endpoint);
  // Runs the exchange's next handler: middleware in order, then its route.
  void run_step(Exchange &exchange);

private:
  struct Handler {
    SocketHTTPHandler_T call = nullptr;
    void *user = nullptr;
  };
  struct Route {
    Handler handler;
    std::unique_ptr<StaticFiles> files;
  };
  class Endpoint;

  explicit Server(Loop &loop);
  void on_timer() override;
  void on_no_memory() noexcept override {}
  void describe(SocketCompletion_T &event) noexcept override;
  void on_dispose() noexcept override;
  Status add_route(std::string_view method, std::string_view pattern, Route route);
  void run_route(Exchange &exchange);
  void answer_unrouted(Exchange &exchange);
  void check_stopped() noexcept;
  template <class Listen> Status add_endpoint(Listen &&listen);
  int handshakes() const noexcept;
  void end_idle() noexcept;

  Limits limits_;
  Router router_;
  std::vector<Route> routes_;
  std::vector<Handler> middleware_;
  Handler log_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  List<H1Session, SessionTag> sessions_;
  List<Exchange, ExchangeTag> idle_exchanges_;
  List<Exchange, ExchangeTag> busy_exchanges_;
  int idle_exchange_count_ = 0;
  int connections_ = 0;
  Cork cork_;
  DateCache date_cache_;
  std::string_view date_;
  uint64_t date_turn_ = 0;
  Ref<tls::Config> tls_;
  int reuseport_ = SOCKET_REUSEPORT_OFF;
  int64_t stop_grace_ms_ = 0;
  int64_t stop_deadline_ns_ = INT64_MAX;
  int stop_code_ = 0;
  bool stopping_ = false;
  bool in_grace_ = false;
  bool stopped_ = false;
};

} // namespace socketpoll::http
