// The system calls of the files that pipelines read and write, as results. All of them work on the
// loop's thread, and none waits for another process: what would be waited for is refused.
#pragma once

#include "base/result.hpp"
#include "net/os/os_socket.hpp"

#include <cstdint>
#include <span>

namespace socketpoll::os {

// The same open file under a number of our own, closed on exec.
Result<Fd> duplicate(int fd) noexcept;

// Regular files and devices. SOCKET_EISDIR; SOCKET_ENOTSUP: a FIFO or a socket, which is a stream.
Status check_file(int fd) noexcept;
Result<Fd> open_to_read(const char *path) noexcept;
enum class Existing : uint8_t { replace, append, refuse };
// Of a file that is made: who may read it, where files have mode bits.
enum class Readers : uint8_t { everybody, owner };
Result<Fd> open_to_write(const char *path, Existing existing,
                         Readers readers = Readers::everybody) noexcept;

// Reads at that offset, or, where there are no offsets, what comes next. 0: the end.
Result<size_t> read_at(int fd, std::span<char> into, int64_t offset) noexcept;
// Writes at the file's own position; how much of it.
Result<size_t> write_next(int fd, std::span<const char> bytes) noexcept;
// Some file systems tell only here that what was written is lost.
Status close_written(Fd fd) noexcept;

} // namespace socketpoll::os
