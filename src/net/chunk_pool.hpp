// Reference-counted 16 KiB chunks for bytes that outlive the loop's scratch memory: pull delivery
// and queued output. A loop's own; nothing here is shared between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace socketpoll {

class ChunkPool;

struct Chunk {
  static constexpr size_t kBytes = 16384;
  ChunkPool *pool = nullptr;
  uint32_t references = 0;
  uint32_t used = 0;
  char bytes[kBytes];

  size_t free_bytes() const noexcept { return kBytes - used; }
  char *end() noexcept { return bytes + used; }
};

class ChunkRef {
public:
  ChunkRef() noexcept = default;
  explicit ChunkRef(Chunk *chunk) noexcept : chunk_(chunk) { chunk_->references++; }
  ChunkRef(const ChunkRef &other) noexcept : chunk_(other.chunk_) {
    if (chunk_) chunk_->references++;
  }
  ChunkRef(ChunkRef &&other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef &operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef();
  explicit operator bool() const noexcept { return chunk_ != nullptr; }
  Chunk *operator->() const noexcept { return chunk_; }
  bool unique() const noexcept { return chunk_->references == 1; }

private:
  Chunk *chunk_ = nullptr;
};

class ChunkPool {
public:
  ChunkPool() { free_.reserve(kKept); }
  ChunkPool(const ChunkPool &) = delete;
  ChunkPool &operator=(const ChunkPool &) = delete;

  // An empty chunk. Throws std::bad_alloc.
  ChunkRef take();

private:
  friend class ChunkRef;
  void give_back(Chunk *chunk) noexcept;
  // As many as a burst leaves behind for the next one; the rest goes back to the system.
  static constexpr size_t kKept = 64;
  std::vector<std::unique_ptr<Chunk>> free_;
};

inline ChunkRef::~ChunkRef() {
  if (chunk_ && --chunk_->references == 0) chunk_->pool->give_back(chunk_);
}

inline ChunkRef ChunkPool::take() {
  std::unique_ptr<Chunk> chunk;
  if (free_.empty()) {
    chunk.reset(new Chunk);
    chunk->pool = this;
  } else {
    chunk = std::move(free_.back());
    free_.pop_back();
  }
  chunk->used = 0;
  return ChunkRef(chunk.release());
}

inline void ChunkPool::give_back(Chunk *chunk) noexcept {
  std::unique_ptr<Chunk> owned(chunk);
  if (free_.size() < kKept) free_.push_back(std::move(owned));
}

} // namespace socketpoll
