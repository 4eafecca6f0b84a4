/* Responses: whole and in pieces, their fields, what may not be sent, slow and vanishing readers.
 */
#include "support/http_wire.h"

#include <sys/resource.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET10(path) "GET " path " HTTP/1.0\r\n\r\n"

static SocketHTTP_T kept;
static int kept_count;

static void keep(SocketHTTP_T x, void *user) {
  if (user) assert_int_equal(SocketHTTP_set_callback(x, (SocketCallback_T)NULL, NULL), 0);
  kept = x;
  kept_count++;
}

static int events[32], closed_status;
static void count_event(const SocketCompletion_T *event, void *user) {
  (void)user;
  events[event->kind]++;
  if (event->kind == SOCKET_HTTP_CLOSED) closed_status = event->status;
}
static void keep_counting(SocketHTTP_T x, void *user) {
  (void)user;
  assert_int_equal(SocketHTTP_set_callback(x, count_event, NULL), 0);
  keep(x, NULL);
}

static void answer_in_pieces(SocketHTTP_T x, void *user) {
  (void)user;
  assert_int_equal(SocketHTTP_start(x, 200, "text/plain", -1), 0);
  assert_int_equal(SocketHTTP_write(x, NULL, 0), 0); /* does not end the body */
  assert_true(SocketHTTP_write(x, "one ", 4) >= 0);
  assert_true(SocketHTTP_write(x, "", 0) >= 0);
  assert_true(SocketHTTP_write(x, "two", 3) >= 0);
  assert_int_equal(SocketHTTP_end(x), 0);
  assert_int_equal(SocketHTTP_end(x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_write(x, "x", 1), SOCKET_ESTATE);
}

static void answer_status(SocketHTTP_T x, void *user) {
  (void)user;
  const int status = atoi(SocketHTTP_get_parameter(x, "status"));
  assert_int_equal(SocketHTTP_respond(x, status, "text/plain", "body", 4), 0);
}

static int setup(void **state) {
  Site *site = site_new();
  kept = NULL;
  kept_count = closed_status = 0;
  memset(events, 0, sizeof events);
  SocketHTTPServer_route(site->server, "GET", "/keep", keep, NULL);
  SocketHTTPServer_route(site->server, "GET", "/count", keep_counting, NULL);
  SocketHTTPServer_route(site->server, "GET", "/pieces", answer_in_pieces, NULL);
  SocketHTTPServer_route(site->server, "GET", "/status/:status", answer_status, NULL);
  SocketHTTPServer_route(site->server, "GET", "/hello", answer_hello, NULL);
  site_listen(site);
  *state = site;
  return 0;
}

/* The next request for /keep or /count, in the hands of the test. */
static SocketHTTP_T ask(Wire *wire, const char *request) {
  const int wanted = kept_count + 1;
  wire_send(wire, request);
  site_until(wire->site, &kept_count, wanted);
  return kept;
}

static void every_way_to_frame(void **state) {
  static Reply reply;
  Wire wire = wire_open(*state);
  wire_send(&wire, GET("/hello") "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" GET(
                       "/pieces") "HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\n" GET("/status/204")
                       GET("/status/304") GET("/status/299") GET("/status/999"));
  wire_reply(&wire, &reply);
  assert_string_equal(reply.body, "Hello\n");
  assert_true(reply_header_is(&reply, "Content-Type", "text/plain"));
  assert_int_equal(strlen(reply_header(&reply, "Date")), 29);
  wire_reply_to(&wire, &reply, 1);
  assert_true(reply_header_is(&reply, "Content-Length", "6"));
  wire_reply(&wire, &reply);
  assert_true(reply.chunked);
  assert_string_equal(reply.body, "one two");
  wire_reply_to(&wire, &reply, 1);
  assert_true(reply_header_is(&reply, "Transfer-Encoding", "chunked"));
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 204);
  assert_true(reply_header_is(&reply, "Content-Length", NULL));
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 304);
  wire_reply(&wire, &reply);
  assert_memory_equal(reply.head, "HTTP/1.1 299 \r\n", 15);
  assert_string_equal(reply.body, "body");
  wire_reply(&wire, &reply);
  assert_int_equal(reply.status, 999);
  assert_int_equal(wire.length, 0);
  wire_send(&wire, GET10("/pieces") GET("/hello"));
  wire_reply(&wire, &reply);
  assert_true(reply.closed);
  assert_true(reply_header_is(&reply, "Connection", "close"));
  assert_string_equal(reply.body, "one two");
  wire_expect_end(&wire);
  wire_close(&wire);
  wire = wire_open(*state);
  wire_send(&wire, "HEAD /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  wire_reply_to(&wire, &reply, 1);
  assert_true(reply_header_is(&reply, "Transfer-Encoding", NULL));
  wire_close(&wire);
  reply_free(&reply);
}

