/* POSIX for tests: sockets, pipes (which are pairs of sockets here) and poll. */
#include "inside.h"

#include <mswsock.h>

__attribute__((constructor)) static void start_winsock(void) {
  WSADATA data;
  if (WSAStartup(MAKEWORD(2, 2), &data) != 0) test_posix_absent("winsock 2.2");
}

/* ---- Blocking or not. A hash of the handle; what the library does to its own is not seen. */

#define NOTES 8192
static volatile char nonblocking[NOTES];

void note_blocking(int fd, int blocks) { nonblocking[(unsigned)fd / 4 % NOTES] = !blocks; }
int blocks(int fd) { return !nonblocking[(unsigned)fd / 4 % NOTES]; }

static void set_blocking(int fd, int blocks) {
  u_long no = !blocks;
  ioctlsocket(socket_of(fd), FIONBIO, &no);
}

int is_socket(int fd) {
  int type, length = sizeof type;
  return may_be_handle(fd) &&
         getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE, (char *)&type, &length) == 0;
}

static int adopt(SOCKET socket, int flags) {
  if (socket == INVALID_SOCKET) return fail_socket();
  const int fd = (int)socket;
  note_blocking(fd, !(flags & SOCK_NONBLOCK));
  set_blocking(fd, !(flags & SOCK_NONBLOCK)); /* an accepted one inherits its listener's */
  if (flags & SOCK_CLOEXEC) SetHandleInformation(handle_of(fd), HANDLE_FLAG_INHERIT, 0);
  return fd;
}

/* ---- Making and naming */

int test_posix_socket(int family, int type, int protocol) {
  const int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
  const int fd = adopt(socket(family, type & ~flags, protocol), flags);
  DWORD taken, off = 0;
  /* Or the refusal of one datagram fails the receiving of the next. */
  if (fd >= 0 && (type & ~flags) == SOCK_DGRAM)
    WSAIoctl(socket_of(fd), SIO_UDP_CONNRESET, &off, sizeof off, NULL, 0, &taken, NULL, NULL);
  return fd;
}

int test_posix_bind(int fd, const struct sockaddr *name, socklen_t length) {
  return bind(socket_of(fd), name, length) == 0 ? 0 : fail_socket_of(fd);
}

int test_posix_connect(int fd, const struct sockaddr *name, socklen_t length) {
  if (connect(socket_of(fd), name, length) == 0) return 0;
  return WSAGetLastError() == WSAEWOULDBLOCK ? fail_with(EINPROGRESS) : fail_socket_of(fd);
}

int test_posix_listen(int fd, int backlog) {
  return listen(socket_of(fd), backlog) == 0 ? 0 : fail_socket_of(fd);
}

int test_posix_accept4(int fd, struct sockaddr *name, socklen_t *length, int flags) {
  const SOCKET taken = accept(socket_of(fd), name, length);
  return taken == INVALID_SOCKET ? fail_socket_of(fd) : adopt(taken, flags);
}

int test_posix_accept(int fd, struct sockaddr *name, socklen_t *length) {
  return test_posix_accept4(fd, name, length, 0);
}

int test_posix_getsockname(int fd, struct sockaddr *name, socklen_t *length) {
  return getsockname(socket_of(fd), name, length) == 0 ? 0 : fail_socket_of(fd);
}

int test_posix_getpeername(int fd, struct sockaddr *name, socklen_t *length) {
  return getpeername(socket_of(fd), name, length) == 0 ? 0 : fail_socket_of(fd);
}

int test_posix_shutdown(int fd, int how) {
  return shutdown(socket_of(fd), how) == 0 ? 0 : fail_socket_of(fd);
}

/* ---- Options */

static int is_timeout(int level, int option) {
  return level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO);
}

int test_posix_setsockopt(int fd, int level, int option, const void *value, socklen_t length) {
  DWORD ms = 0;
  if (is_timeout(level, option)) {
    const struct timeval *time = value;
    ms = (DWORD)time->tv_sec * 1000 + (DWORD)time->tv_usec / 1000;
    value = &ms;
    length = sizeof ms;
  }
  return setsockopt(socket_of(fd), level, option, value, length) == 0 ? 0 : fail_socket_of(fd);
}

int test_posix_getsockopt(int fd, int level, int option, void *value, socklen_t *length) {
  if (is_timeout(level, option)) test_posix_absent("getsockopt of a timeout");
  /* Some options answer in one byte. */
  if (value && *length == sizeof(int)) memset(value, 0, sizeof(int));
  if (getsockopt(socket_of(fd), level, option, value, length) != 0) return fail_socket_of(fd);
  if (level == SOL_SOCKET && option == SO_ERROR)
    *(int *)value = errno_of_socket_error(*(int *)value);
  return 0;
}

