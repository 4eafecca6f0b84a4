// HTTP floor: IMF-fixdate out; IMF-fixdate, RFC 850 and asctime dates in.
#include "http/http_date.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <cstring>

namespace socketpoll::http {
namespace {

constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr int64_t kSecondsADay = 86400;
constexpr int64_t kFirst = -62167219200; // 0000-01-01T00:00:00Z
constexpr int64_t kLast = 253402300799;  // 9999-12-31T23:59:59Z

struct Civil {
  int year;
  int month; // 1 to 12
  int day;
};

// Days since 1970-01-01 in the proleptic Gregorian calendar, and back; years begin in March here,
// so that the leap day is the last.
int64_t days_of(Civil date) noexcept {
  const int64_t year = date.year - (date.month <= 2);
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year =
      (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}
Civil civil_of(int64_t days) noexcept {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {static_cast<int>(year_of_era + era * 400 + (month <= 2)), month,
          static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1)};
}

bool valid_day(Civil date) noexcept {
  constexpr int kLengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
  if (date.month == 2 && date.day == 29) return leap;
  return date.day >= 1 && date.day <= kLengths[date.month - 1];
}

void put_digits(char *out, int value, int width) noexcept {
  for (int i = width - 1; i >= 0; i--, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

// Takes a date's text apart from the front; the first mismatch spoils it for good.
class DateReader {
public:
  explicit DateReader(std::string_view text) noexcept : text_(text) {}
  bool ok() const noexcept { return ok_; }
  bool ended() const noexcept { return ok_ && text_.empty(); }
  bool starts_with(std::string_view text) const noexcept { return text_.starts_with(text); }
  void literal(std::string_view text) noexcept {
    if (ok_ && text_.starts_with(text))
      text_.remove_prefix(text.size());
    else
      ok_ = false;
  }
  int number(size_t digits) noexcept {
    int value = 0;
    if (text_.size() < digits) ok_ = false;
    for (size_t i = 0; ok_ && i < digits; i++) {
      if (!is_digit(text_[i])) ok_ = false;
      value = value * 10 + (text_[i] - '0');
    }
    if (ok_) text_.remove_prefix(digits);
    return value;
  }
  int month() noexcept {
    for (int i = 0; i < 12; i++)
      if (text_.starts_with(std::string_view(kMonths + 3 * i, 3))) {
        text_.remove_prefix(3);
        return i + 1;
      }
    ok_ = false;
    return 1;
  }
  // A day's name in the long or short form; which day it is is not compared with the date.
  void day_name(bool whole) noexcept {
    for (std::string_view day : kDays) {
      const std::string_view name = whole ? day : day.substr(0, 3);
      if (text_.starts_with(name)) return text_.remove_prefix(name.size());
    }
    ok_ = false;
  }
  int64_t time_of_day() noexcept {
    const int hour = number(2);
    literal(":");
    const int minute = number(2);
    literal(":");
    const int second = number(2); // 60 in a leap second
    if (hour > 23 || minute > 59 || second > 60) ok_ = false;
    return hour * 3600 + minute * 60 + second;
  }

private:
  std::string_view text_;
  bool ok_ = true;
};

Civil read_fixdate(DateReader &reader, int64_t &seconds) noexcept {
  Civil date{};
  reader.day_name(false);
  reader.literal(", ");
  date.day = reader.number(2);
  reader.literal(" ");
  date.month = reader.month();
  reader.literal(" ");
  date.year = reader.number(4);
  reader.literal(" ");
  seconds = reader.time_of_day();
  reader.literal(" GMT");
  return date;
}

Civil read_rfc850(DateReader &reader, int64_t &seconds, int64_t now) noexcept {
  Civil date{};
  reader.day_name(true);
  reader.literal(", ");
  date.day = reader.number(2);
  reader.literal("-");
  date.month = reader.month();
  reader.literal("-");
  const int this_year = civil_of(std::clamp(now, int64_t{0}, kLast) / kSecondsADay).year;
  date.year = this_year - this_year % 100 + reader.number(2);
  if (date.year > this_year + 50) date.year -= 100;
  reader.literal(" ");
  seconds = reader.time_of_day();
  reader.literal(" GMT");
  return date;
}

Civil read_asctime(DateReader &reader, int64_t &seconds) noexcept {
  Civil date{};
  reader.day_name(false);
  reader.literal(" ");
  date.month = reader.month();
  reader.literal(" ");
  const bool padded = reader.starts_with(" ");
  if (padded) reader.literal(" ");
  date.day = reader.number(padded ? 1 : 2);
  if (!padded && date.day < 10) date.day = 0; // "06" is the other formats' way
  reader.literal(" ");
  seconds = reader.time_of_day();
  reader.literal(" ");
  date.year = reader.number(4);
  return date;
}

} // namespace

void http_date(int64_t time, char *out) noexcept {
  time = std::clamp(time, kFirst, kLast);
  const int64_t days = (time >= 0 ? time : time - kSecondsADay + 1) / kSecondsADay;
  const int second = static_cast<int>(time - days * kSecondsADay);
  const Civil date = civil_of(days);
  const int64_t weekday = ((days + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday
  std::memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", kHttpDateLength);
  std::memcpy(out, kDays[weekday].data(), 3);
  put_digits(out + 5, date.day, 2);
  std::memcpy(out + 8, kMonths + 3 * (date.month - 1), 3);
  put_digits(out + 12, date.year, 4);
  put_digits(out + 17, second / 3600, 2);
  put_digits(out + 20, second / 60 % 60, 2);
  put_digits(out + 23, second % 60, 2);
}

std::optional<int64_t> parse_http_date(std::string_view text, int64_t now) noexcept {
  if (text.size() < 24) return std::nullopt;
  DateReader reader(text);
  int64_t seconds = 0;
  Civil date;
  if (text[3] == ',')
    date = read_fixdate(reader, seconds);
  else if (text[3] == ' ')
    date = read_asctime(reader, seconds);
  else
    date = read_rfc850(reader, seconds, now);
  if (!reader.ended() || !valid_day(date)) return std::nullopt;
  return days_of(date) * kSecondsADay + seconds;
}

} // namespace socketpoll::http
