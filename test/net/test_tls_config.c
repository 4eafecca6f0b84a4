/* SocketTLS_T: what each function that configures one refuses, and the files and passwords that
 * certificates come from. */
#include "support/encrypted_key.h"
#include "support/tls_support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- What is refused */

static void both_kinds(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&good), client = client_of(&authority), none = NULL;
#if defined(TEST_TLS_MBEDTLS)
  assert_string_equal(SocketTLS_get_engine(), "mbedtls");
#else
  assert_string_equal(SocketTLS_get_engine(), "openssl");
#endif
  /* Of a server alone. */
  unsigned char keys[SOCKET_TLS_TICKET_KEY_BYTES] = {0};
  assert_int_equal(SocketTLS_set_client_check(client, SOCKET_TLS_NO_CERTIFICATE), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_set_tickets(client, 1), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_set_ticket_keys(client, keys, sizeof keys), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_get_ticket_keys(client, keys, sizeof keys), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_set_handshake_timeout(client, 30), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_set_max_handshakes(client, 30), SOCKET_ESTATE);
  /* Of a client alone. */
  assert_int_equal(SocketTLS_trust_anybody_without_verification(server), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_set_sessions(server, 4), SOCKET_ESTATE);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
  assert_null(client);
  SocketTLS_free(&none);
  SocketTLS_free(NULL);
}

static void numbers_out_of_range(void **state) {
  (void)state;
  SocketTLS_T server = server_with(&good), client = client_of(&authority);
  assert_int_equal(SocketTLS_set_client_check(server, -1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_client_check(server, 3), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_system_authorities(client, 2), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_system_authorities(client, -1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_tickets(server, 2), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_tickets(server, -1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_sessions(client, -1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_handshake_timeout(server, 0), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_handshake_timeout(server, -1), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_max_handshakes(server, 0), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_max_handshakes(server, -1), SOCKET_EINVAL);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
}

static void texts_that_are_none(void **state) {
  (void)state;
  static const char *const policies[] = {NULL,      "",           "none",    "Modern",
                                         "custom:", "custom:RC4", "modern ", "custom:modern"};
  SocketTLS_T tls = client_of(&authority);
  for (size_t at = 0; at < COUNT_OF(policies); at++)
    assert_int_equal(SocketTLS_set_policy(tls, policies[at]), SOCKET_EINVAL);
  char name[258];
  memset(name, 'x', sizeof name - 1);
  name[257] = '\0';
  assert_int_equal(SocketTLS_set_alpn(tls, name + 1), SOCKET_EINVAL); /* 256 bytes */
  assert_int_equal(SocketTLS_set_alpn(tls, name + 2), 0);
  assert_int_equal(SocketTLS_set_alpn(tls, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_alpn(tls, "h2,,http/1.1"), SOCKET_EINVAL);
  static char many[70000]; /* "a,a,a...": two bytes each on the wire, of 65535 */
  for (size_t i = 0; i + 1 < sizeof many; i++) many[i] = i % 2 ? ',' : 'a';
  assert_int_equal(SocketTLS_set_alpn(tls, many), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_alpn(tls, ""), 0);
  static const char *const pins[] = {NULL,
                                     "",
                                     "sha256//",
                                     "sha256/AAAA",
                                     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                     "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                     "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
                                     "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                     "sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAA="};
  for (size_t at = 0; at < COUNT_OF(pins); at++)
    assert_int_equal(SocketTLS_add_pin(tls, pins[at]), SOCKET_EINVAL);
  SocketTLS_free(&tls);
}

static void bytes_that_are_none(void **state) {
  (void)state;
  SocketTLS_T tls = server_with(&good);
  const int64_t chain = (int64_t)strlen(good.chain), key = (int64_t)strlen(good.key);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, NULL, chain, good.key, key), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, good.chain, 0, good.key, key),
                   SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, good.chain, chain, NULL, key),
                   SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, good.chain, chain, good.key, -1),
                   SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, "nonsense", 8, good.key, key),
                   SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, good.chain, chain, "nonsense", 8),
                   SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_add_certificate(tls, NULL, good.chain, chain, authority.key,
                                             (int64_t)strlen(authority.key)),
                   SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_add_certificate_files(tls, NULL, NULL, "/x"), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_certificate_files(tls, NULL, "/x", NULL), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_replace_certificate(tls, 1, NULL, chain, good.key, key),
                   SOCKET_EINVAL);
  assert_int_equal(SocketTLS_replace_certificate(tls, 1, good.chain, chain, good.key, 0),
                   SOCKET_EINVAL);
  assert_int_equal(replace_issued(tls, 0, &good), SOCKET_ENOENT);
  assert_int_equal(replace_issued(tls, -1, &good), SOCKET_ENOENT);
  assert_int_equal(replace_issued(tls, 2, &good), SOCKET_ENOENT);
  assert_int_equal(SocketTLS_add_authorities(tls, NULL, 5), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_authorities(tls, authority.chain, 0), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_authorities(tls, "nonsense", 8), SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_add_authorities_file(tls, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_authorities_file(tls, "/absent.pem"), SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), "/absent.pem"));
  SocketTLS_free(&tls);
}

