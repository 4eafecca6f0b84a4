/* TLS 1.3 through the C ABI: a peer that changes its keys and has us change ours (RFC 8446, 4.6.3).
 * The peer is OpenSSL, which is asked to in the midst of a connection. */
#include "support/openssl_peer.h"

#include <openssl/ssl.h>

/* Our side: an echo. */
typedef struct Echo {
  SocketLoop_T loop;
  SocketStream_T stream;
  int closed;
} Echo;

static void on_echo(const SocketCompletion_T *event, void *user) {
  Echo *echo = user;
  if (event->kind == SOCKET_CONNECTED) SocketStream_start(event->subject);
  if (event->kind == SOCKET_DATA)
    assert_true(SocketStream_write(event->subject, event->data, event->length) >= 0);
  if (event->kind == SOCKET_EOF) SocketStream_close(event->subject);
  if (event->kind == SOCKET_CLOSED) echo->closed = 1;
}

static void on_accepted(const SocketCompletion_T *event, void *user) {
  Echo *echo = user;
  if (event->kind != SOCKET_ACCEPTED) return;
  echo->stream = event->subject;
  SocketStream_set_callback(event->subject, on_echo, user);
  SocketStream_start(event->subject);
}

/* The peer's side: OpenSSL over a socket that does not block. */
static SSL *make_peer(int fd, int serves, const char *suite) {
  SSL_CTX *context = SSL_CTX_new(serves ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  assert_int_equal(SSL_CTX_set_ciphersuites(context, suite), 1);
  if (serves) {
    X509 *certificate = certificate_of(&good);
    EVP_PKEY *secret = key_of(&good);
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, secret), 1);
    X509_free(certificate);
    EVP_PKEY_free(secret);
  }
  SSL *ssl = SSL_new(context);
  SSL_CTX_free(context);
  assert_int_equal(SSL_set_fd(ssl, fd), 1);
  if (serves)
    SSL_set_accept_state(ssl);
  else
    SSL_set_connect_state(ssl);
  return ssl;
}

/* Until OpenSSL's call is over: 1, or 0 when the connection is. */
static int until_done(Echo *echo, SSL *ssl, int outcome) {
  if (outcome > 0) return 1;
  const int error = SSL_get_error(ssl, outcome);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return 0;
  assert_true(SocketLoop_run_once(echo->loop, 1) >= 0);
  return -1;
}

static int shake_hands(Echo *echo, SSL *ssl) {
  int done;
  while ((done = until_done(echo, ssl, SSL_do_handshake(ssl))) < 0) {
  }
  return done;
}

static int echoed(Echo *echo, SSL *ssl, const char *sent, int length) {
  static char got[70000];
  int done, have = 0;
  while ((done = until_done(echo, ssl, SSL_write(ssl, sent, length))) < 0) {
  }
  while (done > 0 && have < length) {
    const int outcome = SSL_read(ssl, got + have, length - have);
    if ((done = until_done(echo, ssl, outcome)) > 0) have += outcome;
    if (done < 0) done = 1;
  }
  return done > 0 && memcmp(sent, got, (size_t)length) == 0;
}

static int update(Echo *echo, SSL *ssl, int kind) {
  return SSL_key_update(ssl, kind) == 1 && shake_hands(echo, ssl);
}

static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256"};

static void keys_change(Echo *echo, SSL *ssl) {
  static char much[60000];
  memset(much, 'm', sizeof much);
  assert_int_equal(shake_hands(echo, ssl), 1);
  assert_true(echoed(echo, ssl, "before", 6));
  for (int i = 0; i < 20; i++) {
    assert_true(update(echo, ssl, i % 3 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED));
    assert_true(i % 5 ? echoed(echo, ssl, "between", 7) : echoed(echo, ssl, much, sizeof much));
  }
  /* Several in a row, answered by one or by each. */
  for (int i = 0; i < 5; i++) assert_true(update(echo, ssl, SSL_KEY_UPDATE_REQUESTED));
  assert_true(echoed(echo, ssl, "after", 5));
  assert_int_equal(echo->closed, 0);
}

static void end(Echo *echo, SSL *ssl, int fd) {
  SSL_free(ssl);
  close(fd);
  SocketStream_free(&echo->stream);
  SocketLoop_free(&echo->loop);
}

static void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

static void begin_server(Echo *echo, int *fd) {
  SocketTLS_T tls = server_with(&good);
  char address[64];
  memset(echo, 0, sizeof *echo);
  echo->loop = SocketLoop_new();
  SocketListener_T listener = listen_local(echo->loop, address);
  SocketListener_set_callback(listener, on_accepted, echo);
  assert_int_equal(SocketListener_set_tls(listener, tls), 0);
  SocketTLS_free(&tls);
  *fd = raw_connect(port_of(address));
  set_nonblocking(*fd);
}

static void a_client_changes_keys(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
    Echo echo;
    int fd;
    begin_server(&echo, &fd);
    SSL *ssl = make_peer(fd, 0, suites[i]);
    keys_change(&echo, ssl);
    end(&echo, ssl, fd);
  }
}

static void a_server_changes_keys(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
    Echo echo = {.loop = SocketLoop_new()};
    SocketTLS_T tls = client_of(&authority);
    char address[64];
    struct sockaddr_in bound = {.sin_family = AF_INET};
    socklen_t length = sizeof bound;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&bound, sizeof bound), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&bound, &length), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(bound.sin_port));
    echo.stream = SocketStream_connect_tls(echo.loop, address, tls, "localhost", HANG_MS);
    SocketStream_set_callback(echo.stream, on_echo, &echo);
    const int fd = accept(listener, NULL, NULL);
    set_nonblocking(fd);
    SSL *ssl = make_peer(fd, 1, suites[i]);
    keys_change(&echo, ssl);
    SocketTLS_free(&tls);
    close(listener);
    end(&echo, ssl, fd);
  }
}

#if defined(TEST_TLS_MBEDTLS) /* OpenSSL sets none */
/* Somebody who changes keys and says nothing wants us to work for nothing. */
static void changing_keys_is_not_all_there_is(void **state) {
  (void)state;
  Echo echo;
  int fd, updates = 0;
  begin_server(&echo, &fd);
  SSL *ssl = make_peer(fd, 0, suites[0]);
  assert_int_equal(shake_hands(&echo, ssl), 1);
  assert_true(echoed(&echo, ssl, "before", 6));
  while (!echo.closed) {
    if (updates < 1000 && update(&echo, ssl, SSL_KEY_UPDATE_NOT_REQUESTED)) updates++;
    assert_true(SocketLoop_run_once(echo.loop, 1) >= 0);
  }
  assert_true(updates > 32);
  char why[400];
  assert_true(SocketStream_get_tls_failure(echo.stream, why, sizeof why) > 0);
  end(&echo, ssl, fd);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_client_changes_keys),
    cmocka_unit_test(a_server_changes_keys),
#if defined(TEST_TLS_MBEDTLS)
    cmocka_unit_test(changing_keys_is_not_all_there_is),
#endif
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
