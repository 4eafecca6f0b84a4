/* One side of TLS, for tests beside other people's software: a server that echoes, or a client that
 * wants its lines back. Of each connection it prints what was agreed on, or why it failed.
 *
 *   tls_peer server [OPTION VALUE]...             prints its port first
 *   tls_peer client ADDRESS [OPTION VALUE]...     status 0: each line came back
 *
 *   --cert FILE --key FILE   its own certificate; any number of these pairs
 *   --authority FILE         trusted, and nobody else
 *   --check none|optional|required, --policy POLICY, --alpn PROTOCOLS
 *   --name NAME              whom the server's certificate must be for
 *   --count NUMBER           of connections, one after the other, which resume each other */
#include <SocketListener.h>
#include <SocketTLS.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 20000, DER_BYTES = 16384 };

static SocketLoop_T loop;
static SocketTLS_T tls;
static const char *address, *certificate, *name;
static int to_come = 1, failed;
static char line[32], back[32];

static void give_up(const char *what) {
  fprintf(stderr, "tls_peer: %s: %s\n", what, Socket_last_error_message());
  exit(2);
}

/* The engines describe a certificate each in its own way, but both with a line for the subject. */
static void print_subject(SocketStream_T stream) {
  static unsigned char der[DER_BYTES];
  static char text[DER_BYTES];
  const int64_t length = SocketStream_get_tls_certificate(stream, 0, der, sizeof der);
  if (length < 0 || SocketTLS_describe_certificate(der, length, text, sizeof text) < 0) return;
  const char *subject = strstr(text, "ubject");
  if (subject && (subject = strchr(subject, ':')))
    printf(" peer=%.*s", (int)strcspn(subject + 2, "\r\n"), subject + 2);
}

static void print_agreement(SocketStream_T stream) {
  char protocol[64] = "", server[256] = "";
  SocketStream_get_tls_alpn(stream, protocol, sizeof protocol);
  SocketStream_get_tls_server(stream, server, sizeof server);
  printf("agreed version=%s suite=%s alpn=%s server=%s resumed=%d",
         SocketStream_get_tls_version(stream), SocketStream_get_tls_suite(stream), protocol, server,
         SocketStream_is_tls_resumed(stream));
  print_subject(stream);
  printf("\n");
  fflush(stdout);
}

static void print_failure(SocketStream_T stream, int code) {
  char why[512] = "";
  SocketStream_get_tls_failure(stream, why, sizeof why);
  printf("failed %s %s\n", Socket_error_name(code), why);
  fflush(stdout);
}

/* ---- The server */

static void served(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  (void)user;
  switch (event->kind) {
  case SOCKET_CONNECTED:
    print_agreement(stream);
    SocketStream_start(stream);
    break;
  case SOCKET_DATA: SocketStream_write(stream, event->data, event->length); break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED:
    if (event->status) print_failure(stream, event->status);
    SocketStream_free(&stream);
    break;
  }
}

/* Begun here and not by the listener, which tells nobody of those that fail. */
static void accepted(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  (void)user;
  if (event->kind != SOCKET_ACCEPTED) return;
  SocketStream_set_callback(stream, served, NULL);
  if (SocketStream_start_tls(stream, tls, NULL, TIMEOUT_MS) < 0) give_up("TLS");
}

static void serve(void) {
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_callback(listener, accepted, NULL);
  if (SocketListener_listen(listener, "127.0.0.1:0") < 0) give_up("listen");
  printf("port %d\n", SocketListener_get_port(listener));
  fflush(stdout);
}

/* ---- The client */

static void connected(const SocketCompletion_T *event, void *user);

static void connect_next(void) {
  if (to_come-- == 0) {
    SocketLoop_stop(loop);
    return;
  }
  snprintf(line, sizeof line, "hello %d\n", to_come);
  back[0] = '\0';
  SocketStream_T stream = SocketStream_connect_tls(loop, address, tls, name, TIMEOUT_MS);
  if (!stream) give_up(address);
  SocketStream_set_callback(stream, connected, NULL);
}

static void take_back(SocketStream_T stream, const char *bytes, int64_t length) {
  const size_t have = strlen(back);
  if (have + (size_t)length >= sizeof back) give_up("more came back than was sent");
  memcpy(back + have, bytes, (size_t)length);
  back[have + (size_t)length] = '\0';
  if (strcmp(line, back) == 0) SocketStream_close(stream);
}

static void connected(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  (void)user;
  switch (event->kind) {
  case SOCKET_CONNECTED:
    print_agreement(stream);
    SocketStream_start(stream);
    SocketStream_write(stream, line, (int64_t)strlen(line));
    break;
  case SOCKET_DATA: take_back(stream, event->data, event->length); break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED:
    if (event->status) print_failure(stream, event->status);
    if (strcmp(line, back) != 0) failed = 1;
    SocketStream_free(&stream);
    connect_next();
    break;
  }
}

/* ---- Options */

static int set_check(const char *value) {
  static const char *const names[] = {"none", "optional", "required"};
  for (int i = 0; i < 3; i++)
    if (strcmp(value, names[i]) == 0) return SocketTLS_set_client_check(tls, i);
  return SOCKET_EINVAL;
}

static int set_option(const char *option, const char *value) {
  if (strcmp(option, "--cert") == 0) return certificate = value, 0;
  if (strcmp(option, "--key") == 0)
    return SocketTLS_add_certificate_files(tls, NULL, certificate, value);
  if (strcmp(option, "--authority") == 0) return SocketTLS_add_authorities_file(tls, value);
  if (strcmp(option, "--check") == 0) return set_check(value);
  if (strcmp(option, "--policy") == 0) return SocketTLS_set_policy(tls, value);
  if (strcmp(option, "--alpn") == 0) return SocketTLS_set_alpn(tls, value);
  if (strcmp(option, "--name") == 0) return name = value, 0;
  if (strcmp(option, "--count") == 0) return to_come = atoi(value), 0;
  return SOCKET_EINVAL;
}

int main(int argc, char **argv) {
  const int server = argc > 1 && strcmp(argv[1], "server") == 0;
  int next = server ? 2 : 3;
  if (argc < next || (argc - next) % 2 != 0) return 2;
  loop = SocketLoop_new();
  tls = server ? SocketTLS_new_server() : SocketTLS_new_client();
  SocketTLS_set_system_authorities(tls, 0);
  for (; next < argc; next += 2)
    if (set_option(argv[next], argv[next + 1]) < 0) give_up(argv[next]);
  if (server) {
    serve();
  } else {
    address = argv[2];
    connect_next();
  }
  const int code = SocketLoop_run(loop);
  SocketTLS_free(&tls);
  SocketLoop_free(&loop);
  return code < 0 || failed;
}
