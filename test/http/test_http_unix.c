/* The HTTP server over a unix socket: it answers, says who asks, and takes its file along. */
#include "support/kinds_support.h"

#include <socketpoll/SocketHTTPServer.h>

static int stopped;

static void tell_peer(SocketHTTP_T exchange, void *user) {
  char peer[128], small[3];
  (void)user;
  int length = SocketHTTP_get_peer(exchange, peer, sizeof peer);
  assert_int_equal(length, (int)strlen(peer));
  assert_int_equal(SocketHTTP_get_peer(exchange, small, sizeof small), SOCKET_EINVAL);
  SocketHTTP_respond(exchange, 200, "text/plain", peer, length);
}

static void count_stop(const SocketCompletion_T *event, void *user) {
  (void)user;
  stopped += event->kind == SOCKET_HTTP_STOPPED;
}

/* What the server answers to one request of this socket, which is closed. */
static const char *answer_to(SocketLoop_T loop, int fd, const char *path) {
  static char answer[4096];
  static const char request[] = "GET /who HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
  size_t length = 0;
  assert_int_equal(raw_unix_connect(fd, path), 0);
  assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
  for (;;) {
    ssize_t got = recv(fd, answer + length, sizeof answer - 1 - length, MSG_DONTWAIT);
    if (got == 0) break;
    if (got > 0)
      length += (size_t)got;
    else
      assert_true(SocketLoop_run_once(loop, 20) >= 0);
  }
  close(fd);
  answer[length] = '\0';
  const char *body = strstr(answer, "\r\n\r\n");
  assert_non_null(body);
  return body + 4;
}

static void requests_are_answered_and_the_peer_is_told(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  SocketHTTPServer_set_callback(server, count_stop, NULL);
  SocketHTTPServer_route(server, "GET", "/who", tell_peer, NULL);
  assert_int_equal(SocketHTTPServer_listen(server, folder.address), 0);
  assert_int_equal(SocketHTTPServer_get_port(server), 0);
  assert_int_equal(SocketHTTPServer_listen(server, folder.address), SOCKET_EADDRINUSE);
  assert_int_equal(SocketHTTPServer_listen(server, "unix:"), SOCKET_EADDRESS);
  int plain = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_string_equal(answer_to(loop, plain, folder.file), "unix:");
  char path[96], address[104];
  snprintf(path, sizeof path, "%s/client", folder.path);
  snprintf(address, sizeof address, "unix:%s", path);
  int named = raw_unix_bound(SOCK_STREAM, path, 0);
  assert_string_equal(answer_to(loop, named, folder.file), address);
  unlink(path);
  assert_int_equal(SocketHTTPServer_stop(server, 5000), 0);
  run_until(loop, &stopped, 1);
  assert_false(exists(folder.file));
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_answered_and_the_peer_is_told),
  };
  return cmocka_run_group_tests_name("http over unix sockets", tests, NULL, NULL);
}
