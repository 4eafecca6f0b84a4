/* One configuration of each side, used by several loops on as many threads, while the certificate
 * and the ticket keys are replaced. A thread only reports: an assertion of cmocka's that fails on
 * another thread than the test's would end the program. */
#include "support/tls_support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, ROUNDS = 12 };

static Issued with_rsa;
static SocketTLS_T server, client;
static atomic_int working;

typedef struct Worker {
  pthread_t thread;
  int rounds;         /* that went well */
  const char *failed; /* what did not, NULL: nothing */
  int code;
} Worker;

static int report(Worker *worker, const char *failed, int code) {
  worker->failed = failed;
  worker->code = code;
  return 0;
}

/* What begins and ends on this thread. */
typedef struct Line {
  SocketLoop_T loop;
  SocketListener_T listener;
  SocketStream_T ours, theirs;
  char address[64];
} Line;

static int listen_here(Worker *worker, Line *line) {
  line->loop = SocketLoop_new();
  line->listener = SocketListener_new(line->loop);
  if (SocketListener_set_tls(line->listener, server) != 0 ||
      SocketListener_listen(line->listener, "127.0.0.1:0") != 0)
    return report(worker, "listening", Socket_last_error());
  snprintf(line->address, sizeof line->address, "127.0.0.1:%d",
           SocketListener_get_port(line->listener));
  return 1;
}

static int send_line(Worker *worker, SocketStream_T from, SocketStream_T to) {
  char got[6];
  if (SocketStream_write(from, "hello\n", 6) < 0)
    return report(worker, "writing", Socket_last_error());
  SocketFuture_T read = SocketAsync_read_exactly(to, got, 6, HANG_MS);
  const int length = read ? SocketFuture_await(read, HANG_MS) : Socket_last_error();
  SocketFuture_free(&read);
  if (length != 6) return report(worker, "reading", length);
  return memcmp(got, "hello\n", 6) == 0 ? 1 : report(worker, "what was read", 0);
}

static int shake_hands_once(Worker *worker, Line *line) {
  SocketFuture_T connecting =
      SocketAsync_connect_tls(line->loop, line->address, client, "localhost", HANG_MS);
  SocketFuture_T accepting = SocketAsync_accept(line->listener, HANG_MS);
  int code = connecting ? SocketFuture_await(connecting, HANG_MS) : Socket_last_error();
  if (code == 0) code = accepting ? SocketFuture_await(accepting, HANG_MS) : Socket_last_error();
  if (code == 0) {
    line->ours = SocketFuture_get_data(connecting);
    line->theirs = SocketFuture_get_data(accepting);
  }
  SocketFuture_free(&connecting);
  SocketFuture_free(&accepting);
  if (code != 0) return report(worker, "the handshake", code);
  const int went =
      send_line(worker, line->ours, line->theirs) && send_line(worker, line->theirs, line->ours);
  SocketStream_free(&line->ours);
  SocketStream_free(&line->theirs);
  return went;
}

static void *shake_hands(void *user) {
  Worker *worker = user;
  Line line;
  memset(&line, 0, sizeof line);
  if (listen_here(worker, &line))
    while (worker->rounds < ROUNDS && shake_hands_once(worker, &line)) worker->rounds++;
  SocketLoop_free(&line.loop);
  working--;
  return NULL;
}

static void changes_while_it_is_used(void **state) {
  (void)state;
  Worker workers[THREADS];
  unsigned char keys[SOCKET_TLS_MOST_TICKET_KEYS * SOCKET_TLS_TICKET_KEY_BYTES];
  memset(workers, 0, sizeof workers);
  server = server_with(&good);
  client = client_of(&authority);
  working = THREADS;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&workers[i].thread, NULL, shake_hands, &workers[i]), 0);
  int replaced = 0, shared = 0, forgotten = 0;
  for (int i = 1; working > 0; i++) {
    if (replaced == 0) replaced = replace_issued(server, 1, i % 2 ? &with_rsa : &good);
    const int64_t length = SocketTLS_get_ticket_keys(server, keys, sizeof keys);
    if (shared == 0) shared = length < 0 ? (int)length : 0;
    if (shared == 0) shared = SocketTLS_set_ticket_keys(server, keys, i % 2 ? 0 : length);
    if (forgotten == 0) forgotten = SocketTLS_set_sessions(client, i % 5);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
  assert_int_equal(replaced, 0);
  assert_int_equal(shared, 0);
  assert_int_equal(forgotten, 0);
  for (int i = 0; i < THREADS; i++) {
    if (workers[i].failed)
      print_error("thread %d, round %d: %s: %d\n", i, workers[i].rounds, workers[i].failed,
                  workers[i].code);
    assert_null(workers[i].failed);
    assert_int_equal(workers[i].rounds, ROUNDS);
  }
}

static int make_both(void **state) {
  make_certificates(state);
  issue(&with_rsa, "localhost", SOCKET_TLS_SERVER_CERTIFICATE | SOCKET_TLS_RSA, &authority);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(changes_while_it_is_used)};
  return cmocka_run_group_tests(tests, make_both, NULL);
}
