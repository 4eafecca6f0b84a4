/* Whom the system trusts, which a process looks up once: here a file that SSL_CERT_FILE names, and
 * a folder that SSL_CERT_DIR does. */
#include "support/tls_support.h"

static char store[] = "/tmp/socketpoll-test-XXXXXX", folder[] = "/tmp/socketpoll-test-XXXXXX";
static char in_folder[64];
static Issued stranger, strangers, in_folders;

static int make_store(void **state) {
  static const char damaged[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  Issued another, second;
  char folders[128];
  make_certificates(state);
  issue(&second, "Second authority", SOCKET_TLS_AUTHORITY, NULL);
  issue(&in_folders, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &second);
  issue(&another, "Another authority", SOCKET_TLS_AUTHORITY, NULL);
  issue(&stranger, "A stranger", SOCKET_TLS_AUTHORITY, NULL);
  issue(&strangers, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &stranger);
  const char *const parts[] = {"# Words.\n", another.chain, damaged, authority.chain};
  const int fd = mkstemp(store);
  if (fd < 0) return -1;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    assert_int_equal(write(fd, parts[i], strlen(parts[i])), strlen(parts[i]));
  close(fd);
  if (!mkdtemp(folder)) return -1;
  snprintf(in_folder, sizeof in_folder, "%s/second.pem", folder);
  write_file(in_folder, second.chain);
#if defined(_WIN32)
  snprintf(folders, sizeof folders, "/tmp/socketpoll-absent;%s", folder);
#else
  snprintf(folders, sizeof folders, "/tmp/socketpoll-absent:%s", folder);
#endif
  return setenv("SSL_CERT_FILE", store, 1) == 0 ? setenv("SSL_CERT_DIR", folders, 1) : -1;
}

static int remove_store(void **state) {
  (void)state;
  unlink(in_folder);
  rmdir(folder);
  return unlink(store);
}

/* What is damaged in the store spoils nothing else in it. */
static void a_client_trusts_whom_the_system_trusts(void **state) {
  (void)state;
  SocketTLS_T client = SocketTLS_new_client();
  assert_int_equal(connect_once(client, &good), 1);
  assert_int_equal(connect_once(client, &in_folders), 1);
  assert_int_equal(connect_once(client, &strangers), SOCKET_ECERT_ISSUER);
  assert_int_equal(SocketTLS_set_system_authorities(client, 0), 0);
  assert_int_equal(connect_once(client, &good), SOCKET_ECERT_ISSUER);
  assert_int_equal(trust_issued(client, &stranger), 0);
  assert_int_equal(connect_once(client, &strangers), 1);
  assert_int_equal(connect_once(client, &good), SOCKET_ECERT_ISSUER);
  assert_int_equal(SocketTLS_set_system_authorities(client, 1), 0);
  assert_int_equal(connect_once(client, &strangers), 1); /* as well */
  assert_int_equal(connect_once(client, &good), 1);
  SocketTLS_free(&client);
}

/* A session is no way around: it shows no certificate. */
static void a_session_is_not_kept(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
  SocketTLS_T client = to->client;
  assert_int_equal(SocketTLS_set_system_authorities(client, 1), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_is_tls_resumed(ours), 0);
}

/* A server does not, until it is told to. */
static void a_server_trusts_whom_it_is_told_to(void **state) {
  Secured *to = *state;
  Issued somebody;
  SocketStream_T ours, theirs;
  issue(&somebody, "somebody", SOCKET_TLS_CLIENT_CERTIFICATE, &authority);
  assert_int_equal(add_issued(to->client, &somebody), 1);
  assert_int_equal(SocketTLS_set_client_check(to->server, SOCKET_TLS_REQUIRED_CERTIFICATE), 0);
  /* In TLS 1.2 a client hears of it within the handshake. */
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), SOCKET_EALERT);
  assert_int_equal(SocketTLS_set_system_authorities(to->server, 1), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_trusts_whom_the_system_trusts),
      secured_test_of_each_version(a_session_is_not_kept),
      {"a_server_trusts_whom_it_is_told_to", a_server_trusts_whom_it_is_told_to, set_up_secured,
       tear_down_secured, (char[]){ONLY_TLS_1_2}},
  };
  return cmocka_run_group_tests(tests, make_store, remove_store);
}
