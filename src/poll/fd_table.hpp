// Poll floor. What is registered under each fd number: 16 bytes a number, found by index, read
// without a lock. Descriptors are dense small integers, or dense multiples of one, so a table beats
// any map.
//
// Writers hold Poller's lock; readers are the waiting threads. Records live in chunks of doubling
// size and never move. A reader trusts a record only if its state is the same before and after it
// read the data: a state names the generation, which every new registration and every re-arming of
// a one-shot raises, so that a state never comes back.
#pragma once

#include "poll/backend.hpp"
#include "poll/os_fd.hpp"

#include <atomic>
#include <bit>
#include <memory>

namespace socketpoll {

class FdRecord {
public:
  struct View {
    uint32_t generation;
    bool live;
    bool armed;
    int events;
    void *data;
  };

  // Writers, and readers that hold the lock.
  View view() const noexcept {
    const uint64_t state = state_.load(std::memory_order_relaxed);
    return {static_cast<uint32_t>(state >> 32), (state & kLive) != 0, (state & kFired) == 0,
            static_cast<int>(state & kEvents), data_.load(std::memory_order_relaxed)};
  }
  void publish(uint32_t generation, int events, void *data) noexcept {
    const uint64_t upper = static_cast<uint64_t>(generation) << 32;
    // The release of `data_` carries this store along: who sees the new data sees no old state.
    state_.store(state_.load(std::memory_order_relaxed) & ~kLive, std::memory_order_relaxed);
    data_.store(data, std::memory_order_release);
    state_.store(upper | kLive | static_cast<uint32_t>(events), std::memory_order_release);
  }
  void drop() noexcept {
    state_.store(state_.load(std::memory_order_relaxed) & ~(kLive | kEvents | kFired),
                 std::memory_order_release);
  }

  // Any thread. True if `generation` is live and, for a one-shot, this call is the one that claims
  // its event.
  bool claim(uint32_t generation, int one_shot, int &events, void *&data) noexcept {
    uint64_t state = state_.load(std::memory_order_acquire);
    if (state >> 32 != generation || (state & (kLive | kFired)) != kLive) return false;
    data = data_.load(std::memory_order_acquire);
    events = static_cast<int>(state & kEvents);
    if (events & one_shot) [[unlikely]]
      return state_.compare_exchange_strong(state, state | kFired, std::memory_order_acq_rel);
    return state_.load(std::memory_order_relaxed) == state;
  }

private:
  // [generation 32][unused 14][fired 1][live 1][events 16]
  static constexpr uint64_t kEvents = 0xffff;
  static constexpr uint64_t kLive = 0x10000;
  static constexpr uint64_t kFired = 0x20000;
  std::atomic<uint64_t> state_{0};
  std::atomic<void *> data_{nullptr};
};
static_assert(sizeof(FdRecord) <= 32);

class FdTable {
public:
  // The record of a plausible descriptor, or null where none was ever needed nearby.
  FdRecord *find(int fd) const noexcept {
    const Place place(fd);
    FdRecord *chunk = published_[place.chunk].load(std::memory_order_acquire);
    return chunk ? &chunk[place.index] : nullptr;
  }
  // Makes the record first; lock held, may throw std::bad_alloc.
  FdRecord &at(int fd) {
    const Place place(fd);
    if (!chunks_[place.chunk]) {
      chunks_[place.chunk] = std::make_unique<FdRecord[]>(place.chunk_size());
      published_[place.chunk].store(chunks_[place.chunk].get(), std::memory_order_release);
    }
    return chunks_[place.chunk][place.index];
  }
  // Lock held. Calls visit(fd, view) for each live record in ascending order until it says false.
  template <class Visit> void for_each_live(Visit &&visit) const {
    for (unsigned chunk = 0; chunk < kChunks; chunk++) {
      if (!chunks_[chunk]) continue;
      const size_t size = size_t{kFirst} << chunk;
      for (size_t i = 0; i < size; i++) {
        const FdRecord::View view = chunks_[chunk][i].view();
        if (view.live && !visit(static_cast<int>(size - kFirst + i) * kDescriptorStep, view))
          return;
      }
    }
  }

private:
  // Chunk k holds 256 * 2^k records, the first of which is that of descriptor 256 * (2^k - 1).
  static constexpr uint32_t kFirst = 256;
  static constexpr unsigned kChunks = 24;
  struct Place {
    explicit Place(int fd) noexcept {
      const uint32_t shifted = static_cast<uint32_t>(fd) / kDescriptorStep + kFirst;
      chunk = static_cast<unsigned>(std::bit_width(shifted) - std::bit_width(kFirst));
      index = shifted - chunk_size();
    }
    uint32_t chunk_size() const noexcept { return kFirst << chunk; }
    unsigned chunk;
    uint32_t index;
  };
  std::atomic<FdRecord *> published_[kChunks] = {};
  std::unique_ptr<FdRecord[]> chunks_[kChunks];
};

} // namespace socketpoll
