// HTTP floor: composes a response head in the caller's memory. No I/O, no allocation, no format
// strings; what does not fit is noted and nothing is written past the end.
#pragma once

#include "http/status.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace socketpoll::http {

inline constexpr size_t kMaxDecimal = 20;
// Appends `value` in decimal; `out` has room for kMaxDecimal bytes. Returns the end.
char *put_decimal(char *out, uint64_t value) noexcept;

// What may go into a response without splitting it (RFC 9110 5.1, 5.5): a token, and a value
// without CR, LF, NUL or other controls and without white space at its ends.
bool valid_field_name(std::string_view name) noexcept;
bool valid_field_value(std::string_view value) noexcept;

class HeadWriter {
public:
  HeadWriter(char *buffer, size_t capacity) noexcept
      : begin_(buffer), at_(buffer), end_(buffer + capacity) {}

  // The version is always 1.1, the highest we speak, as RFC 9110 2.5 asks, even to a 1.0 client.
  void status(int code) noexcept;
  // The caller has checked both, or wrote them itself.
  void field(std::string_view name, std::string_view value) noexcept;
  void field(std::string_view name, uint64_t value) noexcept;
  // Checked here: false, and nothing is written, if either is invalid.
  bool checked_field(std::string_view name, std::string_view value) noexcept;
  void content_length(uint64_t length) noexcept { field("Content-Length", length); }
  void chunked() noexcept { text("Transfer-Encoding: chunked\r\n"); }
  void date(std::string_view imf_fixdate) noexcept { field("Date", imf_fixdate); }
  // Says only what the version's default does not (RFC 9112 9.3).
  void connection(int version_minor, bool keep_alive) noexcept {
    if (!keep_alive)
      text("Connection: close\r\n");
    else if (version_minor == 0)
      text("Connection: keep-alive\r\n");
  }
  void end() noexcept { text("\r\n"); }
  // Raw bytes, for a body that travels with its head.
  void text(std::string_view bytes) noexcept {
    if (bytes.size() > static_cast<size_t>(end_ - at_)) return spoil();
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  bool overflowed() const noexcept { return overflowed_; }
  size_t length() const noexcept { return static_cast<size_t>(at_ - begin_); }
  std::string_view written() const noexcept { return {begin_, length()}; }

private:
  // After an overflow nothing fits any more, so that no later piece slips into the gap.
  void spoil() noexcept {
    overflowed_ = true;
    end_ = at_;
  }
  char *begin_;
  char *at_;
  char *end_;
  bool overflowed_ = false;
};

// Here, so that literal names cost no more than their bytes.
inline void HeadWriter::field(std::string_view name, std::string_view value) noexcept {
  if (name.size() + value.size() + 4 > static_cast<size_t>(end_ - at_)) return spoil();
  std::memcpy(at_, name.data(), name.size());
  at_ += name.size();
  *at_++ = ':';
  *at_++ = ' ';
  if (!value.empty()) std::memcpy(at_, value.data(), value.size());
  at_ += value.size();
  *at_++ = '\r';
  *at_++ = '\n';
}

} // namespace socketpoll::http
