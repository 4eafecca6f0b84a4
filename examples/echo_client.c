/* Sends its standard input to an echo server, or any other, and writes what comes back to its
 * standard output. Both are streams like the connection itself, so a slow one slows the others.
 *
 *   echo_client ADDRESS     "localhost:7000", "unix:/tmp/echo"; not from or to a regular file */
#include <SocketStream.h>
#include <stdio.h>
#include <unistd.h>

static SocketLoop_T loop;
static SocketStream_T input, output, server;
static int failed;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "echo_client: %s: %s\n", what, why);
  failed = 1;
  SocketLoop_stop(loop);
}

/* Passes the bytes on, and pauses their source while too many of them are queued. */
static void pass_on(const SocketCompletion_T *event, SocketStream_T to) {
  if (SocketStream_write(to, event->data, event->length) > SOCKET_STREAM_LOW_MARK)
    SocketStream_pause(event->subject);
}

static void on_event(const SocketCompletion_T *event, void *user) {
  const int from_server = event->subject == server;
  switch (event->kind) {
  case SOCKET_CONNECTED:
    SocketStream_start(server);
    SocketStream_start(input);
    break;
  case SOCKET_DATA: pass_on(event, from_server ? output : server); break;
  case SOCKET_DRAINED: SocketStream_start(from_server ? input : server); break;
  case SOCKET_EOF:
    if (from_server)
      SocketStream_close(output); /* when it has taken the rest: SOCKET_CLOSED */
    else
      SocketStream_shutdown(server); /* the rest of the echo is still to come */
    break;
  case SOCKET_CLOSED:
    if (event->status) fail(user, Socket_error_text(event->status));
    if (event->subject == output) SocketLoop_stop(loop);
    break;
  }
}

int main(int argc, char **argv) {
  const char *const address = argc > 1 ? argv[1] : "127.0.0.1:7000";
  loop = SocketLoop_new();
  /* Copies, so that 0 and 1 are still open when the streams are closed. */
  input = SocketStream_new_fd(loop, dup(0));
  output = input ? SocketStream_new_fd(loop, dup(1)) : NULL;
  server = output ? SocketStream_connect(loop, address, 10000) : NULL;
  if (!server) {
    fprintf(stderr, "echo_client: %s\n", Socket_last_error_message());
    return 1;
  }
  SocketStream_set_callback(input, on_event, "standard input");
  SocketStream_set_callback(output, on_event, "standard output");
  SocketStream_set_callback(server, on_event, (void *)address);
  SocketLoop_run(loop);
  SocketLoop_free(&loop);
  return failed;
}
