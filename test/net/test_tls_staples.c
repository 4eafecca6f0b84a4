/* TLS through the C ABI, over OpenSSL: what a client makes of an OCSP response that a server
 * staples (RFC 6066, 8; RFC 6960). They are made here, with OpenSSL itself. */
#include "support/openssl_peer.h"

#include <openssl/ocsp.h>

static Issued stranger;

static int make_stranger(void **state) {
  make_certificates(state);
  issue(&stranger, "Test authority", SOCKET_TLS_AUTHORITY, NULL);
  return 0;
}

typedef struct Response {
  unsigned char *der;
  int length;
} Response;

/* What `responder` says of `subject`, between two times from now; `hash` names the certificate. */
static Response respond(const Issued *subject, const Issued *responder, int status, long from,
                        long until, const EVP_MD *hash) {
  X509 *own = certificate_of(subject), *issuer = certificate_of(responder);
  EVP_PKEY *key = key_of(responder);
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
  OCSP_CERTID *id = OCSP_cert_to_id(hash, own, issuer);
  ASN1_TIME *this_update = X509_gmtime_adj(NULL, from), *next = X509_gmtime_adj(NULL, until);
  ASN1_TIME *revoked = X509_gmtime_adj(NULL, -DAY);
  assert_non_null(OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                         status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL,
                                         this_update, next));
  assert_int_equal(OCSP_basic_sign(basic, issuer, key, EVP_sha256(), NULL, 0), 1);
  OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  Response made = {NULL, 0};
  made.length = i2d_OCSP_RESPONSE(response, &made.der);
  assert_true(made.length > 0);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(this_update);
  ASN1_TIME_free(next);
  ASN1_TIME_free(revoked);
  EVP_PKEY_free(key);
  X509_free(issuer);
  X509_free(own);
  return made;
}

/* The code that a client ends with, 1: none. */
static int shown(Response response, const char *policy, int trusts_anybody, char why[400]) {
  Secured to;
  SocketStream_T ours, theirs;
  open_secured(&to, &good, &authority);
  assert_int_equal(SocketTLS_set_policy(to.client, policy), 0);
  assert_int_equal(SocketTLS_set_staple(to.server, 1, response.der, response.length), 0);
  if (trusts_anybody) assert_int_equal(SocketTLS_trust_anybody_without_verification(to.client), 0);
  const int code = connect_secured(&to, "localhost", &ours, &theirs);
  assert_true(SocketStream_get_tls_failure(ours, why, 400) >= 0);
  close_secured(&to);
  OPENSSL_free(response.der);
  return code;
}

static const char *const policies[] = {ONLY_TLS_1_3, ONLY_TLS_1_2};

static void a_staple_is_looked_at(void **state) {
  (void)state;
  char why[400];
  for (int i = 0; i < 2; i++) {
    assert_int_equal(shown(respond(&good, &authority, V_OCSP_CERTSTATUS_GOOD, -60, DAY, EVP_sha1()),
                           policies[i], 0, why),
                     1);
    assert_int_equal(
        shown(respond(&good, &authority, V_OCSP_CERTSTATUS_GOOD, -60, DAY, EVP_sha256()),
              policies[i], 0, why),
        1);
    assert_int_equal(
        shown(respond(&good, &authority, V_OCSP_CERTSTATUS_REVOKED, -60, DAY, EVP_sha1()),
              policies[i], 0, why),
        SOCKET_ECERT_REVOKED);
    assert_non_null(strstr(why, "\"CN=localhost\" was revoked (valid from 20"));
    assert_int_equal(
        shown(respond(&good, &authority, V_OCSP_CERTSTATUS_UNKNOWN, -60, DAY, EVP_sha1()),
              policies[i], 0, why),
        SOCKET_ECERT);
  }
}

static void what_nobody_vouches_for(void **state) {
  (void)state;
  char why[400];
  for (int i = 0; i < 2; i++) {
    /* Out of date, not yet good, another certificate's, another authority's. */
    assert_int_equal(
        shown(respond(&good, &authority, V_OCSP_CERTSTATUS_GOOD, -9 * DAY, -8 * DAY, EVP_sha1()),
              policies[i], 0, why),
        SOCKET_ECERT);
    assert_non_null(strstr(why, "out of date"));
    assert_int_equal(
        shown(respond(&good, &authority, V_OCSP_CERTSTATUS_GOOD, DAY, 2 * DAY, EVP_sha1()),
              policies[i], 0, why),
        SOCKET_ECERT);
    assert_int_equal(
        shown(respond(&authority, &authority, V_OCSP_CERTSTATUS_GOOD, -60, DAY, EVP_sha1()),
              policies[i], 0, why),
        SOCKET_ECERT);
    assert_int_equal(shown(respond(&good, &stranger, V_OCSP_CERTSTATUS_GOOD, -60, DAY, EVP_sha1()),
                           policies[i], 0, why),
                     SOCKET_ECERT);
    /* Who trusts anybody asks nobody. */
    assert_int_equal(
        shown(respond(&good, &authority, V_OCSP_CERTSTATUS_REVOKED, -60, DAY, EVP_sha1()),
              policies[i], 1, why),
        1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_staple_is_looked_at),
                                     cmocka_unit_test(what_nobody_vouches_for)};
  return cmocka_run_group_tests(tests, make_stranger, NULL);
}
