// Response heads and HTTP dates.
#include "cmocka_cpp.hpp"

#include "http/h1_writer.hpp"
#include "http/http_date.hpp"

#include <ctime>
#include <memory>
#include <string>

using namespace socketpoll::http;

namespace {

void assert_text(std::string_view got, const char *expected) {
  assert_string_equal(std::string(got).c_str(), expected);
}

void a_whole_response(void **) {
  char buffer[300];
  HeadWriter head(buffer, sizeof buffer);
  head.status(200);
  head.date("Sun, 06 Nov 1994 08:49:37 GMT");
  head.field("Content-Type", "text/plain");
  head.content_length(6);
  head.connection(0, true);
  head.end();
  head.text("Hello\n");
  assert_false(head.overflowed());
  assert_text(head.written(), "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                              "Content-Type: text/plain\r\nContent-Length: 6\r\n"
                              "Connection: keep-alive\r\n\r\nHello\n");
}

void connection_says_what_the_version_does_not(void **) {
  const char *expected[2][2] = {{"Connection: close\r\n", "Connection: keep-alive\r\n"},
                                {"Connection: close\r\n", ""}};
  for (int minor : {0, 1})
    for (int keep : {0, 1}) {
      char buffer[100];
      HeadWriter head(buffer, sizeof buffer);
      head.connection(minor, keep != 0);
      assert_text(head.written(), expected[minor][keep]);
    }
}

void nothing_is_written_past_the_end(void **) {
  const auto compose = [](HeadWriter &head) {
    head.status(404);
    head.field("A", "b");
    head.content_length(12345);
    head.chunked();
    head.status(299);
    head.text("x");
  };
  char whole[200];
  HeadWriter complete(whole, sizeof whole);
  compose(complete);
  assert_false(complete.overflowed());
  for (size_t capacity = 0; capacity <= complete.length(); capacity++) {
    std::unique_ptr<char[]> buffer(new char[capacity + 1]);
    buffer[capacity] = '!';
    HeadWriter head(buffer.get(), capacity);
    compose(head);
    assert_int_equal(head.overflowed(), capacity < complete.length());
    assert_int_equal(buffer[capacity], '!');
    // What is there is a prefix, whole pieces only.
    assert_true(complete.written().starts_with(head.written()));
  }
}

void statuses(void **) {
  assert_text(status_line(404), "HTTP/1.1 404 Not Found\r\n");
  assert_text(reason_phrase(431), "Request Header Fields Too Large");
  for (int code : {-1, 0, 99, 102, 299, 418, 599, 600, 999, 1 << 30}) {
    assert_true(status_line(code).empty());
    assert_true(reason_phrase(code).empty());
  }
#define CHECK_STATUS(code, reason) assert_text(reason_phrase(code), reason);
  SOCKETPOLL_STATUS_TABLE(CHECK_STATUS)
#undef CHECK_STATUS
  char buffer[100];
  HeadWriter head(buffer, sizeof buffer);
  head.status(299);
  head.status(-7);
  assert_text(head.written(), "HTTP/1.1 299 \r\nHTTP/1.1 500 Internal Server Error\r\n");
  assert_true(forbids_content(100) && forbids_content(204) && forbids_content(304));
  assert_false(forbids_content(200) || forbids_content(404));
  assert_true(forbids_content_length(101) && forbids_content_length(204));
  assert_false(forbids_content_length(304) || forbids_content_length(200));
}

void numbers(void **) {
  uint64_t value = 0;
  for (int digits = 0; digits < 21; digits++, value = value * 10 + 7) {
    for (uint64_t n : {value, value + 1, UINT64_MAX - value}) {
      char text[kMaxDecimal];
      const size_t length = static_cast<size_t>(put_decimal(text, n) - text);
      assert_text({text, length}, std::to_string(n).c_str());
    }
  }
}

void responses_cannot_be_split(void **) {
  for (const char *name : {"A", "X-y_z", "!#$%&'*+-.^_`|~"}) assert_true(valid_field_name(name));
  for (const char *name : {"", "A:", "A b", "A\r\n", "\xc3\xa9", "A\x7f"})
    assert_false(valid_field_name(name));
  for (const char *value : {"", "a", "a b\tc", "caf\xc3\xa9"})
    assert_true(valid_field_value(value));
  for (const char *value : {"a\r\nB: c", "a\nb", "a\rb", " a", "a ", "\ta", "a\x01", "a\x7f"})
    assert_false(valid_field_value(value));
  assert_false(valid_field_value(std::string_view("a\0b", 3)));
  char buffer[100];
  HeadWriter head(buffer, sizeof buffer);
  assert_false(head.checked_field("A", "b\r\n"));
  assert_false(head.checked_field("A\n", "b"));
  assert_int_equal(head.length(), 0);
  assert_true(head.checked_field("A", "b"));
  assert_text(head.written(), "A: b\r\n");
}

constexpr int64_t kNow = 1700000000; // 2023-11-14

void assert_date(const char *text, int64_t expected) {
  const auto parsed = parse_http_date(text, kNow);
  if (!parsed) print_error("refused %s\n", text);
  assert_true(parsed.has_value());
  assert_true(*parsed == expected);
}

void dates_in_three_formats(void **) {
  assert_date("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
  assert_date("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
  assert_date("Sun Nov  6 08:49:37 1994", 784111777);
  assert_date("Sun Nov 16 08:49:37 1994", 784975777);
  assert_date("Thu, 01 Jan 1970 00:00:00 GMT", 0);
  assert_date("Wed, 31 Dec 1969 23:59:59 GMT", -1);
  assert_date("Tue, 29 Feb 2000 00:00:00 GMT", 951782400);
  assert_date("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799);
  assert_date("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
  assert_date("Friday, 01-Jan-70 00:00:00 GMT", 3155760000); // 2070 is within 50 years
  assert_date("Friday, 01-Jan-74 00:00:00 GMT", 126230400);  // 2074 is not: 1974
}

void dates_amiss(void **) {
  for (const char *text : {"",
                           "0",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           " Sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 31 Nov 1994 08:49:37 GMT",
                           "Sun, 29 Feb 1900 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov  994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:-1 GMT",
                           "Sun,06 Nov 1994 08:49:37 GMT ",
                           "Son, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06-Nov-1994 08:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sunday, 06 Nov 1994 08:49:37 GMT",
                           "Sunday, 06-Nov-1994 08:49:37 GMT",
                           "Sun Nov 06 08:49:37 1994",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 1994 GMT",
                           "Sun Nov  6 08:49:37 94",
                           "Sun, 06 Nov 1994 08:49:37 +0000",
                           "2023-11-14T00:00:00Z Thursday"})
    if (parse_http_date(text, kNow)) {
      print_error("accepted %s\n", text);
      assert_true(false);
    }
}

void dates_go_round(void **) {
  constexpr char kFormat[] = "%a, %d %b %Y %H:%M:%S GMT";
  for (int64_t time = -60000000000; time < 250000000000; time += 1234567891) {
    char text[kHttpDateLength], expected[40];
    http_date(time, text);
    const std::string_view got(text, kHttpDateLength);
    assert_true(parse_http_date(got, kNow) == time);
    const time_t system_time = static_cast<time_t>(time);
    if (time < -30000000000) continue; // %Y does not pad early years
#if defined(_WIN32)
    if (time < 0 || time > 32000000000) continue; // of which gmtime knows nothing
#endif
    std::strftime(expected, sizeof expected, kFormat, std::gmtime(&system_time));
    assert_text(got, expected);
  }
  char text[kHttpDateLength];
  http_date(INT64_MAX, text);
  assert_text({text, kHttpDateLength}, "Fri, 31 Dec 9999 23:59:59 GMT");
  http_date(INT64_MIN, text);
  assert_text({text, kHttpDateLength}, "Sat, 01 Jan 0000 00:00:00 GMT");
  DateCache cache;
  assert_text(cache.at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  assert_text(cache.at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  assert_text(cache.at(1), "Thu, 01 Jan 1970 00:00:01 GMT");
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_response),
      cmocka_unit_test(connection_says_what_the_version_does_not),
      cmocka_unit_test(nothing_is_written_past_the_end),
      cmocka_unit_test(statuses),
      cmocka_unit_test(numbers),
      cmocka_unit_test(responses_cannot_be_split),
      cmocka_unit_test(dates_in_three_formats),
      cmocka_unit_test(dates_amiss),
      cmocka_unit_test(dates_go_round),
  };
  return cmocka_run_group_tests_name("h1_writer", tests, nullptr, nullptr);
}
