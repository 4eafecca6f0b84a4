/* What the benchmarks of TLS throw at a server on the loopback: OpenSSL, so that it is the same for
 * all of them. It verifies nothing.
 *
 *   tls_client PORT PATH 1.2|1.3 full|resumed COUNT     prints "shaken COUNT RESUMED SECONDS"
 *   tls_client PORT PATH 1.2|1.3 idle COUNT             as idle_client does
 *   tls_client PORT PATH 1.2|1.3 latency COUNT          prints "median MILLISECONDS" of resumed
 * ones
 *
 * A handshake is a connection with one request, closed by the server after its answer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8 };

static int port, version, resumes;
static char once[512], kept[512];

typedef struct Worker {
  pthread_t thread;
  int count, done, resumed;
  double *took; /* NULL, or of each handshake */
  SSL_SESSION *session;
} Worker;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int keep_session(SSL *ssl, SSL_SESSION *session) {
  Worker *worker = SSL_get_app_data(ssl);
  if (!worker) return 0;
  SSL_SESSION_free(worker->session);
  worker->session = session;
  return 1;
}

static SSL_CTX *make_context(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context) exit(1);
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  SSL_CTX_set1_groups_list(context, "X25519:P-256");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  return context;
}

static SSL *connect_to(SSL_CTX *context, Worker *worker) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  const struct timeval limit = {.tv_sec = 20};
  const struct linger reset = {1, 0}; /* or the ports run out */
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL *ssl = SSL_new(context);
  SSL_set_app_data(ssl, worker);
  SSL_set_fd(ssl, fd);
  SSL_set_tlsext_host_name(ssl, "localhost");
  if (worker && worker->session) SSL_set_session(ssl, worker->session);
  const double begun = now();
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
      SSL_connect(ssl) == 1) {
    if (worker && worker->took) worker->took[worker->done] = now() - begun;
    return ssl;
  }
  SSL_free(ssl);
  close(fd);
  return NULL;
}

static void end(SSL *ssl) {
  const int fd = SSL_get_fd(ssl);
  SSL_set_quiet_shutdown(ssl, 1); /* so that a session stays good */
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(fd);
}

static int send_request(SSL *ssl, const char *request) {
  return SSL_write(ssl, request, (int)strlen(request)) == (int)strlen(request);
}

/* Reads one whole answer: 1 if it came and its status is 200. */
static int read_answer(SSL *ssl) {
  char buffer[16384];
  int have = 0;
  while (have < (int)sizeof buffer - 1) {
    const int got = SSL_read(ssl, buffer + have, (int)sizeof buffer - 1 - have);
    if (got <= 0) return 0;
    have += got;
    buffer[have] = '\0';
    const char *head_end = strstr(buffer, "\r\n\r\n"),
               *length = strcasestr(buffer, "\r\ncontent-length:");
    if (!head_end || !length) continue;
    if (have - (head_end + 4 - buffer) >= (long)strtoul(length + 17, NULL, 10))
      return strncmp(buffer, "HTTP/1.1 200", 12) == 0;
  }
  return 0;
}

static void *shake_hands(void *user) {
  Worker *worker = user;
  SSL_CTX *context = make_context();
  while (worker->done < worker->count) {
    SSL *ssl = connect_to(context, worker);
    if (!ssl || !send_request(ssl, once) || !read_answer(ssl)) {
      fprintf(stderr, "tls_client: no answer\n");
      exit(1);
    }
    worker->resumed += SSL_session_reused(ssl);
    worker->done++;
    end(ssl);
    if (!resumes) SSL_SESSION_free(worker->session), worker->session = NULL;
  }
  SSL_SESSION_free(worker->session);
  SSL_CTX_free(context);
  return NULL;
}

static int handshakes(int count) {
  Worker workers[THREADS] = {0};
  const double begun = now();
  int done = 0, resumed = 0;
  for (int i = 0; i < THREADS; i++) {
    workers[i].count = count / THREADS;
    if (pthread_create(&workers[i].thread, NULL, shake_hands, &workers[i]) != 0) return 1;
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    done += workers[i].done;
    resumed += workers[i].resumed;
  }
  printf("shaken %d %d %.3f\n", done, resumed, now() - begun);
  return 0;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int latency(int count) {
  Worker worker = {.count = count, .took = calloc((size_t)count, sizeof(double))};
  if (!worker.took) return 1;
  shake_hands(&worker);
  qsort(worker.took, (size_t)count, sizeof(double), compare);
  printf("median %.3f 99 %.3f\n", worker.took[count / 2] * 1e3,
         worker.took[count * 99 / 100] * 1e3);
  free(worker.took);
  return 0;
}

static int idle(int count) {
  SSL_CTX *context = make_context();
  SSL **all = calloc((size_t)count, sizeof *all);
  if (!all) return 1;
  double begun = now();
  int answered = 0;
  for (int i = 0; i < count; i++) {
    all[i] = connect_to(context, NULL);
    answered += all[i] && send_request(all[i], kept) && read_answer(all[i]);
  }
  printf("opened %d %.3f\n", answered, now() - begun);
  fflush(stdout);
  if (getchar() == EOF) return 1;
  begun = now();
  answered = 0;
  for (int i = 0; i < count; i++)
    if (all[i]) (void)send_request(all[i], kept);
  for (int i = 0; i < count; i++) answered += all[i] && read_answer(all[i]);
  printf("again %d %.3f\n", answered, now() - begun);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: tls_client PORT PATH 1.2|1.3 full|resumed|latency|idle COUNT\n");
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  port = atoi(argv[1]);
  version = strcmp(argv[3], "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
  snprintf(kept, sizeof kept, "GET %.200s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
  snprintf(once, sizeof once, "GET %.200s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
           argv[2]);
  resumes = strcmp(argv[4], "full") != 0;
  if (strcmp(argv[4], "idle") == 0) return idle(atoi(argv[5]));
  if (strcmp(argv[4], "latency") == 0) return latency(atoi(argv[5]));
  return handshakes(atoi(argv[5]));
}
