/* Holds many keep-alive connections open against an HTTP server on the loopback.
 *
 *   idle_client PORT PATH COUNT
 *
 * Opens COUNT connections, each of which makes one request; prints "opened ANSWERED SECONDS"; after
 * a line on its standard input makes a request on each again, all sent before any answer is read;
 * prints "again ANSWERED SECONDS"; ends at the next line or the end of its input. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char request[512];
static size_t request_size;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct timeval limit = {.tv_sec = 20};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static int send_request(int fd) {
  return send(fd, request, request_size, MSG_NOSIGNAL) == (ssize_t)request_size;
}

/* Reads one whole answer: 1 if it came and its status is 200. */
static int read_answer(int fd) {
  char buffer[16384];
  size_t have = 0;
  while (have < sizeof buffer - 1) {
    const ssize_t got = recv(fd, buffer + have, sizeof buffer - 1 - have, 0);
    if (got <= 0) return 0;
    have += (size_t)got;
    buffer[have] = '\0';
    const char *end = strstr(buffer, "\r\n\r\n");
    if (!end) continue;
    const char *length = strcasestr(buffer, "\r\ncontent-length:");
    if (!length || length > end) return 0;
    const size_t whole = (size_t)(end + 4 - buffer) + strtoul(length + 17, NULL, 10);
    if (have >= whole) return have == whole && strncmp(buffer, "HTTP/1.1 200", 12) == 0;
  }
  return 0;
}

static int wait_for_line(void) {
  int c;
  while ((c = getchar()) != EOF)
    if (c == '\n') return 1;
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: idle_client PORT PATH COUNT\n");
    return 2;
  }
  const int port = atoi(argv[1]), count = atoi(argv[3]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  request_size = (size_t)snprintf(request, sizeof request,
                                  "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[2]);
  int *fds = calloc((size_t)count, sizeof *fds);
  if (!fds) return 1;
  double begun = now();
  int answered = 0;
  for (int i = 0; i < count; i++) {
    fds[i] = connect_to(port);
    if (fds[i] >= 0) answered += send_request(fds[i]) && read_answer(fds[i]);
  }
  printf("opened %d %.3f\n", answered, now() - begun);
  fflush(stdout);
  if (!wait_for_line()) return 1;
  begun = now();
  answered = 0;
  for (int i = 0; i < count; i++)
    if (fds[i] >= 0 && !send_request(fds[i])) close(fds[i]), fds[i] = -1;
  for (int i = 0; i < count; i++) answered += fds[i] >= 0 && read_answer(fds[i]);
  printf("again %d %.3f\n", answered, now() - begun);
  fflush(stdout);
  wait_for_line();
  return 0;
}
