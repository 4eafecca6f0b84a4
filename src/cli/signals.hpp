// The command: what the system or the user at the terminal wants of it, as events of the loop.
#pragma once

#include "SocketLoop.h"

namespace cli {

enum class Signal {
  interrupt, // Ctrl-C
  terminate, // SIGTERM; the window closed, the user logged off
  hand_over, // SIGUSR2
  reload,    // SIGHUP
};
using SignalHandler = void (*)(Signal signal, void *user);

// Hands each of them to `handler` from the loop, which lives as long as the process is to hear
// them; reload only if something can be read anew. Once for a process. False after it was explained
// on the standard error.
bool watch_signals(SocketLoop_T loop, bool reloads, SignalHandler handler, void *user);

// From now on the next interrupt or request to end ends the process at once.
void release_signals();

} // namespace cli
