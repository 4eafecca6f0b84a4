// libFuzzer: a whole HTTP session over a transport without a socket. The input is a script: each
// byte below 0x20 but CR, LF and TAB is a step of the peer or of the program, all others are sent.
//
// The handlers answer at once, later, in pieces, by pull, read bodies or do not, pass on, abort,
// and free the server. What must hold: nothing breaks; no exchange is answered twice; output is
// bounded while the peer does not read; and the connection is gone in the end.
#include "SocketHTTPServer.h"

#include "base/boundary.hpp"
#include "http/server.hpp"
#include "support/memory_transport.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace socketpoll;

namespace {

struct World {
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  MemoryTransport *transport = nullptr; // gone with its session
  std::vector<SocketHTTP_T> open;
  bool free_in_log = false;
  bool freed = false;
};
World *world;

void require(bool holds) {
  if (!holds) abort();
}

void forget(SocketHTTP_T x) { std::erase(world->open, x); }

void free_server() {
  world->freed = true;
  world->transport = nullptr;
  SocketHTTPServer_free(&world->server);
}

void on_event(const SocketCompletion_T *event, void *) {
  const auto x = static_cast<SocketHTTP_T>(event->subject);
  if (event->kind == SOCKET_HTTP_CLOSED) {
    forget(x);
    return;
  }
  if (event->kind == SOCKET_HTTP_BODY && event->length % 3 == 0) SocketHTTP_pause_body(x);
  if (event->kind == SOCKET_HTTP_BODY && event->length % 7 == 5) {
    if (SocketHTTP_respond(x, 200, nullptr, event->data, event->length) == 0) forget(x);
  }
  if (event->kind == SOCKET_HTTP_BODY_END && SocketHTTP_respond(x, 200, nullptr, "end", 3) == 0)
    forget(x);
}

void now(SocketHTTP_T x, void *) {
  (void)SocketHTTP_get_path(x);
  require(SocketHTTP_respond(x, 200, nullptr, "now", 3) <= 0);
  require(SocketHTTP_respond(x, 200, nullptr, "now", 3) < 0);
}
void later(SocketHTTP_T x, void *) { world->open.push_back(x); }
void large(SocketHTTP_T x, void *) {
  static const char bytes[40000] = {};
  const int outcome = SocketHTTP_respond(x, 200, nullptr, bytes, sizeof bytes);
  require(outcome == 0 || outcome == SOCKET_EPIPE || outcome == SOCKET_ECLOSED);
}
void pieces(SocketHTTP_T x, void *) {
  world->open.push_back(x);
  require(SocketHTTP_set_callback(x, on_event, nullptr) == 0);
  require(SocketHTTP_start(x, 200, nullptr, -1) == 0);
  (void)SocketHTTP_write(x, "one", 3);
}
void body(SocketHTTP_T x, void *) {
  world->open.push_back(x);
  require(SocketHTTP_set_callback(x, on_event, nullptr) == 0);
  require(SocketHTTP_read_body(x) == 0);
}
void shuts(SocketHTTP_T x, void *) { require(SocketHTTP_abort(x) == 0); }
void frees(SocketHTTP_T, void *) { free_server(); }
void passes(SocketHTTP_T x, void *) {
  const char *wait = SocketHTTP_get_header(x, "wait");
  if (wait) return world->open.push_back(x);
  require(SocketHTTP_next(x) == 0);
}
void logs(SocketHTTP_T x, void *) {
  (void)SocketHTTP_get_parameter(x, "a"), (void)SocketHTTP_get_target(x);
  require(SocketHTTP_get_method(x) != nullptr);
  if (world->free_in_log && !world->freed) free_server();
}

void turn() {
  SocketCompletion_T events[2];
  const int count = SocketLoop_wait(world->loop, events, 2, 0);
  require(count >= 0);
  for (int i = 0; i < count; i++) {
    if (events[i].kind == SOCKET_HTTP_REQUEST)
      world->open.push_back(static_cast<SocketHTTP_T>(events[i].subject));
    else if (events[i].kind != SOCKET_HTTP_STOPPED)
      on_event(&events[i], nullptr);
  }
}

// What the program does with an exchange that it has kept.
void act(uint8_t how) {
  if (world->open.empty()) return;
  const SocketHTTP_T x = world->open[how / 8 % world->open.size()];
  switch (how % 8) {
  case 0:
    if (SocketHTTP_respond(x, 200, nullptr, "later", 5) == 0) {
      require(SocketHTTP_respond(x, 200, nullptr, nullptr, 0) == SOCKET_EBADHANDLE);
      forget(x);
    }
    break;
  case 1: (void)SocketHTTP_read_body(x); break;
  case 2: (void)SocketHTTP_pause_body(x); break;
  case 3: (void)SocketHTTP_start(x, 200, nullptr, how % 3 - 1); break;
  case 4: (void)SocketHTTP_write(x, "abcdefgh", how % 9); break;
  case 5:
    if (SocketHTTP_end(x) != SOCKET_ESTATE) forget(x);
    break;
  case 6: (void)SocketHTTP_next(x); break;
  default: (void)SocketHTTP_set_callback(x, how & 8 ? on_event : nullptr, nullptr);
  }
}

// One step that is no byte of the request.
void step(uint8_t code) {
  MemoryTransport *transport = world->transport;
  switch (code) {
  case 0x00: turn(); break;
  case 0x01:
    if (transport) (void)transport->take();
    break;
  case 0x02:
    if (transport) (void)transport->take(100);
    break;
  case 0x03:
    if (transport) transport->send_end();
    break;
  case 0x04:
    if (transport) transport->break_off(SOCKET_ECONNRESET);
    break;
  case 0x05: world->free_in_log = true; break;
  case 0x06: (void)SocketHTTPServer_stop(world->server, 1000); break;
  case 0x07: (void)SocketHTTPServer_set_marks(world->server, 10, 50); break;
  case 0x08: (void)SocketHTTPServer_set_max_head(world->server, 64); break;
  case 0x0b:
    if (transport) transport->vanish();
    break;
  default: act(code);
  }
}

void open_world() {
  const SocketHTTPServer_T server = world->server;
  SocketHTTPServer_use(server, passes, nullptr);
  SocketHTTPServer_route(server, "GET", "/n/:a", now, nullptr);
  SocketHTTPServer_route(server, "GET", "/l", later, nullptr);
  SocketHTTPServer_route(server, "POST", "/l", later, nullptr);
  SocketHTTPServer_route(server, "GET", "/big", large, nullptr);
  SocketHTTPServer_route(server, "GET", "/s", pieces, nullptr);
  SocketHTTPServer_route(server, "POST", "/b", body, nullptr);
  SocketHTTPServer_route(server, "POST", "/p", nullptr, nullptr);
  SocketHTTPServer_route(server, "GET", "/x", shuts, nullptr);
  SocketHTTPServer_route(server, "GET", "/f", frees, nullptr);
  SocketHTTPServer_set_log(server, logs, nullptr);
  SocketHTTPServer_set_max_body(server, 300);
  SocketHTTPServer_set_marks(server, 1000, 100000);
  http::Server &self = **find<http::Server>(server);
  auto transport = std::make_unique<MemoryTransport>(self.loop());
  world->transport = transport.get();
  self.serve(std::move(transport), {}, http::Server::kNoEndpoint);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  World here;
  world = &here;
  open_world();
  std::string pending;
  const auto flush = [&] {
    if (world->transport) pending.erase(0, world->transport->send(pending));
  };
  for (size_t i = 0; i < size; i++) {
    const uint8_t c = data[i];
    if (c >= 0x20 || c == '\r' || c == '\n' || c == '\t') {
      pending.push_back(static_cast<char>(c));
      continue;
    }
    flush();
    step(c);
    // The session is gone at the end of the turn in which its connection closed.
    if (!world->freed && SocketHTTPServer_get_connections(world->server) == 0)
      world->transport = nullptr;
    if (world->transport) require(world->transport->queued() < 400000);
  }
  flush();
  if (world->transport) world->transport->break_off(SOCKET_ECONNRESET);
  for (int i = 0; i < 4; i++) turn();
  if (!world->freed) require(SocketHTTPServer_get_connections(world->server) == 0);
  SocketLoop_free(&here.loop);
  return 0;
}
