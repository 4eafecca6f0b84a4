/* TLS through the C ABI: whose certificate is good for what, what is said of a bad one, and how
 * certificates change while connections are there. */
#include "support/encrypted_key.h"
#include "support/tls_support.h"

static Issued other_authority;

static int make_authorities(void **state) {
  make_certificates(state);
  issue(&other_authority, "Other authority", SOCKET_TLS_AUTHORITY, NULL);
  return 0;
}

/* The code that a client ends with (1: none) that trusts `trusted`; `why` gets its sentence. */
static int judged(const Issued *shown, const Issued *trusted, const char *server,
                  const char *policy, char why[400]) {
  Secured to;
  SocketStream_T client, accepted;
  open_secured(&to, shown, trusted);
  assert_int_equal(SocketTLS_set_policy(to.client, policy), 0);
  const int code = connect_secured(&to, server, &client, &accepted);
  assert_true(SocketStream_get_tls_failure(client, why, 400) >= 0);
  close_secured(&to);
  return code;
}

static void assert_said(const char *why, const char *part) {
  if (!strstr(why, part)) fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void what_is_wrong_is_told(void **state) {
  (void)state;
  static const char *const policies[] = {ONLY_TLS_1_3, ONLY_TLS_1_2};
  Issued expired, early, stranger, own;
  char why[400];
  issue_between(&expired, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &authority, -9 * DAY,
                -8 * DAY);
  issue_between(&early, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &authority, 8 * DAY, 9 * DAY);
  issue(&stranger, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &other_authority);
  issue(&own, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, NULL);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(judged(&good, &authority, "localhost", policies[i], why), 1);
    assert_string_equal(why, "");
    assert_int_equal(judged(&expired, &authority, "localhost", policies[i], why),
                     SOCKET_ECERT_EXPIRED);
    assert_said(why, "\"CN=localhost\" has expired (valid from 20");
    assert_int_equal(judged(&early, &authority, "localhost", policies[i], why),
                     SOCKET_ECERT_NOT_YET);
    assert_said(why, "is not valid yet");
    assert_int_equal(judged(&stranger, &authority, "localhost", policies[i], why),
                     SOCKET_ECERT_ISSUER);
    assert_said(why, "was issued by \"CN=Other authority\"");
    assert_int_equal(judged(&own, &authority, "localhost", policies[i], why), SOCKET_ECERT_ISSUER);
    assert_said(why, "signed by nobody but itself");
    assert_int_equal(judged(&good, &authority, "example.com", policies[i], why), SOCKET_ECERT_NAME);
    assert_said(why, ", not for example.com (valid from 20");
    assert_int_equal(judged(&good, &authority, "127.0.0.1", policies[i], why), 1);
    assert_int_equal(judged(&good, &authority, "127.0.0.2", policies[i], why), SOCKET_ECERT_NAME);
    assert_int_equal(judged(&good, &authority, "::1", policies[i], why), SOCKET_ECERT_NAME);
  }
}

/* The subject is no name of a host (RFC 9525, 6.4.4), and a client's certificate no server's, which
 * mbedTLS's own servers see themselves. */
static void what_a_certificate_is_not_for(void **state) {
  (void)state;
  Issued client, subject;
  char why[400];
  issue(&client, "localhost", SOCKET_TLS_CLIENT_CERTIFICATE, &authority);
  const int code = judged(&client, &authority, "localhost", "modern", why);
  assert_true(code == SOCKET_ECERT || code == SOCKET_EALERT);
  snprintf(subject.chain, sizeof subject.chain, "%s", encrypted_key_certificate);
  snprintf(subject.key, sizeof subject.key, "%s", plain_key);
  assert_int_equal(judged(&subject, &subject, "localhost", "modern", why), SOCKET_ECERT_NAME);
}

/* Whom one trusts is nobody's business: what is shown is what was added as one's own. */
static void authorities_are_not_sent_along(void **state) {
  Secured *to = *state;
  SocketStream_T ours, theirs;
  unsigned char der[SOCKET_TLS_PEM_BYTES];
  assert_int_equal(trust_issued(to->server, &authority), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_true(SocketStream_get_tls_certificate(ours, 0, der, sizeof der) > 0);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 1, der, sizeof der), SOCKET_ENOENT);
}

