/* What the HTTP examples share: their one argument is a port on 127.0.0.1, 0 picks a free one. */
#ifndef SOCKETPOLL_EXAMPLE_H
#define SOCKETPOLL_EXAMPLE_H

#include <SocketHTTPServer.h>
#include <stdio.h>

/* Listens, says where, and returns 1; or says why not and returns 0. */
static inline int example_listen(SocketHTTPServer_T server, int argc, char **argv) {
  char address[32];
  snprintf(address, sizeof address, "127.0.0.1:%.10s", argc > 1 ? argv[1] : "8080");
  if (SocketHTTPServer_listen(server, address) < 0) {
    fprintf(stderr, "%s: %s\n", argv[0], Socket_last_error_message());
    return 0;
  }
  printf("listening on 127.0.0.1:%d\n", SocketHTTPServer_get_port(server));
  fflush(stdout);
  return 1;
}

#endif
