/* Memory: none is taken for a request in the steady state; and when there is none, that request or
 * connection fails, nothing leaks, and the next connection is served. */
#include "support/allocations.h"
#include "support/http_wire.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static SocketHTTP_T waiting[8];
static int waits;

static void answer_posted(const SocketCompletion_T *event, void *user) {
  (void)event, (void)user;
  while (waits > 0) (void)SocketHTTP_respond(waiting[--waits], 200, "text/plain", "later", 5);
}

static void later(SocketHTTP_T x, void *user) {
  Site *site = user;
  (void)SocketHTTP_add_header(x, "X-Header", "a value that is too long to be stored in place");
  (void)SocketHTTP_get_path(x);
  waiting[waits++] = x;
  if (SocketLoop_post(site->loop, answer_posted, NULL) != 0) answer_posted(NULL, NULL);
}

static void body_event(const SocketCompletion_T *event, void *user) {
  (void)user;
  SocketHTTP_T x = event->subject;
  if (event->kind == SOCKET_HTTP_BODY) (void)SocketHTTP_write(x, event->data, event->length);
  if (event->kind == SOCKET_HTTP_BODY_END) (void)SocketHTTP_end(x);
}

static void echo(SocketHTTP_T x, void *user) {
  (void)SocketHTTP_set_callback(x, body_event, user);
  (void)SocketHTTP_start(x, 200, NULL, -1);
  (void)SocketHTTP_read_body(x);
}

static void large(SocketHTTP_T x, void *user) {
  (void)user;
  static char data[1 << 20];
  (void)SocketHTTP_respond(x, 200, NULL, data, sizeof data);
}

static void ok(SocketHTTP_T x, void *user) {
  (void)user;
  (void)SocketHTTP_respond(x, 200, NULL, "ok", 2);
}

static void log_path(SocketHTTP_T x, void *user) {
  (void)SocketHTTP_get_path(x), (void)SocketHTTP_get_header(x, "host");
  (void)SocketHTTP_get_parameter(x, "*"), (void)user;
}

static void pulled(Site *site, const SocketCompletion_T *event) {
  SocketHTTP_T x = event->subject;
  (void)site;
  if (event->kind == SOCKET_HTTP_REQUEST) (void)SocketHTTP_read_body(x);
  if (event->kind == SOCKET_HTTP_BODY_END) ok(x, NULL);
}

static int add_routes(Site *site) {
  int code = SocketHTTPServer_route(site->server, "GET", "/later", later, site);
  if (!code) code = SocketHTTPServer_route(site->server, "GET", "/ok/*", ok, NULL);
  if (!code) code = SocketHTTPServer_route(site->server, "GET", "/large", large, NULL);
  if (!code) code = SocketHTTPServer_route(site->server, "POST", "/echo", echo, NULL);
  if (!code) code = SocketHTTPServer_route(site->server, "POST", "/pull", NULL, NULL);
  if (!code) code = SocketHTTPServer_set_log(site->server, log_path, NULL);
  if (!code) code = SocketHTTPServer_listen(site->server, "127.0.0.1:0");
  if (!code) site->port = SocketHTTPServer_get_port(site->server);
  return code;
}

static void turn(Site *site, int timeout_ms) {
  SocketCompletion_T events[4];
  const int count = SocketLoop_wait(site->loop, events, 4, timeout_ms);
  assert_true(count >= 0 || count == SOCKET_ENOMEM);
  for (int i = 0; i < count; i++) pulled(site, &events[i]);
}

/* Sends the request in two pieces and takes responses until `replies` are there, or the end is.
 * Returns how many came whole. */
static int run(Site *site, const char *request, int replies) {
  static Reply reply;
  const int64_t end = now_ms() + HANG_MS;
  const size_t half = strlen(request) / 2;
  int got = 0;
  Wire wire = wire_open_with(site, 8192);
  (void)wire_try(&wire, request, half);
  for (int i = 0; i < 3; i++) turn(site, 0);
  (void)wire_try(&wire, request + half, strlen(request) - half);
  while (got < replies) {
    if (reply_parse(&wire, &reply, 0)) {
      got++;
      continue;
    }
    if (wire.ended) break;
    turn(site, 0);
    if (!wire_receive(&wire)) turn(site, 1);
    assert_true(now_ms() < end);
  }
  wire_close(&wire);
  while (SocketHTTPServer_get_connections(site->server) > 0) {
    turn(site, 1);
    assert_true(now_ms() < end);
  }
  reply_free(&reply);
  return got;
}

