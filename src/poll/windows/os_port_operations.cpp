// Poll floor. What a completion port can begin: each call of winsock's that takes an OVERLAPPED.
#include "base/error.hpp"
#include "poll/os_fd.hpp"
#include "poll/windows/completion_port.hpp"

#include <climits>
#include <cstring>
#include <mswsock.h>

namespace socketpoll {
namespace {

constexpr uint32_t kMostOfFile = 2147483646;

SOCKET socket_of(int fd) noexcept { return static_cast<SOCKET>(fd); }
int outcome_of(bool done) noexcept { return done ? 0 : WSAGetLastError(); }
WSABUF buffer_of(CompletionPort::Bytes bytes) noexcept {
  return {bytes.length, static_cast<char *>(const_cast<void *>(bytes.data))};
}

// What the socket's provider exports besides winsock.
template <class F> F extension(int fd, GUID name) noexcept {
  F found = nullptr;
  DWORD written = 0;
  if (::WSAIoctl(socket_of(fd), SIO_GET_EXTENSION_FUNCTION_POINTER, &name, sizeof name, &found,
                 sizeof found, &written, nullptr, nullptr) != 0)
    return nullptr;
  return found;
}

int family_of(int fd) noexcept {
  WSAPROTOCOL_INFOW info;
  int length = sizeof info;
  return ::getsockopt(socket_of(fd), SOL_SOCKET, SO_PROTOCOL_INFOW, reinterpret_cast<char *>(&info),
                      &length) == 0
             ? info.iAddressFamily
             : AF_UNSPEC;
}

// AcceptEx says so itself on Windows; Wine waits for a connection that cannot come.
bool listens(int fd) noexcept {
  BOOL answer = FALSE;
  int length = sizeof answer;
  return ::getsockopt(socket_of(fd), SOL_SOCKET, SO_ACCEPTCONN, reinterpret_cast<char *>(&answer),
                      &length) == 0 &&
         answer;
}

// ConnectEx connects nothing that is not bound; one that is bound already says so.
int bind_to_any(int fd, int family) noexcept {
  SOCKADDR_STORAGE any{};
  any.ss_family = static_cast<ADDRESS_FAMILY>(family);
  const int length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (::bind(socket_of(fd), reinterpret_cast<sockaddr *>(&any), length) == 0) return 0;
  return WSAGetLastError() == WSAEINVAL ? 0 : WSAGetLastError();
}

} // namespace

Result<int> parse_address(const char *text, SOCKADDR_STORAGE &address) noexcept {
  wchar_t wide[128];
  size_t size = 0;
  do {
    if (size == sizeof wide / sizeof *wide) return Error{SOCKET_EINVAL};
    wide[size] = static_cast<unsigned char>(text[size]);
  } while (text[size++]);
  for (int family : {AF_INET, AF_INET6}) {
    int length = sizeof address;
    auto *const generic = reinterpret_cast<sockaddr *>(&address);
    if (::WSAStringToAddressW(wide, family, nullptr, generic, &length) == 0 &&
        reinterpret_cast<sockaddr_in *>(&address)->sin_port != 0)
      return length;
  }
  return Error{SOCKET_EINVAL};
}

void write_address(const sockaddr *address, int length, CompletionPort::Sender to) noexcept {
  if (to.size == 0) return;
  wchar_t wide[128] = L"";
  DWORD size = sizeof wide / sizeof *wide;
  if (::WSAAddressToStringW(const_cast<sockaddr *>(address), static_cast<DWORD>(length), nullptr,
                            wide, &size) != 0)
    wide[0] = 0;
  int written = 0;
  for (; written < to.size - 1 && wide[written]; written++)
    to.text[written] = static_cast<char>(wide[written]);
  to.text[written] = '\0';
}

// Lock held; the packet of the operation was taken. What remains to be done, and how it ended.
int WindowsCompletionPort::finish(PortOperation &operation, int error) noexcept {
  const SOCKET socket = socket_of(operation.fd);
  if (operation.kind == SOCKET_PORT_ACCEPTED) {
    if (!error && ::setsockopt(socket_of(operation.accepted), SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                               reinterpret_cast<const char *>(&socket), sizeof socket) != 0)
      error = last_system_error().code;
    if (error) close_descriptor(operation.accepted);
  }
  if (operation.kind == SOCKET_PORT_CONNECTED && !error &&
      ::setsockopt(socket, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0) != 0)
    error = last_system_error().code;
  if (operation.sender.size > 0) {
    operation.sender.text[0] = '\0';
    if (!error || error == SOCKET_EMSGSIZE)
      write_address(operation.address(), operation.address_length, operation.sender);
  }
  return error;
}

Result<int64_t> WindowsCompletionPort::accept(int listener, void *user) {
  auto prepared = prepare(SOCKET_PORT_ACCEPTED, listener, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  if (!listens(listener)) return begun(operation, name, WSAEINVAL);
  const SOCKET made = ::WSASocketW(family_of(listener), SOCK_STREAM, 0, nullptr, 0,
                                   WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (made == INVALID_SOCKET) return begun(operation, name, WSAGetLastError());
  if (made > INT_MAX) {
    ::closesocket(made);
    return begun(operation, name, WSAEMFILE);
  }
  operation.accepted = static_cast<int>(made);
  const auto accept_ex = extension<LPFN_ACCEPTEX>(listener, WSAID_ACCEPTEX);
  if (!accept_ex) return begun(operation, name, WSAEOPNOTSUPP);
  DWORD received = 0;
  return begun(operation, name,
               outcome_of(accept_ex(socket_of(listener), made, operation.addresses, 0,
                                    PortOperation::kEndSize, PortOperation::kEndSize, &received,
                                    &operation)));
}

Result<int64_t> WindowsCompletionPort::connect(int fd, const char *address, void *user) {
  SOCKADDR_STORAGE to{};
  const auto length = parse_address(address, to);
  if (!length.ok()) return length.error();
  auto prepared = prepare(SOCKET_PORT_CONNECTED, fd, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  if (int problem = bind_to_any(fd, to.ss_family)) return begun(operation, name, problem);
  const auto connect_ex = extension<LPFN_CONNECTEX>(fd, WSAID_CONNECTEX);
  if (!connect_ex) return begun(operation, name, WSAEOPNOTSUPP);
  return begun(operation, name,
               outcome_of(connect_ex(socket_of(fd), reinterpret_cast<sockaddr *>(&to), *length,
                                     nullptr, 0, nullptr, &operation)));
}

Result<int64_t> WindowsCompletionPort::receive(int fd, Bytes room, void *user) {
  auto prepared = prepare(SOCKET_PORT_RECEIVED, fd, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  WSABUF buffer = buffer_of(room);
  DWORD flags = 0;
  return begun(
      operation, name,
      outcome_of(::WSARecv(socket_of(fd), &buffer, 1, nullptr, &flags, &operation, nullptr) == 0));
}

Result<int64_t> WindowsCompletionPort::send(int fd, Bytes bytes, void *user) {
  auto prepared = prepare(SOCKET_PORT_SENT, fd, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  WSABUF buffer = buffer_of(bytes);
  return begun(
      operation, name,
      outcome_of(::WSASend(socket_of(fd), &buffer, 1, nullptr, 0, &operation, nullptr) == 0));
}

Result<int64_t> WindowsCompletionPort::receive_from(int fd, Bytes room, Sender sender, void *user) {
  auto prepared = prepare(SOCKET_PORT_RECEIVED, fd, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  operation.sender = sender;
  operation.address_length = sizeof(SOCKADDR_STORAGE);
  WSABUF buffer = buffer_of(room);
  DWORD flags = 0;
  return begun(
      operation, name,
      outcome_of(::WSARecvFrom(socket_of(fd), &buffer, 1, nullptr, &flags, operation.address(),
                               &operation.address_length, &operation, nullptr) == 0));
}

Result<int64_t> WindowsCompletionPort::send_to(int fd, Bytes bytes, const char *address,
                                               void *user) {
  SOCKADDR_STORAGE to{};
  const auto length = parse_address(address, to);
  if (!length.ok()) return length.error();
  auto prepared = prepare(SOCKET_PORT_SENT, fd, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  std::memcpy(operation.addresses, &to, sizeof to);
  WSABUF buffer = buffer_of(bytes);
  return begun(operation, name,
               outcome_of(::WSASendTo(socket_of(fd), &buffer, 1, nullptr, 0, operation.address(),
                                      *length, &operation, nullptr) == 0));
}

Result<int64_t> WindowsCompletionPort::transmit_file(int fd, int file, uint64_t offset,
                                                     uint32_t length, void *user) {
  if (length > kMostOfFile) return Error{SOCKET_EINVAL};
  if (!is_open_descriptor(file)) return Error{SOCKET_EBADF};
  auto prepared = prepare(SOCKET_PORT_FILE_SENT, fd, user);
  if (!prepared.ok()) return prepared.error();
  PortOperation &operation = **prepared;
  const int64_t name = operation.name();
  operation.Offset = static_cast<DWORD>(offset);
  operation.OffsetHigh = static_cast<DWORD>(offset >> 32);
  const auto transmit = extension<LPFN_TRANSMITFILE>(fd, WSAID_TRANSMITFILE);
  if (!transmit) return begun(operation, name, WSAEOPNOTSUPP);
  return begun(
      operation, name,
      outcome_of(transmit(socket_of(fd), handle_of_fd(file), length, 0, &operation, nullptr, 0)));
}

} // namespace socketpoll
