/* POSIX for tests: what failures of winsock and of the kernel are called in errno. */
#include "inside.h"

int errno_of_socket_error(int code) {
  switch (code) {
  case 0: return 0;
  case WSAEINTR: return EINTR;
  case WSAEBADF: return EBADF;
  case WSAEACCES: return EACCES;
  case WSAEFAULT: return EFAULT;
  case WSAEINVAL: return EINVAL;
  case WSAEMFILE: return EMFILE;
  case WSAEWOULDBLOCK: return EAGAIN;
  case WSAEINPROGRESS: return EINPROGRESS;
  case WSAEALREADY: return EALREADY;
  case WSAENOTSOCK: return ENOTSOCK;
  case WSAEDESTADDRREQ: return EDESTADDRREQ;
  case WSAEMSGSIZE: return EMSGSIZE;
  case WSAEPROTOTYPE: return EPROTOTYPE;
  case WSAENOPROTOOPT: return ENOPROTOOPT;
  case WSAEPROTONOSUPPORT: return EPROTONOSUPPORT;
  case WSAESOCKTNOSUPPORT: return EPROTONOSUPPORT;
  case WSAEOPNOTSUPP: return EOPNOTSUPP;
  case WSAEAFNOSUPPORT: return EAFNOSUPPORT;
  case WSAEADDRINUSE: return EADDRINUSE;
  case WSAEADDRNOTAVAIL: return EADDRNOTAVAIL;
  case WSAENETDOWN: return ENETDOWN;
  case WSAENETUNREACH: return ENETUNREACH;
  case WSAENETRESET: return ENETRESET;
  case WSAECONNABORTED: return ECONNABORTED;
  case WSAECONNRESET: return ECONNRESET;
  case WSAENOBUFS: return ENOBUFS;
  case WSAEISCONN: return EISCONN;
  case WSAENOTCONN: return ENOTCONN;
  case WSAESHUTDOWN: return EPIPE;
  case WSAETIMEDOUT: return ETIMEDOUT;
  case WSAECONNREFUSED: return ECONNREFUSED;
  case WSAEHOSTUNREACH: return EHOSTUNREACH;
  default: return EIO;
  }
}

static int errno_of_file_error(DWORD code) {
  switch (code) {
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND:
  case ERROR_INVALID_NAME:
  case ERROR_BAD_PATHNAME: return ENOENT;
  case ERROR_ACCESS_DENIED:
  case ERROR_SHARING_VIOLATION: return EACCES;
  case ERROR_INVALID_HANDLE: return EBADF;
  case ERROR_FILE_EXISTS:
  case ERROR_ALREADY_EXISTS: return EEXIST;
  case ERROR_DIR_NOT_EMPTY: return ENOTEMPTY;
  case ERROR_DIRECTORY: return ENOTDIR;
  case ERROR_DISK_FULL: return ENOSPC;
  case ERROR_PRIVILEGE_NOT_HELD: return EPERM;
  case ERROR_CALL_NOT_IMPLEMENTED:
  case ERROR_NOT_SUPPORTED: return ENOSYS;
  case ERROR_TOO_MANY_OPEN_FILES: return EMFILE;
  case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
  case ERROR_NO_DATA:
  case ERROR_BROKEN_PIPE: return EPIPE;
  default: return EIO;
  }
}

int fail_with(int error) {
  errno = error;
  return -1;
}
int fail_socket_of(int fd) {
  const int code = WSAGetLastError();
  DWORD flags;
  /* To winsock a file and nothing at all are the same. */
  if (code == WSAENOTSOCK && !(may_be_handle(fd) && GetHandleInformation(handle_of(fd), &flags)))
    return fail_with(EBADF);
  return fail_with(errno_of_socket_error(code));
}
int fail_socket(void) { return fail_with(errno_of_socket_error(WSAGetLastError())); }
int fail_file(void) { return fail_with(errno_of_file_error(GetLastError())); }
