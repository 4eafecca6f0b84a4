/* The HTTP server over TLS: requests, and connections that are in their handshake when it stops. */
#include "support/tls_support.h"

#include <socketpoll/SocketHTTP.h>
#include <socketpoll/SocketHTTPServer.h>

static void hello(SocketHTTP_T exchange, void *user) {
  (void)user;
  SocketHTTP_respond(exchange, 200, "text/plain", "Hello\n", 6);
}

/* Who asks, as far as TLS tells it. */
static void who(SocketHTTP_T exchange, void *user) {
  char text[2000] = "nobody", der[4096], server[64];
  const char *version = SocketHTTP_get_tls_version(exchange);
  (void)user;
  if (!version) {
    assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
    assert_int_equal(SocketHTTP_get_tls_server(exchange, server, sizeof server), SOCKET_ENOTSUP);
    assert_int_equal(SocketHTTP_get_tls_certificate(exchange, 0, der, sizeof der), SOCKET_ENOTSUP);
    SocketHTTP_respond(exchange, 403, "text/plain", "plain\n", 6);
    return;
  }
  assert_string_equal(version, "TLSv1.3");
  assert_int_equal(SocketHTTP_get_tls_server(exchange, server, sizeof server), 9);
  assert_string_equal(server, "localhost");
  assert_int_equal(SocketHTTP_get_tls_server(exchange, server, 3), SOCKET_ENOBUFS);
  assert_int_equal(SocketHTTP_get_tls_certificate(exchange, -1, der, sizeof der), SOCKET_EINVAL);
  assert_int_equal(SocketHTTP_get_tls_certificate(exchange, 7, der, sizeof der), SOCKET_ENOENT);
  const int64_t length = SocketHTTP_get_tls_certificate(exchange, 0, der, sizeof der);
  if (length > 0)
    assert_true(SocketTLS_describe_certificate(der, length, text, sizeof text) > 0);
  else
    assert_int_equal(length, SOCKET_ENOENT);
  SocketHTTP_respond(exchange, 200, "text/plain", text, (int64_t)strlen(text));
}

typedef struct Site {
  SocketLoop_T loop, other; /* the server's, and the client's */
  SocketHTTPServer_T server;
  SocketTLS_T tls, client;
  SocketStream_T stream;
  const char *path;
  char address[64], got[4096];
  int64_t length;
  int connected, closed, stopped, status;
} Site;

static void on_stream(const SocketCompletion_T *event, void *user) {
  Site *site = user;
  char request[100];
  const int length =
      snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", site->path);
  if (event->kind == SOCKET_CONNECTED) {
    site->connected++;
    SocketStream_start(event->subject);
    assert_true(SocketStream_write(event->subject, request, length) >= 0);
  }
  if (event->kind == SOCKET_DATA) {
    assert_true(site->length + event->length < (int64_t)sizeof site->got);
    memcpy(site->got + site->length, event->data, (size_t)event->length);
    site->length += event->length;
  }
  if (event->kind == SOCKET_EOF) SocketStream_close(event->subject);
  if (event->kind == SOCKET_CLOSED) site->closed++;
}

static void on_server(const SocketCompletion_T *event, void *user) {
  Site *site = user;
  if (event->kind != SOCKET_HTTP_STOPPED) return;
  site->stopped++;
  site->status = event->status;
}

static void listen_on(Site *site) {
  assert_int_equal(SocketHTTPServer_listen(site->server, "127.0.0.1:0"), 0);
  snprintf(site->address, sizeof site->address, "127.0.0.1:%d",
           SocketHTTPServer_get_port(site->server));
}

static void open_site(Site *site) {
  memset(site, 0, sizeof *site);
  site->loop = SocketLoop_new();
  site->other = SocketLoop_new();
  site->server = SocketHTTPServer_new(site->loop);
  site->tls = server_with(&good);
  site->client = client_of(&authority);
  site->path = "/hello";
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/hello", hello, NULL), 0);
  assert_int_equal(SocketHTTPServer_route(site->server, "GET", "/who", who, NULL), 0);
  assert_int_equal(SocketHTTPServer_set_callback(site->server, on_server, site), 0);
  assert_int_equal(SocketHTTPServer_set_tls(site->server, site->client), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_set_tls(site->server, site->tls), 0);
  listen_on(site);
}

static void ask(Site *site) {
  site->stream =
      SocketStream_connect_tls(site->other, site->address, site->client, "localhost", HANG_MS);
  SocketStream_set_callback(site->stream, on_stream, site);
}

