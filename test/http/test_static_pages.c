/* A folder served over HTTP: what a folder itself answers with, and where it can stand. */
#define _GNU_SOURCE
#include "support/site.h"

DEFINE_CLOCK

static void index_pages(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/index.html", "top");
  site_folder(&site, "www/d");
  site_text(&site, "www/d/index.html", "deep");
  site_folder(&site, "www/e");
  site_folder(&site, "www/e/index.html");
  assert_gets(&site, "/", "top");
  assert_string_equal(site_header(&site, "Content-Type"), "text/html; charset=utf-8");
  assert_gets(&site, "/d/", "deep");
  assert_gets(&site, "/d/index.html", "deep");
  assert_int_equal(site_get(&site, "/e/"), 200); /* a page, because that is no file */
  assert_non_null(strstr(site.last.body, "href=\"index.html/\""));
  /* Gone, or new: both are noticed. */
  assert_int_equal(unlink(site_path(&site, "www/d/index.html")), 0);
  assert_int_equal(site_get(&site, "/d/"), 200);
  assert_non_null(strstr(site.last.body, "This folder is empty."));
  site_text(&site, "www/d/index.html", "new");
  assert_gets(&site, "/d/", "new");
  site_close(&site);
}

static void redirects_to_the_slash(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_folder(&site, "www/d");
  const int has_colons = !left_out_on_windows("no name has a colon");
  if (has_colons) site_folder(&site, "www/d/e f\xc3\xa9:");
  site_folder(&site, "www/evil.com");
  site_folder(&site, "www/a+b");
  const int has_links = !left_out_on_windows(WITHOUT_LINKS);
  if (has_links) site_link(&site, "d", "www/link");
  const struct {
    const char *target, *location;
  } cases[] = {{"/d", "/d/"},
               {"/d?a=b&c=%20", "/d/?a=b&c=%20"},
               {"/d?", "/d/?"},
               {"/link", "/link/"},
               {"/a+b", "/a%2Bb/"},
               {"/d/e%20f%c3%a9:", "/d/e%20f%C3%A9%3A/"},
               {"//d", "/d/"},
               {"//evil.com", "/evil.com/"},
               {"///evil.com", "/evil.com/"},
               {"/.//evil.com", "/evil.com/"},
               {"//evil.com?//x", "/evil.com/?//x"},
               {"http://test/d?q", "/d/?q"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (!has_links && strcmp(cases[i].target, "/link") == 0) continue;
    if (!has_colons && strncmp(cases[i].target, "/d/e", 4) == 0) continue;
    assert_int_equal(site_get(&site, cases[i].target), 301);
    assert_string_equal(site_header(&site, "Location"), cases[i].location);
  }
  const char *refused[] = {"/%5cevil.com", "/\\evil.com", "//evil.com/..", "/%2fevil.com"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    assert_int_equal(site_get(&site, refused[i]), 400);
  site_close(&site);
}

static void below_a_prefix(void **state) {
  (void)state;
  Site site;
  site_open_at(&site, "/assets/v1", 0);
  site_text(&site, "www/a.txt", "hello");
  site_folder(&site, "www/d");
  site_text(&site, "www/index.html", "top");
  assert_gets(&site, "/assets/v1/a.txt", "hello");
  assert_gets(&site, "/assets/v1/", "top");
  assert_int_equal(site_get(&site, "/a.txt"), 404);
  assert_int_equal(site_get(&site, "/assets/v1/d?x"), 301);
  assert_string_equal(site_header(&site, "Location"), "/assets/v1/d/?x");
  assert_int_equal(site_get(&site, "/assets/v1/../v1/a.txt"), 400);
  /* No page was asked for. */
  assert_int_equal(site_get(&site, "/assets/v1/d/"), 404);
  site_close(&site);
}

static void the_folder_page(void **state) {
  skip_on_windows("no file can have a name like that");
  (void)state;
  Site site;
  site_open(&site);
  site_folder(&site, "www/<b>");
  site_text(&site, "www/<script>alert(1)<\xe2\x81\x84script>", "x");
  site_text(&site, "www/\"><img src=x onerror=y>", "x");
  site_text(&site, "www/back\\slash", "x");
  site_text(&site, "www/bad\xff\x01utf", "x");
  site_text(&site, "www/javascript:alert(1)", "x");
  site_text(&site, "www/50%", "x");
  assert_int_equal(site_get(&site, "/"), 200);
  assert_string_equal(site_header(&site, "Content-Type"), "text/html; charset=utf-8");
  assert_string_equal(site_header(&site, "Cache-Control"), "no-cache");
  assert_int_equal(strncmp(site_header(&site, "Content-Security-Policy"), "default-src 'none'", 18),
                   0);
  const char *page = site.last.body;
  assert_int_equal(strlen(page), site.last.length);
  assert_null(strstr(page, "<script"));
  assert_null(strstr(page, "<img"));
  assert_null(strstr(page, "<b>"));
  assert_null(strstr(page, "slash"));
  assert_null(strstr(page, "href=\"javascript:"));
  assert_non_null(strstr(page, "href=\"%3Cb%3E/\""));
  assert_non_null(strstr(page, "href=\"50%25\""));
  assert_non_null(strstr(page, "href=\"bad%FF%01utf\""));
  /* Every link leads somewhere. */
  char target[1024];
  HttpResponse listed = site.last;
  memset(&site.last, 0, sizeof site.last);
  int links = 0;
  for (const char *at = listed.body; (at = strstr(at, "<a href=\"")); links++) {
    at += 9;
    snprintf(target, sizeof target, "/%.*s", (int)strcspn(at, "\""), at);
    assert_int_equal(site_get(&site, target), 200);
  }
  assert_int_equal(links, 6);
  http_response_free(&listed);
  site_close(&site);
}

/* More than the page may hold: it is bounded, and the server goes on. */
static void a_large_folder(void **state) {
  skip_on_windows("Wine looks through the whole folder for each new name");
  (void)state;
  Site site;
  char name[64];
  site_open(&site);
  for (int i = 0; i < 10100; i++) {
    snprintf(name, sizeof name, "www/file-%05d", i);
    int fd = open(site_path(&site, name), O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    close(fd);
  }
  assert_int_equal(site_get(&site, "/"), 200);
  assert_non_null(strstr(site.last.body, "10000 files"));
  site_close(&site);
}

static void served_under_any_name(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/a", "hello");
  assert_gets(&site, "/a", "hello");
  if (left_out_on_windows("Wine knows an open folder by the name it had")) {
    site_close(&site);
    return;
  }
  assert_int_equal(rename(site_path(&site, "www"), site_path(&site, "moved")), 0);
  site_folder(&site, "www");
  site_text(&site, "www/a", "impostor");
  assert_gets(&site, "/a", "hello");
  site_text(&site, "moved/b", "new");
  assert_gets(&site, "/b", "new");
  site_close(&site);
}

static void what_cannot_be_served(void **state) {
  (void)state;
  HttpServer http;
  char file[] = "/tmp/socketpoll-file-XXXXXX";
  int fd = mkstemp(file);
  assert_true(fd >= 0);
  close(fd);
  http_server_new(&http);
  assert_int_equal(SocketHTTPServer_static(http.server, "/", "/nowhere/at/all", 0), SOCKET_ENOENT);
  assert_string_equal(Socket_last_error_message(),
                      "cannot serve /nowhere/at/all: no such file or registration (SOCKET_ENOENT)");
  assert_int_equal(SocketHTTPServer_static(http.server, "/", file, 0), SOCKET_ENOTDIR);
  assert_int_equal(SocketHTTPServer_static(http.server, "/", "", 0), SOCKET_ENOENT);
  assert_int_equal(SocketHTTPServer_static(http.server, "/", "/tmp", 0x100), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_static(http.server, NULL, "/tmp", 0), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_static(http.server, "/", NULL, 0), SOCKET_EINVAL);
  assert_int_equal(SocketHTTPServer_static(http.server, "/", "/tmp", 0), 0);
  assert_int_equal(SocketHTTPServer_static(http.server, "/", "/tmp", 0), SOCKET_EEXIST);
  unlink(file);
  SocketLoop_free(&http.loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(index_pages),           cmocka_unit_test(redirects_to_the_slash),
      cmocka_unit_test(below_a_prefix),        cmocka_unit_test(the_folder_page),
      cmocka_unit_test(a_large_folder),        cmocka_unit_test(served_under_any_name),
      cmocka_unit_test(what_cannot_be_served),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
