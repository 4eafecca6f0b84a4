// Windows has stream sockets with a file for a name since Windows 10, 1803, and nothing else of
// unix(7): no pairs, no descriptors among the bytes, no abstract names.
#include "net/os/os_unix.hpp"

#include "net/os/windows/sockets.hpp"

namespace socketpoll::os {

namespace {

const char *path_of(const SockName &name) noexcept {
  return name.family() == AF_UNIX ? reinterpret_cast<const sockaddr_un *>(name.get())->sun_path
                                  : "";
}

// What tells the file from another under the same name; zeros if there is none.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
};

FileId id_of(const char *path) noexcept {
  const WidePath wide(path);
  auto file =
      descriptor(::CreateFileW(wide.text, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                               nullptr, OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT, nullptr));
  BY_HANDLE_FILE_INFORMATION info;
  if (!file.ok() || !::GetFileInformationByHandle(handle_of(file->get()), &info)) return {};
  return {info.dwVolumeSerialNumber,
          (uint64_t{info.nFileIndexHigh} << 32 | info.nFileIndexLow) + 1};
}

// A closed socket's file refuses.
bool is_dead(const SockName &name) noexcept {
  auto probe = unix_socket();
  return probe.ok() && connect_unix(probe->get(), name).code() == SOCKET_ECONNREFUSED;
}

bool remove_file(const SockName &name) noexcept {
  return ::DeleteFileW(WidePath(path_of(name)).text) != 0;
}

Status bind_unix(int fd, const SockName &name) noexcept {
  return status_of(::bind(socket_of(fd), name.get(), name.length));
}

} // namespace

Result<Fd> unix_socket() noexcept { return make_socket(AF_UNIX, SOCK_STREAM); }

// Two ends of a TCP connection of this machine with itself, each of which has made sure that the
// other one is at its other end.
Result<SocketPair> unix_pair() noexcept {
  Address address;
  address.family = AF_INET;
  address.bytes[0] = 127, address.bytes[3] = 1;
  ListenOptions options;
  options.backlog = 1;
  auto listener = kernel::listen_tcp(address, options);
  if (!listener.ok()) return listener.error();
  auto port = kernel::local_address(listener->get());
  auto a = kernel::tcp_socket(AF_INET);
  if (!port.ok()) return port.error();
  if (!a.ok()) return a.error();
  Status status = set_nonblocking(a->get(), false);
  if (status.ok()) status = kernel::connect_tcp(a->get(), *port);
  if (status.ok()) status = set_nonblocking(a->get(), true);
  if (!status.ok()) return status.error();
  auto own = kernel::local_address(a->get());
  (void)set_nonblocking(listener->get(), false);
  auto b = kernel::accept_tcp(listener->get());
  if (!own.ok()) return own.error();
  if (!b.ok()) return b.error();
  if (own->port != b->peer.port) return Error{SOCKET_ECONNABORTED}; // a stranger was faster
  return SocketPair{a.take(), std::move(b->fd), Medium::tcp};
}

// In blocking mode, as it is decided on this machine.
Status connect_unix(int fd, const SockName &name) noexcept {
  (void)set_nonblocking(fd, false);
  const Status status = status_of(::connect(socket_of(fd), name.get(), name.length));
  (void)set_nonblocking(fd, true);
  return status;
}

bool SocketFile::is_there() const noexcept {
  if (!inode_) return false;
  const FileId now = id_of(path_of(name_));
  return now.device == device_ && now.inode == inode_;
}

void SocketFile::remove_if_dead() const noexcept {
  if (is_there() && is_dead(name_) && is_there()) remove_file(name_);
}

Result<Fd> listen_unix(const SockName &name, const ListenOptions &options,
                       SocketFile &file) noexcept {
  if (options.reuseport || options.receive_buffer || options.send_buffer || options.mode >= 0)
    return Error{SOCKET_ENOTSUP};
  auto fd = unix_socket();
  if (!fd.ok()) return fd;
  Status status = bind_unix(fd->get(), name);
  if (status.code() == SOCKET_EADDRINUSE && is_dead(name) && remove_file(name))
    status = bind_unix(fd->get(), name);
  if (!status.ok()) return status.error();
  const FileId id = id_of(path_of(name));
  file.name_ = name;
  file.device_ = id.device;
  file.inode_ = id.inode;
  if (::listen(socket_of(fd->get()), options.backlog) == 0) return fd;
  const Error error = last_system_error();
  if (file.is_there()) remove_file(name);
  return error;
}

SocketFile file_of(int fd) noexcept {
  SocketFile file;
  auto name = own_name(fd);
  if (!name.ok() || !*path_of(*name)) return file;
  const FileId id = id_of(path_of(*name));
  file.name_ = *name;
  file.device_ = id.device;
  file.inode_ = id.inode;
  return file;
}

Result<Credentials> peer_credentials(int) noexcept { return Error{SOCKET_ENOTSUP}; }

Result<size_t> send_with_fds(int, std::span<const char>, std::span<const int>) noexcept {
  return Error{SOCKET_ENOTSUP};
}

// None ever comes.
Result<size_t> receive_with_fds(int fd, std::span<char> into, std::span<int>,
                                ArrivedFds &arrived) noexcept {
  arrived = {};
  return kernel::receive(fd, into);
}

} // namespace socketpoll::os
