// HTTP floor: the chunked transfer coding (RFC 9112 7.1), decoded in place and as strictly as the
// head: exact CRLFs, bounded sizes, extensions and trailers. No I/O, no allocation; body bytes are
// handed out where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace socketpoll::http {

// Over one message each.
struct ChunkedLimits {
  uint32_t extension_bytes = 4096; // beyond: 400
  uint32_t trailer_bytes = 8192;   // beyond: 431
  uint16_t trailer_fields = 64;    // beyond: 431
};

enum class ChunkedOutcome : uint8_t {
  more,  // all bytes consumed
  data,  // `data` holds body bytes; feed what follows `consumed`
  done,  // the body ended after `consumed`
  error, // `status` says how to refuse it: 400 or 431
};

struct ChunkedStep {
  ChunkedOutcome outcome;
  uint16_t status;
  size_t consumed;       // bytes of the input that are done with, `data` included
  std::string_view data; // inside the input
};

class ChunkedDecoder {
public:
  void reset() noexcept { *this = {}; }
  ChunkedStep feed(const char *bytes, size_t length, const ChunkedLimits &limits = {}) noexcept;
  bool finished() const noexcept { return state_ == State::done; }

private:
  enum class State : uint8_t {
    size,       // hexadecimal digits
    size_space, // BWS after them, which only an extension may follow
    extension,  // after ';', up to CR
    size_lf,    // the LF of a size line
    data,       // remaining_ bytes
    data_cr,    // the CRLF after them
    data_lf,
    trailer_line, // the first byte of a trailer field or of the final CRLF
    trailer_name,
    trailer_value,
    trailer_lf,
    final_lf,
    done,
    failed,
  };
  int take(char c, const ChunkedLimits &limits) noexcept;
  int take_size(char c) noexcept;
  int take_extension(char c, const ChunkedLimits &limits) noexcept;
  int take_trailer(char c, const ChunkedLimits &limits) noexcept;

  uint64_t remaining_ = 0;
  uint32_t extension_bytes_ = 0;
  uint32_t trailer_bytes_ = 0;
  uint16_t trailer_fields_ = 0;
  uint16_t status_ = 0;
  uint8_t digits_ = 0;
  State state_ = State::size;
};

// Writes "<size in hex>\r\n" and returns its length, at most kMaxChunkHead. A chunk is this, `size`
// bytes and kChunkEnd. A size of 0 would end the body: that is kLastChunk's business.
inline constexpr size_t kMaxChunkHead = 18;
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
size_t chunk_head(char *buffer, uint64_t size) noexcept;

} // namespace socketpoll::http
