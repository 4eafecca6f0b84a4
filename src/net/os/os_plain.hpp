// Net floor. The system calls of descriptors that carry bytes and are no sockets (pipes, FIFOs,
// terminals), and what has to be known of any descriptor before it is made a stream.
#pragma once

#include "base/result.hpp"
#include "net/os/os_socket.hpp"
#include "net/stream/medium.hpp"

#include <span>

namespace socketpoll::os {

struct Traits {
  Medium medium = Medium::tcp;
  bool reads = true;
  bool writes = true;
  bool unblocked = false; // O_NONBLOCK is set only for the stream's sake, and goes with it
};

// Looks and changes nothing. SOCKET_EBADF; SOCKET_EPERM: nothing that could be waited for;
// SOCKET_EINVAL: listens; SOCKET_ENOTSUP: a socket, but no stream; SOCKET_ENOTCONN;
// SOCKET_EAFNOSUPPORT.
Result<Traits> traits_of(int fd) noexcept;

// O_NONBLOCK belongs to the open file description, which other processes may share. Where the
// system can open what is behind the descriptor anew, the new description takes the old one's place
// under the same number, and the shared one stays as it is; otherwise the flag is set, and
// `unblocked` notes that it was not.
Status make_nonblocking(int fd, Traits &traits) noexcept;
void make_blocking(int fd) noexcept;
// Or a FIFO.
bool is_pipe(int fd) noexcept;

// read_plain() and write_plain() are declared with what they stand in for (os_socket.hpp). A
// terminal whose other side is gone has ended.

struct PipeEnds {
  Fd read_end, write_end;
};
// Non-blocking and closed on exec.
Result<PipeEnds> pipe_ends() noexcept;

} // namespace socketpoll::os
