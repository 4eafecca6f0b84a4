// The command: `socketpoll info`.
#include "commands.hpp"

#include "SocketError.h"
#include "SocketPlatform.h"
#include "SocketPoll.h"
#include "SocketVersion.h"

#include <cstdio>

namespace cli {
namespace {

std::string capabilities(int bits) {
  constexpr struct {
    int bit;
    const char *name;
  } kNames[] = {{SOCKET_POLL_CAN_EDGE, "edge"},
                {SOCKET_POLL_CAN_ONESHOT, "one-shot"},
                {SOCKET_POLL_CAN_EXCLUSIVE, "exclusive"},
                {SOCKET_POLL_CAN_PEER_CLOSED, "peer-closed"},
                {SOCKET_POLL_CAN_POLLABLE_FD, "pollable-fd"}};
  std::string text;
  for (const auto &capability : kNames)
    if (bits & capability.bit) (text += ' ') += capability.name;
  return text;
}

std::string platform_capabilities() {
  std::string text;
  const int can = SocketPlatform_capabilities();
  for (int bit = 1; bit > 0 && bit <= can; bit <<= 1)
    if (can & bit) (text += ' ') += SocketPlatform_capability_name(bit);
  return text;
}

} // namespace

int info(Arguments &arguments) {
  switch (arguments.next({{"--help", false}, {"-h", false}})) {
  case Arguments::Kind::option: std::fputs(kHelp, stdout); return kDone;
  case Arguments::Kind::operand: return complain(kMisused, "info takes no operand");
  case Arguments::Kind::misuse: return kMisused;
  case Arguments::Kind::end: break;
  }
  // SOCKETPOLL_BACKEND has its say here.
  SocketPoll_T poll = SocketPoll_new(0);
  if (!poll) return complain(kFailed, Socket_last_error_message());
  const std::string used = SocketPoll_get_backend_name(poll);
  SocketPoll_free(&poll);

  std::printf("version   %s\n", Socket_version());
  std::printf("features  %s\n", Socket_features());
  std::printf("platform  %s%s\n", SocketPlatform_name(), platform_capabilities().c_str());
  std::printf("backend   %s\n", used.c_str());
  std::printf("backends\n");
  for (int i = 0; i < SocketPoll_backend_count(); i++) {
    const char *name = SocketPoll_backend_at(i);
    std::printf("  %-7s%s%s\n", name, capabilities(SocketPoll_backend_capabilities(name)).c_str(),
                i == 0 ? " (default)" : "");
  }
  return kDone;
}

} // namespace cli
