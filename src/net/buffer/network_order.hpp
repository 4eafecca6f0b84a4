// Numbers as the wire has them: the highest byte first (RFC 1700, "Data Notation").
#pragma once

#include <cstddef>
#include <type_traits>

namespace socketpoll {

template <class Number> void store_network(char *to, Number value) noexcept {
  static_assert(std::is_unsigned_v<Number>);
  for (size_t i = sizeof value; i-- > 0; value = static_cast<Number>(value >> 8))
    to[i] = static_cast<char>(value);
}

template <class Number> Number load_network(const char *from) noexcept {
  static_assert(std::is_unsigned_v<Number>);
  Number value = 0;
  for (size_t i = 0; i < sizeof value; i++)
    value = static_cast<Number>(value << 8 | static_cast<unsigned char>(from[i]));
  return value;
}

} // namespace socketpoll
