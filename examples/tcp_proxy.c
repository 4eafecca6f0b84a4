/* A TCP proxy: what comes in at one side goes out at the other, in both directions, through a pipe
 * in the kernel and never through the program. The end of one direction is passed on as such; the
 * other one goes on until it ends as well.
 *
 *   tcp_proxy PORT TARGET     (PORT 0: any free port; TARGET: "127.0.0.1:80", "example.com:80") */
#include <SocketAsync.h>
#include <stdio.h>
#include <stdlib.h>

struct relay {
  SocketStream_T client, server;
  int open_ends; /* directions that go on */
};

static const char *target;

static void drop(struct relay *relay) {
  SocketStream_free(&relay->client);
  SocketStream_free(&relay->server);
  free(relay);
}

/* One direction has ended. Freeing a stream ends the other one too, so this is told of both. */
static void on_moved(const SocketCompletion_T *event, void *user) {
  struct relay *relay = user;
  relay->open_ends--;
  if (event->status < 0) {
    SocketStream_free(&relay->client);
    SocketStream_free(&relay->server);
  } else {
    SocketStream_shutdown(event->source == relay->client ? relay->server : relay->client);
  }
  if (relay->open_ends == 0) drop(relay);
}

static int move(struct relay *relay, SocketStream_T from, SocketStream_T to) {
  SocketFuture_T splice = SocketAsync_splice(from, to, -1, -1);
  if (!splice) return 0;
  SocketFuture_then(splice, on_moved, relay);
  SocketFuture_release(splice);
  relay->open_ends++;
  return 1;
}

static void on_connected(const SocketCompletion_T *event, void *user) {
  struct relay *relay = user;
  relay->server = event->data;
  if (event->status < 0 || !move(relay, relay->client, relay->server)) {
    drop(relay);
    return;
  }
  if (!move(relay, relay->server, relay->client)) { /* on_moved does the rest */
    SocketStream_free(&relay->client);
    SocketStream_free(&relay->server);
  }
}

static void ignore(const SocketCompletion_T *event, void *user) { (void)event, (void)user; }

static void on_accepted(const SocketCompletion_T *event, void *user) {
  if (event->kind != SOCKET_ACCEPTED) return; /* no descriptor is left, or there is again */
  SocketStream_T client = event->subject;
  struct relay *relay = calloc(1, sizeof *relay);
  SocketFuture_T connecting = relay ? SocketAsync_connect(user, target, 10000) : NULL;
  if (!connecting) {
    SocketStream_free(&client);
    free(relay);
    return;
  }
  relay->client = client;
  SocketStream_set_callback(client, ignore, NULL); /* the splices tell of its end */
  SocketFuture_then(connecting, on_connected, relay);
  SocketFuture_release(connecting);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s PORT TARGET\n", argv[0]);
    return 2;
  }
  target = argv[2];
  char address[32];
  snprintf(address, sizeof address, "127.0.0.1:%.10s", argv[1]);
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_callback(listener, on_accepted, loop);
  if (SocketListener_listen(listener, address) < 0) {
    fprintf(stderr, "%s: %s\n", argv[0], Socket_last_error_message());
    return 1;
  }
  printf("listening on 127.0.0.1:%d\n", SocketListener_get_port(listener));
  fflush(stdout);
  return SocketLoop_run(loop) < 0;
}
