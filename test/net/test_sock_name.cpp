// Addresses and names of sockets as text: what is read, what is written, which code says what is
// wrong with the rest.
#include "cmocka_cpp.hpp"

#include "net/names/sock_name.hpp"

#include <cstring>
#include <net/if.h>
#include <string>
#include <sys/un.h>

using namespace socketpoll;
using namespace std::string_view_literals;

namespace {

void addresses_are_read_and_written(void **) {
  static const struct {
    const char *text, *written, *host;
  } good[] = {
      {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1"},
      {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0"},
      {"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255"},
      {"localhost:8080", "127.0.0.1:8080", "127.0.0.1"},
      {"127.0.0.1:0080", "127.0.0.1:80", "127.0.0.1"},
      {"[::]:1", "[::]:1", "::"},
      {"[::1]:443", "[::1]:443", "::1"},
      {"[0:0:0:0:0:0:0:1]:443", "[::1]:443", "::1"},
      {"[::ffff:1.2.3.4]:5", "[::ffff:1.2.3.4]:5", "::ffff:1.2.3.4"},
      {"[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
       "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "2001:db8:1111:2222:3333:4444:5555:6666"},
  };
  for (const auto &one : good) {
    auto address = Address::parse(one.text);
    assert_true(address.ok());
    sockaddr_storage storage;
    assert_true(static_cast<size_t>(address->to_sockaddr(storage)) >= sizeof(sockaddr_in));
    const Address back = Address::from_sockaddr(storage);
    char text[Address::kTextBytes];
    auto length = back.format(text);
    assert_true(length.ok());
    assert_string_equal(text, one.written);
    assert_int_equal(*length, std::strlen(one.written));
    assert_int_equal(back.format({text, static_cast<size_t>(*length)}).code(), SOCKET_EINVAL);
    assert_int_equal(*back.format_host(text), std::strlen(one.host));
    assert_string_equal(text, one.host);
    assert_true(Address::parse_host(one.host).ok());

    auto name = SockName::parse(one.text);
    assert_true(name.ok());
    assert_int_equal(name->port(), address->port);
    assert_true(*name == SockName(*address));
    assert_int_equal(*name->format(text), std::strlen(one.written));
    assert_string_equal(text, one.written);
  }
  char text[4];
  assert_int_equal(Address{}.format(text).code(), SOCKET_ENOTCONN);
  assert_int_equal(SockName().format(text).code(), SOCKET_ENOTCONN);
}

void the_code_says_which_part_is_wrong(void **) {
  static constexpr std::string_view hosts[] = {"",
                                               "80",
                                               "127.0.0.1",
                                               ":",
                                               ":80",
                                               "127.1:80",
                                               "::1:80",
                                               "[::1]",
                                               "[]:80",
                                               "[:80",
                                               "]:80",
                                               "a.b.c.d:1",
                                               "::1:x",
                                               "[1.2.3.4]:1",
                                               "[::1]x:80",
                                               "LOCALHOST:1",
                                               "[[::1]]:1",
                                               "example.com:80",
                                               "[local]:80",
                                               "[::1%]:80",
                                               "[::1%%]:80",
                                               "[::1%no0]:1",
                                               "127.0.0.1%lo:1",
                                               "[127.0.0.1%lo]:1",
                                               "[::1%0]:80",
                                               "::1%lo:80",
                                               "[x%lo]:80",
                                               "127.0.0.1\0:80"sv};
  for (const auto text : hosts) {
    assert_int_equal(SockName::parse(text).code(), SOCKET_EADDRESS);
    assert_int_equal(Address::parse(text).code(), SOCKET_EADDRESS);
  }
  static constexpr std::string_view ports[] = {
      "127.0.0.1:",       "127.0.0.1:+1",
      "127.0.0.1: 1",     "127.0.0.1:1x",
      "[::1]:",           "1.2.3.4:99999",
      "1.2.3.4:65536",    "localhost:-1",
      "127.0.0.1:80\0"sv, "127.0.0.1:18446744073709551617"};
  for (const auto text : ports) {
    assert_int_equal(SockName::parse(text).code(), SOCKET_EPORT);
    assert_int_equal(Address::parse(text).code(), SOCKET_EPORT);
  }
  assert_int_equal(SockName::parse("[::1%1]:99999").code(), SOCKET_EPORT);
  assert_int_equal(Address::parse("[::1%1]:80").code(), SOCKET_EADDRESS); // keeps no scope
  assert_int_equal(SockName::parse(std::string(5000, '1') + ":80").code(), SOCKET_EADDRESS);
  assert_int_equal(SockName::parse("[::1%" + std::string(5000, 'x') + "]:80").code(),
                   SOCKET_EADDRESS);
  assert_int_equal(Address::parse_host("::1%lo").code(), SOCKET_EADDRESS);
  assert_int_equal(Address::parse_host("").code(), SOCKET_EADDRESS);
}

void scopes_are_names_or_numbers(void **) {
  char interface[IF_NAMESIZE], text[SockName::kTextBytes];
  assert_non_null(if_indextoname(1, interface)); // the loopback, on every system that has one
  const std::string written = std::string("[fe80::1%") + interface + "]:7";
  for (const std::string &given : {written, std::string("[fe80::1%1]:7")}) {
    auto name = SockName::parse(given);
    assert_true(name.ok());
    assert_int_equal(name->scope(), 1);
    assert_int_equal(name->port(), 7);
    assert_int_equal(*name->format(text), written.size());
    assert_string_equal(text, written.c_str());
    assert_int_equal(name->format({text, written.size()}).code(), SOCKET_EINVAL);
    assert_false(*name == SockName(name->address()));
  }
  // An interface that has gone is still a number.
  assert_true(SockName::parse("[fe80::1%987654]:7")->format(text).ok());
  assert_string_equal(text, "[fe80::1%987654]:7");
}

void local_names_are_read_and_written(void **) {
  char text[SockName::kTextBytes];
  const size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  const std::string most = "unix:" + std::string(longest, 'p');
  for (const std::string &one : {std::string("unix:/tmp/a b"), std::string("unix:relative"),
                                 std::string("unix:./@file"), most}) {
    auto name = SockName::parse(one);
    assert_true(name.ok());
    assert_int_equal(name->family(), AF_UNIX);
    assert_false(name->internet());
    assert_int_equal(name->port(), 0);
    assert_int_equal(*name->format(text), one.size());
    assert_string_equal(text, one.c_str());
    assert_int_equal(name->format({text, one.size()}).code(), SOCKET_EINVAL);
    assert_int_equal(*name->format_path(text), one.size() - 5);
    assert_true(*name == *SockName::parse(one));
    assert_false(*name == *SockName::parse("unix:other"));
  }
  assert_int_equal(SockName::parse(most + "p").code(), SOCKET_ENAMETOOLONG);
  assert_int_equal(SockName::parse("unix:").code(), SOCKET_EADDRESS);
  assert_int_equal(SockName::parse("unix:@").code(), SOCKET_EADDRESS);
  assert_int_equal(SockName::parse("unix:a\0b"sv).code(), SOCKET_EADDRESS);
  assert_int_equal(SockName::parse("127.0.0.1:1")->format_path(text).code(), SOCKET_EAFNOSUPPORT);
  SockName unnamed;
  unnamed.storage.ss_family = AF_UNIX;
  unnamed.length = sizeof(sa_family_t);
  assert_int_equal(*unnamed.format(text), 5);
  assert_string_equal(text, "unix:");
}

void abstract_names_have_no_nul_but_their_first(void **) {
#if defined(__linux__)
  char text[SockName::kTextBytes];
  auto name = SockName::parse("unix:@socketpoll");
  assert_true(name.ok());
  assert_int_equal(name->length, offsetof(sockaddr_un, sun_path) + 11);
  assert_int_equal(reinterpret_cast<sockaddr_un &>(name->storage).sun_path[0], 0);
  assert_int_equal(*name->format(text), 16);
  assert_string_equal(text, "unix:@socketpoll");
  const size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  assert_true(SockName::parse("unix:@" + std::string(longest - 1, 'n')).ok());
  assert_int_equal(SockName::parse("unix:@" + std::string(longest, 'n')).code(),
                   SOCKET_ENAMETOOLONG);
  reinterpret_cast<sockaddr_un &>(name->storage).sun_path[3] = '\0'; // another program's choice
  assert_true(name->format(text).ok());
  assert_string_equal(text, "unix:@so@ketpoll");
#else
  assert_int_equal(SockName::parse("unix:@socketpoll").code(), SOCKET_ENOTSUP);
#endif
}

void hosts_and_ports_are_split(void **) {
  static const struct {
    const char *text, *host;
    int port;
    bool bracketed;
  } good[] = {
      {"example.com:80", "example.com", 80, false},
      {"a:0", "a", 0, false},
      {"127.0.0.1:65535", "127.0.0.1", 65535, false},
      {"[::1]:443", "::1", 443, true},
      {"localhost.:1", "localhost.", 1, false},
      {"[fe80::1%lo]:9", "fe80::1%lo", 9, true},
      {"b\xc3\xbc"
       "cher.example:1",
       "b\xc3\xbc"
       "cher.example",
       1, false},
  };
  for (const auto &one : good) {
    auto split = split_host_port(one.text);
    assert_true(split.ok());
    assert_true(split->host == one.host);
    assert_int_equal(split->port, one.port);
    assert_int_equal(split->bracketed, one.bracketed);
  }
  static constexpr std::string_view bad[] = {"",      "host", ":80",  "[]:80",       "::1:80",
                                             "a b:1", "[::1", "x]:1", "http://a:80", "a\0b:1"sv};
  for (const auto text : bad) assert_int_equal(split_host_port(text).code(), SOCKET_EADDRESS);
  for (const auto text : {"host:", "host:http", "host:65536", "host:-1", "[::1]:"})
    assert_int_equal(split_host_port(text).code(), SOCKET_EPORT);
  const std::string longest(253, 'a');
  assert_true(split_host_port(longest + ":1").ok());
  assert_true(split_host_port(longest + ".:1").ok());
  assert_int_equal(split_host_port(longest + "a:1").code(), SOCKET_ENAMETOOLONG);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_read_and_written),
      cmocka_unit_test(the_code_says_which_part_is_wrong),
      cmocka_unit_test(scopes_are_names_or_numbers),
      cmocka_unit_test(local_names_are_read_and_written),
      cmocka_unit_test(abstract_names_have_no_nul_but_their_first),
      cmocka_unit_test(hosts_and_ports_are_split),
  };
  return cmocka_run_group_tests_name("socket names", tests, nullptr, nullptr);
}
