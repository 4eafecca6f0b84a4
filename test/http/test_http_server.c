/* The server as a whole: deadlines, the number of connections, stopping, and being freed from
 * wherever the program happens to be. */
#include "support/http_wire.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static SocketHTTP_T kept;
static int kept_count, events[32], event_status[32], logged, logged_status;
static SocketLoop_T free_loop;
static SocketHTTPServer_T free_server;

static void keep(SocketHTTP_T x, void *user) {
  (void)user;
  kept = x;
  kept_count++;
}

static void note(const SocketCompletion_T *event, void *user) {
  (void)user;
  events[event->kind]++;
  event_status[event->kind] = event->status;
}

static void read_on(SocketHTTP_T x, void *user) {
  keep(x, user);
  assert_int_equal(SocketHTTP_set_callback(x, note, NULL), 0);
  assert_int_equal(SocketHTTP_read_body(x), 0);
}

static void answer_huge(SocketHTTP_T x, void *user) {
  (void)user;
  const size_t size = 8 << 20;
  char *data = calloc(1, size);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, data, (int64_t)size), 0);
  free(data);
}

static void count_log(SocketHTTP_T x, void *user) {
  (void)user;
  logged++;
  logged_status = SocketHTTP_get_status(x);
}

static int setup(void **state) {
  Site *site = malloc(sizeof *site);
  site_open(site);
  kept_count = logged = 0;
  memset(events, 0, sizeof events);
  SocketHTTPServer_route(site->server, "GET", "/hello", answer_hello, NULL);
  SocketHTTPServer_route(site->server, "GET", "/keep", keep, NULL);
  SocketHTTPServer_route(site->server, "POST", "/read", read_on, NULL);
  SocketHTTPServer_route(site->server, "GET", "/huge", answer_huge, NULL);
  SocketHTTPServer_route(site->server, "GET", "/pull", NULL, NULL);
  SocketHTTPServer_set_log(site->server, count_log, NULL);
  site_listen(site);
  *state = site;
  return 0;
}

static int teardown(void **state) {
  Site *site = *state;
  if (site->loop) site_close(site);
  free(site);
  return 0;
}

static void expect_408(Wire *wire) {
  static Reply reply;
  wire_reply(wire, &reply);
  assert_int_equal(reply.status, 408);
  assert_true(reply_header_is(&reply, "Connection", "close"));
  reply_free(&reply);
  wire_expect_end(wire);
}

/* ---- Deadlines */

static void an_unfinished_head(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_head_timeout(site->server, 30), 0);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/hello"), NULL), 200);
  const int64_t start = now_ms();
  wire_send(&wire, "GET /hello HT");
  expect_408(&wire);
  assert_true(now_ms() - start >= 29);
  assert_int_equal(logged, 1); /* no request, nothing to log */
  wire_close(&wire);
}

static void a_head_byte_by_byte(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_head_timeout(site->server, 50), 0);
  Wire wire = wire_open(site);
  wire_send(&wire, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
  while (!wire.length) {
    wire_try(&wire, "a", 1);
    wire_step(&wire);
  }
  expect_408(&wire);
  wire_close(&wire);
}

