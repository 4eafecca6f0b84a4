/* A folder served over HTTP: large files on their way, and clients that do not behave. */
#define _GNU_SOURCE
#include "support/site.h"

#include <dirent.h>
#include <signal.h>

DEFINE_CLOCK

enum { kHuge = 32 << 20 };

static void send_get(HttpClient *client, const char *target) {
  char request[256];
  const int length =
      snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: t\r\n\r\n", target);
  http_send(client, request, (size_t)length);
}

static void open_huge(Site *site, char **bytes) {
  site_open(site);
  *bytes = site_pattern(kHuge, 5);
  site_write(site, "www/huge", *bytes, kHuge);
  site_text(site, "www/a", "hello");
}

static long descriptors(void) {
  long count = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

/* A reader that stops in between holds up nobody else, and loses nothing. */
static void a_slow_reader(void **state) {
  (void)state;
  Site site;
  char *bytes;
  open_huge(&site, &bytes);
  HttpClient slow = http_connect(site.http.port, 4096);
  send_get(&slow, "/huge");
  for (int i = 0; i < 20; i++) {
    for (int piece = 0; piece < 20; piece++) assert_true(http_receive(&slow) > 0);
    assert_gets(&site, "/a", "hello");
  }
  HttpResponse response = http_read(&slow, 0);
  assert_int_equal(response.status, 200);
  assert_int_equal(response.length, kHuge);
  assert_memory_equal(response.body, bytes, kHuge);
  http_response_free(&response);
  /* Twice in a row on one connection, and a small one behind. */
  send_get(&slow, "/huge");
  send_get(&slow, "/a");
  response = http_read(&slow, 0);
  assert_int_equal(response.length, kHuge);
  assert_memory_equal(response.body, bytes, kHuge);
  http_response_free(&response);
  response = http_read(&slow, 0);
  assert_string_equal(response.body, "hello");
  http_response_free(&response);
  http_disconnect(&slow);
  free(bytes);
  site_close(&site);
}

static volatile sig_atomic_t pipe_signals;
static void count_signal(int number) {
  (void)number;
  pipe_signals++;
}

static int64_t seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* Reset in the middle of a large file, many times: no signal, no descriptor left behind. */
static void peers_that_vanish(void **state) {
  skip_on_windows(WITHOUT_SIGNALS);
  (void)state;
  Site site;
  char *bytes;
  struct sigaction action, before;
  memset(&action, 0, sizeof action);
  action.sa_handler = count_signal;
  assert_int_equal(sigaction(SIGPIPE, &action, &before), 0);
  open_huge(&site, &bytes);
  assert_gets(&site, "/a", "hello");
  const long open_before = descriptors();
  for (int i = 0; i < 50; i++) {
    HttpClient client = http_connect(site.http.port, 0);
    send_get(&client, "/huge");
    if (i % 3) assert_true(http_receive(&client) > 0);
    if (i % 2)
      http_reset(&client);
    else
      http_disconnect(&client);
    assert_gets(&site, "/a", "hello");
  }
  /* The server hears of each in its own time, and keeps the file open for a while. */
  for (const int64_t end = seconds_now() + 20; seconds_now() < end && descriptors() > open_before;)
    assert_gets(&site, "/a", "hello");
  assert_int_equal(descriptors(), open_before);
  assert_int_equal(pipe_signals, 0);
  sigaction(SIGPIPE, &before, NULL);
  free(bytes);
  site_close(&site);
}

/* What was announced cannot be sent any more: the client must see a broken connection, not a short
 * file. */
static void truncated_on_its_way(void **state) {
  (void)state;
  Site site;
  char *bytes;
  open_huge(&site, &bytes);
  HttpClient client = http_connect(site.http.port, 4096);
  send_get(&client, "/huge");
  assert_true(http_receive(&client) > 0);
  assert_int_equal(truncate(site_path(&site, "www/huge"), 1 << 20), 0);
  HttpResponse response = http_read(&client, 0);
  assert_int_equal(response.status, 0);
  http_response_free(&response);
  http_disconnect(&client);
  assert_int_equal(site_get(&site, "/huge"), 200);
  assert_body(&site, bytes, 1 << 20);
  free(bytes);
  site_close(&site);
}

/* The file that was opened is sent to its end, whatever its name means by then. */
static void replaced_on_its_way(void **state) {
  (void)state;
  Site site;
  char *bytes;
  open_huge(&site, &bytes);
  HttpClient client = http_connect(site.http.port, 4096);
  send_get(&client, "/huge");
  assert_true(http_receive(&client) > 0);
  site_text(&site, "new", "new");
  assert_int_equal(rename(site_path(&site, "new"), site_path(&site, "www/huge")), 0);
  assert_gets(&site, "/huge", "new");
  HttpResponse response = http_read(&client, 0);
  assert_int_equal(response.length, kHuge);
  assert_memory_equal(response.body, bytes, kHuge);
  http_response_free(&response);
  http_disconnect(&client);
  free(bytes);
  site_close(&site);
}

/* Files of every size around the steps between copying, borrowing and sending, pipelined to a
 * reader that lets them pile up, while they are thrown out of the cache. */
static void pipelined(void **state) {
  (void)state;
  static const size_t kSizes[] = {1,     1023,  16383, 16384,  16385, 32768,
                                  65535, 65536, 65537, 131072, 0,     999999};
  enum { kCount = sizeof kSizes / sizeof *kSizes, kRounds = 10 };
  Site site;
  char name[64];
  site_open(&site);
  for (unsigned i = 0; i < kCount; i++) {
    char *bytes = site_pattern(kSizes[i], i);
    snprintf(name, sizeof name, "www/%u", i);
    site_write(&site, name, bytes, kSizes[i]);
    free(bytes);
  }
  site_age(60);
  HttpClient client = http_connect(site.http.port, 4096);
  for (unsigned i = 0; i < kCount * kRounds; i++) {
    snprintf(name, sizeof name, "/%u", i % kCount);
    send_get(&client, name);
  }
  for (unsigned i = 0; i < kCount * kRounds; i++) {
    char *bytes = site_pattern(kSizes[i % kCount], i % kCount);
    HttpResponse response = http_read(&client, 0);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.length, kSizes[i % kCount]);
    assert_memory_equal(response.body, bytes, response.length);
    http_response_free(&response);
    free(bytes);
    if (i != kCount) continue;
    /* What is queued lives on without its file. At no moment is there half a file. */
    for (unsigned n = 0; n < 4; n++) {
      snprintf(name, sizeof name, "www/%u", n);
      char *again = site_pattern(kSizes[n], n);
      site_write(&site, "new", again, kSizes[n]);
      free(again);
      assert_int_equal(rename(site_path(&site, "new"), site_path(&site, name)), 0);
    }
  }
  http_disconnect(&client);
  site_close(&site);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slow_reader),
      cmocka_unit_test(peers_that_vanish),
      cmocka_unit_test(truncated_on_its_way),
      cmocka_unit_test(replaced_on_its_way),
      cmocka_unit_test(pipelined),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
