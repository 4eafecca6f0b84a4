/* Requests over the wire: every form, cut everywhere, pipelined; and which of them keep the
 * connection open. */
#include "support/http_wire.h"

#include <sys/resource.h>

/* A site whose routes answer at once, in a later turn, and by pull; each tells what it was asked.
 */
typedef struct Later {
  SocketHTTP_T waiting[2048];
  int count, first;
} Later;

static void describe_request(SocketHTTP_T x) {
  char text[600];
  const char *query = SocketHTTP_get_query(x);
  const int length =
      snprintf(text, sizeof text, "%s|%s|%s|%s|%d|%d|%s", SocketHTTP_get_method(x),
               SocketHTTP_get_target(x), SocketHTTP_get_path(x), query ? query : "-",
               SocketHTTP_get_version(x), SocketHTTP_get_header_count(x),
               SocketHTTP_get_header(x, "x-test") ? SocketHTTP_get_header(x, "x-test") : "-");
  assert_int_equal(SocketHTTP_respond(x, 200, "text/plain", text, length), 0);
}

static void answer_now(SocketHTTP_T x, void *user) {
  (void)user;
  describe_request(x);
}

static void answer_posted(const SocketCompletion_T *event, void *user) {
  Later *later = user;
  (void)event;
  describe_request(later->waiting[later->first++]);
}

static void answer_later(SocketHTTP_T x, void *user) {
  Site *site = user;
  Later *later = site->user;
  later->waiting[later->count++] = x;
  assert_int_equal(SocketLoop_post(site->loop, answer_posted, later), 0);
}

static void answer_pulled(Site *site, const SocketCompletion_T *event) {
  if (event->kind != SOCKET_HTTP_REQUEST) return;
  assert_ptr_equal(event->source, site->server);
  assert_ptr_equal(event->user, site);
  SocketHTTP_T x = EVENT_EXCHANGE(event);
  describe_request(x);
  assert_null(SocketHTTP_get_method(x)); /* stale from here on */
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, NULL, 0), SOCKET_EBADHANDLE);
}

static Later later;

static int setup(void **state) {
  Site *site = site_new();
  memset(&later, 0, sizeof later);
  site->user = &later;
  site->pulled = answer_pulled;
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/now", answer_now, site), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/later", answer_later, site), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/pull", NULL, site), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "POST", "/now", answer_now, site), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/", answer_now, site), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "BREW", "/now", answer_now, site), 0);
  site_listen(site);
  *state = site;
  return 0;
}

/* ---- Every form, whole, in bytes and cut at each position */

typedef struct Form {
  const char *request;
  int status;
  const char *body;
} Form;

