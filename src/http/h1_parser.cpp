// HTTP floor: the request head parser's steps, and lookup in its result.
#include "http/h1_parser.hpp"

#include "http/h1_semantics.hpp"
#include "http/scan.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

static_assert(static_cast<unsigned>(KnownHeader::count) <= 64, "RequestHead::seen has a bit each");

// What the next byte belongs to. Only the steps in which a call can end are stored.
enum class Step : uint8_t {
  blank,    // before the request line
  blank_lf, // after the CR of an empty line there
  method,
  target,
  version, // through the request line's CRLF
  line,    // the first byte of a field line or of the final CRLF
  name,
  gap, // OWS before a value
  value,
  value_lf,
  end_lf,
  done,
  failed,
};

// Every step returns true to go on, false when outcome_ says why not. An error is raised at the
// first byte that makes the head unacceptable, in the order of the bytes: that is why cutting the
// input elsewhere cannot change the answer.
class HeadParser {
public:
  HeadParser(RequestHead &head, const char *base, size_t length, const H1Limits &limits) noexcept
      : head_(head), base_(base), at_(base + head.progress.at), end_(base + length),
        start_(base + head.progress.start), target_limit_(limits.target_bytes),
        field_limit_(std::min(limits.fields, kMaxFields)),
        step_(static_cast<Step>(head.progress.step)) {}

  ParseOutcome run() noexcept {
    if (step_ == Step::done) return ParseOutcome::complete;
    if (step_ == Step::failed) return ParseOutcome::error;
    if (step_ >= Step::line || request_line()) fields();
    head_.progress.at = offset(at_);
    head_.progress.start = offset(start_);
    head_.progress.step = static_cast<uint8_t>(step_);
    return outcome_;
  }

  bool in_target() const noexcept { return step_ == Step::target; }

private:
  uint32_t offset(const char *at) const noexcept { return static_cast<uint32_t>(at - base_); }
  uint32_t run_length() const noexcept { return offset(at_) - offset(start_); }
  TextRange run_range() const noexcept { return {offset(start_), run_length()}; }
  bool more() noexcept {
    outcome_ = ParseOutcome::more;
    return false;
  }
  bool refuse(int status) noexcept {
    head_.error_status = static_cast<uint16_t>(status);
    step_ = Step::failed;
    outcome_ = ParseOutcome::error;
    return false;
  }
  bool line_feed() noexcept {
    if (at_ == end_) return more();
    if (*at_ != '\n') return refuse(400);
    ++at_;
    return true;
  }

  bool request_line() noexcept {
    if ((step_ == Step::blank || step_ == Step::blank_lf) && !blank_lines()) return false;
    if (step_ == Step::method && !method()) return false;
    if (step_ == Step::target && !target()) return false;
    return version();
  }

  bool blank_lines() noexcept {
    for (;;) {
      if (step_ == Step::blank_lf) {
        if (!line_feed()) return false;
        step_ = Step::blank;
      }
      if (at_ == end_) return more();
      if (*at_ != '\r') break;
      if (at_ - base_ >= static_cast<ptrdiff_t>(kMaxBlankLineBytes)) return refuse(400);
      ++at_;
      step_ = Step::blank_lf;
    }
    start_ = at_;
    step_ = Step::method;
    return true;
  }

  bool method() noexcept {
    at_ = scan::token_end(at_, end_);
    if (run_length() > kMaxMethodLength) return refuse(501);
    if (at_ == end_) return more();
    if (*at_ != ' ' || at_ == start_) return refuse(400);
    head_.method_text = run_range();
    head_.method = method_of({start_, run_length()});
    start_ = ++at_;
    step_ = Step::target;
    return true;
  }

  bool target() noexcept {
    at_ = scan::target_end(at_, end_);
    if (run_length() > target_limit_) return refuse(414);
    if (at_ == end_) return more();
    if (*at_ != ' ' || at_ == start_) return refuse(400);
    head_.target = run_range();
    start_ = ++at_;
    step_ = Step::version;
    return true;
  }

  static bool fits_version(char c, size_t index) noexcept {
    constexpr char kShape[] = "HTTP/0.0\r\n";
    return index == 5 || index == 7 ? is_digit(c) : c == kShape[index];
  }
  bool version() noexcept {
    constexpr size_t kLength = 10;
    if (at_ == start_ && end_ - at_ >= static_cast<ptrdiff_t>(kLength) &&
        std::memcmp(at_, "HTTP/1.1\r\n", kLength) == 0) {
      at_ += kLength;
    } else {
      while (run_length() < kLength) {
        if (at_ == end_) return more();
        if (!fits_version(*at_, run_length())) return refuse(400);
        ++at_;
      }
      if (start_[5] != '1') return refuse(505);
    }
    // A minor version above ours promises to be understood as ours (RFC 9110 2.5).
    head_.version_minor = start_[7] == '0' ? 0 : 1;
    if (const int status = interpret_target(head_, base_)) return refuse(status);
    step_ = Step::line;
    return true;
  }

  // A loop of consecutive tests, not a switch: each test is predicted, since the order is fixed.
  void fields() noexcept {
    for (;;) {
      if (step_ == Step::line && !line()) return;
      if (step_ == Step::end_lf) return finish();
      if (step_ == Step::name && !name()) return;
      if (step_ == Step::gap && !gap()) return;
      if (step_ == Step::value && !value()) return;
      if (!end_of_value()) return;
    }
  }

  bool line() noexcept {
    if (at_ == end_) return more();
    if (*at_ == '\r') {
      ++at_;
      step_ = Step::end_lf;
      return true;
    }
    if (head_.field_count == field_limit_) return refuse(431);
    start_ = at_;
    step_ = Step::name;
    return true;
  }

