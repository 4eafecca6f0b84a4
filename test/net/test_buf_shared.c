/* SocketBuf: blocks that several buffers stand on - slices, the caller's memory, pools. */
#include "cmocka_c.h"

#include "SocketBuf.h"

#include <string.h>

static void expect_readable(SocketBuf_T buf, const char *text) {
  const size_t length = strlen(text);
  assert_int_equal(SocketBuf_get_readable(buf), length);
  assert_memory_equal(SocketBuf_get_data(buf), text, length);
}

static void append(SocketBuf_T buf, const char *text) {
  assert_int_equal(SocketBuf_write(buf, text, (int64_t)strlen(text)), 0);
}

static SocketBuf_T slice_of(SocketBuf_T buf, int64_t offset, int64_t length) {
  SocketBuf_T slice = SocketBuf_slice(buf, offset, length);
  assert_non_null(slice);
  assert_int_equal(SocketBuf_get_readable(slice), length);
  return slice;
}

static int64_t stat_of(SocketBufPool_T pool, int which) {
  const int64_t number = SocketBufPool_get_stat(pool, which);
  assert_true(number >= 0);
  return number;
}

/* ---- Slices */

static void a_slice_copies_nothing(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(32);
  append(buf, "-hello world");
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  const char *bytes = SocketBuf_get_data(buf);
  SocketBuf_T world = slice_of(buf, 6, 5);
  SocketBuf_T part = slice_of(world, 1, 2);
  SocketBuf_T none = slice_of(buf, 11, 0);
  assert_ptr_equal(SocketBuf_get_data(world), bytes + 6);
  assert_ptr_equal(SocketBuf_get_data(part), bytes + 7);
  assert_int_equal(SocketBuf_get_capacity(part), 32);
  assert_int_equal(SocketBuf_get_writable(part), 0);
  assert_int_equal(SocketBuf_get_capacity(none), 0);
  /* Taking from one leaves the others alone, and so does freeing it. */
  assert_int_equal(SocketBuf_consume(world, 2), 0);
  assert_int_equal(SocketBuf_rewind(world, 3), SOCKET_EINVAL);
  expect_readable(buf, "hello world");
  SocketBuf_free(&buf);
  expect_readable(world, "rld");
  SocketBuf_free(&world);
  expect_readable(part, "or");
  /* The last user has the block for itself. */
  assert_int_equal(SocketBuf_get_writable(part), 32 - 10);
  append(part, "bit");
  expect_readable(part, "orbit");
  assert_ptr_equal(SocketBuf_get_data(part), bytes + 7);
  append(none, "some");
  expect_readable(none, "some");
  SocketBuf_free(&part);
  SocketBuf_free(&none);
}

static void slices_stay_inside(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(32);
  append(buf, "0123456789");
  assert_int_equal(SocketBuf_consume(buf, 4), 0);
  static const struct {
    int64_t offset, length;
    int code;
  } bad[] = {
      {-1, 1, SOCKET_EINVAL},
      {0, -1, SOCKET_EINVAL},
      {INT64_MIN, INT64_MIN, SOCKET_EINVAL},
      {0, 7, SOCKET_EAGAIN},
      {7, 0, SOCKET_EAGAIN},
      {6, 1, SOCKET_EAGAIN},
      {1, INT64_MAX, SOCKET_EAGAIN},
      {INT64_MAX, 1, SOCKET_EAGAIN},
      {INT64_MAX, INT64_MAX, SOCKET_EAGAIN},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_null(SocketBuf_slice(buf, bad[i].offset, bad[i].length));
    assert_int_equal(Socket_last_error(), bad[i].code);
  }
  SocketBuf_free(&buf);
}

static void adding_never_shows_in_another(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(32);
  append(buf, "line1\nline2\n");
  const char *bytes = SocketBuf_get_data(buf);
  SocketBuf_T first = slice_of(buf, 0, 5);
  SocketBuf_T second = slice_of(buf, 6, 5);
  /* The one that the block belongs to goes on behind, without a copy. */
  append(buf, "line3\n");
  assert_ptr_equal(SocketBuf_get_data(buf), bytes);
  /* A slice moves away with the first byte. */
  append(first, "!!!!!!!!!!");
  assert_ptr_not_equal(SocketBuf_get_data(first), bytes);
  expect_readable(first, "line1!!!!!!!!!!");
  expect_readable(second, "line2");
  expect_readable(buf, "line1\nline2\nline3\n");
  /* What is cleared away may still be read elsewhere: no room comes back. */
  assert_int_equal(SocketBuf_clear(buf), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 32 - 18);
  append(buf, "line4\n");
  expect_readable(second, "line2");
  assert_int_equal(SocketBuf_clear(second), 0);
  assert_int_equal(SocketBuf_get_capacity(second), 0);
  /* Nobody shares any more. */
  assert_int_equal(SocketBuf_clear(buf), 0);
  assert_int_equal(SocketBuf_get_writable(buf), 32);
  /* The room is used up while a slice looks at the block: another one of that size. */
  append(buf, "0123456789abcdef0123456789abcdef");
  SocketBuf_free(&second);
  second = slice_of(buf, 30, 2);
  assert_int_equal(SocketBuf_consume(buf, 20), 0);
  append(buf, "XYZ");
  assert_int_equal(SocketBuf_get_capacity(buf), 32);
  expect_readable(buf, "456789abcdefXYZ");
  expect_readable(second, "ef");
  SocketBuf_free(&buf);
  SocketBuf_free(&first);
  SocketBuf_free(&second);
}

