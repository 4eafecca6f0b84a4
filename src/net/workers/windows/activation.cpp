// Windows hands no listening sockets to a program when it starts it, and has nobody to take over.
#include "net/workers/activation.hpp"

namespace socketpoll::activation {

Result<int> count() noexcept { return 0; }
Result<int> fd(int) noexcept { return Error{SOCKET_EINVAL}; }
Result<std::string_view> name(int) noexcept { return Error{SOCKET_EINVAL}; }
Status ready() noexcept { return {}; }

Result<Successor> spawn(const char *, const char *const *, std::span<const int>) {
  return Error{SOCKET_ENOTSUP};
}

} // namespace socketpoll::activation
