/* An HTTP server in nine lines. Its one argument is the port on 127.0.0.1; 0 picks one. */
#include "example.h"

static void hello(SocketHTTP_T exchange, void *user) {
  (void)user;
  SocketHTTP_respond(exchange, 200, "text/plain", "Hello\n", 6);
}

int main(int argc, char **argv) {
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  SocketHTTPServer_route(server, "GET", "/hello/:name", hello, NULL);
  return example_listen(server, argc, argv) ? SocketLoop_run(loop) : 1;
}
