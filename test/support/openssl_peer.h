/* What the tests share that use OpenSSL itself, as a peer or an authority. */
#ifndef SOCKETPOLL_TEST_OPENSSL_PEER_H
#define SOCKETPOLL_TEST_OPENSSL_PEER_H

#include "support/tls_support.h"

#include <openssl/pem.h>

static inline X509 *certificate_of(const Issued *issued) {
  BIO *bio = BIO_new_mem_buf(issued->chain, -1);
  X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  BIO_free(bio);
  assert_non_null(certificate);
  return certificate;
}

static inline EVP_PKEY *key_of(const Issued *issued) {
  BIO *bio = BIO_new_mem_buf(issued->key, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  BIO_free(bio);
  assert_non_null(key);
  return key;
}

#endif