static void trusting_anybody_is_said_aloud(void **state) {
  (void)state;
  Secured to;
  open_secured(&to, &good, NULL);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), SOCKET_ECERT_ISSUER);
  assert_int_equal(SocketTLS_trust_anybody_without_verification(to.client), 0);
  assert_int_equal(connect_secured(&to, "example.com", &ours, &theirs), 1);
  assert_int_equal(SocketTLS_trust_anybody_without_verification(to.server), SOCKET_ESTATE);
  close_secured(&to);
}

/* ---- Pins */

static void pins(void **state) {
  Secured *to = *state;
  static const char wrong[] = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  SocketStream_T ours, theirs;
  /* A session from before it was pinned is not resumed. */
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
  static const char *const refused[] = {
      "", "sha256//", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
      "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "sha256/AAAA"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    assert_int_equal(SocketTLS_add_pin(to->client, refused[i]), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_pin(to->client, wrong), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), SOCKET_ECERT_PIN);
  /* Nobody else is asked, but the pins are. */
  assert_int_equal(SocketTLS_trust_anybody_without_verification(to->client), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), SOCKET_ECERT_PIN);
}

/* One that was computed elsewhere; the certificate itself is nobody's. */
static void a_pinned_key(void **state) {
  (void)state;
  Issued pinned;
  Secured to;
  SocketStream_T ours, theirs;
  snprintf(pinned.chain, sizeof pinned.chain, "%s", encrypted_key_certificate);
  snprintf(pinned.key, sizeof pinned.key, "%s", plain_key);
  open_secured(&to, &pinned, NULL);
  assert_int_equal(SocketTLS_trust_anybody_without_verification(to.client), 0);
  assert_int_equal(SocketTLS_add_pin(to.client, encrypted_key_pin), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  assert_int_equal(
      SocketTLS_add_pin(to.client, "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1); /* one of them will do */
  close_secured(&to);
}

/* ---- A client's */

/* 1: both are connected; otherwise the code of the client, or of its first read: in TLS 1.3 a
 * client has finished before it is refused. */
static int enters_as(Secured *to, SocketTLS_T tls, const char *server) {
  SocketStream_T ours, theirs = NULL;
  ours = SocketStream_connect_tls(to->loop, to->address, tls, server, HANG_MS);
  assert_non_null(ours);
  SocketStream_start(ours);
  int code = 0;
  for (int seen = 0; code == 0 && seen < 2;) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(to->loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_CLOSED) code = event.status;
    if (event.kind == SOCKET_ACCEPTED) theirs = event.subject;
    if (event.kind == SOCKET_CONNECTED) SocketStream_start(ours);
    if (event.kind == SOCKET_ACCEPTED || event.kind == SOCKET_CONNECTED) seen++;
  }
  char der[4096], text[4096];
  if (code == 0) {
    const int64_t length = SocketStream_get_tls_certificate(theirs, 0, der, sizeof der);
    if (length > 0) {
      assert_true(SocketTLS_describe_certificate(der, length, text, sizeof text) > 0);
      assert_non_null(strstr(text, "somebody"));
    }
  }
  SocketStream_free(&ours);
  SocketStream_free(&theirs);
  return code == 0 ? 1 : code;
}

static int enters(Secured *to, SocketTLS_T tls) { return enters_as(to, tls, "localhost"); }

/* By an alert. A server of a system's mbedTLS sends it under the keys of the handshake, when a
 * client of TLS 1.3 expects those of the application already (RFC 8446, 7.1), and cannot read it.
 */
static void assert_refused(int code) {
#if defined(TEST_TLS_UNPATCHED)
  assert_true(code == SOCKET_EALERT || code == SOCKET_ETLS);
#else
  assert_int_equal(code, SOCKET_EALERT);
#endif
}

static void clients_show_certificates(void **state) {
  Secured *to = *state;
  Issued somebody, stranger;
  issue(&somebody, "somebody", SOCKET_TLS_CLIENT_CERTIFICATE, &authority);
  issue(&stranger, "stranger", SOCKET_TLS_CLIENT_CERTIFICATE, &other_authority);
  SocketTLS_T with = client_of(&authority), bad = client_of(&authority),
              misused = client_of(&authority);
  assert_int_equal(add_issued(with, &somebody), 1);
  assert_int_equal(add_issued(bad, &stranger), 1);
  assert_int_equal(add_issued(misused, &good), 1);
  assert_int_equal(trust_issued(to->server, &authority), 0);
  assert_int_equal(enters(to, to->client), 1);
  assert_int_equal(SocketTLS_set_client_check(to->server, SOCKET_TLS_OPTIONAL_CERTIFICATE), 0);
  assert_int_equal(enters(to, to->client), 1);
  assert_int_equal(enters(to, with), 1);
  assert_refused(enters(to, bad));
  assert_refused(enters(to, misused));
  assert_int_equal(SocketTLS_set_client_check(to->server, SOCKET_TLS_REQUIRED_CERTIFICATE), 0);
  assert_refused(enters(to, to->client));
  assert_int_equal(enters(to, with), 1);
  assert_refused(enters(to, bad));
  assert_refused(enters(to, misused));
  SocketTLS_free(&with);
  SocketTLS_free(&bad);
  SocketTLS_free(&misused);
}

/* Whichever certificate the server shows. */
static void clients_of_another_name(void **state) {
  Secured *to = *state;
  Issued other, somebody, stranger;
  SocketStream_T ours, theirs;
  issue(&other, "www.example.com", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  issue(&somebody, "somebody", SOCKET_TLS_CLIENT_CERTIFICATE, &authority);
  issue(&stranger, "stranger", SOCKET_TLS_CLIENT_CERTIFICATE, &other_authority);
  SocketTLS_T with = client_of(&authority), bad = client_of(&authority);
  assert_int_equal(add_issued(with, &somebody), 1);
  assert_int_equal(add_issued(bad, &stranger), 1);
  assert_int_equal(add_issued(to->server, &other), 2);
  assert_int_equal(trust_issued(to->server, &authority), 0);
  assert_int_equal(SocketTLS_set_client_check(to->server, SOCKET_TLS_REQUIRED_CERTIFICATE), 0);
  assert_int_equal(connect_with(to, with, "www.example.com", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
  assert_int_equal(connect_with(to, with, "localhost", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
  assert_refused(enters_as(to, bad, "www.example.com"));
  SocketTLS_free(&with);
  SocketTLS_free(&bad);
}

/* ---- The program's own opinion */

typedef struct Opinion {
  int asked, verdict, answer;
  char text[1000], fingerprint[96];
} Opinion;

static int give_opinion(const void *chain, int64_t length, int verdict, void *user) {
  Opinion *opinion = user;
  opinion->asked++;
  opinion->verdict = verdict;
  if (SocketTLS_describe_certificate(chain, length, opinion->text, sizeof opinion->text) < 0 ||
      SocketTLS_fingerprint(chain, length, opinion->fingerprint, 96) != 95)
    return SOCKET_EINVAL;
  return opinion->answer;
}

static void a_client_has_an_opinion(void **state) {
  (void)state;
  Issued stranger;
  char why[400], fingerprint[96];
  issue(&stranger, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &other_authority);
  Secured to;
  SocketStream_T ours, theirs;
  open_secured(&to, &stranger, &authority);
  SocketTLS_T client = to.client;
  Opinion opinion = {.answer = 0};
  assert_int_equal(SocketTLS_set_verify(client, give_opinion, &opinion), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  assert_int_equal(opinion.asked, 1);
  assert_int_equal(opinion.verdict, SOCKET_ECERT_ISSUER);
  assert_said(opinion.text, "localhost");
  assert_int_equal(
      SocketTLS_fingerprint(stranger.chain, (int64_t)strlen(stranger.chain), fingerprint, 96), 95);
  assert_string_equal(opinion.fingerprint, fingerprint);
  say_hello_both_ways(ours, theirs);
  /* What was judged by other rules is not resumed, and what is resumed not judged again. */
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  assert_int_equal(SocketStream_is_tls_resumed(ours), 1);
  assert_int_equal(opinion.asked, 1);
  opinion.answer = SOCKET_EACCES;
  assert_int_equal(SocketTLS_set_verify(client, give_opinion, &opinion), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), SOCKET_EACCES);
  assert_true(SocketStream_get_tls_failure(ours, why, sizeof why) > 0);
  assert_said(why, "this program refuses it");
  opinion.answer = 5; /* no code */
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), SOCKET_ECERT);
  opinion.answer = SOCKET_ECERT_ISSUER;
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), SOCKET_ECERT_ISSUER);
  /* Of who trusts anybody it is the only one that is asked. */
  assert_int_equal(SocketTLS_trust_anybody_without_verification(client), 0);
  opinion.answer = SOCKET_ECERT_NAME;
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), SOCKET_ECERT_NAME);
  assert_int_equal(opinion.verdict, 0);
  assert_int_equal(SocketTLS_set_verify(client, NULL, NULL), 0);
  assert_int_equal(connect_secured(&to, "localhost", &ours, &theirs), 1);
  close_secured(&to);
}

static void a_server_has_an_opinion(void **state) {
  Secured *to = *state;
  Issued stranger;
  issue(&stranger, "somebody", SOCKET_TLS_CLIENT_CERTIFICATE, NULL);
  SocketTLS_T with = client_of(&authority), misused = client_of(&authority);
  assert_int_equal(add_issued(with, &stranger), 1);
  assert_int_equal(add_issued(misused, &good), 1);
  for (int required = 0; required < 2; required++) {
    Opinion opinion = {.answer = 0};
    assert_int_equal(SocketTLS_set_client_check(to->server, required
                                                                ? SOCKET_TLS_REQUIRED_CERTIFICATE
                                                                : SOCKET_TLS_OPTIONAL_CERTIFICATE),
                     0);
    assert_int_equal(SocketTLS_set_verify(to->server, give_opinion, &opinion), 0);
    if (required)
      assert_refused(enters(to, to->client));
    else
      assert_int_equal(enters(to, to->client), 1);
    assert_int_equal(opinion.asked, 0);
    assert_int_equal(enters(to, with), 1);
    assert_int_equal(opinion.asked, 1);
    assert_int_equal(opinion.verdict, SOCKET_ECERT_ISSUER);
    assert_said(opinion.text, "somebody");
    opinion.answer = SOCKET_EACCES;
    assert_refused(enters(to, with));
    assert_int_equal(opinion.asked, 2);
    opinion.answer = 0; /* what it is not for stays so */
    assert_refused(enters(to, misused));
  }
  SocketTLS_free(&with);
  SocketTLS_free(&misused);
}

/* ---- Keys and files */

static int give_password(char *out, int capacity, void *user) {
  if (!user) return -1;
  const int length = (int)strlen(user);
  assert_true(length < capacity);
  memcpy(out, user, (size_t)length);
  return length;
}

static int add_encrypted(SocketTLS_T tls, const char *key) {
  return SocketTLS_add_certificate(tls, NULL, encrypted_key_certificate,
                                   (int64_t)strlen(encrypted_key_certificate), key,
                                   (int64_t)strlen(key));
}

static void encrypted_keys(void **state) {
  (void)state;
  static const char *const keys[] = {encrypted_key, encrypted_key_traditional};
  char right[] = "sesame", wrong[] = "seesame";
  for (int i = 0; i < 2; i++) {
    SocketTLS_T tls = SocketTLS_new_server();
    assert_int_equal(add_encrypted(tls, keys[i]), SOCKET_EPASSWORD);
    SocketTLS_set_password(tls, give_password, NULL);
    assert_int_equal(add_encrypted(tls, keys[i]), SOCKET_EPASSWORD);
    SocketTLS_set_password(tls, give_password, wrong);
    assert_int_equal(add_encrypted(tls, keys[i]), SOCKET_EPASSWORD);
    SocketTLS_set_password(tls, give_password, right);
    assert_int_equal(add_encrypted(tls, keys[i]), 1);
    SocketTLS_set_password(tls, NULL, NULL);
    assert_int_equal(add_encrypted(tls, keys[i]), SOCKET_EPASSWORD);
    char endless[1026];
    memset(endless, 'x', 1025), endless[1025] = 0;
    assert_int_equal(SocketTLS_set_password_text(tls, endless), SOCKET_EINVAL);
    assert_int_equal(SocketTLS_set_password_text(tls, wrong), 0);
    assert_int_equal(add_encrypted(tls, keys[i]), SOCKET_EPASSWORD);
    assert_int_equal(SocketTLS_set_password_text(tls, right), 0);
    memset(right, 0, 3); /* a copy was kept */
    assert_int_equal(add_encrypted(tls, keys[i]), 2);
    memcpy(right, "ses", 3);
    assert_int_equal(SocketTLS_set_password_text(tls, NULL), 0);
    assert_int_equal(add_encrypted(tls, keys[i]), SOCKET_EPASSWORD);
    assert_int_equal(SocketTLS_add_authorities(tls, authority.chain, 20), SOCKET_ECREDENTIAL);
    SocketTLS_free(&tls);
  }
}

static void what_cannot_be_used_changes_nothing(void **state) {
  Secured *to = *state;
  SocketTLS_T tls = to->server;
  Issued second;
  issue(&second, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
  const int64_t chain = (int64_t)strlen(second.chain), key = (int64_t)strlen(second.key);
  assert_int_equal(SocketTLS_replace_certificate(tls, 1, second.chain, chain, good.key,
                                                 (int64_t)strlen(good.key)),
                   SOCKET_ECREDENTIAL);
  assert_non_null(strstr(Socket_last_error_message(), "not that of the certificate"));
  assert_int_equal(SocketTLS_replace_certificate(tls, 1, second.chain, 40, second.key, key),
                   SOCKET_ECREDENTIAL);
  assert_int_equal(replace_issued(tls, 2, &second), SOCKET_ENOENT);
  assert_int_equal(SocketTLS_set_policy(tls, "none"), SOCKET_EINVAL);
  assert_int_equal(SocketTLS_add_certificate_files(tls, NULL, "/absent.crt", "/absent.key"),
                   SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), "/absent.crt"));
  SocketStream_T ours, theirs, after, accepted;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  unsigned char before[4096], now[4096];
  const int64_t length = SocketStream_get_tls_certificate(ours, 0, before, sizeof before);
  assert_true(length > 0);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 5, now, sizeof now), SOCKET_ENOENT);
  assert_int_equal(SocketStream_get_tls_certificate(ours, 0, now, 10), SOCKET_ENOBUFS);
  /* A good one is shown to whoever comes after it; who is there stays. */
  assert_int_equal(replace_issued(tls, 1, &second), 0);
  SocketTLS_set_sessions(to->client, 0);
  assert_int_equal(connect_secured(to, "localhost", &after, &accepted), 1);
  const int64_t now_length = SocketStream_get_tls_certificate(after, 0, now, sizeof now);
  assert_true(now_length != length || memcmp(before, now, (size_t)length) != 0);
  say_hello(ours, theirs);
  say_hello(after, accepted);
}

