// The command: signals as events of the loop. The handler itself only writes a byte to a pipe
// (signal-safety(7)); everything else happens when the loop reads it.
#pragma once

#include "SocketLoop.h"

namespace cli {

using SignalHandler = void (*)(int signal_number, void *user);

// Hands each arrival of these signals to `handler` from the loop. Once for a process. False after
// it was explained on the standard error.
bool watch_signals(SocketLoop_T loop, const int *signal_numbers, int count, SignalHandler handler,
                   void *user);

// Gives a signal its default action again.
void release_signal(int signal_number);

} // namespace cli