static void compacting_a_slice_lets_go_of_the_block(void **state) {
  (void)state;
  SocketBuf_T buf = SocketBuf_new(4096);
  append(buf, "a small part of a large block");
  SocketBuf_T part = slice_of(buf, 2, 10);
  assert_int_equal(SocketBuf_get_capacity(part), 4096);
  assert_int_equal(SocketBuf_compact(part), 0);
  assert_int_equal(SocketBuf_get_capacity(part), 10);
  expect_readable(part, "small part");
  SocketBuf_free(&part);
  /* One without bytes keeps nothing, and one over its limit stays. */
  part = slice_of(buf, 0, 5);
  assert_int_equal(SocketBuf_set_limit(part, 4), 0);
  assert_int_equal(SocketBuf_compact(part), SOCKET_ELIMIT);
  assert_int_equal(SocketBuf_put_u8(part, 0), SOCKET_ELIMIT);
  expect_readable(part, "a sma");
  assert_int_equal(SocketBuf_consume(part, 5), 0);
  assert_int_equal(SocketBuf_compact(part), 0);
  assert_int_equal(SocketBuf_get_capacity(part), 0);
  SocketBuf_free(&part);
  SocketBuf_free(&buf);
}

/* ---- The caller's memory */

static void count(const void *data, void *user) {
  (void)data;
  ++*(int *)user;
}

static void borrowed_memory_is_given_back_once(void **state) {
  (void)state;
  int released = 0;
  char text[] = "borrowed";
  SocketBuf_T buf = SocketBuf_new_ref(text, 8, count, &released);
  assert_ptr_equal(SocketBuf_get_data(buf), text);
  assert_int_equal(SocketBuf_get_capacity(buf), 8);
  assert_int_equal(SocketBuf_get_writable(buf), 0);
  SocketBuf_T slice = slice_of(buf, 2, 3);
  SocketBuf_free(&buf);
  assert_int_equal(released, 0);
  assert_ptr_equal(SocketBuf_get_data(slice), text + 2);
  /* Even its last user copies before it writes. */
  assert_int_equal(SocketBuf_get_writable(slice), 0);
  append(slice, "!");
  assert_int_equal(released, 1);
  expect_readable(slice, "rro!");
  assert_string_equal(text, "borrowed");
  SocketBuf_free(&slice);
  assert_int_equal(released, 1);

  buf = SocketBuf_new_ref(text, 8, count, &released);
  assert_int_equal(SocketBuf_compact(buf), 0);
  assert_int_equal(released, 2);
  expect_readable(buf, "borrowed");
  SocketBuf_free(&buf);
  buf = SocketBuf_new_ref(text, 8, count, &released);
  assert_int_equal(SocketBuf_clear(buf), 0);
  assert_int_equal(released, 3);
  SocketBuf_free(&buf);
  buf = SocketBuf_new_ref(NULL, 0, count, &released);
  assert_non_null(SocketBuf_get_data(buf));
  append(buf, "x");
  assert_int_equal(released, 4);
  SocketBuf_free(&buf);
  buf = SocketBuf_new_ref("for ever", 8, NULL, NULL);
  expect_readable(buf, "for ever");
  SocketBuf_free(&buf);
  assert_null(SocketBuf_new_ref(NULL, 1, count, &released));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_null(SocketBuf_new_ref(text, -1, count, &released));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  assert_int_equal(released, 4);
}