/* ---- Bytes */

static int clamp(size_t length) { return length > 0x40000000 ? 0x40000000 : (int)length; }

/* What is not to wait does not, on a socket that otherwise does. */
static int begin_call(int fd, int flags) {
  const int turned = (flags & MSG_DONTWAIT) && blocks(fd);
  if (turned) set_blocking(fd, 0);
  return turned;
}

static ssize_t end_call(int fd, int turned, ssize_t result) {
  if (result < 0) fail_socket_of(fd);
  if (turned) set_blocking(fd, 1);
  return result;
}

#define OWN_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC)

ssize_t test_posix_sendto(int fd, const void *bytes, size_t length, int flags,
                          const struct sockaddr *to, socklen_t size) {
  const int turned = begin_call(fd, flags);
  return end_call(
      fd, turned,
      sendto(socket_of(fd), bytes, clamp(length), flags & ~OWN_FLAGS, to, to ? size : 0));
}

ssize_t test_posix_send(int fd, const void *bytes, size_t length, int flags) {
  return test_posix_sendto(fd, bytes, length, flags, NULL, 0);
}

ssize_t test_posix_recvfrom(int fd, void *bytes, size_t length, int flags, struct sockaddr *from,
                            socklen_t *size) {
  const int turned = begin_call(fd, flags);
  ssize_t got =
      recvfrom(socket_of(fd), bytes, clamp(length), flags & ~OWN_FLAGS, from, from ? size : NULL);
  if (got < 0 && WSAGetLastError() == WSAEMSGSIZE) got = (ssize_t)length; /* the rest is lost */
  return end_call(fd, turned, got);
}

ssize_t test_posix_recv(int fd, void *bytes, size_t length, int flags) {
  return test_posix_recvfrom(fd, bytes, length, flags, NULL, NULL);
}

#define MOST_PIECES 64

static DWORD pieces_of(const struct msghdr *message, WSABUF pieces[MOST_PIECES]) {
  if (message->msg_controllen) test_posix_absent("a message with control data");
  if (message->msg_iovlen > MOST_PIECES) test_posix_absent("a message of many pieces");
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    pieces[i].buf = message->msg_iov[i].iov_base;
    pieces[i].len = (ULONG)clamp(message->msg_iov[i].iov_len);
  }
  return (DWORD)message->msg_iovlen;
}

ssize_t test_posix_sendmsg(int fd, const struct msghdr *message, int flags) {
  WSABUF pieces[MOST_PIECES];
  DWORD sent = 0;
  const DWORD count = pieces_of(message, pieces);
  const int turned = begin_call(fd, flags);
  const int failed =
      WSASendTo(socket_of(fd), pieces, count, &sent, (DWORD)(flags & ~OWN_FLAGS), message->msg_name,
                message->msg_name ? message->msg_namelen : 0, NULL, NULL);
  return end_call(fd, turned, failed ? -1 : (ssize_t)sent);
}

ssize_t test_posix_recvmsg(int fd, struct msghdr *message, int flags) {
  WSABUF pieces[MOST_PIECES];
  DWORD got = 0, asked = (DWORD)(flags & ~OWN_FLAGS);
  const DWORD count = pieces_of(message, pieces);
  const int turned = begin_call(fd, flags);
  const int failed = WSARecvFrom(socket_of(fd), pieces, count, &got, &asked, message->msg_name,
                                 message->msg_name ? &message->msg_namelen : NULL, NULL, NULL);
  message->msg_flags = 0;
  return end_call(fd, turned, failed ? -1 : (ssize_t)got);
}

/* ---- Pairs */

static int bound_to_loopback(int type, struct sockaddr_in *name) {
  socklen_t length = sizeof *name;
  const int fd = test_posix_socket(AF_INET, type, 0);
  memset(name, 0, sizeof *name);
  name->sin_family = AF_INET;
  name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0) return -1;
  if (test_posix_bind(fd, (struct sockaddr *)name, sizeof *name) == 0 &&
      test_posix_getsockname(fd, (struct sockaddr *)name, &length) == 0)
    return fd;
  test_posix_close(fd);
  return -1;
}

static int stream_pair(int ends[2]) {
  struct sockaddr_in name;
  int one = 1;
  const int listener = bound_to_loopback(SOCK_STREAM, &name);
  if (listener < 0) return -1;
  ends[0] = test_posix_socket(AF_INET, SOCK_STREAM, 0);
  ends[1] = -1;
  if (ends[0] >= 0 && test_posix_listen(listener, 1) == 0 &&
      test_posix_connect(ends[0], (struct sockaddr *)&name, sizeof name) == 0)
    ends[1] = test_posix_accept(listener, NULL, NULL);
  const int error = errno;
  test_posix_close(listener);
  if (ends[1] < 0) {
    if (ends[0] >= 0) test_posix_close(ends[0]);
    return fail_with(error);
  }
  for (int i = 0; i < 2; i++)
    test_posix_setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return 0;
}

