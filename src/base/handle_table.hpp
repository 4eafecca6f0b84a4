// Every public handle is an index and a generation, never an address: this table turns one back
// into its object, or says that it is stale, foreign or no handle at all, without touching freed
// memory.
//
// Reading takes no lock. Two kinds of handle use it in two ways:
//  - what stands on a loop (stream, timer, ...) is looked up with get(), which also checks that the
//    calling thread owns the loop; only that thread frees such an object, so the pointer is safe;
//  - what any thread may use (poll, loop) is looked up with pin(), which keeps the object alive
//  until
//    the pin is dropped, whoever frees it meanwhile.
#pragma once

#include "base/result.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace socketpoll {

enum class HandleKind : uint8_t {
  none,
  poll,
  loop,
  watch,
  timer,
  stream,
  listener,
  http_server,
  http_exchange,
  future,
  datagram,
  buffer,
  buffer_pool,
  pipeline,
  limiter,
  workers,
  simulation,
  query,
  completion_port,
  tls,
};

// What the caller holds, as the integer inside the opaque pointer. 0 is no handle.
using HandleWord = uintptr_t;

namespace handle_layout {
// 64 bits: bit 61 set, so that no user-space address is ever a handle and the word still fits the
// 62-bit fixnum of a Lisp; 29 bits of generation; 32 bits of index. 32 bits: 11, 20, and bit 31.
inline constexpr bool kWide = sizeof(HandleWord) == 8;
inline constexpr unsigned kIndexBits = kWide ? 32 : 20;
inline constexpr unsigned kGenerationBits = kWide ? 29 : 11;
inline constexpr uint32_t kMaxGeneration = (uint32_t{1} << kGenerationBits) - 1;
inline constexpr HandleWord kMark = HandleWord{1} << (kIndexBits + kGenerationBits);
} // namespace handle_layout

// Identifies the calling thread for as long as the process lives; never 0, never reused.
uint64_t thread_token() noexcept;

// Destroys a pinned kind's object once it is retired and no longer pinned; any thread may run it.
using HandleFinalizer = void (*)(void *object) noexcept;

class HandleTable {
public:
  static HandleTable &instance() noexcept;

  // Gives `object` a handle. `loop` is the handle of the loop it stands on, or 0 for the pinned
  // kinds. Throws std::bad_alloc; SOCKET_ELIMIT when the index space is used up.
  Result<HandleWord> insert(HandleKind kind, void *object, HandleWord loop = 0,
                            HandleFinalizer finalizer = nullptr);

  // The object of a live handle that stands on a loop owned by this thread.
  Result<void *> get(HandleWord handle, HandleKind kind) noexcept;

  // Makes a loop's handle valid for get() on the calling thread: the loop is now this thread's.
  void set_owner(HandleWord loop, uint64_t token) noexcept;
  uint64_t owner(HandleWord loop) noexcept;

  // Invalidates every copy of `handle` and returns the one that names the same object from now on.
  // Owner thread only. May throw std::bad_alloc (a slot whose generations are used up is retired).
  Result<HandleWord> renew(HandleWord handle);

  // Ends a handle: it is stale from here on. False if it was not live. For pinned kinds the
  // finalizer runs as soon as no pin is left, perhaps inside this call.
  bool retire(HandleWord handle, HandleKind kind) noexcept;

  // Keeps the object of a live handle from being finalized until unpin().
  Result<void *> pin(HandleWord handle, HandleKind kind) noexcept;
  void unpin(HandleWord handle) noexcept;

private:
  // state: [generation 29][kind 7][live 1][pins 27]
  struct Slot {
    std::atomic<uint64_t> state{0};
    std::atomic<void *> object{nullptr};
    std::atomic<HandleFinalizer> finalizer{nullptr};
    std::atomic<uint64_t> owner{0}; // of a loop: the token of its thread
    std::atomic<uint32_t> loop{0};  // the index of the loop that this stands on
    uint32_t next_free = 0;
  };
  static constexpr uint32_t kChunkSlots = 1024;
  static constexpr uint32_t kChunks = 4096;
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  static constexpr unsigned kPinBits = 27;
  static constexpr uint64_t kPinMask = (uint64_t{1} << kPinBits) - 1;
  static constexpr uint64_t kLive = uint64_t{1} << kPinBits;
  static constexpr unsigned kKindShift = kPinBits + 1;
  static constexpr unsigned kGenerationShift = kKindShift + 7;

  static uint32_t index_of(HandleWord handle) noexcept;
  static uint64_t live_state(HandleWord handle, HandleKind kind) noexcept;
  Slot *slot_at(uint32_t index) noexcept;
  Slot *slot_of(HandleWord handle, HandleKind kind) noexcept;
  uint32_t take_free_slot();
  void finalize(Slot &slot, uint32_t index) noexcept;
  void give_back(Slot &slot, uint32_t index) noexcept;

  std::atomic<Slot *> chunks_[kChunks] = {};
  std::mutex mutex_; // guards the free list and growth
  uint32_t used_ = 0;
  uint32_t first_free_ = kNoSlot;
  uint32_t last_free_ = kNoSlot;
};

// A pinned object, let go at the end of the scope.
template <class T> class Pinned {
public:
  explicit Pinned(HandleWord handle) noexcept : handle_(handle) {
    auto found = HandleTable::instance().pin(handle, T::kHandleKind);
    if (found.ok()) object_ = static_cast<T *>(*found);
  }
  Pinned(const Pinned &) = delete;
  Pinned &operator=(const Pinned &) = delete;
  ~Pinned() {
    if (object_) HandleTable::instance().unpin(handle_);
  }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  T *operator->() const noexcept { return object_; }
  T &operator*() const noexcept { return *object_; }

private:
  HandleWord handle_;
  T *object_ = nullptr;
};

} // namespace socketpoll
