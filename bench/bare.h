/* What the bare loops have in common: one fixed answer, one listener, one epoll set. */
#ifndef SOCKETPOLL_BENCH_BARE_H
#define SOCKETPOLL_BENCH_BARE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static char *answer;
static size_t answer_size;
static int epoll;

static void make_answer(size_t body_size, int hello) {
  char head[256];
  const int head_size = snprintf(head, sizeof head,
                                 "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                                 "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                                 body_size);
  answer_size = (size_t)head_size + body_size;
  answer = malloc(answer_size);
  if (!answer) exit(1);
  memcpy(answer, head, (size_t)head_size);
  memset(answer + head_size, 'x', body_size);
  if (hello) memcpy(answer + head_size, "Hello\n", body_size);
}

static int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
    perror("cannot listen");
    exit(1);
  }
  return fd;
}

static void watch(int operation, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(epoll, operation, fd, &event);
}

#endif
