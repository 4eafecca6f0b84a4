// Net floor, TLS. The secrets of connections in NSS's key log format, for a program that looks into
// its own traffic. One line a secret, appended whole, from any thread.
#pragma once

#include "net/os/os_file.hpp"

#include <span>
#include <string_view>

namespace socketpoll::tls {

class KeyLog {
public:
  explicit KeyLog(Fd file) noexcept : file_(std::move(file)) {}

  // What cannot be written is missing from the log, and nothing else. Throws std::bad_alloc.
  void line(std::string_view label, std::span<const unsigned char> client_random,
            std::span<const unsigned char> secret);
  // A line that is complete but for its end. Throws std::bad_alloc.
  void line(std::string_view text);

private:
  Fd file_;
};

} // namespace socketpoll::tls
