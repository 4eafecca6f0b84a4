// What the files of this folder share: a SOCKET as a descriptor, and what Winsock answers as
// results.
#pragma once

#include "base/error.hpp"
#include "net/os/os_socket.hpp"

#include <algorithm>
#include <climits>

namespace socketpoll::os {

inline SOCKET socket_of(int fd) noexcept { return static_cast<SOCKET>(fd); }
inline HANDLE handle_of(int fd) noexcept {
  return reinterpret_cast<HANDLE>(static_cast<intptr_t>(fd));
}
inline int length_of(size_t bytes) noexcept {
  return static_cast<int>(std::min<size_t>(bytes, INT_MAX));
}
inline Status status_of(int outcome) noexcept {
  return outcome == SOCKET_ERROR ? Status(last_system_error()) : Status();
}

// Handles keep to 32 bits; what does not fit an int would be another descriptor to the program.
inline Result<Fd> descriptor(SOCKET socket) noexcept {
  if (socket == INVALID_SOCKET) return last_system_error();
  if (socket <= INT_MAX) return Fd(static_cast<int>(socket));
  ::closesocket(socket);
  return Error{SOCKET_EMFILE};
}
inline Result<Fd> descriptor(HANDLE handle) noexcept {
  if (handle == INVALID_HANDLE_VALUE) return last_system_error();
  const auto number = reinterpret_cast<uintptr_t>(handle);
  if (number <= INT_MAX) return Fd(static_cast<int>(number));
  ::CloseHandle(handle);
  return Error{SOCKET_EMFILE};
}

inline Status set_nonblocking(int fd, bool on) noexcept {
  u_long value = on;
  return status_of(::ioctlsocket(socket_of(fd), FIONBIO, &value));
}

// Non-blocking, and not inherited by child processes.
inline Result<Fd> make_socket(int family, int type) noexcept {
  auto fd = descriptor(
      ::WSASocketW(family, type, 0, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
  if (!fd.ok()) return fd;
  if (const Status status = set_nonblocking(fd->get(), true); !status.ok()) return status.error();
  return fd;
}

template <class Value> Result<Value> option_of(int fd, int level, int name) noexcept {
  Value value{};
  int length = sizeof value;
  if (::getsockopt(socket_of(fd), level, name, reinterpret_cast<char *>(&value), &length) != 0)
    return last_system_error();
  return value;
}

// A path in UTF-8, as the system's wide functions take it; "" if it is none, or too long.
struct WidePath {
  wchar_t text[4096] = {};
  explicit WidePath(const char *path) noexcept {
    if (!::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, text, std::size(text)))
      text[0] = 0;
  }
};

} // namespace socketpoll::os
