/* A chat: each line of a client goes to all others. Everything is pulled from one array, without a
 * callback. Who reads too slowly does not hold up the others: beyond the high mark lines are left
 * out, and it is told how many once it has caught up.
 *
 *   chat ADDRESS     then talk with `nc 127.0.0.1 7001`, or `nc -U /tmp/chat` for "unix:/tmp/chat"
 */
#include <SocketListener.h>
#include <SocketStream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
  struct client *next, **place;
  SocketStream_T stream;
  long missed;
  size_t length;
  char line[512]; /* as far as it has come */
};

static struct client *clients;

static void join(SocketStream_T stream) {
  struct client *client = calloc(1, sizeof *client);
  if (!client) {
    SocketStream_free(&stream);
    return;
  }
  client->stream = stream;
  client->next = clients;
  client->place = &clients;
  if (client->next) client->next->place = &client->next;
  clients = client;
  SocketStream_set_callback(stream, NULL, client); /* pulled, with the client as `user` */
  SocketStream_set_marks(stream, 16 * 1024, 64 * 1024);
  SocketStream_start(stream);
}

static void leave(struct client *client) {
  *client->place = client->next;
  if (client->next) client->next->place = client->place;
  SocketStream_free(&client->stream);
  free(client);
}

static void tell_others(struct client *from) {
  for (struct client *to = clients; to; to = to->next)
    if (to != from && SocketStream_write(to->stream, from->line, (int64_t)from->length) < 0)
      to->missed++; /* SOCKET_EAGAIN; SOCKET_CLOSED follows for all else */
  from->length = 0;
}

static void hear(struct client *from, const char *bytes, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    from->line[from->length++] = bytes[i];
    if (bytes[i] == '\n' || from->length == sizeof from->line) tell_others(from);
  }
}

static void catch_up(struct client *client) {
  char note[64];
  if (!client->missed) return;
  snprintf(note, sizeof note, "* you missed %ld lines\n", client->missed);
  client->missed = 0;
  SocketStream_write(client->stream, note, (int64_t)strlen(note));
}

int main(int argc, char **argv) {
  const char *const address = argc > 1 ? argv[1] : "127.0.0.1:7001";
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  SocketCompletion_T done[64];
  int n;
  if (SocketListener_listen(listener, address) < 0) {
    fprintf(stderr, "chat: %s\n", Socket_last_error_message());
    return 1;
  }
  printf("listening on %s, port %d\n", address, SocketListener_get_port(listener));
  fflush(stdout);
  while ((n = SocketLoop_wait(loop, done, 64, -1)) >= 0)
    for (int i = 0; i < n; i++) switch (done[i].kind) {
      case SOCKET_ACCEPTED: join(done[i].subject); break;
      case SOCKET_DATA: hear(done[i].user, done[i].data, done[i].length); break;
      case SOCKET_DRAINED: catch_up(done[i].user); break;
      case SOCKET_EOF: SocketStream_close(done[i].subject); break;
      case SOCKET_CLOSED: leave(done[i].user); break;
      }
  return 1;
}
