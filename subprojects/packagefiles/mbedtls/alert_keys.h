/* What alert_keys.c adds to mbedTLS. */
#ifndef SOCKETPOLL_MBEDTLS_ALERT_KEYS_H
#define SOCKETPOLL_MBEDTLS_ALERT_KEYS_H

#include "mbedtls/ssl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* To be called after each step of a handshake: from its Finished on, a server of TLS 1.3 sends under
 * the keys of the application. Everywhere else nothing happens. */
void socketpoll_mbedtls_alert_keys(mbedtls_ssl_context *ssl);

#ifdef __cplusplus
}
#endif

#endif