static void an_unfinished_body(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_body_timeout(site->server, 30), 0);
  for (int how = 0; how < 2; how++) {
    memset(events, 0, sizeof events);
    Wire wire = wire_open(site);
    wire_send(&wire, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    while (how && !wire.length) { /* a byte buys 2 ms, and comes at most each 5 */
      wire_try(&wire, "a", 1);
      site_turn(site, 4);
      wire_step(&wire);
    }
    expect_408(&wire);
    assert_int_equal(events[SOCKET_HTTP_CLOSED], 1);
    assert_int_equal(event_status[SOCKET_HTTP_CLOSED], SOCKET_ETIMEDOUT);
    assert_int_equal(logged_status, 408);
    wire_close(&wire);
  }
  /* What is not read has all the time in the world; what is paused as well. */
  Wire wire = wire_open(site);
  wire_send(&wire, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  site_until(site, &kept_count, 3);
  assert_int_equal(SocketHTTP_pause_body(kept), 0);
  const int64_t until = now_ms() + 80;
  while (now_ms() < until) site_turn(site, 5);
  assert_int_equal(SocketHTTP_read_body(kept), 0);
  wire_send(&wire, "b");
  site_until(site, &events[SOCKET_HTTP_BODY_END], 1);
  assert_int_equal(SocketHTTP_respond(kept, 200, NULL, NULL, 0), 0);
  assert_int_equal(wire_ask(&wire, "", ""), 200);
  wire_close(&wire);
}

static void a_body_rate_that_suffices(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_body_timeout(site->server, 60), 0);
  Wire wire = wire_open(site);
  char piece[100] = {0}; /* 200 ms more for each */
  wire_send(&wire, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  for (int i = 0; i < 10; i++) {
    wire_send_bytes(&wire, piece, sizeof piece);
    const int64_t until = now_ms() + 15;
    while (now_ms() < until) site_turn(site, 5);
  }
  site_until(site, &events[SOCKET_HTTP_BODY_END], 1);
  assert_int_equal(SocketHTTP_respond(kept, 200, NULL, NULL, 0), 0);
  assert_int_equal(wire_ask(&wire, "", ""), 200);
  wire_close(&wire);
}

static void a_discarded_body_that_does_not_come(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_body_timeout(site->server, 30), 0);
  Wire wire = wire_open(site);
  assert_int_equal(
      wire_ask(&wire, "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", NULL), 404);
  wire_expect_end(&wire);
  assert_int_equal(logged, 1);
  wire_close(&wire);
}

static void an_idle_connection(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_idle_timeout(site->server, 30), 0);
  Wire wire = wire_open(site);
  Wire silent = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/hello"), NULL), 200);
  wire_expect_end(&wire);
  wire_expect_end(&silent);
  wire_close(&wire);
  wire_close(&silent);
  /* A request that waits for its answer is not idle. */
  wire = wire_open(site);
  wire_send(&wire, GET("/keep"));
  site_until(site, &kept_count, 1);
  const int64_t until = now_ms() + 80;
  while (now_ms() < until) site_turn(site, 5);
  assert_int_equal(SocketHTTP_respond(kept, 200, NULL, NULL, 0), 0);
  assert_int_equal(wire_ask(&wire, "", ""), 200);
  wire_close(&wire);
}

/* Neither is one that is still taking its response, as long as it takes some. */
static void a_slow_reader_is_not_idle(void **state) {
  Site *site = *state;
  static Reply reply;
  assert_int_equal(SocketHTTPServer_set_idle_timeout(site->server, 30), 0);
  Wire wire = wire_open_with(site, 4096);
  wire_send(&wire, GET("/huge"));
  site_settle(site);
  const int64_t until = now_ms() + 150;
  while (now_ms() < until) {
    char some[30000];
    while (recv(wire.fd, some, sizeof some, MSG_PEEK) <= 0) site_turn(site, 1);
    site_turn(site, 5);
    if (!wire_receive(&wire)) continue;
  }
  wire_reply(&wire, &reply);
  assert_int_equal(reply.length, 8 << 20);
  wire_expect_end(&wire);
  wire_close(&wire);
  reply_free(&reply);
}

static void a_client_that_never_reads(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_write_timeout(site->server, 40), 0);
  Wire wire = wire_open_with(site, 4096);
  wire_send(&wire, GET("/huge"));
  site_until_connections(site, 1);
  site_until_connections(site, 0);
  wire_read_all(&wire);
  assert_true(wire.length < 8 << 20);
  wire_close(&wire);
}

