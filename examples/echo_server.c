/* An echo server over TCP or a unix socket: whatever a peer sends, it gets back, at the pace of
 * whichever side is slower. With a certificate and its key, over TLS.
 *
 *   echo_server ADDRESS [CHAIN.pem KEY.pem]     "127.0.0.1:7000", "[::1]:0", "unix:/tmp/echo" */
#include <SocketListener.h>
#include <SocketStream.h>
#include <SocketTLS.h>
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

/* From here on `listener` hands over connections whose handshake is over; the rest stays as it is.
 */
static int secure(SocketListener_T listener, const char *chain, const char *key) {
  SocketTLS_T tls = SocketTLS_new_server();
  const int secured = tls && SocketTLS_add_certificate_files(tls, NULL, chain, key) > 0 &&
                      SocketListener_set_tls(listener, tls) == 0;
  SocketTLS_free(&tls);
  return secured;
}

int main(int argc, char **argv) {
  const char *const address = argc > 1 ? argv[1] : "127.0.0.1:7000";
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_callback(listener, listener_event, NULL);
  if ((argc > 3 && !secure(listener, argv[2], argv[3])) ||
      SocketListener_listen(listener, address) < 0) {
    fprintf(stderr, "echo_server: %s\n", Socket_last_error_message());
    return 1;
  }
  printf("listening on %s, port %d\n", address, SocketListener_get_port(listener));
  fflush(stdout);
  return SocketLoop_run(loop);
}