static const Form forms[] = {
    {"GET /now HTTP/1.1\r\nHost: a\r\n\r\n", 200, "GET|/now|/now|-|11|1|-"},
    {"GET /now?a=b&c HTTP/1.1\r\nHost: a\r\nX-Test: \t v \t\r\n\r\n", 200,
     "GET|/now?a=b&c|/now|a=b&c|11|2|v"},
    {"GET /later? HTTP/1.1\r\nHost: a\r\n\r\n", 200, "GET|/later?|/later||11|1|-"},
    {"GET /pull?x HTTP/1.1\r\nHost: a\r\nX-TEST:\r\n\r\n", 200, "GET|/pull?x|/pull|x|11|2|"},
    {"\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n", 200, "GET|/now|/now|-|11|1|-"},
    {"GET http://h:80/now?q HTTP/1.1\r\nHost: other\r\n\r\n", 200,
     "GET|http://h:80/now?q|/now|q|11|1|-"},
    {"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", 200, "GET|http://h|/|-|11|1|-"},
    {"GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", 200, "GET|http://h?q|/|q|11|1|-"},
    {"BREW /now HTTP/1.1\r\nHost:\r\n\r\n", 200, "BREW|/now|/now|-|11|1|-"},
    {"GET /now HTTP/1.9\r\nHost: a\r\n\r\n", 200, "GET|/now|/now|-|11|1|-"},
    {"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "GET|/now|/now|-|10|1|-"},
    {"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404, "404 Not Found\n"},
    {"PUT /now HTTP/1.1\r\nHost: a\r\n\r\n", 405, "405 Method Not Allowed\n"},
    {"POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", 200, NULL},
    {"POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
     200, NULL},
    {"OPTIONS /now HTTP/1.1\r\nHost: a\r\n\r\n", 204, NULL},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, NULL},
    {"OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", 204, NULL},
    {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL},
    {"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL},
};
#define FORMS (sizeof forms / sizeof *forms)

static void check_form(Wire *wire, const Form *form) {
  static Reply reply;
  wire_reply(wire, &reply);
  if (reply.status != form->status) print_error("%s\n", form->request);
  assert_int_equal(reply.status, form->status);
  if (form->body) assert_string_equal(reply.body, form->body);
  reply_free(&reply);
}

static void forms_whole(void **state) {
  Wire wire = wire_open(*state);
  for (size_t i = 0; i < FORMS; i++) {
    wire_send(&wire, forms[i].request);
    check_form(&wire, &forms[i]);
  }
  wire_close(&wire);
}

static void forms_byte_by_byte(void **state) {
  Wire wire = wire_open(*state);
  for (size_t i = 0; i < FORMS; i++) {
    for (const char *at = forms[i].request; *at; at++) {
      wire_send_bytes(&wire, at, 1);
      site_turn(*state, 0);
    }
    check_form(&wire, &forms[i]);
  }
  wire_close(&wire);
}

static void forms_cut_everywhere(void **state) {
  Wire wire = wire_open(*state);
  for (size_t i = 0; i < FORMS; i++)
    for (size_t cut = 1; cut < strlen(forms[i].request); cut++) {
      wire_send_bytes(&wire, forms[i].request, cut);
      site_turn(*state, 0);
      wire_send(&wire, forms[i].request + cut);
      check_form(&wire, &forms[i]);
    }
  wire_close(&wire);
}

static void forms_pipelined_and_cut(void **state) {
  char all[8192] = "";
  for (size_t i = 0; i < FORMS; i++) strcat(all, forms[i].request);
  Wire wire = wire_open(*state);
  for (size_t cut = 0; cut < strlen(all); cut += 7) {
    wire_send_bytes(&wire, all, cut);
    site_settle(*state);
    wire_send(&wire, all + cut);
    for (size_t i = 0; i < FORMS; i++) check_form(&wire, &forms[i]);
  }
  wire_close(&wire);
}

/* ---- Pipelining */

static void a_thousand_in_one_write(void **state) {
  const char *paths[] = {"/now", "/later", "/pull"};
  char *all = calloc(1000, 100);
  size_t length = 0;
  for (int i = 0; i < 1000; i++)
    length += (size_t)sprintf(all + length, "GET %s HTTP/1.1\r\nHost: a\r\nX-Test: %d\r\n\r\n",
                              paths[i % 3 ? i % 3 : i % 2], i);
  Wire wire = wire_open(*state);
  wire_send_bytes(&wire, all, length);
  static Reply reply;
  for (int i = 0; i < 1000; i++) {
    char number[16];
    snprintf(number, sizeof number, "|%d", i);
    wire_reply(&wire, &reply);
    assert_string_equal(strrchr(reply.body, '|'), number);
  }
  reply_free(&reply);
  assert_int_equal(wire.length, 0);
  wire_close(&wire);
  free(all);
}

static void answer_large(SocketHTTP_T x, void *user) {
  int *count = user;
  static char body[100000];
  ++*count;
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, body, sizeof body), 0);
}

/* A client that pipelines and never reads is not served for ever: see SocketHTTPServer_set_marks.
 */