/* Nobody looks at so many bytes: what counts is that no sum of them goes wrong. */
static void borrowed_memory_of_any_length(void **state) {
  (void)state;
  int released = 0;
  SocketBuf_T buf = SocketBuf_new_ref("x", INT64_MAX, count, &released);
  assert_true(SocketBuf_get_readable(buf) == INT64_MAX);
  assert_int_equal(SocketBuf_put_u8(buf, 1), SOCKET_ELIMIT);
  assert_null(SocketBuf_reserve(buf, INT64_MAX));
  assert_int_equal(SocketBuf_compact(buf), SOCKET_ELIMIT);
  assert_int_equal(SocketBuf_consume(buf, INT64_MAX), 0);
  assert_int_equal(SocketBuf_rewind(buf, INT64_MAX), 0);
  assert_int_equal(SocketBuf_consume(buf, INT64_MAX), 0);
  append(buf, "y");
  expect_readable(buf, "y");
  assert_int_equal(released, 1);
  SocketBuf_free(&buf);
}

/* Whoever gives its memory back may use any buffer but the one that this is about. */
struct nosy {
  SocketBuf_T buf;
  int code, calls;
};
static void look(const void *data, void *user) {
  struct nosy *nosy = user;
  (void)data;
  nosy->calls++;
  nosy->code = SocketBuf_put_u8(nosy->buf, 0);
}

static void a_release_callback_finds_the_buffer_busy(void **state) {
  (void)state;
  struct nosy nosy = {NULL, 0, 0};
  nosy.buf = SocketBuf_new_ref("abc", 3, look, &nosy);
  append(nosy.buf, "d");
  assert_int_equal(nosy.calls, 1);
  assert_int_equal(nosy.code, SOCKET_EBUSY);
  expect_readable(nosy.buf, "abcd");
  SocketBuf_free(&nosy.buf);
  nosy.buf = SocketBuf_new_ref("abc", 3, look, &nosy);
  SocketBuf_T only = nosy.buf;
  SocketBuf_free(&only);
  assert_int_equal(nosy.calls, 2);
  assert_int_equal(nosy.code, SOCKET_EBADHANDLE);
}

/* ---- Pools */

static void a_pool_hands_out_so_many_and_no_more(void **state) {
  (void)state;
  SocketBufPool_T pool = SocketBufPool_new(64, 3);
  SocketBuf_T bufs[3];
  assert_int_equal(stat_of(pool, SOCKET_BUF_POOL_ALLOCATED), 0);
  for (int i = 0; i < 3; i++) {
    bufs[i] = SocketBufPool_take(pool);
    assert_int_equal(SocketBuf_get_writable(bufs[i]), 64);
    assert_int_equal(stat_of(pool, SOCKET_BUF_POOL_ALLOCATED), i + 1);
    append(bufs[i], "dirty");
  }
  for (int i = 0; i < 2; i++) {
    assert_null(SocketBufPool_take(pool));
    assert_int_equal(Socket_last_error(), SOCKET_ENOBUFS);
  }
  const void *bytes = SocketBuf_get_data(bufs[1]);
  SocketBuf_T slice = slice_of(bufs[1], 1, 1);
  SocketBuf_free(&bufs[1]);
  assert_null(SocketBufPool_take(pool));
  SocketBuf_free(&slice);
  bufs[1] = SocketBufPool_take(pool);
  assert_ptr_equal(SocketBuf_get_data(bufs[1]), bytes);
  assert_int_equal(SocketBuf_get_readable(bufs[1]), 0);
  assert_int_equal(SocketBuf_get_writable(bufs[1]), 64);
  SocketBuf_free(&bufs[0]);
  SocketBuf_free(&bufs[2]);
  static const int64_t wanted[] = {64, 3, 1, 3, 3, 4, 3};
  for (int which = 0; which < 7; which++)
    assert_int_equal(SocketBufPool_get_stat(pool, which), wanted[which]);
  assert_int_equal(SocketBufPool_get_stat(pool, 7), SOCKET_EINVAL);
  assert_int_equal(SocketBufPool_get_stat(pool, -1), SOCKET_EINVAL);
  assert_int_equal(SocketBufPool_trim(pool), 128);
  assert_int_equal(SocketBufPool_trim(pool), 0);
  assert_int_equal(stat_of(pool, SOCKET_BUF_POOL_ALLOCATED), 1);
  assert_int_equal(stat_of(pool, SOCKET_BUF_POOL_IN_USE), 1);
  SocketBuf_free(&bufs[1]);
  SocketBufPool_free(&pool);
  assert_null(pool);
  SocketBufPool_free(&pool);
  SocketBufPool_free(NULL);
}

