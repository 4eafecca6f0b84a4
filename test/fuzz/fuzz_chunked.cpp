// libFuzzer: the chunked decoder. The first two bytes choose the limits and a cut; the body must be
// the same whole, cut and byte by byte.
#include "http/feed.hpp"

using namespace socketpoll::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char *>(data) + 2, size - 2);
  ChunkedLimits limits;
  if (data[0] & 1) limits = {data[0], data[0], static_cast<uint16_t>(data[0] >> 5)};
  const Unchunked whole = unchunk_in_pieces(text, {text.size()}, limits);
  require(whole.consumed <= text.size() && whole.body.size() <= whole.consumed, "sizes");
  require(whole.outcome != ChunkedOutcome::data, "outcome");
  const size_t cut = data[1] * text.size() / 255;
  require(same_result(whole, unchunk_in_pieces(text, {cut, text.size()}, limits)), "same when cut");
  require(text.size() > 2000 ||
              same_result(whole, unchunk_in_pieces(text, each_byte(text.size()), limits)),
          "same byte by byte");
  return 0;
}
