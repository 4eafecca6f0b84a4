/* The server that the benchmarks measure: one route and one folder.
 *
 *   hello PORT DIR */
#include <SocketError.h>
#include <SocketHTTPServer.h>

#include <stdio.h>

static void hello(SocketHTTP_T x, void *user) {
  (void)user;
  SocketHTTP_respond(x, 200, "text/plain", "Hello\n", 6);
}

int main(int argc, char **argv) {
  char address[64];
  if (argc != 3) {
    fprintf(stderr, "usage: hello PORT DIR\n");
    return 2;
  }
  snprintf(address, sizeof address, "127.0.0.1:%.10s", argv[1]);
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  if (SocketHTTPServer_route(server, "GET", "/hello", hello, NULL) < 0 ||
      SocketHTTPServer_static(server, "/", argv[2], 0) < 0 ||
      SocketHTTPServer_listen(server, address) < 0 || SocketLoop_run(loop) < 0) {
    fprintf(stderr, "hello: %s\n", Socket_last_error_message());
    return 1;
  }
  SocketHTTPServer_free(&server);
  SocketLoop_free(&loop);
  return 0;
}
