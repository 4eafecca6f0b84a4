// Poll floor. AFD, the driver beneath winsock, asked directly: IOCTL_AFD_POLL is what select() is
// made of, but it is overlapped, so that its answer can be a packet in a completion port. Neither
// the device nor its structures are documented; Windows has kept them since 2000 because layered
// winsock providers, and by now a good many event loops, stand on them.
//
// A request looks when it is submitted and then waits, answers once, and is used up.
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"
#include "poll/windows/os_port.hpp"

#include <winternl.h>

namespace socketpoll {

enum AfdEvent : ULONG {
  kAfdReceive = 0x001,
  kAfdSend = 0x004,       // and: connected
  kAfdDisconnect = 0x008, // the peer will send no more
  kAfdAbort = 0x010,      // reset by either side
  kAfdLocalClose = 0x020, // the last handle of the socket was closed
  kAfdAccept = 0x080,
  kAfdConnectFail = 0x100,
};

// One request. The kernel writes into it from its submission until its packet is in the port, so
// its memory stays until that packet was taken.
class AfdPoll {
public:
  // What the packet of this request carries, and back.
  OVERLAPPED *token() noexcept { return reinterpret_cast<OVERLAPPED *>(this); }
  static AfdPoll &of_token(OVERLAPPED *token) noexcept {
    return *reinterpret_cast<AfdPoll *>(token);
  }

  bool under_way() const noexcept { return under_way_; } // its packet was not taken
  ULONG asked() const noexcept { return asked_; }
  // Any time while under way: the kernel has answered, the packet may still be on its way.
  bool answered() const noexcept;
  // What has happened: AfdEvent bits, 0 for a request that was cancelled.
  ULONG found() const noexcept;
  // Its packet was taken.
  void landed() noexcept { under_way_ = false; }

private:
  friend class AfdDevice;
  struct Info { // AFD_POLL_INFO
    LARGE_INTEGER timeout;
    ULONG count;
    ULONG exclusive;
    HANDLE handle;
    ULONG events;
    LONG status;
  };
  IO_STATUS_BLOCK status_{};
  Info info_{};
  ULONG asked_ = 0;
  bool under_way_ = false;
};

// An open device, through which sockets are asked. Its requests end in the port that it joined.
class AfdDevice {
public:
  static Result<AfdDevice> open(HANDLE port) noexcept;

  // `socket` is one of base_socket(). SOCKET_EBADF: it is closed, or no socket. On success a packet
  // will come, whatever happens.
  Status submit(AfdPoll &poll, SOCKET socket, ULONG events) const noexcept;
  // Hastens the packet; nothing happens where the answer is there already.
  void cancel(AfdPoll &poll) const noexcept;

private:
  OsHandle device_;
};

// The socket that AFD knows, beneath whatever layered providers have put over it. SOCKET_EBADF for
// what is no socket; Wine takes anything for one, and only submit() knows.
Result<SOCKET> base_socket(int fd) noexcept;

} // namespace socketpoll
