/* A folder served over HTTP: conditions and ranges, of a file in memory and of one that is sent
 * from its descriptor. */
#define _GNU_SOURCE
#include "support/site.h"

DEFINE_CLOCK

enum { kSmall = 1000, kLarge = 300000 };

typedef struct Sample {
  const char *target;
  char *bytes;
  size_t size;
} Sample;

static void open_samples(Site *site, Sample samples[2]) {
  site_open(site);
  samples[0] = (Sample){"/small.txt", site_pattern(kSmall, 1), kSmall};
  samples[1] = (Sample){"/large.txt", site_pattern(kLarge, 2), kLarge};
  site_write(site, "www/small.txt", samples[0].bytes, kSmall);
  site_write(site, "www/large.txt", samples[1].bytes, kLarge);
  /* Dates are strong validators only when they are past. */
  site_age(60);
}

static void close_samples(Site *site, Sample samples[2]) {
  free(samples[0].bytes);
  free(samples[1].bytes);
  site_close(site);
}

static int ask_with(Site *site, const char *method, const char *target, const char *name,
                    const char *value) {
  char line[512];
  snprintf(line, sizeof line, "%s: %s\r\n", name, value);
  return site_ask(site, method, target, line);
}

static void conditions(void **state) {
  (void)state;
  Site site;
  Sample samples[2];
  char etag[64], weak[80], list[200], date[64];
  open_samples(&site, samples);
  for (size_t i = 0; i < 2; i++) {
    const char *target = samples[i].target;
    assert_int_equal(site_get(&site, target), 200);
    strcpy(etag, site_header(&site, "ETag"));
    strcpy(date, site_header(&site, "Last-Modified"));
    snprintf(weak, sizeof weak, "W/%s", etag);
    snprintf(list, sizeof list, "\"other\", %s", etag);
    const struct {
      const char *name, *value;
      int status;
    } cases[] = {
        {"If-None-Match", etag, 304},
        {"If-None-Match", weak, 304},
        {"If-None-Match", list, 304},
        {"If-None-Match", "*", 304},
        {"If-None-Match", "\"other\"", 200},
        {"If-Modified-Since", date, 304},
        {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 200},
        {"If-Modified-Since", "nonsense", 200},
        {"If-Match", etag, 200},
        {"If-Match", "*", 200},
        {"If-Match", weak, 412},
        {"If-Match", "\"other\"", 412},
        {"If-Unmodified-Since", date, 200},
        {"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 412},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      assert_int_equal(ask_with(&site, "GET", target, cases[c].name, cases[c].value),
                       cases[c].status);
      if (cases[c].status == 304) {
        assert_int_equal(site.last.length, 0);
        assert_string_equal(site_header(&site, "ETag"), etag);
        assert_string_equal(site_header(&site, "Vary"), "Accept-Encoding");
      }
      if (cases[c].status == 200) assert_body(&site, samples[i].bytes, samples[i].size);
      assert_int_equal(ask_with(&site, "HEAD", target, cases[c].name, cases[c].value),
                       cases[c].status);
    }
  }
  close_samples(&site, samples);
}

