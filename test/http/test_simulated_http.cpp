// The HTTP server in a simulated world: two thousand seeds of clients that pipeline requests, cut
// and delayed at random, to handlers that answer at once, later, in pieces, after awaiting in the
// middle of everything, or when the body has been read, while the server may be stopped gently.
//
// What must hold in every run, whatever the seed:
//   - a connection's requests reach their handlers once each and in order, one at a time, and their
//     bodies whole;
//   - each that reached its handler is answered exactly once and in order, to the last byte, unless
//     the network broke the connection; without a stop all of them reach it;
//   - a stop may cost a client its last answer only if it had sent further requests behind it,
//   which
//     nobody reads any more and which reset the connection;
//   - a stopped server says so exactly once, and has no connection left then;
//   - when all is freed no socket is open.
#include "support/simulated_seeds.hpp"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketHTTPServer.h>
#include <socketpoll/SocketTimer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

struct World;

struct Client {
  World *world = nullptr;
  int number = 0;
  SocketStream_T stream = nullptr;
  SocketTimer_T timer = nullptr;
  std::string to_send, received;
  std::vector<int64_t> bodies; // the length of each request's
  size_t handled = 0, answered = 0;
  bool busy = false; // a request of it has a handler and no answer
  bool closed = false;

  void plan();
  void send();
  void read_answers();
};

// A request in its handler's hands.
struct Request {
  Client *client;
  SocketHTTP_T exchange;
  size_t id;
  int64_t came = 0;
};

struct World {
  SocketSimulation_T simulation = nullptr;
  SocketLoop_T loops[2] = {}; // the server's and the clients'
  SocketHTTPServer_T server = nullptr;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Request>> requests;
  int stopped = 0;
  bool stops = false, lossy = false;

  int64_t random(int64_t below) { return SocketSimulation_random(simulation, below); }
  void await_a_little() {
    SocketFuture_T sleep = SocketAsync_sleep(loops[0], random(6));
    INVARIANT(SocketFuture_await(sleep, 1000) == 0);
    SocketFuture_free(&sleep);
  }
};

char body_byte(size_t id, int64_t at) { return static_cast<char>('a' + (id * 3 + at * 7) % 26); }

std::string answer_text(size_t id, int64_t length) {
  return "answer " + std::to_string(id) + " of " + std::to_string(length) + ";" +
         std::string(id % 5 == 0 ? 2000 : 3, '.');
}

// ---- The server's side

void answer(Request &request) {
  World &world = *request.client->world;
  const std::string text = answer_text(request.id, request.came);
  INVARIANT(request.client->busy);
  request.client->busy = false;
  if (world.random(2)) {
    const auto length = static_cast<int64_t>(text.size());
    const int code = SocketHTTP_respond(request.exchange, 200, "text/plain", text.data(), length);
    INVARIANT(code == 0 || world.lossy);
    return;
  }
  if (SocketHTTP_start(request.exchange, 200, nullptr, static_cast<int64_t>(text.size())) != 0) {
    INVARIANT(world.lossy);
    return;
  }
  const size_t cut = static_cast<size_t>(world.random(static_cast<int64_t>(text.size())));
  SocketHTTP_write(request.exchange, text.data(), static_cast<int64_t>(cut));
  SocketHTTP_write(request.exchange, text.data() + cut, static_cast<int64_t>(text.size() - cut));
  INVARIANT(SocketHTTP_end(request.exchange) == 0 || world.lossy);
}

void on_later(const SocketCompletion_T *, void *user) { answer(*static_cast<Request *>(user)); }

void on_exchange(const SocketCompletion_T *event, void *user) {
  auto &request = *static_cast<Request *>(user);
  World &world = *request.client->world;
  switch (event->kind) {
  case SOCKET_HTTP_BODY: {
    const auto *const bytes = static_cast<const char *>(event->data);
    if (world.random(4) == 0) world.await_a_little();
    for (int64_t i = 0; i < event->length; i++)
      INVARIANT(bytes[i] == body_byte(request.id, request.came + i));
    request.came += event->length;
    break;
  }
  case SOCKET_HTTP_BODY_END:
    INVARIANT(request.came == request.client->bodies[request.id]);
    if (world.random(4) == 0) world.await_a_little();
    answer(request);
    break;
  case SOCKET_HTTP_CLOSED: INVARIANT(world.lossy); break;
  default: break;
  }
}

void on_request(SocketHTTP_T exchange, void *user) {
  World &world = *static_cast<World *>(user);
  Client &client =
      *world.clients[static_cast<size_t>(std::atoi(SocketHTTP_get_parameter(exchange, "client")))];
  const auto id = static_cast<size_t>(std::atoi(SocketHTTP_get_parameter(exchange, "id")));
  INVARIANT(client.handled == id && !client.busy);
  client.handled++;
  client.busy = true;
  Request &request =
      *world.requests.emplace_back(std::make_unique<Request>(Request{&client, exchange, id}));
  if (client.bodies[id] > 0) {
    SocketHTTP_set_callback(exchange, on_exchange, &request);
    if (world.random(3) == 0) world.await_a_little();
    const int code = SocketHTTP_read_body(exchange);
    INVARIANT(code == 0 || world.lossy);
    if (world.random(3) == 0) world.await_a_little();
    return;
  }
  const int64_t way = world.random(4);
  if (way == 0) {
    SocketFuture_T later = SocketAsync_sleep(world.loops[0], world.random(8));
    SocketFuture_then(later, on_later, &request);
    SocketFuture_release(later);
    return;
  }
  if (way == 1) world.await_a_little();
  answer(request);
  if (way == 2) world.await_a_little();
}

