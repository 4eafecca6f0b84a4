// Preconditions, ranges and content negotiation: tables of header values and their outcomes.
#include "cmocka_cpp.hpp"

#include "http/conditional.hpp"
#include "http/h1_parser.hpp"
#include "http/negotiate.hpp"
#include "http/range.hpp"

#include <initializer_list>
#include <string>
#include <vector>

using namespace socketpoll::http;

namespace {

constexpr int64_t kModified = 784111777; // Sun, 06 Nov 1994 08:49:37 GMT
constexpr int64_t kNow = 1700000000;
constexpr const char *kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char *kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char *kAfter = "Sunday, 06-Nov-94 08:49:38 GMT";
constexpr auto kProceed = ConditionOutcome::proceed;
constexpr auto kNotModified = ConditionOutcome::not_modified;
constexpr auto kFailed = ConditionOutcome::precondition_failed;

FieldLines lines(std::initializer_list<const char *> values) {
  FieldLines result;
  for (const char *value : values) {
    if (result.count < FieldLines::kCapacity) result.lines[result.count] = value;
    result.count++;
  }
  return result;
}

void assert_outcome(const Conditions &conditions, ConditionOutcome expected,
                    const Validators &validators = {"\"a\"", kModified}, bool get = true,
                    bool exists = true) {
  assert_int_equal(int(evaluate(conditions, validators, get, kNow, exists)), int(expected));
}

void if_none_match(void **) {
  const struct {
    const char *value;
    bool matches; // "a"
  } cases[] = {{"\"a\"", true},        {"W/\"a\"", true},
               {"\"b\"", false},       {"*", true},
               {"\"b\", \"a\"", true}, {"\"b\",\t\"a\" ,", true},
               {",, \"a\"", true},     {"\"b,\"a\"", false},
               {"a", false},           {"\"a", false},
               {"w/\"a\"", false},     {"W/a", false},
               {"\"b\" \"a\"", false}, {"", false},
               {"\"a\"x", false},      {"\"b, \"a\"", false},
               {"\"\"", false},        {"*, \"b\"", false}};
  for (const auto &c : cases) {
    Conditions conditions;
    conditions.if_none_match = lines({c.value});
    assert_outcome(conditions, c.matches ? kNotModified : kProceed);
    assert_outcome(conditions, c.matches ? kFailed : kProceed, {"\"a\"", kModified}, false);
    assert_outcome(conditions, c.matches ? kNotModified : kProceed, {"W/\"a\"", kModified});
  }
  Conditions conditions;
  conditions.if_none_match = lines({"\"b\"", "\"a\""});
  assert_outcome(conditions, kNotModified);
  conditions.if_none_match = lines({"1", "2", "3", "4", "\"a\""});
  assert_outcome(conditions, kProceed);
  conditions.if_none_match = lines({"\"a\""});
  assert_outcome(conditions, kProceed, {"", kModified});
  conditions.if_none_match = lines({"*"});
  assert_outcome(conditions, kProceed, {"", {}}, false, false);
}

void if_match(void **) {
  const struct {
    const char *value;
    bool matches;
  } cases[] = {{"\"a\"", true},        {"W/\"a\"", false}, {"*", true}, {"\"b\"", false},
               {"\"b\", \"a\"", true}, {"a", false},       {"", false}};
  for (const auto &c : cases) {
    Conditions conditions;
    conditions.if_match = lines({c.value});
    assert_outcome(conditions, c.matches ? kProceed : kFailed);
  }
  Conditions conditions;
  conditions.if_match = lines({"W/\"a\""});
  assert_outcome(conditions, kFailed, {"W/\"a\"", kModified});
  conditions.if_match = lines({"*"});
  assert_outcome(conditions, kFailed, {"", {}}, false, false);
}

void modification_dates(void **) {
  Conditions conditions;
  const auto since = [&](std::initializer_list<const char *> values) {
    conditions = {};
    conditions.if_modified_since = lines(values);
  };
  since({kSame}), assert_outcome(conditions, kNotModified);
  since({kAfter}), assert_outcome(conditions, kNotModified);
  since({kBefore}), assert_outcome(conditions, kProceed);
  since({"yesterday"}), assert_outcome(conditions, kProceed);
  since({kSame, kSame}), assert_outcome(conditions, kProceed);
  since({kSame}), assert_outcome(conditions, kProceed, {"\"a\"", {}});
  assert_outcome(conditions, kProceed, {"\"a\"", kModified}, false);
  const auto unless = [&](const char *value) {
    conditions = {};
    conditions.if_unmodified_since = lines({value});
  };
  unless(kSame), assert_outcome(conditions, kProceed);
  unless(kAfter), assert_outcome(conditions, kProceed);
  unless(kBefore), assert_outcome(conditions, kFailed);
  assert_outcome(conditions, kProceed, {"\"a\"", {}});
  unless("never"), assert_outcome(conditions, kProceed);
}

void precedence(void **) {
  Conditions conditions;
  conditions.if_match = lines({"\"a\""});
  conditions.if_unmodified_since = lines({kBefore}); // ignored beside If-Match
  assert_outcome(conditions, kProceed);
  conditions.if_none_match = lines({"\"b\""});
  conditions.if_modified_since = lines({kSame}); // ignored beside If-None-Match
  assert_outcome(conditions, kProceed);
  conditions.if_none_match = lines({"\"a\""});
  assert_outcome(conditions, kNotModified);
  conditions.if_match = lines({"\"b\""});
  assert_outcome(conditions, kFailed);
  assert_outcome({}, kProceed);
}

void conditions_of_a_request(void **) {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"x\"\r\n"
                           "if-none-match: \"a\"\r\nIf-Modified-Since: now\r\n\r\n";
  RequestHead head;
  assert_int_equal(int(parse_request_head(head, text.data(), text.size())),
                   int(ParseOutcome::complete));
  const Conditions conditions = Conditions::of(RequestView(head, text.data()));
  assert_int_equal(conditions.if_none_match.count, 2);
  assert_false(conditions.if_match.present());
  assert_outcome(conditions, kNotModified);
}

void if_range(void **) {
  const Validators strong{"\"a\"", kModified}, weak{"W/\"a\"", kModified};
  assert_true(if_range_holds("\"a\"", strong, kNow));
  assert_false(if_range_holds("\"b\"", strong, kNow));
  assert_false(if_range_holds("W/\"a\"", strong, kNow));
  assert_false(if_range_holds("W/\"a\"", weak, kNow));
  assert_false(if_range_holds("\"a\", \"b\"", strong, kNow));
  assert_false(if_range_holds("*", strong, kNow));
  assert_false(if_range_holds("", strong, kNow));
  assert_true(if_range_holds(kSame, strong, kNow));
  assert_false(if_range_holds(kBefore, strong, kNow));
  assert_false(if_range_holds(kAfter, strong, kNow));
  assert_false(if_range_holds(kSame, {"\"a\"", {}}, kNow));
  assert_false(if_range_holds(kSame, strong, kModified)); // still may change within the second
  assert_true(valid_etag("\"\"") && valid_etag("W/\"!~\xff\\\""));
  assert_false(valid_etag("") || valid_etag("\"a b\"") || valid_etag("\"a\"b") || valid_etag("a"));
}

// "first-last first-last ..." for 206, "whole" or "none".
std::string ranges(const char *value, uint64_t size) {
  RangeSet set;
  switch (parse_range(value, size, set)) {
  case RangeOutcome::whole: return "whole";
  case RangeOutcome::unsatisfiable: return "none";
  default: break;
  }
  std::string text;
  for (size_t i = 0; i < set.count; i++) {
    if (i) text += ' ';
    text += std::to_string(set.ranges[i].first);
    text += '-';
    text += std::to_string(set.ranges[i].last);
  }
  return text;
}

void range_values(void **) {
  const struct {
    const char *value, *expected; // of 10 bytes
  } cases[] = {{"bytes=0-4", "0-4"},
               {"Bytes=0-4", "0-4"},
               {"bytes=0-0", "0-0"},
               {"bytes=5-", "5-9"},
               {"bytes=-3", "7-9"},
               {"bytes=-99", "0-9"},
               {"bytes=0-99", "0-9"},
               {"bytes=9-99999999999999999999999999", "9-9"},
               {"bytes=99999999999999999999999999-", "none"},
               {"bytes=10-", "none"},
               {"bytes=10-11,-0", "none"},
               {"bytes=-0", "none"},
               {"bytes=0-1, 4-5 ,\t-1", "0-1 4-5 9-9"},
               {"bytes=,0-1,,3-3,", "0-1 3-3"},
               {"bytes=7-9,0-1", "7-9 0-1"},
               {"bytes=0-1,20-30", "0-1"},
               {"bytes=0-,-1", "whole"},
               {"bytes=0-5,5-9", "whole"},
               {"bytes=0-4,5-9", "0-4 5-9"},
               {"bytes=4-3", "whole"},
               {"bytes=0-1,4-3", "whole"},
               {"bytes=", "whole"},
               {"bytes=,", "whole"},
               {"bytes=-", "whole"},
               {"bytes=a-b", "whole"},
               {"bytes=1", "whole"},
               {"bytes=1-2-3", "whole"},
               {"bytes=--1", "whole"},
               {"bytes=+1-2", "whole"},
               {"bytes=1 -2", "whole"},
               {"bytes=0x1-2", "whole"},
               {"bytes 0-4", "whole"},
               {"bytes =0-4", "whole"},
               {"items=0-4", "whole"},
               {"0-4", "whole"},
               {"", "whole"}};
  for (const auto &c : cases) assert_string_equal(ranges(c.value, 10).c_str(), c.expected);
  assert_string_equal(ranges("bytes=0-", 0).c_str(), "none");
  assert_string_equal(ranges("bytes=-1", 0).c_str(), "none");
  std::string many = "bytes=0-0";
  for (int i = 1; i < 16; i++) many.append(",0-0");
  assert_string_equal(ranges((many + ",0-0").c_str(), 100).c_str(), "whole");
  assert_int_equal(ranges(many.c_str(), 100).size(), 16 * 4 - 1);
}

void multipart_lengths_are_exact(void **) {
  char boundary[kBoundaryLength];
  make_boundary(boundary, 0x0123456789abcdefu);
  for (const char *type : {"", "text/plain; charset=utf-8"})
    for (const char *value : {"bytes=0-1,4-5", "bytes=-1,0-9,100-1023", "bytes=0-0"}) {
      RangeSet set;
      assert_int_equal(int(parse_range(value, 5000, set)), int(RangeOutcome::partial));
      const MultipartRanges parts{set, 5000, type, {boundary, kBoundaryLength}};
      std::string body;
      char head[300];
      for (size_t i = 0; i < set.count; i++) {
        const size_t length = parts.part_head(i, head, sizeof head);
        assert_int_equal(parts.part_head(i, head, length), length);
        assert_int_equal(parts.part_head(i, head, length - 1), 0);
        body.append(head, parts.part_head(i, head, sizeof head));
        body.append(set.ranges[i].length(), 'x');
      }
      const size_t end = parts.closing(head, sizeof head);
      assert_int_equal(parts.closing(head, end - 1), 0);
      body.append(head, parts.closing(head, sizeof head));
      assert_true(body.size() == parts.total_length());
    }
  RangeSet set;
  parse_range("bytes=0-1,4-4", 5, set);
  const MultipartRanges parts{set, 5, "a/b", "B"};
  char head[200];
  const size_t length = parts.part_head(1, head, sizeof head);
  assert_string_equal(std::string(head, length).c_str(),
                      "\r\n--B\r\nContent-Type: a/b\r\nContent-Range: bytes 4-4/5\r\n\r\n");
  const size_t end = parts.closing(head, sizeof head);
  assert_string_equal(std::string(head, end).c_str(), "\r\n--B--\r\n");
}

void content_ranges(void **) {
  char text[kMaxContentRange];
  assert_string_equal(std::string(text, content_range(text, {0, 4}, 10)).c_str(), "bytes 0-4/10");
  assert_string_equal(std::string(text, unsatisfied_range(text, 10)).c_str(), "bytes */10");
  assert_true(content_range(text, {UINT64_MAX - 1, UINT64_MAX - 1}, UINT64_MAX) ==
              kMaxContentRange);
}

void gzip_or_not(void **) {
  const struct {
    const char *value;
    bool expected;
  } cases[] = {{"gzip", true},
               {"GZIP", true},
               {"x-gzip", true},
               {"deflate, gzip;q=1.0, *;q=0.5", true},
               {"gzip;q=0", false},
               {"gzip;q=0.0", false},
               {"gzip;q=0.000, *", false},
               {"gzip ; q=0.001", true},
               {"gzip;Q=0.5", true},
               {"*", true},
               {"*;q=0", false},
               {"identity", false},
               {"identity;q=0, *", true},
               {"identity, gzip;q=0.5", false},
               {"gzip, identity", true},
               {"gzip;q=0.5, identity;q=0.5", true},
               {"br", false},
               {"", false},
               {"gzipped", false},
               {"gzip;q=2", false},
               {"gzip;q=1.001", false},
               {"gzip;q=0.5000", false},
               {"gzip;q=.5", false},
               {"gzip;q=", false},
               {"gzip;level=9", false},
               {"gzip;q=-1", false},
               {"gzip;q=0,5", false},
               {"gzip;q=0x5", false},
               {"gzip;q=0.a", false},
               {"gzip deflate", false}};
  for (const auto &c : cases) {
    const std::string_view line = c.value;
    if (prefers_gzip(&line, 1) != c.expected) print_error("at %s\n", c.value);
    assert_int_equal(prefers_gzip(&line, 1), c.expected);
  }
  assert_false(prefers_gzip(nullptr, 0));
  const std::string_view two[] = {"br", "gzip"};
  assert_true(prefers_gzip(two, 2));
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(if_none_match),
      cmocka_unit_test(if_match),
      cmocka_unit_test(modification_dates),
      cmocka_unit_test(precedence),
      cmocka_unit_test(conditions_of_a_request),
      cmocka_unit_test(if_range),
      cmocka_unit_test(range_values),
      cmocka_unit_test(multipart_lengths_are_exact),
      cmocka_unit_test(content_ranges),
      cmocka_unit_test(gzip_or_not),
  };
  return cmocka_run_group_tests_name("conditional", tests, nullptr, nullptr);
}
