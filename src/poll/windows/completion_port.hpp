// Poll floor. The completion port of Windows behind CompletionPort. Each operation has a record
// that the kernel writes into until its packet is in the port; records are pooled, found by their
// address in what comes back, and named to the program by place and generation.
#pragma once

#include "base/list.hpp"
#include "poll/completion_port.hpp"
#include "poll/windows/os_port.hpp"

#include <atomic>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace socketpoll {

struct Unused;
struct PortOperation : OVERLAPPED, Linked<Unused> {
  int kind = 0; // SOCKET_PORT_*; 0 for one that is not under way
  int fd = -1;
  uint32_t place = 0;
  uint32_t generation = 0;
  void *user = nullptr;
  int accepted = -1; // the socket of an accept, until it is handed over
  CompletionPort::Sender sender{};
  int address_length = 0;
  // Where AcceptEx writes both ends, each with the 16 bytes more that it asks for; or the sender.
  static constexpr DWORD kEndSize = sizeof(SOCKADDR_STORAGE) + 16;
  alignas(SOCKADDR_STORAGE) unsigned char addresses[2 * kEndSize];

  int64_t name() const noexcept { return (int64_t{generation} << 32) | place; }
  sockaddr *address() noexcept { return reinterpret_cast<sockaddr *>(addresses); }
  // The kernel has let go of the record and of the buffers.
  bool ended() const noexcept;
};

class WindowsCompletionPort final : public CompletionPort {
public:
  WindowsCompletionPort(OsHandle port) noexcept : port_(std::move(port)) {}
  ~WindowsCompletionPort() override;
  void close() noexcept override;

  Status associate(int fd, uint64_t key) override;
  Result<int> wait(std::span<SocketPortEvent_T> events, int timeout_ms) override;
  Status post(uint64_t key, uint32_t bytes, void *user) override;

  Result<int64_t> accept(int listener, void *user) override;
  Result<int64_t> connect(int fd, const char *address, void *user) override;
  Result<int64_t> receive(int fd, Bytes room, void *user) override;
  Result<int64_t> send(int fd, Bytes bytes, void *user) override;
  Result<int64_t> receive_from(int fd, Bytes room, Sender sender, void *user) override;
  Result<int64_t> send_to(int fd, Bytes bytes, const char *address, void *user) override;
  Result<int64_t> transmit_file(int fd, int file, uint64_t offset, uint32_t length,
                                void *user) override;
  Status cancel(int64_t operation) override;
  Result<int> cancel_all(int fd) override;

private:
  // Chunk k holds 64 * 2^k records, so that there are few chunks to look an address up in.
  static constexpr uint32_t kFirst = 64;
  static constexpr unsigned kChunks = 24;

  // A record for an operation on `fd`, which is associated.
  Result<PortOperation *> prepare(int kind, int fd, void *user);
  PortOperation &take_unused(int kind, int fd, void *user);
  // What the call that began it said: 0, or a system's error, in which case no packet comes.
  Result<int64_t> begun(PortOperation &operation, int64_t name, int outcome);
  void give_back(PortOperation &operation) noexcept;
  PortOperation *of_packet(OVERLAPPED *overlapped) noexcept;
  template <class Visit> void for_each_under_way(Visit &&visit) noexcept;

  // False: it tells the program nothing.
  bool translate(const OVERLAPPED_ENTRY &packet, SocketPortEvent_T &event) noexcept;
  static int finish(PortOperation &operation, int error) noexcept;
  void pass_on_the_end() noexcept;

  const OsHandle port_;
  std::atomic<bool> closing_{false};
  std::atomic<int> waiting_{0};
  std::mutex mutex_; // guards all that follows
  std::vector<std::unique_ptr<PortOperation[]>> chunks_;
  List<PortOperation, Unused> unused_;
  std::unordered_set<int> associated_;
};

// "192.0.2.1:80", "[2001:db8::1]:80". SOCKET_EINVAL for anything else.
Result<int> parse_address(const char *text, SOCKADDR_STORAGE &address) noexcept; // its length
void write_address(const sockaddr *address, int length, CompletionPort::Sender to) noexcept;

} // namespace socketpoll
