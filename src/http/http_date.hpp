// HTTP floor: dates (RFC 9110 5.6.7), without the C library's locale, time zone or static buffers.
// Times are seconds since 1970-01-01T00:00:00Z.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace socketpoll::http {

inline constexpr size_t kHttpDateLength = 29;

// Writes an IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT", for the years 0 to 9999; a time outside
// them is taken as the nearer end.
void http_date(int64_t time, char *out) noexcept;

// All three formats that a recipient must understand; none with anything before, after or amiss.
// `now` places the two-digit years of RFC 850: more than 50 years ahead means the past.
std::optional<int64_t> parse_http_date(std::string_view text, int64_t now) noexcept;

// One a loop: the text is made anew once a second at most.
class DateCache {
public:
  std::string_view at(int64_t now) noexcept {
    if (now != time_) {
      http_date(now, text_);
      time_ = now;
    }
    return {text_, kHttpDateLength};
  }

private:
  int64_t time_ = INT64_MIN;
  char text_[kHttpDateLength];
};

} // namespace socketpoll::http
