/* Bodies of requests: by length and in chunks, pushed and pulled, held up, left unread, too large,
 * broken off. Each handler keeps its account in a Body. */
#include "support/http_wire.h"

#define HEAD "POST /body HTTP/1.1\r\nHost: a\r\n"
#define PLAIN "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"

typedef struct Body {
  SocketHTTP_T x;
  int count[32];
  int close_status;
  int64_t bytes;
  int pause_each;  /* pauses at each piece */
  int answer_at;   /* answers when this kind comes */
  int do_not_read; /* the handler leaves that to the test */
  char text[64];   /* the first bytes */
} Body;

static Body body;

static void body_event(const SocketCompletion_T *event, void *user) {
  Body *self = user;
  assert_ptr_equal(event->subject, self->x);
  self->count[event->kind]++;
  if (event->kind == SOCKET_HTTP_BODY) {
    assert_true(event->length > 0 && event->data);
    for (int64_t i = 0; i < event->length; i++)
      if (self->bytes + i < 63) self->text[self->bytes + i] = ((char *)event->data)[i];
    self->bytes += event->length;
    if (self->pause_each) assert_int_equal(SocketHTTP_pause_body(self->x), 0);
  }
  if (event->kind == SOCKET_HTTP_CLOSED) self->close_status = event->status;
  if (event->kind == self->answer_at) {
    char text[32];
    const int length = snprintf(text, sizeof text, "%lld", (long long)self->bytes);
    assert_int_equal(SocketHTTP_respond(self->x, 200, NULL, text, length), 0);
  }
}

static void take(SocketHTTP_T x, void *user) {
  Body *self = user;
  self->x = x;
  assert_int_equal(SocketHTTP_set_callback(x, body_event, self), 0);
  if (!self->do_not_read) assert_int_equal(SocketHTTP_read_body(x), 0);
}

static void pulled(Site *site, const SocketCompletion_T *event) {
  (void)site;
  if (event->kind == SOCKET_HTTP_REQUEST) {
    body.x = EVENT_EXCHANGE(event);
    if (!body.do_not_read) assert_int_equal(SocketHTTP_read_body(body.x), 0);
    body.count[SOCKET_HTTP_REQUEST]++;
  } else if (event->kind >= SOCKET_HTTP_BODY && event->kind <= SOCKET_HTTP_CLOSED) {
    body_event(event, &body);
  }
}

static int setup(void **state) {
  Site *site = site_new();
  memset(&body, 0, sizeof body);
  body.answer_at = SOCKET_HTTP_BODY_END;
  site->pulled = pulled;
  assert_int_equal(SocketHTTPServer_route(site->server, "POST", "/body", take, &body), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/body", take, &body), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "POST", "/pull", NULL, &body), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/plain", answer_hello, NULL), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "POST", "/plain", answer_hello, NULL), 0);
  site_listen(site);
  *state = site;
  return 0;
}

static void start_over(void) {
  memset(&body, 0, sizeof body);
  body.answer_at = SOCKET_HTTP_BODY_END;
}

static void every_framing_cut_everywhere(void **state) {
  static const struct {
    const char *rest, *text;
    int64_t length;
  } cases[] = {
      {"Content-Length: 10\r\n\r\n0123456789", "0123456789", 10},
      {"Content-Length: 0\r\n\r\n", "", 0},
      {"\r\n", "", 0},
      {"Transfer-Encoding: chunked\r\n\r\n3\r\n012\r\n7;a=\"b\"\r\n3456789\r\n0\r\nX: y\r\n\r\n",
       "0123456789", -1},
      {"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "", -1},
  };
  const char *paths[] = {"/body", "/pull"};
  Wire wire = wire_open(*state);
  for (int p = 0; p < 2; p++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      char request[300];
      snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: a\r\n%s%s", paths[p],
               cases[i].rest, PLAIN);
      for (size_t cut = 0; cut < strlen(request); cut++) {
        start_over();
        wire_send_bytes(&wire, request, cut);
        site_settle(*state);
        wire_send(&wire, request + cut);
        char expected[24];
        snprintf(expected, sizeof expected, "%zu", strlen(cases[i].text));
        assert_int_equal(wire_ask(&wire, "", expected), 200);
        assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
        assert_string_equal(body.text, cases[i].text);
        assert_int_equal(body.count[SOCKET_HTTP_BODY_END], 1);
        assert_int_equal(body.count[SOCKET_HTTP_CLOSED], 0);
      }
    }
  wire_close(&wire);
}

