// Poll floor. What SocketCompletionPort_T is made of where the system has completion ports
// (windows/); elsewhere only the answer that it has none (posix/). Any thread may call anything.
#pragma once

#include "SocketCompletionPort.h"
#include "base/handle_table.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace socketpoll {

class CompletionPort {
public:
  static constexpr HandleKind kHandleKind = HandleKind::completion_port;

  static Status available() noexcept; // SOCKET_ENOTSUP: there are none
  static Result<std::unique_ptr<CompletionPort>> create(int concurrency);
  virtual ~CompletionPort() = default;

  // Every wait returns SOCKET_EBADHANDLE from here on; nothing is under way when this returns.
  virtual void close() noexcept = 0;

  virtual Status associate(int fd, uint64_t key) = 0;
  virtual Result<int> wait(std::span<SocketPortEvent_T> events, int timeout_ms) = 0;
  virtual Status post(uint64_t key, uint32_t bytes, void *user) = 0;

  struct Bytes { // the caller's, until the event
    const void *data;
    uint32_t length;
  };
  struct Sender { // where its address goes
    char *text;
    int size;
  };
  virtual Result<int64_t> accept(int listener, void *user) = 0;
  virtual Result<int64_t> connect(int fd, const char *address, void *user) = 0;
  virtual Result<int64_t> receive(int fd, Bytes room, void *user) = 0;
  virtual Result<int64_t> send(int fd, Bytes bytes, void *user) = 0;
  virtual Result<int64_t> receive_from(int fd, Bytes room, Sender sender, void *user) = 0;
  virtual Result<int64_t> send_to(int fd, Bytes bytes, const char *address, void *user) = 0;
  virtual Result<int64_t> transmit_file(int fd, int file, uint64_t offset, uint32_t length,
                                        void *user) = 0;
  virtual Status cancel(int64_t operation) = 0;
  virtual Result<int> cancel_all(int fd) = 0;
};

} // namespace socketpoll
