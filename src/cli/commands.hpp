// The command: what it can do. Everything here stands on the public headers alone.
#pragma once

#include "options.hpp"

namespace cli {

// Each returns the exit status. `command_line` is the whole of it, for a successor.
int serve(Arguments &arguments, char *const *command_line);
int info(Arguments &arguments);
int cert(Arguments &arguments);

extern const char *const kHelp;

} // namespace cli
