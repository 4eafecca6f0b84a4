// Between errno and the codes of SocketError.h, and the thread's last error.
#pragma once

#include "base/result.hpp"

#include <cstdarg>
#include <string_view>

namespace socketpoll {

// The code for an errno value; SOCKET_EUNKNOWN for one the table lacks.
Error error_from_errno(int error_number) noexcept;
// The code for what the system said last: errno, or on Windows GetLastError().
Error last_system_error() noexcept;
#if defined(_WIN32)
// For the number of an error as Windows and its sockets count them.
Error error_from_system(unsigned long number) noexcept;
#endif
// The errno value that stands for a code, for the POSIX-shaped SocketPoll_* functions.
int errno_from_code(int code) noexcept;

const char *error_name(int code) noexcept;
const char *error_text(int code) noexcept;

// Records a failed call for Socket_last_error() and returns its code.
int record_error(int code) noexcept;
// The same, with what was tried: record_error(code, "cannot listen on %s", address). The cause and
// the code's name are appended when the message is read.
[[gnu::format(printf, 2, 3)]] int record_error(int code, const char *attempt, ...) noexcept;

// Notes what is being tried, below the boundary, for the record_error(code) that will follow there.
[[gnu::format(printf, 2, 3)]] Error explain(Error error, const char *attempt, ...) noexcept;

int last_error_code() noexcept;
const char *last_error_message() noexcept;

} // namespace socketpoll
