// HTTP floor: the head of an HTTP/1.x request (RFC 9112), parsed strictly and incrementally.
//
// Nothing here does I/O or allocates. The bytes stay where they are: the result holds offsets from
// the request's first byte, so the caller's buffer may move between two calls. Every byte is looked
// at once however the head is cut up, and the outcome does not depend on the cuts. What RFC 9112
// leaves to a recipient's leniency (bare LF, obs-fold, space before a colon, lists in
// Content-Length) is refused, because two recipients that are lenient in different ways are how a
// request is smuggled.
#pragma once

#include "http/ascii.hpp"
#include "http/header_names.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace socketpoll::http {

enum class Method : uint8_t { other, get, head, post, put, del, connect, options, trace, patch };
// Methods are case-sensitive (RFC 9110 9.1).
Method method_of(std::string_view name) noexcept;

// A longer one is nobody's: 501 (RFC 9112 3).
inline constexpr uint32_t kMaxMethodLength = 32;
inline constexpr uint16_t kMaxFields = 128;
// RFC 9112 2.2 asks for tolerance of one empty line before the request line.
inline constexpr uint32_t kMaxBlankLineBytes = 8;

// The one place for the defaults. `fields` above kMaxFields is taken as kMaxFields.
struct H1Limits {
  uint32_t target_bytes = 8192; // beyond: 414
  uint32_t head_bytes = 65536;  // the whole head with its blank line; beyond: 431
  uint16_t fields = 100;        // beyond: 431
};

struct HeaderField {
  uint32_t name_offset;
  uint32_t value_offset;
  uint32_t value_length;
  uint16_t name_length;
  KnownHeader id;
};

enum class BodyFraming : uint8_t { none, length, chunked };
enum class TargetForm : uint8_t { origin, absolute, authority, asterisk };
enum class ParseOutcome : uint8_t { complete, more, error };

// Result and progress in one. Fields up to `has_upgrade` mean something once the outcome is
// `complete`; `error_status` once it is `error`: 400, 414, 417, 431, 501 or 505.
struct RequestHead {
  uint32_t head_length; // bytes consumed, empty lines before the request included
  TextRange method_text;
  TextRange target;
  TextRange path;      // without the query; of length 0 in "http://host" (see RequestView::path)
  TextRange query;     // without '?'
  TextRange authority; // of an absolute-form or authority-form target
  uint16_t field_count;
  uint16_t error_status;
  uint8_t version_minor; // 0 or 1
  Method method;
  TargetForm form;
  BodyFraming framing;
  int64_t content_length; // -1 unless framing is `length`
  bool has_query;
  bool keep_alive;
  bool expect_continue;
  bool has_upgrade; // Upgrade, named by Connection as well, in HTTP/1.1 (RFC 9110 7.8)
  uint64_t seen;    // one bit a KnownHeader

  // The parser's own.
  struct Progress {
    uint32_t at;    // bytes looked at
    uint32_t start; // of the element that is being read
    uint8_t step;
    uint8_t codings; // of Transfer-Encoding, saturating
    uint8_t chunked_codings;
    bool chunked_last;
    bool said_close;
    bool said_keep_alive;
    bool said_upgrade;
    uint8_t host_field;
  } progress;

  std::array<HeaderField, kMaxFields> fields; // field_count of them; the rest is never touched

  RequestHead() noexcept { reset(); }
  void reset() noexcept;
  bool has(KnownHeader id) const noexcept { return seen >> static_cast<unsigned>(id) & 1; }
  // Nothing of this request has arrived, not even an empty line.
  bool untouched() const noexcept { return progress.at == 0; }
};

// `base` is the request's first byte, `length` all that has arrived since, earlier calls' bytes
// included. After `complete` the next request starts at base + head_length (+ body); after `error`
// only reset() makes the head usable again.
ParseOutcome parse_request_head(RequestHead &head, const char *base, size_t length,
                                const H1Limits &limits = {}) noexcept;

// A complete head together with its bytes.
class RequestView {
public:
  RequestView(const RequestHead &head, const char *base) noexcept : head_(head), base_(base) {}
  std::string_view method() const noexcept { return head_.method_text.in(base_); }
  std::string_view target() const noexcept { return head_.target.in(base_); }
  // As sent, still percent-encoded. Where an absolute-form target has none: "/", or "*" if the
  // method is OPTIONS and there is no query (RFC 9112 3.2.4).
  std::string_view path() const noexcept;
  std::string_view query() const noexcept { return head_.query.in(base_); }
  // What the request is addressed to: the target's authority if it has one, which overrides Host
  // (RFC 9112 3.2.2), or Host, or nothing.
  std::string_view host() const noexcept;
  std::string_view name(const HeaderField &field) const noexcept {
    return {base_ + field.name_offset, field.name_length};
  }
  std::string_view value(const HeaderField &field) const noexcept {
    return {base_ + field.value_offset, field.value_length};
  }
  // The first field of that name at or after index `from`, or null. The string form ignores case.
  const HeaderField *find(KnownHeader id, size_t from = 0) const noexcept;
  const HeaderField *find(std::string_view name, size_t from = 0) const noexcept;
  // The first field's value, or `absent`, whose data() is null.
  std::string_view header(KnownHeader id, std::string_view absent = {}) const noexcept;
  std::string_view header(std::string_view name, std::string_view absent = {}) const noexcept;
  // The values of up to N fields of that name, for the headers that are lists; returns how many
  // there are altogether.
  size_t collect(KnownHeader id, std::string_view *values, size_t capacity) const noexcept;

private:
  const RequestHead &head_;
  const char *base_;
};

} // namespace socketpoll::http
