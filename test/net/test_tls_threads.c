/* One configuration of each side, used by several loops on as many threads, while the certificate
 * and the ticket keys are replaced. */
#include "support/tls_support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, ROUNDS = 12 };

static Issued authority, certificates[2];
static SocketTLS_T server, client;
static atomic_int working;

static void *shake_hands(void *unused) {
  Secured to = listen_secured(server);
  for (int i = 0; i < ROUNDS; i++) {
    SocketStream_T ours, theirs;
    assert_int_equal(connect_secured(&to, client, "localhost", &ours, &theirs), 1);
    say_hello(to.loop, ours, theirs);
    say_hello(to.loop, theirs, ours);
    SocketStream_free(&ours);
    SocketStream_free(&theirs);
  }
  end_secured(&to);
  working--;
  return unused;
}

static void changes_while_it_is_used(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  unsigned char keys[SOCKET_TLS_MOST_TICKET_KEYS * SOCKET_TLS_TICKET_KEY_BYTES];
  issue(&authority, "Test authority", SOCKET_TLS_AUTHORITY, NULL);
  for (int i = 0; i < 2; i++)
    issue(&certificates[i], "localhost", SOCKET_TLS_SERVER_CERTIFICATE | (i ? SOCKET_TLS_RSA : 0),
          &authority);
  server = server_with(&certificates[0]);
  client = client_of(&authority);
  working = THREADS;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, shake_hands, NULL), 0);
  for (int i = 1; working > 0; i++) {
    const Issued *next = &certificates[i % 2];
    assert_int_equal(SocketTLS_replace_certificate(server, 1, next->chain,
                                                   (int64_t)strlen(next->chain), next->key,
                                                   (int64_t)strlen(next->key)),
                     0);
    const int64_t length = SocketTLS_get_ticket_keys(server, keys, sizeof keys);
    assert_true(length > 0);
    assert_int_equal(SocketTLS_set_ticket_keys(server, keys, i % 2 ? 0 : length), 0);
    assert_int_equal(SocketTLS_set_sessions(client, i % 5), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(changes_while_it_is_used)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
