// HTTP floor: from a request's path to a file below a root, without a way out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace socketpoll::http {

struct SafePath {
  uint16_t status; // 0, 400 or 414 (it does not fit)
  bool directory;  // the path ends in a slash, or is empty
  size_t length;
};

// Cuts the path at its slashes, decodes each segment once, and writes the segments to `out` with
// single slashes between them, no slash at either end and a NUL after them; "" is the root itself.
// Empty and "." segments vanish. 400 for a broken escape, and for a segment that is ".." or holds a
// NUL, a slash or a backslash, however it was written. The result is for openat() and the like;
// symbolic links are that call's concern.
SafePath safe_path(std::string_view raw, char *out, size_t capacity) noexcept;

} // namespace socketpoll::http
