/* A folder of files below /tmp, a server that serves it, and a client on a connection that is kept.
 * The wall clock is the test's: a file counts as settled when it has been left alone for seconds.
 */
#ifndef SOCKETPOLL_TEST_SITE_H
#define SOCKETPOLL_TEST_SITE_H

#include "http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>

typedef struct Site {
  HttpServer http;
  HttpClient client;
  char folder[64];   /* what is served is its "www" */
  HttpResponse last; /* what the latest ask got */
} Site;

/* Seconds by which the program's wall clock is ahead of the system's: the library takes its time
 * from time(), and finds this one, because a program's own definition comes first. */
extern int64_t clock_ahead_s;
#if defined(_WIN32) /* where time() is _time64, called by its name or through an import's pointer  \
                     */
#define DEFINE_TIME                                                                                \
  time_t time_ahead(time_t *out) __asm__("_time64");                                               \
  time_t (*__imp__time64)(time_t *) = time_ahead;                                                  \
  time_t time_ahead(time_t *out)
#else
#define DEFINE_TIME time_t time(time_t *out)
#endif
#define DEFINE_CLOCK                                                                               \
  int64_t clock_ahead_s;                                                                           \
  DEFINE_TIME {                                                                                    \
    struct timespec now;                                                                           \
    clock_gettime(CLOCK_REALTIME, &now);                                                           \
    time_t seconds = now.tv_sec + (time_t)__atomic_load_n(&clock_ahead_s, __ATOMIC_SEQ_CST);       \
    if (out) *out = seconds;                                                                       \
    return seconds;                                                                                \
  }

/* From here on everything written so far is old, or, with 0, new. */
static inline void site_age(int64_t seconds) {
  __atomic_store_n(&clock_ahead_s, seconds, __ATOMIC_SEQ_CST);
}

/* A path in the site's folder, in one of a few buffers that take turns. */
static inline const char *site_path(const Site *site, const char *name) {
  static char paths[4][4400];
  static unsigned turn;
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof *paths, "%s/%s", site->folder, name);
  return path;
}

static inline void site_write(const Site *site, const char *name, const void *bytes,
                              size_t length) {
  int fd = open(site_path(site, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  assert_true(fd >= 0);
  for (size_t at = 0; at < length;) {
    ssize_t count = write(fd, (const char *)bytes + at, length - at);
    assert_true(count > 0);
    at += (size_t)count;
  }
  close(fd);
}

static inline void site_text(const Site *site, const char *name, const char *text) {
  site_write(site, name, text, strlen(text));
}

/* Bytes that tell where they came from. */
static inline char *site_pattern(size_t length, unsigned seed) {
  char *bytes = malloc(length + 1);
  assert_non_null(bytes);
  uint64_t state = seed;
  for (size_t i = 0; i < length; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = (char)(state >> 56);
  }
  return bytes;
}

static inline void site_folder(const Site *site, const char *name) {
  assert_int_equal(mkdir(site_path(site, name), 0755), 0);
}

static inline void site_link(const Site *site, const char *target, const char *name) {
  assert_int_equal(symlink(target, site_path(site, name)), 0);
}

static inline int site_remove_one(const char *path, const struct stat *info, int kind,
                                  struct FTW *place) {
  (void)info, (void)kind, (void)place;
  return remove(path);
}

/* An empty folder that is served below `prefix`. */
static inline void site_open_at(Site *site, const char *prefix, int flags) {
  memset(site, 0, sizeof *site);
  strcpy(site->folder, "/tmp/socketpoll-site-XXXXXX");
  assert_non_null(mkdtemp(site->folder));
  site_folder(site, "www");
  site_age(0);
  http_server_new(&site->http);
  assert_int_equal(
      SocketHTTPServer_static(site->http.server, prefix, site_path(site, "www"), flags), 0);
  http_server_start(&site->http);
  site->client = http_connect(site->http.port, 0);
}

static inline void site_open(Site *site) { site_open_at(site, "/", SOCKET_HTTP_LISTING); }

static inline void site_close(Site *site) {
  http_response_free(&site->last);
  http_disconnect(&site->client);
  http_server_free(&site->http);
  nftw(site->folder, site_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Asks on the kept connection, or a new one if the server closed it, and keeps the response. */
static inline int site_ask(Site *site, const char *method, const char *target, const char *lines) {
  http_response_free(&site->last);
  site->last = http_ask(&site->client, method, target, lines);
  return site->last.status;
}

static inline int site_get(Site *site, const char *target) {
  return site_ask(site, "GET", target, "");
}

static inline const char *site_header(const Site *site, const char *name) {
  const char *value = http_header(&site->last, name);
  return value ? value : "";
}

static inline void assert_body(const Site *site, const void *bytes, size_t length) {
  assert_int_equal(site->last.length, length);
  assert_memory_equal(site->last.body, bytes, length);
}

static inline void assert_gets(Site *site, const char *target, const char *text) {
  assert_int_equal(site_get(site, target), 200);
  assert_string_equal(site->last.body, text);
}

#endif
