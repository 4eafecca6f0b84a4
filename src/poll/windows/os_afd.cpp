#include "poll/windows/os_afd.hpp"

#include "base/error.hpp"

#include <atomic>
#include <mswsock.h>

extern "C" NTSTATUS NTAPI NtCancelIoFileEx(HANDLE file, PIO_STATUS_BLOCK request,
                                           PIO_STATUS_BLOCK outcome);

namespace socketpoll {
namespace {

constexpr ULONG kIoctlPoll = 0x00012024;
constexpr NTSTATUS kInvalidHandle = static_cast<NTSTATUS>(0xC0000008);
constexpr NTSTATUS kObjectTypeMismatch = static_cast<NTSTATUS>(0xC0000024);
constexpr ULONG kOpen = 1;         // FILE_OPEN
constexpr UCHAR kSkipSetEvent = 2; // FILE_SKIP_SET_EVENT_ON_HANDLE: nobody waits for the handle

} // namespace

// The kernel writes the status last, possibly while another thread asks.
bool AfdPoll::answered() const noexcept {
  return __atomic_load_n(&status_.Status, __ATOMIC_ACQUIRE) != kStatusPending;
}

ULONG AfdPoll::found() const noexcept {
  return status_.Status >= 0 && info_.count > 0 ? info_.events : 0;
}

Result<AfdDevice> AfdDevice::open(HANDLE port) noexcept {
  static constexpr wchar_t kPath[] = L"\\Device\\Afd\\SocketPoll";
  UNICODE_STRING path{sizeof kPath - sizeof *kPath, sizeof kPath, const_cast<wchar_t *>(kPath)};
  OBJECT_ATTRIBUTES attributes;
  InitializeObjectAttributes(&attributes, &path, 0, nullptr, nullptr);
  IO_STATUS_BLOCK opened{};
  HANDLE handle = nullptr;
  const NTSTATUS status = ::NtCreateFile(&handle, SYNCHRONIZE, &attributes, &opened, nullptr, 0,
                                         FILE_SHARE_READ | FILE_SHARE_WRITE, kOpen, 0, nullptr, 0);
  if (status < 0) return error_from_status(status);
  AfdDevice device;
  device.device_.reset(handle);
  if (Status joined = join_port(port, handle, 0); !joined) return joined.error();
  if (!::SetFileCompletionNotificationModes(handle, kSkipSetEvent)) return last_system_error();
  return device;
}

Status AfdDevice::submit(AfdPoll &poll, SOCKET socket, ULONG events) const noexcept {
  poll.status_.Status = kStatusPending;
  poll.status_.Information = 0;
  poll.info_.timeout.QuadPart = INT64_MAX;
  poll.info_.count = 1;
  poll.info_.exclusive = FALSE;
  poll.info_.handle = reinterpret_cast<HANDLE>(socket);
  poll.info_.events = events;
  poll.info_.status = 0;
  const NTSTATUS status = ::NtDeviceIoControlFile(
      device_.get(), nullptr, nullptr, poll.token(), &poll.status_, kIoctlPoll, &poll.info_,
      sizeof poll.info_, &poll.info_, sizeof poll.info_);
  // The number may be another thing's by now.
  if (status == kInvalidHandle || status == kObjectTypeMismatch) return Error{SOCKET_EBADF};
  if (status < 0) return error_from_status(status);
  poll.asked_ = events;
  poll.under_way_ = true;
  return {};
}

void AfdDevice::cancel(AfdPoll &poll) const noexcept {
  IO_STATUS_BLOCK outcome{};
  ::NtCancelIoFileEx(device_.get(), &poll.status_, &outcome);
}

Result<SOCKET> base_socket(int fd) noexcept {
  constexpr int kMostLayers = 16;
  const auto ask = [](SOCKET socket, DWORD question, SOCKET &answer) {
    DWORD written = 0;
    return ::WSAIoctl(socket, question, nullptr, 0, &answer, sizeof answer, &written, nullptr,
                      nullptr) == 0;
  };
  SOCKET socket = static_cast<SOCKET>(fd), below = INVALID_SOCKET;
  for (int layer = 0; layer < kMostLayers; layer++) {
    if (ask(socket, SIO_BASE_HANDLE, below)) return below;
    if (WSAGetLastError() == WSAENOTSOCK) return Error{SOCKET_EBADF};
    // Some layers answer this question wrongly, against the rules, but give the next one's socket.
    if (!ask(socket, SIO_BSP_HANDLE_POLL, below) || below == socket) break;
    socket = below;
  }
  return Error{SOCKET_ENOTSUP};
}

} // namespace socketpoll
