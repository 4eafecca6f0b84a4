#include "base/error.hpp"

#include <cerrno>

namespace socketpoll {

Error last_system_error() noexcept { return error_from_errno(errno); }

} // namespace socketpoll
