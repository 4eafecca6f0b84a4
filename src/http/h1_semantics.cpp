// HTTP floor: target forms, body framing, Host, Connection and Expect of a request.
#include "http/h1_semantics.hpp"

#include "http/ascii.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

bool valid_port(std::string_view digits) noexcept {
  uint32_t port = 0;
  if (digits.size() > 5) return false;
  for (char c : digits) {
    if (!is_digit(c)) return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= UINT16_MAX;
}

// What stands between the brackets of an IP-literal (RFC 3986 3.2.2): IPvFuture, or an IPv6 address
// by its characters, since nobody connects to it.
bool valid_ip_literal(std::string_view text) noexcept {
  const auto is_regular = [](char c) { return c == ':' || has_class(c, byte_class::kRegName); };
  const auto is_address = [](char c) { return c == ':' || c == '.' || hex_value(c) >= 0; };
  if (!text.empty() && to_lower(text.front()) == 'v') {
    const size_t dot = text.find('.');
    if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size()) return false;
    return std::all_of(text.begin() + 1, text.begin() + static_cast<ptrdiff_t>(dot),
                       [](char c) { return hex_value(c) >= 0; }) &&
           std::all_of(text.begin() + static_cast<ptrdiff_t>(dot), text.end(), is_regular);
  }
  return std::count(text.begin(), text.end(), ':') >= 2 &&
         std::all_of(text.begin(), text.end(), is_address);
}

bool valid_reg_name(std::string_view text) noexcept {
  for (size_t i = 0; i < text.size(); i++) {
    if (has_class(text[i], byte_class::kRegName)) continue;
    if (text[i] != '%' || text.size() - i < 3) return false;
    if (hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return false;
    i += 2;
  }
  return !text.empty();
}

int take_content_length(RequestHead &head, std::string_view text) noexcept {
  // A second one, even an equal one, or a list is how lengths come to differ (RFC 9112 6.3).
  if (head.has(KnownHeader::content_length) || text.empty()) return 400;
  int64_t length = 0;
  for (char c : text) {
    if (!is_digit(c)) return 400;
    const int digit = c - '0';
    if (length > (INT64_MAX - digit) / 10) return 400;
    length = length * 10 + digit;
  }
  head.content_length = length;
  return 0;
}

int take_transfer_encoding(RequestHead &head, std::string_view list) noexcept {
  RequestHead::Progress &progress = head.progress;
  std::string_view coding;
  if (list.data() == nullptr || list.empty()) return 400;
  while (next_element(list, coding)) {
    const size_t parameters = coding.find(';');
    if (!is_token(trim_ows(coding.substr(0, parameters)))) return 400;
    progress.chunked_last = equals_ignoring_case(coding, "chunked");
    if (progress.chunked_last && ++progress.chunked_codings > 1) return 400;
    if (progress.codings < UINT8_MAX) progress.codings++;
  }
  return 0;
}

void take_connection(RequestHead::Progress &progress, std::string_view list) noexcept {
  std::string_view option;
  while (next_element(list, option)) {
    if (equals_ignoring_case(option, "close"))
      progress.said_close = true;
    else if (equals_ignoring_case(option, "keep-alive"))
      progress.said_keep_alive = true;
    else if (equals_ignoring_case(option, "upgrade"))
      progress.said_upgrade = true;
  }
}

int take_host(RequestHead &head, std::string_view value) noexcept {
  if (head.has(KnownHeader::host)) return 400;
  head.progress.host_field = static_cast<uint8_t>(head.field_count - 1);
  return value.empty() || valid_authority(value) ? 0 : 400;
}

// RFC 9110 10.1.1; HTTP/1.0 must have the expectation ignored.
int take_expect(RequestHead &head, std::string_view value) noexcept {
  if (!equals_ignoring_case(value, "100-continue")) return 417;
  head.expect_continue = head.version_minor > 0;
  return 0;
}

void split_query(RequestHead &head, const char *base, uint32_t offset, uint32_t end) noexcept {
  const void *mark = std::memchr(base + offset, '?', end - offset);
  head.has_query = mark != nullptr;
  const uint32_t path_end =
      mark ? static_cast<uint32_t>(static_cast<const char *>(mark) - base) : end;
  head.path = {offset, path_end - offset};
  if (mark) head.query = {path_end + 1, end - path_end - 1};
}

int interpret_absolute(RequestHead &head, const char *base) noexcept {
  const std::string_view target = head.target.in(base);
  size_t scheme = 0;
  if (equals_ignoring_case(target.substr(0, 7), "http://"))
    scheme = 7;
  else if (equals_ignoring_case(target.substr(0, 8), "https://"))
    scheme = 8;
  else
    return 400;
  const size_t end = std::min(target.find_first_of("/?", scheme), target.size());
  if (!valid_authority(target.substr(scheme, end - scheme))) return 400;
  head.form = TargetForm::absolute;
  const uint32_t offset = head.target.offset;
  head.authority = {offset + static_cast<uint32_t>(scheme), static_cast<uint32_t>(end - scheme)};
  split_query(head, base, offset + static_cast<uint32_t>(end), offset + head.target.length);
  return 0;
}

// host ":" port, both there (RFC 9112 3.2.3).
int interpret_authority(RequestHead &head, const char *base) noexcept {
  const std::string_view target = head.target.in(base);
  const size_t colon = target.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == target.size()) return 400;
  if (!valid_authority(target)) return 400;
  head.form = TargetForm::authority;
  head.authority = head.target;
  return 0;
}

