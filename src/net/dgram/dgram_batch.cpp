#include "net/dgram/dgram_batch.hpp"

#include "SocketDgram.h"

#include <algorithm>
#include <cstddef>

namespace socketpoll {

namespace {
// Room for the longest is kept free before each receive, so nothing is cut. What no datagram ever
// reaches is address space, not memory.
constexpr size_t kPackedBytes = 2 * os::kMostDatagramBytes;
constexpr size_t kAlignment = alignof(std::max_align_t);
} // namespace

DatagramBatch::DatagramBatch(const BatchShape &shape)
    : shape_(shape),
      capacity_(static_cast<size_t>(shape.slots ? shape.slots : SOCKET_DGRAM_PULL_BATCH)),
      room_(shape.slots ? capacity_ * shape.slot_bytes : kPackedBytes), items_(new Item[capacity_]),
      memory_(new char[room_]) {}

DatagramBatch::Outcome DatagramBatch::receive(int fd, int at_most, bool joined) noexcept {
  lent_ = false;
  next_ = count_ = 0;
  const size_t most = std::min(capacity_, static_cast<size_t>(at_most));
  const Outcome outcome =
      shape_.slots ? receive_slots(fd, most, joined) : receive_packed(fd, most, joined);
  count_ = static_cast<size_t>(outcome.count);
  return outcome;
}

DatagramBatch::Outcome DatagramBatch::receive_packed(int fd, size_t at_most, bool joined) noexcept {
  Outcome outcome;
  size_t used = 0;
  for (size_t i = 0; i < at_most && used + os::kMostDatagramBytes <= room_; i++) {
    char *const at = memory_.get() + used;
    auto arrived = os::receive_from(fd, {at, os::kMostDatagramBytes}, items_[i].from, joined);
    if (!arrived.ok()) {
      outcome.status = arrived.error();
      break;
    }
    items_[i].set(at, *arrived);
    used += (arrived->length + kAlignment - 1) / kAlignment * kAlignment;
    outcome.count++;
  }
  return outcome;
}

DatagramBatch::Outcome DatagramBatch::receive_slots(int fd, size_t at_most, bool joined) noexcept {
  os::Arrival arrivals[os::kMostMessages];
  for (size_t i = 0; i < at_most; i++) {
    arrivals[i].into = {memory_.get() + i * shape_.slot_bytes, shape_.slot_bytes};
    arrivals[i].from = &items_[i].from;
  }
  auto count = os::receive_batch(fd, {arrivals, at_most}, joined);
  if (!count.ok()) return {0, count.error()};
  for (size_t i = 0; i < static_cast<size_t>(*count); i++)
    items_[i].set(arrivals[i].into.data(), arrivals[i].outcome);
  return {*count, {}};
}

DatagramBatch::Datagram DatagramBatch::take() noexcept {
  Item &item = items_[next_];
  Datagram datagram{item.bytes, &item.from, first_token_ + next_, item.truncated};
  const bool joined = item.segment > 0 && item.segment < item.bytes.size();
  if (joined) {
    // What was cut off, if anything, was of the last one.
    datagram.bytes = item.bytes.first(item.segment);
    datagram.truncated = false;
    item.bytes = item.bytes.subspan(item.segment);
  } else {
    next_++;
  }
  return datagram;
}

} // namespace socketpoll
