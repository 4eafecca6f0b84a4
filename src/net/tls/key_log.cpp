#include "net/tls/key_log.hpp"

#include <string>

namespace socketpoll::tls {

namespace {
void append_hex(std::string &text, std::span<const unsigned char> bytes) {
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
}
} // namespace

void KeyLog::line(std::string_view label, std::span<const unsigned char> client_random,
                  std::span<const unsigned char> secret) {
  std::string text(label);
  text += ' ';
  append_hex(text, client_random);
  text += ' ';
  append_hex(text, secret);
  line(text);
}

void KeyLog::line(std::string_view text) {
  const std::string whole = std::string(text) + '\n';
  (void)os::write_next(file_.get(), whole); // O_APPEND: lines of several threads stay whole
}

} // namespace socketpoll::tls
