// libFuzzer: what is made of paths and header values after the head is parsed. The first byte
// chooses the subject; each must hold its promise for any text.
#include "http/conditional.hpp"
#include "http/feed.hpp"
#include "http/http_date.hpp"
#include "http/negotiate.hpp"
#include "http/path.hpp"
#include "http/percent.hpp"
#include "http/range.hpp"
#include "http/router.hpp"

using namespace socketpoll;
using namespace socketpoll::http;

namespace {

void try_path(std::string_view text, size_t capacity) {
  std::unique_ptr<char[]> out(new char[capacity + 1]);
  const SafePath path = safe_path(text, out.get(), capacity);
  if (path.status) return require(path.status == 400 || path.status == 414, "path status");
  const std::string_view file(out.get(), path.length);
  require(path.length < capacity && out[path.length] == 0, "path end");
  require(file.find_first_of(std::string_view("\\\0", 2)) == file.npos, "path bytes");
  std::string framed = "/";
  framed.append(file).append("/");
  require(framed.find("/../") == framed.npos && framed.find("/./") == framed.npos, "path dots");
  require(file.empty() || framed.find("//") == framed.npos, "path slashes");
}

void try_range(std::string_view text, uint64_t size) {
  RangeSet set;
  if (parse_range(text, size, set) != RangeOutcome::partial) return;
  require(set.count > 0 && set.count <= kMaxRanges, "range count");
  uint64_t sum = 0;
  for (size_t i = 0; i < set.count; i++) {
    require(set.ranges[i].first <= set.ranges[i].last && set.ranges[i].last < size, "range");
    sum += set.ranges[i].length();
  }
  require(sum <= size, "range sum");
}

void try_date(std::string_view text) {
  const auto time = parse_http_date(text, 1700000000);
  if (!time) return;
  char out[kHttpDateLength];
  http_date(*time, out);
  if (*time <= 253402300799)
    require(parse_http_date({out, kHttpDateLength}, 1700000000) == time, "date");
}

void try_router(std::string_view text) {
  static const Router router = [] {
    Router made;
    for (const char *pattern : {"/", "/a", "/a/:x", "/a/:x/b", "/:y/*", "/a/b/:z/*", "/%2f"})
      require(made.add("GET", pattern, 0).ok(), "pattern");
    return made;
  }();
  RouteMatch match;
  router.find("GET", text, match);
  if (match.outcome == RouteOutcome::found)
    for (size_t i = 0; i < match.parameter_count; i++) {
      const TextRange value = match.parameters[i];
      require(value.offset + size_t{value.length} <= text.size(), "parameter");
      std::string decoded(value.length, 0);
      require(percent_decode(value.in(text.data()), decoded.data()) >= 0, "escape");
    }
  Router other;
  if (other.add("GET", text, 0).ok()) require(!other.empty(), "added");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  // A block of its own, exactly as long as the text.
  const std::vector<char> block(data + 2, data + size);
  const std::string_view text(block.data(), block.size());
  FieldLines lines;
  lines.lines[0] = text;
  lines.count = 1;
  switch (data[0] % 6) {
  case 0: try_path(text, data[1]); break;
  case 1: try_range(text, data[1]); break;
  case 2: try_date(text); break;
  case 3: try_router(text); break;
  case 4: prefers_gzip(&text, 1); break;
  default:
    evaluate({lines, lines, lines, lines}, {"\"a\"", 784111777}, true, 1700000000);
    if_range_holds(text, {"\"a\"", 784111777}, 1700000000);
  }
  return 0;
}
