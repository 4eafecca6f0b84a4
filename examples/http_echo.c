/* POST /echo answers the body it got, piece by piece, at the pace of whichever side is slower. */
#include "example.h"

static void body_event(const SocketCompletion_T *event, void *user) {
  SocketHTTP_T exchange = event->subject;
  (void)user;
  switch (event->kind) {
  case SOCKET_HTTP_BODY:
    if (SocketHTTP_write(exchange, event->data, event->length) > SOCKET_HTTP_LOW_MARK)
      SocketHTTP_pause_body(exchange);
    break;
  case SOCKET_HTTP_DRAINED: SocketHTTP_read_body(exchange); break;
  case SOCKET_HTTP_BODY_END: SocketHTTP_end(exchange); break;
  }
}

static void echo(SocketHTTP_T exchange, void *user) {
  const char *type = SocketHTTP_get_header(exchange, "Content-Type");
  (void)user;
  SocketHTTP_set_callback(exchange, body_event, NULL);
  SocketHTTP_start(exchange, 200, type ? type : "application/octet-stream",
                   SocketHTTP_get_body_length(exchange));
  SocketHTTP_read_body(exchange);
}

int main(int argc, char **argv) {
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  SocketHTTPServer_set_max_body(server, (int64_t)1 << 40);
  SocketHTTPServer_route(server, "POST", "/echo", echo, NULL);
  return example_listen(server, argc, argv) ? SocketLoop_run(loop) : 1;
}
