// The command: the process that takes over from this one, started from the same command line with
// the same listening sockets.
#pragma once

#include "SocketWatch.h"

#include <sys/types.h>
#include <vector>

namespace cli {

class Successor {
public:
  // It serves, and this process may end.
  using Ready = void (*)(void *user);

  Successor(char *const *command_line, Ready ready, void *user)
      : command_line_(command_line), ready_(ready), user_(user) {}
  Successor(const Successor &) = delete;
  Successor &operator=(const Successor &) = delete;
  ~Successor() { forget(); }

  // What goes wrong, now or later, is explained on the standard error, and nothing has changed.
  void start(SocketLoop_T loop, const std::vector<int> &sockets);
  // Ends one that is not ready yet.
  void abandon();

private:
  static void on_word(const SocketCompletion_T *event, void *user);
  void forget();

  char *const *const command_line_;
  const Ready ready_;
  void *const user_;
  SocketWatch_T watch_ = nullptr;
  int word_ = -1;
  pid_t pid_ = 0; // 0: none is starting
};

} // namespace cli
