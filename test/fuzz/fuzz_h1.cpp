// libFuzzer: the request head parser. The first three bytes choose the limits and two cuts; the
// head must be judged the same whole, cut and byte by byte.
#include "http/feed.hpp"

using namespace socketpoll::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3) return 0;
  const std::string_view text(reinterpret_cast<const char *>(data) + 3, size - 3);
  H1Limits limits;
  if (data[0] & 1) limits = {data[0], data[0] * 2u, static_cast<uint16_t>(data[0] >> 4)};
  const Parsed whole = parse_in_pieces(text, {text.size()}, limits);
  require_sound(whole);
  const std::string expected = summary(whole);
  const size_t one = data[1] * text.size() / 255, rest = text.size() - one;
  const std::vector<size_t> cuts = {one, one + data[2] * rest / 255, text.size()};
  require(summary(parse_in_pieces(text, cuts, limits)) == expected, "same when cut");
  require(text.size() > 2000 ||
              summary(parse_in_pieces(text, each_byte(text.size()), limits)) == expected,
          "same byte by byte");
  return 0;
}
