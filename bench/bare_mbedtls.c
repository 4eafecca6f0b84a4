/* What mbedTLS does without us: a level-triggered epoll loop that answers every request with the
 * same bytes over TLS, configured as socketpoll configures it.
 *
 *   bare_mbedtls PORT 1.2|1.3 CHAIN KEY [BODY_BYTES]      without BODY_BYTES the body is "Hello\n"
 */
#define _GNU_SOURCE
#include "bare.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <unistd.h>

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

enum { MAX_FDS = 65536, BATCH = 512 };

struct connection {
  mbedtls_ssl_context ssl;
  int fd;
  int shaken, closes, wants_write;
  size_t unsent;
};

static struct connection *connections[MAX_FDS];
static mbedtls_ssl_config config;
static mbedtls_x509_crt chain;
static mbedtls_pk_context key;
static mbedtls_ssl_ticket_context tickets;

static void check(int error, const char *what) {
  if (error == 0) return;
  fprintf(stderr, "bare_mbedtls: %s: -0x%04x\n", what, (unsigned)-error);
  exit(1);
}

static int random_bytes(void *unused, unsigned char *out, size_t length) {
  (void)unused;
  return psa_generate_random(out, length) == PSA_SUCCESS ? 0 : -1;
}

/* Its size with the NUL that mbedTLS wants; what is bundled reads no files. */
static size_t read_pem(const char *path, unsigned char *out, size_t capacity) {
  FILE *file = fopen(path, "rb");
  check(file ? 0 : -1, path);
  const size_t size = fread(out, 1, capacity - 1, file);
  fclose(file);
  out[size] = '\0';
  return size + 1;
}

static void configure(const char *version, const char *chain_path, const char *key_path) {
  static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                    MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
  static const int suites[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                               MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                               MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0};
  const mbedtls_ssl_protocol_version only =
      strcmp(version, "1.3") == 0 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2;
  check(psa_crypto_init() == PSA_SUCCESS ? 0 : -1, "psa_crypto_init");
  unsigned char pem[16384];
  check(mbedtls_x509_crt_parse(&chain, pem, read_pem(chain_path, pem, sizeof pem)), chain_path);
  check(mbedtls_pk_parse_key(&key, pem, read_pem(key_path, pem, sizeof pem), NULL, 0, random_bytes,
                             NULL),
        key_path);
  mbedtls_ssl_config_init(&config);
  check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT),
        "configuration");
  mbedtls_ssl_conf_rng(&config, random_bytes, NULL);
  mbedtls_ssl_conf_min_tls_version(&config, only);
  mbedtls_ssl_conf_max_tls_version(&config, only);
  mbedtls_ssl_conf_ciphersuites(&config, suites);
  mbedtls_ssl_conf_groups(&config, groups);
  check(mbedtls_ssl_conf_own_cert(&config, &chain, &key), "certificate");
  mbedtls_ssl_ticket_init(&tickets);
  check(mbedtls_ssl_ticket_setup(&tickets, random_bytes, NULL, MBEDTLS_CIPHER_AES_256_GCM, 43200),
        "tickets");
  mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                      &tickets);
}

static int put(void *user, const unsigned char *bytes, size_t length) {
  const ssize_t sent = send(((struct connection *)user)->fd, bytes, length, MSG_NOSIGNAL);
  if (sent >= 0) return (int)sent;
  return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF;
}

static int take(void *user, unsigned char *into, size_t length) {
  const ssize_t got = recv(((struct connection *)user)->fd, into, length, 0);
  if (got > 0) return (int)got;
  return got < 0 && errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

static void accept_all(int listener) {
  const int on = 1;
  for (;;) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (fd >= MAX_FDS || !connection) exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->fd = fd;
    mbedtls_ssl_init(&connection->ssl);
    check(mbedtls_ssl_setup(&connection->ssl, &config), "connection");
    mbedtls_ssl_set_bio(&connection->ssl, connection, put, take, NULL);
    connections[fd] = connection;
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/* As much as goes now; -1 when the connection is gone. */
static int send_rest(struct connection *it) {
  while (it->unsent > 0) {
    const int sent =
        mbedtls_ssl_write(&it->ssl, (unsigned char *)answer + answer_size - it->unsent, it->unsent);
    if (sent == MBEDTLS_ERR_SSL_WANT_WRITE) break;
    if (sent < 0) return -1;
    it->unsent -= (size_t)sent;
  }
  return 0;
}

/* 0: goes on; otherwise it is to be closed. */
static int serve(struct connection *it) {
  unsigned char buffer[16384];
  for (;;) {
    if (!it->shaken) {
      const int error = mbedtls_ssl_handshake(&it->ssl);
      if (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE) return 0;
      if (error != 0) return -1;
      it->shaken = 1;
    }
    const int got = mbedtls_ssl_read(&it->ssl, buffer, sizeof buffer - 1);
    if (got == MBEDTLS_ERR_SSL_WANT_READ) return 0;
    if (got <= 0) return -1;
    buffer[got] = '\0';
    if (strstr((char *)buffer, "Connection: close")) it->closes = 1;
    if (strstr((char *)buffer, "\r\n\r\n")) it->unsent = answer_size;
    if (send_rest(it) != 0) return -1;
    if (it->unsent > 0) return 0;
    if (it->closes) {
      mbedtls_ssl_close_notify(&it->ssl);
      return -1;
    }
    if (got < (int)sizeof buffer - 1) return 0;
  }
}

static int go_on(struct connection *it) {
  int outcome = send_rest(it);
  if (outcome == 0 && it->unsent == 0) outcome = serve(it);
  if (it->wants_write != (it->unsent > 0)) {
    it->wants_write = it->unsent > 0;
    watch(EPOLL_CTL_MOD, it->fd, it->wants_write ? EPOLLOUT : EPOLLIN);
  }
  return outcome;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: bare_mbedtls PORT 1.2|1.3 CHAIN KEY [BODY_BYTES]\n");
    return 2;
  }
  configure(argv[2], argv[3], argv[4]);
  make_answer(argc > 5 ? strtoul(argv[5], NULL, 10) : 6, argc <= 5);
  signal(SIGPIPE, SIG_IGN);
  const int listener = listen_on(atoi(argv[1]));
  epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[BATCH];
    const int count = epoll_wait(epoll, events, BATCH, -1);
    for (int i = 0; i < count; i++) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        accept_all(listener);
      } else if (go_on(connections[fd]) != 0) {
        mbedtls_ssl_free(&connections[fd]->ssl);
        free(connections[fd]);
        close(fd);
      }
    }
  }
}
