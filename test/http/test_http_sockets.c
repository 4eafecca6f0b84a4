/* The server's listening sockets: its own, shared ones, and those of others; and the stop that
 * waits for requests on their way. */
#include "support/http_wire.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void hello(SocketHTTP_T x, void *user) {
  (void)user;
  SocketHTTP_respond(x, 200, "text/plain", "Hello\n", 6);
}

static int setup(void **state) {
  Site *site = site_new();
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/hello", hello, NULL), 0);
  *state = site;
  return 0;
}

static int listening_socket(int *port) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t length = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(fd, 16), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
  *port = ntohs(at.sin_port);
  return fd;
}

static void a_socket_from_elsewhere(void **state) {
  Site *site = *state;
  int idle = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(SocketHTTPServer_get_fd(site->server), SOCKET_ESTATE);
  assert_int_equal(SocketHTTPServer_listen_fd(site->server, -1), SOCKET_EBADF);
  assert_int_equal(SocketHTTPServer_listen_fd(site->server, idle), SOCKET_ESTATE);
  assert_non_null(strstr(Socket_last_error_message(), "cannot listen on descriptor"));
  close(idle);
  int fd = listening_socket(&site->port);
  assert_int_equal(SocketHTTPServer_listen_fd(site->server, fd), 0);
  assert_int_equal(SocketHTTPServer_get_fd(site->server), fd);
  assert_int_equal(SocketHTTPServer_get_port(site->server), site->port);
  assert_int_equal(SocketHTTPServer_listen_fd(site->server, fd), SOCKET_EEXIST);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/hello"), "Hello\n"), 200);
  wire_close(&wire);
  assert_int_equal(SocketHTTPServer_stop(site->server, 1000), 0);
  assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the server's */
  int port, late = listening_socket(&port);
  assert_int_equal(SocketHTTPServer_listen_fd(site->server, late), SOCKET_ESTATE);
  assert_int_equal(SocketHTTPServer_get_fd(site->server), SOCKET_ESTATE);
  assert_int_equal(close(late), 0);
}

static void a_shared_port(void **state) {
  skip_on_windows(WITHOUT_SHARED_PORTS);
  Site *site = *state;
  char address[32];
  SocketHTTPServer_T other = SocketHTTPServer_new(site->loop);
  assert_int_equal(SocketHTTPServer_set_reuseport(site->server, 3), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_reuseport(site->server, -1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_reuseport(site->server, SOCKET_REUSEPORT_FIRST), 0);
  assert_int_equal(SocketHTTPServer_listen(site->server, "127.0.0.1:0"), 0);
  snprintf(address, sizeof address, "127.0.0.1:%d", SocketHTTPServer_get_port(site->server));
  assert_int_equal(SocketHTTPServer_listen(other, address), SOCKET_EADDRINUSE);
  assert_int_equal(SocketHTTPServer_set_reuseport(other, SOCKET_REUSEPORT_SHARE), 0);
  assert_int_equal(SocketHTTPServer_listen(other, address), 0);
}

/* A stop with a grace: what is asked within it is answered, and told to be the last. */
static void requests_on_their_way(void **state) {
  Site *site = *state;
  static Reply reply;
  site_listen(site);
  assert_int_equal(SocketHTTPServer_set_stop_grace(site->server, -1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_stop_grace(site->server, INT64_MAX), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_stop_grace(site->server, HANG_MS), 0);
  Wire used = wire_open(site), fresh = wire_open(site);
  assert_int_equal(wire_ask(&used, GET("/hello"), "Hello\n"), 200);
  site_until_connections(site, 2);
  assert_int_equal(SocketHTTPServer_stop(site->server, -1), 0);
  site_settle(site);
  for (int i = 0; i < 2; i++) {
    Wire *wire = i ? &used : &fresh;
    wire_send(wire, GET("/hello"));
    wire_reply(wire, &reply);
    assert_string_equal(reply.body, "Hello\n");
    assert_true(reply_header_is(&reply, "Connection", "close"));
    wire_expect_end(wire);
    wire_close(wire);
  }
  site_until(site, &site->seen[SOCKET_HTTP_STOPPED], 1);
  assert_int_equal(site->last[SOCKET_HTTP_STOPPED].status, 0);
  assert_int_equal(SocketLoop_get_timeout(site->loop), -1);
  reply_free(&reply);
}

static void nothing_is_on_its_way(void **state) {
  Site *site = *state;
  const int bounded = site->user != NULL;
  site_listen(site);
  assert_int_equal(SocketHTTPServer_set_stop_grace(site->server, 50), 0);
  Wire idle = wire_open(site);
  site_until_connections(site, 1);
  assert_int_equal(SocketHTTPServer_stop(site->server, bounded ? 10000 : -1), 0);
  wire_expect_end(&idle);
  site_until(site, &site->seen[SOCKET_HTTP_STOPPED], 1);
  assert_int_equal(site->last[SOCKET_HTTP_STOPPED].status, 0);
  wire_close(&idle);
}

static void nor_with_a_bound(void **state) {
  ((Site *)*state)->user = *state;
  nothing_is_on_its_way(state);
}

static void a_shorter_stop_counts(void **state) {
  Site *site = *state;
  site_listen(site);
  assert_int_equal(SocketHTTPServer_set_stop_grace(site->server, HANG_MS), 0);
  Wire idle = wire_open(site);
  site_until_connections(site, 1);
  assert_int_equal(SocketHTTPServer_stop(site->server, -1), 0);
  assert_int_equal(SocketHTTPServer_stop(site->server, 20), 0);
  wire_expect_end(&idle);
  site_until(site, &site->seen[SOCKET_HTTP_STOPPED], 1);
  assert_int_equal(site->last[SOCKET_HTTP_STOPPED].status, SOCKET_ETIMEDOUT);
  wire_close(&idle);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_socket_from_elsewhere), TEST(a_shared_port),    TEST(requests_on_their_way),
      TEST(nothing_is_on_its_way),   TEST(nor_with_a_bound), TEST(a_shorter_stop_counts),
  };
  return cmocka_run_group_tests_name("http: sockets", tests, NULL, NULL);
}
