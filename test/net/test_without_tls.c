/* A library that was built without TLS: whatever would need an engine says so, and all else works.
 */
#include "support/net_support.h"

#include <socketpoll/SocketTLS.h>

static void assert_without(const void *made) {
  assert_null(made);
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  assert_non_null(strstr(Socket_last_error_message(), "built without TLS"));
}

static void no_configuration(void **state) {
  (void)state;
  SocketTLS_T none = NULL;
  assert_string_equal(SocketTLS_get_engine(), "none");
  assert_without(SocketTLS_new_server());
  assert_without(SocketTLS_new_client());
  assert_int_equal(SocketTLS_set_policy(none, "modern"), SOCKET_EBADHANDLE);
  SocketTLS_free(&none);
}

static void no_certificates(void **state) {
  (void)state;
  static const char der[] = "\x30\x03\x02\x01\x01";
  static char chain[SOCKET_TLS_PEM_BYTES], key[SOCKET_TLS_PEM_BYTES], text[200];
  assert_int_equal(SocketTLS_make_certificate("localhost", SOCKET_TLS_SERVER_CERTIFICATE, 0, 1000,
                                              NULL, NULL, chain, sizeof chain, key, sizeof key),
                   SOCKET_ENOTSUP);
  assert_int_equal(SocketTLS_fingerprint(der, sizeof der - 1, text, sizeof text), SOCKET_ENOTSUP);
  assert_int_equal(SocketTLS_describe_certificate(der, sizeof der - 1, text, sizeof text),
                   SOCKET_ENOTSUP);
}

static void streams_and_listeners_without(void **state) {
  (void)state;
  char text[64];
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair(loop);
  assert_int_equal(SocketListener_set_tls(pair.listener, NULL), 0);
  assert_null(SocketStream_get_tls_version(pair.client));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  assert_null(SocketStream_get_tls_suite(pair.client));
  assert_int_equal(SocketStream_is_tls_resumed(pair.client), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_tls_alpn(pair.client, text, sizeof text), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_tls_server(pair.client, text, sizeof text), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_tls_certificate(pair.client, 0, text, sizeof text),
                   SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_tls_failure(pair.client, text, sizeof text), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_start_tls(pair.client, NULL, "localhost", -1), SOCKET_EBADHANDLE);
  assert_null(SocketStream_connect_tls(loop, "127.0.0.1:9", NULL, "localhost", -1));
  assert_int_equal(Socket_last_error(), SOCKET_EBADHANDLE);
  /* The connection is none the worse. */
  assert_int_equal(SocketStream_write(pair.client, "hello\n", 6), 0);
  assert_int_equal(SocketStream_start(pair.server), 0);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 6);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_configuration),
      cmocka_unit_test(no_certificates),
      cmocka_unit_test(streams_and_listeners_without),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
