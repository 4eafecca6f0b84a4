// The command: what it can do. Everything here stands on the public headers alone.
#pragma once

#include "options.hpp"

namespace cli {

// Each returns the exit status.
int serve(Arguments &arguments);
int info(Arguments &arguments);

extern const char *const kHelp;

} // namespace cli