static void so_many_pins(void **state) {
  (void)state;
  SocketTLS_T tls = client_of(&authority);
  char pin[] = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  for (int i = 0; i < 64; i++) {
    pin[10] = (char)('A' + i % 26);
    pin[11] = (char)('A' + i / 26);
    assert_int_equal(SocketTLS_add_pin(tls, pin), 0);
  }
  assert_int_equal(SocketTLS_add_pin(tls, pin), SOCKET_ELIMIT);
  SocketTLS_free(&tls);
}

/* One by one, and found by their names. */
static void a_thousand_certificates(void **state) {
  Secured *to = *state;
  Issued wildcard;
  SocketStream_T ours, theirs;
  char name[64], told[64];
  issue(&wildcard, "*.example.com", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  SocketTLS_T tls = SocketTLS_new_server();
  for (int i = 1; i <= 1024; i++) {
    snprintf(name, sizeof name, "host%d.example.com", i);
    assert_int_equal(SocketTLS_add_certificate(tls, name, wildcard.chain,
                                               (int64_t)strlen(wildcard.chain), wildcard.key,
                                               (int64_t)strlen(wildcard.key)),
                     i);
  }
  assert_int_equal(add_issued(tls, &good), SOCKET_ELIMIT);
  assert_int_equal(replace_issued(tls, 1024, &good), 0);
  assert_int_equal(SocketListener_set_tls(to->listener, tls), 0);
  assert_int_equal(connect_secured(to, "host512.example.com", &ours, &theirs), 1);
  assert_true(SocketStream_get_tls_server(theirs, told, sizeof told) > 0);
  assert_string_equal(told, "host512.example.com");
  assert_int_equal(connect_secured(to, "host1024.example.com", &ours, &theirs), SOCKET_ECERT_NAME);
  /* While connections are made. */
  assert_int_equal(replace_issued(tls, 1024, &wildcard), 0);
  assert_int_equal(connect_secured(to, "host1024.example.com", &ours, &theirs), 1);
  SocketTLS_free(&tls);
}

static void ticket_keys(void **state) {
  (void)state;
  enum { ONE = SOCKET_TLS_TICKET_KEY_BYTES, MOST = SOCKET_TLS_MOST_TICKET_KEYS * ONE };
  SocketTLS_T tls = server_with(&good);
  unsigned char given[MOST + ONE], got[MOST];
  for (int i = 0; i < MOST + ONE; i++) given[i] = (unsigned char)(i * 7 + i / 256);
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, sizeof got), ONE); /* its own */
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, ONE - 1), SOCKET_ENOBUFS);
  assert_int_equal(SocketTLS_get_ticket_keys(tls, NULL, ONE), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, 0), SOCKET_EINVAL);
  static const int64_t refused[] = {1, ONE - 1, ONE + 1, MOST + ONE, -1, -ONE};
  for (size_t at = 0; at < COUNT_OF(refused); at++)
    assert_int_equal(SocketTLS_set_ticket_keys(tls, given, refused[at]), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_ticket_keys(tls, NULL, ONE), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_set_ticket_keys(tls, given, MOST), 0);
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, MOST - 1), SOCKET_ENOBUFS);
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, MOST), MOST);
  assert_memory_equal(got, given, MOST);
  assert_int_equal(SocketTLS_set_ticket_keys(tls, NULL, 0), 0); /* its own again */
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, MOST), ONE);
  assert_memory_not_equal(got, given, ONE);
  assert_int_equal(SocketTLS_set_tickets(tls, 0), 0);
  assert_int_equal(SocketTLS_set_ticket_keys(tls, given, ONE), SOCKET_ESTATE);
  assert_int_equal(SocketTLS_get_ticket_keys(tls, got, MOST), SOCKET_ESTATE);
  SocketTLS_free(&tls);
}

/* Its handles are gone before anybody connects. */
static void what_uses_it_goes_on(void **state) {
  Secured *to = *state;
  SocketStream_T ours = SocketStream_connect_tls(to->loop, to->address, to->client, NULL, HANG_MS);
  assert_non_null(ours);
  SocketTLS_free(&to->client);
  SocketTLS_free(&to->server);
  SocketStream_T theirs = NULL;
  for (int seen = 0; seen < 2; seen++) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(to->loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_ACCEPTED) theirs = event.subject;
  }
  say_hello_both_ways(ours, theirs);
}

/* ---- Files */

