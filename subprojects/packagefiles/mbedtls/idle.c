/* Compiled in place of ssl_tls.c, because what it needs is static there: the function with which
 * mbedTLS fits its buffers to a negotiated record size. check_source.py watches over what this
 * relies on.
 *
 * mbedTLS allocates both record buffers, 17 KB each, when a connection is set up, and keeps them. A
 * server of TLS 1.3 also keeps the handshake's structure, several KB, which only a client uses after
 * the handshake (for the tickets that come then); TLS 1.2 frees it at the end of the handshake, so
 * all the code behind copes with NULL.
 *
 * And its alert to a client of TLS 1.3 that shows no certificate is one that only SSL 3 knew: in its
 * place goes certificate_required (RFC 8446, 6.2).
 */
#include "ssl_misc.h"

static int pending_alert(mbedtls_ssl_context *ssl) {
  enum { certificate_required = 116 };
  if (ssl->send_alert && ssl->alert_type == MBEDTLS_SSL_ALERT_MSG_NO_CERT)
    ssl->alert_type = certificate_required;
  return mbedtls_ssl_handle_pending_alert(ssl);
}

#define mbedtls_ssl_handle_pending_alert pending_alert
#include "ssl_tls.c"

#include "idle.h"

/* The record sequence numbers lie in the first eight bytes; the header and an explicit nonce follow,
 * and the pointers into the buffer must stay inside. */
enum { kept_bytes = 64 };

static int nothing_in_buffers(const mbedtls_ssl_context *ssl) {
  return ssl->in_left == 0 && ssl->out_left == 0 && ssl->in_offt == NULL && ssl->in_hslen == 0 &&
         ssl->keep_current_message == 0 && ssl->in_msg < ssl->in_buf + kept_bytes &&
         ssl->out_msg < ssl->out_buf + kept_bytes;
}

int socketpoll_mbedtls_idle(mbedtls_ssl_context *ssl) {
  if (ssl->in_buf_len == kept_bytes && ssl->out_buf_len == kept_bytes) return 1;
  if (!mbedtls_ssl_is_handshake_over(ssl) || !nothing_in_buffers(ssl)) return 0;
  if (ssl->handshake != NULL && ssl->conf->endpoint == MBEDTLS_SSL_IS_SERVER) {
    mbedtls_ssl_handshake_free(ssl);
    mbedtls_free(ssl->handshake);
    ssl->handshake = NULL;
  }
  handle_buffer_resizing(ssl, 1, kept_bytes, kept_bytes);
  return ssl->in_buf_len == kept_bytes && ssl->out_buf_len == kept_bytes;
}

int socketpoll_mbedtls_wake(mbedtls_ssl_context *ssl) {
  handle_buffer_resizing(ssl, 0, MBEDTLS_SSL_IN_BUFFER_LEN, MBEDTLS_SSL_OUT_BUFFER_LEN);
  return ssl->in_buf_len < MBEDTLS_SSL_IN_BUFFER_LEN || ssl->out_buf_len < MBEDTLS_SSL_OUT_BUFFER_LEN
           ? MBEDTLS_ERR_SSL_ALLOC_FAILED
           : 0;
}
