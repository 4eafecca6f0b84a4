/* Handlers: the way through middleware to the route, the log, and the strings of a request in
 * whatever order and at whatever time they are asked for. */
#include "support/http_wire.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static char trace[4000];
static SocketHTTP_T kept, kept_too;
static int kept_count, closed, closed_status;

static void note(const char *text) { strcat(trace, text); }

static void keep(SocketHTTP_T x, void *user) {
  (void)user;
  kept_too = kept;
  kept = x;
  kept_count++;
}

static void trace_and_pass(SocketHTTP_T x, void *user) {
  note(user);
  assert_int_equal(SocketHTTP_next(x), 0);
  assert_int_equal(SocketHTTP_next(x), 0); /* no more than once */
}

static void next_at_route(SocketHTTP_T x, void *user) {
  (void)user;
  note("r");
  assert_int_equal(SocketHTTP_next(x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "route", 5), 0);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "route", 5), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_next(x), SOCKET_ESTATE);
}

static int setup(void **state) {
  Site *site = site_new();
  trace[0] = '\0';
  kept = kept_too = NULL;
  kept_count = closed = 0;
  SocketHTTPServer_route(site->server, "GET", "/route", next_at_route, NULL);
  SocketHTTPServer_route(site->server, "GET", "/keep", keep, NULL);
  SocketHTTPServer_route(site->server, "GET", "/hello", answer_hello, NULL);
  site_listen(site);
  *state = site;
  return 0;
}

/* ---- Middleware */

