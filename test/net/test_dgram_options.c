/* Options of datagram sockets and multicast groups. */
#include "support/dgram_support.h"

#include <ifaddrs.h>
#include <net/if.h>

static int option_of(SocketDgram_T dgram, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  assert_int_equal(getsockopt(SocketDgram_get_fd(dgram), level, name, &value, &size), 0);
  return value;
}

static void set_all(SocketDgram_T dgram) {
  assert_int_equal(SocketDgram_set_broadcast(dgram, 1), 0);
  assert_int_equal(SocketDgram_set_receive_buffer(dgram, 20000), 0);
  assert_int_equal(SocketDgram_set_send_buffer(dgram, 20000), 0);
  assert_int_equal(SocketDgram_set_ttl(dgram, 7), 0);
  assert_int_equal(SocketDgram_set_multicast_ttl(dgram, 3), 0);
  assert_int_equal(SocketDgram_set_multicast_loop(dgram, 0), 0);
}

static void check_all(SocketDgram_T dgram, int v6) {
  assert_int_equal(option_of(dgram, SOL_SOCKET, SO_BROADCAST), 1);
  assert_true(option_of(dgram, SOL_SOCKET, SO_RCVBUF) <= 80000);
  assert_true(option_of(dgram, SOL_SOCKET, SO_SNDBUF) <= 80000);
  const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  assert_int_equal(option_of(dgram, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL), 7);
  assert_int_equal(option_of(dgram, level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL), 3);
  assert_int_equal(option_of(dgram, level, v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP), 0);
}

