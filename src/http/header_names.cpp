// HTTP floor: known header names by a perfect hash of length, first and last letter, found by the
// compiler.
#include "http/header_names.hpp"

#include "http/ascii.hpp"

namespace socketpoll::http {
namespace {

constexpr size_t kCount = static_cast<size_t>(KnownHeader::count);
constexpr size_t kSlots = 256;
constexpr std::array<std::string_view, kCount> kNames = {
    std::string_view{},
#define SOCKETPOLL_KNOWN_HEADER_NAME(id, name) std::string_view{name},
    SOCKETPOLL_KNOWN_HEADERS(SOCKETPOLL_KNOWN_HEADER_NAME)
#undef SOCKETPOLL_KNOWN_HEADER_NAME
};

// Or-ing 0x20 folds the case of letters; among token bytes it maps nothing else onto a letter or
// onto '-'.
constexpr uint32_t folded(char c) noexcept { return static_cast<uint8_t>(c) | 0x20u; }
constexpr size_t slot_of(std::string_view name, uint32_t factor) noexcept {
  const uint32_t key =
      static_cast<uint32_t>(name.size()) | folded(name.front()) << 8 | folded(name.back()) << 16;
  return (key * factor) >> 24;
}
constexpr bool is_perfect(uint32_t factor) {
  bool used[kSlots] = {};
  for (size_t i = 1; i < kCount; i++) {
    bool &slot = used[slot_of(kNames[i], factor)];
    if (slot) return false;
    slot = true;
  }
  return true;
}
constexpr uint32_t find_factor() {
  uint32_t factor = 0x9e3779b1u;
  while (!is_perfect(factor)) factor += 0x7f4a7c16u;
  return factor;
}
constexpr uint32_t kFactor = find_factor();
constexpr std::array<uint8_t, kSlots> make_slots() {
  std::array<uint8_t, kSlots> slots{};
  for (size_t i = 1; i < kCount; i++) slots[slot_of(kNames[i], kFactor)] = static_cast<uint8_t>(i);
  return slots;
}
constexpr std::array<uint8_t, kSlots> kSlotTable = make_slots();

template <class Word> Word folded_word(const char *at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word | static_cast<Word>(0x2020202020202020u);
}
// Overlapping loads cover any length without a loop over bytes and without reading past the name.
bool matches(const char *name, const char *known, size_t length) noexcept {
  if (length >= 8) {
    for (size_t i = 0; i + 8 < length; i += 8)
      if (folded_word<uint64_t>(name + i) != folded_word<uint64_t>(known + i)) return false;
    return folded_word<uint64_t>(name + length - 8) == folded_word<uint64_t>(known + length - 8);
  }
  if (length >= 4)
    return folded_word<uint32_t>(name) == folded_word<uint32_t>(known) &&
           folded_word<uint32_t>(name + length - 4) == folded_word<uint32_t>(known + length - 4);
  for (size_t i = 0; i < length; i++)
    if (folded(name[i]) != folded(known[i])) return false;
  return true;
}

} // namespace

KnownHeader known_header(std::string_view name) noexcept {
  if (name.empty()) return KnownHeader::other;
  const uint8_t index = kSlotTable[slot_of(name, kFactor)];
  const std::string_view known = kNames[index];
  if (known.size() != name.size() || !matches(name.data(), known.data(), name.size()))
    return KnownHeader::other;
  return static_cast<KnownHeader>(index);
}

std::string_view header_name(KnownHeader id) noexcept { return kNames[static_cast<size_t>(id)]; }

} // namespace socketpoll::http
