// Net floor. What a terminal knows beyond bytes: termios(3).
#pragma once

#include "base/result.hpp"
#include "net/os/os_socket.hpp"

#include <memory>

namespace socketpoll::os {

// A terminal in raw mode, put back to what it was at the end. It has a descriptor of its own, as
// the stream may have closed before.
class RawTerminal {
public:
  // SOCKET_ENOTSUP: no terminal. Throws std::bad_alloc.
  static Result<std::unique_ptr<RawTerminal>> begin(int fd);
  RawTerminal(const RawTerminal &) = delete;
  RawTerminal &operator=(const RawTerminal &) = delete;
  ~RawTerminal();

private:
  struct Settings;
  RawTerminal();
  Fd fd_;
  std::unique_ptr<Settings> before_;
};

struct WindowSize {
  int columns = 0;
  int rows = 0;
};
// SOCKET_ENOTSUP: no terminal.
Result<WindowSize> window_size(int fd) noexcept;

} // namespace socketpoll::os
