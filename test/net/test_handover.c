/* Listening descriptors from elsewhere, socket activation, and the handover to a successor, which
 * is this very program with an argument. */
#include "support/net_support.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char *program;

/* ---- The successor */

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "successor: line %d: %s\n", __LINE__, #condition);                           \
      return 1;                                                                                    \
    }                                                                                              \
  } while (0)

static int successor_checks(void) {
  char name[16];
  sigset_t mask;
  struct sigaction action;
  CHECK(SocketListener_activation_count() == 2);
  for (int i = 0; i < 2; i++) {
    CHECK(SocketListener_activation_fd(i) == 3 + i);
    CHECK(fcntl(3 + i, F_GETFD) == FD_CLOEXEC);
  }
  CHECK(fcntl(5, F_GETFD) == FD_CLOEXEC); /* to the predecessor */
  CHECK(SocketListener_activation_fd(-1) == SOCKET_EINVAL);
  CHECK(SocketListener_activation_fd(2) == SOCKET_EINVAL);
  CHECK(SocketListener_activation_name(0, name, sizeof name) == 7 && !strcmp(name, "unknown"));
  setenv("LISTEN_FDNAMES", "web:", 1);
  CHECK(SocketListener_activation_name(0, name, 4) == 3 && !strcmp(name, "web"));
  CHECK(SocketListener_activation_name(0, name, 3) == SOCKET_EINVAL);
  CHECK(SocketListener_activation_name(1, name, sizeof name) == 7 && !strcmp(name, "unknown"));
  CHECK(SocketListener_activation_name(2, name, sizeof name) == SOCKET_EINVAL);
  CHECK(SocketListener_activation_name(0, NULL, 16) == SOCKET_EINVAL);
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && !sigismember(&mask, SIGUSR1));
  CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
  CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
  CHECK(getenv("LISTEN_PIDFDID") == NULL && getenv("KEPT") != NULL);
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  CHECK(SocketListener_listen_fd(listener, 3) == 0);
  CHECK(SocketListener_get_fd(listener) == 3);
  SocketLoop_free(&loop); /* and with it descriptor 3 */
  CHECK(SocketListener_activation_fd(0) == SOCKET_EBADF);
  CHECK(SocketListener_activation_ready() == 0);
  CHECK(SocketListener_activation_ready() == 0);
  CHECK(fcntl(5, F_GETFD) == -1);
  setenv("LISTEN_PID", "1", 1);
  CHECK(SocketListener_activation_count() == 0);
  CHECK(SocketListener_activation_fd(1) == SOCKET_EINVAL);
  return 0;
}

static void greet(const SocketCompletion_T *event, void *greeting) {
  SocketStream_T stream = event->subject;
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_write(stream, greeting, 3);
  SocketStream_shutdown(stream);
  SocketStream_free(&stream);
}

static int successor_serves(void) {
  static char greeting[] = "new";
  SocketLoop_T loop = SocketLoop_new();
  const int count = SocketListener_activation_count();
  CHECK(count == 2);
  for (int i = 0; i < count; i++) {
    SocketListener_T listener = SocketListener_new(loop);
    SocketListener_set_callback(listener, greet, greeting);
    CHECK(SocketListener_listen_fd(listener, SocketListener_activation_fd(i)) == 0);
  }
  CHECK(SocketListener_activation_ready() == 0);
  return SocketLoop_run(loop) == 0 ? 0 : 1;
}

static int run_as_successor(const char *mode) {
  if (!strcmp(mode, "check")) return successor_checks();
  if (!strcmp(mode, "serve")) return successor_serves();
  return 3;
}

/* ---- Descriptors of any origin */

