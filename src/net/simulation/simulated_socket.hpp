// The seam below the system calls: what os_socket.cpp asks instead of the kernel when a descriptor
// is a simulated one. Such descriptors are numbers that no kernel gives out, each thread has its
// own, and only a loop whose network() is a simulation ever makes one.
#pragma once

#include "base/os_types.hpp"
#include "base/result.hpp"
#include "net/names/address.hpp"

#include <span>

namespace socketpoll {

inline constexpr int kFirstSimulated = 1 << 30;
constexpr bool is_simulated(int fd) noexcept { return fd >= kFirstSimulated; }
// The number under which a poll knows the descriptor.
constexpr int poll_number(int fd) noexcept { return is_simulated(fd) ? fd - kFirstSimulated : fd; }

// A TCP socket as the kernel would show it, without the kernel. What is not noexcept throws
// std::bad_alloc, and has then done nothing.
class SimulatedSocket {
public:
  virtual Status listen(const Address &address, int backlog) = 0;
  // The accepted socket's descriptor; `peer` is filled.
  virtual Result<int> accept(Address &peer) = 0;
  virtual Status connect(const Address &address) = 0;
  virtual Result<size_t> receive(std::span<char> into) = 0;
  virtual Result<size_t> send(std::span<const iovec> slices) = 0;
  virtual Status shutdown_sending() = 0;
  virtual Status take_error() noexcept = 0;
  virtual Result<Address> local_address() const noexcept = 0;
  virtual Result<Address> peer_address() const noexcept = 0;
  // SocketPollEvent bits that hold now.
  virtual int readiness() const noexcept = 0;
  virtual void break_connection() noexcept = 0;
  // Ends it, as close(2) does; the object is gone.
  virtual void close() noexcept = 0;

protected:
  ~SimulatedSocket() = default;
};

// Gives the socket the thread's lowest free number. Throws std::bad_alloc.
int enter_simulated(SimulatedSocket &socket);
void leave_simulated(int fd) noexcept;
// nullptr: no such descriptor on this thread.
SimulatedSocket *find_simulated(int fd) noexcept;
inline SimulatedSocket *simulated_at(int poll_number) noexcept {
  return find_simulated(poll_number + kFirstSimulated);
}
void close_simulated(int fd) noexcept;

// Where a loop's sockets come from, unless from the kernel.
class Network {
public:
  // Throws std::bad_alloc.
  virtual Result<int> make_socket(int family) = 0;

protected:
  ~Network() = default;
};

} // namespace socketpoll