static void bad_arguments_change_nothing(void **state) {
  Wire wire = wire_open(*state);
  SocketHTTP_T x = ask(&wire, GET("/keep"));
  assert_int_equal(SocketHTTP_write(x, "a", 1), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_end(x), SOCKET_ESTATE);
  const int statuses[] = {-1, 0, 99, 100, 101, 199, 1000, 2000000000};
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    assert_int_equal(SocketHTTP_respond(x, statuses[i], NULL, NULL, 0), SOCKET_EINVAL);
    assert_int_equal(SocketHTTP_start(x, statuses[i], NULL, 0), SOCKET_EINVAL);
  }
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "a", -1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_respond(x, 200, "a\r\nX: y", "a", 1), SOCKET_EINVAL);
  static char long_type[6000];
  memset(long_type, 'a', sizeof long_type - 1);
  assert_int_equal(SocketHTTP_respond(x, 200, long_type, "a", 1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_start(x, 200, NULL, -2), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_start(x, 200, NULL, 3), 0);
  assert_int_equal(SocketHTTP_start(x, 200, NULL, 3), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "a", 1), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_add_header(x, "A", "b"), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_next(x), SOCKET_ESTATE);
  assert_int_equal(SocketHTTP_write(x, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_write(x, "a", -1), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_write(x, "abcd", 4), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_write(x, "ab", 2), 0);
  assert_int_equal(SocketHTTP_write(x, "cd", 2), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_write(x, "c", 1), 0);
  assert_int_equal(SocketHTTP_end(x), 0);
  assert_int_equal(SocketHTTP_end(x), SOCKET_EBADHANDLE);
  assert_int_equal(wire_ask(&wire, "", "abc"), 200);
  assert_int_equal(wire_ask(&wire, GET("/hello"), "Hello\n"), 200);
  wire_close(&wire);
}

/* ---- Fields */

static void fields_of_the_response(void **state) {
  static Reply reply;
  Wire wire = wire_open(*state);
  SocketHTTP_T x = ask(&wire, GET("/keep"));
  const char *ours[] = {"Content-Length", "transfer-encoding", "CONNECTION", "Date", "Keep-Alive"};
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(SocketHTTP_add_header(x, ours[i], "1"), SOCKET_EINVAL);
  const char *names[] = {"", "a b", "a:", "a\r\nb", "\xc3\xa4", "a\n", "(a)"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_int_equal(SocketHTTP_add_header(x, names[i], "1"), SOCKET_EINVAL);
  const char *values[] = {"a\r\nSet-Cookie: b", "a\n", "\r", "a\x01", "a\x7f", " a", "a\t"};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    assert_int_equal(SocketHTTP_add_header(x, "X", values[i]), SOCKET_EINVAL);
    assert_int_equal(SocketHTTP_set_header(x, "X", values[i]), SOCKET_EINVAL);
  }
  assert_int_equal(SocketHTTP_add_header(x, NULL, "a"), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_set_header(x, "a", NULL), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_add_header(x, "A", "1"), 0);
  assert_int_equal(SocketHTTP_add_header(x, "ab", "2"), 0);
  assert_int_equal(SocketHTTP_add_header(x, "a", "3"), 0);
  assert_int_equal(SocketHTTP_add_header(x, "B", ""), 0);
  assert_int_equal(SocketHTTP_set_header(x, "a", "4 \xc3\xa4\tb"), 0);
  assert_int_equal(SocketHTTP_set_header(x, "C", "5"), 0);
  assert_int_equal(SocketHTTP_set_header(x, "B", "6"), 0);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, NULL, 0), 0);
  wire_reply(&wire, &reply);
  assert_non_null(strstr(reply.head, "\r\nab: 2\r\na: 4 \xc3\xa4\tb\r\nC: 5\r\nB: 6\r\n"));
  assert_null(strstr(reply.head, "A: 1"));
  assert_null(strstr(reply.head, "Set-Cookie"));
  assert_true(reply_header_is(&reply, "Content-Type", NULL));
  /* The next response starts anew. */
  wire_send(&wire, GET("/hello"));
  wire_reply(&wire, &reply);
  assert_null(strstr(reply.head, "C: 5"));
  reply_free(&reply);
  wire_close(&wire);
}

