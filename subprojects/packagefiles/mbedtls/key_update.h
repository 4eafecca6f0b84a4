/* What key_update.c adds to mbedTLS. */
#ifndef SOCKETPOLL_MBEDTLS_KEY_UPDATE_H
#define SOCKETPOLL_MBEDTLS_KEY_UPDATE_H

#include "mbedtls/ssl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* After mbedtls_ssl_read has returned MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE: if the message was a
 * KeyUpdate, follows it, answers it if that was asked for, and returns 0; reading goes on as if it
 * had not been there. Otherwise an error, whose alert was sent. */
int socketpoll_mbedtls_key_update(mbedtls_ssl_context *ssl);

#ifdef __cplusplus
}
#endif

#endif