static void limits_are_checked(void **state) {
  Site *site = *state;
  SocketHTTPServer_T s = site->server;
  int (*const times[])(SocketHTTPServer_T, int64_t) = {
      SocketHTTPServer_set_head_timeout, SocketHTTPServer_set_body_timeout,
      SocketHTTPServer_set_idle_timeout, SocketHTTPServer_set_write_timeout};
  int (*const counts[])(SocketHTTPServer_T, int64_t) = {
      SocketHTTPServer_set_max_head, SocketHTTPServer_set_max_target,
      SocketHTTPServer_set_max_fields, SocketHTTPServer_set_max_connections};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(times[i](s, 0), SOCKET_EINVAL);
    assert_int_equal(times[i](s, -2), SOCKET_EINVAL);
    assert_int_equal(times[i](s, INT64_MAX), SOCKET_EINVAL);
    assert_int_equal(times[i](s, 1), 0);
    assert_int_equal(times[i](s, -1), 0);
    assert_int_equal(counts[i](s, 0), SOCKET_EINVAL);
    assert_int_equal(counts[i](s, -1), SOCKET_EINVAL);
    assert_int_equal(counts[i](s, INT64_MAX), SOCKET_EINVAL);
    assert_int_equal(counts[i](s, 100), 0);
  }
  assert_int_equal(SocketHTTPServer_set_max_fields(s, 129), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_max_body(s, -1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_marks(s, 5, 5), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_marks(s, -1, 5), SOCKET_EINVAL);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/hello"), NULL), 200);
  wire_close(&wire);
}

static void max_connections(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_callback(site->server, note, NULL), 0);
  assert_int_equal(SocketHTTPServer_set_max_connections(site->server, 2), 0);
  Wire wires[3];
  for (int i = 0; i < 3; i++) wires[i] = wire_open(site);
  for (int i = 0; i < 2; i++) assert_int_equal(wire_ask(&wires[i], GET("/hello"), NULL), 200);
  wire_send(&wires[2], GET("/hello"));
  site_settle(site);
  assert_int_equal(SocketHTTPServer_get_connections(site->server), 2);
  assert_int_equal(events[SOCKET_ACCEPT_STALLED], 1);
  assert_int_equal(event_status[SOCKET_ACCEPT_STALLED], SOCKET_ELIMIT);
  wire_close(&wires[0]);
  assert_int_equal(wire_ask(&wires[2], "", "Hello\n"), 200);
  assert_int_equal(events[SOCKET_ACCEPT_RESUMED], 1);
  wire_close(&wires[1]);
  wire_close(&wires[2]);
  site_until_connections(site, 0);
}

/* ---- Stopping */

