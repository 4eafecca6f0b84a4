// Poll floor. An I/O completion port, as the readiness backend and the public completion port hold
// it: the kernel's queue of packets, one for each operation that has ended.
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"

#include <memory>
#include <span>

namespace socketpoll {

struct HandleCloser {
  void operator()(HANDLE handle) const noexcept { ::CloseHandle(handle); }
};
using OsHandle = std::unique_ptr<void, HandleCloser>; // of the kernel; null where there is none

inline HANDLE handle_of_fd(int fd) noexcept {
  return reinterpret_cast<HANDLE>(static_cast<intptr_t>(fd));
}

// `concurrency`: how many threads the kernel lets run at a time; 0 for one a processor.
Result<OsHandle> open_port(unsigned concurrency) noexcept;
// From now on the operations of `handle` end in `port`. A handle has one port for all its life.
Status join_port(HANDLE port, HANDLE handle, ULONG_PTR key) noexcept;
Status post_packet(HANDLE port, DWORD bytes, ULONG_PTR key, OVERLAPPED *overlapped) noexcept;
// Blocks for up to `timeout_ms` (-1: no end). 0 once the time is up. No alertable wait: what the
// program has queued to its thread does not run in here.
Result<ULONG> take_packets(HANDLE port, std::span<OVERLAPPED_ENTRY> entries,
                           int timeout_ms) noexcept;

inline constexpr LONG kStatusPending = 0x103; // STATUS_PENDING: the kernel still has it

// For an NTSTATUS, which is what packets carry.
Error error_from_status(LONG status) noexcept;

} // namespace socketpoll
