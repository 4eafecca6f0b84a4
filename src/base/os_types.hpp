// The operating system's own types and constants of sockets, under the names of POSIX. What calls
// them is in the folders posix/ and windows/ of each floor.
#pragma once

#if defined(_WIN32)

#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#if !defined(NOGDI)
#define NOGDI // whose ERROR and the like are macros
#endif
#include <winsock2.h>

#include <afunix.h>
#include <iphlpapi.h>
#include <netioapi.h>
#include <windows.h>
#include <ws2tcpip.h>

#include <cstddef>

#undef interface
#undef small

namespace socketpoll {

// writev(2)'s; a WSABUF has its members the other way around and is made of it where it is used.
struct iovec {
  void *iov_base;
  size_t iov_len;
};

inline constexpr size_t kInterfaceNameBytes = IF_MAX_STRING_SIZE + 1;

} // namespace socketpoll

#else

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

namespace socketpoll {
inline constexpr size_t kInterfaceNameBytes = IF_NAMESIZE;
}

#endif
