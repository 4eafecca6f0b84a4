/* What the server refuses: with which status, that the client can read it to the end, and that
 * nothing behind a refused request is ever taken for a request. */
#include "support/http_wire.h"

#define HEAD_OF(method) method " / HTTP/1.1\r\nHost: a\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

static int smuggled, served, logged;

static void count_smuggled(SocketHTTP_T x, void *user) {
  (void)user;
  smuggled++;
  answer_hello(x, NULL);
}

/* Reads the whole body, then answers. */
static void body_event(const SocketCompletion_T *event, void *user) {
  int *codes = user;
  codes[event->kind]++;
  if (event->kind == SOCKET_HTTP_CLOSED) codes[0] = event->status;
  if (event->kind == SOCKET_HTTP_BODY_END) answer_hello(EVENT_EXCHANGE(event), NULL);
}

static int codes[32];

static void read_all(SocketHTTP_T x, void *user) {
  (void)user;
  served++;
  assert_int_equal(SocketHTTP_set_callback(x, body_event, codes), 0);
  assert_int_equal(SocketHTTP_read_body(x), 0);
}

static void count_log(SocketHTTP_T x, void *user) {
  *(int *)user = SocketHTTP_get_status(x);
  logged++;
}
static int logged_status;

static int setup(void **state) {
  Site *site = site_new();
  smuggled = served = logged = 0;
  memset(codes, 0, sizeof codes);
  assert_int_equal(SocketHTTPServer_route(site->server, "POST", "/", read_all, NULL), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/", answer_hello, NULL), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/smuggled", count_smuggled, NULL),
                   0);
  assert_int_equal(SocketHTTPServer_set_log(site->server, count_log, &logged_status), 0);
  site_listen(site);
  *state = site;
  return 0;
}

/* One response with `status`, "Connection: close", and the end of the stream. */
static void expect_refusal(Wire *wire, int status) {
  static Reply reply;
  wire_reply(wire, &reply);
  assert_int_equal(reply.status, status);
  assert_true(reply_header_is(&reply, "Connection", "close"));
  assert_int_equal(atoi(reply.body), status);
  assert_true(reply_header(&reply, "Date") != NULL);
  reply_free(&reply);
  wire_expect_end(wire);
}

typedef struct Refused {
  int status;
  const char *request;
} Refused;

