#include "net/buffer/buffer_pool.hpp"

#include <algorithm>
#include <memory>

namespace socketpoll {

// Keeps its pool alive while it is in use. Of a free one the pool holds the only reference.
class BufferPool::PooledBlock final : public Block, public Linked<FreeBlockTag> {
public:
  static PooledBlock *create(int64_t size) { return new (Room{size}) PooledBlock(size); }
  Ref<Block> hand_out(BufferPool &pool) noexcept {
    pool_ = Ref<BufferPool>::share(pool);
    return Ref<Block>::adopt(this);
  }
  void destroy() noexcept override {
    retain();
    const Ref<BufferPool> pool = std::move(pool_);
    pool->give_back(*this);
  }

private:
  explicit PooledBlock(int64_t size) noexcept : Block(behind(), behind(), size) {}
  char *behind() noexcept { return reinterpret_cast<char *>(this + 1); }
  Ref<BufferPool> pool_;
};

Result<Ref<BufferPool>> BufferPool::create(int64_t size, int64_t count) {
  if (size < 1 || size > SOCKET_BUF_MAX || count < 1) return Error{SOCKET_EINVAL};
  return Ref<BufferPool>::adopt(new BufferPool(size, count));
}

Result<Ref<Block>> BufferPool::take() {
  std::lock_guard lock(mutex_);
  if (in_use_ == count_) {
    refused_++;
    return Error{SOCKET_ENOBUFS};
  }
  PooledBlock *block = free_.pop_front();
  if (!block) {
    block = PooledBlock::create(size_);
    allocated_++;
  }
  taken_++;
  high_ = std::max(high_, ++in_use_);
  return block->hand_out(*this);
}

void BufferPool::give_back(PooledBlock &block) noexcept {
  std::unique_ptr<PooledBlock> unwanted; // freed after the lock
  std::lock_guard lock(mutex_);
  in_use_--;
  if (!closed_) return free_.push_front(block);
  allocated_--;
  unwanted.reset(&block);
}

int64_t BufferPool::trim() noexcept {
  List<PooledBlock, FreeBlockTag> unwanted;
  {
    std::lock_guard lock(mutex_);
    unwanted.splice(free_);
    allocated_ = in_use_;
  }
  int64_t bytes = 0;
  while (PooledBlock *block = unwanted.pop_front()) {
    const std::unique_ptr<PooledBlock> owned(block);
    bytes += size_;
  }
  return bytes;
}

void BufferPool::close() noexcept {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  trim();
}

Result<int64_t> BufferPool::stat(int which) noexcept {
  std::lock_guard lock(mutex_);
  switch (which) {
  case SOCKET_BUF_POOL_SIZE: return size_;
  case SOCKET_BUF_POOL_COUNT: return count_;
  case SOCKET_BUF_POOL_IN_USE: return in_use_;
  case SOCKET_BUF_POOL_HIGH: return high_;
  case SOCKET_BUF_POOL_ALLOCATED: return allocated_;
  case SOCKET_BUF_POOL_TAKEN: return taken_;
  case SOCKET_BUF_POOL_REFUSED: return refused_;
  default: return Error{SOCKET_EINVAL};
  }
}

} // namespace socketpoll
