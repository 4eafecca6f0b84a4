// The request head parser: every refusal and its status, the smuggling table and the limits.
#include "h1_feed.hpp"

using namespace socketpoll::http;

namespace {

struct Refusal {
  std::string text;
  int status;
};

void assert_refused(const std::string &text, int status) {
  const int got = status_of(text);
  if (got != status) print_error("expected %d, got %d: %s\n", status, got, text.c_str());
  assert_int_equal(got, status);
}
void assert_fields_refused(const std::string &fields, int status) {
  assert_refused("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", status);
}

void request_lines(void **) {
  const Refusal cases[] = {
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /\tHTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\rHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\rHost: h\r\n\r\n", 400},
      {"GET /\r\n", 400},
      {"GET / \r\n", 400},
      {"GET\r\n", 400},
      {"GE(T / HTTP/1.1\r\n", 400},
      {"G\x80T / HTTP/1.1\r\n", 400},
      {"\nGET / HTTP/1.1\r\n", 400},
      {"\rGET / HTTP/1.1\r\n", 400},
      {"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", 400},
      {"\x16\x03\x01\x02", 400},
      {std::string(33, 'M'), 501},
      {"GET / http/1.1\r\n", 400},
      {"GET / HTTP/1.1x\r\n", 400},
      {"GET / HTTP/1.\r\n", 400},
      {"GET / HTTP/11\r\n", 400},
      {"GET / HTTP/1.10\r\n", 400},
      {"GET / HTTP/01.1\r\n", 400},
      {"GET / HTTP/1,1\r\n", 400},
      {"GET / HTTP/x.1\r\n", 400},
      {"GET / HTTPS/1.1\r\n", 400},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"GET / HTTP/0.9\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
  };
  for (const Refusal &c : cases) assert_refused(c.text, c.status);
}

void targets(void **) {
  const char *bad[] = {"a",
                       "*",
                       "*x",
                       "?q",
                       "/a#b",
                       "#",
                       "/\x7f",
                       "/\x01",
                       "/\x80",
                       "/caf\xc3\xa9",
                       "http:/a",
                       "http://",
                       "http:///x",
                       "http://?q",
                       "http://:80/",
                       "http://u@h/",
                       "http://h:x/",
                       "http://h:65536/",
                       "http://h:000080/",
                       "http://[::1/",
                       "http://[]/",
                       "http://[::1]x/",
                       "http://a|b/",
                       "http://a%2/",
                       "http://a%zz/",
                       "ftp://h/",
                       "example.com:443"};
  for (const char *target : bad)
    assert_refused(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  for (const char *target : {"/", "*", "h", "h:", ":80", "h:x", "h:99999", "http://h/", "u@h:1"})
    assert_refused(std::string("CONNECT ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  assert_refused(std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28), 400);
}

void field_lines(void **) {
  const std::string nul("A: a\0b\r\n", 8);
  const std::string bad[] = {nul,
                             " A: b\r\n",
                             "\tA: b\r\n",
                             "A : b\r\n",
                             "A\t: b\r\n",
                             ": b\r\n",
                             "A\r\n",
                             "A b: c\r\n",
                             "A: b\r\n c\r\n",
                             "A: b\r\n\tc\r\n",
                             "A: b\n",
                             "A: b\rC: d\r\n",
                             "A: b\r\r\n",
                             "A: \r\n \r\n",
                             "A:\x01\r\n",
                             "A: \x7f\r\n",
                             "A: \x1f\r\n",
                             "A(: b\r\n",
                             "A\x80: b\r\n",
                             "\"A\": b\r\n",
                             "A: b\x0b\r\n",
                             "A/B: c\r\n",
                             "A@: b\r\n",
                             "A\x0b: b\r\n",
                             "\n"};
  for (const std::string &fields : bad) assert_fields_refused(fields, 400);
  assert_refused("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400);
  assert_refused("GET / HTTP/1.1\r\nHost: h\r\n\n", 400);
  assert_refused("GET / HTTP/1.1\r\nHost: h\r\n\r\r\n", 400);
}

void hosts(void **) {
  assert_refused("GET / HTTP/1.1\r\n\r\n", 400);
  assert_refused("GET / HTTP/1.2\r\n\r\n", 400);
  assert_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
  assert_refused("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400);
  assert_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400);
  assert_refused("GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n", 400);
  assert_refused("GET http://h/ HTTP/1.1\r\nHost:\r\n\r\n", 400);
  assert_refused("GET http://h/ HTTP/1.1\r\n\r\n", 400);
  for (const char *host :
       {"a b",  "a/b",         "a@b",       "a, b",   "a?b",    "a#b",   "[::1",  "::1",
        "a:b",  "a:65536",     ":80",       "a:1:2",  "a\\b",   "\"a\"", "a%",    "a%1",
        "a%gg", "caf\xc3\xa9", "[]",        "[:]",    "[gg::]", "[v.x]", "[v1.]", "[vg.x]",
        "[v1]", "[::1%25e]",   "[1.2.3.4]", "[::1]a", "[a]:b",  "<a>"}) {
    assert_refused(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n", 400);
  }
}

// Fields that two recipients might frame a body by in different ways.
const Refusal kSmuggling[] = {
    {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
    {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Content-Length: 5\r\nContent-Length: 6\r\n", 400},
    {"Content-Length: 5\r\nContent-Length: 5\r\n", 400},
    {"content-length: 5\r\nCONTENT-LENGTH: 5\r\n", 400},
    {"Content-Length: 5, 5\r\n", 400},
    {"Content-Length: 5,\r\n", 400},
    {"Content-Length:\r\n", 400},
    {"Content-Length: +5\r\n", 400},
    {"Content-Length: -5\r\n", 400},
    {"Content-Length: -0\r\n", 400},
    {"Content-Length: 5 5\r\n", 400},
    {"Content-Length: 0x5\r\n", 400},
    {"Content-Length: 5.0\r\n", 400},
    {"Content-Length: 5e1\r\n", 400},
    {"Content-Length: \"5\"\r\n", 400},
    {"Content-Length: 5;a\r\n", 400},
    {"Content-Length: \xd9\xa5\r\n", 400},
    {"Content-Length: 9223372036854775808\r\n", 400},
    {"Content-Length: 18446744073709551621\r\n", 400},
    {"Content-Length: 99999999999999999999999999\r\n", 400},
    {"Content-Length : 5\r\n", 400},
    {"Content-Length\x0b: 5\r\n", 400},
    {"Content-Length: \x0b"
     "5\r\n",
     400},
    {"Content-Length: 5\r\n\t, 6\r\n", 400},
    {"X: y\nContent-Length: 5\r\n", 400},
    {"X: y\rContent-Length: 5\r\n", 400},
    {"Transfer-Encoding: xchunked\r\n", 400},
    {"Transfer-Encoding: chunked, identity\r\n", 400},
    {"Transfer-Encoding: identity, chunked\r\n", 501},
    {"Transfer-Encoding: identity\r\n", 400},
    {"Transfer-Encoding: gzip\r\n", 400},
    {"Transfer-Encoding: gzip, chunked\r\n", 501},
    {"Transfer-Encoding: gzip;q=1 ,\tchunked\r\n", 501},
    {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", 400},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
    {"Transfer-Encoding: chunked, chunked\r\n", 400},
    {"Transfer-Encoding: chunked, gzip, chunked\r\n", 400},
    {"Transfer-Encoding: chunked,\r\n", 400},
    {"Transfer-Encoding: ,chunked\r\n", 400},
    {"Transfer-Encoding:\r\n", 400},
    {"Transfer-Encoding: \t\r\n", 400},
    {"Transfer-Encoding: chunked;a=b\r\n", 400},
    {"Transfer-Encoding: chunked chunked\r\n", 400},
    {"Transfer-Encoding: \"chunked\"\r\n", 400},
    {"Transfer-Encoding: 'chunked'\r\n", 400},
    {"Transfer-Encoding: chunke\r\n", 400},
    {"Transfer-Encoding: chunked\xa0\r\n", 400},
    {"Transfer-Encoding : chunked\r\n", 400},
    {"Transfer-Encoding\t: chunked\r\n", 400},
    {"Transfer-Encoding:\r\n chunked\r\n", 400},
    {"Transfer-Encoding: \x0b"
     "chunked\r\n",
     400},
    {"Transfer-Encoding: chunked\x0b\r\n", 400},
    {"Transfer-Encoding: \x0c"
     "chunked\r\n",
     400},
    {"Transfer-Encoding: chun\r\n ked\r\n", 400},
    {" Transfer-Encoding: chunked\r\n", 400},
    {"X: y\n Transfer-Encoding: chunked\r\n", 400},
    {"Expect: 200-ok\r\n", 417},
    {"Expect:\r\n", 417},
    {"Expect: 100-continue, x\r\n", 417},
};

void smuggling(void **) {
  for (const Refusal &c : kSmuggling) assert_fields_refused(c.text, c.status);
  assert_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
  // Look-alikes are other fields, and frame nothing.
  for (const char *field :
       {"Transfer_Encoding: chunked", "Content_Length: 5", "X-Content-Length: 5"}) {
    const Parsed p =
        parse_every_way(std::string("GET / HTTP/1.1\r\nHost: h\r\n") + field + "\r\n\r\n");
    assert_int_equal(int(p.outcome), int(ParseOutcome::complete));
    assert_int_equal(int(p.head.framing), int(BodyFraming::none));
  }
}

void limits_are_exact(void **) {
  H1Limits limits;
  limits.target_bytes = 10;
  const std::string tail = " HTTP/1.1\r\nHost: h\r\n\r\n";
  assert_int_equal(status_of("GET /23456789A" + tail, limits), 0);
  assert_int_equal(status_of("GET /23456789AB" + tail, limits), 414);
  assert_int_equal(status_of("GET /23456789AB\x01" + tail, limits), 414);
  limits = {};
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n";
  limits.head_bytes = static_cast<uint32_t>(head.size());
  assert_int_equal(status_of(head, limits), 0);
  limits.head_bytes--;
  assert_int_equal(status_of(head, limits), 431);
  limits.head_bytes = 5;
  assert_int_equal(status_of(head, limits), 414);
  limits = {};
  limits.fields = 3;
  assert_int_equal(status_of(head, limits), 0);
  limits.fields = 2;
  assert_int_equal(status_of(head, limits), 431);
  assert_int_equal(parse_in_pieces("GET / HTTP/1.1\r\n" + std::string(65536, 'n'), {65552},
                                   H1Limits{8192, 1 << 20, 100})
                       .status(),
                   431);
}

void the_absolute_field_limit_holds(void **) {
  H1Limits limits;
  limits.fields = 60000;
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 1; i < kMaxFields; i++) head += "A: b\r\n";
  assert_int_equal(parse_in_pieces(head + "\r\n", {head.size() + 2}, limits).status(), 0);
  assert_int_equal(parse_in_pieces(head + "A: b\r\n\r\n", {head.size() + 8}, limits).status(), 431);
}

void an_error_stays(void **) {
  const std::string bad = "GET / HTTP/1.1\r\nA : b\r\n\r\n";
  Parsed p = parse_in_pieces(bad, {bad.size()});
  assert_int_equal(int(parse_request_head(p.head, bad.data(), bad.size())),
                   int(ParseOutcome::error));
  assert_int_equal(p.head.error_status, 400);
}

// Nobody has to send the rest before being refused.
void errors_come_early(void **) {
  for (const char *start : {"\x16", "GET ?", "GET / HTTQ", "GET / HTTP/1.1\r\n ",
                            "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA ", "GET / HTTP/1.1\r\nA: \x01",
                            "GET / HTTP/1.1\r\nContent-Length: x\r\n"}) {
    const bool form = std::string_view(start) == "GET ?"; // known at the end of the line only
    assert_int_equal(status_of(start), form ? 0 : 400);
  }
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(request_lines),
      cmocka_unit_test(targets),
      cmocka_unit_test(field_lines),
      cmocka_unit_test(hosts),
      cmocka_unit_test(smuggling),
      cmocka_unit_test(limits_are_exact),
      cmocka_unit_test(the_absolute_field_limit_holds),
      cmocka_unit_test(an_error_stays),
      cmocka_unit_test(errors_come_early),
  };
  return cmocka_run_group_tests_name("h1_refuse", tests, nullptr, nullptr);
}