  // obs-fold, a space before the colon and an empty name all fail on the byte after the token.
  bool name() noexcept {
    at_ = scan::token_end(at_, end_);
    if (run_length() > UINT16_MAX) return refuse(431);
    if (at_ == end_) return more();
    if (*at_ != ':' || at_ == start_) return refuse(400);
    HeaderField &field = head_.fields[head_.field_count];
    field.name_offset = offset(start_);
    field.name_length = static_cast<uint16_t>(run_length());
    ++at_;
    step_ = Step::gap;
    return true;
  }

  bool gap() noexcept {
    while (at_ != end_ && is_ows(*at_)) ++at_;
    if (at_ == end_) return more();
    start_ = at_;
    step_ = Step::value;
    return true;
  }

  bool value() noexcept {
    at_ = scan::value_end(at_, end_);
    if (at_ == end_) return more();
    if (*at_ != '\r') return refuse(400);
    ++at_;
    step_ = Step::value_lf;
    return true;
  }

  bool end_of_value() noexcept {
    if (!line_feed()) return false;
    const char *value_end = at_ - 2;
    while (value_end != start_ && is_ows(value_end[-1])) --value_end;
    HeaderField &field = head_.fields[head_.field_count++];
    field.value_offset = offset(start_);
    field.value_length = offset(value_end) - field.value_offset;
    field.id = known_header({base_ + field.name_offset, field.name_length});
    if (field.id != KnownHeader::other) {
      if (const int status = interpret_field(head_, base_, field)) {
        refuse(status);
        return false;
      }
    }
    step_ = Step::line;
    return true;
  }

  void finish() noexcept {
    if (!line_feed()) return;
    head_.head_length = offset(at_);
    if (const int status = interpret_head(head_)) {
      refuse(status);
      return;
    }
    step_ = Step::done;
    outcome_ = ParseOutcome::complete;
  }

  RequestHead &head_;
  const char *base_;
  const char *at_;
  const char *end_;
  const char *start_;
  uint32_t target_limit_;
  uint16_t field_limit_;
  Step step_;
  ParseOutcome outcome_ = ParseOutcome::more;
};

} // namespace

Method method_of(std::string_view name) noexcept {
  switch (name.size()) {
  case 3:
    if (name == "GET") return Method::get;
    if (name == "PUT") return Method::put;
    break;
  case 4:
    if (name == "POST") return Method::post;
    if (name == "HEAD") return Method::head;
    break;
  case 5:
    if (name == "PATCH") return Method::patch;
    if (name == "TRACE") return Method::trace;
    break;
  case 6: return name == "DELETE" ? Method::del : Method::other;
  case 7:
    if (name == "OPTIONS") return Method::options;
    if (name == "CONNECT") return Method::connect;
    break;
  default: break;
  }
  return Method::other;
}

void RequestHead::reset() noexcept {
  head_length = 0;
  method_text = target = path = query = authority = {};
  field_count = 0;
  error_status = 0;
  version_minor = 1;
  method = Method::other;
  form = TargetForm::origin;
  framing = BodyFraming::none;
  content_length = -1;
  has_query = keep_alive = expect_continue = has_upgrade = false;
  seen = 0;
  progress = {};
}

ParseOutcome parse_request_head(RequestHead &head, const char *base, size_t length,
                                const H1Limits &limits) noexcept {
  // The limit is applied by not looking further: if the head has not ended by then, it is too long.
  const bool beyond = length >= limits.head_bytes;
  HeadParser parser(head, base, beyond ? limits.head_bytes : length, limits);
  const ParseOutcome outcome = parser.run();
  if (outcome != ParseOutcome::more || !beyond) return outcome;
  head.error_status = parser.in_target() ? 414 : 431;
  head.progress.step = static_cast<uint8_t>(Step::failed);
  return ParseOutcome::error;
}

std::string_view RequestView::path() const noexcept {
  if (head_.path.length == 0 && head_.form == TargetForm::absolute)
    return head_.method == Method::options && !head_.has_query ? "*" : "/";
  return head_.path.in(base_);
}

std::string_view RequestView::host() const noexcept {
  if (head_.authority.length) return head_.authority.in(base_);
  return head_.has(KnownHeader::host) ? value(head_.fields[head_.progress.host_field])
                                      : std::string_view{};
}

const HeaderField *RequestView::find(KnownHeader id, size_t from) const noexcept {
  if (!head_.has(id)) return nullptr;
  for (size_t i = from; i < head_.field_count; i++)
    if (head_.fields[i].id == id) return &head_.fields[i];
  return nullptr;
}

const HeaderField *RequestView::find(std::string_view wanted, size_t from) const noexcept {
  const KnownHeader id = is_token(wanted) ? known_header(wanted) : KnownHeader::other;
  if (id != KnownHeader::other) return find(id, from);
  for (size_t i = from; i < head_.field_count; i++)
    if (equals_ignoring_case(name(head_.fields[i]), wanted)) return &head_.fields[i];
  return nullptr;
}

std::string_view RequestView::header(KnownHeader id, std::string_view absent) const noexcept {
  const HeaderField *field = find(id);
  return field ? value(*field) : absent;
}

std::string_view RequestView::header(std::string_view name,
                                     std::string_view absent) const noexcept {
  const HeaderField *field = find(name);
  return field ? value(*field) : absent;
}

size_t RequestView::collect(KnownHeader id, std::string_view *values,
                            size_t capacity) const noexcept {
  if (!head_.has(id)) return 0;
  size_t found = 0;
  for (size_t i = 0; i < head_.field_count; i++) {
    if (head_.fields[i].id != id) continue;
    if (found < capacity) values[found] = value(head_.fields[i]);
    found++;
  }
  return found;
}

} // namespace socketpoll::http
