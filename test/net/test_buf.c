/* SocketBuf: one buffer on its own - cursors, growth, numbers, search, and every wrong argument. */
#include "cmocka_c.h"

#include "SocketBuf.h"

#include <string.h>

static const int64_t huge[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2,
                               SOCKET_BUF_MAX + INT64_C(1)};
#define FOR_HUGE(i) for (size_t i = 0; i < sizeof huge / sizeof *huge; i++)

static void expect_readable(SocketBuf_T buf, const char *text) {
  const size_t length = strlen(text);
  assert_int_equal(SocketBuf_get_readable(buf), length);
  assert_memory_equal(SocketBuf_get_data(buf), text, length);
}

static SocketBuf_T buf_of(int64_t capacity, const char *text) {
  SocketBuf_T buf = SocketBuf_new(capacity);
  assert_non_null(buf);
  assert_int_equal(SocketBuf_write(buf, text, (int64_t)strlen(text)), 0);
  return buf;
}

static void a_new_buffer_is_empty(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(100);
  assert_int_equal(SocketBuf_get_readable(buf), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 100);
  assert_int_equal(SocketBuf_get_capacity(buf), 100);
  assert_int_equal(SocketBuf_get_limit(buf), SOCKET_BUF_LIMIT);
  assert_non_null(SocketBuf_get_data(buf));
  SocketBuf_T copy = buf;
  SocketBuf_free(&buf);
  assert_null(buf);
  assert_int_equal(SocketBuf_get_readable(copy), SOCKET_EBADHANDLE);
  SocketBuf_free(&copy);
  assert_null(copy);
  SocketBuf_free(&copy);
  SocketBuf_free(NULL);

  buf = SocketBuf_new(0);
  assert_int_equal(SocketBuf_get_capacity(buf), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 0);
  assert_non_null(SocketBuf_get_data(buf));
  assert_int_equal(SocketBuf_clear(buf), 0);
  assert_int_equal(SocketBuf_compact(buf), 0);
  assert_int_equal(SocketBuf_commit(buf, 0), 0);
  assert_int_equal(SocketBuf_commit(buf, 1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_write(buf, "x", 1), 0);
  expect_readable(buf, "x");
  SocketBuf_free(&buf);

  assert_null(SocketBuf_new(-1));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  FOR_HUGE(i) {
    assert_null(SocketBuf_new(huge[i]));
    assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  }
  buf = SocketBuf_new(SOCKET_BUF_LIMIT + 1);
  assert_int_equal(SocketBuf_get_limit(buf), SOCKET_BUF_LIMIT + 1);
  SocketBuf_free(&buf);
}

static void bytes_go_in_and_come_out(void **state) {
  (void)state;
  char into[16];
  SocketBuf_T buf = buf_of(16, "hello");
  assert_int_equal(SocketBuf_write(buf, NULL, 0), 0);
  assert_int_equal(SocketBuf_write(buf, " world", 6), 0);
  expect_readable(buf, "hello world");
  assert_int_equal(SocketBuf_read(buf, into, 0), 0);
  assert_int_equal(SocketBuf_read(buf, NULL, 0), 0);
  assert_int_equal(SocketBuf_read(buf, into, 6), 6);
  assert_memory_equal(into, "hello ", 6);
  expect_readable(buf, "world");
  assert_int_equal(SocketBuf_read(buf, into, sizeof into), 5);
  assert_memory_equal(into, "world", 5);
  assert_int_equal(SocketBuf_read(buf, into, sizeof into), 0);
  assert_int_equal(SocketBuf_read(buf, into, -1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_read(buf, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_write(buf, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_write(buf, "x", -1), SOCKET_EINVAL);
  FOR_HUGE(i) {
    assert_int_equal(SocketBuf_write(buf, "x", huge[i]), SOCKET_ELIMIT);
    assert_int_equal(SocketBuf_write(buf, NULL, huge[i]), SOCKET_EINVAL);
  }
  expect_readable(buf, "");
  SocketBuf_free(&buf);
}

static void room_is_reserved_and_committed(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(8);
  char *room = SocketBuf_reserve(buf, 8);
  memcpy(room, "abcdefgh", 8);
  assert_int_equal(SocketBuf_get_readable(buf), 0);
  assert_int_equal(SocketBuf_commit(buf, 3), 0);
  expect_readable(buf, "abc");
  assert_ptr_equal(SocketBuf_reserve(buf, 5), room + 3);
  assert_int_equal(SocketBuf_commit(buf, 6), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_commit(buf, -1), SOCKET_EINVAL);
  FOR_HUGE(i) {
    assert_int_equal(SocketBuf_commit(buf, huge[i]), SOCKET_EINVAL);
    assert_null(SocketBuf_reserve(buf, huge[i]));
    assert_int_equal(Socket_last_error(), SOCKET_ELIMIT);
  }
  for (int64_t none = -1; none <= 0; none++) {
    assert_null(SocketBuf_reserve(buf, none));
    assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  }
  assert_int_equal(SocketBuf_commit(buf, 5), 0);
  expect_readable(buf, "abcdefgh");
  assert_int_equal(SocketBuf_get_writable(buf), 0);
  /* Growing keeps what is readable. */
  memcpy(SocketBuf_reserve(buf, 1), "i", 1);
  assert_int_equal(SocketBuf_commit(buf, 1), 0);
  expect_readable(buf, "abcdefghi");
  SocketBuf_free(&buf);
}

static void what_was_taken_can_be_rewound(void **state) {
  (void)state;
  char into[8];
  SocketBuf_T buf = buf_of(8, "abcdef");
  assert_int_equal(SocketBuf_rewind(buf, 0), 0);
  assert_int_equal(SocketBuf_rewind(buf, 1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_consume(buf, 2), 0);
  assert_int_equal(SocketBuf_read(buf, into, 4), 4);
  assert_int_equal(SocketBuf_rewind(buf, 7), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_rewind(buf, -1), SOCKET_EINVAL);
  FOR_HUGE(i) assert_int_equal(SocketBuf_rewind(buf, huge[i]), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_rewind(buf, 5), 0);
  expect_readable(buf, "bcdef");
  assert_int_equal(SocketBuf_rewind(buf, 1), 0);
  expect_readable(buf, "abcdef");
  assert_int_equal(SocketBuf_consume(buf, 6), 0);
  assert_int_equal(SocketBuf_consume(buf, 1), SOCKET_EAGAIN);
  assert_int_equal(SocketBuf_consume(buf, 0), 0);
  assert_int_equal(SocketBuf_consume(buf, -1), SOCKET_EINVAL);
  FOR_HUGE(i) assert_int_equal(SocketBuf_consume(buf, huge[i]), SOCKET_EAGAIN);
  assert_int_equal(SocketBuf_clear(buf), 0);
  assert_int_equal(SocketBuf_rewind(buf, 1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_get_writable(buf), 8);
  SocketBuf_free(&buf);
}

static void peeking_takes_nothing(void **state) {
  (void)state;
  char into[8];
  SocketBuf_T buf = buf_of(8, "abcdef");
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  assert_int_equal(SocketBuf_peek(buf, 0, into, sizeof into), 5);
  assert_memory_equal(into, "bcdef", 5);
  assert_int_equal(SocketBuf_peek(buf, 3, into, 1), 1);
  assert_int_equal(into[0], 'e');
  assert_int_equal(SocketBuf_peek(buf, 4, into, sizeof into), 1);
  assert_int_equal(SocketBuf_peek(buf, 5, into, sizeof into), 0);
  assert_int_equal(SocketBuf_peek(buf, 0, NULL, 0), 0);
  FOR_HUGE(i) assert_int_equal(SocketBuf_peek(buf, huge[i], into, sizeof into), 0);
  assert_int_equal(SocketBuf_peek(buf, -1, into, 1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_peek(buf, 0, into, -1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_peek(buf, 0, NULL, 1), SOCKET_EINVAL);
  expect_readable(buf, "bcdef");
  SocketBuf_free(&buf);
}

static void numbers_are_in_network_order(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(0);
  assert_int_equal(SocketBuf_put_u8(buf, 0x80), 0);
  assert_int_equal(SocketBuf_put_u16(buf, 0x8102), 0);
  assert_int_equal(SocketBuf_put_u32(buf, 0x83040506), 0);
  assert_int_equal(SocketBuf_put_u64(buf, UINT64_C(0x8708090a0b0c0d0e)), 0);
  assert_int_equal(SocketBuf_get_readable(buf), 15);
  assert_memory_equal(SocketBuf_get_data(buf),
                      "\x80\x81\x02\x83\x04\x05\x06\x87\x08\x09\x0a\x0b\x0c\x0d\x0e", 15);
  uint64_t wide = 0;
  assert_int_equal(SocketBuf_get_u8(buf), 0x80);
  assert_int_equal(SocketBuf_get_u16(buf), 0x8102);
  assert_int_equal(SocketBuf_get_u32(buf), 0x83040506);
  assert_int_equal(SocketBuf_get_u64(buf, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_get_u64(buf, &wide), 0);
  assert_true(wide == UINT64_C(0x8708090a0b0c0d0e));
  /* Too few bytes: nothing is taken. */
  for (int have = 0; have < 8; have++) {
    assert_int_equal(SocketBuf_get_readable(buf), have);
    if (have < 1) assert_int_equal(SocketBuf_get_u8(buf), SOCKET_EAGAIN);
    if (have < 2) assert_int_equal(SocketBuf_get_u16(buf), SOCKET_EAGAIN);
    if (have < 4) assert_int_equal(SocketBuf_get_u32(buf), SOCKET_EAGAIN);
    assert_int_equal(SocketBuf_get_u64(buf, &wide), SOCKET_EAGAIN);
    assert_int_equal(SocketBuf_put_u8(buf, 0xff), 0);
  }
  assert_true(wide == UINT64_C(0x8708090a0b0c0d0e));
  assert_int_equal(SocketBuf_get_u64(buf, &wide), 0);
  assert_true(wide == UINT64_MAX);
  assert_int_equal(SocketBuf_rewind(buf, 4), 0);
  assert_int_equal(SocketBuf_get_u32(buf), UINT32_MAX);
  SocketBuf_free(&buf);
}

static void find_sees_every_position(void **state) {
  (void)state;
  enum { SIZE = 70 };
  char text[SIZE];
  for (int needle = 1; needle <= 9; needle++)
    for (int skipped = 0; skipped < 3; skipped++)
      for (int at = 0; at + needle <= SIZE; at++) {
        memset(text, 'x', SIZE); /* its beginning is everywhere, the whole of it once */
        text[at + needle - 1] = '\0';
        SocketBuf_T buf = SocketBuf_new(SIZE + 3);
        assert_int_equal(SocketBuf_write(buf, "\0\0\0", skipped), 0);
        assert_int_equal(SocketBuf_write(buf, text, SIZE), 0);
        assert_int_equal(SocketBuf_consume(buf, skipped), 0);
        const char *wanted = text + at;
        assert_int_equal(SocketBuf_find(buf, wanted, needle, 0), at);
        assert_int_equal(SocketBuf_find(buf, wanted, needle, at), at);
        assert_int_equal(SocketBuf_find(buf, wanted, needle, at + 1), SOCKET_ENOENT);
        /* Bytes that were there before, behind the end and already taken, are not found. */
        assert_int_equal(SocketBuf_clear(buf), 0);
        assert_int_equal(SocketBuf_find(buf, wanted, needle, 0), SOCKET_ENOENT);
        SocketBuf_free(&buf);
      }
  SocketBuf_T buf = buf_of(8, "abcabc");
  assert_int_equal(SocketBuf_find(buf, "abcabcd", 7, 0), SOCKET_ENOENT);
  assert_int_equal(SocketBuf_find(buf, "c", 1, 3), 5);
  assert_int_equal(SocketBuf_find(buf, "c", 1, 6), SOCKET_ENOENT);
  assert_int_equal(SocketBuf_find(buf, "c", 1, -1), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_find(buf, "c", 0, 0), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_find(buf, "c", -1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_find(buf, NULL, 0, 0), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_find(buf, NULL, 1, 0), SOCKET_EINVAL);
  FOR_HUGE(i) {
    assert_int_equal(SocketBuf_find(buf, "c", 1, huge[i]), SOCKET_ENOENT);
    assert_int_equal(SocketBuf_find(buf, "abcabc", huge[i], 0), SOCKET_ENOENT);
  }
  SocketBuf_free(&buf);
}

static void room_is_made_by_moving_or_by_growing(void **state) {
  (void)state;
  SocketBuf_T buf = buf_of(16, "0123456789");
  /* As much was consumed as is readable: it moves, and the block stays. */
  assert_int_equal(SocketBuf_consume(buf, 5), 0);
  const char *before = SocketBuf_get_data(buf);
  assert_int_equal(SocketBuf_write(buf, "abcdefghij", 10), 0);
  assert_ptr_equal(SocketBuf_get_data(buf), before - 5);
  assert_int_equal(SocketBuf_get_capacity(buf), 16);
  expect_readable(buf, "56789abcdefghij");
  /* Less was: it grows, so that adding a byte never costs moving nearly all. */
  assert_int_equal(SocketBuf_consume(buf, 3), 0);
  assert_int_equal(SocketBuf_write(buf, "kl", 2), 0);
  assert_int_equal(SocketBuf_get_capacity(buf), 64);
  expect_readable(buf, "89abcdefghijkl");
  /* It fits as it is. */
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  assert_int_equal(SocketBuf_write(buf, "m", 1), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 64 - 15);
  /* An empty one starts again at the front. */
  assert_int_equal(SocketBuf_consume(buf, 14), 0);
  assert_int_equal(SocketBuf_write(buf, "n", 1), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 63);
  SocketBuf_free(&buf);
}

static void the_limit_bounds_growth(void **state) {
  (void)state;
  SocketBuf_T buf = buf_of(8, "12345678");
  assert_int_equal(SocketBuf_set_limit(buf, -1), SOCKET_EINVAL);
  FOR_HUGE(i) assert_int_equal(SocketBuf_set_limit(buf, huge[i]), SOCKET_EINVAL);
  assert_int_equal(SocketBuf_set_limit(buf, SOCKET_BUF_MAX), 0);
  assert_int_equal(SocketBuf_set_limit(buf, 10), 0);
  assert_int_equal(SocketBuf_get_limit(buf), 10);
  assert_int_equal(SocketBuf_write(buf, "9ab", 3), SOCKET_ELIMIT);
  assert_int_equal(SocketBuf_write(buf, "9a", 2), 0);
  assert_int_equal(SocketBuf_get_capacity(buf), 10);
  assert_int_equal(SocketBuf_put_u8(buf, 'b'), SOCKET_ELIMIT);
  expect_readable(buf, "123456789a");
  /* At the limit a single byte of room is worth moving for. */
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  assert_int_equal(SocketBuf_put_u8(buf, 'b'), 0);
  assert_int_equal(SocketBuf_put_u8(buf, 'c'), SOCKET_ELIMIT);
  expect_readable(buf, "23456789ab");
  /* Below what is there it only ends growth. */
  assert_int_equal(SocketBuf_set_limit(buf, 0), 0);
  assert_int_equal(SocketBuf_consume(buf, 4), 0);
  assert_int_equal(SocketBuf_write(buf, "cdef", 4), 0);
  assert_int_equal(SocketBuf_write(buf, "g", 1), SOCKET_ELIMIT);
  expect_readable(buf, "6789abcdef");
  SocketBuf_free(&buf);

  buf = SocketBuf_new(0);
  assert_int_equal(SocketBuf_set_limit(buf, 3), 0);
  assert_int_equal(SocketBuf_write(buf, "abc", 3), 0);
  assert_int_equal(SocketBuf_get_capacity(buf), 3);
  assert_int_equal(SocketBuf_write(buf, "d", 1), SOCKET_ELIMIT);
  SocketBuf_free(&buf);
  buf = SocketBuf_new(0);
  assert_non_null(SocketBuf_reserve(buf, SOCKET_BUF_LIMIT));
  assert_null(SocketBuf_reserve(buf, SOCKET_BUF_LIMIT + 1));
  assert_int_equal(Socket_last_error(), SOCKET_ELIMIT);
  SocketBuf_free(&buf);
}

static void its_own_bytes_can_be_written(void **state) {
  (void)state;
  for (int capacity = 6; capacity <= 20; capacity++)
    for (int consumed = 0; consumed <= 6; consumed++) {
      SocketBuf_T buf = buf_of(capacity, "abcdef");
      const char *bytes = SocketBuf_get_data(buf);
      assert_int_equal(SocketBuf_consume(buf, consumed), 0);
      assert_int_equal(SocketBuf_write(buf, bytes, 6), 0);
      char wanted[16] = "abcdefabcdef";
      expect_readable(buf, wanted + consumed);
      SocketBuf_free(&buf);
    }
  /* Straight from the room, uncommitted: the same bytes in the same place. */
  SocketBuf_T buf = SocketBuf_new(16);
  char *room = SocketBuf_reserve(buf, 4);
  memcpy(room, "wxyz", 4);
  assert_int_equal(SocketBuf_write(buf, room, 4), 0);
  expect_readable(buf, "wxyz");
  SocketBuf_free(&buf);
}

static void compacting_gains_the_room_in_front(void **state) {
  (void)state;
  SocketBuf_T buf = buf_of(16, "0123456789abcdef");
  assert_int_equal(SocketBuf_consume(buf, 3), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 0);
  assert_int_equal(SocketBuf_compact(buf), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 3);
  assert_int_equal(SocketBuf_rewind(buf, 1), SOCKET_EINVAL);
  expect_readable(buf, "3456789abcdef");
  assert_int_equal(SocketBuf_compact(buf), 0);
  expect_readable(buf, "3456789abcdef");
  SocketBuf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_buffer_is_empty),
      cmocka_unit_test(bytes_go_in_and_come_out),
      cmocka_unit_test(room_is_reserved_and_committed),
      cmocka_unit_test(what_was_taken_can_be_rewound),
      cmocka_unit_test(peeking_takes_nothing),
      cmocka_unit_test(numbers_are_in_network_order),
      cmocka_unit_test(find_sees_every_position),
      cmocka_unit_test(room_is_made_by_moving_or_by_growing),
      cmocka_unit_test(the_limit_bounds_growth),
      cmocka_unit_test(its_own_bytes_can_be_written),
      cmocka_unit_test(compacting_gains_the_room_in_front),
  };
  return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}
