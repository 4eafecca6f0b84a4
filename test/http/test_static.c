/* A folder served over HTTP: which name leads to which file, and which to none. */
#define _GNU_SOURCE
#include "support/site.h"

#include <sys/resource.h>
#include <sys/un.h>

DEFINE_CLOCK

static void serves_files(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/a.txt", "hello\n");
  site_text(&site, "www/empty.css", "");
  site_text(&site, "www/a b\xc3\xa9%.html", "odd");
  site_text(&site, "www/unknown", "?");
  assert_gets(&site, "/a.txt", "hello\n");
  assert_string_equal(site_header(&site, "Content-Type"), "text/plain; charset=utf-8");
  assert_string_equal(site_header(&site, "Accept-Ranges"), "bytes");
  assert_int_equal(strlen(site_header(&site, "Last-Modified")), 29);
  const char *etag = site_header(&site, "ETag");
  assert_true(etag[0] == '"' && strlen(etag) > 2);
  assert_gets(&site, "/empty.css", "");
  assert_string_equal(site_header(&site, "Content-Type"), "text/css; charset=utf-8");
  assert_gets(&site, "/a%20b%C3%A9%25.html", "odd");
  assert_string_equal(site_header(&site, "Content-Type"), "text/html; charset=utf-8");
  assert_gets(&site, "/unknown", "?");
  assert_string_equal(site_header(&site, "Content-Type"), "application/octet-stream");
  assert_gets(&site, "//.//a.txt?x=/../b", "hello\n");
  assert_int_equal(site_get(&site, "/absent"), 404);
  assert_int_equal(site_get(&site, "/a.txt/"), 404);
  assert_int_equal(site_get(&site, "/a.txt/b"), 404);
  assert_int_equal(site_ask(&site, "POST", "/a.txt", ""), 405);
  assert_string_equal(site_header(&site, "Allow"), "GET, HEAD, OPTIONS");
  site_close(&site);
}

/* The same head, but for Date, and nothing behind it. */
static void head_is_get_without_body(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  char *big = site_pattern(200000, 1);
  site_text(&site, "www/a.txt", "hello\n");
  site_text(&site, "www/a.txt.gz", "packed");
  site_write(&site, "www/big", big, 200000);
  site_folder(&site, "www/folder");
  const char *targets[] = {"/a.txt", "/big", "/folder/", "/folder", "/absent", "/a.txt/%"};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    char get[8192];
    const int status = site_ask(&site, "GET", targets[i], "Accept-Encoding: gzip\r\n");
    strcpy(get, site.last.head);
    assert_int_equal(site_ask(&site, "HEAD", targets[i], "Accept-Encoding: gzip\r\n"), status);
    memset(strstr(get, "Date: "), ' ', 35);
    memset(strstr(site.last.head, "Date: "), ' ', 35);
    assert_string_equal(site.last.head, get);
  }
  free(big);
  site_close(&site);
}

static void nothing_outside(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "secret", "secret");
  site_folder(&site, "www/d");
  const struct {
    const char *target;
    int status;
  } cases[] = {{"/../secret", 400},
               {"/d/../../secret", 400},
               {"/%2e%2e/secret", 400},
               {"/..%2fsecret", 400},
               {"/%2e%2e%2fsecret", 400},
               {"/..%5csecret", 400},
               {"/d/..", 400},
               {"/%00", 400},
               {"/a%00.txt", 400},
               {"/%", 400},
               {"/%zz", 400},
               {"/%252e%252e/secret", 404},
               {"/..;/secret", 404},
               {"/.../secret", 404},
               {"//tmp", 404},
               {"/%c0%ae%c0%ae/secret", 404}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(site_get(&site, cases[i].target), cases[i].status);
  site_close(&site);
}

static void symbolic_links(void **state) {
  skip_on_windows(WITHOUT_LINKS);
  (void)state;
  Site site;
  char absolute[128];
  site_open(&site);
  site_folder(&site, "www/d");
  site_folder(&site, "outside");
  site_text(&site, "secret", "secret");
  site_text(&site, "outside/file", "secret");
  site_text(&site, "www/in.txt", "in");
  site_link(&site, "in.txt", "www/link.txt");
  site_link(&site, "../in.txt", "www/d/up.txt");
  site_link(&site, "d", "www/e");
  assert_gets(&site, "/link.txt", "in");
  assert_gets(&site, "/d/up.txt", "in");
  assert_gets(&site, "/e/up.txt", "in");
  site_link(&site, "../secret", "www/out");
  site_link(&site, "../outside", "www/outside");
  site_link(&site, "../www/in.txt", "www/roundabout"); /* out and in again */
  site_link(&site, "loop", "www/loop");
  site_link(&site, "nothing", "www/dangling");
  snprintf(absolute, sizeof absolute, "%s/secret", site.folder);
  site_link(&site, absolute, "www/absolute");
  site_link(&site, "/proc/self/exe", "www/magic");
  const char *out[] = {"/out",  "/outside",  "/outside/", "/outside/file", "/roundabout",
                       "/loop", "/dangling", "/absolute", "/magic"};
  for (size_t i = 0; i < sizeof out / sizeof *out; i++)
    assert_int_equal(site_get(&site, out[i]), 404);
  /* The folder's page shows none of them. */
  assert_int_equal(site_get(&site, "/"), 200);
  assert_non_null(strstr(site.last.body, "link.txt"));
  assert_null(strstr(site.last.body, "href=\"out"));
  assert_null(strstr(site.last.body, "href=\"magic"));
  site_close(&site);
}