static void single_ranges(void **state) {
  (void)state;
  Site site;
  Sample samples[2];
  open_samples(&site, samples);
  for (size_t i = 0; i < 2; i++) {
    const size_t size = samples[i].size;
    const struct {
      const char *value;
      size_t first, last;
    } cases[] = {{"bytes=0-0", 0, 0},
                 {"bytes=0-", 0, size - 1},
                 {"bytes=10-19", 10, 19},
                 {"bytes=990-", 990, size - 1},
                 {"bytes=-1", size - 1, size - 1},
                 {"bytes=-999999", 0, size - 1},
                 {"bytes=500-99999999999999999999", 500, size - 1},
                 {"bytes=5-9,99999999-", 5, 9},
                 {"BYTES=5-9", 5, 9}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      char place[64];
      const size_t length = cases[c].last - cases[c].first + 1;
      assert_int_equal(ask_with(&site, "GET", samples[i].target, "Range", cases[c].value), 206);
      assert_body(&site, samples[i].bytes + cases[c].first, length);
      snprintf(place, sizeof place, "bytes %zu-%zu/%zu", cases[c].first, cases[c].last, size);
      assert_string_equal(site_header(&site, "Content-Range"), place);
      assert_int_equal(strlen(site_header(&site, "ETag")), 18);
    }
    const char *whole[] = {"bytes=5-4",   "bytes=",      "bytes=a-b", "lines=0-1",
                           "bytes=0-1,x", "bytes=0-,0-", "0-1"};
    for (size_t c = 0; c < sizeof whole / sizeof *whole; c++) {
      assert_int_equal(ask_with(&site, "GET", samples[i].target, "Range", whole[c]), 200);
      assert_body(&site, samples[i].bytes, size);
    }
    assert_int_equal(
        site_ask(&site, "GET", samples[i].target, "Range: bytes=0-1\r\nRange: bytes=2-3\r\n"), 200);
    assert_int_equal(ask_with(&site, "HEAD", samples[i].target, "Range", "bytes=0-1"), 200);
    const char *none[] = {"bytes=300000-", "bytes=-0", "bytes=9999999-99999999"};
    for (size_t c = 0; c < sizeof none / sizeof *none; c++) {
      char place[64];
      assert_int_equal(ask_with(&site, "GET", samples[i].target, "Range", none[c]), 416);
      snprintf(place, sizeof place, "bytes */%zu", size);
      assert_string_equal(site_header(&site, "Content-Range"), place);
    }
  }
  close_samples(&site, samples);
}

/* Cuts a part off the front of `at`: its head must name the range, its bytes must be the file's. */
static const char *expect_part(const char *at, const char *boundary, const Sample *sample,
                               size_t first, size_t last) {
  char head[256];
  const int length =
      snprintf(head, sizeof head,
               "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
               "%zu-%zu/%zu\r\n\r\n",
               boundary, first, last, sample->size);
  assert_memory_equal(at, head, (size_t)length);
  at += length;
  assert_memory_equal(at, sample->bytes + first, last - first + 1);
  at += last - first + 1;
  assert_memory_equal(at, "\r\n", 2);
  return at + 2;
}

static void several_ranges(void **state) {
  (void)state;
  Site site;
  Sample samples[2];
  open_samples(&site, samples);
  for (size_t i = 0; i < 2; i++) {
    const Sample *sample = &samples[i];
    char value[256] = "bytes=0-1, 5-9,-3", boundary[80];
    assert_int_equal(ask_with(&site, "GET", sample->target, "Range", value), 206);
    const char *type = site_header(&site, "Content-Type");
    assert_int_equal(strncmp(type, "multipart/byteranges; boundary=", 31), 0);
    strcpy(boundary, type + 31);
    assert_string_equal(site_header(&site, "Content-Range"), "");
    const char *at = site.last.body;
    at = expect_part(at, boundary, sample, 0, 1);
    at = expect_part(at, boundary, sample, 5, 9);
    at = expect_part(at, boundary, sample, sample->size - 3, sample->size - 1);
    char closing[96];
    snprintf(closing, sizeof closing, "--%s--\r\n", boundary);
    assert_string_equal(at, closing);
    assert_ptr_equal(at + strlen(closing), site.last.body + site.last.length);
    /* More than sixteen cost more than they are worth. */
    strcpy(value, "bytes=0-0");
    for (int n = 2; n <= 34; n += 2) sprintf(value + strlen(value), ",%d-%d", n, n);
    assert_int_equal(ask_with(&site, "GET", sample->target, "Range", value), 200);
    assert_body(&site, sample->bytes, sample->size);
  }
  close_samples(&site, samples);
}