static void options_reach_the_socket_before_or_after(void **state) {
  (void)state;
  for (int v6 = 0; v6 < 2; v6++) {
    SocketLoop_T loop = SocketLoop_new();
    const char *where = v6 ? "[::1]:0" : "127.0.0.1:0";
    SocketDgram_T before = SocketDgram_new(loop), after = SocketDgram_new(loop);
    set_all(before);
    assert_int_equal(SocketDgram_bind(before, where), 0);
    check_all(before, v6);
    assert_int_equal(SocketDgram_bind(after, where), 0);
    const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP; /* the documented defaults */
    assert_int_equal(option_of(after, SOL_SOCKET, SO_BROADCAST), 0);
    assert_int_equal(option_of(after, SOL_SOCKET, SO_REUSEADDR), 0);
    if (!left_out_on_windows(WITHOUT_SHARED_PORTS))
      assert_int_equal(option_of(after, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(option_of(after, level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL), 1);
    assert_int_equal(option_of(after, level, v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP), 1);
    if (v6) assert_int_equal(option_of(after, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    set_all(after);
    check_all(after, v6);
    if (!left_out_on_windows(WITHOUT_ASKING))
      assert_true(fcntl(SocketDgram_get_fd(after), F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(SocketDgram_get_fd(after), F_GETFD) & FD_CLOEXEC);
    SocketLoop_free(&loop);
  }
}

static void values_out_of_range_are_refused(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_T dgram = SocketDgram_new(loop);
  char address[128];
  for (int made = 0; made < 2; made++) {
    assert_int_equal(SocketDgram_set_receive_buffer(dgram, 0), SOCKET_EINVAL);
    assert_int_equal(SocketDgram_set_send_buffer(dgram, -1), SOCKET_EINVAL);
    assert_int_equal(SocketDgram_set_ttl(dgram, 0), SOCKET_EINVAL);
    assert_int_equal(SocketDgram_set_ttl(dgram, 256), SOCKET_EINVAL);
    assert_int_equal(SocketDgram_set_multicast_ttl(dgram, -1), SOCKET_EINVAL);
    assert_int_equal(SocketDgram_set_multicast_ttl(dgram, 256), SOCKET_EINVAL);
    assert_int_equal(SocketDgram_set_multicast_interface(dgram, "nosuch0"), SOCKET_EADDRNOTAVAIL);
    assert_int_equal(SocketDgram_set_multicast_interface(dgram, "192.0.2.77"),
                     SOCKET_EADDRNOTAVAIL);
    assert_int_equal(SocketDgram_set_multicast_interface(dgram, NULL), 0);
    if (!made) assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), 0);
  }
  assert_int_equal(SocketDgram_set_reuseaddr(dgram, 1), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_set_reuseport(dgram, 1), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_set_v6only(dgram, 0), SOCKET_ESTATE);
  if (left_out_on_windows(WITHOUT_ABSTRACT_NAMES)) {
    SocketLoop_free(&loop);
    return;
  }
  /* Of a unix socket: told at once, or when it is made. */
  abstract_name(address, "options");
  SocketDgram_T local = bound_at(loop, address, address);
  assert_int_equal(SocketDgram_set_ttl(local, 7), SOCKET_ENOTSUP);
  assert_int_equal(SocketDgram_set_broadcast(local, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketDgram_set_receive_buffer(local, 20000), 0);
  SocketDgram_T early = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_set_ttl(early, 7), 0);
  abstract_name(address, "options");
  assert_int_equal(SocketDgram_bind(early, address), SOCKET_ENOTSUP);
  assert_int_equal(SocketDgram_bind(early, "127.0.0.1:0"), 0);
  SocketLoop_free(&loop);
}

static void a_port_can_be_shared(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128];
  SocketDgram_T one = SocketDgram_new(loop), two = SocketDgram_new(loop);
  if (!left_out_on_windows(WITHOUT_SHARED_PORTS)) {
    SocketDgram_set_reuseport(one, 1);
    SocketDgram_set_reuseport(two, 1);
    assert_int_equal(SocketDgram_bind(one, "127.0.0.1:0"), 0);
    SocketDgram_get_local(one, address, 128);
    assert_int_equal(SocketDgram_bind(two, address), 0);
  }
  SocketDgram_free(&one);
  SocketDgram_free(&two);
  one = SocketDgram_new(loop), two = SocketDgram_new(loop);
  SocketDgram_set_reuseaddr(one, 1);
  assert_int_equal(SocketDgram_bind(one, "127.0.0.1:0"), 0);
  SocketDgram_get_local(one, address, 128);
  assert_int_equal(SocketDgram_bind(two, address), SOCKET_EADDRINUSE);
  SocketDgram_set_reuseaddr(two, 1);
  assert_int_equal(SocketDgram_bind(two, address), 0);
  SocketLoop_free(&loop);
}

static void one_socket_may_speak_both_protocols(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char v4[64], v6[64], client_address[128], nobody[128], text[128];
  SocketDgram_T both = SocketDgram_new(loop), client = bound(loop, client_address);
  SocketDgram_T client6 = bound_at(loop, "[::1]:0", text);
  SocketDgram_set_v6only(both, 0);
  assert_int_equal(SocketDgram_bind(both, "[::]:0"), 0);
  SocketDgram_start(both);
  snprintf(v4, sizeof v4, "127.0.0.1:%d", SocketDgram_get_port(both));
  snprintf(v6, sizeof v6, "[::1]:%d", SocketDgram_get_port(both));
  send_text(client, v4, "four");
  SocketCompletion_T event = pull_text(loop, both, "four");
  snprintf(text, sizeof text, "[::ffff:127.0.0.1]:%d", SocketDgram_get_port(client));
  assert_string_equal(sender_of(both, event.source), text);
  assert_int_equal(SocketDgram_reply(both, event.source, "back", 4), 0);
  pull_text(loop, client, "back");
  send_text(client6, v6, "six");
  pull_text(loop, both, "six");
  send_text(both, client_address, "plain"); /* an IPv4 address as it is */
  pull_text(loop, client, "plain");
  /* And hears of refusals in both. */
  if (left_out_on_windows(WITHOUT_REFUSALS)) {
    SocketLoop_free(&loop);
    return;
  }
  nobody_at(loop, "127.0.0.1:0", nobody);
  send_text(both, nobody, "anyone?");
  event = pull_one(loop, SOCKET_DATAGRAM_ERROR);
  assert_int_equal(event.status, SOCKET_ECONNREFUSED);
  nobody_at(loop, "[::1]:0", nobody);
  send_text(both, nobody, "anyone?");
  event = pull_one(loop, SOCKET_DATAGRAM_ERROR);
  assert_string_equal(sender_of(both, event.source), nobody);
  SocketLoop_free(&loop);
}

static void broadcasts_need_permission(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_T dgram = SocketDgram_new(loop);
  int code = SocketDgram_send_to(dgram, "255.255.255.255:9", "x", 1);
  if (code == SOCKET_ENETUNREACH) skip(); /* no network at all */
  assert_int_equal(code, SOCKET_EACCES);
  assert_int_equal(SocketDgram_set_broadcast(dgram, 1), 0);
  code = SocketDgram_send_to(dgram, "127.255.255.255:9", "x", 1);
  assert_int_equal(code, 0);
  SocketLoop_free(&loop);
}

/* ---- Groups: of IPv4 on the loopback, of IPv6, for which it rarely has a route, on whatever
 * interface takes part in multicast; with a scope that never leaves the machine. */

static const char *loopback_name(void) {
  static char name[IF_NAMESIZE];
  assert_non_null(if_indextoname(1, name));
  return name;
}

/* An address of such an interface; 0 if there is none. */
static int find_interface(int v6, char name[IF_NAMESIZE], char address[64]) {
  struct ifaddrs *all = NULL;
  int found = 0;
  snprintf(name, IF_NAMESIZE, "%s", loopback_name());
  snprintf(address, 64, "127.0.0.1");
  if (!v6) return 1;
  assert_int_equal(getifaddrs(&all), 0);
  for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET6) continue;
    const struct sockaddr_in6 *own = (const struct sockaddr_in6 *)(const void *)one->ifa_addr;
    const unsigned wanted = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
    if ((one->ifa_flags & wanted) != wanted || own->sin6_scope_id != 0) continue;
    snprintf(name, IF_NAMESIZE, "%s", one->ifa_name);
    inet_ntop(AF_INET6, &own->sin6_addr, address, 64);
    found = 1;
  }
  freeifaddrs(all);
  return found;
}

static int join(SocketDgram_T member, const char *group, const char *source, const char *name) {
  return source ? SocketDgram_join_source(member, group, source, name)
                : SocketDgram_join(member, group, name);
}

