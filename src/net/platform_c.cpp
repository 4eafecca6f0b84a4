// extern "C" functions of SocketPlatform.h.
#include "SocketPlatform.h"

#include "base/error.hpp"
#include "net/os/os_platform.hpp"

using namespace socketpoll;

namespace {

constexpr struct {
  int bit;
  const char *name;
} kNames[] = {
    {SOCKET_CAN_UNIX_SOCKETS, "unix-sockets"},
    {SOCKET_CAN_ABSTRACT_NAMES, "abstract-names"},
    {SOCKET_CAN_PASS_DESCRIPTORS, "pass-descriptors"},
    {SOCKET_CAN_PEER_CREDENTIALS, "peer-credentials"},
    {SOCKET_CAN_PIPES, "pipes"},
    {SOCKET_CAN_SPLICE, "splice"},
    {SOCKET_CAN_SEND_FILE, "send-file"},
    {SOCKET_CAN_SHARE_PORT, "share-port"},
    {SOCKET_CAN_ACTIVATION, "activation"},
    {SOCKET_CAN_PIN_THREADS, "pin-threads"},
    {SOCKET_CAN_COMPLETION_PORT, "completion-port"},
};

} // namespace

const char *SocketPlatform_name(void) { return os::platform_name(); }

int SocketPlatform_capabilities(void) {
  static const int capabilities = os::platform_capabilities();
  return capabilities;
}

const char *SocketPlatform_capability_name(int capability) {
  for (const auto &row : kNames)
    if (row.bit == capability) return row.name;
  record_error(SOCKET_EINVAL);
  return nullptr;
}
