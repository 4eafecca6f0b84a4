/* TLS through the C ABI: authorities that come from a folder. */
#include "support/tls_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static Issued authorities[2], stranger, own[2];
static char folder[] = "/tmp/socketpoll-trust-XXXXXX";

static const char *path_of(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int make_folder(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    issue(&authorities[i], i ? "Second" : "First", SOCKET_TLS_AUTHORITY, NULL);
    issue(&own[i], "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &authorities[i]);
  }
  issue(&stranger, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, NULL);
  if (!mkdtemp(folder)) return -1;
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  static const char *const names[] = {"first.pem", "again.0", "second", "README", "damaged.crt"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(path_of(names[i]));
  rmdir(path_of("sub"));
  return rmdir(folder);
}

static void a_folder_of_authorities(void **state) {
  (void)state;
  SocketTLS_T client = client_of(NULL);
  assert_int_equal(SocketTLS_add_authorities_folder(client, path_of("absent")), SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), "absent"));
  assert_int_equal(SocketTLS_add_authorities_folder(client, folder), SOCKET_ECREDENTIAL);
  assert_non_null(strstr(Socket_last_error_message(), "has no certificates"));
  write_file(path_of("README"), "no certificate at all\n");
  assert_int_equal(mkdir(path_of("sub"), 0755), 0);
  assert_int_equal(SocketTLS_add_authorities_folder(client, folder), SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_add_authorities_folder(client, path_of("README")), SOCKET_ENOTDIR);
  write_file(path_of("first.pem"), authorities[0].chain);
  write_file(path_of("again.0"), authorities[0].chain);
  write_file(path_of("second"), authorities[1].chain);
  assert_int_equal(connect_once(client, &own[0]), SOCKET_ECERT_ISSUER);
  assert_int_equal(SocketTLS_add_authorities_folder(client, folder), 0);
  assert_int_equal(connect_once(client, &own[0]), 1);
  assert_int_equal(connect_once(client, &own[1]), 1);
  assert_int_equal(connect_once(client, &stranger), SOCKET_ECERT_ISSUER);
  /* One that is damaged is said to be, and changes nothing. */
  write_file(path_of("damaged.crt"),
             "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  assert_int_equal(SocketTLS_add_authorities_folder(client, folder), SOCKET_ECREDENTIAL);
  assert_int_equal(connect_once(client, &own[1]), 1);
  SocketTLS_free(&client);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_folder_of_authorities)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
