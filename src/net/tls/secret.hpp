// Net floor, TLS. Bytes that nobody shall find in memory after they were used: overwritten before
// the memory goes back.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace socketpoll::tls {

// Through a volatile pointer, or a compiler leaves out what nobody reads.
inline void wipe(void *bytes, size_t length) noexcept {
  volatile auto *at = static_cast<volatile unsigned char *>(bytes);
  while (length-- > 0) *at++ = 0;
}

class Secret {
public:
  Secret() noexcept = default;
  explicit Secret(std::string_view text) : text_(text) {}
  // Takes it over, its memory too.
  explicit Secret(std::string &&text) noexcept { take(text); }
  Secret(const Secret &) = default;
  Secret(Secret &&other) noexcept { take(other.text_); }
  Secret &operator=(Secret other) noexcept {
    wipe_text(text_);
    take(other.text_);
    return *this;
  }
  ~Secret() { wipe_text(text_); }

  const std::string &text() const noexcept { return text_; }
  char *data() noexcept { return text_.data(); }
  bool empty() const noexcept { return text_.empty(); }

private:
  static void wipe_text(std::string &text) noexcept { wipe(text.data(), text.capacity()); }
  // A short one is copied by a move.
  void take(std::string &from) noexcept {
    text_ = std::move(from);
    wipe_text(from);
    from.clear();
  }
  std::string text_;
};

} // namespace socketpoll::tls
