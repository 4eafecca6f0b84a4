// What this system has, as SocketPlatform.h says.
#pragma once

namespace socketpoll::os {

const char *platform_name() noexcept;
int platform_capabilities() noexcept; // SOCKET_CAN_*

} // namespace socketpoll::os
