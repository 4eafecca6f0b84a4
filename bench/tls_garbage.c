/* Throws connections that will never be TLS at a server on the loopback, as many a second as it is
 * told, each of another kind: no bytes at all, random ones, plain HTTP, records that are too long
 * or empty, half a ClientHello. Some end with a reset, some with an end of stream.
 *
 *   tls_garbage PORT RATE SECONDS     prints "thrown COUNT SECONDS" */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t make_garbage(unsigned char *out, unsigned turn) {
  static const unsigned char too_long[] = {22, 3, 1, 255, 255, 1}, empty[] = {22, 3, 1, 0, 0},
                             half_hello[] = {22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 1, 2, 3};
  switch (turn % 6) {
  case 0: return 0;
  case 1:
    for (int i = 0; i < 200; i++) out[i] = (unsigned char)rand();
    return 200;
  case 2: return (size_t)sprintf((char *)out, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  case 3: memcpy(out, too_long, sizeof too_long); return sizeof too_long;
  case 4: memcpy(out, empty, sizeof empty); return sizeof empty;
  default: memcpy(out, half_hello, sizeof half_hello); return sizeof half_hello;
  }
}

static int throw_one(int port, unsigned turn) {
  unsigned char bytes[256];
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0) return 0;
  const int connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  const size_t size = make_garbage(bytes, turn);
  if (connected && size > 0) (void)!send(fd, bytes, size, MSG_NOSIGNAL);
  const struct linger reset = {turn % 7 != 0, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(fd);
  return connected;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: tls_garbage PORT RATE SECONDS\n");
    return 2;
  }
  const int port = atoi(argv[1]);
  const double rate = atof(argv[2]), seconds = atof(argv[3]), begun = now();
  int thrown = 0;
  for (unsigned turn = 0; now() - begun < seconds; turn++) {
    const double ahead = turn / rate - (now() - begun);
    if (ahead > 0.001) {
      const struct timespec pause = {0, (long)(ahead * 1e9)};
      nanosleep(&pause, NULL);
    }
    thrown += throw_one(port, turn);
  }
  printf("thrown %d %.3f\n", thrown, now() - begun);
  return 0;
}
