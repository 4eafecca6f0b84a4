// HTTP floor: request path to relative file path.
#include "http/path.hpp"

#include "http/percent.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

// Appends one segment at `length`; the status of a refusal, or 0.
int put_segment(std::string_view raw, char *out, size_t capacity, size_t &length) noexcept {
  while (!raw.empty()) {
    char c;
    if (!take_decoded(raw, c) || c == 0 || c == '/' || c == '\\') return 400;
    if (length + 1 >= capacity) return 414; // the NUL has its place too
    out[length++] = c;
  }
  return 0;
}

} // namespace

SafePath safe_path(std::string_view raw, char *out, size_t capacity) noexcept {
  SafePath path{0, true, 0};
  const auto refused = [](int status) { return SafePath{static_cast<uint16_t>(status), false, 0}; };
  for (size_t from = 0, to; from <= raw.size(); from = to + 1) {
    to = std::min(raw.find('/', from), raw.size());
    const size_t before = path.length;
    if (before > 0) {
      if (before + 1 >= capacity) return refused(414);
      out[path.length++] = '/';
    }
    const size_t start = path.length;
    if (const int status = put_segment(raw.substr(from, to - from), out, capacity, path.length))
      return refused(status);
    const std::string_view segment(out + start, path.length - start);
    if (segment == "..") return refused(400);
    path.directory = segment.empty() || segment == ".";
    if (path.directory) path.length = before;
  }
  if (path.length >= capacity) return refused(414);
  out[path.length] = 0;
  return path;
}

} // namespace socketpoll::http
