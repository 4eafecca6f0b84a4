/* The server of http_hello.c without a callback: what a language drives that cannot be called from
 * C. A route without a handler is pulled from an array, and answered in the program's own time. */
#include "example.h"

int main(int argc, char **argv) {
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  SocketHTTPServer_route(server, "GET", "/hello/:name", NULL, NULL);
  if (!example_listen(server, argc, argv)) return 1;

  SocketCompletion_T done[64];
  int n;
  while ((n = SocketLoop_wait(loop, done, 64, -1)) >= 0)
    for (int i = 0; i < n; i++)
      if (done[i].kind == SOCKET_HTTP_REQUEST)
        SocketHTTP_respond(done[i].subject, 200, "text/plain", "Hello\n", 6);
  return 0;
}