static void a_pipeliner_that_does_not_read(void **state) {
  Site *site = *state;
  int served = 0;
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/large", answer_large, &served), 0);
  assert_int_equal(SocketHTTPServer_set_marks(site->server, 10000, 200000), 0);
  Wire wire = wire_open_with(site, 4096);
  const char request[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
  size_t sent = 0;
  for (int idle = 0; idle < 50;) {
    size_t now = wire_try(&wire, request + sent % (sizeof request - 1),
                          sizeof request - 1 - sent % (sizeof request - 1));
    idle = now ? 0 : idle + 1;
    sent += now;
    site_turn(site, 0);
  }
  const int asked = (int)(sent / (sizeof request - 1));
  assert_true(asked > served);
  assert_in_range(served, 1, 200); /* what the kernel holds, and the high mark */
  static Reply reply;
  const int enough = left_out_on_windows("Wine takes minutes for all of them") ? 30 : 300;
  for (int i = 0; i < asked; i++) {
    wire_reply(&wire, &reply);
    assert_int_equal(reply.length, 100000);
    if (i == enough) break;
  }
  reply_free(&reply);
  wire_close(&wire);
}

/* ---- Keep-alive, RFC 9112 9.3 */

static void keep_alive_rules(void **state) {
  static const struct {
    const char *request;
    int stays;
    const char *connection; /* in the response */
  } cases[] = {
      {"GET /now HTTP/1.1\r\nHost: a\r\n\r\n", 1, NULL},
      {"GET /now HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 1, NULL},
      {"GET /now HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", 0, "close"},
      {"GET /now HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", 0, "close"},
      {"GET /now HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", 0,
       "close"},
      {"GET /now HTTP/1.0\r\n\r\n", 0, "close"},
      {"GET /now HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 1, "keep-alive"},
      {"GET /now HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 0, "close"},
      {"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 1, NULL},
      {"GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, "close"},
      {"GET /pull HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, "close"},
  };
  static Reply reply;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Wire wire = wire_open(*state);
    wire_send(&wire, cases[i].request);
    wire_reply(&wire, &reply);
    assert_true(reply_header_is(&reply, "Connection", cases[i].connection));
    if (cases[i].stays)
      assert_int_equal(wire_ask(&wire, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 200);
    else
      wire_expect_end(&wire);
    wire_close(&wire);
  }
  reply_free(&reply);
}

/* What was pipelined behind the last request is not served, and does not cost its response. */
static void nothing_after_close(void **state) {
  static char many[60000];
  strcpy(many, "GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const size_t first = strlen(many);
  while (strlen(many) < sizeof many - 100)
    strcat(many + strlen(many), "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
  static Reply reply;
  for (int round = 0; round < 20; round++) {
    Wire wire = wire_open(*state);
    wire_send_bytes(&wire, many, round % 2 ? first + 5 : strlen(many));
    wire_send(&wire, "more that is not read");
    wire_reply(&wire, &reply);
    wire_expect_end(&wire);
    wire_close(&wire);
  }
  reply_free(&reply);
}

/* ---- Half-closed */

static void a_client_that_shuts_its_side_is_answered(void **state) {
  const char *requests[] = {"GET /now HTTP/1.1\r\nHost: a\r\n\r\n",
                            "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
                            "GET /pull HTTP/1.1\r\nHost: a\r\n\r\n"};
  for (int i = 0; i < 9; i++) {
    Wire wire = wire_open(*state);
    wire_send(&wire, requests[i % 3]);
    wire_send(&wire, requests[i / 3]);
    assert_int_equal(shutdown(wire.fd, SHUT_WR), 0);
    static Reply reply;
    for (int n = 0; n < 2; n++) {
      wire_reply(&wire, &reply);
      assert_int_equal(reply.status, 200);
    }
    reply_free(&reply);
    wire_expect_end(&wire);
    wire_close(&wire);
  }
}

static void an_unfinished_head_ends_quietly(void **state) {
  Wire wire = wire_open(*state);
  wire_send(&wire, "GET /now HTTP/1.1\r\nHo");
  site_settle(*state);
  assert_int_equal(shutdown(wire.fd, SHUT_WR), 0);
  wire_expect_end(&wire);
  wire_close(&wire);
  site_until_connections(*state, 0);
}

static void two_thousand_at_once(void **state) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Wire *wires = malloc(2000 * sizeof *wires);
  for (int i = 0; i < 2000; i++) {
    wires[i] = wire_open(*state);
    if (i % 50 == 0) site_turn(*state, 0);
  }
  site_until_connections(*state, 2000);
  for (int i = 0; i < 2000; i++) wire_send(&wires[i], forms[i % 4].request);
  for (int i = 0; i < 2000; i++) {
    check_form(&wires[i], &forms[i % 4]);
    wire_close(&wires[i]);
  }
  site_until_connections(*state, 0);
  free(wires);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)
  const struct CMUnitTest tests[] = {
      TEST(forms_whole),
      TEST(forms_byte_by_byte),
      TEST(forms_cut_everywhere),
      TEST(forms_pipelined_and_cut),
      TEST(a_thousand_in_one_write),
      TEST(a_pipeliner_that_does_not_read),
      TEST(keep_alive_rules),
      TEST(nothing_after_close),
      TEST(a_client_that_shuts_its_side_is_answered),
      TEST(an_unfinished_head_ends_quietly),
      TEST(two_thousand_at_once),
  };
  return cmocka_run_group_tests_name("http: requests", tests, NULL, NULL);
}