static void stopping_gently(void **state) {
  Site *site = *state;
  static Reply reply;
  const int pulls = site->user != NULL;
  if (!pulls) assert_int_equal(SocketHTTPServer_set_callback(site->server, note, NULL), 0);
  Wire idle = wire_open(site), active = wire_open(site), half = wire_open(site);
  assert_int_equal(wire_ask(&idle, GET("/hello"), NULL), 200);
  wire_send(&active, GET("/keep") GET("/hello"));
  site_until(site, &kept_count, 1);
  wire_send(&half, "GET /hello HTTP/1.1\r\nHo");
  site_settle(site);
  assert_int_equal(SocketHTTPServer_stop(site->server, -2), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_stop(site->server, -1), 0);
  assert_int_equal(SocketHTTPServer_stop(site->server, 10000), 0);
  assert_int_equal(SocketHTTPServer_listen(site->server, "127.0.0.1:0"), SOCKET_ESTATE);
  wire_expect_end(&idle);
  struct sockaddr_in to = {0};
  to.sin_family = AF_INET;
  to.sin_port = htons((uint16_t)site->port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
  assert_int_equal(errno, ECONNREFUSED);
  close(fd);
  assert_int_equal(events[SOCKET_HTTP_STOPPED] + site->seen[SOCKET_HTTP_STOPPED], 0);
  assert_int_equal(SocketHTTP_respond(kept, 200, NULL, "late", 4), 0);
  wire_reply(&active, &reply);
  assert_string_equal(reply.body, "late");
  wire_send(&half, "st: a\r\n\r\n");
  wire_reply(&half, &reply);
  assert_true(reply_header_is(&reply, "Connection", "close"));
  wire_expect_end(&active);
  wire_expect_end(&half);
  wire_close(&active);
  wire_close(&half);
  wire_close(&idle);
  site_until(site, pulls ? &site->seen[SOCKET_HTTP_STOPPED] : &events[SOCKET_HTTP_STOPPED], 1);
  assert_int_equal(pulls ? site->last[SOCKET_HTTP_STOPPED].status : event_status[21], 0);
  assert_int_equal(SocketHTTPServer_stop(site->server, 0), 0);
  site_settle(site);
  assert_int_equal(events[SOCKET_HTTP_STOPPED] + site->seen[SOCKET_HTTP_STOPPED], 1);
  reply_free(&reply);
}

static void stopping_gently_pulled(void **state) {
  Site *site = *state;
  site->user = site;
  stopping_gently(state);
}

static void stopping_with_a_bound(void **state) {
  Site *site = *state;
  Wire wire = wire_open(site);
  wire_send(&wire, GET("/keep"));
  site_until(site, &kept_count, 1);
  assert_int_equal(SocketHTTP_set_callback(kept, note, NULL), 0);
  assert_int_equal(SocketHTTPServer_stop(site->server, 30), 0);
  site_until(site, &site->seen[SOCKET_HTTP_STOPPED], 1);
  assert_int_equal(site->last[SOCKET_HTTP_STOPPED].status, SOCKET_ETIMEDOUT);
  assert_ptr_equal(site->last[SOCKET_HTTP_STOPPED].subject, site->server);
  assert_int_equal(event_status[SOCKET_HTTP_CLOSED], SOCKET_ETIMEDOUT);
  wire_read_all(&wire);
  assert_int_equal(wire.length, 0);
  wire_close(&wire);
}

static void stop_here(SocketHTTP_T x, void *user) {
  Site *site = user;
  assert_int_equal(SocketHTTPServer_stop(site->server, 1000), 0);
  answer_hello(x, NULL);
}

static void stopping_inside_a_handler_at_the_limit(void **state) {
  Site *site = *state;
  static Reply reply;
  SocketHTTPServer_route(site->server, "GET", "/stop", stop_here, site);
  assert_int_equal(SocketHTTPServer_set_max_connections(site->server, 1), 0);
  Wire wire = wire_open(site), waits = wire_open(site);
  wire_send(&wire, GET("/stop") GET("/hello"));
  wire_reply(&wire, &reply);
  assert_true(reply_header_is(&reply, "Connection", "close"));
  wire_expect_end(&wire);
  wire_close(&wire);
  site_until(site, &site->seen[SOCKET_HTTP_STOPPED], 1);
  /* Nothing is left that would keep the loop awake. */
  site_settle(site);
  const int timeout = SocketLoop_get_timeout(site->loop);
  assert_true(timeout < 0 || timeout > 200);
  wire_close(&waits);
  reply_free(&reply);
}

static void stopping_without_a_connection(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_stop(site->server, 5), 0);
  site_until(site, &site->seen[SOCKET_HTTP_STOPPED], 1);
  assert_int_equal(site->last[SOCKET_HTTP_STOPPED].status, 0);
  assert_int_equal(SocketLoop_get_timeout(site->loop), -1);
}

/* ---- Freed from inside: what is still on the stack must not notice */