static void the_length_and_reading_twice(void **state) {
  Site *site = *state;
  body.do_not_read = 1;
  body.answer_at = 0;
  Wire wire = wire_open(site);
  wire_send(&wire, HEAD "Content-Length: 3\r\n\r\nabc");
  site_settle(site);
  assert_int_equal(SocketHTTP_get_body_length(body.x), 3);
  assert_int_equal(body.count[SOCKET_HTTP_BODY], 0);
  assert_int_equal(SocketHTTP_pause_body(body.x), 0);
  assert_int_equal(SocketHTTP_read_body(body.x), 0);
  assert_int_equal(SocketHTTP_read_body(body.x), 0);
  site_settle(site);
  assert_int_equal(body.count[SOCKET_HTTP_BODY], 1);
  assert_int_equal(body.count[SOCKET_HTTP_BODY_END], 1);
  assert_int_equal(SocketHTTP_read_body(body.x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_respond(body.x, 200, NULL, NULL, 0), 0);
  assert_int_equal(SocketHTTP_read_body(body.x), SOCKET_EBADHANDLE);
  assert_int_equal(wire_ask(&wire, "", ""), 200);
  /* A request without a body ends at once, and once. */
  start_over();
  body.answer_at = 0;
  wire_send(&wire, "GET /body HTTP/1.1\r\nHost: a\r\n\r\n");
  site_settle(site);
  assert_int_equal(SocketHTTP_get_body_length(body.x), 0);
  assert_int_equal(body.count[SOCKET_HTTP_BODY], 0);
  assert_int_equal(body.count[SOCKET_HTTP_BODY_END], 1);
  assert_int_equal(SocketHTTP_read_body(body.x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_respond(body.x, 200, NULL, NULL, 0), 0);
  assert_int_equal(wire_ask(&wire, "", ""), 200);
  wire_close(&wire);
}

/* No piece comes while it is paused, not even one that was there already; and the peer's bytes stay
 * with the kernel. */
static void paused_at_each_piece(void **state) {
  Site *site = *state;
  static char data[1000000];
  const char *heads[] = {HEAD "Content-Length: 1000000\r\n\r\n",
                         "POST /pull HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"};
  for (int how = 0; how < 2; how++) {
    start_over();
    body.pause_each = 1;
    Wire wire = wire_open(site);
    wire_send(&wire, heads[how]);
    size_t sent = 0;
    int pieces = 0;
    while (!body.count[SOCKET_HTTP_BODY_END]) {
      for (int i = 0; i < 5; i++) {
        sent += wire_try(&wire, data + sent, sizeof data - sent);
        site_turn(site, 0);
      }
      if (pieces == body.count[SOCKET_HTTP_BODY]) continue;
      assert_int_equal(body.count[SOCKET_HTTP_BODY], ++pieces);
      if (!body.count[SOCKET_HTTP_BODY_END]) assert_int_equal(SocketHTTP_read_body(body.x), 0);
    }
    assert_int_equal(body.bytes, 1000000);
    assert_int_equal(wire_ask(&wire, "", "1000000"), 200);
    wire_close(&wire);
  }
}

static void a_pulled_piece_waits_while_paused(void **state) {
  Site *site = *state;
  body.do_not_read = 1;
  site->pulled = NULL;
  Wire wire = wire_open(site);
  wire_send(&wire, "POST /pull HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  site_until(site, &site->seen[SOCKET_HTTP_REQUEST], 1);
  SocketHTTP_T x = site->last[SOCKET_HTTP_REQUEST].subject;
  assert_int_equal(SocketHTTP_read_body(x), 0);
  /* Raised in this turn, by another loop function, and not pulled. */
  assert_true(SocketLoop_run_once(site->loop, HANG_MS) >= 0);
  assert_int_equal(SocketHTTP_pause_body(x), 0);
  for (int i = 0; i < 5; i++) site_turn(site, 0);
  assert_int_equal(site->seen[SOCKET_HTTP_BODY] + site->seen[SOCKET_HTTP_BODY_END], 0);
  assert_int_equal(SocketHTTP_read_body(x), 0);
  site_until(site, &site->seen[SOCKET_HTTP_BODY_END], 1);
  assert_int_equal(site->seen[SOCKET_HTTP_BODY], 1);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "ok", 2), 0);
  assert_int_equal(wire_ask(&wire, "", "ok"), 200);
  wire_close(&wire);
}

/* ---- Left unread */

static void a_small_body_is_discarded(void **state) {
  const char *bodies[] = {"Content-Length: 20\r\n\r\n01234567890123456789",
                          "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n"};
  Wire wire = wire_open(*state);
  for (int i = 0; i < 4; i++) {
    char request[300];
    snprintf(request, sizeof request, "POST /%s HTTP/1.1\r\nHost: a\r\n%s" PLAIN,
             i & 2 ? "nowhere" : "plain", bodies[i & 1]);
    for (size_t cut = 0; cut < strlen(request); cut++) {
      wire_send_bytes(&wire, request, cut);
      site_settle(*state);
      wire_send(&wire, request + cut);
      assert_int_equal(wire_ask(&wire, "", NULL), i & 2 ? 404 : 200);
      assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
    }
  }
  wire_close(&wire);
}

static void a_large_body_left_unread_closes(void **state) {
  static Reply reply;
  static char piece[100000];
  Wire wire = wire_open(*state);
  wire_send(&wire, "POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nab");
  wire_reply(&wire, &reply);
  assert_true(reply_header_is(&reply, "Connection", "close"));
  wire_send_bytes(&wire, piece, sizeof piece);
  wire_expect_end(&wire);
  wire_close(&wire);
  /* Of a chunked one nobody knows before. */
  memset(piece, 'a', sizeof piece);
  wire = wire_open(*state);
  wire_send(&wire,
            "POST /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n");
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 200);
  for (int i = 0; i < 4; i++) wire_send_bytes(&wire, piece, sizeof piece);
  wire_expect_end(&wire);
  wire_close(&wire);
  reply_free(&reply);
}