static void fields_up_to_the_limit(void **state) {
  static Reply reply;
  static char value[20000];
  Wire wire = wire_open(*state);
  memset(value, 'v', sizeof value - 1);
  SocketHTTP_T x = ask(&wire, GET("/keep"));
  assert_int_equal(SocketHTTP_add_header(x, "X", value), SOCKET_ELIMIT);
  value[16384 - 5] = '\0';
  assert_int_equal(SocketHTTP_add_header(x, "X", value), 0);
  assert_int_equal(SocketHTTP_add_header(x, "Y", ""), SOCKET_ELIMIT);
  value[4096] = '\0';
  assert_int_equal(SocketHTTP_respond(x, 200, value, "ok", 2), 0);
  wire_reply(&wire, &reply);
  assert_int_equal(strlen(reply_header(&reply, "X")), 16384 - 5);
  assert_int_equal(strlen(reply_header(&reply, "Content-Type")), 4096);
  assert_string_equal(reply.body, "ok");
  reply_free(&reply);
  wire_close(&wire);
}

/* ---- The length that was announced */

static void an_end_too_early_closes(void **state) {
  Site *site = *state;
  for (int later = 0; later < 2; later++) {
    Wire wire = wire_open(site);
    SocketHTTP_T x = ask(&wire, GET("/count") GET("/count"));
    assert_int_equal(SocketHTTP_start(x, 200, NULL, 10), 0);
    assert_true(SocketHTTP_write(x, "abc", 3) >= 0);
    if (later) site_settle(site);
    assert_int_equal(SocketHTTP_end(x), SOCKET_EINVAL);
    assert_int_equal(SocketHTTP_end(x), SOCKET_EBADHANDLE);
    wire_read_all(&wire);
    assert_true(strlen(strstr(wire.bytes, "\r\n\r\n")) < 4 + 10);
    wire_close(&wire);
    site_until_connections(site, 0);
  }
  assert_int_equal(kept_count, 2); /* nothing behind it was served */
}

static void end_early(SocketHTTP_T x, void *user) {
  ++*(int *)user;
  assert_int_equal(SocketHTTP_start(x, 200, NULL, 10), 0);
  assert_int_equal(SocketHTTP_end(x), SOCKET_EINVAL);
}
static void abort_now(SocketHTTP_T x, void *user) {
  ++*(int *)user;
  assert_int_equal(SocketHTTP_abort(x), 0);
  assert_int_equal(SocketHTTP_abort(x), 0);
  assert_int_equal(SocketHTTP_respond(x, 200, NULL, "a", 1), SOCKET_ECLOSED);
  assert_int_equal(SocketHTTP_start(x, 200, NULL, 1), SOCKET_ECLOSED);
  assert_int_equal(SocketHTTP_read_body(x), SOCKET_ECLOSED);
}

static void a_broken_off_response_is_the_last(void **state) {
  Site *site = *state;
  int early = 0, aborted = 0;
  SocketHTTPServer_route(site->server, "GET", "/early", end_early, &early);
  SocketHTTPServer_route(site->server, "GET", "/abort", abort_now, &aborted);
  Wire wire = wire_open(site);
  wire_send(&wire, GET("/early") GET("/early"));
  wire_read_all(&wire);
  wire_close(&wire);
  wire = wire_open(site);
  wire_send(&wire, GET("/abort") GET("/abort"));
  wire_read_all(&wire);
  assert_int_equal(wire.length, 0);
  wire_close(&wire);
  assert_int_equal(early, 1);
  assert_int_equal(aborted, 1);
  wire = wire_open(site);
  SocketHTTP_T x = ask(&wire, GET("/count"));
  assert_int_equal(SocketHTTP_abort(x), 0);
  site_until(site, &events[SOCKET_HTTP_CLOSED], 1);
  assert_int_equal(closed_status, SOCKET_ECANCELED);
  wire_close(&wire);
}