/* A file that was served, and whose folder has since become a way out. */
static void a_cached_way_out(void **state) {
  skip_on_windows(WITHOUT_LINKS);
  (void)state;
  Site site;
  site_open(&site);
  site_folder(&site, "www/d");
  site_text(&site, "www/d/file", "was inside");
  site_text(&site, "www/top", "was inside");
  site_age(60);
  assert_gets(&site, "/d/file", "was inside");
  assert_gets(&site, "/top", "was inside");
  assert_int_equal(rename(site_path(&site, "www/d"), site_path(&site, "moved")), 0);
  site_link(&site, "../moved", "www/d");
  assert_int_equal(site_get(&site, "/d/file"), 404);
  assert_int_equal(rename(site_path(&site, "www/top"), site_path(&site, "top")), 0);
  site_link(&site, "../top", "www/top");
  assert_int_equal(site_get(&site, "/top"), 404);
  site_close(&site);
}

static void hidden_names(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/.htpasswd", "secret");
  site_folder(&site, "www/.git");
  site_text(&site, "www/.git/config", "secret");
  site_folder(&site, "www/.well-known");
  site_text(&site, "www/.well-known/security.txt", "Contact: us");
  site_text(&site, "www/.well-known/.x", "secret");
  site_folder(&site, "www/d");
  site_folder(&site, "www/d/.well-known");
  site_text(&site, "www/d/.well-known/x", "secret");
  site_text(&site, "www/.well-knownx", "secret");
  const char *hidden[] = {"/.htpasswd",     "/.git/config",     "/.git/",        "/.git",
                          "/%2ehtpasswd",   "/.well-known/.x",  "/.well-knownx", "/d/.well-known/x",
                          "/./.git/config", "/.well-known/%2ex"};
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
    assert_int_equal(site_get(&site, hidden[i]), 404);
  assert_gets(&site, "/.well-known/security.txt", "Contact: us");
  assert_int_equal(site_get(&site, "/"), 200);
  assert_null(strstr(site.last.body, "git"));
  assert_null(strstr(site.last.body, "well-known"));
  site_close(&site);
}

/* A FIFO without a writer would block for ever in open(2). */
static void only_regular_files(void **state) {
  skip_on_windows("folders hold neither sockets nor pipes");
  (void)state;
  Site site;
  site_open(&site);
  assert_int_equal(mkfifo(site_path(&site, "www/fifo"), 0644), 0);
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  assert_true(strlen(site_path(&site, "www/socket")) < sizeof address.sun_path);
  strcpy(address.sun_path, site_path(&site, "www/socket"));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(site_get(&site, "/fifo"), 404);
  assert_int_equal(site_get(&site, "/socket"), 404);
  close(fd);
  assert_int_equal(site_get(&site, "/"), 200);
  assert_null(strstr(site.last.body, "fifo"));
  site_close(&site);
}

static void long_names(void **state) {
  (void)state;
  Site site;
  char target[6000] = "/";
  site_open(&site);
  memset(target + 1, 'a', 256);
  assert_int_equal(site_get(&site, target), 404);
  for (size_t i = 1; i < 4080; i++) target[i] = i % 2 ? 'b' : '/';
  target[4080] = 0;
  assert_int_equal(site_get(&site, target), 404);
  strcat(target, "/"); /* index.html behind it */
  assert_int_equal(site_get(&site, target), 404);
  memset(target + 1, 'a', 5000);
  target[5001] = 0;
  assert_int_equal(site_get(&site, target), 414);
  site_close(&site);
}

/* Permissions do not bind root, so it is somebody else for as long as this takes. */
static void what_may_not_be_read(void **state) {
  skip_on_windows(WITHOUT_MODES);
  (void)state;
  Site site;
  const int is_root = geteuid() == 0;
  if (is_root) assert_int_equal(seteuid(65534), 0);
  site_open(&site);
  site_text(&site, "www/a", "secret");
  site_folder(&site, "www/d");
  site_text(&site, "www/d/b", "secret");
  site_age(60);
  assert_gets(&site, "/a", "secret");
  assert_gets(&site, "/d/b", "secret");
  assert_int_equal(chmod(site_path(&site, "www/a"), 0), 0);
  assert_int_equal(chmod(site_path(&site, "www/d"), 0), 0);
  assert_int_equal(site_get(&site, "/a"), 403);
  assert_int_equal(site_get(&site, "/d/b"), 403);
  assert_int_equal(site_get(&site, "/d/"), 403);
  assert_int_equal(chmod(site_path(&site, "www/a"), 0644), 0);
  assert_int_equal(chmod(site_path(&site, "www/d"), 0755), 0);
  assert_gets(&site, "/a", "secret");
  assert_gets(&site, "/d/b", "secret");
  site_close(&site);
  if (is_root) assert_int_equal(seteuid(0), 0);
}

static void out_of_descriptors(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  (void)state;
  Site site;
  struct rlimit limit, less;
  site_open(&site);
  site_text(&site, "www/a", "hello");
  assert_int_equal(site_get(&site, "/absent"), 404);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int next = dup(0);
  assert_true(next > 0);
  close(next);
  less = limit;
  less.rlim_cur = (rlim_t)next;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
  assert_int_equal(site_get(&site, "/a"), 503);
  assert_int_equal(site_get(&site, "/"), 503);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_gets(&site, "/a", "hello");
  site_close(&site);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(serves_files),         cmocka_unit_test(head_is_get_without_body),
      cmocka_unit_test(nothing_outside),      cmocka_unit_test(symbolic_links),
      cmocka_unit_test(a_cached_way_out),     cmocka_unit_test(hidden_names),
      cmocka_unit_test(only_regular_files),   cmocka_unit_test(long_names),
      cmocka_unit_test(what_may_not_be_read), cmocka_unit_test(out_of_descriptors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