static void sockets_that_listen_already(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop), other = SocketListener_new(loop);
  char address[64];
  assert_int_equal(SocketListener_get_fd(listener), SOCKET_ESTATE);
  int fd = raw_listen(4, address);
  assert_int_equal(SocketListener_listen_fd(listener, fd), 0);
  assert_int_equal(SocketListener_get_fd(listener), fd);
  assert_int_equal(SocketListener_get_port(listener), port_of(address));
  assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
  if (!left_out_on_windows(WITHOUT_ASKING)) assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
  assert_int_equal(SocketListener_listen_fd(listener, fd), SOCKET_ESTATE);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), SOCKET_ESTATE);
  assert_int_equal(SocketListener_listen_fd(other, fd), SOCKET_EEXIST);
  int peer = raw_connect(port_of(address));
  SocketStream_T stream = pull_one(loop, SOCKET_ACCEPTED).subject;
  assert_int_equal(SocketStream_write(stream, "x", 1), 0);
  char byte;
  assert_int_equal(read(peer, &byte, 1), 1);
  SocketListener_free(&listener);
  assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was the listener's */
  close(peer);
  SocketLoop_free(&loop);
}

static void what_cannot_be_listened_on(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  int ends[2], idle = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(SocketListener_listen_fd(listener, -1), SOCKET_EBADF);
  assert_int_equal(SocketListener_listen_fd(listener, 1 << 20), SOCKET_EBADF);
  assert_int_equal(SocketListener_listen_fd(listener, (1 << 30) + 1), SOCKET_EBADF);
  if (!left_out_on_windows(WITHOUT_PIPES))
    assert_int_equal(SocketListener_listen_fd(listener, ends[0]), SOCKET_EBADF);
  assert_int_equal(SocketListener_listen_fd(listener, datagrams), SOCKET_EINVAL);
  assert_int_equal(SocketListener_listen_fd(listener, idle), SOCKET_ESTATE);
  char expected[160];
  snprintf(expected, sizeof expected,
           "cannot listen on descriptor %d: not possible in the handle's present state "
           "(SOCKET_ESTATE)",
           idle);
  assert_string_equal(Socket_last_error_message(), expected);
  SocketLoop_free(&loop);
  const int all[] = {ends[0], ends[1], idle, datagrams};
  for (int i = 0; i < 4; i++) assert_int_equal(close(all[i]), 0); /* they stayed ours */
}

static void a_unix_socket(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = SocketListener_new(loop);
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  socklen_t length = sizeof at;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at.sun_family),
                   0); /* a name of its own */
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(SocketListener_listen_fd(listener, fd), 0);
  assert_int_equal(connect(peer, (struct sockaddr *)&at, length), 0);
  SocketStream_T stream = pull_one(loop, SOCKET_ACCEPTED).subject;
  assert_int_equal(write(peer, "hello", 5), 5);
  SocketStream_start(stream);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 5);
  close(peer);
  SocketLoop_free(&loop);
}

static void a_port_shared_on_purpose_only(void **state) {
  skip_on_windows(WITHOUT_SHARED_PORTS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T first = SocketListener_new(loop), next = SocketListener_new(loop);
  char address[64];
  assert_int_equal(SocketListener_set_reuseport(first, -1), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_reuseport(first, 3), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_reuseport(first, SOCKET_REUSEPORT_FIRST), 0);
  assert_int_equal(SocketListener_listen(first, "127.0.0.1:0"), 0);
  snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(first));
  assert_int_equal(SocketListener_listen(next, address), SOCKET_EADDRINUSE);
  assert_int_equal(SocketListener_set_reuseport(next, SOCKET_REUSEPORT_FIRST), 0);
  assert_int_equal(SocketListener_listen(next, address), SOCKET_EADDRINUSE);
  assert_int_equal(SocketListener_set_reuseport(next, SOCKET_REUSEPORT_SHARE), 0);
  assert_int_equal(SocketListener_listen(next, address), 0);
  /* The kernel has both of them in one group: each gets some. */
  int seen[2] = {0, 0};
  for (int i = 0; i < 64; i++) {
    int peer = raw_connect(port_of(address));
    SocketCompletion_T event = pull_one(loop, SOCKET_ACCEPTED);
    SocketStream_T stream = event.subject;
    seen[event.source == (void *)next]++;
    SocketStream_free(&stream);
    close(peer);
  }
  assert_true(seen[0] > 0 && seen[1] > 0);
  SocketLoop_free(&loop);
}

/* ---- Activation */