/* ---- Slow readers */

static void marks_hold_a_writer_back(void **state) {
  skip_on_younger_wine(WITHOUT_SMALL_BUFFERS);
  Site *site = *state;
  static char piece[50000];
  static Reply reply;
  assert_int_equal(SocketHTTPServer_set_marks(site->server, 60000, 200000), 0);
  Wire wire = wire_open_with(site, 4096);
  SocketHTTP_T x = ask(&wire, GET("/count"));
  const int64_t total = 10000000;
  int64_t written = 0, most = 0;
  int refused = 0;
  assert_int_equal(SocketHTTP_start(x, 200, NULL, total), 0);
  while (written < total) {
    const int64_t queued = SocketHTTP_write(x, piece, sizeof piece);
    if (queued == SOCKET_EAGAIN) {
      refused++;
      const int drained = events[SOCKET_HTTP_DRAINED];
      assert_int_equal(SocketHTTP_write(x, "", 0), SOCKET_EAGAIN);
      while (events[SOCKET_HTTP_DRAINED] == drained) wire_step(&wire);
      continue;
    }
    assert_true(queued >= 0);
    if (queued > most) most = queued;
    written += sizeof piece;
    /* New marks wait for a request that finds nothing queued. */
    if (written == 5000000) assert_int_equal(SocketHTTPServer_set_marks(site->server, 10, 1000), 0);
  }
  assert_true(refused > 5);
  assert_in_range(most, 60000, 250000);
  assert_int_equal(SocketHTTP_end(x), 0);
  wire_reply(&wire, &reply);
  assert_int_equal(reply.length, total);
  x = ask(&wire, GET("/count"));
  assert_int_equal(SocketHTTP_start(x, 200, NULL, -1), 0);
  for (written = 0; SocketHTTP_write(x, piece, 500) != SOCKET_EAGAIN; written += 500) {
  }
  const int drained = events[SOCKET_HTTP_DRAINED];
  while (events[SOCKET_HTTP_DRAINED] == drained) wire_step(&wire);
  assert_int_equal(SocketHTTP_end(x), 0);
  wire_reply(&wire, &reply);
  assert_int_equal(reply.length, written);
  reply_free(&reply);
  wire_close(&wire);
}

static void a_large_response_to_a_slow_reader(void **state) {
  static Reply reply;
  const size_t size = 1 << 20;
  char *data = malloc(size);
  for (size_t i = 0; i < size; i++) data[i] = (char)(i * 31 >> 3);
  for (int how = 0; how < 2; how++) {
    Wire wire = wire_open_with(*state, 4096);
    SocketHTTP_T x = ask(&wire, how ? GET10("/keep") : GET("/keep") GET("/hello"));
    assert_int_equal(SocketHTTP_respond(x, 200, NULL, data, (int64_t)size), 0);
    wire_reply(&wire, &reply);
    assert_int_equal(reply.length, size);
    assert_memory_equal(reply.body, data, size);
    if (how)
      wire_expect_end(&wire);
    else
      assert_int_equal(wire_ask(&wire, "", "Hello\n"), 200);
    wire_close(&wire);
  }
  reply_free(&reply);
  free(data);
}

static void a_reader_that_vanishes(void **state) {
  Site *site = *state;
  static char piece[100000];
  for (int how = 0; how < 2; how++) {
    memset(events, 0, sizeof events);
    Wire wire = wire_open_with(site, 4096);
    SocketHTTP_T x = ask(&wire, GET("/count"));
    assert_int_equal(SocketHTTP_start(x, 200, NULL, -1), 0);
    while (SocketHTTP_write(x, piece, sizeof piece) >= 0) {
    }
    wire_step(&wire);
    wire_reset(&wire);
    int64_t outcome = 0;
    if (how) /* found out by writing, or by reading, whichever comes first */
      while (outcome == 0 || outcome == SOCKET_EAGAIN || outcome > 0) {
        outcome = SocketHTTP_write(x, piece, 1);
        if (outcome >= 0 || outcome == SOCKET_EAGAIN) site_turn(site, 0);
      }
    site_until(site, &events[SOCKET_HTTP_CLOSED], 1);
    assert_true(closed_status == SOCKET_ECONNRESET || closed_status == SOCKET_EPIPE);
    assert_int_equal(SocketHTTP_write(x, piece, 1), SOCKET_EBADHANDLE);
    site_until_connections(site, 0);
  }
}

