#include "poll/completion_port.hpp"

namespace socketpoll {

Status CompletionPort::available() noexcept { return Error{SOCKET_ENOTSUP}; }
Result<std::unique_ptr<CompletionPort>> CompletionPort::create(int) {
  return Error{SOCKET_ENOTSUP};
}

} // namespace socketpoll
