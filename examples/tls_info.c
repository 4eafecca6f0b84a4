/* Connects over TLS, and tells what was agreed on and who is there, or what is wrong with it.
 *
 *   tls_info HOST:PORT [AUTHORITIES.pem]     without a file whom the system trusts is trusted */
#include <SocketAsync.h>
#include <SocketTLS.h>
#include <stdio.h>

static int fail(const char *what) {
  fprintf(stderr, "tls_info: %s: %s\n", what, Socket_last_error_message());
  return 1;
}

static void describe(SocketStream_T stream) {
  char protocol[256] = "", der[16384], text[4096], fingerprint[96];
  SocketStream_get_tls_alpn(stream, protocol, sizeof protocol);
  printf("%s with %s%s%s\n", SocketStream_get_tls_version(stream),
         SocketStream_get_tls_suite(stream), *protocol ? ", " : "", protocol);
  for (int i = 0;; i++) {
    const int64_t length = SocketStream_get_tls_certificate(stream, i, der, sizeof der);
    if (length < 0) break;
    if (SocketTLS_describe_certificate(der, length, text, sizeof text) < 0 ||
        SocketTLS_fingerprint(der, length, fingerprint, sizeof fingerprint) < 0)
      break;
    printf("\n%s\nSHA-256 %s\n", text, fingerprint);
  }
}

int main(int argc, char **argv) {
  char why[512];
  if (argc < 2) {
    fprintf(stderr, "usage: tls_info HOST:PORT [AUTHORITIES.pem]\n");
    return 2;
  }
  SocketLoop_T loop = SocketLoop_new();
  SocketTLS_T tls = SocketTLS_new_client();
  if (!tls) return fail("no TLS here");
  SocketTLS_set_alpn(tls, "h2,http/1.1");
  if (argc > 2 && (SocketTLS_set_system_authorities(tls, 0) < 0 ||
                   SocketTLS_add_authorities_file(tls, argv[2]) < 0))
    return fail(argv[2]);
  SocketFuture_T connecting = SocketAsync_connect_tls(loop, argv[1], tls, NULL, 10000);
  if (!connecting) return fail(argv[1]);
  const int64_t status = SocketFuture_await(connecting, -1);
  if (status < 0) {
    SocketFuture_get_failure(connecting, why, sizeof why);
    fprintf(stderr, "tls_info: %s: %s (%s)\n", argv[1], why, Socket_error_name((int)status));
  } else {
    SocketStream_T stream = SocketFuture_get_data(connecting);
    describe(stream);
    SocketStream_free(&stream);
  }
  SocketFuture_free(&connecting);
  SocketTLS_free(&tls);
  SocketLoop_free(&loop);
  return status < 0;
}
