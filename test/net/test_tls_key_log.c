/* The log of secrets: which are written, of whom, and that a log that cannot be written harms
 * nobody. */
#include "support/tls_support.h"

#include <sys/stat.h>

typedef struct Log {
  Secured secured;
  char path[64], text[16384];
} Log;

static int set_up_log(void **state) {
  const char *policy = *state;
  Log *log = calloc(1, sizeof *log);
  *state = log;
  snprintf(log->path, sizeof log->path, "/tmp/socketpoll-test-XXXXXX");
  const int fd = mkstemp(log->path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "# before\n", 9), 9);
  close(fd);
  open_secured(&log->secured, &good, &authority);
  SocketTLS_set_sessions(log->secured.client, 0);
  assert_int_equal(SocketTLS_set_policy(log->secured.server, policy), 0);
  return 0;
}

static int tear_down_log(void **state) {
  Log *log = *state;
  close_secured(&log->secured);
  unlink(log->path);
  free(log);
  return 0;
}

static const char *read_log(Log *log) {
  const int fd = open(log->path, O_RDONLY);
  assert_true(fd >= 0);
  const ssize_t length = read(fd, log->text, sizeof log->text - 1);
  assert_true(length >= 0 && length < (ssize_t)sizeof log->text - 1);
  log->text[length] = '\0';
  close(fd);
  return log->text;
}

/* The hello of a client, as somebody between the two would see it, has its random (RFC 8446, 4.1.2)
 * behind the headers of record and message and the version; `hex` gets it. */
static void connect_and_look(Log *log, char hex[65]) {
  char address[64];
  unsigned char hello[4096];
  Secured *to = &log->secured;
  const int between = raw_listen(4, address);
  SocketStream_T ours =
      SocketStream_connect_tls(to->loop, address, to->client, "localhost", HANG_MS);
  const int far = accept(between, NULL, NULL), near = raw_connect(port_of(to->address));
  fcntl(far, F_SETFL, fcntl(far, F_GETFL) | O_NONBLOCK);
  fcntl(near, F_SETFL, fcntl(near, F_GETFL) | O_NONBLOCK);
  int first = 1;
  for (int seen = 0; seen < 2;) {
    SocketCompletion_T event;
    unsigned char bytes[4096];
    const int count = SocketLoop_wait(to->loop, &event, 1, 1);
    assert_true(count >= 0);
    if (count) assert_true(event.kind == SOCKET_CONNECTED || event.kind == SOCKET_ACCEPTED);
    seen += count;
    const ssize_t up = recv(far, bytes, sizeof bytes, 0);
    if (up > 0) assert_int_equal(send(near, bytes, (size_t)up, 0), up);
    if (up > 0 && first) memcpy(hello, bytes, 43), first = 0;
    const ssize_t down = recv(near, bytes, sizeof bytes, 0);
    if (down > 0) assert_int_equal(send(far, bytes, (size_t)down, 0), down);
  }
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", hello[11 + i]);
  SocketStream_free(&ours);
  close(far), close(near), close(between);
}

/* How many lines there are of `label` and this client: each with a secret of `least` bytes or
 * more, in hexadecimal digits, and nothing behind it. */
static int lines_of(const char *text, const char *label, const char *random, size_t least) {
  char begin[128];
  int found = 0;
  snprintf(begin, sizeof begin, "%s %s ", label, random);
  for (const char *at = text; (at = strstr(at, begin)); found++) {
    assert_true(at == text || at[-1] == '\n');
    at += strlen(begin);
    const size_t digits = strspn(at, "0123456789abcdefABCDEF");
    assert_int_equal(at[digits], '\n');
    assert_true(digits == 64 || digits == 96);
    assert_true(digits >= 2 * least);
  }
  return found;
}

static int count_lines(const char *text) {
  int lines = 0;
  for (; (text = strchr(text, '\n')); text++) lines++;
  return lines;
}

static void all_secrets_of_tls_1_3(void **state) {
  static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                       "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
                                       "SERVER_TRAFFIC_SECRET_0"};
  Log *log = *state;
  char random[65];
  assert_int_equal(SocketTLS_set_key_log(log->secured.client, log->path), 0);
  connect_and_look(log, random);
  const char *text = read_log(log);
  assert_memory_equal(text, "# before\n", 9);
  for (int i = 0; i < 4; i++) assert_int_equal(lines_of(text, labels[i], random, 32), 1);
  assert_int_equal(lines_of(text, "CLIENT_RANDOM", random, 32), 0);
  /* A server has the same secrets, and the same client's random. */
  char once[sizeof log->text];
  assert_int_equal(SocketTLS_set_key_log(log->secured.client, NULL), 0);
  assert_int_equal(unlink(log->path), 0);
  assert_int_equal(SocketTLS_set_key_log(log->secured.server, log->path), 0);
  connect_and_look(log, random);
  snprintf(once, sizeof once, "%s", read_log(log));
  for (int i = 0; i < 4; i++) assert_int_equal(lines_of(once, labels[i], random, 32), 1);
}