typedef struct Files {
  Secured secured;
  char folder[64], chain[80], key[80];
} Files;

static int set_up_files(void **state) {
  Files *files = calloc(1, sizeof *files);
  *state = files;
  snprintf(files->folder, sizeof files->folder, "/tmp/socketpoll-test-XXXXXX");
  assert_non_null(mkdtemp(files->folder));
  snprintf(files->chain, sizeof files->chain, "%s/chain.pem", files->folder);
  snprintf(files->key, sizeof files->key, "%s/key.pem", files->folder);
  open_secured(&files->secured, &good, &authority);
  return 0;
}

static int tear_down_files(void **state) {
  Files *files = *state;
  close_secured(&files->secured);
  unlink(files->chain);
  unlink(files->key);
  rmdir(files->folder);
  free(files);
  return 0;
}

/* The subject of what a server shows to who asks for `name`. */
static void shown(Secured *to, const char *name, char subject[96]) {
  char der[4096], text[4096];
  SocketStream_T ours, theirs;
  SocketTLS_set_sessions(to->client, 0);
  assert_int_equal(connect_secured(to, name, &ours, &theirs), 1);
  const int64_t length = SocketStream_get_tls_certificate(ours, 0, der, sizeof der);
  assert_int_equal(SocketTLS_fingerprint(der, length, subject, 96), 95);
  assert_true(SocketTLS_describe_certificate(der, length, text, sizeof text) > 0);
  SocketStream_free(&ours);
  SocketStream_free(&theirs);
}

static void read_anew(void **state) {
  Files *files = *state;
  Secured *to = &files->secured;
  Issued first, second, mixed;
  char before[96], now[96];
  issue(&first, "a.example,b.example", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  issue(&second, "a.example,b.example", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  mixed = first;
  memcpy(mixed.key, second.key, sizeof mixed.key);
  write_file(files->chain, first.chain);
  write_file(files->key, first.key);
  /* For b alone, whatever it says itself. */
  assert_int_equal(
      SocketTLS_add_certificate_files(to->server, "b.example", files->chain, files->key), 2);
  shown(to, "b.example", before);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "a.example", &ours, &theirs), SOCKET_ECERT_NAME);
  /* A key that is not the certificate's: all stays as it was. */
  write_file(files->key, second.key);
  assert_int_equal(SocketTLS_reload(to->server), SOCKET_ECREDENTIAL);
  assert_non_null(strstr(Socket_last_error_message(), files->key));
  shown(to, "b.example", now);
  assert_string_equal(now, before);
  assert_int_equal(unlink(files->key), 0);
  assert_int_equal(SocketTLS_reload(to->server), SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), files->key));
  shown(to, "b.example", now);
  assert_string_equal(now, before);
  write_file(files->chain, second.chain);
  write_file(files->key, second.key);
  shown(to, "b.example", now);
  assert_string_equal(now, before);
  assert_int_equal(SocketTLS_reload(to->server), 0);
  shown(to, "b.example", now);
  assert_string_not_equal(now, before);
  shown(to, "localhost", before); /* which is of no file */
  /* What was replaced from memory has no file any more. */
  assert_int_equal(replace_issued(to->server, 2, &first), 0);
  assert_int_equal(unlink(files->key), 0);
  assert_int_equal(SocketTLS_reload(to->server), 0);
  assert_int_equal(replace_issued(to->server, 2, &mixed), SOCKET_ECREDENTIAL);
  assert_null(strstr(Socket_last_error_message(), files->key));
}

static void bad_files(void **state) {
  Files *files = *state;
  SocketTLS_T tls = files->secured.server;
  write_file(files->chain, good.chain);
  assert_int_equal(SocketTLS_add_certificate_files(tls, NULL, files->chain, files->key),
                   SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), files->key));
  write_file(files->key, "nonsense");
  assert_int_equal(SocketTLS_add_certificate_files(tls, NULL, files->chain, files->key),
                   SOCKET_ECREDENTIAL);
  assert_non_null(strstr(Socket_last_error_message(), "the private key cannot be read"));
  assert_non_null(strstr(Socket_last_error_message(), files->key));
  assert_int_equal(SocketTLS_add_authorities_file(tls, files->key), SOCKET_ECREDENTIAL);
  assert_int_equal(SocketTLS_add_authorities_file(tls, files->chain), 0);
  write_file(files->key, "");
  assert_int_equal(SocketTLS_add_authorities_file(tls, files->key), SOCKET_ECREDENTIAL);
  assert_true(SocketTLS_add_authorities_file(tls, files->folder) < 0);
}

