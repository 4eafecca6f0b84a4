/* An echo server over the bare readiness interface: edge-triggered, so every socket is read and
 * written until EAGAIN; what the peer does not take yet is kept, and while something is kept
 * nothing more is read from that peer.
 *
 *   poll_echo PORT     (0: any free port) */
#define _DEFAULT_SOURCE
#include "SocketPoll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
  struct connection *next, **place; /* all that are open */
  int fd;
  size_t begin, end; /* what of `bytes` is still to be written */
  char bytes[16 * 1024];
};

static SocketPoll_T poll_set;
static struct connection *connections;
static volatile sig_atomic_t stopping;

static void stop(int signal_number) {
  const int kept = errno;
  (void)signal_number;
  stopping = 1;
  SocketPoll_wakeup(poll_set);
  errno = kept;
}

static void open_connection(int fd) {
  struct connection *made = calloc(1, sizeof *made);
  if (!made || SocketPoll_add(poll_set, fd, POLL_READ | POLL_WRITE, made) < 0) {
    free(made);
    close(fd);
    return;
  }
  made->fd = fd;
  made->next = connections;
  made->place = &connections;
  if (made->next) made->next->place = &made->next;
  connections = made;
}

static void close_connection(struct connection *gone) {
  SocketPoll_del(poll_set, gone->fd);
  close(gone->fd);
  *gone->place = gone->next;
  if (gone->next) gone->next->place = gone->place;
  free(gone);
}

/* Returns 0 once the connection is to be closed. */
static int echo(struct connection *peer) {
  for (;;) {
    while (peer->begin < peer->end) {
      ssize_t sent = send(peer->fd, peer->bytes + peer->begin, peer->end - peer->begin, 0);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return errno == EAGAIN; /* POLL_WRITE comes when there is room */
      peer->begin += (size_t)sent;
    }
    ssize_t got = recv(peer->fd, peer->bytes, sizeof peer->bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN; /* POLL_READ comes when there is more */
    if (got == 0) return 0;
    peer->begin = 0;
    peer->end = (size_t)got;
  }
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
      open_connection(fd);
    else if (fd >= 0)
      close(fd);
    else if (errno != EINTR && errno != ECONNABORTED)
      return;
  }
}

/* Returns the listener, or -1 with errno set; the port it got goes to *port. */
static int listen_on(int *port) {
  struct sockaddr_in address = {0};
  socklen_t length = sizeof address;
  const int yes = 1;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)*port);
  if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
      bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, SOMAXCONN) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) < 0)
    return -1;
  *port = ntohs(address.sin_port);
  return fd;
}

int main(int argc, char **argv) {
  SocketEvent_T *events;
  struct sigaction action = {0};
  char *rest = NULL;
  long wanted = argc == 2 ? strtol(argv[1], &rest, 10) : -1;
  int port = (int)wanted, listener, count;
  if (wanted < 0 || wanted > 65535 || rest == argv[1] || *rest) {
    fprintf(stderr, "usage: poll_echo PORT\n");
    return 2;
  }
  poll_set = SocketPoll_new(0);
  listener = listen_on(&port);
  if (!poll_set || listener < 0 || SocketPoll_add(poll_set, listener, POLL_READ, NULL) < 0) {
    perror("poll_echo");
    return 1;
  }
  action.sa_handler = stop;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of send */
  printf("listening on 127.0.0.1:%d\n", port);
  fflush(stdout);

  while (!stopping && (count = SocketPoll_wait(poll_set, &events, -1)) >= 0)
    for (int i = 0; i < count; i++) {
      struct connection *peer = events[i].data;
      if (!peer)
        accept_all(listener);
      else if (!echo(peer))
        close_connection(peer);
    }

  while (connections) close_connection(connections);
  close(listener);
  SocketPoll_free(&poll_set);
  return 0;
}
