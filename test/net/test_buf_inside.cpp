// What operations hold of a buffer: that its bytes stay, and stay where they are, whatever the
// program does meanwhile.
#include "cmocka_cpp.hpp"

#include "net/buffer/buf_handle.hpp"
#include "net/buffer/network_order.hpp"

#include <cstring>
#include <string_view>
#include <thread>

using namespace socketpoll;

namespace {

void expect_readable(SocketBuf_T buf, std::string_view text) {
  assert_int_equal(SocketBuf_get_readable(buf), text.size());
  assert_memory_equal(SocketBuf_get_data(buf), text.data(), text.size());
}

SocketBuf_T buf_of(int64_t capacity, std::string_view text) {
  SocketBuf_T buf = SocketBuf_new(capacity);
  assert_int_equal(SocketBuf_write(buf, text.data(), static_cast<int64_t>(text.size())), 0);
  return buf;
}

std::string_view text_of(const BufferHold &hold) {
  return {hold.bytes().data(), hold.bytes().size()};
}

void nobody_adds_while_an_operation_fills(void **) {
  SocketBuf_T buf = buf_of(32, "..head");
  assert_int_equal(SocketBuf_consume(buf, 2), 0);
  {
    auto hold = hold_room(buf, 8);
    assert_true(hold.ok() && *hold);
    assert_int_equal(hold->room().size(), 26);
    assert_int_equal(hold_room(buf, 1).code(), SOCKET_EBUSY);
    assert_null(SocketBuf_reserve(buf, 1));
    assert_int_equal(Socket_last_error(), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_commit(buf, 0), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_write(buf, "x", 1), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_write(buf, nullptr, 0), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_put_u64(buf, 1), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_clear(buf), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_compact(buf), SOCKET_EBUSY);
    // All else goes on.
    SocketBuf_T slice = SocketBuf_slice(buf, 1, 2);
    expect_readable(slice, "ea");
    assert_int_equal(SocketBuf_get_u8(buf), 'h');
    assert_int_equal(SocketBuf_rewind(buf, 2), 0);
    assert_int_equal(SocketBuf_consume(buf, 1), 0);
    std::memcpy(hold->room().data(), "tail", 4);
    expect_readable(buf, "head");
    hold->commit(4);
    assert_false(bool(*hold));
    expect_readable(buf, "headtail");
    expect_readable(slice, "ea");
    SocketBuf_free(&slice);
  }
  assert_int_equal(SocketBuf_write(buf, "!", 1), 0);
  expect_readable(buf, "headtail!");
  SocketBuf_free(&buf);
}

void nobody_takes_while_an_operation_sends(void **) {
  SocketBuf_T buf = buf_of(8, ".bytes");
  char into[4];
  uint64_t wide;
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  auto hold = hold_readable(buf);
  assert_true(text_of(*hold) == "bytes");
  assert_int_equal(hold_readable(buf).code(), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_read(buf, into, 1), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_consume(buf, 1), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_rewind(buf, 1), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_get_u8(buf), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_get_u64(buf, &wide), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_clear(buf), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_compact(buf), SOCKET_EBUSY);
  assert_int_equal(SocketBuf_peek(buf, 0, into, 4), 4);
  assert_int_equal(SocketBuf_find(buf, "t", 1, 0), 2);
  // More comes, even to another block.
  assert_int_equal(SocketBuf_write(buf, " that follow", 12), 0);
  assert_true(text_of(*hold) == "bytes");
  assert_ptr_not_equal(hold->bytes().data(), SocketBuf_get_data(buf));
  hold->commit(3);
  expect_readable(buf, "es that follow");
  // Canceled before anything went.
  {
    auto canceled = hold_readable(buf);
    assert_true(text_of(*canceled) == "es that follow");
  }
  expect_readable(buf, "es that follow");
  assert_int_equal(SocketBuf_consume(buf, 14), 0);
  hold = hold_readable(buf);
  assert_int_equal(hold->bytes().size(), 0);
  hold->commit(0);
  SocketBuf_free(&buf);
}

// A proxy: one operation fills the buffer while another one sends from it.
void both_at_once(void **) {
  SocketBuf_T buf = buf_of(16, "first");
  auto sending = hold_readable(buf);
  auto filling = hold_room(buf, 6);
  std::memcpy(filling->room().data(), "second", 6);
  filling->commit(6);
  assert_true(text_of(*sending) == "first");
  sending->commit(5);
  expect_readable(buf, "second");
  // What is sent is not overwritten by what comes, even where it fills the block.
  sending = hold_readable(buf);
  filling = hold_room(buf, 16);
  std::memset(filling->room().data(), 'x', 16);
  assert_true(text_of(*sending) == "second");
  sending->commit(6);
  filling->commit(1);
  expect_readable(buf, "x");
  SocketBuf_free(&buf);
}

void a_freed_buffer_stays_for_its_operations(void **) {
  SocketBufPool_T pool = SocketBufPool_new(16, 1);
  SocketBuf_T buf = SocketBufPool_take(pool);
  assert_int_equal(SocketBuf_write(buf, "bytes", 5), 0);
  auto sending = hold_readable(buf);
  auto filling = hold_room(buf, 1);
  SocketBuf_free(&buf);
  assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_IN_USE), 1);
  assert_true(text_of(*sending) == "bytes");
  std::memset(filling->room().data(), 'x', filling->room().size());
  filling->commit(2);
  assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_IN_USE), 1);
  std::thread([&] { sending->commit(5); }).join();
  assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_IN_USE), 0);
  SocketBufPool_free(&pool);
}

