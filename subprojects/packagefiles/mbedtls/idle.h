/* What idle.c adds to mbedTLS. */
#ifndef SOCKETPOLL_MBEDTLS_IDLE_H
#define SOCKETPOLL_MBEDTLS_IDLE_H

#include "mbedtls/ssl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Gives back what an idle connection does not need: most of both record buffers, and what a server
 * of TLS 1.3 keeps of the handshake. Nothing happens during a handshake, or while a part of a record
 * is in either buffer. 1 if the connection sleeps now. */
int socketpoll_mbedtls_idle(mbedtls_ssl_context *ssl);

/* Needed before any other call with a connection that sleeps. 0, or MBEDTLS_ERR_SSL_ALLOC_FAILED,
 * after which it sleeps as before. */
int socketpoll_mbedtls_wake(mbedtls_ssl_context *ssl);

#ifdef __cplusplus
}
#endif

#endif
