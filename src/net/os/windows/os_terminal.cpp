// Windows' consoles are no streams: see os_plain.cpp.
#include "net/os/os_terminal.hpp"

namespace socketpoll::os {

struct RawTerminal::Settings {};

RawTerminal::RawTerminal() = default;
RawTerminal::~RawTerminal() = default;

Result<std::unique_ptr<RawTerminal>> RawTerminal::begin(int) { return Error{SOCKET_ENOTSUP}; }
Result<WindowSize> window_size(int) noexcept { return Error{SOCKET_ENOTSUP}; }

} // namespace socketpoll::os
