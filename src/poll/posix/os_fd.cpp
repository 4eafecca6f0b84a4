#include "poll/os_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace socketpoll {

void close_descriptor(int fd) noexcept { ::close(fd); }
bool is_open_descriptor(int fd) noexcept { return ::fcntl(fd, F_GETFD) >= 0; }

} // namespace socketpoll
