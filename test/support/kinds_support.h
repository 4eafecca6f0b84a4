/* What the tests of unix sockets, descriptors and the other kinds of streams share. */
#ifndef SOCKETPOLL_TEST_KINDS_SUPPORT_H
#define SOCKETPOLL_TEST_KINDS_SUPPORT_H

#include "support/net_support.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <socketpoll/SocketAsync.h>

/* A folder of the test's own, and addresses of sockets in it. */
typedef struct Folder {
  char path[64];
  char address[128]; /* unix:FOLDER/socket */
  const char *file;  /* FOLDER/socket */
} Folder;

static inline void make_folder(Folder *folder) {
  snprintf(folder->path, sizeof folder->path, "/tmp/socketpoll-test-XXXXXX");
  assert_non_null(mkdtemp(folder->path));
  snprintf(folder->address, sizeof folder->address, "unix:%s/socket", folder->path);
  folder->file = folder->address + 5;
}

static inline void remove_folder(const Folder *folder) {
  unlink(folder->file);
  assert_int_equal(rmdir(folder->path), 0);
}

static inline int exists(const char *path) {
  struct stat about;
  return lstat(path, &about) == 0;
}

static inline int mode_of(const char *path) {
  struct stat about;
  assert_int_equal(lstat(path, &about), 0);
  return (int)(about.st_mode & 07777);
}

static inline struct sockaddr_un unix_name(const char *path) {
  struct sockaddr_un name;
  memset(&name, 0, sizeof name);
  name.sun_family = AF_UNIX;
  snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
  return name;
}

/* A socket of that type that is bound to the path, and listens if it is a stream. */
static inline int raw_unix_bound(int type, const char *path, int listens) {
  const struct sockaddr_un name = unix_name(path);
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
  if (listens) assert_int_equal(listen(fd, 5), 0);
  return fd;
}

/* 0 or errno. */
static inline int raw_unix_connect(int fd, const char *path) {
  const struct sockaddr_un name = unix_name(path);
  return connect(fd, (const struct sockaddr *)&name, sizeof name) < 0 ? errno : 0;
}

static inline SocketListener_T listen_at(SocketLoop_T loop, const char *address) {
  SocketListener_T listener = SocketListener_new(loop);
  assert_int_equal(SocketListener_listen(listener, address), 0);
  return listener;
}

static inline Pair make_pair_at(SocketLoop_T loop, const char *address) {
  Pair pair;
  pair.listener = listen_at(loop, address);
  pair.client = SocketStream_connect(loop, address, HANG_MS);
  pair.server = NULL;
  for (int seen = 0; seen < 2; seen++) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_ACCEPTED) pair.server = event.subject;
  }
  assert_non_null(pair.server);
  return pair;
}

static inline const char *local_of(SocketStream_T stream) {
  static char text[128];
  const int length = SocketStream_get_local(stream, text, sizeof text);
  assert_int_equal(length, (int)strlen(text));
  return text;
}

static inline const char *peer_of(SocketStream_T stream) {
  static char text[128];
  const int length = SocketStream_get_peer(stream, text, sizeof text);
  assert_int_equal(length, (int)strlen(text));
  return text;
}

/* The outcome of a future, which is freed. */
static inline int64_t outcome(SocketFuture_T future) {
  assert_non_null(future);
  int64_t result = SocketFuture_await(future, HANG_MS);
  SocketFuture_free(&future);
  return result;
}

/* Sends on one and reads it on the other. */
static inline void passes(SocketStream_T from, SocketStream_T to, const char *text) {
  char got[64] = "";
  const int64_t length = (int64_t)strlen(text);
  assert_int_equal(SocketStream_write(from, text, length), 0);
  assert_int_equal(outcome(SocketAsync_read_exactly(to, got, length, HANG_MS)), length);
  assert_string_equal(got, text);
}

/* Open descriptors of this process. */
static inline int open_fds(void) {
  int count = 0;
  for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

#endif