static void middleware_in_order(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_use(site->server, NULL, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_use(site->server, trace_and_pass, "1"), 0);
  assert_int_equal(SocketHTTPServer_use(site->server, trace_and_pass, "2"), 0);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/route"), "route"), 200);
  assert_string_equal(trace, "12r");
  /* What no route answers goes through it as well. */
  assert_int_equal(wire_ask(&wire, GET("/nowhere"), NULL), 404);
  assert_int_equal(wire_ask(&wire, "PUT /route HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 405);
  assert_int_equal(wire_ask(&wire, GET("/%00"), NULL), 400);
  assert_string_equal(trace, "12r121212");
  wire_close(&wire);
}

static void middleware_in_later_turns(void **state) {
  Site *site = *state;
  SocketHTTPServer_use(site->server, keep, NULL);
  SocketHTTPServer_use(site->server, trace_and_pass, "2");
  SocketHTTPServer_use(site->server, keep, NULL);
  Wire wire = wire_open(site);
  wire_send(&wire, GET("/route") GET("/route"));
  for (int i = 0; i < 4; i++) {
    site_until(site, &kept_count, i + 1);
    site_settle(site);
    assert_int_equal(kept_count, i + 1);
    assert_int_equal(SocketHTTP_next(kept), 0);
    assert_int_equal(SocketHTTP_next(kept), 0);
  }
  assert_int_equal(wire_ask(&wire, "", "route"), 200);
  assert_int_equal(wire_ask(&wire, "", "route"), 200);
  assert_string_equal(trace, "2r2r");
  wire_close(&wire);
}

static void answer_and_pass(SocketHTTP_T x, void *user) {
  (void)user;
  note("a");
  assert_int_equal(SocketHTTP_respond(x, 403, NULL, "no", 2), 0);
  assert_int_equal(SocketHTTP_next(x), SOCKET_ESTATE);
}
static void pass_and_answer(SocketHTTP_T x, void *user) {
  (void)user;
  note("p");
  assert_int_equal(SocketHTTP_next(x), 0);
  assert_int_equal(SocketHTTP_respond(x, 403, NULL, "no", 2), 0);
}

/* Once it is answered, nothing behind it is called, whatever was asked for before. */
static void middleware_that_answers(void **state) {
  SocketHTTPHandler_T handlers[] = {answer_and_pass, pass_and_answer, keep};
  for (int i = 0; i < 3; i++) {
    Site site;
    site_open(&site);
    trace[0] = '\0';
    kept_count = 0;
    SocketHTTPServer_use(site.server, handlers[i], NULL);
    SocketHTTPServer_use(site.server, trace_and_pass, "2");
    SocketHTTPServer_route(site.server, "GET", "/route", next_at_route, NULL);
    site_listen(&site);
    Wire wire = wire_open(&site);
    wire_send(&wire, GET("/route"));
    if (i == 2) {
      site_until(&site, &kept_count, 1);
      assert_int_equal(SocketHTTP_next(kept), 0);
      assert_int_equal(SocketHTTP_respond(kept, 403, NULL, "no", 2), 0);
    }
    assert_int_equal(wire_ask(&wire, "", "no"), 403);
    site_settle(&site);
    assert_int_equal(strlen(trace), i < 2);
    wire_close(&wire);
    site_close(&site);
  }
  (void)state;
}

/* Passed on, answered and recycled for the beginning of another request within one turn: what was
 * due for the first must not be done to the second. */
static void passed_on_is_not_inherited(void **state) {
  Site *site = *state;
  SocketHTTPServer_use(site->server, keep, NULL);
  Wire one = wire_open(site), two = wire_open(site);
  wire_send(&one, GET("/route"));
  site_until(site, &kept_count, 1);
  wire_send(&two, "GET /rou");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(SocketHTTP_next(kept), 0);
    assert_int_equal(SocketHTTP_respond(kept, 200, NULL, "1", 1), 0);
    site_settle(site);
    assert_int_equal(wire_ask(&one, "", "1"), 200);
    wire_send(&one, GET("/route"));
    site_until(site, &kept_count, i + 2);
  }
  assert_string_equal(trace, "");
  wire_close(&one);
  wire_close(&two);
}

/* ---- Pulled behind middleware */

static void push_event(const SocketCompletion_T *event, void *user) {
  (void)user;
  closed += event->kind == SOCKET_HTTP_CLOSED;
  closed_status = event->status;
}
static void watch_and_pass(SocketHTTP_T x, void *user) {
  assert_int_equal(SocketHTTP_set_callback(x, push_event, user), 0);
  assert_int_equal(SocketHTTP_next(x), 0);
}

static void a_callback_of_middleware_stays(void **state) {
  Site *site = *state;
  SocketHTTPServer_use(site->server, watch_and_pass, NULL);
  SocketHTTPServer_route(site->server, "GET", "/pull", NULL, site);
  Wire wire = wire_open(site);
  wire_send(&wire, GET("/pull"));
  site_until(site, &site->seen[SOCKET_HTTP_REQUEST], 1);
  assert_ptr_equal(site->last[SOCKET_HTTP_REQUEST].user, site);
  wire_reset(&wire);
  site_until(site, &closed, 1);
  assert_int_equal(closed_status, SOCKET_ECONNRESET);
  assert_int_equal(site->seen[SOCKET_HTTP_CLOSED], 0);
}

/* ---- The log */

static int logged;
static void log_line(SocketHTTP_T x, void *user) {
  char line[200], peer[64];
  (void)user;
  logged++;
  assert_true(SocketHTTP_get_peer(x, peer, sizeof peer) > 0);
  assert_true(SocketHTTP_get_duration_us(x) >= 0);
  const char *parameter = SocketHTTP_get_parameter(x, "name");
  snprintf(line, sizeof line, "%s %s %s %d %lld%s%s\n", peer, SocketHTTP_get_method(x),
           SocketHTTP_get_path(x), SocketHTTP_get_status(x),
           (long long)SocketHTTP_get_bytes_sent(x), parameter ? " " : "",
           parameter ? parameter : "");
  note(line);
  /* It must not, but if it does, nothing is harmed. */
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "a", 1), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_start(x, 200, NULL, 1), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_end(x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_next(x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_read_body(x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_pause_body(x), 0);
}

static void stream(SocketHTTP_T x, void *user) {
  (void)user;
  assert_int_equal(SocketHTTP_start(x, 201, NULL, -1), 0);
  assert_true(SocketHTTP_write(x, "12345", 5) >= 0);
  keep(x, NULL);
}

static void every_request_is_logged_once(void **state) {
  Site *site = *state;
  logged = 0;
  SocketHTTPServer_set_log(site->server, log_line, NULL);
  SocketHTTPServer_route(site->server, "GET", "/name/:name", answer_hello, NULL);
  SocketHTTPServer_route(site->server, "GET", "/stream", stream, NULL);
  SocketHTTPServer_route(site->server, "POST", "/keep", keep, NULL);
  SocketHTTPServer_set_max_body(site->server, 50);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/name/%41b"), NULL), 200);
  assert_int_equal(wire_ask(&wire, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 200);
  assert_int_equal(wire_ask(&wire, GET("/nowhere"), NULL), 404);
  assert_int_equal(
      wire_ask(&wire, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", NULL),
      405);
  wire_send(&wire, GET("/stream"));
  site_until(site, &kept_count, 1);
  assert_int_equal(logged, 4);
  assert_int_equal(SocketHTTP_end(kept), 0);
  assert_int_equal(logged, 4); /* not from inside the call that ends it */
  assert_int_equal(wire_ask(&wire, "", "12345"), 201);
  wire_send(&wire, GET("/stream"));
  site_until(site, &kept_count, 2);
  wire_reset(&wire); /* in the middle of a response */
  site_until(site, &logged, 6);
  wire = wire_open(site);
  wire_send(&wire, GET("/keep"));
  site_until(site, &kept_count, 3);
  wire_reset(&wire); /* before it */
  site_until(site, &logged, 7);
  wire = wire_open(site);
  wire_send(&wire, "POST /name/toolong HTTP/1.1\r\nHost: a\r\nContent-Length: 51\r\n\r\n");
  assert_int_equal(wire_ask(&wire, "", NULL), 413);
  wire_close(&wire);
  wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, "GET / HTTP/1.1\r\n\r\n", NULL), 400);
  wire_close(&wire);
  site_until_connections(site, 0);
  assert_int_equal(logged, 8);
  assert_string_equal(trace, "127.0.0.1 GET /name/%41b 200 6 Ab\n127.0.0.1 HEAD /hello 200 0\n"
                             "127.0.0.1 GET /nowhere 404 14\n127.0.0.1 POST /hello 405 23\n"
                             "127.0.0.1 GET /stream 201 5\n127.0.0.1 GET /stream 201 5\n"
                             "127.0.0.1 GET /keep 0 0\n127.0.0.1 POST /name/toolong 413 22\n");
}

static void abort_in_log(SocketHTTP_T x, void *user) {
  (void)user;
  logged++;
  assert_int_equal(SocketHTTP_abort(x), 0);
}
static void a_log_that_aborts(void **state) {
  Site *site = *state;
  logged = 0;
  SocketHTTPServer_set_log(site->server, abort_in_log, NULL);
  Wire wire = wire_open(site);
  wire_send(&wire, GET("/hello") GET("/hello"));
  wire_read_all(&wire);
  assert_int_equal(logged, 1);
  wire_close(&wire);
}

/* ---- Strings */

typedef const char *(*Question)(SocketHTTP_T x);
static const char *ask_a(SocketHTTP_T x) { return SocketHTTP_get_parameter(x, "a"); }
static const char *ask_b(SocketHTTP_T x) { return SocketHTTP_get_parameter(x, "b"); }
static const char *ask_rest(SocketHTTP_T x) { return SocketHTTP_get_parameter(x, "*"); }
static const char *ask_header(SocketHTTP_T x) { return SocketHTTP_get_header(x, "X-ONE"); }
static const char *ask_empty(SocketHTTP_T x) { return SocketHTTP_get_header(x, "empty"); }
static const char *ask_name(SocketHTTP_T x) { return SocketHTTP_get_header_name(x, 1); }
static const char *ask_value(SocketHTTP_T x) { return SocketHTTP_get_header_value(x, 1); }

static const struct {
  Question ask;
  const char *answer;
} questions[] = {
    {SocketHTTP_get_method, "GET"},
    {SocketHTTP_get_target, "/p/%41%2f/c%20d/e/%66%3F?q=%31?2"},
    {SocketHTTP_get_path, "/p/%41%2f/c%20d/e/%66%3F"},
    {SocketHTTP_get_query, "q=%31?2"},
    {ask_a, "A/"},
    {ask_b, "c d"},
    {ask_rest, "e/f?"},
    {ask_header, "first"},
    {ask_empty, ""},
    {ask_name, "x-One"},
    {ask_value, "first"},
};
#define QUESTIONS (sizeof questions / sizeof *questions)
static const char question_request[] =
    "GET /p/%41%2f/c%20d/e/%66%3F?q=%31?2 HTTP/1.1\r\nHost: a\r\nx-One:first \r\n"
    "X-One: second\r\nEmpty:\r\n\r\n";

/* `keeps`: what was handed out stays as it was. */
static void ask_all(SocketHTTP_T x, unsigned seed, int keeps) {
  const char *answers[3 * QUESTIONS] = {NULL};
  size_t asked[3 * QUESTIONS];
  for (size_t i = 0; i < 3 * QUESTIONS; i++) {
    seed = seed * 1103515245 + 12345;
    asked[i] = seed / 65536 % QUESTIONS;
    answers[i] = questions[asked[i]].ask(x);
    for (size_t j = keeps ? 0 : i; j <= i; j++)
      assert_string_equal(answers[j], questions[asked[j]].answer);
  }
  assert_null(SocketHTTP_get_parameter(x, "c"));
  assert_null(SocketHTTP_get_parameter(x, NULL));
  assert_null(SocketHTTP_get_header(x, "x-on"));
  assert_null(SocketHTTP_get_header(x, ""));
  assert_null(SocketHTTP_get_header(x, NULL));
  assert_int_equal(SocketHTTP_get_header_count(x), 4);
  assert_null(SocketHTTP_get_header_name(x, 4));
  assert_null(SocketHTTP_get_header_name(x, -1));
  assert_null(SocketHTTP_get_header_value(x, INT32_MAX));
  assert_int_equal(SocketHTTP_get_version(x), 11);
  char peer[48];
  assert_int_equal(SocketHTTP_get_peer(x, peer, sizeof peer), 9);
  assert_string_equal(peer, "127.0.0.1");
  assert_int_equal(SocketHTTP_get_peer(x, peer, 3), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_get_peer(x, NULL, 48), SOCKET_EINVAL);
}

static unsigned seed;
static void ask_in_handler(SocketHTTP_T x, void *user) {
  (void)user;
  ask_all(x, seed, 1);
  if (seed % 2)
    keep(x, NULL);
  else
    answer_hello(x, NULL);
}

static void strings_in_every_order(void **state) {
  Site *site = *state;
  SocketHTTPServer_route(site->server, "GET", "/p/:a/:b/*", ask_in_handler, NULL);
  Wire wire = wire_open(site);
  for (seed = 0; seed < 400; seed++) {
    const size_t cut = seed % (sizeof question_request - 1);
    const int before = kept_count;
    wire_send_bytes(&wire, question_request, cut);
    if (cut % 2) site_settle(site);
    wire_send(&wire, question_request + cut);
    if (seed % 2) { /* and later, when other bytes have come */
      site_until(site, &kept_count, before + 1);
      wire_send(&wire, GET("/hello"));
      site_settle(site);
      ask_all(kept, seed, 0);
      assert_int_equal(SocketHTTP_respond(kept, 200, NULL, "Hello\n", 6), 0);
      assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
    }
    assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
  }
  wire_close(&wire);
}

static void strings_of_pulled_requests(void **state) {
  Site *site = *state;
  SocketHTTPServer_route(site->server, "GET", "/p/:a/:b/*", NULL, NULL);
  Wire wires[10];
  for (int i = 0; i < 10; i++) {
    wires[i] = wire_open(site);
    wire_send(&wires[i], question_request);
  }
  for (int i = 0; i < 10;) {
    SocketCompletion_T pulled[4];
    const int count = SocketLoop_wait(site->loop, pulled, 4, HANG_MS);
    assert_true(count > 0);
    for (int n = 0; n < count; n++) ask_all(pulled[n].subject, (unsigned)(i + n), 1);
    for (int n = 0; n < count; n++, i++) answer_hello(pulled[n].subject, NULL);
  }
  for (int i = 0; i < 10; i++) {
    assert_int_equal(wire_ask(&wires[i], "", "Hello\n"), 200);
    wire_close(&wires[i]);
  }
}

/* An exchange that has been used for a long head gives its memory back, and is as good as new. */
static void a_huge_head_and_a_small_one(void **state) {
  Site *site = *state;
  static char request[70000];
  Wire wire = wire_open(site);
  for (int i = 0; i < 3; i++) {
    memset(request, 'x', sizeof request);
    memcpy(request, "GET /keep HTTP/1.1\r\nHost: a\r\nX: ", 32);
    strcpy(request + 60000, "\r\n\r\n");
    wire_send(&wire, request);
    site_until(site, &kept_count, i + 1);
    site_settle(site);
    assert_int_equal(strlen(SocketHTTP_get_header(kept, "x")), 60000 - 32);
    assert_int_equal(SocketHTTP_respond(kept, 200, NULL, NULL, 0), 0);
    assert_int_equal(wire_ask(&wire, "", ""), 200);
    assert_int_equal(wire_ask(&wire, GET("/hello"), "Hello\n"), 200);
  }
  wire_close(&wire);
}

static void routes_are_checked(void **state) {
  Site *site = *state;
  SocketHTTPServer_T s = site->server;
  assert_int_equal(SocketHTTPServer_route(s, NULL, "/a", keep, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_route(s, "GET", NULL, keep, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_route(s, "G T", "/a", keep, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_route(s, "GET", "a", keep, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_route(s, "GET", "/*/a", keep, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_route(s, "GET", "/hello", keep, NULL), SOCKET_EEXIST);
  assert_non_null(strstr(Socket_last_error_message(), "GET /hello"));
  assert_int_equal(SocketHTTPServer_listen(s, "nowhere"), SOCKET_EADDRESS);
  assert_int_equal(SocketHTTPServer_listen(s, NULL), SOCKET_EINVAL);
  char address[32];
  snprintf(address, sizeof address, "127.0.0.1:%d", site->port);
  assert_int_equal(SocketHTTPServer_listen(s, address), SOCKET_EADDRINUSE);
  assert_int_equal(SocketHTTPServer_listen(s, "127.0.0.1:0"), 0);
  site->port = SocketHTTPServer_get_port(s); /* a second one, served as well */
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, GET("/hello"), "Hello\n"), 200);
  wire_close(&wire);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)
  const struct CMUnitTest tests[] = {
      TEST(middleware_in_order),
      TEST(middleware_in_later_turns),
      cmocka_unit_test(middleware_that_answers),
      TEST(passed_on_is_not_inherited),
      TEST(a_callback_of_middleware_stays),
      TEST(every_request_is_logged_once),
      TEST(a_log_that_aborts),
      TEST(strings_in_every_order),
      TEST(strings_of_pulled_requests),
      TEST(a_huge_head_and_a_small_one),
      TEST(routes_are_checked),
  };
  return cmocka_run_group_tests_name("http: handlers", tests, NULL, NULL);
}