static void variables_that_make_no_sense(void **state) {
  skip_on_windows(WITHOUT_HANDOVER);
  (void)state;
  char pid[24];
  snprintf(pid, sizeof pid, "%ld", (long)getpid());
  unsetenv("LISTEN_PID");
  setenv("LISTEN_FDS", "1", 1);
  assert_int_equal(SocketListener_activation_count(), 0);
  setenv("LISTEN_PID", "1", 1);
  assert_int_equal(SocketListener_activation_count(), 0);
  setenv("LISTEN_PID", "12x", 1);
  assert_int_equal(SocketListener_activation_count(), SOCKET_EINVAL);
  assert_int_equal(SocketListener_activation_fd(0), SOCKET_EINVAL);
  setenv("LISTEN_PID", pid, 1);
  for (const char *const *bad =
           (const char *const[]){"", "-1", "x", "1 ", "5000", "99999999999999999999", NULL};
       *bad; bad++) {
    setenv("LISTEN_FDS", *bad, 1);
    assert_int_equal(SocketListener_activation_count(), SOCKET_EINVAL);
    assert_non_null(strstr(Socket_last_error_message(), *bad));
  }
  unsetenv("LISTEN_FDS");
  assert_int_equal(SocketListener_activation_count(), 0);
  unsetenv("LISTEN_PID");
  assert_int_equal(SocketListener_activation_ready(), 0);
}

/* ---- Successors */

static int spawn(const char *path, const char *mode, const int *fds, int count, int64_t *pid) {
  const char *arguments[] = {path, mode, NULL};
  return SocketListener_spawn_successor(path, arguments, fds, count, pid);
}

/* What it says in the end: 1 ready, 0 not. */
static ssize_t wait_for_word(int ready) {
  struct pollfd waits = {.fd = ready, .events = POLLIN};
  char word;
  assert_int_equal(poll(&waits, 1, HANG_MS), 1);
  const ssize_t count = read(ready, &word, 1);
  close(ready);
  return count;
}