int interpret_framing(RequestHead &head) noexcept {
  const bool has_length = head.has(KnownHeader::content_length);
  if (!head.has(KnownHeader::transfer_encoding)) {
    if (has_length) head.framing = BodyFraming::length;
    return 0;
  }
  // RFC 9112 6.1 lets a server refuse both together, and calls HTTP/1.0 with it faulty framing.
  if (has_length || head.version_minor == 0 || !head.progress.chunked_last) return 400;
  if (head.progress.codings > 1) return 501;
  head.framing = BodyFraming::chunked;
  return 0;
}

int check_host(const RequestHead &head) noexcept {
  if (!head.has(KnownHeader::host)) return head.version_minor > 0 ? 400 : 0;
  // Empty is what a target without an authority asks for; a target that has one must repeat it
  // (RFC 9112 3.2).
  const bool empty = head.fields[head.progress.host_field].value_length == 0;
  return empty && head.authority.length ? 400 : 0;
}

} // namespace

bool valid_authority(std::string_view text) noexcept {
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || !valid_ip_literal(text.substr(1, close - 1)))
      return false;
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1)));
  }
  const size_t colon = text.find(':');
  if (!valid_reg_name(text.substr(0, colon))) return false;
  return colon == std::string_view::npos || valid_port(text.substr(colon + 1));
}

int interpret_target(RequestHead &head, const char *base) noexcept {
  const std::string_view target = head.target.in(base);
  if (head.method == Method::connect) return interpret_authority(head, base);
  if (target.front() == '/') {
    split_query(head, base, head.target.offset, head.target.offset + head.target.length);
    return 0;
  }
  if (target == "*") {
    head.form = TargetForm::asterisk;
    head.path = head.target;
    return head.method == Method::options ? 0 : 400;
  }
  return interpret_absolute(head, base);
}

int interpret_field(RequestHead &head, const char *base, const HeaderField &field) noexcept {
  const std::string_view value{base + field.value_offset, field.value_length};
  int status = 0;
  switch (field.id) {
  case KnownHeader::host: status = take_host(head, value); break;
  case KnownHeader::content_length: status = take_content_length(head, value); break;
  case KnownHeader::transfer_encoding: status = take_transfer_encoding(head, value); break;
  case KnownHeader::connection: take_connection(head.progress, value); break;
  case KnownHeader::expect: status = take_expect(head, value); break;
  default: break;
  }
  head.seen |= uint64_t{1} << static_cast<unsigned>(field.id);
  return status;
}

int interpret_head(RequestHead &head) noexcept {
  if (const int status = check_host(head)) return status;
  if (const int status = interpret_framing(head)) return status;
  const RequestHead::Progress &said = head.progress;
  head.keep_alive = !said.said_close && (head.version_minor > 0 || said.said_keep_alive);
  head.has_upgrade = said.said_upgrade && head.version_minor > 0 && head.has(KnownHeader::upgrade);
  return 0;
}

} // namespace socketpoll::http
