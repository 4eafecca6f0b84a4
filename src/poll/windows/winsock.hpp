// Poll floor. Winsock has to be started before it is used.
#pragma once

#include "base/result.hpp"

namespace socketpoll {

// Once in the process, whichever thread comes first, and never ended: sockets of the program's own
// may live on. Not when the DLL is loaded: WSAStartup may not be called under the loader's lock.
Status start_winsock() noexcept;

} // namespace socketpoll
