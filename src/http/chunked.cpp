// HTTP floor: the chunked decoder's states, and the head of a chunk to be sent.
#include "http/chunked.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <bit>

namespace socketpoll::http {
namespace {
// 60 bits: sizes add up without overflow, and no body is that long.
constexpr uint8_t kMaxSizeDigits = 15;
} // namespace

int ChunkedDecoder::take_size(char c) noexcept {
  const int digit = hex_value(c);
  if (digit >= 0 && state_ == State::size) {
    if (++digits_ > kMaxSizeDigits) return 400;
    remaining_ = remaining_ << 4 | static_cast<uint64_t>(digit);
    return 0;
  }
  if (digits_ == 0) return 400;
  if (c == ';')
    state_ = State::extension;
  else if (is_ows(c))
    state_ = State::size_space;
  else if (c == '\r' && state_ == State::size)
    state_ = State::size_lf;
  else
    return 400;
  return 0;
}

int ChunkedDecoder::take_extension(char c, const ChunkedLimits &limits) noexcept {
  if (c == '\r') {
    state_ = State::size_lf;
    return 0;
  }
  if (!is_value_byte(c)) return 400;
  return ++extension_bytes_ > limits.extension_bytes ? 400 : 0;
}

int ChunkedDecoder::take_trailer(char c, const ChunkedLimits &limits) noexcept {
  if (++trailer_bytes_ > limits.trailer_bytes) return 431;
  switch (state_) {
  case State::trailer_line:
    if (c == '\r') {
      state_ = State::final_lf;
      return 0;
    }
    if (trailer_fields_ == limits.trailer_fields) return 431;
    trailer_fields_++;
    state_ = State::trailer_name;
    return is_token_byte(c) ? 0 : 400;
  case State::trailer_name:
    if (c == ':')
      state_ = State::trailer_value;
    else if (!is_token_byte(c))
      return 400;
    return 0;
  case State::trailer_value:
    if (c == '\r')
      state_ = State::trailer_lf;
    else if (!is_value_byte(c))
      return 400;
    return 0;
  case State::trailer_lf: state_ = State::trailer_line; return c == '\n' ? 0 : 400;
  default: state_ = State::done; return c == '\n' ? 0 : 400;
  }
}

// One byte of framing; the status of a refusal, or 0.
int ChunkedDecoder::take(char c, const ChunkedLimits &limits) noexcept {
  switch (state_) {
  case State::size:
  case State::size_space:
    // White space is an extension's, so that it cannot be had for nothing.
    if (is_ows(c) && ++extension_bytes_ > limits.extension_bytes) return 400;
    return take_size(c);
  case State::extension: return take_extension(c, limits);
  case State::size_lf:
    state_ = remaining_ ? State::data : State::trailer_line;
    digits_ = 0;
    return c == '\n' ? 0 : 400;
  case State::data_cr: state_ = State::data_lf; return c == '\r' ? 0 : 400;
  case State::data_lf: state_ = State::size; return c == '\n' ? 0 : 400;
  default: return take_trailer(c, limits);
  }
}

ChunkedStep ChunkedDecoder::feed(const char *bytes, size_t length,
                                 const ChunkedLimits &limits) noexcept {
  size_t at = 0;
  while (state_ < State::done && at < length) {
    if (state_ == State::data) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining_, length - at));
      remaining_ -= size;
      if (remaining_ == 0) state_ = State::data_cr;
      return {ChunkedOutcome::data, 0, at + size, {bytes + at, size}};
    }
    if (const int status = take(bytes[at], limits)) {
      state_ = State::failed;
      status_ = static_cast<uint16_t>(status);
      break;
    }
    ++at;
  }
  if (state_ == State::done) return {ChunkedOutcome::done, 0, at, {}};
  if (state_ == State::failed) return {ChunkedOutcome::error, status_, at, {}};
  return {ChunkedOutcome::more, 0, at, {}};
}

size_t chunk_head(char *buffer, uint64_t size) noexcept {
  const int digits = (static_cast<int>(std::bit_width(size | 1)) + 3) / 4;
  for (int i = digits - 1; i >= 0; i--, size >>= 4) buffer[i] = "0123456789abcdef"[size & 15];
  buffer[digits] = '\r';
  buffer[digits + 1] = '\n';
  return static_cast<size_t>(digits) + 2;
}

} // namespace socketpoll::http
