// What the bytes of public buffers lie in: memory of ours, or the caller's. Where a buffer's bytes
// are in it, and who may write where, is the buffers' business (buffer.hpp).
#pragma once

#include "net/buffer/shared.hpp"

#include "SocketStream.h"

#include <cstddef>
#include <new>

namespace socketpoll {

class Block : public Shared {
public:
  virtual ~Block() = default;
  // Nobody refers to it any more.
  virtual void destroy() noexcept = 0;

  const char *bytes() const noexcept { return bytes_; }
  int64_t capacity() const noexcept { return capacity_; }
  // Null: its bytes may not be written.
  char *room() const noexcept { return room_; }

  void operator delete(void *memory) noexcept { ::operator delete(memory); }

protected:
  Block(const char *bytes, char *room, int64_t capacity) noexcept
      : bytes_(bytes), room_(room), capacity_(capacity) {}

  // For kinds whose bytes follow the object in one piece of memory: `new (Room{n}) T`.
  struct Room {
    int64_t bytes;
  };
  void *operator new(size_t size) { return ::operator new(size); }
  void *operator new(size_t size, Room room) {
    return ::operator new(size + static_cast<size_t>(room.bytes));
  }
  void operator delete(void *memory, Room) noexcept { ::operator delete(memory); }

private:
  const char *bytes_;
  char *room_;
  int64_t capacity_;
};

class HeapBlock final : public Block {
public:
  // Throws std::bad_alloc.
  static Ref<HeapBlock> create(int64_t capacity) {
    return Ref<HeapBlock>::adopt(new (Room{capacity}) HeapBlock(capacity));
  }
  void destroy() noexcept override { delete this; }

private:
  explicit HeapBlock(int64_t capacity) noexcept : Block(behind(), behind(), capacity) {}
  char *behind() noexcept { return reinterpret_cast<char *>(this + 1); }
};

class BorrowedBlock final : public Block {
public:
  static Ref<BorrowedBlock> create(const void *data, int64_t length) {
    return Ref<BorrowedBlock>::adopt(new BorrowedBlock(static_cast<const char *>(data), length));
  }
  // Set once nothing can fail any more.
  void set_release(SocketRelease_T release, void *user) noexcept {
    release_ = release;
    user_ = user;
  }
  void destroy() noexcept override {
    if (release_) release_(bytes(), user_);
    delete this;
  }

private:
  BorrowedBlock(const char *data, int64_t length) noexcept : Block(data, nullptr, length) {}
  SocketRelease_T release_ = nullptr;
  void *user_ = nullptr;
};

} // namespace socketpoll