static int leave(SocketDgram_T member, const char *group, const char *source, const char *name) {
  return source ? SocketDgram_leave_source(member, group, source, name)
                : SocketDgram_leave(member, group, name);
}

static void check_group(int v6, int with_source) {
  const char *group = v6 ? "ff01::1:1234" : with_source ? "232.1.2.3" : "239.1.2.3";
  skip_on_windows(WITHOUT_GROUPS);
  char interface_name[IF_NAMESIZE], self[64], from[80], to[80], text[128];
  SocketLoop_T loop = SocketLoop_new();
  SocketCompletion_T event;
  if (!find_interface(v6, interface_name, self)) {
    SocketLoop_free(&loop);
    skip();
  }
  const char *source = with_source ? self : NULL;
  snprintf(from, sizeof from, v6 ? "[%s]:0" : "%s:0", self);
  SocketDgram_T member = bound_at(loop, v6 ? "[::]:0" : "0.0.0.0:0", text);
  SocketDgram_T sender = bound_at(loop, from, text);
  snprintf(to, sizeof to, v6 ? "[%s]:%d" : "%s:%d", group, SocketDgram_get_port(member));
  assert_int_equal(SocketDgram_set_multicast_interface(sender, self), 0);
  assert_int_equal(SocketDgram_set_multicast_loop(sender, 1), 0);
  assert_int_equal(join(member, group, source, self), 0);
  assert_int_equal(join(member, group, source, interface_name),
                   with_source ? SOCKET_EADDRNOTAVAIL : SOCKET_EADDRINUSE);
  send_text(sender, to, "all");
  event = pull_text(loop, member, "all");
  assert_string_equal(sender_of(member, event.source), text);
  assert_int_equal(leave(member, group, source, interface_name), 0);
  send_text(sender, to, "gone");
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
  int code = leave(member, group, source, interface_name);
  assert_true(code == SOCKET_EADDRNOTAVAIL || code == SOCKET_EINVAL);
  SocketLoop_free(&loop);
}

static void groups_over_ipv4(void **state) { (void)state, check_group(0, 0); }
static void groups_over_ipv6(void **state) { (void)state, check_group(1, 0); }
static void groups_of_one_source_over_ipv4(void **state) { (void)state, check_group(0, 1); }
static void groups_of_one_source_over_ipv6(void **state) { (void)state, check_group(1, 1); }

static void groups_are_checked(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128];
  const char *lo = loopback_name();
  SocketDgram_T dgram = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_join(dgram, "239.1.2.3", lo), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), 0);
  assert_int_equal(SocketDgram_join(dgram, NULL, lo), SOCKET_EADDRESS);
  assert_int_equal(SocketDgram_join(dgram, "239.1.2.3:80", lo), SOCKET_EADDRESS);
  assert_int_equal(SocketDgram_join(dgram, "127.0.0.1", lo), SOCKET_EADDRESS);
  assert_int_equal(SocketDgram_join(dgram, "fe80::1", lo), SOCKET_EADDRESS);
  assert_int_equal(SocketDgram_join(dgram, "ff02::1", lo), SOCKET_EAFNOSUPPORT);
  assert_int_equal(SocketDgram_join(dgram, "239.1.2.3", "nosuch0"), SOCKET_EADDRNOTAVAIL);
  if (!left_out_on_windows(WITHOUT_GROUPS))
    assert_int_equal(SocketDgram_leave(dgram, "239.1.2.3", lo), SOCKET_EADDRNOTAVAIL);
  assert_int_equal(SocketDgram_join_source(dgram, "232.1.2.3", NULL, lo), SOCKET_EADDRESS);
  assert_int_equal(SocketDgram_join_source(dgram, "232.1.2.3", "here", lo), SOCKET_EADDRESS);
  assert_int_equal(SocketDgram_join_source(dgram, "232.1.2.3", "::1", lo), SOCKET_EAFNOSUPPORT);
  assert_int_equal(SocketDgram_leave_source(dgram, NULL, "127.0.0.1", lo), SOCKET_EADDRESS);
  if (!left_out_on_windows(WITHOUT_ABSTRACT_NAMES)) {
    abstract_name(address, "group");
    SocketDgram_T local = bound_at(loop, address, address);
    assert_int_equal(SocketDgram_join(local, "239.1.2.3", lo), SOCKET_EAFNOSUPPORT);
  }
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_reach_the_socket_before_or_after),
      cmocka_unit_test(values_out_of_range_are_refused),
      cmocka_unit_test(a_port_can_be_shared),
      cmocka_unit_test(one_socket_may_speak_both_protocols),
      cmocka_unit_test(broadcasts_need_permission),
      cmocka_unit_test(groups_over_ipv4),
      cmocka_unit_test(groups_over_ipv6),
      cmocka_unit_test(groups_of_one_source_over_ipv4),
      cmocka_unit_test(groups_of_one_source_over_ipv6),
      cmocka_unit_test(groups_are_checked),
  };
  return cmocka_run_group_tests_name("datagram options", tests, NULL, NULL);
}
