/* An echo server over TCP or a unix socket: whatever a peer sends, it gets back, at the pace of
 * whichever side is slower.
 *
 *   echo_server ADDRESS     "127.0.0.1:7000", "[::1]:0", "unix:/tmp/echo" */
#include <SocketListener.h>
#include <SocketStream.h>
#include <stdio.h>

static void stream_event(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  (void)user;
  switch (event->kind) {
  case SOCKET_DATA:
    /* More than the peer takes is queued; nothing is read from it until that has gone. */
    if (SocketStream_write(stream, event->data, event->length) > SOCKET_STREAM_LOW_MARK)
      SocketStream_pause(stream);
    break;
  case SOCKET_DRAINED: SocketStream_start(stream); break;
  case SOCKET_EOF: SocketStream_close(stream); break; /* sends what is queued first */
  case SOCKET_CLOSED: SocketStream_free(&stream); break;
  }
}

static void listener_event(const SocketCompletion_T *event, void *user) {
  (void)user;
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_set_callback(event->subject, stream_event, NULL);
  SocketStream_start(event->subject);
}

int main(int argc, char **argv) {
  const char *const address = argc > 1 ? argv[1] : "127.0.0.1:7000";
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_callback(listener, listener_event, NULL);
  if (SocketListener_listen(listener, address) < 0) {
    fprintf(stderr, "echo_server: %s\n", Socket_last_error_message());
    return 1;
  }
  printf("listening on %s, port %d\n", address, SocketListener_get_port(listener));
  fflush(stdout);
  return SocketLoop_run(loop);
}
