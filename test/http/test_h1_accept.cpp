// The request head parser: what it accepts, and what it makes of it.
#include "h1_feed.hpp"

using namespace socketpoll::http;

namespace {

Parsed accept(const std::string &text) {
  Parsed parsed = parse_every_way(text);
  if (parsed.outcome != ParseOutcome::complete)
    print_error("refused (%d): %s\n", parsed.status(), text.c_str());
  assert_int_equal(int(parsed.outcome), int(ParseOutcome::complete));
  return parsed;
}
Parsed accept_fields(const std::string &fields) {
  return accept("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
}
void assert_text(std::string_view got, const char *expected) {
  assert_string_equal(std::string(got).c_str(), expected);
}

void a_plain_request(void **) {
  const Parsed p = accept("GET /hello?a=1&b=2 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\nrest");
  assert_int_equal(p.head.head_length, p.bytes.size() - 4);
  assert_int_equal(int(p.head.method), int(Method::get));
  assert_text(p.view().method(), "GET");
  assert_text(p.view().target(), "/hello?a=1&b=2");
  assert_text(p.view().path(), "/hello");
  assert_text(p.view().query(), "a=1&b=2");
  assert_text(p.view().host(), "127.0.0.1:8080");
  assert_int_equal(p.head.version_minor, 1);
  assert_true(p.head.keep_alive);
  assert_true(p.head.has_query);
  assert_int_equal(int(p.head.framing), int(BodyFraming::none));
  assert_int_equal(p.head.content_length, -1);
}

void every_method(void **) {
  const struct {
    const char *name;
    Method method;
  } cases[] = {
      {"GET", Method::get},        {"HEAD", Method::head},       {"POST", Method::post},
      {"PUT", Method::put},        {"DELETE", Method::del},      {"TRACE", Method::trace},
      {"PATCH", Method::patch},    {"OPTIONS", Method::options}, {"get", Method::other},
      {"PROPFIND", Method::other}, {"M-SEARCH", Method::other},  {"!#$%&'*+-.^_`|~", Method::other},
      {"DELETF", Method::other},   {"PUTS", Method::other},      {"G", Method::other}};
  for (const auto &c : cases) {
    const Parsed p = accept(std::string(c.name) + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(int(p.head.method), int(c.method));
    assert_text(p.view().method(), c.name);
  }
}

void every_target_form(void **) {
  Parsed p = accept("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  assert_int_equal(int(p.head.form), int(TargetForm::asterisk));
  assert_text(p.view().path(), "*");
  p = accept("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
  assert_int_equal(int(p.head.form), int(TargetForm::authority));
  assert_text(p.view().host(), "example.com:443");
  assert_text(p.view().path(), "");
  p = accept("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
  assert_text(p.view().host(), "[::1]:443");
  p = accept("GET http://a.example:81/x/y?q HTTP/1.1\r\nHost: ignored\r\n\r\n");
  assert_int_equal(int(p.head.form), int(TargetForm::absolute));
  assert_text(p.view().host(), "a.example:81");
  assert_text(p.view().path(), "/x/y");
  assert_text(p.view().query(), "q");
  p = accept("GET HTTPS://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n");
  assert_text(p.view().path(), "/");
  assert_false(p.head.has_query);
  p = accept("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n");
  assert_text(p.view().path(), "*");
  p = accept("OPTIONS http://a.example? HTTP/1.1\r\nHost: a.example\r\n\r\n");
  assert_text(p.view().path(), "/");
  p = accept("GET http://a.example?q=/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
  assert_text(p.view().path(), "/");
  assert_text(p.view().query(), "q=/");
  p = accept("GET /? HTTP/1.1\r\nHost: h\r\n\r\n");
  assert_true(p.head.has_query);
  assert_text(p.view().query(), "");
  p = accept("GET //a//b/../%2e%2F|{}\"<>\\^` HTTP/1.1\r\nHost: h\r\n\r\n");
  assert_text(p.view().path(), "//a//b/../%2e%2F|{}\"<>\\^`");
}

void versions_and_persistence(void **) {
  const struct {
    const char *version, *fields;
    int minor;
    bool keep_alive;
  } cases[] = {{"1.1", "", 1, true},
               {"1.1", "Connection: close\r\n", 1, false},
               {"1.1", "Connection: CLOSE\r\n", 1, false},
               {"1.1", "Connection: foo ,\tclose\r\n", 1, false},
               {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", 1, false},
               {"1.1", "Connection: close, keep-alive\r\n", 1, false},
               {"1.1", "Connection: closed\r\n", 1, true},
               {"1.1", "Connection:\r\n", 1, true},
               {"1.0", "", 0, false},
               {"1.0", "Connection: keep-alive\r\n", 0, true},
               {"1.0", "Connection: x, Keep-Alive\r\n", 0, true},
               {"1.0", "Connection: keep-alive, close\r\n", 0, false},
               {"1.2", "", 1, true},
               {"1.9", "", 1, true}};
  for (const auto &c : cases) {
    const Parsed p =
        accept(std::string("GET / HTTP/") + c.version + "\r\nHost: h\r\n" + c.fields + "\r\n");
    assert_int_equal(p.head.version_minor, c.minor);
    assert_int_equal(p.head.keep_alive, c.keep_alive);
  }
  assert_text(accept("GET / HTTP/1.0\r\n\r\n").view().host(), "");
}

void values_are_trimmed_and_kept(void **) {
  const Parsed p = accept_fields("A:\r\nB: \t \r\nC:x\r\nD: \t x y\tz \t\r\nE: caf\xc3\xa9 \xff\r\n"
                                 "!#$%&'*+-.^_`|~09azAZ: \"quoted, \\\"text\"\r\n");
  const char *values[] = {"", "", "x", "x y\tz", "caf\xc3\xa9 \xff", "\"quoted, \\\"text\""};
  assert_int_equal(p.head.field_count, 7);
  for (size_t i = 0; i < 6; i++) assert_text(p.view().value(p.head.fields[i + 1]), values[i]);
  assert_text(p.view().name(p.head.fields[6]), "!#$%&'*+-.^_`|~09azAZ");
}

void lookup_ignores_case(void **) {
  const Parsed p = accept_fields("X-One: 1\r\nACCEPT-encoding: gzip\r\nx-one: 2\r\n"
                                 "Accept-Encoding: br\r\nIf-None-Match: \"a\"\r\n");
  assert_text(p.view().header("x-ONE"), "1");
  assert_text(p.view().header("accept-encoding"), "gzip");
  assert_text(p.view().header(KnownHeader::if_none_match), "\"a\"");
  assert_null(p.view().header("absent").data());
  assert_text(p.view().header(KnownHeader::cookie, "none"), "none");
  assert_null(p.view().find("not a token"));
  const HeaderField *first = p.view().find("x-one");
  const size_t next = static_cast<size_t>(first - p.head.fields.data()) + 1;
  assert_text(p.view().value(*p.view().find("X-One", next)), "2");
  assert_null(p.view().find("x-one", next + 2));
  assert_null(p.view().find("if-none-match", p.head.field_count));
  std::string_view values[1];
  assert_int_equal(p.view().collect(KnownHeader::accept_encoding, values, 1), 2);
  assert_text(values[0], "gzip");
  assert_int_equal(p.view().collect(KnownHeader::range, values, 1), 0);
}

void every_known_header_is_known(void **) {
#define CHECK_NAME(id, name)                                                                       \
  {                                                                                                \
    std::string text = name;                                                                       \
    assert_int_equal(int(known_header(text)), int(KnownHeader::id));                               \
    assert_text(header_name(KnownHeader::id), name);                                               \
    for (char &c : text) c = c >= 'a' && c <= 'z' ? char(c - 32) : c;                              \
    assert_int_equal(int(known_header(text)), int(KnownHeader::id));                               \
    for (size_t i = 0; i < text.size(); i++) {                                                     \
      std::string other = text;                                                                    \
      other[i] = other[i] == 'Q' ? 'W' : 'Q';                                                      \
      assert_int_equal(int(known_header(other)), int(KnownHeader::other));                         \
    }                                                                                              \
  }
  SOCKETPOLL_KNOWN_HEADERS(CHECK_NAME)
#undef CHECK_NAME
  assert_int_equal(int(known_header("")), int(KnownHeader::other));
  assert_int_equal(int(known_header("x")), int(KnownHeader::other));
}

void body_framing(void **) {
  Parsed p = accept_fields("Content-Length: 0\r\n");
  assert_int_equal(int(p.head.framing), int(BodyFraming::length));
  assert_int_equal(p.head.content_length, 0);
  assert_int_equal(accept_fields("Content-Length: \t42 \r\n").head.content_length, 42);
  assert_int_equal(accept_fields("Content-Length: 00042\r\n").head.content_length, 42);
  p = accept_fields("Content-Length: 9223372036854775807\r\n");
  assert_true(p.head.content_length == INT64_MAX);
  for (const char *value : {"chunked", "Chunked", " \tCHUNKED\t "}) {
    p = accept_fields(std::string("Transfer-Encoding:") + value + "\r\n");
    assert_int_equal(int(p.head.framing), int(BodyFraming::chunked));
    assert_int_equal(p.head.content_length, -1);
  }
}

void expect_and_upgrade(void **) {
  assert_true(accept_fields("Expect: 100-Continue\r\n").head.expect_continue);
  assert_false(accept_fields("").head.expect_continue);
  // RFC 9110 10.1.1: to be ignored in HTTP/1.0.
  assert_false(accept("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expect_continue);
  const char *both = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
  assert_true(accept_fields(both).head.has_upgrade);
  assert_false(accept_fields("Upgrade: websocket\r\n").head.has_upgrade);
  assert_false(accept_fields("Connection: upgrade\r\n").head.has_upgrade);
  assert_false(accept(std::string("GET / HTTP/1.0\r\n") + both + "\r\n").head.has_upgrade);
}

void hosts(void **) {
  for (const char *host :
       {"h", "a.b-c_d~", "1.2.3.4:80", "[::1]", "[::ffff:1.2.3.4]:8080", "[v1.x:y]",
        "a:", "xn--bcher-kva.example", "a%20b", "h:65535", "", " \t"}) {
    accept(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n");
  }
}

void empty_lines_before_are_skipped(void **) {
  const Parsed p = accept("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert_text(p.view().method(), "GET");
  assert_int_equal(p.head.head_length, p.bytes.size());
  accept("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

void a_head_is_used_again_after_reset(void **) {
  const std::string two = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                          "Connection: close, upgrade\r\nExpect: 100-continue\r\n\r\n"
                          "GET /b HTTP/1.0\r\n\r\n";
  RequestHead head;
  assert_true(head.untouched());
  assert_int_equal(int(parse_request_head(head, two.data(), two.size())),
                   int(ParseOutcome::complete));
  assert_false(head.untouched());
  const uint32_t first = head.head_length;
  // A complete head stays complete.
  assert_int_equal(int(parse_request_head(head, two.data(), two.size())),
                   int(ParseOutcome::complete));
  head.reset();
  const char *rest = two.data() + first;
  assert_int_equal(int(parse_request_head(head, rest, two.size() - first)),
                   int(ParseOutcome::complete));
  assert_text(RequestView(head, rest).path(), "/b");
  assert_int_equal(head.field_count, 0);
  assert_int_equal(int(head.framing), int(BodyFraming::none));
  assert_false(head.keep_alive || head.expect_continue || head.has_upgrade);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_request),
      cmocka_unit_test(every_method),
      cmocka_unit_test(every_target_form),
      cmocka_unit_test(versions_and_persistence),
      cmocka_unit_test(values_are_trimmed_and_kept),
      cmocka_unit_test(lookup_ignores_case),
      cmocka_unit_test(every_known_header_is_known),
      cmocka_unit_test(body_framing),
      cmocka_unit_test(expect_and_upgrade),
      cmocka_unit_test(hosts),
      cmocka_unit_test(empty_lines_before_are_skipped),
      cmocka_unit_test(a_head_is_used_again_after_reset),
  };
  return cmocka_run_group_tests_name("h1_accept", tests, nullptr, nullptr);
}
