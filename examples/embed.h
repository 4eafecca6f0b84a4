/* What the embedding examples share: an echo server on a loop of ours, and a timer that tells when
 * it has been quiet for a moment. Each of them drives that loop inside another library's: it waits
 * for SocketLoop_get_fd() to become readable or SocketLoop_get_timeout() to pass, whichever comes
 * first, and then calls embed_drive(). */
#ifndef SOCKETPOLL_EXAMPLE_EMBED_H
#define SOCKETPOLL_EXAMPLE_EMBED_H

#include <SocketListener.h>
#include <SocketStream.h>
#include <SocketTimer.h>
#include <stdio.h>
#include <stdlib.h>

static SocketTimer_T embed_quiet;
static long long embed_echoed;

static inline void embed_on_quiet(const SocketCompletion_T *event, void *user) {
  (void)event, (void)user;
  printf("quiet after %lld bytes\n", embed_echoed);
  fflush(stdout);
}

static inline void embed_on_event(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  switch (event->kind) {
  case SOCKET_ACCEPTED:
    SocketStream_set_callback(stream, embed_on_event, user);
    SocketStream_start(stream);
    break;
  case SOCKET_DATA:
    if (SocketStream_write(stream, event->data, event->length) > SOCKET_STREAM_LOW_MARK)
      SocketStream_pause(stream);
    embed_echoed += event->length;
    SocketTimer_start(embed_quiet, 100, 0);
    break;
  case SOCKET_DRAINED: SocketStream_start(stream); break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED: SocketStream_free(&stream); break;
  }
}

/* The loop, serving on 127.0.0.1 at the port that is the program's argument; 0 picks a free one. */
static inline SocketLoop_T embed_start(int argc, char **argv) {
  char address[32];
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  embed_quiet = SocketTimer_new(loop);
  SocketTimer_set_callback(embed_quiet, embed_on_quiet, NULL);
  SocketListener_set_callback(listener, embed_on_event, NULL);
  snprintf(address, sizeof address, "127.0.0.1:%.10s", argc > 1 ? argv[1] : "8080");
  if (SocketListener_listen(listener, address) < 0 || SocketLoop_get_fd(loop) < 0) {
    fprintf(stderr, "%s: %s\n", argv[0], Socket_last_error_message());
    exit(1);
  }
  printf("listening on 127.0.0.1:%d\n", SocketListener_get_port(listener));
  fflush(stdout);
  return loop;
}

static inline void embed_drive(SocketLoop_T loop) {
  if (SocketLoop_run_once(loop, 0) >= 0) return;
  fprintf(stderr, "%s\n", Socket_last_error_message());
  exit(1);
}

#endif
