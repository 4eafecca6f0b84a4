/* KeyUpdate (RFC 8446, 4.6.3 and 7.2), which mbedTLS 3.6 does not know: it hands the message up as an
 * unexpected one, and leaves everything else as it is after any message. Both directions are one
 * transform there, so that a new one is made of one new secret and one old one.
 */
#include "ssl_misc.h"

#include "ssl_tls13_keys.h"

#include "mbedtls/platform.h"
#include "mbedtls/psa_util.h"
#include "md_psa.h"

#include "key_update.h"

#include <string.h>

enum { key_update = 24, header_bytes = 4, iv_bytes = 12 };

static int refuse(mbedtls_ssl_context *ssl, unsigned char alert, int error) {
  (void)mbedtls_ssl_send_alert_message(ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
  return error;
}

/* One direction's secret gives way to the next one; the other direction goes on where it is. */
static int renew(mbedtls_ssl_context *ssl, int inbound) {
  mbedtls_ssl_tls13_application_secrets *const secrets = &ssl->session->app_secrets;
  const mbedtls_ssl_ciphersuite_t *const suite =
    mbedtls_ssl_ciphersuite_from_id(ssl->session->ciphersuite);
  const psa_algorithm_t hash = mbedtls_md_psa_alg_from_type((mbedtls_md_type_t)suite->mac);
  const size_t length = PSA_HASH_LENGTH(hash);
  const int of_client = (ssl->conf->endpoint == MBEDTLS_SSL_IS_CLIENT) != inbound;
  unsigned char *const secret = of_client ? secrets->client_application_traffic_secret_N
                                          : secrets->server_application_traffic_secret_N;
  unsigned char next[MBEDTLS_TLS1_3_MD_MAX_SIZE];
  mbedtls_ssl_key_set keys;
  mbedtls_ssl_transform *const made = mbedtls_calloc(1, sizeof *made), *const before = ssl->transform_application;
  int error = made == NULL ? MBEDTLS_ERR_SSL_ALLOC_FAILED : 0;
  memset(&keys, 0, sizeof keys);
  if (error == 0)
    error = mbedtls_ssl_tls13_hkdf_expand_label(hash, secret, length, MBEDTLS_SSL_TLS1_3_LBL_WITH_LEN(traffic_upd),
                                                NULL, 0, next, length);
  if (error == 0)
    error = mbedtls_ssl_tls13_make_traffic_keys(
      hash, of_client ? next : secrets->client_application_traffic_secret_N,
      of_client ? secrets->server_application_traffic_secret_N : next, length,
      mbedtls_ssl_ciphersuite_get_cipher_key_bitlen(suite) / 8, iv_bytes, &keys);
  if (error == 0)
    error = mbedtls_ssl_tls13_populate_transform(made, ssl->conf->endpoint, suite->id, &keys, ssl);
  if (error == 0) {
    memcpy(secret, next, length);
    ssl->transform_application = ssl->transform_in = ssl->transform_out = made;
    /* Each sets its direction's number of records back to 0. */
    if (inbound)
      mbedtls_ssl_set_inbound_transform(ssl, made);
    else
      mbedtls_ssl_set_outbound_transform(ssl, made);
    mbedtls_ssl_transform_free(before);
    mbedtls_free(before);
  } else {
    mbedtls_ssl_transform_free(made);
    mbedtls_free(made);
  }
  mbedtls_platform_zeroize(next, sizeof next);
  mbedtls_platform_zeroize(&keys, sizeof keys);
  return error;
}

/* Under the old keys, which it is the last to use. */
static int answer(mbedtls_ssl_context *ssl) {
  static const unsigned char update_not_requested[] = {key_update, 0, 0, 1, 0};
  ssl->out_msgtype = MBEDTLS_SSL_MSG_HANDSHAKE;
  ssl->out_msglen = sizeof update_not_requested;
  memcpy(ssl->out_msg, update_not_requested, sizeof update_not_requested);
  const int error = mbedtls_ssl_write_record(ssl, 1);
  return error == 0 ? renew(ssl, 0) : error;
}

int socketpoll_mbedtls_key_update(mbedtls_ssl_context *ssl) {
  if (ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3 || ssl->in_msgtype != MBEDTLS_SSL_MSG_HANDSHAKE ||
      ssl->in_hslen != header_bytes + 1 || ssl->in_msg[0] != key_update ||
      ssl->in_msglen != ssl->in_hslen) /* nothing may follow under keys that are over */
    return refuse(ssl, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE, MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE);
  const unsigned char requested = ssl->in_msg[header_bytes];
  if (requested > 1)
    return refuse(ssl, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER, MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER);
  const int error = renew(ssl, 1);
  return error == 0 && requested ? answer(ssl) : error;
}
