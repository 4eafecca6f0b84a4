// Tokens for the senders of datagrams: numbers that the process gives out once, so that one which
// is stale, made up or another socket's is known as such without a look at any memory. Neither a
// handle nor, on 64 bits, an address (see handle_layout).
#pragma once

#include "base/handle_table.hpp"

#include <atomic>

namespace socketpoll {

// A socket's share of them. 32 bits have so few that they come again after 2^30 datagrams.
class SenderTokens {
public:
  // The first of `count` tokens in a row.
  HandleWord take(HandleWord count) noexcept {
    if (left_ < count) refill();
    const HandleWord first = next_;
    next_ += count;
    left_ -= count;
    return first;
  }

private:
  static constexpr HandleWord kMark = handle_layout::kMark >> 1;
  static constexpr HandleWord kShare = handle_layout::kWide ? HandleWord{1} << 20 : 1024;

  void refill() noexcept {
    static std::atomic<HandleWord> shares{0};
    const HandleWord share = shares.fetch_add(1, std::memory_order_relaxed);
    next_ = kMark | (share * kShare & (kMark - 1));
    left_ = kShare;
  }

  HandleWord next_ = 0;
  HandleWord left_ = 0;
};

} // namespace socketpoll
