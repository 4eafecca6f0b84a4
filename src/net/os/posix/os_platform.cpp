#include "net/os/os_platform.hpp"

#include "SocketPlatform.h"

namespace socketpoll::os {

const char *platform_name() noexcept {
#if defined(__linux__)
  return "linux";
#elif defined(__APPLE__)
  return "macos";
#elif defined(__FreeBSD__)
  return "freebsd";
#elif defined(__NetBSD__)
  return "netbsd";
#elif defined(__OpenBSD__)
  return "openbsd";
#else
  return "posix";
#endif
}

int platform_capabilities() noexcept {
  int can = SOCKET_CAN_UNIX_SOCKETS | SOCKET_CAN_PASS_DESCRIPTORS | SOCKET_CAN_PEER_CREDENTIALS |
            SOCKET_CAN_PIPES | SOCKET_CAN_ACTIVATION;
#if defined(__linux__)
  can |= SOCKET_CAN_ABSTRACT_NAMES | SOCKET_CAN_SPLICE | SOCKET_CAN_SHARE_PORT |
         SOCKET_CAN_PIN_THREADS;
#endif
#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
  can |= SOCKET_CAN_SEND_FILE;
#endif
#if defined(__FreeBSD__)
  can |= SOCKET_CAN_SHARE_PORT; // SO_REUSEPORT_LB
#endif
  return can;
}

} // namespace socketpoll::os
