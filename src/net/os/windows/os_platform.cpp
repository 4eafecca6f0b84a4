#include "net/os/os_platform.hpp"

#include "SocketPlatform.h"

#include "net/os/os_unix.hpp"
#include "poll/windows/winsock.hpp"

namespace socketpoll::os {

const char *platform_name() noexcept { return "windows"; }

int platform_capabilities() noexcept {
  int can = SOCKET_CAN_PIN_THREADS | SOCKET_CAN_COMPLETION_PORT;
  // Since Windows 10, 1803.
  if (start_winsock().ok() && unix_socket().ok()) can |= SOCKET_CAN_UNIX_SOCKETS;
  return can;
}

} // namespace socketpoll::os
