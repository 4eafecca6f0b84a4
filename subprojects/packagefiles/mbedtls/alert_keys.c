/* mbedTLS's server goes over to the application's keys when it has the client's Finished, for both
 * directions. A client goes over when it has the server's (RFC 8446, 4.4.4 and 7.3), and cannot read
 * an alert that says what is wrong with its certificate. Between the two a server sends nothing but
 * such an alert, which ends the connection: no number of a record is used twice under a key.
 */
#include "ssl_misc.h"

#include "alert_keys.h"

void socketpoll_mbedtls_alert_keys(mbedtls_ssl_context *ssl) {
  if (ssl->conf->endpoint != MBEDTLS_SSL_IS_SERVER || ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3 ||
      ssl->handshake == NULL || ssl->transform_application == NULL)
    return;
  switch (ssl->state) {
  case MBEDTLS_SSL_CLIENT_CERTIFICATE:
  case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
  case MBEDTLS_SSL_CLIENT_FINISHED:
    if (ssl->transform_out != ssl->transform_application)
      mbedtls_ssl_set_outbound_transform(ssl, ssl->transform_application);
    break;
  default: break;
  }
}