static const Refused heads[] = {
    /* Framing, RFC 9112 6.3 and 11.2 */
    {400, HEAD_OF("POST") "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 0, 0\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: +5\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: -1\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 0x5\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 5 5\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length:\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 9223372036854775808\r\n\r\n"},
    {400, HEAD_OF("POST") "Content-Length: 18446744073709551616\r\n\r\n"},
    {413, HEAD_OF("POST") "Content-Length: 9223372036854775807\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: xchunked\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: chunked, identity\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: chunked, chunked\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: \"chunked\"\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding:\r\n\r\n"},
    {400, HEAD_OF("POST") "Transfer-Encoding: chunked;x\r\n\r\n"},
    {501, HEAD_OF("POST") "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    /* Lines */
    {400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {400, "GET / HTTP/1.1\rHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
    {400, HEAD_OF("GET") "X: a\r\n b\r\n\r\n"},
    {400, HEAD_OF("GET") " X: a\r\n\r\n"},
    {400, HEAD_OF("GET") "X : a\r\n\r\n"},
    {400, HEAD_OF("GET") ": a\r\n\r\n"},
    {400, HEAD_OF("GET") "X\r\n\r\n"},
    {400, HEAD_OF("GET") "X[]: a\r\n\r\n"},
    {400, HEAD_OF("GET") "X: a\x01\r\n\r\n"},
    {400, HEAD_OF("GET") "X: a\x7f\r\n\r\n"},
    {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {400, "GET /\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTX/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "{} / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "\x16\x03\x01\x02 a TLS hello, say\r\n\r\n"},
    /* Host, RFC 9112 3.2 */
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"},
    {400, "GET http://a HTTP/1.1\r\nHost:\r\n\r\n"},
    {400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"},
    /* The rest */
    {417, HEAD_OF("POST") "Expect: tea\r\n\r\n"},
    {501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
    {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
};

/* `how`: 0 whole, 1 byte by byte, 2 behind a request that is served. */
static void refuse_once(Site *site, const Refused *refused, int how) {
  Wire wire = wire_open(site);
  if (how == 2) wire_send(&wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  if (how == 1) {
    for (const char *at = refused->request; *at; at++) {
      wire_try(&wire, at, 1);
      site_turn(site, 0);
    }
  } else {
    wire_send(&wire, refused->request);
  }
  wire_try(&wire, SMUGGLED, strlen(SMUGGLED));
  if (how == 2) {
    Reply *reply = calloc(1, sizeof *reply);
    wire_reply(&wire, reply);
    assert_int_equal(reply->status, 200);
    reply_free(reply);
    free(reply);
  }
  expect_refusal(&wire, refused->status);
  wire_try(&wire, SMUGGLED, strlen(SMUGGLED));
  site_settle(site);
  wire_close(&wire);
}

static void malformed_heads(void **state) {
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    for (int how = 0; how < 3; how++) {
      served = 0;
      refuse_once(*state, &heads[i], how);
      assert_int_equal(served, 0);
    }
  assert_int_equal(smuggled, 0);
  site_until_connections(*state, 0);
}

static void a_nul_in_a_head(void **state) {
  const char *places[] = {
      "GE\1T / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\1 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: \1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\1: \r\n\r\n"};
  for (size_t i = 0; i < 4; i++) {
    char request[100];
    strcpy(request, places[i]);
    const size_t length = strlen(request);
    *strchr(request, 1) = '\0';
    Wire wire = wire_open(*state);
    wire_send_bytes(&wire, request, length);
    expect_refusal(&wire, 400);
    wire_close(&wire);
  }
}

/* Refused in the middle: the handler runs already and is told. */
static void malformed_chunks(void **state) {
  static char long_extension[6000], long_trailer[10000], many_trailers[2000];
  memset(long_extension, 'x', sizeof long_extension - 1);
  memcpy(long_extension, "1;", 2);
  memset(long_trailer, 'x', sizeof long_trailer - 1);
  memcpy(long_trailer, "0\r\nA: ", 6);
  strcpy(many_trailers, "0\r\n");
  for (int i = 0; i < 65; i++) strcat(many_trailers, "A: b\r\n");
  const Refused chunks[] = {
      {400, "g\r\n"},
      {400, "\r\n"},
      {400, "-1\r\n"},
      {400, "0x1\r\n"},
      {400, "1 \r\na\r\n"},
      {400, "1\na\r\n"},
      {400, "1\r\na\n"},
      {400, "1\r\nab\r\n"},
      {400, "ffffffffffffffff\r\n"},
      {400, "10000000000000000\r\n"},
      {413, "fffffffffffffff\r\n"},
      {400, "1;\x01\r\na\r\n"},
      {400, "0\r\n A: b\r\n\r\n"},
      {400, "0\r\nA : b\r\n\r\n"},
      {400, long_extension},
      {431, long_trailer},
      {431, many_trailers},
  };
  Site *site = *state;
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
    for (int how = 0; how < 2; how++) {
      static char request[12000];
      if (how && strlen(chunks[i].request) > 5000 &&
          left_out_on_windows("byte by byte it takes longer than a refused connection lingers"))
        continue;
      memset(codes, 0, sizeof codes);
      /* A size that is too large is refused when that much has come. */
      snprintf(request, sizeof request, "%sTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n%s",
               HEAD_OF("POST"), chunks[i].request);
      if (chunks[i].status == 413) {
        assert_int_equal(SocketHTTPServer_set_max_body(site->server, 20), 0);
        strcat(request, "0123456789012345678901234567890");
      }
      const Refused refused = {chunks[i].status, request};
      refuse_once(site, &refused, how);
      assert_int_equal(codes[SOCKET_HTTP_CLOSED], 1);
      assert_int_equal(codes[0], chunks[i].status == 413 ? SOCKET_ELIMIT : SOCKET_EPROTOCOL);
      assert_int_equal(codes[SOCKET_HTTP_BODY_END], 0);
      assert_int_equal(logged_status, chunks[i].status);
      assert_int_equal(SocketHTTPServer_set_max_body(site->server, 1000000), 0);
    }
  assert_int_equal(smuggled, 0);
}

/* ---- Limits */

static void a_target_too_long(void **state) {
  static char request[20000];
  Site *site = *state;
  for (int extra = 0; extra < 2; extra++) {
    assert_int_equal(SocketHTTPServer_set_max_target(site->server, 100), 0);
    memset(request, 'a', sizeof request);
    memcpy(request, "GET /?", 6);
    strcpy(request + 4 + 100 + extra, " HTTP/1.1\r\nHost: a\r\n\r\n");
    Wire wire = wire_open(site);
    wire_send(&wire, request);
    if (extra)
      expect_refusal(&wire, 414);
    else
      assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
    wire_close(&wire);
  }
}

static void a_head_too_large(void **state) {
  static char request[20000];
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_max_head(site->server, 1000), 0);
  for (int how = 0; how < 2; how++)
    for (int extra = 0; extra < 2; extra++) {
      memset(request, 'a', sizeof request);
      memcpy(request, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
      strcpy(request + 1000 + extra - 4, "\r\n\r\n");
      const Refused refused = {431, request};
      if (extra) {
        refuse_once(site, &refused, how);
        continue;
      }
      Wire wire = wire_open(site);
      assert_int_equal(wire_ask(&wire, request, "Hello\n"), 200);
      wire_close(&wire);
    }
  assert_int_equal(smuggled, 0);
}

static void too_many_fields(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_max_fields(site->server, 3), 0);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, HEAD_OF("GET") "A: \r\nB: \r\n\r\n", "Hello\n"), 200);
  wire_send(&wire, HEAD_OF("GET") "A: \r\nB: \r\nC: \r\n\r\n");
  expect_refusal(&wire, 431);
  wire_close(&wire);
}

/* A limit holds from the next request on, not for the one that is arriving. */
static void limits_that_shrink_below_a_head(void **state) {
  Site *site = *state;
  Wire wire = wire_open(site);
  wire_send(&wire, "GET /?aaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\nX: bbbbbbbbbbbbbb");
  site_settle(site);
  assert_int_equal(SocketHTTPServer_set_max_head(site->server, 40), 0);
  assert_int_equal(SocketHTTPServer_set_max_target(site->server, 5), 0);
  assert_int_equal(SocketHTTPServer_set_max_fields(site->server, 1), 0);
  wire_send(&wire, "b");
  site_settle(site);
  assert_int_equal(wire_ask(&wire, "\r\n\r\n", "Hello\n"), 200);
  wire_send(&wire, "GET /?aaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_refusal(&wire, 414);
  wire_close(&wire);
}

static void a_body_too_large_by_length(void **state) {
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_set_max_body(site->server, 10), 0);
  Wire wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, HEAD_OF("POST") "Content-Length: 10\r\n\r\n0123456789", NULL),
                   200);
  assert_int_equal(served, 1);
  wire_send(&wire, HEAD_OF("POST") "Content-Length: 11\r\n\r\n01234567890" SMUGGLED);
  expect_refusal(&wire, 413);
  assert_int_equal(served, 1);
  assert_int_equal(logged_status, 413);
  wire_close(&wire);
  /* The client that asks first is spared the body. */
  wire = wire_open(site);
  wire_send(&wire, HEAD_OF("POST") "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  expect_refusal(&wire, 413);
  wire_close(&wire);
  assert_int_equal(SocketHTTPServer_set_max_body(site->server, 0), 0);
  wire = wire_open(site);
  assert_int_equal(wire_ask(&wire, HEAD_OF("POST") "Content-Length: 0\r\n\r\n", NULL), 200);
  wire_send(&wire, HEAD_OF("POST") "Content-Length: 1\r\n\r\na");
  expect_refusal(&wire, 413);
  wire_close(&wire);
  assert_int_equal(smuggled, 0);
}

/* The client is still writing when it is refused: it can read the refusal all the same. */
static void a_refusal_survives_what_is_on_its_way(void **state) {
  static char megabyte[1 << 20];
  for (int round = 0; round < 10; round++) {
    Wire wire = wire_open(*state);
    wire_send(&wire, HEAD_OF("POST") "Content-Length: 100000000\r\n\r\n");
    for (int i = 0; i < 3; i++) {
      wire_try(&wire, megabyte, sizeof megabyte);
      site_turn(*state, 0);
    }
    expect_refusal(&wire, 413);
    wire_close(&wire);
  }
  site_until_connections(*state, 0);
}

static void unknown_methods(void **state) {
  static Reply reply;
  Wire wire = wire_open(*state);
  wire_send(&wire, "FROB / HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"
                   "FROB /x HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 3; i++) {
    wire_reply(&wire, &reply);
    assert_int_equal(reply.status, 501);
  }
  wire_send(&wire, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n");
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 405);
  assert_true(reply_header_is(&reply, "Allow", "GET, HEAD, POST, OPTIONS"));
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 204);
  assert_true(reply_header_is(&reply, "Allow", "GET, HEAD, POST, OPTIONS"));
  assert_true(reply_header_is(&reply, "Content-Length", NULL));
  reply_free(&reply);
  wire_close(&wire);
}

/* What some route has is known everywhere, and OPTIONS * tells of it. */
static void methods_of_routes(void **state) {
  static Reply reply;
  Site *site = *state;
  assert_int_equal(SocketHTTPServer_route(site->server, "FROB", "/frob", NULL, NULL), 0);
  Wire wire = wire_open(site);
  wire_send(&wire, "FROB /nowhere HTTP/1.1\r\nHost: a\r\n\r\nFROB / HTTP/1.1\r\nHost: a\r\n\r\n"
                   "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 404);
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 405);
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 204);
  assert_true(reply_header_is(&reply, "Allow", "GET, HEAD, POST, OPTIONS, FROB"));
  reply_free(&reply);
  wire_close(&wire);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)
  const struct CMUnitTest tests[] = {
      TEST(malformed_heads),
      TEST(a_nul_in_a_head),
      TEST(malformed_chunks),
      TEST(a_target_too_long),
      TEST(a_head_too_large),
      TEST(too_many_fields),
      TEST(limits_that_shrink_below_a_head),
      TEST(a_body_too_large_by_length),
      TEST(a_refusal_survives_what_is_on_its_way),
      TEST(unknown_methods),
      TEST(methods_of_routes),
  };
  return cmocka_run_group_tests_name("http: refusals", tests, NULL, NULL);
}
