/* The server that the benchmarks measure: one route and one folder, over TLS if there is a
 * certificate.
 *
 *   hello PORT DIR [POLICY CHAIN KEY] */
#include <SocketError.h>
#include <SocketHTTPServer.h>
#include <SocketTLS.h>

#include <stdio.h>

static void hello(SocketHTTP_T x, void *user) {
  (void)user;
  SocketHTTP_respond(x, 200, "text/plain", "Hello\n", 6);
}

static int secure(SocketHTTPServer_T server, char **argv) {
  SocketTLS_T tls = SocketTLS_new_server();
  const int failed = SocketTLS_set_policy(tls, argv[0]) < 0 ||
                     SocketTLS_add_certificate_files(tls, NULL, argv[1], argv[2]) < 0 ||
                     SocketHTTPServer_set_tls(server, tls) < 0;
  SocketTLS_free(&tls);
  return failed;
}

int main(int argc, char **argv) {
  char address[64];
  if (argc != 3 && argc != 6) {
    fprintf(stderr, "usage: hello PORT DIR [POLICY CHAIN KEY]\n");
    return 2;
  }
  snprintf(address, sizeof address, "127.0.0.1:%.10s", argv[1]);
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  if ((argc == 6 && secure(server, argv + 3)) ||
      SocketHTTPServer_route(server, "GET", "/hello", hello, NULL) < 0 ||
      SocketHTTPServer_static(server, "/", argv[2], 0) < 0 ||
      SocketHTTPServer_listen(server, address) < 0 || SocketLoop_run(loop) < 0) {
    fprintf(stderr, "hello: %s\n", Socket_last_error_message());
    return 1;
  }
  SocketHTTPServer_free(&server);
  SocketLoop_free(&loop);
  return 0;
}