/* ---- Echo of 64 MiB with back-pressure on both sides */

#define ECHO_BYTES (64 << 20)

static void echo_event(const SocketCompletion_T *event, void *user) {
  SocketHTTP_T x = EVENT_EXCHANGE(event);
  (void)user;
  switch (event->kind) {
  case SOCKET_HTTP_BODY:
    assert_true(SocketHTTP_write(x, event->data, event->length) >= 0);
    if (SocketHTTP_write(x, NULL, 0) == SOCKET_EAGAIN)
      assert_int_equal(SocketHTTP_pause_body(x), 0);
    break;
  case SOCKET_HTTP_DRAINED: assert_int_equal(SocketHTTP_read_body(x), 0); break;
  case SOCKET_HTTP_BODY_END: assert_int_equal(SocketHTTP_end(x), 0); break;
  }
}
static void echo(SocketHTTP_T x, void *user) {
  assert_int_equal(SocketHTTP_set_callback(x, echo_event, user), 0);
  assert_int_equal(SocketHTTP_start(x, 200, NULL, SocketHTTP_get_body_length(x)), 0);
  assert_int_equal(SocketHTTP_read_body(x), 0);
}

static void echo_of_64_mib(void **state) {
  Site *site = *state;
  static char out[1 << 16];
  for (size_t i = 0; i < sizeof out; i++) out[i] = (char)(i * 7);
  assert_int_equal(SocketHTTPServer_route(site->server, "POST", "/echo", echo, NULL), 0);
  assert_int_equal(SocketHTTPServer_set_max_body(site->server, INT64_MAX), 0);
  Wire wire = wire_open(site);
  struct rusage before, after;
  wire_send(&wire, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n");
  while (!wire.length || !strstr(wire.bytes, "\r\n\r\n")) wire_step(&wire);
  wire_take(&wire, (size_t)(strstr(wire.bytes, "\r\n\r\n") - wire.bytes) + 4);
  getrusage(RUSAGE_SELF, &before);
  int64_t sent = 0, got = 0;
  while (got < ECHO_BYTES) {
    /* Sends in bursts and reads late, so that the marks are reached. */
    for (int i = 0; i < 40 && sent < ECHO_BYTES; i++) {
      sent += (int64_t)wire_try(&wire, out + sent % (int64_t)sizeof out,
                                sizeof out - (size_t)(sent % (int64_t)sizeof out));
      site_turn(site, 0);
    }
    wire_step(&wire);
    for (size_t i = 0; i < wire.length; i += 997)
      assert_int_equal(wire.bytes[i], out[(got + (int64_t)i) % (int64_t)sizeof out]);
    got += (int64_t)wire.length;
    wire.length = 0;
    assert_int_equal(wire.ended, 0);
  }
  getrusage(RUSAGE_SELF, &after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
  assert_true(after.ru_maxrss - before.ru_maxrss < 32 * 1024);
#endif
  assert_int_equal(got, ECHO_BYTES);
  assert_int_equal(wire_ask(&wire, GET("/hello"), "Hello\n"), 200);
  wire_close(&wire);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, site_teardown)
  const struct CMUnitTest tests[] = {
      TEST(every_way_to_frame),       TEST(bad_arguments_change_nothing),
      TEST(fields_of_the_response),   TEST(fields_up_to_the_limit),
      TEST(an_end_too_early_closes),  TEST(a_broken_off_response_is_the_last),
      TEST(marks_hold_a_writer_back), TEST(a_large_response_to_a_slow_reader),
      TEST(a_reader_that_vanishes),   TEST(echo_of_64_mib),
  };
  return cmocka_run_group_tests_name("http: responses", tests, NULL, NULL);
}
