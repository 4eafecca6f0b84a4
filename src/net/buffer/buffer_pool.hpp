// A bounded number of blocks of one size, for any number of threads. Lives until its handle, every
// block that it handed out and every buffer that may ask it for another are gone.
#pragma once

#include "base/handle_table.hpp"
#include "base/list.hpp"
#include "net/buffer/block.hpp"

#include "SocketBuf.h"

#include <mutex>

namespace socketpoll {

struct FreeBlockTag;

class BufferPool final : public Shared {
public:
  static constexpr HandleKind kHandleKind = HandleKind::buffer_pool;

  // SOCKET_EINVAL; throws std::bad_alloc.
  static Result<Ref<BufferPool>> create(int64_t size, int64_t count);
  void destroy() noexcept { delete this; }
  ~BufferPool() { trim(); }

  int64_t block_size() const noexcept { return size_; }
  // SOCKET_ENOBUFS; throws std::bad_alloc.
  Result<Ref<Block>> take();
  // How many bytes went back to the system.
  int64_t trim() noexcept;
  // Keeps no free block from here on: hardly anybody is left to ask for one.
  void close() noexcept;
  Result<int64_t> stat(int which) noexcept;

private:
  class PooledBlock;
  BufferPool(int64_t size, int64_t count) noexcept : size_(size), count_(count) {}
  void give_back(PooledBlock &block) noexcept;

  const int64_t size_;
  const int64_t count_;
  std::mutex mutex_; // guards all below
  // The one that came back last goes first: its bytes are still in the cache.
  List<PooledBlock, FreeBlockTag> free_;
  bool closed_ = false;
  int64_t in_use_ = 0;
  int64_t high_ = 0;
  int64_t allocated_ = 0;
  int64_t taken_ = 0;
  int64_t refused_ = 0;
};

} // namespace socketpoll