static void close_site(Site *site) {
  SocketStream_free(&site->stream);
  SocketLoop_free(&site->loop);
  SocketLoop_free(&site->other);
  SocketTLS_free(&site->tls);
  SocketTLS_free(&site->client);
}

static void turn(Site *site) {
  assert_true(SocketLoop_run_once(site->loop, 1) >= 0);
  assert_true(SocketLoop_run_once(site->other, 1) >= 0);
}

/* Until the server has one more connection, which it can only have by a handshake that goes on. */
static void accept_one(Site *site) {
  const int64_t before = SocketLoop_get_stat(site->loop, SOCKET_STAT_DESCRIPTORS);
  while (SocketLoop_get_stat(site->loop, SOCKET_STAT_DESCRIPTORS) == before)
    assert_true(SocketLoop_run_once(site->loop, 1) >= 0);
}

static void requests_are_answered(void **state) {
  (void)state;
  Site site;
  open_site(&site);
  ask(&site);
  while (site.length == 0) turn(&site);
  assert_non_null(strstr(site.got, "HTTP/1.1 200 OK"));
  assert_non_null(strstr(site.got, "Hello\n"));
  assert_int_equal(SocketHTTPServer_stop(site.server, HANG_MS), 0);
  while (!site.stopped) turn(&site);
  assert_int_equal(site.status, 0);
  close_site(&site);
}

/* What a handler sees of a client's certificate. */
static void who_asks(void **state) {
  (void)state;
  Issued somebody;
  issue(&somebody, "somebody", SOCKET_TLS_CLIENT_CERTIFICATE, &authority);
  for (int shows = 0; shows < 2; shows++) {
    Site site;
    open_site(&site);
    site.path = "/who";
    assert_int_equal(
        SocketTLS_add_authorities(site.tls, authority.chain, (int64_t)strlen(authority.chain)), 0);
    assert_int_equal(SocketTLS_set_client_check(site.tls, SOCKET_TLS_OPTIONAL_CERTIFICATE), 0);
    if (shows) assert_int_equal(add_issued(site.client, &somebody), 1);
    ask(&site);
    while (site.length == 0) turn(&site);
    assert_non_null(strstr(site.got, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(site.got, shows ? "somebody" : "nobody"));
    close_site(&site);
  }
}

static void a_plain_request_has_no_tls(void **state) {
  (void)state;
  Site site;
  open_site(&site);
  site.path = "/who";
  assert_int_equal(SocketHTTPServer_set_tls(site.server, NULL), 0);
  listen_on(&site);
  site.stream = SocketStream_connect(site.other, site.address, HANG_MS);
  SocketStream_set_callback(site.stream, on_stream, &site);
  while (site.length == 0) turn(&site);
  assert_non_null(strstr(site.got, "403"));
  assert_non_null(strstr(site.got, "plain"));
  close_site(&site);
}

static void a_handshake_outlives_a_gentle_stop(void **state) {
  (void)state;
  Site site;
  open_site(&site);
  ask(&site);
  /* It connects; for more it needs the server's loop. */
  for (int i = 0; i < 5; i++) assert_true(SocketLoop_run_once(site.other, 1) >= 0);
  accept_one(&site);
  assert_int_equal(site.connected, 0);
  assert_int_equal(SocketHTTPServer_set_stop_grace(site.server, HANG_MS / 2), 0);
  assert_int_equal(SocketHTTPServer_stop(site.server, HANG_MS), 0);
  while (!site.closed) turn(&site);
  assert_non_null(strstr(site.got, "HTTP/1.1 200 OK"));
  while (!site.stopped) turn(&site);
  assert_int_equal(site.status, 0);
  close_site(&site);
}

/* With nobody but the silent one, a stop is over when the grace is, and without one at once. */
static void a_silent_handshake_holds_nobody_up(void **state) {
  (void)state;
  for (int grace = 0; grace < 60; grace += 30) {
    Site site;
    open_site(&site);
    const int fd = raw_connect(port_of(site.address));
    accept_one(&site);
    assert_int_equal(SocketHTTPServer_set_stop_grace(site.server, grace), 0);
    assert_int_equal(SocketHTTPServer_stop(site.server, -1), 0);
    while (!site.stopped) turn(&site);
    close(fd);
    close_site(&site);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_answered),
      cmocka_unit_test(who_asks),
      cmocka_unit_test(a_plain_request_has_no_tls),
      cmocka_unit_test(a_handshake_outlives_a_gentle_stop),
      cmocka_unit_test(a_silent_handshake_holds_nobody_up),
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
