// Net floor, TLS. Base64 (RFC 4648, 4) of a size that is known.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace socketpoll::tls {

// True if `text` is exactly the encoding of as many bytes as `out` has.
inline bool decode_base64(std::string_view text, std::span<uint8_t> out) noexcept {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() != (out.size() + 2) / 3 * 4) return false;
  const size_t padding = (3 - out.size() % 3) % 3;
  if (text.substr(text.size() - padding) != std::string_view("==").substr(0, padding)) return false;
  text.remove_suffix(padding);
  uint32_t bits = 0;
  int have = 0;
  size_t used = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return false;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out[used++] = static_cast<uint8_t>(bits >> have);
  }
  return (bits & ((1u << have) - 1)) == 0; // what is over must be nothing
}

} // namespace socketpoll::tls