static void the_secret_of_tls_1_2(void **state) {
  Log *log = *state;
  char random[65];
  assert_int_equal(SocketTLS_set_key_log(log->secured.client, log->path), 0);
  connect_and_look(log, random);
  assert_int_equal(lines_of(read_log(log), "CLIENT_RANDOM", random, 48), 1);
  assert_int_equal(count_lines(log->text), 2); /* the first was there */
}

static int times_in(const char *text, const char *line, size_t length) {
  int found = 0;
  for (; (text = memmem(text, strlen(text), line, length)); text++) found++;
  return found;
}

/* Both sides of a connection write the same secrets; who is told not to writes none. */
static void both_sides_and_neither(void **state) {
  Log *log = *state;
  char random[65];
  assert_int_equal(SocketTLS_set_key_log(log->secured.client, log->path), 0);
  assert_int_equal(SocketTLS_set_key_log(log->secured.server, log->path), 0);
  connect_and_look(log, random);
  const char *line = strchr(read_log(log), '\n') + 1;
  assert_true(count_lines(line) >= 2);
  for (const char *end; (end = strchr(line, '\n')); line = end + 1)
    assert_int_equal(times_in(log->text, line, (size_t)(end + 1 - line)), 2);
  const int lines = count_lines(log->text);
  assert_int_equal(SocketTLS_set_key_log(log->secured.client, NULL), 0);
  assert_int_equal(SocketTLS_set_key_log(log->secured.server, NULL), 0);
  connect_and_look(log, random);
  assert_int_equal(count_lines(read_log(log)), lines);
}

/* Who has the secrets has the traffic: a file that is made is for nobody else. */
static void nobody_else_reads_it(void **state) {
  Log *log = *state;
  struct stat made;
  skip_on_windows(WITHOUT_MODES);
  assert_int_equal(unlink(log->path), 0);
  const unsigned before = (unsigned)umask(0);
  assert_int_equal(SocketTLS_set_key_log(log->secured.client, log->path), 0);
  umask(before);
  assert_int_equal(stat(log->path, &made), 0);
  assert_int_equal(made.st_mode & 0777, 0600);
}

static void logs_that_cannot_be_written(void **state) {
  Log *log = *state;
  Secured *to = &log->secured;
  SocketStream_T ours, theirs;
  assert_int_equal(SocketTLS_set_key_log(to->client, log->path), 0);
  assert_int_equal(SocketTLS_set_key_log(to->client, "/absent/log"), SOCKET_ENOENT);
  assert_non_null(strstr(Socket_last_error_message(), "/absent/log"));
  assert_true(SocketTLS_set_key_log(to->client, "") < 0);
  /* Refused, so the other one stays. */
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  assert_true(count_lines(read_log(log)) > 1);
  /* A full disk. */
  if (left_out_on_windows("there is no /dev/full") || access("/dev/full", W_OK) != 0) return;
  assert_int_equal(SocketTLS_set_key_log(to->client, "/dev/full"), 0);
  assert_int_equal(SocketTLS_set_key_log(to->server, "/dev/full"), 0);
  assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
  say_hello_both_ways(ours, theirs);
}

#define log_test(test, policy)                                                                     \
  {                                                                                                \
#test, test, set_up_log, tear_down_log, (char[]) { policy }                                    \
  }

int main(void) {
  const struct CMUnitTest tests[] = {
      log_test(all_secrets_of_tls_1_3, ONLY_TLS_1_3),
      log_test(the_secret_of_tls_1_2, ONLY_TLS_1_2),
      log_test(both_sides_and_neither, ONLY_TLS_1_3),
      log_test(both_sides_and_neither, ONLY_TLS_1_2),
      log_test(nobody_else_reads_it, ONLY_TLS_1_3),
      log_test(logs_that_cannot_be_written, ONLY_TLS_1_3),
      log_test(logs_that_cannot_be_written, ONLY_TLS_1_2),
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
