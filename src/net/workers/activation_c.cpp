// extern "C" functions of SocketListener.h that are about the process and not about a listener.
#include "SocketListener.h"

#include "base/boundary.hpp"
#include "net/workers/activation.hpp"

#include <algorithm>
#include <string_view>

using namespace socketpoll;

int SocketListener_activation_count(void) {
  return guarded([] { return activation::count(); });
}

int SocketListener_activation_fd(int index) {
  return guarded([&] { return activation::fd(index); });
}

int SocketListener_activation_name(int index, char *out, int capacity) {
  return guarded([&]() -> Result<int> {
    auto name = activation::name(index);
    if (!name.ok()) return name.error();
    if (!out || capacity < 1 || name->size() >= static_cast<size_t>(capacity))
      return Error{SOCKET_EINVAL};
    *std::copy(name->begin(), name->end(), out) = '\0';
    return static_cast<int>(name->size());
  });
}

int SocketListener_activation_ready(void) {
  return guarded([] { return activation::ready(); });
}

int SocketListener_spawn_successor(const char *program, const char *const *arguments,
                                   const int *fds, int count, int64_t *pid) {
  return guarded([&]() -> Result<int> {
    if (!program || !arguments || !arguments[0] || !fds || !pid || count < 1 ||
        count > activation::kMostFds)
      return Error{SOCKET_EINVAL};
    auto successor = activation::spawn(program, arguments, {fds, static_cast<size_t>(count)});
    if (!successor.ok()) return explain(successor.error(), "cannot start %s", program);
    *pid = successor->pid;
    return successor->ready_fd;
  });
}
