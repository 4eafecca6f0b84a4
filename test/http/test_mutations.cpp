// The codecs under mutated input, from a fixed seed: no input may crash them, make them read past
// its end, or be judged differently for being cut up. And the wide scanners against the plain ones.
#include "h1_feed.hpp"

#include "http/scan.hpp"

using namespace socketpoll::http;

namespace {

const char *const kHeads[] = {
    "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
    "POST /a/b?c=d HTTP/1.1\r\nHost: example.com\r\nContent-Length: 42\r\nConnection: "
    "keep-alive\r\n\r\n",
    "PUT /x HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\nExpect: "
    "100-continue\r\n\r\n",
    "GET http://h:81/p?q HTTP/1.0\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\r\n",
    "\r\nOPTIONS * HTTP/1.1\r\nhost:\r\nAccept-Encoding:\tgzip;q=0, *\t\r\nX: \xff\r\n\r\n",
    "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n",
};
const char *const kBodies[] = {
    "5\r\nhello\r\n0\r\n\r\n",
    "a;x=\"y\"\r\n0123456789\r\n1 ;z\r\n!\r\n00\r\nTrailer: value\r\nB:\r\n\r\nrest",
};
const std::string_view kPieces[] = {"\r\n",
                                    "\r",
                                    "\n",
                                    " ",
                                    "\t",
                                    ":",
                                    ",",
                                    std::string_view("\0", 1),
                                    "Content-Length: 5\r\n",
                                    "0",
                                    "chunked",
                                    "Transfer-Encoding: chunked\r\n",
                                    "gzip, ",
                                    "Host: h\r\n",
                                    "HTTP/1.1",
                                    ";",
                                    "\r\n\r\n",
                                    "\x80",
                                    "#",
                                    "?",
                                    "/",
                                    "http://",
                                    "@",
                                    "f",
                                    "ffffffffffffffff",
                                    "\x7f"};

template <size_t N> std::string mutated(const char *const (&seeds)[N], Random &random) {
  std::string text = seeds[random.below(N)];
  for (size_t changes = random.below(4); changes > 0; changes--) {
    const size_t at = random.below(text.size() + 1);
    const size_t length = random.below(1 + random.below(8));
    switch (random.below(5)) {
    case 0: text.insert(at, kPieces[random.below(std::size(kPieces))]); break;
    case 1: text.erase(at, length); break;
    case 2: text.replace(at, length, kPieces[random.below(std::size(kPieces))]); break;
    case 3: text.insert(at, text.substr(random.below(text.size() + 1), length * 8)); break;
    default:
      if (at < text.size()) text[at] = static_cast<char>(random.next());
    }
  }
  return text;
}

std::vector<size_t> some_cuts(size_t length, Random &random) {
  if (random.below(8) == 0) return each_byte(length);
  const size_t one = random.below(length + 1), two = one + random.below(length - one + 1);
  return {one, two, length};
}

void mutated_heads(void **) {
  Random random(88172645463325252u);
  size_t complete = 0, refused = 0;
  for (int i = 0; i < 200000; i++) {
    const std::string text = mutated(kHeads, random);
    H1Limits limits;
    if (random.below(4) == 0)
      limits = {static_cast<uint32_t>(random.below(40)), static_cast<uint32_t>(random.below(200)),
                static_cast<uint16_t>(random.below(5))};
    const Parsed whole = parse_in_pieces(text, {text.size()}, limits);
    require_sound(whole);
    const Parsed cut = parse_in_pieces(text, some_cuts(text.size(), random), limits);
    assert_string_equal(summary(whole).c_str(), summary(cut).c_str());
    complete += whole.outcome == ParseOutcome::complete;
    refused += whole.outcome == ParseOutcome::error;
  }
  // The mutations reach both sides.
  assert_true(complete > 20000 && refused > 20000);
}

void mutated_bodies(void **) {
  Random random(1234567891011u);
  size_t done = 0, refused = 0;
  for (int i = 0; i < 200000; i++) {
    const std::string text = mutated(kBodies, random);
    const ChunkedLimits limits = random.below(4) ? ChunkedLimits{} : ChunkedLimits{4, 12, 1};
    const Unchunked whole = unchunk_in_pieces(text, {text.size()}, limits);
    const Unchunked cut = unchunk_in_pieces(text, some_cuts(text.size(), random), limits);
    assert_true(same_result(whole, cut));
    done += whole.outcome == ChunkedOutcome::done;
    refused += whole.outcome == ChunkedOutcome::error;
  }
  assert_true(done > 20000 && refused > 20000);
}

// One implementation against the plain one, at every offset of a block, to find reads past the end.
template <class Wide, class Plain> void same_scan(Wide wide, Plain plain, uint64_t seed) {
  Random random(seed);
  for (int i = 0; i < 20000; i++) {
    const size_t length = random.below(70);
    std::unique_ptr<char[]> block(new char[length + (length == 0)]);
    const bool any_byte = random.below(3) == 0;
    for (size_t k = 0; k < length; k++)
      block[k] = static_cast<char>(any_byte ? random.next() : 'a' + random.below(26));
    if (length && random.below(2)) block[random.below(length)] = static_cast<char>(random.next());
    const char *end = block.get() + length;
    const char *start = block.get() + random.below(length + 1);
    assert_ptr_equal(wide(start, end), plain(start, end));
  }
}

void wide_scanners_agree_with_the_plain_ones(void **) {
  namespace scalar = scan::scalar;
  same_scan(scan::token_end, scalar::token_end, 1);
  same_scan(scan::target_end, scalar::target_end, 2);
  same_scan(scan::value_end, scalar::value_end, 3);
  same_scan(scan::swar::target_end, scalar::target_end, 4);
  same_scan(scan::swar::value_end, scalar::value_end, 5);
}

// Each byte value at each place of a long run: the wide tests have no blind spot.
void every_byte_at_every_place(void **) {
  namespace scalar = scan::scalar;
  for (size_t place = 0; place < 40; place++)
    for (int byte = 0; byte < 256; byte++) {
      std::string text(40, 'x');
      text[place] = static_cast<char>(byte);
      const char *start = text.data(), *end = start + text.size();
      assert_ptr_equal(scan::token_end(start, end), scalar::token_end(start, end));
      assert_ptr_equal(scan::target_end(start, end), scalar::target_end(start, end));
      assert_ptr_equal(scan::value_end(start, end), scalar::value_end(start, end));
      assert_ptr_equal(scan::swar::target_end(start, end), scalar::target_end(start, end));
      assert_ptr_equal(scan::swar::value_end(start, end), scalar::value_end(start, end));
    }
}

// A head fed byte by byte costs no more than a few looks at each byte: with a quadratic parser
// this would take minutes.
void work_is_linear(void **) {
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  head.append(1000000, 'v').append("\r\n\r\n");
  const H1Limits limits{8192, 1 << 21, 100};
  RequestHead parsed;
  for (size_t length = 0; length < head.size(); length++)
    assert_int_equal(int(parse_request_head(parsed, head.data(), length, limits)),
                     int(ParseOutcome::more));
  assert_int_equal(int(parse_request_head(parsed, head.data(), head.size(), limits)),
                   int(ParseOutcome::complete));
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(mutated_heads),
      cmocka_unit_test(mutated_bodies),
      cmocka_unit_test(wide_scanners_agree_with_the_plain_ones),
      cmocka_unit_test(every_byte_at_every_place),
      cmocka_unit_test(work_is_linear),
  };
  return cmocka_run_group_tests_name("mutations", tests, nullptr, nullptr);
}