static int exit_status(int64_t pid) {
  int status;
  assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void note_signal(int number) { (void)number; }

static void it_gets_what_it_is_promised(void **state) {
  skip_on_windows(WITHOUT_HANDOVER);
  (void)state;
  char address[2][64];
  /* In an order that overwrites them, if it is done carelessly. */
  int low[2] = {raw_listen(4, address[0]), raw_listen(4, address[1])};
  int fds[2] = {low[1], low[0]};
  int64_t pid = 0;
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  signal(SIGUSR1, note_signal);
  signal(SIGUSR2, SIG_IGN);
  setenv("LISTEN_PIDFDID", "1", 1);
  setenv("KEPT", "1", 1);
  const int ready = spawn(program, "check", fds, 2, &pid);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  assert_true(ready >= 0 && pid > 0);
  assert_int_equal(fcntl(ready, F_GETFD), FD_CLOEXEC);
  assert_int_equal(wait_for_word(ready), 1);
  assert_int_equal(exit_status(pid), 0);
  for (int i = 0; i < 2; i++) close(fds[i]); /* here they stayed */
}

static void one_that_does_not_get_ready(void **state) {
  skip_on_windows(WITHOUT_HANDOVER);
  (void)state;
  char address[64];
  int fd = raw_listen(4, address);
  int64_t pid;
  assert_int_equal(wait_for_word(spawn(program, "fail", &fd, 1, &pid)), 0);
  assert_int_equal(exit_status(pid), 3);
  assert_int_equal(wait_for_word(spawn("false", "found in PATH", &fd, 1, &pid)), 0);
  assert_int_equal(exit_status(pid), 1);
  close(fd);
}

static void one_that_cannot_be_started(void **state) {
  skip_on_windows(WITHOUT_HANDOVER);
  (void)state;
  char address[64];
  int fd = raw_listen(4, address), closed = dup(fd);
  int64_t pid = 0;
  const char *none[] = {NULL};
  close(closed);
  assert_int_equal(spawn("/nowhere/at all", "x", &fd, 1, &pid), SOCKET_ENOENT);
  assert_string_equal(Socket_last_error_message(), "cannot start /nowhere/at all: no such file or "
                                                   "registration (SOCKET_ENOENT)");
  assert_int_equal(spawn("no-program-of-this-name", "x", &fd, 1, &pid), SOCKET_ENOENT);
  assert_int_equal(spawn("", "x", &fd, 1, &pid), SOCKET_ENOENT);
  assert_int_equal(spawn("/", "x", &fd, 1, &pid), SOCKET_EACCES);
  assert_int_equal(spawn(program, "x", &closed, 1, &pid), SOCKET_EBADF);
  assert_int_equal(spawn(program, "x", &fd, 0, &pid), SOCKET_EINVAL);
  assert_int_equal(spawn(program, "x", NULL, 1, &pid), SOCKET_EINVAL);
  assert_int_equal(spawn(program, "x", &fd, 1, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketListener_spawn_successor(NULL, none, &fd, 1, &pid), SOCKET_EINVAL);
  assert_int_equal(SocketListener_spawn_successor(program, NULL, &fd, 1, &pid), SOCKET_EINVAL);
  assert_int_equal(SocketListener_spawn_successor(program, none, &fd, 1, &pid), SOCKET_EINVAL);
  assert_int_equal(waitpid(-1, NULL, 0), -1); /* nobody was left behind */
  assert_int_equal(errno, ECHILD);
  close(fd);
}

/* ---- A client that connects all the time finds somebody, and is served whole. */

typedef struct Client {
  int port;
  atomic_int stop, served_by_old, served_by_new, failed;
} Client;

static void *hammer(void *user) {
  Client *client = user;
  while (!client->stop) {
    char greeting[4] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(client->port);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        recv(fd, greeting, 3, MSG_WAITALL) != 3 || recv(fd, greeting + 3, 1, 0) != 0)
      client->failed++;
    else if (!strcmp(greeting, "old"))
      client->served_by_old++;
    else if (!strcmp(greeting, "new"))
      client->served_by_new++;
    close(fd);
  }
  return NULL;
}

static void nobody_notices(void **state) {
  skip_on_windows(WITHOUT_HANDOVER);
  (void)state;
  static char greeting[] = "old";
  static Client client;
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listeners[2];
  pthread_t threads[2];
  char address[64] = "127.0.0.1:0";
  int fds[2];
  for (int i = 0; i < 2; i++) {
    listeners[i] = SocketListener_new(loop);
    SocketListener_set_callback(listeners[i], greet, greeting);
    SocketListener_set_reuseport(listeners[i], SOCKET_REUSEPORT_SHARE);
    assert_int_equal(SocketListener_listen(listeners[i], address), 0);
    client.port = SocketListener_get_port(listeners[i]);
    fds[i] = SocketListener_get_fd(listeners[i]);
    snprintf(address, sizeof address, "127.0.0.1:%d", client.port);
  }
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, hammer, &client);
  while (client.served_by_old < 100) assert_true(SocketLoop_run_once(loop, HANG_MS) > 0);
  int64_t pid;
  const int ready = spawn(program, "serve", fds, 2, &pid);
  assert_true(ready >= 0);
  char word;
  ssize_t count;
  while ((count = read(ready, &word, 1)) < 0) assert_true(SocketLoop_run_once(loop, 1) >= 0);
  assert_int_equal(count, 1);
  for (int i = 0; i < 2; i++) SocketListener_free(&listeners[i]);
  while (client.served_by_new < 100) SocketLoop_run_once(loop, 1);
  client.stop = 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  assert_int_equal(client.failed, 0);
  close(ready);
  kill((pid_t)pid, SIGKILL);
  waitpid((pid_t)pid, NULL, 0);
  SocketLoop_free(&loop);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sockets_that_listen_already),
      cmocka_unit_test(what_cannot_be_listened_on),
      cmocka_unit_test(a_unix_socket),
      cmocka_unit_test(a_port_shared_on_purpose_only),
      cmocka_unit_test(variables_that_make_no_sense),
      cmocka_unit_test(it_gets_what_it_is_promised),
      cmocka_unit_test(one_that_does_not_get_ready),
      cmocka_unit_test(one_that_cannot_be_started),
      cmocka_unit_test(nobody_notices),
  };
  program = argv[0];
  if (argc > 1) return run_as_successor(argv[1]);
  return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
