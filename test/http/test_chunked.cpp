// The chunked coding: every accepted and refused form, whole and in pieces.
#include "h1_feed.hpp"

using namespace socketpoll::http;

namespace {

void assert_body(const std::string &text, const char *body, size_t rest = 0) {
  const Unchunked result = unchunk_every_way(text);
  if (result.outcome != ChunkedOutcome::done) print_error("refused: %s\n", text.c_str());
  assert_int_equal(int(result.outcome), int(ChunkedOutcome::done));
  assert_string_equal(result.body.c_str(), body);
  assert_int_equal(result.consumed, text.size() - rest);
}
void assert_refused(const std::string &text, int status, const ChunkedLimits &limits = {}) {
  const Unchunked result = unchunk_every_way(text, limits);
  if (result.outcome != ChunkedOutcome::error) print_error("accepted: %s\n", text.c_str());
  assert_int_equal(int(result.outcome), int(ChunkedOutcome::error));
  assert_int_equal(result.status, status);
}

void accepted(void **) {
  assert_body("0\r\n\r\n", "");
  assert_body("5\r\nhello\r\n0\r\n\r\nGET /", "hello", 5);
  assert_body("5\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n000\r\n\r\n", "hello, world");
  assert_body("00000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789");
  assert_body("B\r\n\r\n0\r\n\r\n1234\r\n0\r\n\r\n", "\r\n0\r\n\r\n1234");
  assert_body("5;a\r\nhello\r\n0;b=c;d=\"e\tf\"\r\n\r\n", "hello");
  assert_body("5 \t; a = \xff\r\nhello\r\n0\r\n\r\n", "hello");
  assert_body("1\r\nx\r\n0\r\nA: b\r\nExpires:\t \r\n\r\n", "x");
}

void refused(void **) {
  for (const char *text : {"\r\n",
                           ";a\r\n",
                           "g\r\n",
                           "-1\r\n",
                           "+1\r\n",
                           "0x1\r\n",
                           " 1\r\n",
                           "1 \r\n",
                           "1\t\r\n",
                           "1 2\r\n",
                           "1\n",
                           "1\rx",
                           "1\r\r\n",
                           "1;a\n",
                           "1;\x01\r\n",
                           "1;\x7f\r\n",
                           "1;a\rb\r\n",
                           "1,1\r\n",
                           "1\r\nxy",
                           "1\r\nx\n",
                           "1\r\nx\rX",
                           "1\r\nx1\r\n",
                           "1000000000000000\r\n",
                           "0000000000000001\r\n",
                           "ffffffffffffffff\r\n",
                           "0\r\nA\r\n",
                           "0\r\nA : b\r\n",
                           "0\r\n A: b\r\n",
                           "0\r\n: b\r\n",
                           "0\r\nA: b\n",
                           "0\r\nA: b\rC",
                           "0\r\nA: \x01\r\n",
                           "0\r\n\n",
                           "0\r\n\rx",
                           "0\n",
                           "0\r\nA: b\r\n c\r\n"})
    assert_refused(text, 400);
  assert_refused(std::string("1;\0\r\n", 5), 400);
}

void limits_are_exact(void **) {
  ChunkedLimits limits;
  limits.extension_bytes = 6;
  const std::string end = "\r\nx\r\n0\r\n\r\n";
  assert_int_equal(int(unchunk_every_way("1;abc" + end, limits).outcome),
                   int(ChunkedOutcome::done));
  assert_int_equal(int(unchunk_every_way("1;abc\r\nx\r\n1;abc" + end, limits).outcome),
                   int(ChunkedOutcome::done));
  assert_refused("1;abc\r\nx\r\n1;abcd" + end, 400, limits);
  assert_refused("1       ;" + end, 400, limits);
  limits = {};
  limits.trailer_bytes = 8;
  assert_int_equal(int(unchunk_every_way("0\r\nA: b\r\n\r\n", limits).outcome),
                   int(ChunkedOutcome::done));
  assert_refused("0\r\nA: bb\r\n\r\n", 431, limits);
  limits = {};
  limits.trailer_fields = 1;
  assert_refused("0\r\nA: b\r\nC: d\r\n\r\n", 431, limits);
}

void the_end_stays(void **) {
  ChunkedDecoder decoder;
  assert_int_equal(decoder.feed("0\r\n\r\n", 5).consumed, 5);
  assert_true(decoder.finished());
  const ChunkedStep after = decoder.feed("x", 1);
  assert_int_equal(int(after.outcome), int(ChunkedOutcome::done));
  assert_int_equal(after.consumed, 0);
  decoder.reset();
  assert_int_equal(int(decoder.feed("x", 1).outcome), int(ChunkedOutcome::error));
  assert_int_equal(int(decoder.feed("0\r\n\r\n", 5).outcome), int(ChunkedOutcome::error));
}

void written_heads_are_read_back(void **) {
  const struct {
    uint64_t size;
    const char *text;
  } cases[] = {{0, "0\r\n"},
               {1, "1\r\n"},
               {15, "f\r\n"},
               {16, "10\r\n"},
               {255, "ff\r\n"},
               {4096, "1000\r\n"},
               {UINT64_MAX, "ffffffffffffffff\r\n"}};
  for (const auto &c : cases) {
    char buffer[kMaxChunkHead];
    const size_t length = chunk_head(buffer, c.size);
    assert_string_equal(std::string(buffer, length).c_str(), c.text);
  }
  std::string text, body;
  for (size_t size : {1u, 9u, 10u, 31u, 32u, 300u}) {
    char buffer[kMaxChunkHead];
    const std::string part(size, char('a' + size % 26));
    text.append(buffer, chunk_head(buffer, size)).append(part).append(kChunkEnd);
    body += part;
  }
  assert_body(text.append(kLastChunk), body.c_str());
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(accepted),
      cmocka_unit_test(refused),
      cmocka_unit_test(limits_are_exact),
      cmocka_unit_test(the_end_stays),
      cmocka_unit_test(written_heads_are_read_back),
  };
  return cmocka_run_group_tests_name("chunked", tests, nullptr, nullptr);
}