void on_server(const SocketCompletion_T *event, void *user) {
  World &world = *static_cast<World *>(user);
  if (event->kind != SOCKET_HTTP_STOPPED) return;
  INVARIANT(event->status == 0 && world.stops);
  INVARIANT(SocketHTTPServer_get_connections(world.server) == 0);
  world.stopped++;
}

// ---- The clients' side

void Client::plan() {
  const int64_t count = 1 + world->random(9);
  for (int64_t i = 0; i < count; i++) {
    const auto id = static_cast<size_t>(i);
    const int64_t length = world->random(3) ? 0 : world->random(3000);
    bodies.push_back(length);
    to_send += length ? "POST /" : "GET /";
    to_send += std::to_string(number) + '/' + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n";
    if (length) to_send += "Content-Length: " + std::to_string(length) + "\r\n";
    to_send += "\r\n";
    for (int64_t at = 0; at < length; at++) to_send += body_byte(id, at);
  }
}

void Client::send() {
  if (closed || to_send.empty()) return;
  const int64_t most = world->random(3) ? 40 : 2500;
  const auto piece = std::min(to_send.size(), static_cast<size_t>(1 + world->random(most)));
  if (SocketStream_write(stream, to_send.data(), static_cast<int64_t>(piece)) >= 0)
    to_send.erase(0, piece);
  SocketTimer_start(timer, world->random(4), 0);
}

void Client::read_answers() {
  for (;;) {
    const size_t head = received.find("\r\n\r\n");
    if (head == std::string::npos) return;
    INVARIANT(received.compare(0, 13, "HTTP/1.1 200 ") == 0);
    const size_t field = received.find("Content-Length: ");
    INVARIANT(field < head);
    const auto length = static_cast<size_t>(std::atoi(received.c_str() + field + 16));
    if (received.size() < head + 4 + length) return;
    INVARIANT(answered < handled);
    INVARIANT(received.compare(head + 4, length, answer_text(answered, bodies[answered])) == 0);
    answered++;
    received.erase(0, head + 4 + length);
  }
}

void on_client(const SocketCompletion_T *event, void *user) {
  Client &client = *static_cast<Client *>(user);
  INVARIANT(!client.closed);
  switch (event->kind) {
  case SOCKET_CONNECTED: client.send(); break;
  case SOCKET_DATA:
    client.received.append(static_cast<const char *>(event->data),
                           static_cast<size_t>(event->length));
    client.read_answers();
    break;
  case SOCKET_EOF: SocketStream_close(client.stream); break;
  case SOCKET_CLOSED: client.closed = true; break;
  default: break;
  }
}

void on_turn_to_send(const SocketCompletion_T *, void *user) {
  static_cast<Client *>(user)->send();
}

// ---- One run

void configure(World &world) {
  SocketSimulation_set_delay(world.simulation, 0, static_cast<int>(world.random(4000)));
  if (world.random(2))
    SocketSimulation_set_piece(world.simulation, 1 + static_cast<int>(world.random(300)));
  if (world.random(2))
    SocketSimulation_set_buffer(world.simulation, 200 + static_cast<int>(world.random(5000)));
  world.lossy = world.random(6) == 0;
  if (world.lossy) SocketSimulation_set_loss(world.simulation, 10000);
  world.stops = world.random(3) == 0;
}

int64_t run() {
  World world;
  world.simulation = SocketSimulation_new(present_seed);
  world.loops[0] = SocketSimulation_new_loop(world.simulation);
  world.loops[1] = world.random(2) ? SocketSimulation_new_loop(world.simulation) : world.loops[0];
  configure(world);
  world.server = SocketHTTPServer_new(world.loops[0]);
  SocketHTTPServer_set_callback(world.server, on_server, &world);
  SocketHTTPServer_route(world.server, "GET", "/:client/:id", on_request, &world);
  SocketHTTPServer_route(world.server, "POST", "/:client/:id", on_request, &world);
  INVARIANT(SocketHTTPServer_listen(world.server, "127.0.0.1:80") == 0);
  const int64_t count = 1 + world.random(3);
  for (int64_t i = 0; i < count; i++) {
    Client &client = *world.clients.emplace_back(std::make_unique<Client>());
    client.world = &world;
    client.number = static_cast<int>(i);
    client.plan();
    client.stream = SocketStream_connect(world.loops[1], "127.0.0.1:80", -1);
    client.timer = SocketTimer_new(world.loops[1]);
    SocketTimer_set_callback(client.timer, on_turn_to_send, &client);
    SocketStream_set_callback(client.stream, on_client, &client);
    SocketStream_start(client.stream);
  }
  if (world.stops) {
    const int early = SocketSimulation_run(world.simulation, world.random(40));
    INVARIANT(early == 0 || early == SOCKET_ETIMEDOUT);
    INVARIANT(SocketHTTPServer_stop(world.server, 60000) == 0);
  }
  const int ended = SocketSimulation_run(world.simulation, 50000);
  INVARIANT(ended == 0 || ended == SOCKET_ETIMEDOUT);
  INVARIANT(world.stopped == world.stops);
  for (auto &client : world.clients) {
    const bool cut = world.stops && client->handled < client->bodies.size();
    INVARIANT(world.lossy || client->answered == client->handled ||
              (cut && client->answered + 1 == client->handled));
    INVARIANT(world.lossy || world.stops || client->handled == client->bodies.size());
    SocketStream_free(&client->stream);
    SocketTimer_free(&client->timer);
  }
  SocketHTTPServer_free(&world.server);
  return end_world(world.simulation);
}

void every_seed(void **) { run_seeds(2000, 100, run); }

} // namespace

int main(int count, char **arguments) {
  return run_one_or_all(count, arguments, run, cmocka_unit_test(every_seed));
}
