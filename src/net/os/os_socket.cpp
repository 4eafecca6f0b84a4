// What is the same on every system: the simulation's side, names, and copying from a file.
#include "net/os/os_socket.hpp"

#include "base/error.hpp"
#include "net/os/os_dgram.hpp"
#include "net/os/os_file.hpp"
#include "net/os/os_unix.hpp"

#include <algorithm>
#include <new>

namespace socketpoll::os {

namespace {

// Asks the simulated socket of that descriptor.
template <class T, class Ask> T ask(int fd, Ask &&question) noexcept {
  try {
    SimulatedSocket *const socket = find_simulated(fd);
    return socket ? question(*socket) : T(Error{SOCKET_EBADF});
  } catch (const std::bad_alloc &) {
    return Error{SOCKET_ENOMEM};
  }
}

} // namespace

namespace simulated {

Result<Fd> tcp_socket(int family, Network &simulation) noexcept {
  try {
    auto fd = simulation.make_socket(family);
    if (!fd.ok()) return fd.error();
    return Fd(*fd);
  } catch (const std::bad_alloc &) {
    return Error{SOCKET_ENOMEM};
  }
}

Status listen(int fd, const Address &address, int backlog) noexcept {
  return ask<Status>(fd, [&](SimulatedSocket &socket) { return socket.listen(address, backlog); });
}

Result<Accepted> accept_tcp(int listener) noexcept {
  return ask<Result<Accepted>>(listener, [](SimulatedSocket &socket) -> Result<Accepted> {
    Address peer;
    auto fd = socket.accept(peer);
    if (!fd.ok()) return fd.error();
    return Accepted{Fd(*fd), peer};
  });
}

Status connect_tcp(int fd, const Address &address) noexcept {
  return ask<Status>(fd, [&](SimulatedSocket &socket) { return socket.connect(address); });
}

Status pending_error(int fd) noexcept {
  return ask<Status>(fd, [](SimulatedSocket &socket) { return socket.take_error(); });
}

Result<Address> local_address(int fd) noexcept {
  return ask<Result<Address>>(fd, [](SimulatedSocket &socket) { return socket.local_address(); });
}

Result<Address> peer_address(int fd) noexcept {
  return ask<Result<Address>>(fd, [](SimulatedSocket &socket) { return socket.peer_address(); });
}

Result<size_t> receive(int fd, std::span<char> into) noexcept {
  return ask<Result<size_t>>(fd, [&](SimulatedSocket &socket) { return socket.receive(into); });
}

Result<size_t> send(int fd, std::span<const iovec> slices) noexcept {
  return ask<Result<size_t>>(fd, [&](SimulatedSocket &socket) { return socket.send(slices); });
}

Status shutdown_sending(int fd) noexcept {
  return ask<Status>(fd, [](SimulatedSocket &socket) { return socket.shutdown_sending(); });
}

} // namespace simulated

Result<Fd> listen_tcp(const Address &address, const ListenOptions &options,
                      Network *simulation) noexcept {
  if (!simulation) return kernel::listen_tcp(address, options);
  auto fd = simulated::tcp_socket(address.family, *simulation);
  if (!fd.ok()) return fd;
  if (const Status listening = simulated::listen(fd->get(), address, options.backlog); !listening)
    return listening.error();
  return fd;
}

Result<size_t> send_copied(Channel channel, int file, int64_t offset, size_t length) noexcept {
  char bytes[16384];
  const auto read = read_at(file, std::span(bytes).first(std::min(length, sizeof bytes)), offset);
  if (!read.ok() || *read == 0) return read;
  const iovec slice{bytes, *read};
  return send(channel, {&slice, 1}, false);
}

Result<SockName> own_name(int fd) noexcept {
  if (!is_simulated(fd)) return local_name(fd);
  const auto address = local_address(fd);
  return address.ok() ? SockName(*address) : Result<SockName>(address.error());
}

Result<SockName> name_of_peer(int fd) noexcept {
  if (!is_simulated(fd)) return peer_name(fd);
  const auto address = peer_address(fd);
  return address.ok() ? SockName(*address) : Result<SockName>(address.error());
}

} // namespace socketpoll::os
