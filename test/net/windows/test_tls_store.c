/* TLS through the C ABI, on Windows: whom the store "ROOT" has, a client trusts. The store is that
 * of whoever runs this, so what is added is taken out again; Windows itself would ask first, Wine
 * does not. */
#include "support/tls_support.h"

#include <wincrypt.h>

static Issued stranger;
static HCERTSTORE store;
static PCCERT_CONTEXT added;

static int add_authority(void **state) {
  BYTE der[SOCKET_TLS_PEM_BYTES];
  DWORD length = sizeof der;
  /* Which would take its place. */
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  make_certificates(state);
  issue(&stranger, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, NULL);
  store = CertOpenSystemStoreW(0, L"ROOT");
  if (!store || !CryptStringToBinaryA(authority.chain, 0, CRYPT_STRING_BASE64HEADER, der, &length,
                                      NULL, NULL))
    return -1;
  if (!CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, length,
                                        CERT_STORE_ADD_ALWAYS, &added))
    return -1;
  /* Others see it from here on. */
  return CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL) ? 0 : -1;
}

static int remove_authority(void **state) {
  (void)state;
  PCCERT_CONTEXT found =
      CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, added, NULL);
  if (!found || !CertDeleteCertificateFromStore(found)) return -1;
  CertFreeCertificateContext(added);
  CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL);
  return CertCloseStore(store, 0) ? 0 : -1;
}

static void who_is_in_the_store_is_trusted(void **state) {
  (void)state;
  SocketTLS_T client = SocketTLS_new_client();
  assert_int_equal(connect_once(client, &good), 1);
  assert_int_equal(connect_once(client, &stranger), SOCKET_ECERT_ISSUER);
  assert_int_equal(SocketTLS_set_system_authorities(client, 0), 0);
  assert_int_equal(connect_once(client, &good), SOCKET_ECERT_ISSUER);
  SocketTLS_free(&client);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_in_the_store_is_trusted)};
  return cmocka_run_group_tests(tests, add_authority, remove_authority);
}
