// What static files need: safe paths, escaping, media types and the folder page.
#include "cmocka_cpp.hpp"
#include "failing_new.hpp"

#include "http/listing.hpp"
#include "http/mime.hpp"
#include "http/path.hpp"
#include "http/percent.hpp"

#include <cstring>
#include <memory>

using namespace socketpoll::http;

namespace {

std::string path_of(std::string_view raw, size_t capacity = 256) {
  std::unique_ptr<char[]> out(new char[capacity]);
  const SafePath path = safe_path(raw, out.get(), capacity);
  if (path.status) return std::to_string(path.status);
  assert_true(path.length < capacity);
  assert_int_equal(std::strlen(out.get()), path.length);
  std::string text(out.get(), path.length);
  if (path.directory) text += " (folder)";
  return text;
}

void safe_paths(void **) {
  const struct {
    const char *raw, *expected;
  } cases[] = {{"/", " (folder)"},
               {"", " (folder)"},
               {"//", " (folder)"},
               {"/.", " (folder)"},
               {"/a", "a"},
               {"a", "a"},
               {"/a/b.txt", "a/b.txt"},
               {"/a/", "a (folder)"},
               {"/a//b///c", "a/b/c"},
               {"/./a/./b/.", "a/b (folder)"},
               {"/a/%2e/b", "a/b"},
               {"/%41%20%C3%A9", "A \xc3\xa9"},
               {"/%25%32%65", "%2e"},
               {"/%252e%252e/x", "%2e%2e/x"},
               {"/a+b", "a+b"},
               {"/...", "..."},
               {"/..a/a..", "..a/a.."},
               {"/a/%0a", "a/\n"},
               {"/..", "400"},
               {"/a/../b", "400"},
               {"/a/..", "400"},
               {"/%2e%2e", "400"},
               {"/.%2E/", "400"},
               {"/a/%2e./b", "400"},
               {"/a%2fb", "400"},
               {"/..%2fb", "400"},
               {"/a%5cb", "400"},
               {"/a\\b", "400"},
               {"/..\\b", "400"},
               {"/%00", "400"},
               {"/a%00.txt", "400"},
               {"/%", "400"},
               {"/%4", "400"},
               {"/%4/", "400"},
               {"/%zz", "400"},
               {"/%-1", "400"}};
  for (const auto &c : cases) {
    const std::string got = path_of(c.raw);
    if (got != c.expected) print_error("at %s\n", c.raw);
    assert_string_equal(got.c_str(), c.expected);
  }
}

void paths_are_bounded(void **) {
  const std::string raw = "/ab/%63d/e/";
  for (size_t capacity = 1; capacity < 8; capacity++)
    assert_string_equal(path_of(raw, capacity).c_str(), "414");
  // A trailing slash needs its byte for a moment.
  assert_string_equal(path_of(raw, 10).c_str(), "ab/cd/e (folder)");
  assert_string_equal(path_of("/ab/%63d/e", 8).c_str(), "ab/cd/e");
  assert_string_equal(path_of("/", 1).c_str(), " (folder)");
  char none;
  assert_int_equal(safe_path("", &none, 0).status, 414);
  assert_int_equal(safe_path("a", &none, 0).status, 414);
}

void percent_encoding(void **) {
  std::string text;
  for (int c = 0; c < 256; c++) text += static_cast<char>(c);
  std::string encoded;
  percent_encode(encoded, text, false);
  for (char c : encoded)
    assert_true(c == '%' || c == '-' || c == '.' || c == '_' || c == '~' ||
                (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
  assert_int_equal(percent_decode(encoded, encoded.data()), 256);
  assert_memory_equal(encoded.data(), text.data(), 256);
  std::string path;
  percent_encode(path, "/a b/\xc3\xa9:?", true);
  assert_string_equal(path.c_str(), "/a%20b/%C3%A9%3A%3F");
  char out[8];
  assert_int_equal(percent_decode("%2", out), -1);
  assert_int_equal(percent_decode("%2g", out), -1);
  assert_int_equal(percent_decode("a+%2f", out), 3);
}

std::string escaped(std::string_view text) {
  std::string out;
  html_escape(out, text);
  return out;
}

void html_escaping(void **) {
  assert_string_equal(escaped("<a href=\"x\">&'</a>").c_str(),
                      "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
  assert_string_equal(escaped("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80").c_str(),
                      "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
#define R "\xef\xbf\xbd"
  assert_string_equal(escaped("\x01\n\x7f").c_str(), R R R);
  const struct {
    const char *bad, *expected;
  } cases[] = {{"\xff", R},
               {"\x80", R},
               {"a\xc3", "a" R},
               {"\xc3<", R "&lt;"},
               {"\xc0\xaf", R R},       // overlong
               {"\xe0\x80\xaf", R R R}, // overlong
               {"\xed\xa0\x80", R R R}, // a surrogate
               {"\xe2\x82", R R},       // cut short
               {"\xf0\x9f\x98", R R R}, // cut short
               {"\xf0\x80\x80\xaf", R R R R},
               {"\xf4\x90\x80\x80", R R R R}, // beyond U+10FFFF
               {"\xf8\x88\x80\x80", R R R R}};
#undef R
  for (const auto &c : cases) assert_string_equal(escaped(c.bad).c_str(), c.expected);
}

void mime_types(void **) {
  const struct {
    const char *name, *type;
  } cases[] = {{"index.html", "text/html; charset=utf-8"},
               {"a/b.c/INDEX.HTM", "text/html; charset=utf-8"},
               {"style.css", "text/css; charset=utf-8"},
               {"x.js", "text/javascript; charset=utf-8"},
               {"x.json", "application/json"},
               {"x.tar.gz", "application/gzip"},
               {"x.7z", "application/x-7z-compressed"},
               {"x.zst", "application/zstd"},
               {"x.webmanifest", "application/manifest+json"},
               {"x.PNG", "image/png"},
               {"x", "application/octet-stream"},
               {"", "application/octet-stream"},
               {"x.", "application/octet-stream"},
               {".html", "application/octet-stream"},
               {"a.html/x", "application/octet-stream"},
               {"a/.css", "application/octet-stream"},
               {"x.unknownextension", "application/octet-stream"},
               {"x.htmlx", "application/octet-stream"}};
  for (const auto &c : cases) assert_string_equal(std::string(mime_type(c.name)).c_str(), c.type);
}

std::vector<ListingEntry> nasty_entries() {
  return {{"b.txt", false, 1536, 784111777},
          {"A.txt", false, 1023, 0},
          {"zoo", true, 4096, 0},
          {"a.txt", false, 10 * 1024, 0},
          {"\"><script>alert(1)</script>", false, UINT64_MAX, 0},
          {"new\nline", false, 0, 0},
          {"caf\xe9", true, 0, 0},
          {"javascript:alert(1)", false, uint64_t{5} << 30, 0},
          {"a&b'c", true, 0, 0}};
}

void the_page_lists_folders_first(void **) {
  const std::string page = listing_page("", nasty_entries());
  size_t at = 0;
  for (const char *name : {"a&amp;b&#39;c/<", "caf\xef\xbf\xbd/<", "zoo/<",
                           "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;<", ">A.txt<", ">a.txt<",
                           ">b.txt<", ">javascript:alert(1)<", "new\xef\xbf\xbdline<"}) {
    const size_t found = page.find(name, at);
    if (found == std::string::npos) print_error("no %s\n", name);
    assert_true(found != std::string::npos);
    at = found;
  }
  for (const char *part :
       {"href=\"a%26b%27c/\"", "href=\"caf%E9/\"", "href=\"new%0Aline\"",
        "href=\"javascript%3Aalert%281%29\"", ">1.5 KB<", ">1023 B<", ">10 KB<", ">5.0 GB<",
        ">15 EB<", ">0 B<", ">1994-11-06 08:49<", "3 folders, 6 files", "<title>Home</title>"})
    if (page.find(part) == std::string::npos) {
      print_error("no %s\n", part);
      assert_true(false);
    }
  for (const char *part : {"<script", "http://", "https://", "onclick", "url("})
    assert_true(page.find(part) == std::string::npos);
}

void the_page_shows_the_way_up(void **) {
  const std::string page = listing_page("one/<two>/three", {{"x", false, 1, 0}});
  for (const char *part : {"<title>three</title>", "<a href=\"../../../\">Home</a>",
                           "<a href=\"../../\">one</a>", "<a href=\"../\">&lt;two&gt;</a>",
                           "<span aria-current=\"page\">three</span>", "0 folders, 1 file<"})
    assert_true(page.find(part) != std::string::npos);
  const std::string empty = listing_page("", {});
  assert_true(empty.find("This folder is empty.") != std::string::npos);
  assert_true(empty.find("<span aria-current=\"page\">Home</span>") != std::string::npos);
  assert_true(empty.find("<table>") == std::string::npos);
}

void the_page_survives_lack_of_memory(void **) {
  const std::string expected = listing_page("a/b", nasty_entries());
  const long failures =
      fail_each_allocation([&] { assert_true(listing_page("a/b", nasty_entries()) == expected); });
  assert_true(failures > 1);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(safe_paths),
      cmocka_unit_test(paths_are_bounded),
      cmocka_unit_test(percent_encoding),
      cmocka_unit_test(html_escaping),
      cmocka_unit_test(mime_types),
      cmocka_unit_test(the_page_lists_folders_first),
      cmocka_unit_test(the_page_shows_the_way_up),
      cmocka_unit_test(the_page_survives_lack_of_memory),
  };
  return cmocka_run_group_tests_name("files", tests, nullptr, nullptr);
}
