// Happy Eyeballs over a network of the test's own: each address decides what its socket does, and
// sockets that connect, hang or fail late are stood in for by the ends of socket pairs.
#include "cmocka_cpp.hpp"
#include "support/name_service.hpp"

#include "SocketLoop.h"
#include "SocketResolver.h"
#include "net/stream/connector.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using namespace socketpoll;

namespace {

// ---- The network

enum class Fate { connects, hangs, refused, unreachable, no_route, no_descriptors, resets_later };

Address address_of(int family, Fate fate, int number = 0) {
  Address address;
  address.family = static_cast<uint8_t>(family);
  address.port = 80;
  address.bytes[0] = static_cast<uint8_t>(fate);
  address.bytes[3] = static_cast<uint8_t>(number);
  return address;
}

struct Network {
  std::vector<Address> tried;
  std::vector<Fd> peers; // of those that were tried
  std::vector<int> fds;
};
Network network;

void fill(int fd) {
  char bytes[4096] = {};
  while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
}

// `fd` becomes one end of a pair: writable at once, or not before its peer reads or goes away.
Status connect_in_test(int fd, const Address &address) noexcept {
  network.tried.push_back(address);
  const Fate fate = static_cast<Fate>(address.bytes[0]);
  if (fate == Fate::refused) return Error{SOCKET_ECONNREFUSED};
  if (fate == Fate::unreachable) return Error{SOCKET_ENETUNREACH};
  if (fate == Fate::no_route) return Error{SOCKET_EHOSTUNREACH};
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  assert_int_equal(dup2(ends[0], fd), fd);
  close(ends[0]);
  if (fate != Fate::connects) fill(fd);
  network.peers.push_back(Fd(ends[1]));
  network.fds.push_back(fd);
  if (fate == Fate::resets_later) network.peers.back().reset(); // with what it has not read
  return Error{SOCKET_EAGAIN};
}

// As if there were no descriptors for this one family.
int family_without_sockets = AF_UNSPEC;
Result<Fd> socket_in_test(int family, socketpoll::Network *) noexcept {
  if (family == family_without_sockets) return Error{SOCKET_EMFILE};
  return os::tcp_socket(AF_INET, nullptr); // a machine without IPv6 will do
}

// A hanging attempt connects after all.
void let_connect(size_t which) {
  char bytes[65536];
  while (recv(network.peers[which].get(), bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
}

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int fresh(void **) {
  network = {};
  family_without_sockets = AF_UNSPEC;
  connect_calls = {socket_in_test, connect_in_test};
  test_names::install();
  return SocketResolver_flush_cache();
}

int real_network(void **) {
  connect_calls = {};
  return 0;
}

// ---- The client: a delegate that ends the loop's run

struct Client final : ConnectDelegate, Watch {
  Client() : Client(SocketLoop_new()) {}
  explicit Client(SocketLoop_T made)
      : Watch(*Pinned<Loop>(reinterpret_cast<HandleWord>(made))), handle(made),
        connector(new Connector(loop(), *this)) {}
  ~Client() override {
    unwatch();
    connector.reset();
    SocketLoop_free(&handle);
  }
  Watch *takes_over() noexcept override { return goes_on ? this : nullptr; }
  void on_connected(Fd made, const Address &to) override {
    assert_false(inside);
    fd = std::move(made);
    address = to;
    calls++;
    if (goes_on) want(POLL_WRITE);
    if (destroys) connector.reset();
    loop().stop();
    if (throws) throw std::bad_alloc();
  }
  void on_connect_failed(int with) noexcept override {
    assert_false(inside);
    code = with;
    calls++;
    if (destroys) connector.reset();
    loop().stop();
  }
  void on_ready(int events) override {
    ready = events;
    loop().stop();
  }
  void on_refused(int) noexcept override { abort(); }
  void on_no_memory() noexcept override { abort(); }

  template <class... Arguments> void start(Arguments &&...arguments) {
    inside = true;
    if constexpr (std::is_void_v<decltype(connector->start(arguments...))>)
      connector->start(arguments...);
    else
      assert_true(connector->start(arguments...).ok());
    inside = false;
    begun_ns = loop().clock().now_ns();
  }
  void run() { assert_int_equal(SocketLoop_run(handle), 0); }
  void wait() {
    if (!calls) run();
  }
  int64_t passed_ms() { return (loop().clock().now_ns() - begun_ns) / kNsPerMs; }

  SocketLoop_T handle;
  ConnectorPtr connector;
  Fd fd;
  Address address;
  int code = 0, calls = 0, ready = 0;
  int64_t begun_ns = 0;
  bool goes_on = false, destroys = false, throws = false, inside = false;
};

void assert_tried(std::initializer_list<Address> expected) {
  assert_int_equal(network.tried.size(), expected.size());
  size_t i = 0;
  for (const Address &address : expected) {
    assert_int_equal(network.tried[i].family, address.family);
    assert_memory_equal(network.tried[i].bytes, address.bytes, 16);
    i++;
  }
}

const Address kHangs6 = address_of(AF_INET6, Fate::hangs);
const Address kHangs4 = address_of(AF_INET, Fate::hangs);
const Address kWorks6 = address_of(AF_INET6, Fate::connects);
const Address kWorks4 = address_of(AF_INET, Fate::connects);
const Address kRefused6 = address_of(AF_INET6, Fate::refused);
const Address kRefused4 = address_of(AF_INET, Fate::refused);
const Address kUnreachable6 = address_of(AF_INET6, Fate::unreachable);
const Address kNoRoute4 = address_of(AF_INET, Fate::no_route);

using List4 = std::vector<Address>;

// ---- One address

void one_address_connects(void **) {
  Client client;
  client.start(kWorks4);
  assert_int_equal(client.calls, 0);
  client.run();
  assert_int_equal(client.calls, 1);
  assert_true(client.fd.get() >= 0);
  assert_int_equal(client.address.port, 80);
  assert_tried({kWorks4});
}

void one_address_fails(void **) {
  for (const Address &address : {kRefused4, address_of(AF_INET, Fate::resets_later)}) {
    Client client;
    client.start(address);
    assert_int_equal(client.calls, 0);
    client.run();
    assert_int_equal(client.calls, 1);
    assert_true(client.code < 0 && client.fd.get() < 0);
  }
}

void the_descriptor_changes_its_watcher(void **) {
  for (const bool destroys : {false, true}) {
    Client client;
    client.goes_on = true;
    client.destroys = destroys;
    client.start(kWorks4);
    client.run();
    assert_int_equal(client.calls, 1);
    assert_int_equal(client.loop().poller().count(), 1);
    client.run(); // writable still, and told to the new one
    assert_int_equal(client.ready, POLL_WRITE);
    client.unwatch();
    assert_int_equal(client.loop().poller().count(), 0);
  }
  Client client; // without anyone to go on it leaves the set
  client.start(kWorks4);
  client.run();
  assert_int_equal(client.loop().poller().count(), 0);
}

// ---- Several

void a_black_hole_costs_a_quarter_of_a_second(void **) {
  Client client;
  client.start(std::span<const Address>(List4{kHangs6, kWorks4}));
  assert_tried({kHangs6});
  client.run();
  assert_int_equal(client.address.family, AF_INET);
  assert_true(client.passed_ms() >= 249);
  assert_tried({kHangs6, kWorks4});
  assert_false(is_open(network.fds[0])); // the loser is gone
  assert_int_equal(client.calls, 1);
}

void the_late_first_may_still_win(void **) {
  Client client;
  client.start(std::span<const Address>(List4{kHangs6, kHangs4}));
  while (network.tried.size() < 2) (void)client.loop().run_once(10);
  let_connect(0);
  client.run();
  assert_int_equal(client.address.family, AF_INET6);
  assert_false(is_open(network.fds[1]));
}

void a_failure_starts_the_next_at_once(void **) {
  Client client;
  client.start(std::span<const Address>(
      List4{kUnreachable6, kRefused4, address_of(AF_INET6, Fate::resets_later), kWorks4}));
  client.run();
  assert_tried({kUnreachable6, kRefused4, address_of(AF_INET6, Fate::resets_later), kWorks4});
  assert_int_equal(client.calls, 1);
  assert_int_equal(client.address.family, AF_INET);
}

void families_take_turns(void **) {
  const auto six = [](int n) { return address_of(AF_INET6, Fate::refused, n); };
  const auto four = [](int n) { return address_of(AF_INET, Fate::refused, n); };
  Client client;
  client.start(std::span<const Address>(List4{six(1), six(2), six(3), four(1), four(2)}));
  client.run();
  assert_tried({six(1), four(1), six(2), four(2), six(3)});
  network = {};
  Client other;
  other.start(std::span<const Address>(List4{four(1), four(2), six(1)}));
  other.run();
  assert_tried({four(1), six(1), four(2)});
  assert_int_equal(other.code, SOCKET_ECONNREFUSED);
}

void the_most_telling_failure(void **) {
  const auto fails_with = [](List4 addresses) {
    Client client;
    client.start(std::span<const Address>(addresses));
    client.run();
    assert_int_equal(client.calls, 1);
    return client.code;
  };
  assert_int_equal(fails_with({}), SOCKET_ENONAME);
  assert_int_equal(fails_with({kUnreachable6}), SOCKET_ENETUNREACH);
  assert_int_equal(fails_with({kUnreachable6, kNoRoute4}), SOCKET_EHOSTUNREACH);
  assert_int_equal(fails_with({kNoRoute4, kRefused4, kUnreachable6}), SOCKET_ECONNREFUSED);
  family_without_sockets = AF_INET6;
  assert_int_equal(fails_with({kRefused4, kWorks6}), SOCKET_EMFILE);
  assert_int_equal(fails_with({kWorks6, kRefused4}), SOCKET_EMFILE);
}

void destroying_it_cancels_everything(void **) {
  Client client;
  client.start(std::span<const Address>(List4{kHangs6, kHangs4, kWorks4}));
  while (network.tried.size() < 2) (void)client.loop().run_once(10);
  client.connector.reset();
  assert_false(is_open(network.fds[0]) || is_open(network.fds[1]));
  assert_int_equal(client.loop().poller().count(), 0);
  assert_int_equal(client.loop().due_in_ms(client.loop().clock().now_ns()), -1);
  assert_int_equal(network.tried.size(), 2);
  Client failed; // a failure that has not been told yet
  failed.start(kRefused4);
  failed.connector.reset();
  (void)failed.loop().run_once(0);
  assert_int_equal(client.calls + failed.calls, 0);
}

// Both attempts are ready in the same turn: the loser's event finds nobody, but its memory.
void two_winners_in_one_turn(void **) {
  for (const bool destroys : {false, true}) {
    network = {};
    Client client;
    client.destroys = destroys;
    client.start(std::span<const Address>(List4{kHangs6, kHangs4}));
    while (network.tried.size() < 2) (void)client.loop().run_once(10);
    let_connect(0);
    let_connect(1);
    client.run();
    assert_int_equal(client.calls, 1);
  }
}

void destroyed_by_its_failure(void **) {
  Client client;
  client.destroys = true;
  client.start(std::span<const Address>(List4{kRefused6, kRefused4}));
  client.run();
  assert_int_equal(client.code, SOCKET_ECONNREFUSED);
}

void no_memory_for_the_connection(void **) {
  Client client;
  client.throws = true;
  client.start(kWorks4);
  client.run();
  client.fd.reset();
  client.run();
  assert_int_equal(client.calls, 2);
  assert_int_equal(client.code, SOCKET_ENOMEM);
}

// ---- The network of this machine

// "localhost" is ::1 as well, where nobody listens.
void the_real_network(void **) {
  connect_calls = {};
  for (const char *host : {"localhost", "127.0.0.1"}) {
    auto listener = os::listen_tcp(*Address::parse("127.0.0.1:0"), {.backlog = 5}, nullptr);
    assert_true(listener.ok());
    const uint16_t port = os::local_address(listener->get())->port;
    Client client;
    client.start(host, port, int{AF_UNSPEC});
    client.run();
    assert_int_equal(client.calls, 1);
    assert_int_equal(os::peer_address(client.fd.get())->port, port);
    listener->reset();
    Client refused;
    refused.start(host, port, int{AF_UNSPEC});
    refused.run();
    assert_int_equal(refused.code, SOCKET_ECONNREFUSED);
  }
}

// ---- By name

void names_and_numbers(void **) {
  for (const char *host : {"localhost", "127.0.0.1", "none.test", "down.test"}) {
    Client client;
    connect_calls.connect = [](int, const Address &address) noexcept -> Status {
      network.tried.push_back(address);
      return Error{SOCKET_ECONNREFUSED};
    };
    network = {};
    client.start(host, uint16_t{81}, int{AF_UNSPEC});
    client.run();
    const bool resolves = host[0] != 'n' && host[0] != 'd';
    assert_int_equal(network.tried.size(), host[0] == 'l' ? 2 : resolves);
    for (const Address &address : network.tried) assert_int_equal(address.port, 81);
    assert_int_equal(client.code, resolves         ? SOCKET_ECONNREFUSED
                                  : host[0] == 'n' ? SOCKET_ENONAME
                                                   : SOCKET_ENAMESERVER);
  }
  Client client;
  assert_int_equal(client.connector->start("a..b", 80).code(), SOCKET_EADDRESS);
}

// A hook's addresses, as they come. Fates are in the first byte: 0 connects, 1 hangs, 2 is refused.
struct Hook {
  void serve(Client &of) {
    client = &of;
    assert_int_equal(SocketResolver_set_hook(of.handle, on_ask, on_cancel, this), 0);
  }
  static void on_ask(SocketLoop_T, const char *, int, SocketQuery_T asked, void *user) {
    static_cast<Hook *>(user)->query = asked;
  }
  static void on_cancel(SocketQuery_T, void *user) { static_cast<Hook *>(user)->canceled++; }
  void add(const char *text) { assert_int_equal(SocketResolver_add_address(query, text), 0); }
  void turn() { (void)client->loop().run_once(0); }
  void ask() {
    client->start("name.test", uint16_t{80}, int{AF_UNSPEC});
    turn();
    assert_non_null(query);
  }
  Client *client = nullptr;
  SocketQuery_T query = nullptr;
  int canceled = 0;
};

void ipv4_alone_waits_a_little(void **) {
  Hook hook; // until the loop is gone
  Client client;
  hook.serve(client);
  hook.ask();
  hook.add("0.0.0.1");
  hook.turn();
  assert_int_equal(network.tried.size(), 0);
  client.wait();
  assert_true(client.passed_ms() >= 49);
  assert_int_equal(client.address.family, AF_INET);
  hook.turn();
  assert_int_equal(hook.canceled, 1); // connected before the answer was complete
}

void ipv6_ends_that_wait(void **) {
  Hook hook; // until the loop is gone
  Client client;
  hook.serve(client);
  hook.ask();
  hook.add("2.0.0.1");
  hook.turn();
  hook.add("::1"); // its first byte: connects
  hook.turn();
  assert_int_equal(network.tried.size(), 1);
  assert_int_equal(network.tried[0].family, AF_INET6);
  client.wait();
  assert_int_equal(client.address.family, AF_INET6);
}

void the_end_of_the_answer_ends_that_wait(void **) {
  Hook hook; // until the loop is gone
  Client client;
  hook.serve(client);
  hook.ask();
  hook.add("0.0.0.1");
  hook.turn();
  assert_int_equal(SocketResolver_finish(hook.query, 0), 0);
  hook.turn();
  assert_int_equal(network.tried.size(), 1);
  client.wait();
  assert_int_equal(hook.canceled, 0);
}

void addresses_that_come_late(void **) {
  Hook hook; // until the loop is gone
  Client client;
  hook.serve(client);
  hook.ask();
  hook.add("200::1"); // refused
  hook.turn();
  hook.turn();
  assert_int_equal(client.calls, 0); // more may come
  hook.add("2.0.0.1");
  hook.add("100::1"); // hangs
  hook.turn();
  assert_int_equal(network.tried.size(), 3);
  assert_int_equal(SocketResolver_finish(hook.query, SOCKET_ENAMESERVER), 0);
  hook.turn();
  assert_int_equal(client.calls, 0);
  network.peers.back().reset(); // resets
  client.wait();
  assert_int_equal(client.calls, 1);
}

} // namespace

#define CONNECT_TEST(test) cmocka_unit_test_setup_teardown(test, fresh, real_network)

int main() {
  const CMUnitTest tests[] = {
      CONNECT_TEST(one_address_connects),
      CONNECT_TEST(one_address_fails),
      CONNECT_TEST(the_descriptor_changes_its_watcher),
      CONNECT_TEST(a_black_hole_costs_a_quarter_of_a_second),
      CONNECT_TEST(the_late_first_may_still_win),
      CONNECT_TEST(a_failure_starts_the_next_at_once),
      CONNECT_TEST(families_take_turns),
      CONNECT_TEST(the_most_telling_failure),
      CONNECT_TEST(destroying_it_cancels_everything),
      CONNECT_TEST(two_winners_in_one_turn),
      CONNECT_TEST(destroyed_by_its_failure),
      CONNECT_TEST(no_memory_for_the_connection),
      CONNECT_TEST(the_real_network),
      CONNECT_TEST(names_and_numbers),
      CONNECT_TEST(ipv4_alone_waits_a_little),
      CONNECT_TEST(ipv6_ends_that_wait),
      CONNECT_TEST(the_end_of_the_answer_ends_that_wait),
      CONNECT_TEST(addresses_that_come_late),
  };
  return cmocka_run_group_tests_name("connector", tests, nullptr, nullptr);
}