static void free_now(void) {
  if (free_loop) SocketLoop_free(&free_loop);
  if (free_server) SocketHTTPServer_free(&free_server);
}
static void free_in_handler(SocketHTTP_T x, void *user) {
  if (user) answer_hello(x, NULL);
  free_now();
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, NULL, 0), SOCKET_EBADHANDLE);
}
static void free_in_body(const SocketCompletion_T *event, void *user) {
  (void)event, (void)user;
  free_now();
}
static void read_to_free(SocketHTTP_T x, void *user) {
  (void)user;
  SocketHTTP_set_callback(x, free_in_body, NULL);
  SocketHTTP_read_body(x);
}
static void free_in_log(SocketHTTP_T x, void *user) {
  (void)x, (void)user;
  free_now();
}
static void pass_on(SocketHTTP_T x, void *user) {
  (void)user;
  assert_int_equal(SocketHTTP_next(x), 0);
}
static void pass_on_and_free(SocketHTTP_T x, void *user) {
  pass_on(x, user);
  free_now();
}

static void freed_from_inside(void **state) {
  static const struct {
    const char *request;
    int log, middleware;
  } cases[] = {
      {GET("/free") GET("/hello"), 0, 0},
      {GET("/answer") GET("/hello"), 0, 0},
      {"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde" GET("/hello"), 0, 0},
      {"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" GET("/hello"), 0, 0},
      {GET("/hello") GET("/hello"), 1, 0},
      {GET("/nowhere") GET("/hello"), 1, 0},
      {"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", 1, 0},
      {"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", 1, 0},
      {"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nab", 1, 0},
      {GET("/keep"), 1, 0}, /* answered by the test, outside of the loop */
      {GET("/keep"), 1, 0}, /* reset by the test */
      {GET("/hello") GET("/hello"), 0, 1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int whole = 0; whole < 2; whole++) {
      Site site;
      site_open(&site);
      kept_count = 0;
      SocketHTTPServer_route(site.server, "GET", "/hello", answer_hello, NULL);
      SocketHTTPServer_route(site.server, "GET", "/keep", keep, NULL);
      SocketHTTPServer_route(site.server, "GET", "/free", free_in_handler, NULL);
      SocketHTTPServer_route(site.server, "GET", "/answer", free_in_handler, &site);
      SocketHTTPServer_route(site.server, "POST", "/body", read_to_free, NULL);
      if (cases[i].log) SocketHTTPServer_set_log(site.server, free_in_log, NULL);
      if (cases[i].middleware) SocketHTTPServer_use(site.server, pass_on_and_free, NULL);
      site_listen(&site);
      Wire wire = wire_open(&site), other = wire_open(&site);
      free_loop = whole ? site.loop : NULL;
      free_server = whole ? NULL : site.server;
      wire_send(&wire, cases[i].request);
      for (int n = 0; n < 100 && (free_loop || free_server); n++) {
        if (kept_count == 1) {
          kept_count = 2;
          if (i % 2) assert_int_equal(SocketHTTP_respond(kept, 200, NULL, "a", 1), 0);
          if (!(i % 2)) wire_reset(&wire);
        }
        site_turn(&site, 1);
      }
      assert_true(!free_loop && !free_server);
      assert_int_equal(SocketHTTPServer_get_connections(site.server), SOCKET_EBADHANDLE);
      assert_int_equal(SocketLoop_get_backend_name(site.loop) == NULL, whole);
      if (!whole) site_settle(&site);
      if (wire.fd >= 0) wire_close(&wire);
      wire_close(&other);
      SocketLoop_free(&site.loop);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(an_unfinished_head),
      TEST(a_head_byte_by_byte),
      TEST(an_unfinished_body),
      TEST(a_body_rate_that_suffices),
      TEST(a_discarded_body_that_does_not_come),
      TEST(an_idle_connection),
      TEST(a_slow_reader_is_not_idle),
      TEST(a_client_that_never_reads),
      TEST(limits_are_checked),
      TEST(max_connections),
      TEST(stopping_gently),
      TEST(stopping_gently_pulled),
      TEST(stopping_with_a_bound),
      TEST(stopping_inside_a_handler_at_the_limit),
      TEST(stopping_without_a_connection),
      cmocka_unit_test(freed_from_inside),
  };
  return cmocka_run_group_tests_name("http: server", tests, NULL, NULL);
}
