// Emulated kqueue: EVFILT_READ and EVFILT_WRITE, from what poll(2), ioctl(2) and getsockopt(2)
// tell.
#include "filters.hpp"

#include "sys/event.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace emulated_kqueue {
namespace {

constexpr uint32_t kSomeError = EIO;

int poll_now(int fd) {
  pollfd look{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0 ? look.revents : 0;
}

int option(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : 0;
}

int count(int fd, unsigned long request) {
  int bytes = 0;
  return ::ioctl(fd, request, &bytes) == 0 ? bytes : -1;
}

mode_t type_of(int fd) {
  struct stat found;
  return ::fstat(fd, &found) == 0 ? found.st_mode & S_IFMT : 0;
}

bool tcp_has_sent_its_end(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return false;
  switch (info.tcpi_state) {
  case TCP_FIN_WAIT1:
  case TCP_FIN_WAIT2:
  case TCP_CLOSING:
  case TCP_LAST_ACK:
  case TCP_TIME_WAIT: return true;
  default: return false;
  }
}

// BSD's filt_soread. A stream that was never connected has POLLHUP without POLLRDHUP.
Condition read_socket(int fd, uint32_t note, intptr_t low_water) {
  const int now = poll_now(fd);
  Condition seen;
  if (option(fd, SO_ACCEPTCONN)) {
    seen.holds = (now & POLLIN) != 0;
    seen.data = seen.holds; // how many wait to be accepted, at least
    return seen;
  }
  seen.eof = (now & POLLRDHUP) != 0;
  seen.data = std::max(count(fd, FIONREAD), 0);
  // A datagram without bytes counts its sender's address there.
  if ((now & POLLIN) && !seen.eof && option(fd, SO_TYPE) == SOCK_DGRAM)
    seen.data = std::max<intptr_t>(seen.data, 1);
  const bool failed = (now & POLLERR) != 0;
  if (failed && seen.eof) seen.fflags = kSomeError;
  const intptr_t enough = note & NOTE_LOWAT ? low_water : std::max(option(fd, SO_RCVLOWAT), 1);
  seen.holds = seen.eof || failed || seen.data >= enough;
  return seen;
}

// BSD's filt_sowrite.
Condition write_socket(int fd, uint32_t note, intptr_t low_water) {
  const int now = poll_now(fd);
  Condition seen;
  const bool ended = (now & POLLHUP) != 0;
  seen.eof = (ended && (now & POLLRDHUP)) || tcp_has_sent_its_end(fd);
  const bool failed = (now & POLLERR) != 0;
  if (failed && seen.eof) seen.fflags = kSomeError;
  if (!ended && (now & POLLOUT))
    seen.data = std::max(option(fd, SO_SNDBUF) - count(fd, SIOCOUTQ), 1);
  seen.holds = seen.eof || failed || seen.data >= (note & NOTE_LOWAT ? low_water : 1);
  return seen;
}

// Neither pipes nor other descriptors know low-water marks.
Condition read_other(int fd, mode_t type) {
  const int now = poll_now(fd);
  Condition seen;
  seen.eof = (now & (POLLHUP | (type == S_IFIFO ? POLLERR : 0))) != 0;
  if (now & POLLIN) seen.data = std::max(count(fd, FIONREAD), type == S_IFIFO ? 0 : 1);
  seen.holds = seen.eof || seen.data > 0;
  return seen;
}

Condition write_other(int fd, mode_t type) {
  const int now = poll_now(fd);
  Condition seen;
  seen.eof = (now & (POLLHUP | (type == S_IFIFO ? POLLERR : 0))) != 0;
  if (now & POLLOUT) {
    const int size = type == S_IFIFO ? ::fcntl(fd, F_GETPIPE_SZ) : 1;
    seen.data = std::max(size - std::max(count(fd, FIONREAD), 0), 1);
  }
  seen.holds = seen.eof || seen.data > 0;
  return seen;
}

} // namespace

Condition look_read(int fd, uint32_t note, intptr_t low_water) {
  const mode_t type = type_of(fd);
  return type == S_IFSOCK ? read_socket(fd, note, low_water) : read_other(fd, type);
}

Condition look_write(int fd, uint32_t note, intptr_t low_water) {
  const mode_t type = type_of(fd);
  return type == S_IFSOCK ? write_socket(fd, note, low_water) : write_other(fd, type);
}

} // namespace emulated_kqueue
