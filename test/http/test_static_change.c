/* A folder served over HTTP while it changes. Each change is noticed at the next request, whether
 * the file was taken from memory before (old) or not (new), at the top or in a folder. */
#define _GNU_SOURCE
#include "support/site.h"

#include <sched.h>

DEFINE_CLOCK

static const char *const kNames[] = {"/f.txt", "/d/f.txt"};

static const char *below_www(const Site *site, const char *target) {
  char name[256];
  snprintf(name, sizeof name, "www%s", target);
  return site_path(site, name);
}

/* Until the file system's clock has ticked since `before`: two states within one tick look alike,
 * which is what makes a file new for a while. */
static void write_later(const char *path, const char *text, const struct stat *before) {
  struct stat now;
  do {
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(stat(path, &now), 0);
  } while (now.st_ctim.tv_sec == before->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == before->st_ctim.tv_nsec);
}

static void rewritten(Site *site, const char *target) {
  const char *path = below_www(site, target);
  struct stat before;
  char etag[64];
  assert_gets(site, target, "one");
  strcpy(etag, site_header(site, "ETag"));
  assert_gets(site, target, "one");
  assert_string_equal(site_header(site, "ETag"), etag);
  assert_int_equal(stat(path, &before), 0);
  write_later(path, "two", &before);
  /* Even where the modification time was set back. */
  const struct timespec times[] = {before.st_atim, before.st_mtim};
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  assert_gets(site, target, "two");
  assert_string_not_equal(site_header(site, "ETag"), etag);
}

static void every_change(Site *site, const char *target) {
  char name[256], path[4400], other[4400];
  snprintf(name, sizeof name, "www%s", target);
  snprintf(path, sizeof path, "%s", site_path(site, name));
  snprintf(other, sizeof other, "%s", site_path(site, "other"));
  site_text(site, name, "one");
  rewritten(site, target);
  assert_int_equal(truncate(path, 1), 0);
  assert_gets(site, target, "t");
  assert_int_equal(truncate(path, 0), 0);
  assert_gets(site, target, "");
  site_text(site, name, "longer than before");
  assert_gets(site, target, "longer than before");
  site_text(site, "other", "renamed over");
  assert_int_equal(rename(other, path), 0);
  assert_gets(site, target, "renamed over");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(site_get(site, target), 404);
  assert_int_equal(mkdir(path, 0755), 0);
  assert_int_equal(site_get(site, target), 301);
  assert_int_equal(rmdir(path), 0);
  site_text(site, name, "back again");
  assert_gets(site, target, "back again");
  /* From memory to the descriptor and back. */
  char *big = site_pattern(100000, 7);
  site_write(site, name, big, 100000);
  assert_int_equal(site_get(site, target), 200);
  assert_body(site, big, 100000);
  free(big);
  site_text(site, name, "small");
  assert_gets(site, target, "small");
  assert_int_equal(unlink(path), 0);
}

static void changes_of_files(void **state) {
  (void)state;
  for (int64_t age = 0; age <= 60; age += 60) {
    Site site;
    site_open(&site);
    site_folder(&site, "www/d");
    site_age(age);
    for (size_t i = 0; i < 2; i++) every_change(&site, kNames[i]);
    site_close(&site);
  }
}

/* Without waiting for a tick: right after it was written a file may not be believed. */
static void rewritten_at_once(void **state) {
  (void)state;
  Site site;
  char text[32];
  site_open(&site);
  for (int i = 0; i < 300; i++) {
    snprintf(text, sizeof text, "%08d", i);
    int fd = open(site_path(&site, "www/f"), O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, text, 8), 8);
    close(fd);
    assert_gets(&site, "/f", text);
  }
  site_close(&site);
}

static void links_retargeted(void **state) {
  skip_on_windows(WITHOUT_LINKS);
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/a", "a");
  site_text(&site, "www/b", "b");
  site_text(&site, "out", "out");
  site_age(60);
  for (int i = 0; i < 2; i++) {
    site_link(&site, "a", "www/link");
    assert_gets(&site, "/link", "a");
    assert_gets(&site, "/link", "a");
    site_link(&site, "b", "www/new");
    assert_int_equal(rename(site_path(&site, "www/new"), site_path(&site, "www/link")), 0);
    assert_gets(&site, "/link", "b");
    unlink(site_path(&site, "www/link"));
    site_link(&site, "../out", "www/link");
    assert_int_equal(site_get(&site, "/link"), 404);
    unlink(site_path(&site, "www/link"));
  }
  site_close(&site);
}

static void expect_coding(Site *site, const char *text, const char *coding) {
  assert_int_equal(site_ask(site, "GET", "/f.txt", "Accept-Encoding: gzip, br\r\n"), 200);
  assert_string_equal(site->last.body, text);
  assert_string_equal(site_header(site, "Content-Encoding"), coding);
  assert_string_equal(site_header(site, "Content-Type"), "text/plain; charset=utf-8");
  assert_string_equal(site_header(site, "Vary"), "Accept-Encoding");
}