/* Two in one text, and one that is DER. */
static void authorities_in_every_form(void **state) {
  (void)state;
  static char both[2 * SOCKET_TLS_PEM_BYTES + 20];
  Issued another;
  char der[4096];
  SocketStream_T ours, theirs;
  Secured to;
  issue(&another, "Another authority", SOCKET_TLS_AUTHORITY, NULL);
  snprintf(both, sizeof both, "Some words.\n%s\n%s", another.chain, authority.chain);
  open_secured(&to, &good, NULL);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), SOCKET_ECERT_ISSUER);
  assert_int_equal(SocketTLS_add_authorities(to.client, both, (int64_t)strlen(both)), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  close_secured(&to);
  /* A server sends along what is behind its own, and so it comes by as DER. */
  snprintf(another.chain, sizeof another.chain, "%.4000s%.4000s", good.chain, authority.chain);
  snprintf(another.key, sizeof another.key, "%s", good.key);
  open_secured(&to, &another, &authority);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  const int64_t length = SocketStream_get_tls_certificate(ours, 1, der, sizeof der);
  close_secured(&to);
  open_secured(&to, &good, NULL);
  assert_int_equal(SocketTLS_add_authorities(to.client, der, length), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  close_secured(&to);
}

/* ---- Passwords */

typedef struct Asked {
  const char *text;
  int length; /* to be told */
  int times;
} Asked;

static int tell_password(char *out, int capacity, void *user) {
  Asked *asked = user;
  asked->times++;
  assert_true(capacity >= 100);
  if (asked->text) memcpy(out, asked->text, strlen(asked->text));
  return asked->length;
}

static int add_encrypted(SocketTLS_T tls) {
  return SocketTLS_add_certificate(tls, NULL, encrypted_key_certificate,
                                   (int64_t)strlen(encrypted_key_certificate), encrypted_key,
                                   (int64_t)strlen(encrypted_key));
}

static void passwords(void **state) {
  (void)state;
  SocketTLS_T tls = SocketTLS_new_server();
  Asked asked = {NULL, -1, 0};
  assert_int_equal(add_encrypted(tls), SOCKET_EPASSWORD); /* nobody to ask */
  assert_int_equal(SocketTLS_set_password(tls, tell_password, &asked), 0);
  assert_int_equal(add_issued(tls, &good), 1);
  assert_int_equal(asked.times, 0); /* for a key that needs none */
  assert_int_equal(add_encrypted(tls), SOCKET_EPASSWORD);
  asked = (Asked){NULL, 0, 0}; /* an empty one */
  assert_int_equal(add_encrypted(tls), SOCKET_EPASSWORD);
  asked = (Asked){"sesam", 5, 0};
  assert_int_equal(add_encrypted(tls), SOCKET_EPASSWORD);
  asked = (Asked){"sesame", 1 << 20, 0}; /* longer than there is room for */
  assert_int_equal(add_encrypted(tls), SOCKET_EINVAL);
  assert_int_equal(asked.times, 1);
  asked = (Asked){"sesame", 6, 0};
  assert_int_equal(add_encrypted(tls), 2);
  assert_int_equal(asked.times, 1);
  assert_int_equal(SocketTLS_set_password(tls, NULL, NULL), 0);
  assert_int_equal(add_encrypted(tls), SOCKET_EPASSWORD);
  /* Keys that are there do not need it any more. */
  assert_int_equal(replace_issued(tls, 1, &authority), 0);
  SocketTLS_free(&tls);
}

/* The key on the disk is replaced by one with another password. */
static void a_password_changes(void **state) {
  Files *files = *state;
  SocketTLS_T tls = files->secured.server;
  Asked asked = {"sesame", 6, 0};
  write_file(files->chain, encrypted_key_certificate);
  write_file(files->key, encrypted_key);
  assert_int_equal(SocketTLS_set_password(tls, tell_password, &asked), 0);
  assert_int_equal(SocketTLS_add_certificate_files(tls, NULL, files->chain, files->key), 2);
  assert_int_equal(SocketTLS_reload(tls), 0);
  assert_int_equal(asked.times, 2);
  asked = (Asked){"simsalabim", 10, 0};
  assert_int_equal(SocketTLS_reload(tls), SOCKET_EPASSWORD);
  write_file(files->key, plain_key);
  assert_int_equal(SocketTLS_reload(tls), 0);
  assert_int_equal(asked.times, 1);
}

#define files_test(test)                                                                           \
  { #test, test, set_up_files, tear_down_files, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_kinds),
      cmocka_unit_test(numbers_out_of_range),
      cmocka_unit_test(texts_that_are_none),
      cmocka_unit_test(bytes_that_are_none),
      cmocka_unit_test(so_many_pins),
      secured_test(a_thousand_certificates),
      cmocka_unit_test(ticket_keys),
      secured_test(what_uses_it_goes_on),
      files_test(read_anew),
      files_test(bad_files),
      cmocka_unit_test(authorities_in_every_form),
      cmocka_unit_test(passwords),
      files_test(a_password_changes),
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
