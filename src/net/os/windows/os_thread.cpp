#include "net/os/os_thread.hpp"

#include "base/error.hpp"
#include "base/os_module.hpp"
#include "base/os_types.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <process.h>

namespace socketpoll::os {

namespace {

unsigned __stdcall run_body(void *argument) noexcept {
  const auto &body = *static_cast<const ThreadBody *>(argument);
  body.run(body.argument);
  return 0;
}

Result<uintptr_t> begin_thread(const ThreadBody &body, size_t stack_bytes) noexcept {
  const uintptr_t thread =
      _beginthreadex(nullptr, static_cast<unsigned>(stack_bytes), run_body,
                     const_cast<ThreadBody *>(&body), STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (!thread) return Error{errno == ENOMEM ? SOCKET_ENOMEM : SOCKET_ELIMIT};
  return thread;
}

// The processors of the group that this process started in: 64 at most.
DWORD_PTR processors() noexcept {
  DWORD_PTR own = 0, all = 0;
  return ::GetProcessAffinityMask(::GetCurrentProcess(), &own, &all) ? own : 0;
}

} // namespace

Status Thread::start(const ThreadBody &body) noexcept {
  auto thread = begin_thread(body, 0);
  if (!thread.ok()) return thread.error();
  native_ = *thread;
  return {};
}

void Thread::join() noexcept {
  const auto handle = reinterpret_cast<HANDLE>(native_);
  ::WaitForSingleObject(handle, INFINITE);
  ::CloseHandle(handle);
}

Status start_detached(const ThreadBody &body, size_t stack_bytes) noexcept {
  stay_loaded();
  auto thread = begin_thread(body, stack_bytes);
  if (!thread.ok()) return thread.error();
  ::CloseHandle(reinterpret_cast<HANDLE>(*thread));
  return {};
}

void at_fork_in_child(void (*)()) noexcept {}

// Since Windows 10, 1607.
void name_this_thread(const char *name) noexcept {
  using SetDescription = HRESULT(WINAPI *)(HANDLE, PCWSTR);
  const HMODULE kernel = ::GetModuleHandleW(L"kernel32.dll");
  const auto set = kernel ? reinterpret_cast<SetDescription>(reinterpret_cast<void *>(
                                ::GetProcAddress(kernel, "SetThreadDescription")))
                          : nullptr;
  wchar_t wide[32];
  if (set && ::MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, std::size(wide)))
    (void)set(::GetCurrentThread(), wide);
}

int processor_count() noexcept { return std::max(1, std::popcount(processors())); }

Status pin_this_thread(int index) noexcept {
  DWORD_PTR left = processors();
  if (!left) return Error{SOCKET_ENOTSUP};
  for (int skip = index % std::popcount(left); skip > 0; skip--) left &= left - 1;
  const DWORD_PTR one = left & (~left + 1);
  return ::SetThreadAffinityMask(::GetCurrentThread(), one) ? Status()
                                                            : Status(last_system_error());
}

} // namespace socketpoll::os
