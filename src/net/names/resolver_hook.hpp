// Net floor. A program's own name service for one loop.
#pragma once

#include "SocketResolver.h"

namespace socketpoll {

struct ResolverHook {
  SocketResolverHook_T ask = nullptr; // nullptr: the process's pool is asked
  SocketResolverCancel_T cancel = nullptr;
  void *user = nullptr;
};

} // namespace socketpoll
