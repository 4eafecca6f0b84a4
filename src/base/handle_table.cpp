#include "base/handle_table.hpp"

#include <new>

namespace socketpoll {

using namespace handle_layout;

namespace {

std::atomic<uint64_t> next_thread_token{1};

HandleWord word_of(uint32_t index, uint64_t generation) noexcept {
  return kMark | (static_cast<HandleWord>(generation) << kIndexBits) | index;
}

} // namespace

uint64_t thread_token() noexcept {
  static constinit thread_local uint64_t token = 0;
  if (token == 0) token = next_thread_token.fetch_add(1, std::memory_order_relaxed);
  return token;
}

HandleTable &HandleTable::instance() noexcept {
  // Never destroyed: a handle used from another library's exit handler must still be answered.
  alignas(HandleTable) static unsigned char storage[sizeof(HandleTable)];
  static HandleTable *const table = new (storage) HandleTable;
  return *table;
}

uint32_t HandleTable::index_of(HandleWord handle) noexcept {
  return static_cast<uint32_t>(handle & ((HandleWord{1} << kIndexBits) - 1));
}

// The state, less its pins, that the slot of this handle has while the handle is live.
uint64_t HandleTable::live_state(HandleWord handle, HandleKind kind) noexcept {
  const uint64_t generation = (handle & ~kMark) >> kIndexBits;
  return (generation << kGenerationShift) | (static_cast<uint64_t>(kind) << kKindShift) | kLive;
}

HandleTable::Slot *HandleTable::slot_at(uint32_t index) noexcept {
  if (index >= kChunkSlots * kChunks) return nullptr;
  Slot *chunk = chunks_[index / kChunkSlots].load(std::memory_order_acquire);
  return chunk ? &chunk[index % kChunkSlots] : nullptr;
}

HandleTable::Slot *HandleTable::slot_of(HandleWord handle, HandleKind kind) noexcept {
  if (!(handle & kMark) || handle >> (kIndexBits + kGenerationBits) != 1) return nullptr;
  Slot *slot = slot_at(index_of(handle));
  if (!slot) return nullptr;
  const uint64_t state = slot->state.load(std::memory_order_acquire);
  return (state & ~kPinMask) == live_state(handle, kind) ? slot : nullptr;
}

// Oldest first, so that a slot's generations last as long as they can.
uint32_t HandleTable::take_free_slot() {
  if (first_free_ != kNoSlot) {
    const uint32_t index = first_free_;
    first_free_ = slot_at(index)->next_free;
    if (first_free_ == kNoSlot) last_free_ = kNoSlot;
    return index;
  }
  if (used_ == kChunkSlots * kChunks) return kNoSlot;
  if (used_ % kChunkSlots == 0)
    chunks_[used_ / kChunkSlots].store(new Slot[kChunkSlots], std::memory_order_release);
  return used_++;
}

void HandleTable::give_back(Slot &slot, uint32_t index) noexcept {
  if (slot.state.load(std::memory_order_relaxed) >> kGenerationShift >= kMaxGeneration) return;
  std::lock_guard lock(mutex_);
  slot.next_free = kNoSlot;
  if (last_free_ != kNoSlot)
    slot_at(last_free_)->next_free = index;
  else
    first_free_ = index;
  last_free_ = index;
}

Result<HandleWord> HandleTable::insert(HandleKind kind, void *object, HandleWord loop,
                                       HandleFinalizer finalizer) {
  uint32_t index;
  {
    std::lock_guard lock(mutex_);
    index = take_free_slot();
  }
  if (index == kNoSlot) return Error{SOCKET_ELIMIT};
  Slot &slot = *slot_at(index);
  const uint64_t generation = (slot.state.load(std::memory_order_relaxed) >> kGenerationShift) + 1;
  const HandleWord handle = word_of(index, generation);
  slot.object.store(object, std::memory_order_relaxed);
  slot.finalizer.store(finalizer, std::memory_order_relaxed);
  slot.owner.store(0, std::memory_order_relaxed);
  slot.loop.store(loop ? index_of(loop) : index, std::memory_order_relaxed);
  slot.state.store(live_state(handle, kind), std::memory_order_release);
  return handle;
}

Result<void *> HandleTable::get(HandleWord handle, HandleKind kind) noexcept {
  Slot *slot = slot_of(handle, kind);
  if (!slot) return Error{SOCKET_EBADHANDLE};
  Slot *loop = slot_at(slot->loop.load(std::memory_order_relaxed));
  if (loop->owner.load(std::memory_order_acquire) != thread_token()) {
    // The slot may have been freed and taken anew between the two looks.
    return Error{slot_of(handle, kind) ? SOCKET_EWRONGTHREAD : SOCKET_EBADHANDLE};
  }
  return slot->object.load(std::memory_order_relaxed);
}

void HandleTable::set_owner(HandleWord loop, uint64_t token) noexcept {
  slot_at(index_of(loop))->owner.store(token, std::memory_order_release);
}

uint64_t HandleTable::owner(HandleWord loop) noexcept {
  return slot_at(index_of(loop))->owner.load(std::memory_order_acquire);
}

Result<HandleWord> HandleTable::renew(HandleWord handle) {
  const uint32_t index = index_of(handle);
  Slot &slot = *slot_at(index);
  const uint64_t state = slot.state.load(std::memory_order_relaxed);
  const uint64_t generation = state >> kGenerationShift;
  const auto kind = static_cast<HandleKind>((state >> kKindShift) & 0x7f);
  if (generation < kMaxGeneration) {
    const HandleWord renewed = word_of(index, generation + 1);
    slot.state.store(live_state(renewed, kind), std::memory_order_release);
    return renewed;
  }
  auto replacement = insert(kind, slot.object.load(std::memory_order_relaxed),
                            word_of(slot.loop.load(std::memory_order_relaxed), 0));
  if (replacement.ok()) retire(handle, kind);
  return replacement;
}

void HandleTable::finalize(Slot &slot, uint32_t index) noexcept {
  void *object = slot.object.exchange(nullptr, std::memory_order_relaxed);
  const HandleFinalizer finalizer = slot.finalizer.load(std::memory_order_relaxed);
  give_back(slot, index);
  if (finalizer) finalizer(object);
}

bool HandleTable::retire(HandleWord handle, HandleKind kind) noexcept {
  Slot *slot = slot_of(handle, kind);
  if (!slot) return false;
  const uint64_t live = live_state(handle, kind);
  uint64_t state = slot->state.load(std::memory_order_acquire);
  do {
    if ((state & ~kPinMask) != live) return false;
  } while (!slot->state.compare_exchange_weak(state, state & ~kLive, std::memory_order_acq_rel));
  if ((state & kPinMask) == 0) finalize(*slot, index_of(handle));
  return true;
}

Result<void *> HandleTable::pin(HandleWord handle, HandleKind kind) noexcept {
  Slot *slot = slot_of(handle, kind);
  if (!slot) return Error{SOCKET_EBADHANDLE};
  const uint64_t live = live_state(handle, kind);
  uint64_t state = slot->state.load(std::memory_order_acquire);
  do {
    if ((state & ~kPinMask) != live) return Error{SOCKET_EBADHANDLE};
  } while (!slot->state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel));
  return slot->object.load(std::memory_order_relaxed);
}

void HandleTable::unpin(HandleWord handle) noexcept {
  Slot *slot = slot_at(index_of(handle));
  const uint64_t before = slot->state.fetch_sub(1, std::memory_order_acq_rel);
  if ((before & kPinMask) == 1 && !(before & kLive)) finalize(*slot, index_of(handle));
}

} // namespace socketpoll