void what_cannot_be_held_says_why(void **) {
  SocketBuf_T buf = buf_of(4, "full");
  assert_int_equal(SocketBuf_set_limit(buf, 4), 0);
  assert_int_equal(hold_room(buf, 1).code(), SOCKET_ELIMIT);
  assert_int_equal(hold_room(buf, 0).code(), SOCKET_EINVAL);
  assert_int_equal(hold_room(nullptr, 1).code(), SOCKET_EBADHANDLE);
  assert_int_equal(hold_readable(nullptr).code(), SOCKET_EBADHANDLE);
  // Somebody else's turn.
  const int code = with_buffer(buf, [&](Buffer &) -> Status {
    assert_int_equal(hold_room(buf, 1).code(), SOCKET_EBUSY);
    assert_int_equal(hold_readable(buf).code(), SOCKET_EBUSY);
    assert_null(SocketBuf_slice(buf, 0, 1));
    assert_int_equal(Socket_last_error(), SOCKET_EBUSY);
    assert_null(SocketBuf_get_data(buf));
    assert_int_equal(Socket_last_error(), SOCKET_EBUSY);
    assert_int_equal(SocketBuf_get_readable(buf), SOCKET_EBUSY);
    return {};
  });
  assert_int_equal(code, 0);
  assert_int_equal(SocketBuf_consume(buf, 2), 0);
  auto hold = hold_room(buf, 2);
  assert_int_equal(hold->room().size(), 2);
  BufferHold moved = hold.take();
  moved = BufferHold();
  assert_int_equal(SocketBuf_write(buf, "+", 1), 0);
  expect_readable(buf, "ll+");
  SocketBuf_free(&buf);
}

// Operations end in the loop's thread while another one uses the buffer.
void an_end_waits_for_its_turn(void **) {
  SocketBuf_T buf = SocketBuf_new(64);
  int64_t wrong = 0;
  std::thread loop([&] {
    for (int i = 0; i < 20000;) {
      auto hold = hold_room(buf, 1);
      if (!hold.ok()) {
        wrong += hold.code() != SOCKET_EBUSY;
        continue;
      }
      hold->room()[0] = 'x';
      hold->commit(1);
      i++;
    }
  });
  for (int64_t got = 0; got < 20000;) {
    const int byte = SocketBuf_get_u8(buf);
    if (byte == 'x')
      got++;
    else if (byte == SOCKET_EAGAIN)
      std::this_thread::yield();
    else
      wrong += byte != SOCKET_EBUSY;
  }
  loop.join();
  assert_int_equal(wrong, 0);
  assert_int_equal(SocketBuf_get_readable(buf), 0);
  SocketBuf_free(&buf);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nobody_adds_while_an_operation_fills),
      cmocka_unit_test(nobody_takes_while_an_operation_sends),
      cmocka_unit_test(both_at_once),
      cmocka_unit_test(a_freed_buffer_stays_for_its_operations),
      cmocka_unit_test(what_cannot_be_held_says_why),
      cmocka_unit_test(an_end_waits_for_its_turn),
  };
  return cmocka_run_group_tests_name("buffers inside", tests, nullptr, nullptr);
}
