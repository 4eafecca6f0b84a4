// HTTP floor: conditional requests (RFC 9110 13), as logic over header values. The clock and the
// file are the caller's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace socketpoll::http {

class RequestView;

// The lines of one field, of which a request may have several. More than kCapacity are not looked
// at: that can only cost a client the answer it hoped to save.
struct FieldLines {
  static constexpr size_t kCapacity = 4;
  std::array<std::string_view, kCapacity> lines{};
  size_t count = 0; // of all lines
  bool present() const noexcept { return count > 0; }
  size_t size() const noexcept { return count < kCapacity ? count : kCapacity; }
};

struct Conditions {
  FieldLines if_match, if_none_match, if_modified_since, if_unmodified_since;
  static Conditions of(const RequestView &request) noexcept;
};

// What the server knows of the representation it would send.
struct Validators {
  std::string_view etag;                // with its quotes, and W/ if weak; empty for none
  std::optional<int64_t> last_modified; // seconds since 1970
};

enum class ConditionOutcome : uint8_t {
  proceed,
  not_modified,        // 304
  precondition_failed, // 412
};

// In the order of RFC 9110 13.2.2. `exists` is false where a PUT would create the resource.
ConditionOutcome evaluate(const Conditions &conditions, const Validators &validators,
                          bool is_get_or_head, int64_t now, bool exists = true) noexcept;

// Step 5 of it: whether Range applies, given If-Range's value. A date counts only if it is exactly
// Last-Modified and that lies a second or more in the past, which makes it a strong validator
// (RFC 9110 8.8.2.2).
bool if_range_holds(std::string_view if_range, const Validators &validators, int64_t now) noexcept;

// entity-tag (RFC 9110 8.8.3).
bool valid_etag(std::string_view tag) noexcept;

} // namespace socketpoll::http
