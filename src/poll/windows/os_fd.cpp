#include "poll/os_fd.hpp"

#include "base/error.hpp"
#include "base/os_types.hpp"
#include "poll/windows/winsock.hpp"

namespace socketpoll {

namespace {
HANDLE handle_of(int fd) noexcept { return reinterpret_cast<HANDLE>(static_cast<intptr_t>(fd)); }
} // namespace

// Winsock keeps books of its own about its sockets; what it does not know is a file.
void close_descriptor(int fd) noexcept {
  if (::closesocket(static_cast<SOCKET>(fd)) == 0) return;
  const int problem = WSAGetLastError();
  if (problem == WSAENOTSOCK || problem == WSANOTINITIALISED) ::CloseHandle(handle_of(fd));
}

bool is_open_descriptor(int fd) noexcept {
  DWORD flags = 0;
  return plausible_descriptor(fd) && ::GetHandleInformation(handle_of(fd), &flags) != 0;
}

Status start_winsock() noexcept {
  static const int outcome = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  return outcome == 0 ? Status() : error_from_system(static_cast<unsigned long>(outcome));
}

} // namespace socketpoll