static void the_server_without_memory(void **state) {
  (void)state;
  Site warm;
  site_open(&warm);
  assert_int_equal(add_routes(&warm), 0);
  site_close(&warm);
  const long before = allocations_live();
  int failures = 0;
  for (long n = 0;; n++) {
    Site site;
    memset(&site, 0, sizeof site);
    allocations_fail_at(n);
    site.loop = SocketLoop_new();
    if (site.loop) site.server = SocketHTTPServer_new(site.loop);
    const int code = site.server ? add_routes(&site) : Socket_last_error();
    const int failed = allocations_failed();
    allocations_fail_at(-1);
    assert_int_equal(code, failed ? SOCKET_ENOMEM : 0);
    if (site.server && failed) { /* what did not work may be tried again */
      assert_true(SocketHTTPServer_route(site.server, "PUT", "/again", ok, NULL) == 0);
      assert_int_equal(SocketHTTPServer_listen(site.server, "127.0.0.1:0"), 0);
    }
    SocketLoop_free(&site.loop);
    assert_int_equal(allocations_live(), before);
    if (!failed) break;
    failures++;
  }
  assert_true(failures > 10);
}

static void each_request_without_memory(void **state) {
  static char post[200000];
  (void)state;
  strcpy(post, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  memset(post + strlen(post), 'x', 100000);
  const struct {
    const char *request;
    int replies, most_failures;
  } cases[] = {
      {GET("/ok/x"), 1, 40},
      {GET("/later"), 1, 40},
      {GET("/nowhere/at/all"), 1, 40},
      {GET("/large"), 1, 1000},
      {GET("/ok/1") GET("/later") GET("/ok/2"), 3, 60},
      {GET("/later") GET("/later") "PUT /later HTTP/1.1\r\nHost: a\r\n\r\n", 3, 60},
      {"POST /pull HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde" GET("/ok/2"), 2, 60},
      {post, 1, 100},
      {"POST /ok/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nx", 1,
       40},
  };
  long before = -1;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int failures = 0;
    for (long n = 0;; n++) {
      Site site;
      site_open(&site);
      assert_int_equal(add_routes(&site), 0);
      allocations_fail_at(n);
      const int got = run(&site, cases[i].request, cases[i].replies);
      const int failed = allocations_failed();
      allocations_fail_at(-1);
      if (!failed) assert_int_equal(got, cases[i].replies);
      waits = 0;
      assert_int_equal(run(&site, GET("/ok/x"), 1), 1);
      assert_int_equal(run(&site, GET("/later"), 1), 1);
      site_close(&site);
      if (before < 0) before = allocations_live();
      assert_int_equal(allocations_live(), before);
      if (!failed) break;
      assert_true(++failures < cases[i].most_failures);
    }
    assert_true(failures > 2);
  }
}

/* ---- The steady state */

static void many(Site *site, Wire *wire, const char *request, int count) {
  const size_t length = strlen(request);
  for (int i = 0; i < count; i++) {
    assert_int_equal(wire_try(wire, request, length), length);
    wire->length = 0;
    do {
      turn(site, 0);
      wire_receive(wire);
    } while (wire->length == 0);
    assert_memory_equal(wire->bytes, "HTTP/1.1 200", 12);
  }
}

static void nothing_is_taken_in_the_steady_state(void **state) {
  (void)state;
  static const struct {
    const char *request;
    int blocks; /* for each */
  } cases[] = {
      {GET("/ok/x"), 0},
      {GET("/ok/1") GET("/ok/2"), 0},
      {"POST /pull HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
       0},
      /* a body that came before it was asked for waits in the backlog */
      {"POST /pull HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", 1},
  };
  Site site;
  site_open(&site);
  assert_int_equal(add_routes(&site), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Wire wire = wire_open(&site);
    many(&site, &wire, cases[i].request, 100);
    const long before = allocations_made();
    many(&site, &wire, cases[i].request, 1000);
    assert_int_equal(allocations_made() - before, 1000 * cases[i].blocks);
    wire_close(&wire);
  }
  site_close(&site);
}

/* An idle connection holds no more than its session and transport: 512 bytes, and its places in
 * the tables of timers and descriptors. */
static void an_idle_connection_is_small(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  assert_int_equal(add_routes(&site), 0);
  Wire wires[100];
  for (int i = 0; i < 100; i++) wires[i] = wire_open(&site);
  site_until_connections(&site, 100);
  const long idle = allocations_live();
  for (int i = 0; i < 100; i++) assert_int_equal(wire_ask(&wires[i], GET("/ok/x"), "ok"), 200);
  assert_true(allocations_live() - idle < 20);
  for (int i = 0; i < 100; i++) wire_close(&wires[i]);
  site_close(&site);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_server_without_memory),
      cmocka_unit_test(each_request_without_memory),
      cmocka_unit_test(nothing_is_taken_in_the_steady_state),
      cmocka_unit_test(an_idle_connection_is_small),
  };
  return cmocka_run_group_tests_name("http: memory", tests, NULL, NULL);
}
