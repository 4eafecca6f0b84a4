// HTTP floor: entity-tag lists and the precedence of preconditions.
#include "http/conditional.hpp"

#include "http/h1_parser.hpp"
#include "http/http_date.hpp"

namespace socketpoll::http {
namespace {

constexpr std::string_view kWeak = "W/";

// The length of the entity-tag at the front, or 0. A comma may stand inside the quotes, and a
// backslash means nothing there.
size_t etag_length(std::string_view text) noexcept {
  const size_t open = text.starts_with(kWeak) ? kWeak.size() : 0;
  if (open >= text.size() || text[open] != '"') return 0;
  for (size_t i = open + 1; i < text.size(); i++) {
    const uint8_t c = static_cast<uint8_t>(text[i]);
    if (c == '"') return i + 1;
    if (c <= 0x20 || c == 0x7f) return 0;
  }
  return 0;
}

std::string_view opaque(std::string_view tag) noexcept {
  return tag.starts_with(kWeak) ? tag.substr(kWeak.size()) : tag;
}

enum class Comparison { strong, weak };

bool same(std::string_view a, std::string_view b, Comparison comparison) noexcept {
  if (a.empty() || b.empty()) return false;
  if (comparison == Comparison::weak) return opaque(a) == opaque(b);
  return a == b && !a.starts_with(kWeak);
}

// Whether a line of entity-tags holds `tag`; what follows a malformed element is not believed.
bool line_has(std::string_view line, std::string_view tag, Comparison comparison) noexcept {
  for (;;) {
    while (!line.empty() && (is_ows(line.front()) || line.front() == ',')) line.remove_prefix(1);
    const size_t length = etag_length(line);
    if (length == 0) return false;
    const std::string_view element = line.substr(0, length);
    line = line.substr(length);
    while (!line.empty() && is_ows(line.front())) line.remove_prefix(1);
    if (!line.empty() && line.front() != ',') return false;
    if (same(element, tag, comparison)) return true;
  }
}

bool any_matches(const FieldLines &lines, std::string_view tag, Comparison comparison,
                 bool exists) noexcept {
  if (lines.count == 1 && lines.lines[0] == "*") return exists;
  for (size_t i = 0; exists && i < lines.size(); i++)
    if (line_has(lines.lines[i], tag, comparison)) return true;
  return false;
}

// Only one line makes a date.
std::optional<int64_t> date_of(const FieldLines &lines, int64_t now) noexcept {
  return lines.count == 1 ? parse_http_date(lines.lines[0], now) : std::nullopt;
}

FieldLines lines_of(const RequestView &request, KnownHeader id) noexcept {
  FieldLines lines;
  lines.count = request.collect(id, lines.lines.data(), FieldLines::kCapacity);
  return lines;
}

} // namespace

Conditions Conditions::of(const RequestView &request) noexcept {
  return {lines_of(request, KnownHeader::if_match), lines_of(request, KnownHeader::if_none_match),
          lines_of(request, KnownHeader::if_modified_since),
          lines_of(request, KnownHeader::if_unmodified_since)};
}

bool valid_etag(std::string_view tag) noexcept {
  return !tag.empty() && etag_length(tag) == tag.size();
}

ConditionOutcome evaluate(const Conditions &conditions, const Validators &validators,
                          bool is_get_or_head, int64_t now, bool exists) noexcept {
  if (conditions.if_match.present()) {
    if (!any_matches(conditions.if_match, validators.etag, Comparison::strong, exists))
      return ConditionOutcome::precondition_failed;
  } else if (const auto date = date_of(conditions.if_unmodified_since, now)) {
    if (validators.last_modified && *validators.last_modified > *date)
      return ConditionOutcome::precondition_failed;
  }
  if (conditions.if_none_match.present()) {
    if (any_matches(conditions.if_none_match, validators.etag, Comparison::weak, exists))
      return is_get_or_head ? ConditionOutcome::not_modified
                            : ConditionOutcome::precondition_failed;
  } else if (is_get_or_head) {
    const auto date = date_of(conditions.if_modified_since, now);
    if (date && validators.last_modified && *validators.last_modified <= *date)
      return ConditionOutcome::not_modified;
  }
  return ConditionOutcome::proceed;
}

bool if_range_holds(std::string_view if_range, const Validators &validators, int64_t now) noexcept {
  if (valid_etag(if_range)) return same(if_range, validators.etag, Comparison::strong);
  const auto date = parse_http_date(if_range, now);
  return date && validators.last_modified && *date == *validators.last_modified && *date < now;
}

} // namespace socketpoll::http
