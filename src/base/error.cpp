#include "base/error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace socketpoll {
namespace {

struct ErrnoPair {
  int number;
  int code;
};

// The first pair of a code is the errno value that errno_from_code answers with.
constexpr ErrnoPair kErrnoTable[] = {
    {EINVAL, SOCKET_EINVAL},
    {ENOMEM, SOCKET_ENOMEM},
    {EOPNOTSUPP, SOCKET_ENOTSUP},
#if ENOTSUP != EOPNOTSUPP
    {ENOTSUP, SOCKET_ENOTSUP},
#endif
    {ENOSYS, SOCKET_ENOTSUP},
    {EPROTONOSUPPORT, SOCKET_ENOTSUP},
    {EBUSY, SOCKET_EBUSY},
    {ETIMEDOUT, SOCKET_ETIMEDOUT},
    {ECANCELED, SOCKET_ECANCELED},
    {EAGAIN, SOCKET_EAGAIN},
#if EWOULDBLOCK != EAGAIN
    {EWOULDBLOCK, SOCKET_EAGAIN},
#endif
    {EINPROGRESS, SOCKET_EAGAIN},
    {EBADF, SOCKET_EBADF},
    {ENOTSOCK, SOCKET_EBADF},
    {EEXIST, SOCKET_EEXIST},
    {ENOENT, SOCKET_ENOENT},
    {EPERM, SOCKET_EPERM},
    {EACCES, SOCKET_EACCES},
    {EMFILE, SOCKET_EMFILE},
    {ENFILE, SOCKET_ENFILE},
    {ENOSPC, SOCKET_ENOSPC},
#if defined(EDQUOT)
    {EDQUOT, SOCKET_ENOSPC},
#endif
    {ENOBUFS, SOCKET_ENOBUFS},
    {EADDRINUSE, SOCKET_EADDRINUSE},
    {EADDRNOTAVAIL, SOCKET_EADDRNOTAVAIL},
    {EAFNOSUPPORT, SOCKET_EAFNOSUPPORT},
    {ECONNREFUSED, SOCKET_ECONNREFUSED},
    {ECONNRESET, SOCKET_ECONNRESET},
    {ECONNABORTED, SOCKET_ECONNABORTED},
    {EPIPE, SOCKET_EPIPE},
    {ENOTCONN, SOCKET_ENOTCONN},
    {ENETUNREACH, SOCKET_ENETUNREACH},
    {EHOSTUNREACH, SOCKET_EHOSTUNREACH},
    {ENETDOWN, SOCKET_ENETDOWN},
    {ELOOP, SOCKET_ELOOP},
    {ENOTDIR, SOCKET_ENOTDIR},
    {EISDIR, SOCKET_EISDIR},
    {ENAMETOOLONG, SOCKET_ENAMETOOLONG},
    {EIO, SOCKET_EIO},
    {EMSGSIZE, SOCKET_EMSGSIZE},
    {EDESTADDRREQ, SOCKET_ENOTCONN},
};

struct ErrorEntry {
  int code;
  const char *name;
  const char *text;
};

#define SOCKETPOLL_ERROR_ENTRY(name, code, text) {code, #name, text},
constexpr ErrorEntry kErrors[] = {{0, "SOCKET_OK", "no error"},
                                  SOCKET_ERROR_TABLE(SOCKETPOLL_ERROR_ENTRY)};
#undef SOCKETPOLL_ERROR_ENTRY

const ErrorEntry &entry_of(int code) noexcept {
  for (const ErrorEntry &entry : kErrors)
    if (entry.code == code) return entry;
  return entry_of(SOCKET_EUNKNOWN);
}

// What the thread's last failure was. `attempt` stays as written by the latest explain() until the
// boundary records the code that it belongs to.
struct LastError {
  int code;
  int explained_code;
  char attempt[192];
  char message[320];
};
constinit thread_local LastError last_error{};

void write_attempt(int code, const char *attempt, va_list arguments) noexcept {
  last_error.explained_code = code;
  std::vsnprintf(last_error.attempt, sizeof last_error.attempt, attempt, arguments);
}

} // namespace

Error error_from_errno(int error_number) noexcept {
  for (const ErrnoPair &pair : kErrnoTable)
    if (pair.number == error_number) return {pair.code};
  return {SOCKET_EUNKNOWN};
}

int errno_from_code(int code) noexcept {
  if (code == SOCKET_EBADHANDLE) return EINVAL;
  for (const ErrnoPair &pair : kErrnoTable)
    if (pair.code == code) return pair.number;
  return EIO;
}

const char *error_name(int code) noexcept { return entry_of(code).name; }
const char *error_text(int code) noexcept { return entry_of(code).text; }

int record_error(int code) noexcept {
  if (last_error.explained_code != code) last_error.attempt[0] = '\0';
  last_error.explained_code = 0;
  last_error.code = code;
  return code;
}

int record_error(int code, const char *attempt, ...) noexcept {
  va_list arguments;
  va_start(arguments, attempt);
  write_attempt(code, attempt, arguments);
  va_end(arguments);
  return record_error(code);
}

Error explain(Error error, const char *attempt, ...) noexcept {
  va_list arguments;
  va_start(arguments, attempt);
  write_attempt(error.code, attempt, arguments);
  va_end(arguments);
  return error;
}

int last_error_code() noexcept { return last_error.code; }

const char *last_error_message() noexcept {
  const ErrorEntry &entry = entry_of(last_error.code);
  const bool explained = last_error.attempt[0] != '\0';
  std::snprintf(last_error.message, sizeof last_error.message, "%s%s%s (%s)", last_error.attempt,
                explained ? ": " : "", entry.text, entry.name);
  return last_error.message;
}

} // namespace socketpoll