/* Ranges of many times what may be queued, so that parts wait behind one another. */
static void several_large_ranges(void **state) {
  (void)state;
  enum { kHuge = 12 << 20 };
  Site site;
  site_open(&site);
  Sample sample = {"/huge.txt", site_pattern(kHuge, 3), kHuge};
  site_write(&site, "www/huge.txt", sample.bytes, kHuge);
  assert_int_equal(
      ask_with(&site, "GET", "/huge.txt", "Range", "bytes=0-5000000,5000001-6000000,6000001-"),
      206);
  char boundary[80];
  strcpy(boundary, site_header(&site, "Content-Type") + 31);
  const char *at = site.last.body;
  at = expect_part(at, boundary, &sample, 0, 5000000);
  at = expect_part(at, boundary, &sample, 5000001, 6000000);
  at = expect_part(at, boundary, &sample, 6000001, kHuge - 1);
  assert_int_equal(strncmp(at, "--", 2), 0);
  /* The connection is in step. */
  assert_int_equal(site_get(&site, "/absent"), 404);
  free(sample.bytes);
  site_close(&site);
}

static void if_range(void **state) {
  (void)state;
  Site site;
  Sample samples[2];
  open_samples(&site, samples);
  for (size_t i = 0; i < 2; i++) {
    char etag[64], date[64], lines[256];
    assert_int_equal(site_get(&site, samples[i].target), 200);
    strcpy(etag, site_header(&site, "ETag"));
    strcpy(date, site_header(&site, "Last-Modified"));
    const struct {
      const char *value;
      int status;
    } cases[] = {{etag, 206},        {date, 206},
                 {"\"other\"", 200}, {"Sun, 06 Nov 1994 08:49:37 GMT", 200},
                 {"W/\"x\"", 200},   {"nonsense", 200}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      snprintf(lines, sizeof lines, "Range: bytes=1-2\r\nIf-Range: %s\r\n", cases[c].value);
      assert_int_equal(site_ask(&site, "GET", samples[i].target, lines), cases[c].status);
    }
    /* The condition comes first. */
    snprintf(lines, sizeof lines, "Range: bytes=1-2\r\nIf-None-Match: %s\r\n", etag);
    assert_int_equal(site_ask(&site, "GET", samples[i].target, lines), 304);
  }
  close_samples(&site, samples);
}

/* A range is one of what is sent, and that may be the compressed sibling. */
static void ranges_of_the_compressed(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/a.txt", "0123456789");
  site_text(&site, "www/a.txt.gz", "abcdefghijklm");
  assert_int_equal(
      site_ask(&site, "GET", "/a.txt", "Accept-Encoding: gzip\r\nRange: bytes=2-3\r\n"), 206);
  assert_string_equal(site.last.body, "cd");
  assert_string_equal(site_header(&site, "Content-Range"), "bytes 2-3/13");
  assert_string_equal(site_header(&site, "Content-Encoding"), "gzip");
  site_close(&site);
}

static void empty_files(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/empty", "");
  assert_gets(&site, "/empty", "");
  assert_int_equal(ask_with(&site, "GET", "/empty", "Range", "bytes=0-"), 416);
  assert_string_equal(site_header(&site, "Content-Range"), "bytes */0");
  assert_int_equal(ask_with(&site, "GET", "/empty", "Range", "bytes=-5"), 416);
  site_close(&site);
}

/* A date after the response's own would be a lie (RFC 9110 8.8.2.1). */
static void from_the_future(void **state) {
  (void)state;
  Site site;
  site_open(&site);
  site_text(&site, "www/a", "x");
  const struct timespec times[] = {{4000000000, 0}, {4000000000, 0}};
  assert_int_equal(utimensat(AT_FDCWD, site_path(&site, "www/a"), times, 0), 0);
  assert_gets(&site, "/a", "x");
  assert_string_equal(site_header(&site, "Last-Modified"), "");
  const struct timespec early[] = {{-86400, 0}, {-86400, 0}};
  assert_int_equal(utimensat(AT_FDCWD, site_path(&site, "www/a"), early, 0), 0);
  assert_gets(&site, "/a", "x");
  assert_string_equal(site_header(&site, "Last-Modified"), "Wed, 31 Dec 1969 00:00:00 GMT");
  site_close(&site);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditions),     cmocka_unit_test(single_ranges),
      cmocka_unit_test(several_ranges), cmocka_unit_test(several_large_ranges),
      cmocka_unit_test(if_range),       cmocka_unit_test(ranges_of_the_compressed),
      cmocka_unit_test(empty_files),    cmocka_unit_test(from_the_future),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
