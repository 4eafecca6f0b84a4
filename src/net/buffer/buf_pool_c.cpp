// extern "C" functions of SocketBuf.h for pools.
#include "net/buffer/buffer.hpp"
#include "net/pinned_c.hpp"

#include "SocketBuf.h"

using namespace socketpoll;

SocketBufPool_T SocketBufPool_new(int64_t size, int64_t count) {
  return guarded_new<SocketBufPool_T>([&]() -> Result<HandleWord> {
    auto pool = BufferPool::create(size, count);
    if (!pool.ok()) return pool.error();
    return publish(pool.take());
  });
}

void SocketBufPool_free(SocketBufPool_T *pool) {
  free_pinned<BufferPool>(pool, [](BufferPool &self) { self.close(); });
}

SocketBuf_T SocketBufPool_take(SocketBufPool_T pool) {
  return new_from_pinned<BufferPool, SocketBuf_T>(pool, [](BufferPool &self) -> Result<HandleWord> {
    auto buffer = Buffer::from(self);
    if (!buffer.ok()) return buffer.error();
    return publish(buffer.take());
  });
}

int64_t SocketBufPool_trim(SocketBufPool_T pool) {
  return with_pinned<BufferPool>(pool,
                                 [](BufferPool &self) -> Result<int64_t> { return self.trim(); });
}

int64_t SocketBufPool_get_stat(SocketBufPool_T pool, int which) {
  return with_pinned<BufferPool>(pool, [&](BufferPool &self) { return self.stat(which); });
}
