// Datagrams that were received and wait to be delivered, with the memory that they lie in. They are
// packed one behind the other, or each has a slot of its own.
#pragma once

#include "base/handle_table.hpp"
#include "net/os/os_dgram.hpp"

#include <memory>
#include <span>

namespace socketpoll {

struct BatchShape {
  int slots = 0; // 0: packed
  size_t slot_bytes = 0;
  bool operator==(const BatchShape &) const noexcept = default;
};

class DatagramBatch {
public:
  struct Datagram {
    std::span<char> bytes;
    const SockName *from = nullptr;
    HandleWord token = 0;
    bool truncated = false;
  };

  // Throws std::bad_alloc.
  explicit DatagramBatch(const BatchShape &shape);

  const BatchShape &shape() const noexcept { return shape_; }
  bool empty() const noexcept { return next_ == count_; }

  // Receives what there is, up to what fits and `at_most`; not before empty(). How many messages
  // came; and why it ended, which is no error unless something is wrong with the socket.
  struct Outcome {
    int count = 0;
    Status status;
  };
  Outcome receive(int fd, int at_most, bool joined) noexcept;
  // The token of the first message; the others' follow.
  void set_tokens(HandleWord first) noexcept { first_token_ = first; }
  // Whether some of it went where its bytes have to stay for a while.
  bool lent() const noexcept { return lent_; }
  void lend() noexcept { lent_ = true; }

  // One that was sent as one. Not if empty().
  Datagram take() noexcept;
  const SockName &sender(HandleWord token) const noexcept {
    return items_[token - first_token_].from;
  }

private:
  struct Item {
    SockName from;
    std::span<char> bytes;
    uint32_t segment = 0;
    bool truncated = false;

    void set(char *data, const os::Arrived &arrived) noexcept {
      bytes = {data, arrived.length};
      segment = arrived.segment;
      truncated = arrived.truncated;
    }
  };
  Outcome receive_packed(int fd, size_t at_most, bool joined) noexcept;
  Outcome receive_slots(int fd, size_t at_most, bool joined) noexcept;

  BatchShape shape_;
  size_t capacity_; // of items
  size_t room_;     // bytes
  std::unique_ptr<Item[]> items_;
  std::unique_ptr<char[]> memory_;
  HandleWord first_token_ = 0;
  size_t count_ = 0;
  size_t next_ = 0;
  bool lent_ = false;
};

} // namespace socketpoll
