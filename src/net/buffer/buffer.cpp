#include "net/buffer/buffer.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <thread>

namespace socketpoll {

namespace {
constexpr int64_t kLeast = 64;   // bytes of the first block of a buffer that was made without one
constexpr char kNothing[1] = {}; // where the bytes of a buffer without memory lie

// Both may be null where there is nothing to move, and may overlap.
void move_bytes(char *to, const char *from, size_t length) noexcept {
  if (length > 0) std::memmove(to, from, length);
}
} // namespace

// ---- Making

Result<Ref<Buffer>> Buffer::create(int64_t capacity) {
  if (capacity < 0 || capacity > SOCKET_BUF_MAX) return Error{SOCKET_EINVAL};
  auto buffer = Ref<Buffer>::adopt(new Buffer);
  if (capacity > 0) {
    buffer->block_ = HeapBlock::create(capacity);
    buffer->owner_ = true;
  }
  buffer->limit_ = std::max(buffer->limit_, capacity);
  return buffer;
}

Ref<Buffer> Buffer::on(Ref<Block> block, int64_t readable) {
  auto buffer = Ref<Buffer>::adopt(new Buffer);
  buffer->block_ = std::move(block);
  buffer->end_ = readable;
  return buffer;
}

Result<Ref<Buffer>> Buffer::from(BufferPool &pool) {
  auto buffer = Ref<Buffer>::adopt(new Buffer);
  auto block = pool.take();
  if (!block.ok()) return block.error();
  buffer->block_ = block.take();
  buffer->owner_ = true;
  buffer->pool_ = Ref<BufferPool>::share(pool);
  buffer->limit_ = pool.block_size();
  return buffer;
}

Result<Ref<Buffer>> Buffer::slice(int64_t offset, int64_t length) const {
  if (offset < 0 || length < 0) return Error{SOCKET_EINVAL};
  if (offset > size() || length > size() - offset) return Error{SOCKET_EAGAIN};
  auto slice = Ref<Buffer>::adopt(new Buffer);
  if (length > 0) {
    slice->block_ = block_;
    slice->origin_ = slice->begin_ = begin_ + offset;
    slice->end_ = slice->begin_ + length;
  }
  slice->pool_ = pool_;
  slice->limit_ = limit_;
  return slice;
}

Status Buffer::set_limit(int64_t bytes) noexcept {
  if (bytes < 0 || bytes > SOCKET_BUF_MAX) return Error{SOCKET_EINVAL};
  limit_ = bytes;
  return {};
}

// ---- The block

const char *Buffer::data() const noexcept {
  return block_ && block_->bytes() ? block_->bytes() + begin_ : kNothing;
}

// Whether this buffer may write behind end_.
bool Buffer::own_block() noexcept {
  if (!owner_ && block_ && block_->room() && block_->unique()) owner_ = true;
  return owner_;
}

void Buffer::move_to_front() noexcept {
  const int64_t kept = size();
  move_bytes(block_->room(), data(), static_cast<size_t>(kept));
  origin_ = begin_ = 0;
  end_ = kept;
}

Status Buffer::move_to(int64_t capacity) {
  Ref<Block> fresh;
  if (pool_ && capacity <= pool_->block_size()) {
    auto taken = pool_->take();
    if (!taken.ok()) return taken.error();
    fresh = taken.take();
  } else {
    fresh = HeapBlock::create(capacity);
  }
  const std::span<const char> kept = readable();
  move_bytes(fresh->room(), kept.data(), kept.size());
  const Ref<Block> old = std::exchange(block_, std::move(fresh));
  owner_ = true;
  origin_ = begin_ = 0;
  end_ = static_cast<int64_t>(kept.size());
  return {};
}

void Buffer::forget_block() noexcept {
  const Ref<Block> old = std::move(block_);
  owner_ = false;
  origin_ = begin_ = end_ = 0;
}

// ---- Adding

Status Buffer::make_room(int64_t length) {
  if (filling_) return Error{SOCKET_EBUSY};
  const int64_t kept = size();
  const bool alone = own_block() && block_->unique();
  if (alone && kept == 0) move_to_front();
  if (owner_ && length <= block_->capacity() - end_) return {};
  const bool fits = alone && length <= block_->capacity() - kept;
  if (fits && (begin_ >= kept || block_->capacity() >= limit_)) {
    move_to_front();
    return {};
  }
  if (kept > limit_ || length > limit_ - kept) return Error{SOCKET_ELIMIT};
  const int64_t needed = kept + length;
  int64_t target = owner_ ? block_->capacity() : kept;
  if (fits || needed > target) target = std::max({needed, 2 * target, kLeast});
  return move_to(std::min(target, limit_));
}

Result<char *> Buffer::reserve(int64_t length) {
  if (length < 1) return Error{SOCKET_EINVAL};
  if (const Status made = make_room(length); !made.ok()) return made.error();
  return block_->room() + end_;
}

Status Buffer::commit(int64_t length) noexcept {
  if (filling_) return Error{SOCKET_EBUSY};
  if (length < 0 || length > writable()) return Error{SOCKET_EINVAL};
  end_ += length;
  return {};
}

Status Buffer::write(std::span<const char> bytes) {
  if (bytes.empty()) return filling_ ? Status(Error{SOCKET_EBUSY}) : Status();
  // A buffer's own bytes stay where they are while they are copied: nothing moves inside of a block
  // that somebody else refers to.
  const auto distance = reinterpret_cast<uintptr_t>(bytes.data()) -
                        reinterpret_cast<uintptr_t>(block_ ? block_->bytes() : nullptr);
  Ref<Block> source;
  if (block_ && distance < static_cast<uint64_t>(block_->capacity())) source = block_;
  const auto length = static_cast<int64_t>(bytes.size());
  if (const Status made = make_room(length); !made.ok()) return made;
  move_bytes(block_->room() + end_, bytes.data(), bytes.size());
  end_ += length;
  return {};
}

// ---- Looking and taking

int64_t Buffer::peek(int64_t offset, std::span<char> into) const noexcept {
  if (offset >= size()) return 0;
  const auto there = readable().subspan(static_cast<size_t>(offset));
  const size_t length = std::min(there.size(), into.size());
  move_bytes(into.data(), there.data(), length);
  return static_cast<int64_t>(length);
}

Result<int64_t> Buffer::find(std::span<const char> bytes, int64_t from) const noexcept {
  if (bytes.empty() || from < 0) return Error{SOCKET_EINVAL};
  const std::span<const char> there = readable();
  const auto at = std::string_view(there.data(), there.size())
                      .find(std::string_view(bytes.data(), bytes.size()),
                            static_cast<size_t>(std::min(from, size())));
  if (at == std::string_view::npos) return Error{SOCKET_ENOENT};
  return static_cast<int64_t>(at);
}

Result<int64_t> Buffer::read(std::span<char> into) noexcept {
  if (draining_) return Error{SOCKET_EBUSY};
  const int64_t length = peek(0, into);
  begin_ += length;
  return length;
}

Result<const char *> Buffer::take(int64_t length) noexcept {
  if (draining_) return Error{SOCKET_EBUSY};
  if (length < 0) return Error{SOCKET_EINVAL};
  if (length > size()) return Error{SOCKET_EAGAIN};
  const char *bytes = data();
  begin_ += length;
  return bytes;
}

Status Buffer::rewind(int64_t length) noexcept {
  if (draining_) return Error{SOCKET_EBUSY};
  if (length < 0 || length > begin_ - origin_) return Error{SOCKET_EINVAL};
  begin_ -= length;
  return {};
}

// ---- Moving

Status Buffer::clear() noexcept {
  if (filling_ || draining_) return Error{SOCKET_EBUSY};
  if (!own_block()) {
    forget_block();
    return {};
  }
  begin_ = end_;
  if (block_->unique()) move_to_front();
  origin_ = begin_;
  return {};
}

Status Buffer::compact() {
  if (filling_ || draining_) return Error{SOCKET_EBUSY};
  if (own_block() && block_->unique()) {
    move_to_front();
    return {};
  }
  if (size() == 0) {
    forget_block();
    return {};
  }
  if (size() > limit_) return Error{SOCKET_ELIMIT};
  return move_to(size());
}

// ---- Holding

Result<BufferHold> Buffer::hold_room(int64_t at_least) {
  const Turn turn(*this);
  if (!turn) return Error{SOCKET_EBUSY};
  auto room = reserve(at_least);
  if (!room.ok()) return room.error();
  filling_ = true;
  return BufferHold(*this, {}, nullptr, *room, writable());
}

Result<BufferHold> Buffer::hold_readable() noexcept {
  const Turn turn(*this);
  if (!turn || draining_) return Error{SOCKET_EBUSY};
  draining_ = true;
  return BufferHold(*this, block_, data(), nullptr, size());
}

BufferHold &BufferHold::operator=(BufferHold &&other) noexcept {
  end(0);
  buffer_ = std::move(other.buffer_);
  block_ = std::move(other.block_);
  bytes_ = other.bytes_;
  room_ = other.room_;
  length_ = other.length_;
  return *this;
}

void BufferHold::end(int64_t length) noexcept {
  if (!buffer_) return;
  // Let go of after the turn: a release callback may come of it.
  const Ref<Block> block = std::move(block_);
  const Ref<Buffer> buffer = std::move(buffer_);
  for (;; std::this_thread::yield()) {
    const Buffer::Turn turn(*buffer);
    if (!turn) continue; // a call in another thread, which ends on its own
    if (room_) {
      buffer->filling_ = false;
      buffer->end_ += length;
    } else {
      buffer->draining_ = false;
      buffer->begin_ += length;
    }
    return;
  }
}

} // namespace socketpoll
