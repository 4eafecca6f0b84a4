/* The floor that HTTP servers are measured against: one thread, one level-triggered epoll set, and
 * the same fixed answer to whatever ends in an empty line. It parses nothing, routes nothing and
 * knows no timeouts; it only does what no server can do without: accept, wait, read, write.
 *
 *   bare_epoll PORT [BODY_BYTES]      without BODY_BYTES the body is "Hello\n" */
#define _GNU_SOURCE
#include "bare.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <unistd.h>

enum { MAX_FDS = 65536, READ_SIZE = 4096, BATCH = 512 };

struct connection {
  int matched;   /* how much of "\r\n\r\n" the last read ended with */
  size_t unsent; /* bytes still to be written, whole answers and a rest */
  int wants_write;
};

static struct connection connections[MAX_FDS];

static void accept_all(int listener) {
  const int on = 1;
  for (;;) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= MAX_FDS) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[fd] = (struct connection){0, 0, 0};
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/* Writes until nothing is owed or the socket is full; -1 when the connection is gone. */
static int flush(int fd) {
  struct connection *connection = &connections[fd];
  while (connection->unsent) {
    const size_t rest =
        connection->unsent % answer_size ? connection->unsent % answer_size : answer_size;
    const ssize_t written = write(fd, answer + (answer_size - rest), rest);
    if (written < 0 && errno != EAGAIN) return -1;
    if (written < 0) break;
    connection->unsent -= (size_t)written;
  }
  const int wants_write = connection->unsent > 0;
  if (wants_write != connection->wants_write)
    watch(EPOLL_CTL_MOD, fd, wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN);
  connection->wants_write = wants_write;
  return 0;
}

static int serve(int fd) {
  static const char end[] = "\r\n\r\n";
  struct connection *connection = &connections[fd];
  char buffer[READ_SIZE];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got <= 0) return got < 0 && errno == EAGAIN ? 0 : -1;
  for (ssize_t i = 0; i < got; i++) {
    connection->matched =
        buffer[i] == end[connection->matched] ? connection->matched + 1 : buffer[i] == '\r';
    if (connection->matched == 4) {
      connection->matched = 0;
      connection->unsent += answer_size;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: bare_epoll PORT [BODY_BYTES]\n");
    return 2;
  }
  make_answer(argc > 2 ? strtoul(argv[2], NULL, 10) : 6, argc <= 2);
  signal(SIGPIPE, SIG_IGN);
  const int listener = listen_on(atoi(argv[1]));
  epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[BATCH];
    const int count = epoll_wait(epoll, events, BATCH, -1);
    for (int i = 0; i < count; i++) {
      const int fd = events[i].data.fd;
      if (fd == listener)
        accept_all(listener);
      else if (((events[i].events & ~(uint32_t)EPOLLOUT) && serve(fd) != 0) || flush(fd) != 0)
        close(fd);
    }
  }
}
