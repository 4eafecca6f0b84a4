// HTTP floor: byte ranges (RFC 9110 14), as arithmetic; the bytes are the caller's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace socketpoll::http {

inline constexpr size_t kMaxRanges = 16;

struct ByteRange {
  uint64_t first;
  uint64_t last; // included
  constexpr uint64_t length() const noexcept { return last - first + 1; }
};

struct RangeSet {
  std::array<ByteRange, kMaxRanges> ranges;
  size_t count = 0;
};

enum class RangeOutcome : uint8_t {
  whole,         // 200: no such header, malformed, not bytes, or more trouble than the whole
  partial,       // 206 with one range, or several as multipart/byteranges
  unsatisfiable, // 416
};

// `size` is the representation's. More than kMaxRanges ranges, or ranges that add up to more than
// the whole, are answered with the whole, as RFC 9110 14.2 permits: they are made to hurt.
RangeOutcome parse_range(std::string_view value, uint64_t size, RangeSet &set) noexcept;

// Content-Range: "bytes 0-4/10", and "bytes */10" for a 416. Return the length.
inline constexpr size_t kMaxContentRange = 6 + 3 * 20 + 2;
size_t content_range(char *out, ByteRange range, uint64_t size) noexcept;
size_t unsatisfied_range(char *out, uint64_t size) noexcept;

// A boundary that no content can be expected to hold, out of 64 random bits.
inline constexpr size_t kBoundaryLength = 32;
void make_boundary(char *out, uint64_t random) noexcept;

// The framing of a multipart/byteranges body: part_head(0), bytes, part_head(1), bytes, ...,
// closing.
struct MultipartRanges {
  const RangeSet &set;
  uint64_t size;
  std::string_view content_type; // of the whole; may be empty
  std::string_view boundary;

  // Writes what stands before a part's bytes, and the end; returns the length, or 0 if it does not
  // fit.
  size_t part_head(size_t index, char *out, size_t capacity) const noexcept;
  size_t closing(char *out, size_t capacity) const noexcept;
  // The exact Content-Length.
  uint64_t total_length() const noexcept;
};

} // namespace socketpoll::http