static void the_compressed_sibling(void **state) {
  (void)state;
  for (int64_t age = 0; age <= 60; age += 60) {
    Site site;
    site_open(&site);
    site_age(age);
    site_text(&site, "www/f.txt", "plain");
    expect_coding(&site, "plain", "");
    expect_coding(&site, "plain", "");
    site_text(&site, "www/f.txt.gz", "packed");
    expect_coding(&site, "packed", "gzip");
    char packed_tag[64];
    strcpy(packed_tag, site_header(&site, "ETag"));
    assert_gets(&site, "/f.txt", "plain");
    assert_string_equal(site_header(&site, "Vary"), "Accept-Encoding");
    assert_string_not_equal(site_header(&site, "ETag"), packed_tag);
    assert_int_equal(site_ask(&site, "GET", "/f.txt", "Accept-Encoding: gzip;q=0\r\n"), 200);
    assert_string_equal(site.last.body, "plain");
    expect_coding(&site, "packed", "gzip");
    site_text(&site, "www/f.txt.gz", "packed anew");
    expect_coding(&site, "packed anew", "gzip");
    assert_int_equal(unlink(site_path(&site, "www/f.txt.gz")), 0);
    expect_coding(&site, "plain", "");
    site_folder(&site, "www/f.txt.gz");
    expect_coding(&site, "plain", "");
    assert_int_equal(rmdir(site_path(&site, "www/f.txt.gz")), 0);
    site_text(&site, "www/f.txt.gz", "packed");
    expect_coding(&site, "packed", "gzip");
    /* By itself it is a file like any other. */
    assert_gets(&site, "/f.txt.gz", "packed");
    assert_string_equal(site_header(&site, "Content-Type"), "application/gzip");
    assert_string_equal(site_header(&site, "Content-Encoding"), "");
    /* Without the plain file there is nothing that it could stand in for. */
    assert_int_equal(unlink(site_path(&site, "www/f.txt")), 0);
    assert_int_equal(site_ask(&site, "GET", "/f.txt", "Accept-Encoding: gzip\r\n"), 404);
    site_close(&site);
  }
}

static long resident_kb(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 40 MiB of small files, each asked for several times: all correct, and 16 MiB of memory. */
static void the_cache_is_bounded(void **state) {
  (void)state;
  enum { kFiles = 800, kSize = 52429 };
  Site site;
  char name[64];
  site_open(&site);
  for (int i = 0; i < kFiles; i++) {
    char *bytes = site_pattern(kSize, (unsigned)i);
    snprintf(name, sizeof name, "www/%d", i);
    site_write(&site, name, bytes, kSize);
    free(bytes);
  }
  site_age(60);
  const long before = resident_kb();
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < kFiles; i++) {
      char *bytes = site_pattern(kSize, (unsigned)i);
      snprintf(name, sizeof name, "/%d", i);
      assert_int_equal(site_get(&site, name), 200);
      assert_body(&site, bytes, kSize);
      free(bytes);
    }
#if !defined(_WIN32) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&         \
    !defined(__clang__)
  assert_true(resident_kb() - before < 24 * 1024);
#else
  (void)before; /* a sanitizer keeps what was freed for a while; Windows has no such file */
#endif
  site_close(&site);
}

/* Descriptors of this process that are open on a file which is deleted. */
static int deleted_files_open(void) {
  char path[64], target[4400];
  int count = 0;
  for (int fd = 0; fd < 256; fd++) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = '\0';
    count += strstr(target, "large") && strstr(target, "(deleted)");
  }
  return count;
}

/* Twelve large files, asked for in turn and at once again, changed, and deleted: what is sent is
 * right, few stay open, and none for long, or a deleted file would keep its place on the disk. */
static void large_files_are_let_go(void **state) {
  (void)state;
  enum { kFiles = 12, kSize = 300000 };
  Site site;
  char name[64];
  site_open(&site);
  for (int i = 0; i < 3 * kFiles; i++) {
    const int file = i % kFiles;
    char *bytes = site_pattern(kSize, (unsigned)i);
    snprintf(name, sizeof name, "www/large%d", file);
    site_write(&site, name, bytes, kSize);
    if (i >= kFiles) site_age(60);
    for (int again = 0; again < 3; again++) {
      snprintf(name, sizeof name, "/large%d", file);
      assert_int_equal(site_get(&site, name), 200);
      assert_body(&site, bytes, kSize);
    }
    free(bytes);
  }
  for (int i = 0; i < kFiles; i++) {
    snprintf(name, sizeof name, "www/large%d", i);
    assert_int_equal(unlink(site_path(&site, name)), 0);
  }
  if (left_out_on_windows("nothing lists the open files of a process")) {
    site_close(&site);
    return;
  }
  assert_true(deleted_files_open() <= 8);
  const time_t give_up = time(NULL) + 60;
  while (deleted_files_open() > 0) {
    assert_true(time(NULL) < give_up);
    sched_yield();
  }
  site_close(&site);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changes_of_files),     cmocka_unit_test(rewritten_at_once),
      cmocka_unit_test(links_retargeted),     cmocka_unit_test(the_compressed_sibling),
      cmocka_unit_test(the_cache_is_bounded), cmocka_unit_test(large_files_are_let_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
