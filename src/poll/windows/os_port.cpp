#include "poll/windows/os_port.hpp"

#include "base/error.hpp"

#include <winternl.h>

namespace socketpoll {

Result<OsHandle> open_port(unsigned concurrency) noexcept {
  OsHandle port(::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, concurrency));
  if (!port) return last_system_error();
  return port;
}

Status join_port(HANDLE port, HANDLE handle, ULONG_PTR key) noexcept {
  return ::CreateIoCompletionPort(handle, port, key, 0) ? Status() : last_system_error();
}

Status post_packet(HANDLE port, DWORD bytes, ULONG_PTR key, OVERLAPPED *overlapped) noexcept {
  return ::PostQueuedCompletionStatus(port, bytes, key, overlapped) ? Status()
                                                                    : last_system_error();
}

Result<ULONG> take_packets(HANDLE port, std::span<OVERLAPPED_ENTRY> entries,
                           int timeout_ms) noexcept {
  ULONG taken = 0;
  const DWORD limit = timeout_ms < 0 ? INFINITE : static_cast<DWORD>(timeout_ms);
  if (::GetQueuedCompletionStatusEx(port, entries.data(), static_cast<ULONG>(entries.size()),
                                    &taken, limit, FALSE))
    return taken;
  if (GetLastError() == WAIT_TIMEOUT) return ULONG{0};
  return last_system_error();
}

Error error_from_status(LONG status) noexcept {
  return error_from_system(::RtlNtStatusToDosError(status));
}

} // namespace socketpoll