static void a_pool_needs_a_size_and_a_count(void **state) {
  (void)state;
  static const int64_t bad[][2] = {{0, 1},
                                   {1, 0},
                                   {-1, 1},
                                   {1, -1},
                                   {INT64_MIN, INT64_MIN},
                                   {SOCKET_BUF_MAX + INT64_C(1), 1},
                                   {INT64_MAX, INT64_MAX}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_null(SocketBufPool_new(bad[i][0], bad[i][1]));
    assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  }
  SocketBufPool_T pool = SocketBufPool_new(1, INT64_MAX);
  SocketBuf_T buf = SocketBufPool_take(pool);
  assert_int_equal(SocketBuf_put_u8(buf, 1), 0);
  assert_int_equal(SocketBuf_put_u8(buf, 1), SOCKET_ELIMIT);
  SocketBuf_free(&buf);
  SocketBufPool_free(&pool);
}

static void a_pooled_buffer_stays_in_its_pool(void **state) {
  (void)state;
  SocketBufPool_T pool = SocketBufPool_new(8, 2);
  SocketBuf_T buf = SocketBufPool_take(pool);
  append(buf, "01234567");
  assert_int_equal(SocketBuf_get_limit(buf), 8);
  assert_int_equal(SocketBuf_put_u8(buf, '8'), SOCKET_ELIMIT);
  assert_int_equal(SocketBuf_consume(buf, 1), 0);
  assert_int_equal(SocketBuf_put_u8(buf, '8'), 0);
  expect_readable(buf, "12345678");
  /* The block is shared: the next byte needs another one. */
  SocketBuf_T slice = slice_of(buf, 6, 2);
  assert_int_equal(SocketBuf_consume(buf, 4), 0);
  assert_int_equal(SocketBuf_put_u8(buf, '9'), 0);
  assert_int_equal(stat_of(pool, SOCKET_BUF_POOL_IN_USE), 2);
  SocketBuf_T third = slice_of(buf, 0, 1);
  append(buf, "abc");
  assert_int_equal(SocketBuf_put_u8(third, '!'), SOCKET_ENOBUFS);
  assert_int_equal(SocketBuf_compact(third), SOCKET_ENOBUFS);
  assert_int_equal(SocketBuf_put_u8(buf, 'd'), SOCKET_ELIMIT);
  expect_readable(third, "5");
  expect_readable(buf, "56789abc");
  SocketBuf_free(&slice);
  assert_int_equal(SocketBuf_put_u8(third, '!'), 0);
  expect_readable(third, "5!");
  SocketBuf_free(&third);
  /* With leave to, it grows outside and gives its block back. */
  assert_int_equal(SocketBuf_set_limit(buf, 100), 0);
  assert_int_equal(SocketBuf_put_u8(buf, 'd'), 0);
  assert_int_equal(stat_of(pool, SOCKET_BUF_POOL_IN_USE), 0);
  expect_readable(buf, "56789abcd");
  SocketBuf_free(&buf);
  SocketBufPool_free(&pool);
}

static void buffers_outlive_their_pool(void **state) {
  (void)state;
  SocketBufPool_T pool = SocketBufPool_new(8, 2);
  SocketBuf_T buf = SocketBufPool_take(pool);
  SocketBuf_T other = SocketBufPool_take(pool);
  SocketBuf_free(&other);
  append(buf, "01234567");
  SocketBuf_T slice = slice_of(buf, 0, 4);
  SocketBufPool_T stale = pool;
  SocketBufPool_free(&pool);
  assert_null(SocketBufPool_take(stale));
  assert_int_equal(Socket_last_error(), SOCKET_EBADHANDLE);
  assert_int_equal(SocketBufPool_trim(stale), SOCKET_EBADHANDLE);
  /* They may even need another block of it. */
  append(slice, "abcd");
  expect_readable(slice, "0123abcd");
  SocketBuf_T third = slice_of(slice, 0, 1);
  assert_int_equal(SocketBuf_put_u8(third, '!'), SOCKET_ENOBUFS);
  SocketBuf_free(&third);
  SocketBuf_free(&buf);
  expect_readable(slice, "0123abcd");
  SocketBuf_free(&slice);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slice_copies_nothing),
      cmocka_unit_test(slices_stay_inside),
      cmocka_unit_test(adding_never_shows_in_another),
      cmocka_unit_test(compacting_a_slice_lets_go_of_the_block),
      cmocka_unit_test(borrowed_memory_is_given_back_once),
      cmocka_unit_test(borrowed_memory_of_any_length),
      cmocka_unit_test(a_release_callback_finds_the_buffer_busy),
      cmocka_unit_test(a_pool_hands_out_so_many_and_no_more),
      cmocka_unit_test(a_pool_needs_a_size_and_a_count),
      cmocka_unit_test(a_pooled_buffer_stays_in_its_pool),
      cmocka_unit_test(buffers_outlive_their_pool),
  };
  return cmocka_run_group_tests_name("shared buffers", tests, NULL, NULL);
}
