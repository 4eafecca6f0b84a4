// Bytes with a read and a write position, on a block that several buffers may share.
//
// Who may write where. Bytes of a block are written once while it is shared, and only behind the
// `end_` of its one owner: the buffer that the block was made for, or that found itself its only
// user. A slice covers bytes before that `end_`, and `end_` never goes back while anybody shares
// the block; so what is added to one buffer changes nothing that another one reads, without a copy
// and without a lock.
//
// One thread at a time, which Turn checks. What needs no handle uses the class as it is.
#pragma once

#include "base/handle_table.hpp"
#include "net/buffer/buffer_pool.hpp"

#include <atomic>
#include <span>

namespace socketpoll {

class BufferHold;

class Buffer final : public Shared {
public:
  static constexpr HandleKind kHandleKind = HandleKind::buffer;

  // All may throw std::bad_alloc.
  static Result<Ref<Buffer>> create(int64_t capacity);
  static Ref<Buffer> on(Ref<Block> block, int64_t readable);
  static Result<Ref<Buffer>> from(BufferPool &pool);
  void destroy() noexcept { delete this; }

  // The calling thread's turn to use the buffer; false while somebody else has it.
  class Turn {
  public:
    explicit Turn(Buffer &buffer) noexcept
        : buffer_(buffer), mine_(!buffer.in_use_.exchange(true, std::memory_order_acquire)) {}
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;
    ~Turn() {
      if (mine_) buffer_.in_use_.store(false, std::memory_order_release);
    }
    explicit operator bool() const noexcept { return mine_; }

  private:
    Buffer &buffer_;
    const bool mine_;
  };

  std::span<const char> readable() const noexcept {
    return {data(), static_cast<size_t>(end_ - begin_)};
  }
  int64_t size() const noexcept { return end_ - begin_; }
  int64_t writable() noexcept { return own_block() ? block_->capacity() - end_ : 0; }
  int64_t capacity() const noexcept { return block_ ? block_->capacity() : 0; }
  int64_t limit() const noexcept { return limit_; }
  Status set_limit(int64_t bytes) noexcept;
  Result<Ref<Buffer>> slice(int64_t offset, int64_t length) const;

  // Adding; may throw std::bad_alloc and has then changed nothing.
  Result<char *> reserve(int64_t length);
  Status commit(int64_t length) noexcept;
  Status write(std::span<const char> bytes);

  // Looking and taking. take() hands out exactly `length` bytes, or gives SOCKET_EAGAIN.
  int64_t peek(int64_t offset, std::span<char> into) const noexcept;
  Result<int64_t> find(std::span<const char> bytes, int64_t from) const noexcept;
  Result<int64_t> read(std::span<char> into) noexcept;
  Result<const char *> take(int64_t length) noexcept;
  Status rewind(int64_t length) noexcept;

  Status clear() noexcept;
  Status compact();

  // For an operation that fills the room, of `at_least` (1 or more) bytes, or sends what is
  // readable. SOCKET_EBUSY while another one does the same. May throw std::bad_alloc. These two and
  // BufferHold take their own turn: call them outside of any.
  Result<BufferHold> hold_room(int64_t at_least);
  Result<BufferHold> hold_readable() noexcept;

private:
  friend class BufferHold;
  Buffer() noexcept = default;

  const char *data() const noexcept;
  bool own_block() noexcept;
  Status make_room(int64_t length);
  Status move_to(int64_t capacity);
  void move_to_front() noexcept;
  void forget_block() noexcept;

  std::atomic<bool> in_use_{false};
  bool owner_ = false;    // see above
  bool filling_ = false;  // an operation writes behind end_
  bool draining_ = false; // an operation reads from begin_ on
  Ref<Block> block_;
  Ref<BufferPool> pool_; // where further blocks come from
  int64_t origin_ = 0;   // what lies between here and begin_ was taken, and can be rewound to
  int64_t begin_ = 0;
  int64_t end_ = 0;
  int64_t limit_ = SOCKET_BUF_LIMIT;
};

// What an operation holds of a buffer: its memory stays, and stays where it is, whatever becomes of
// the buffer meanwhile. Ends with commit() or with the object; the thread does not matter.
class BufferHold {
public:
  BufferHold() noexcept = default;
  BufferHold(BufferHold &&) noexcept = default;
  BufferHold &operator=(BufferHold &&other) noexcept;
  ~BufferHold() { end(0); }
  explicit operator bool() const noexcept { return static_cast<bool>(buffer_); }

  // Of hold_room: where to write.
  std::span<char> room() const noexcept { return {room_, room_ ? length_ : 0}; }
  // Of hold_readable: what to send.
  std::span<const char> bytes() const noexcept { return {bytes_, bytes_ ? length_ : 0}; }

  // The first `length` bytes of the room are readable now, or those of the bytes are taken.
  void commit(int64_t length) noexcept { end(length); }

private:
  friend class Buffer;
  BufferHold(Buffer &buffer, Ref<Block> block, const char *bytes, char *room,
             int64_t length) noexcept
      : buffer_(Ref<Buffer>::share(buffer)), block_(std::move(block)), bytes_(bytes), room_(room),
        length_(static_cast<size_t>(length)) {}
  void end(int64_t length) noexcept;

  Ref<Buffer> buffer_;
  Ref<Block> block_; // of bytes: the buffer may grow into another one
  const char *bytes_ = nullptr;
  char *room_ = nullptr; // null: holds what is readable
  size_t length_ = 0;
};

} // namespace socketpoll