/* RFC 6960, 4.2.1: a response that says "try later". */
static void staples(void **state) {
  Secured *to = *state;
  SocketTLS_T tls = to->server;
  static const unsigned char later[] = {0x30, 0x03, 0x0a, 0x01, 0x03};
  const int can = strcmp(SocketTLS_get_engine(), "openssl") == 0;
  assert_int_equal(SocketTLS_set_staple(tls, 1, later, sizeof later),
                   can ? SOCKET_ECREDENTIAL : SOCKET_ENOTSUP);
  assert_int_equal(SocketTLS_set_staple(tls, 1, later, 2),
                   can ? SOCKET_ECREDENTIAL : SOCKET_ENOTSUP);
  assert_int_equal(SocketTLS_set_staple(tls, 2, later, sizeof later),
                   can ? SOCKET_ENOENT : SOCKET_ENOTSUP);
  assert_int_equal(SocketTLS_set_staple(tls, 1, NULL, 1), SOCKET_EINVAL);
  SocketStream_T ours, theirs;
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
}

static void a_server_needs_a_certificate(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketTLS_T server = SocketTLS_new_server(), client = SocketTLS_new_client();
  assert_int_equal(SocketListener_set_tls(listener, server), SOCKET_EINVAL);
  assert_non_null(strstr(Socket_last_error_message(), "needs a certificate"));
  assert_int_equal(SocketListener_set_tls(listener, client), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_tls(listener, NULL), 0);
  assert_null(SocketStream_connect_tls(loop, "127.0.0.1:9", server, NULL, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketStream_connect_tls(loop, "unix:/x", client, NULL, -1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  SocketTLS_free(&server);
  SocketTLS_free(&client);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_wrong_is_told),
      cmocka_unit_test(what_a_certificate_is_not_for),
      secured_test(authorities_are_not_sent_along),
      cmocka_unit_test(trusting_anybody_is_said_aloud),
      secured_test(pins),
      cmocka_unit_test(a_pinned_key),
      secured_test_of_each_version(clients_show_certificates),
      secured_test_of_each_version(clients_of_another_name),
      cmocka_unit_test(a_client_has_an_opinion),
      secured_test_of_each_version(a_server_has_an_opinion),
      cmocka_unit_test(encrypted_keys),
      secured_test(what_cannot_be_used_changes_nothing),
      secured_test(staples),
      cmocka_unit_test(a_server_needs_a_certificate),
  };
  return cmocka_run_group_tests(tests, make_authorities, NULL);
}