static int datagram_pair(int ends[2]) {
  struct sockaddr_in names[2];
  for (int i = 0; i < 2; i++) ends[i] = bound_to_loopback(SOCK_DGRAM, &names[i]);
  for (int i = 0; i < 2; i++)
    if (test_posix_connect(ends[i], (struct sockaddr *)&names[!i], sizeof *names) != 0) return -1;
  return 0;
}

int test_posix_socketpair(int family, int type, int protocol, int ends[2]) {
  const int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
  type &= ~flags;
  if (family != AF_UNIX || protocol != 0) return fail_with(EAFNOSUPPORT);
  if (type != SOCK_STREAM && type != SOCK_DGRAM) test_posix_absent("socketpair of that type");
  if ((type == SOCK_STREAM ? stream_pair(ends) : datagram_pair(ends)) != 0) return -1;
  for (int i = 0; i < 2; i++)
    if (flags & SOCK_NONBLOCK) {
      note_blocking(ends[i], 0);
      set_blocking(ends[i], 0);
    }
  return 0;
}

int test_posix_pipe2(int ends[2], int flags) {
  return test_posix_socketpair(AF_UNIX, SOCK_STREAM | (flags & O_NONBLOCK ? SOCK_NONBLOCK : 0), 0,
                               ends);
}

int test_posix_pipe(int ends[2]) { return test_posix_pipe2(ends, 0); }

/* A datagram socket that sends to itself; its reads give what was written, not the sum. */
int test_posix_eventfd(unsigned value, int flags) {
  struct sockaddr_in name;
  const int fd = bound_to_loopback(SOCK_DGRAM, &name);
  if (fd < 0 || test_posix_connect(fd, (struct sockaddr *)&name, sizeof name) != 0) return -1;
  if (flags & EFD_NONBLOCK) {
    note_blocking(fd, 0);
    set_blocking(fd, 0);
  }
  if (value) test_posix_eventfd_write(fd, value);
  return fd;
}

int test_posix_eventfd_write(int fd, uint64_t value) {
  return test_posix_write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}

/* ---- poll. The numbers that WSAPoll reports are winsock's own. */

enum { WSA_ERROR = 1, WSA_HANGUP = 2, WSA_INVALID = 4 };

static short wanted_of(const struct test_posix_pollfd *asked) {
  return (short)((asked->events & POLLIN ? POLLRDNORM : 0) |
                 (asked->events & POLLOUT ? POLLWRNORM : 0));
}

static short found_of(const WSAPOLLFD *got) {
  return (
      short)((got->revents & POLLRDNORM ? POLLIN : 0) | (got->revents & POLLWRNORM ? POLLOUT : 0) |
             (got->revents & WSA_ERROR ? POLLERR : 0) | (got->revents & WSA_HANGUP ? POLLHUP : 0) |
             (got->revents & WSA_INVALID ? POLLNVAL : 0));
}

int test_posix_poll(struct test_posix_pollfd *fds, nfds_t count, int timeout_ms) {
  WSAPOLLFD *asked = calloc(count + 1, sizeof *asked);
  int ready = 0, sockets = 0;
  for (nfds_t i = 0; i < count; i++) {
    fds[i].revents = 0;
    asked[i].fd = INVALID_SOCKET;
    if (fds[i].fd < 0) continue;
    if (is_socket(fds[i].fd)) {
      asked[i].fd = socket_of(fds[i].fd);
      asked[i].events = wanted_of(&fds[i]);
      sockets++;
    } else {
      fds[i].revents =
          may_be_handle(fds[i].fd) ? (short)(fds[i].events & (POLLIN | POLLOUT)) : POLLNVAL;
      ready += fds[i].revents != 0;
    }
  }
  if (sockets == 0) {
    if (!ready) Sleep(timeout_ms < 0 ? INFINITE : (DWORD)timeout_ms);
  } else if (WSAPoll(asked, count, ready ? 0 : timeout_ms) < 0) {
    ready = fail_socket();
  } else {
    for (nfds_t i = 0; i < count; i++)
      if (asked[i].fd != INVALID_SOCKET && asked[i].revents) {
        fds[i].revents = found_of(&asked[i]);
        ready++;
      }
  }
  free(asked);
  return ready;
}
