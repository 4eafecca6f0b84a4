// HTTP floor: where does a run of token, target or field-value bytes end? These three loops are
// most of what parsing a head costs, so they look at 16 bytes a step: SSE2 on x86-64, NEON on
// aarch64, eight bytes in a register elsewhere. No variant reads at or past `end`; the tests hold
// each of them against `scalar`.
#pragma once

#include "http/ascii.hpp"

#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#define SOCKETPOLL_SCAN_SSE2 1
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#include <arm_neon.h>
#define SOCKETPOLL_SCAN_NEON 1
#endif

namespace socketpoll::http::scan {

namespace scalar {
template <uint8_t kClass> inline const char *run_end(const char *at, const char *end) noexcept {
  while (at != end && has_class(*at, kClass)) ++at;
  return at;
}
inline const char *token_end(const char *at, const char *end) noexcept {
  return run_end<byte_class::kToken>(at, end);
}
inline const char *target_end(const char *at, const char *end) noexcept {
  return run_end<byte_class::kTarget>(at, end);
}
inline const char *value_end(const char *at, const char *end) noexcept {
  return run_end<byte_class::kValue>(at, end);
}
} // namespace scalar

// Eight bytes at once. Each test below marks, with the high bit of its byte, every byte that may be
// outside the class; carries can mark too many, never too few, and the scalar loop settles it.
namespace swar {
inline constexpr uint64_t kOnes = 0x0101010101010101u;
inline constexpr uint64_t kHigh = 0x8080808080808080u;
constexpr uint64_t below(uint64_t word, uint8_t limit) noexcept {
  return (word - kOnes * limit) & ~word & kHigh;
}
constexpr uint64_t equal(uint64_t word, uint8_t byte) noexcept {
  return below(word ^ (kOnes * byte), 1);
}
struct Target {
  static constexpr uint8_t kClass = byte_class::kTarget;
  static constexpr uint64_t suspects(uint64_t word) noexcept {
    return (word & kHigh) | below(word, 0x21) | equal(word, 0x7f) | equal(word, '#');
  }
};
struct Value {
  static constexpr uint8_t kClass = byte_class::kValue;
  static constexpr uint64_t suspects(uint64_t word) noexcept {
    return below(word, 0x20) | equal(word, 0x7f);
  }
};
template <class Test> inline const char *run_end(const char *at, const char *end) noexcept {
  for (;;) {
    while (end - at >= 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      if (Test::suspects(word)) break;
      at += 8;
    }
    for (int i = 0; i < 8; i++, ++at)
      if (at == end || !has_class(*at, Test::kClass)) return at;
  }
}
// Names are short and their class is ragged: the table is as quick here.
inline const char *token_end(const char *at, const char *end) noexcept {
  return scalar::token_end(at, end);
}
inline const char *target_end(const char *at, const char *end) noexcept {
  return run_end<Target>(at, end);
}
inline const char *value_end(const char *at, const char *end) noexcept {
  return run_end<Value>(at, end);
}
} // namespace swar

#if defined(SOCKETPOLL_SCAN_SSE2) || defined(SOCKETPOLL_SCAN_NEON)
namespace simd {
#if defined(SOCKETPOLL_SCAN_SSE2)
using Bytes = __m128i;
inline Bytes load(const char *at) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
}
inline Bytes all(int byte) noexcept { return _mm_set1_epi8(static_cast<char>(byte)); }
inline Bytes equal(Bytes a, int byte) noexcept { return _mm_cmpeq_epi8(a, all(byte)); }
inline Bytes either(Bytes a, Bytes b) noexcept { return _mm_or_si128(a, b); }
inline Bytes a_without_b(Bytes a, Bytes b) noexcept { return _mm_andnot_si128(b, a); }
inline Bytes negate(Bytes a) noexcept { return _mm_xor_si128(a, all(0xff)); }
inline Bytes in_range(Bytes a, int low, int high) noexcept {
  const Bytes shifted = _mm_sub_epi8(a, all(low));
  return _mm_cmpeq_epi8(_mm_min_epu8(shifted, all(high - low)), shifted);
}
inline Bytes fold_case(Bytes a) noexcept { return _mm_or_si128(a, all(0x20)); }
using Mask = uint32_t;
inline Mask mask(Bytes a) noexcept { return static_cast<Mask>(_mm_movemask_epi8(a)); }
inline int first(Mask bits) noexcept { return std::countr_zero(bits); }
#else
using Bytes = uint8x16_t;
inline Bytes load(const char *at) noexcept {
  return vld1q_u8(reinterpret_cast<const uint8_t *>(at));
}
inline Bytes all(int byte) noexcept { return vdupq_n_u8(static_cast<uint8_t>(byte)); }
inline Bytes equal(Bytes a, int byte) noexcept { return vceqq_u8(a, all(byte)); }
inline Bytes either(Bytes a, Bytes b) noexcept { return vorrq_u8(a, b); }
inline Bytes a_without_b(Bytes a, Bytes b) noexcept { return vbicq_u8(a, b); }
inline Bytes negate(Bytes a) noexcept { return vmvnq_u8(a); }
inline Bytes in_range(Bytes a, int low, int high) noexcept {
  return vcleq_u8(vsubq_u8(a, all(low)), all(high - low));
}
inline Bytes fold_case(Bytes a) noexcept { return vorrq_u8(a, all(0x20)); }
// NEON has no movemask: narrowing by four bits leaves four mask bits a byte.
using Mask = uint64_t;
inline Mask mask(Bytes a) noexcept {
  return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(a), 4)), 0);
}
inline int first(Mask bits) noexcept { return std::countr_zero(bits) / 4; }
#endif

struct Token {
  static constexpr uint8_t kClass = byte_class::kToken;
  // Letters, digits and '-' pass; the other tchars are rare and left to the table.
  static Bytes suspects(Bytes a) noexcept {
    return negate(
        either(in_range(fold_case(a), 'a', 'z'), either(in_range(a, '0', '9'), equal(a, '-'))));
  }
};
struct Target {
  static constexpr uint8_t kClass = byte_class::kTarget;
  static Bytes suspects(Bytes a) noexcept {
    return either(negate(in_range(a, 0x21, 0x7e)), equal(a, '#'));
  }
};
struct Value {
  static constexpr uint8_t kClass = byte_class::kValue;
  static Bytes suspects(Bytes a) noexcept {
    return either(a_without_b(in_range(a, 0, 0x1f), equal(a, '\t')), equal(a, 0x7f));
  }
};
template <class Test> inline const char *run_end(const char *at, const char *end) noexcept {
  while (end - at >= 16) {
    const Mask suspects = mask(Test::suspects(load(at)));
    if (!suspects) {
      at += 16;
      continue;
    }
    at += first(suspects);
    if (!has_class(*at, Test::kClass)) return at;
    ++at;
  }
  return scalar::run_end<Test::kClass>(at, end);
}
inline const char *token_end(const char *at, const char *end) noexcept {
  return run_end<Token>(at, end);
}
inline const char *target_end(const char *at, const char *end) noexcept {
  return run_end<Target>(at, end);
}
inline const char *value_end(const char *at, const char *end) noexcept {
  return run_end<Value>(at, end);
}
} // namespace simd
using simd::target_end;
using simd::token_end;
using simd::value_end;
#else
using swar::target_end;
using swar::token_end;
using swar::value_end;
#endif

} // namespace socketpoll::http::scan
