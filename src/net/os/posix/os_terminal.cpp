#include "net/os/os_terminal.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

namespace socketpoll::os {

namespace {

Error terminal_error() noexcept {
  return errno == ENOTTY || errno == EINVAL ? Error{SOCKET_ENOTSUP} : last_system_error();
}

Status set_terminal(int fd, const termios &settings) noexcept {
  while (::tcsetattr(fd, TCSANOW, &settings) < 0)
    if (errno != EINTR) return terminal_error();
  return {};
}

} // namespace

struct RawTerminal::Settings {
  termios value;
};

RawTerminal::RawTerminal() : before_(std::make_unique<Settings>()) {}

RawTerminal::~RawTerminal() {
  if (fd_) (void)set_terminal(fd_.get(), before_->value);
}

Result<std::unique_ptr<RawTerminal>> RawTerminal::begin(int fd) {
  std::unique_ptr<RawTerminal> raw(new RawTerminal);
  if (::tcgetattr(fd, &raw->before_->value) < 0) return terminal_error();
  Fd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return last_system_error();
  termios settings = raw->before_->value;
  ::cfmakeraw(&settings);
  if (const Status status = set_terminal(fd, settings); !status.ok()) return status.error();
  raw->fd_ = std::move(own);
  return raw;
}

Result<WindowSize> window_size(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) < 0) return terminal_error();
  return WindowSize{size.ws_col, size.ws_row};
}

} // namespace socketpoll::os
