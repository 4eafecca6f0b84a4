// extern "C" functions of SocketBuf.h for buffers.
#include "net/buffer/buf_handle.hpp"
#include "net/buffer/network_order.hpp"
#include "net/object_c.hpp"

using namespace socketpoll;

namespace {

template <class Number> int put(SocketBuf_T buf, Number value) noexcept {
  return with_buffer(buf, [&](Buffer &self) {
    char bytes[sizeof value];
    store_network(bytes, value);
    return self.write(bytes);
  });
}

// Wider than what it holds, so that errors have room.
template <class Number, class Wide> Wide get(SocketBuf_T buf) noexcept {
  return with_buffer(buf, [](Buffer &self) -> Result<Wide> {
    auto bytes = self.take(sizeof(Number));
    if (!bytes.ok()) return bytes.error();
    return static_cast<Wide>(load_network<Number>(*bytes));
  });
}

// A pointer into the buffer, or null.
template <class Body> char *pointer_into(SocketBuf_T buf, Body &&body) noexcept {
  char *pointer = nullptr;
  with_buffer(buf, [&](Buffer &self) -> Status {
    Result<char *> found = body(self);
    if (!found.ok()) return found.error();
    pointer = *found;
    return {};
  });
  return pointer;
}

} // namespace

SocketBuf_T SocketBuf_new(int64_t capacity) {
  return guarded_new<SocketBuf_T>([&]() -> Result<HandleWord> {
    auto buffer = Buffer::create(capacity);
    if (!buffer.ok()) return buffer.error();
    return publish(buffer.take());
  });
}

SocketBuf_T SocketBuf_new_ref(const void *data, int64_t length, SocketRelease_T release,
                              void *user) {
  return guarded_new<SocketBuf_T>([&]() -> Result<HandleWord> {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    const Ref<BorrowedBlock> block = BorrowedBlock::create(data, length);
    auto handle = publish(Buffer::on(Ref<BorrowedBlock>(block), length));
    if (handle.ok()) block->set_release(release, user);
    return handle;
  });
}

SocketBuf_T SocketBuf_slice(SocketBuf_T buf, int64_t offset, int64_t length) {
  return new_from_pinned<Buffer, SocketBuf_T>(buf, [&](Buffer &self) -> Result<HandleWord> {
    const Buffer::Turn turn(self);
    if (!turn) return Error{SOCKET_EBUSY};
    auto slice = self.slice(offset, length);
    if (!slice.ok()) return slice.error();
    return publish(slice.take());
  });
}

void SocketBuf_free(SocketBuf_T *buf) {
  free_pinned<Buffer>(buf, [](Buffer &) {});
}

const void *SocketBuf_get_data(SocketBuf_T buf) {
  return pointer_into(buf, [](Buffer &self) -> Result<char *> {
    return const_cast<char *>(self.readable().data());
  });
}

int64_t SocketBuf_get_readable(SocketBuf_T buf) {
  return with_buffer(buf, [](Buffer &self) -> Result<int64_t> { return self.size(); });
}

int64_t SocketBuf_get_writable(SocketBuf_T buf) {
  return with_buffer(buf, [](Buffer &self) -> Result<int64_t> { return self.writable(); });
}

int64_t SocketBuf_get_capacity(SocketBuf_T buf) {
  return with_buffer(buf, [](Buffer &self) -> Result<int64_t> { return self.capacity(); });
}

int SocketBuf_set_limit(SocketBuf_T buf, int64_t bytes) {
  return with_buffer(buf, [&](Buffer &self) { return self.set_limit(bytes); });
}

int64_t SocketBuf_get_limit(SocketBuf_T buf) {
  return with_buffer(buf, [](Buffer &self) -> Result<int64_t> { return self.limit(); });
}

void *SocketBuf_reserve(SocketBuf_T buf, int64_t length) {
  return pointer_into(buf, [&](Buffer &self) { return self.reserve(length); });
}

int SocketBuf_commit(SocketBuf_T buf, int64_t length) {
  return with_buffer(buf, [&](Buffer &self) { return self.commit(length); });
}

int SocketBuf_write(SocketBuf_T buf, const void *data, int64_t length) {
  return with_buffer(buf, [&](Buffer &self) -> Status {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    return self.write(bytes_of(data, length));
  });
}

int SocketBuf_put_u8(SocketBuf_T buf, uint8_t value) { return put(buf, value); }
int SocketBuf_put_u16(SocketBuf_T buf, uint16_t value) { return put(buf, value); }
int SocketBuf_put_u32(SocketBuf_T buf, uint32_t value) { return put(buf, value); }
int SocketBuf_put_u64(SocketBuf_T buf, uint64_t value) { return put(buf, value); }

int64_t SocketBuf_peek(SocketBuf_T buf, int64_t offset, void *into, int64_t capacity) {
  return with_buffer(buf, [&](Buffer &self) -> Result<int64_t> {
    if (offset < 0 || !valid_bytes(into, capacity)) return Error{SOCKET_EINVAL};
    return self.peek(offset, {static_cast<char *>(into), static_cast<size_t>(capacity)});
  });
}

int64_t SocketBuf_find(SocketBuf_T buf, const void *data, int64_t length, int64_t from) {
  return with_buffer(buf, [&](Buffer &self) -> Result<int64_t> {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    return self.find(bytes_of(data, length), from);
  });
}

int64_t SocketBuf_read(SocketBuf_T buf, void *into, int64_t capacity) {
  return with_buffer(buf, [&](Buffer &self) -> Result<int64_t> {
    if (!valid_bytes(into, capacity)) return Error{SOCKET_EINVAL};
    return self.read({static_cast<char *>(into), static_cast<size_t>(capacity)});
  });
}

int SocketBuf_consume(SocketBuf_T buf, int64_t length) {
  return with_buffer(buf, [&](Buffer &self) -> Status {
    auto taken = self.take(length);
    return taken.ok() ? Status() : Status(taken.error());
  });
}

int SocketBuf_rewind(SocketBuf_T buf, int64_t length) {
  return with_buffer(buf, [&](Buffer &self) { return self.rewind(length); });
}

int SocketBuf_get_u8(SocketBuf_T buf) { return get<uint8_t, int>(buf); }
int SocketBuf_get_u16(SocketBuf_T buf) { return get<uint16_t, int>(buf); }
int64_t SocketBuf_get_u32(SocketBuf_T buf) { return get<uint32_t, int64_t>(buf); }

int SocketBuf_get_u64(SocketBuf_T buf, uint64_t *value) {
  return with_buffer(buf, [&](Buffer &self) -> Status {
    if (!value) return Error{SOCKET_EINVAL};
    auto bytes = self.take(sizeof *value);
    if (!bytes.ok()) return bytes.error();
    *value = load_network<uint64_t>(*bytes);
    return {};
  });
}

int SocketBuf_clear(SocketBuf_T buf) {
  return with_buffer(buf, [](Buffer &self) { return self.clear(); });
}

int SocketBuf_compact(SocketBuf_T buf) {
  return with_buffer(buf, [](Buffer &self) { return self.compact(); });
}