/* The handle is stale as soon as the response has ended, whatever of the body is still to come. */
static void discarding_is_not_the_programs_business(void **state) {
  Site *site = *state;
  body.do_not_read = 1;
  for (int how = 0; how < 2; how++) {
    Wire wire = wire_open(site);
    wire_send(&wire, HEAD "Content-Length: 10\r\n\r\nabc");
    site_settle(site);
    assert_int_equal(SocketHTTP_respond(body.x, 200, NULL, "a", 1), 0);
    assert_int_equal(SocketHTTP_respond(body.x, 200, NULL, "a", 1), SOCKET_EBADHANDLE);
    assert_int_equal(wire_ask(&wire, "", "a"), 200);
    assert_int_equal(SocketHTTP_abort(body.x), SOCKET_EBADHANDLE);
    if (how) {
      assert_int_equal(wire_ask(&wire, "0123456" PLAIN, "Hello\n"), 200);
    } else {
      shutdown(wire.fd, SHUT_WR); /* in the middle */
      wire_expect_end(&wire);
    }
    assert_int_equal(body.count[SOCKET_HTTP_CLOSED], 0);
    wire_close(&wire);
  }
}

/* ---- 100 Continue */

static void continue_is_sent_when_the_body_is_read(void **state) {
  Site *site = *state;
  static Reply reply;
  for (int late = 0; late < 2; late++) {
    start_over();
    body.do_not_read = late;
    Wire wire = wire_open(site);
    wire_send(&wire, HEAD "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    if (late) {
      for (int i = 0; i < 10; i++) wire_step(&wire);
      assert_int_equal(wire.length, 0);
      assert_int_equal(SocketHTTP_read_body(body.x), 0);
    }
    wire_reply(&wire, &reply);
    assert_int_equal(reply.status, 100);
    assert_string_equal(reply.head, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(wire_ask(&wire, "abc" PLAIN, "3"), 200);
    assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
    wire_close(&wire);
  }
  reply_free(&reply);
}

static void continue_is_not_sent(void **state) {
  static Reply reply;
  static const struct {
    const char *request;
    int stays;
  } cases[] = {
      /* not read: the client will not send the body, so the connection cannot go on */
      {"POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", 0},
      {"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", 0},
      /* without a body there is nothing to wait for */
      {HEAD "Expect: 100-continue\r\n\r\n", 1},
      {HEAD "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", 1},
      /* it has come already */
      {HEAD "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", 1},
      {"POST /body HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n"
       "Expect: 100-continue\r\n\r\nabc",
       1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    start_over();
    Wire wire = wire_open(*state);
    wire_send(&wire, cases[i].request);
    wire_reply(&wire, &reply);
    assert_in_range(reply.status, 200, 404);
    if (cases[i].stays) {
      assert_int_equal(wire_ask(&wire, PLAIN, "Hello\n"), 200);
    } else {
      assert_true(reply_header_is(&reply, "Connection", "close"));
      wire_try(&wire, PLAIN, strlen(PLAIN));
      wire_expect_end(&wire);
    }
    wire_close(&wire);
  }
  reply_free(&reply);
}

/* ---- Broken off */

static void broken_off_in_the_middle(void **state) {
  const char *rests[] = {"Content-Length: 10\r\n\r\nabc",
                         "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"};
  const char *paths[] = {"/body", "/pull"};
  for (int i = 0; i < 8; i++) {
    start_over();
    char request[200];
    snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: a\r\n%s", paths[i & 1],
             rests[i >> 1 & 1]);
    Wire wire = wire_open(*state);
    wire_send(&wire, request);
    site_until(*state, &body.count[SOCKET_HTTP_BODY], 1);
    if (i & 4)
      wire_reset(&wire);
    else
      shutdown(wire.fd, SHUT_WR);
    site_until(*state, &body.count[SOCKET_HTTP_CLOSED], 1);
    assert_int_equal(body.close_status, i & 4 ? SOCKET_ECONNRESET : SOCKET_ECONNABORTED);
    assert_int_equal(body.count[SOCKET_HTTP_BODY_END], 0);
    assert_int_equal(SocketHTTP_respond(body.x, 200, NULL, NULL, 0), SOCKET_EBADHANDLE);
    if (!(i & 4)) wire_read_all(&wire);
    if (!(i & 4)) wire_close(&wire);
  }
}

/* The end of the stream came together with a request whose turn was not yet. */
static void broken_off_behind_another_request(void **state) {
  Site *site = *state;
  body.do_not_read = 1;
  body.answer_at = 0;
  Wire wire = wire_open(site);
  wire_send(&wire, "GET /body HTTP/1.1\r\nHost: a\r\n\r\n");
  site_settle(site);
  SocketHTTP_T first = body.x;
  body.do_not_read = 0;
  shutdown(wire.fd, SHUT_WR);
  site_settle(site);
  assert_int_equal(SocketHTTP_respond(first, 200, NULL, "1", 1), 0);
  assert_int_equal(wire_ask(&wire, "", "1"), 200);
  wire_expect_end(&wire);
  wire_close(&wire);
  start_over();
  body.do_not_read = 1;
  wire = wire_open(site);
  wire_send(&wire, "GET /body HTTP/1.1\r\nHost: a\r\n\r\n" HEAD "Content-Length: 10\r\n\r\nabc");
  shutdown(wire.fd, SHUT_WR);
  site_settle(site);
  first = body.x;
  body.do_not_read = 0;
  assert_int_equal(SocketHTTP_respond(first, 200, NULL, "1", 1), 0);
  site_until(site, &body.count[SOCKET_HTTP_CLOSED], 1);
  assert_int_equal(body.close_status, SOCKET_ECONNABORTED);
  wire_close(&wire);
}

static void gone_while_the_handler_waits(void **state) {
  Site *site = *state;
  for (int how = 0; how < 2; how++) {
    start_over();
    body.answer_at = 0;
    Wire wire = wire_open(site);
    wire_send(&wire, how ? "POST /pull HTTP/1.1\r\nHost: a\r\n\r\n" : HEAD "\r\n");
    site_until(site, &body.count[SOCKET_HTTP_BODY_END], 1);
    wire_reset(&wire);
    site_until(site, &body.count[SOCKET_HTTP_CLOSED], 1);
    assert_int_equal(body.close_status, SOCKET_ECONNRESET);
    assert_int_equal(SocketHTTP_next(body.x), SOCKET_EBADHANDLE);
    assert_null(SocketHTTP_get_path(body.x));
  }
  assert_int_equal(SocketHTTPServer_get_connections(site->server), 0);
}

/* Nobody is told of a request that was not pulled before its connection died. */
static void gone_before_it_was_pulled(void **state) {
  Site *site = *state;
  site->pulled = NULL;
  Wire wire = wire_open(site);
  wire_send(&wire, "POST /pull HTTP/1.1\r\nHost: a\r\n\r\n");
  while (SocketHTTPServer_get_connections(site->server) == 0) SocketLoop_run_once(site->loop, 1);
  for (int i = 0; i < 10; i++) SocketLoop_run_once(site->loop, 0);
  wire_reset(&wire);
  while (SocketHTTPServer_get_connections(site->server) > 0) SocketLoop_run_once(site->loop, 1);
  for (int i = 0; i < 5; i++) site_turn(site, 0);
  assert_int_equal(site->seen[SOCKET_HTTP_REQUEST] + site->seen[SOCKET_HTTP_CLOSED], 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)
  const struct CMUnitTest tests[] = {
      TEST(every_framing_cut_everywhere),
      TEST(the_length_and_reading_twice),
      TEST(paused_at_each_piece),
      TEST(a_pulled_piece_waits_while_paused),
      TEST(a_small_body_is_discarded),
      TEST(a_large_body_left_unread_closes),
      TEST(discarding_is_not_the_programs_business),
      TEST(continue_is_sent_when_the_body_is_read),
      TEST(continue_is_not_sent),
      TEST(broken_off_in_the_middle),
      TEST(broken_off_behind_another_request),
      TEST(gone_while_the_handler_waits),
      TEST(gone_before_it_was_pulled),
  };
  return cmocka_run_group_tests_name("http: bodies", tests, NULL, NULL);
}
