/* The transforms of pipelines: whatever way their input is cut, the same comes of it. */
#include "support/pipeline_support.h"

/* Units, as a sink's callback gets them: each is written down with its length before it. */
typedef struct Units {
  char bytes[4000000];
  int64_t length;
  int count;
} Units;
static Units units;

static int note_unit(SocketPipeline_T pipeline, const void *data, int64_t length, void *user) {
  (void)pipeline, (void)user;
  assert_true(units.length + length + 24 < (int64_t)sizeof units.bytes);
  units.length += sprintf(units.bytes + units.length, "<%lld>", (long long)length);
  if (length) memcpy(units.bytes + units.length, data, (size_t)length);
  units.length += length;
  units.count++;
  return 0;
}

static void (*build_now)(SocketPipeline_T);

/* Runs the input through what `build_now` adds, cut into pieces of `cut`. */
static int units_of(SocketLoop_T loop, const void *input, int64_t length, int64_t cut) {
  Recorder recorder;
  Feed source = {input, length, 0, cut, 0, 0, 0, 0, 0, NULL, NULL};
  SocketPipeline_T pipeline = pipeline_new(loop, &recorder);
  memset(&units, 0, sizeof units.length + 64), units.length = 0, units.count = 0;
  assert_int_equal(SocketPipeline_from_callback(pipeline, feed_pull, &source), 0);
  build_now(pipeline);
  assert_int_equal(SocketPipeline_to_callback(pipeline, note_unit, NULL), 0);
  int status = pipeline_run(loop, pipeline, &recorder);
  SocketPipeline_free(&pipeline);
  return status;
}

static void expect_at_every_cut(SocketLoop_T loop, void (*build)(SocketPipeline_T),
                                const char *input, int64_t length, int status, const char *expected,
                                int64_t expected_length) {
  build_now = build;
  for (int64_t cut = 1; cut <= length + 1; cut++) {
    assert_int_equal(units_of(loop, input, length, cut), status);
    assert_int_equal(units.length, expected_length);
    assert_memory_equal(units.bytes, expected, (size_t)expected_length);
  }
}

#define EXPECT(build, input, status, expected)                                                     \
  expect_at_every_cut(loop, build, input, (int64_t)sizeof input - 1, status, expected,             \
                      (int64_t)sizeof expected - 1)

static void lines_kept(SocketPipeline_T p) { SocketPipeline_add_lines(p, 8, 1); }
static void lines_bare(SocketPipeline_T p) { SocketPipeline_add_lines(p, 8, 0); }

static void lines(void **state) {
  SocketLoop_T loop = *state;
  EXPECT(lines_kept, "", 0, "");
  EXPECT(lines_kept, "one\ntwo\r\n\nend", 0, "<4>one\n<5>two\r\n<1>\n<3>end");
  EXPECT(lines_bare, "one\ntwo\r\n\nend", 0, "<3>one<3>two<0><3>end");
  EXPECT(lines_bare, "\n\r\n\r", 0, "<0><0><1>\r");
  EXPECT(lines_bare, "12345678\n12345678\r\n12345678", 0, "<8>12345678<8>12345678<8>12345678");
  EXPECT(lines_bare, "ok\n123456789\n", SOCKET_ELIMIT, "<2>ok");
  EXPECT(lines_bare, "12345678\rx\n", SOCKET_ELIMIT, "");
  EXPECT(lines_bare, "123456789", SOCKET_ELIMIT, "");
  EXPECT(lines_bare, "12345678\r", SOCKET_ELIMIT, ""); /* a CR without LF is a byte of the line */
  EXPECT(lines_kept, "a\rb\n\r\n", 0, "<4>a\rb\n<2>\r\n");
}

static void decode_1(SocketPipeline_T p) { SocketPipeline_add_length_decode(p, 1, 5); }
static void decode_2(SocketPipeline_T p) { SocketPipeline_add_length_decode(p, 2, 300); }
static void decode_4(SocketPipeline_T p) { SocketPipeline_add_length_decode(p, 4, 1 << 30); }

static void length_prefixes(void **state) {
  SocketLoop_T loop = *state;
  EXPECT(decode_1, "", 0, "");
  EXPECT(decode_1, "\3abc\0\5hello", 0, "<3>abc<0><5>hello");
  EXPECT(decode_1, "\1a\6", SOCKET_ELIMIT, "<1>a");
  EXPECT(decode_1, "\1a\3ab", SOCKET_EPROTOCOL, "<1>a");
  EXPECT(decode_2, "\0\3abc\0", SOCKET_EPROTOCOL, "<3>abc");
  EXPECT(decode_2, "\0\1x\1\55", SOCKET_ELIMIT, "<1>x");
  EXPECT(decode_4, "\0\0\0\2ab\0\0\0\0", 0, "<2>ab<0>");
  EXPECT(decode_4, "\377\377\377\377", SOCKET_ELIMIT, "");
}

static void lines_encode(SocketPipeline_T p) {
  SocketPipeline_add_lines(p, 1000, 0);
  SocketPipeline_add_length_encode(p, 2, 5);
}
static void there_and_back(SocketPipeline_T p) {
  SocketPipeline_add_lines(p, 1000, 1);
  SocketPipeline_add_length_encode(p, 1, 200);
  SocketPipeline_add_length_decode(p, 1, 200);
  SocketPipeline_add_length_encode(p, 4, 200);
  SocketPipeline_add_length_decode(p, 4, 200);
}
static void encode_pieces(SocketPipeline_T p) {
  SocketPipeline_add_length_encode(p, 1, 1000);
  SocketPipeline_add_length_decode(p, 1, 255);
}

static void encoding(void **state) {
  SocketLoop_T loop = *state;
  EXPECT(lines_encode, "one\n\nhello\n", 0, "<5>\0\3one<2>\0\0<7>\0\5hello");
  EXPECT(lines_encode, "one\nhello!\n", SOCKET_ELIMIT, "<5>\0\3one");
  EXPECT(there_and_back, "one\n\nhello\nend", 0, "<4>one\n<1>\n<6>hello\n<3>end");
  /* What comes in no units is cut at what the prefix can say. */
  build_now = encode_pieces;
  assert_int_equal(units_of(*state, pattern(), 1000, 0), 0);
  assert_int_equal(units.count, 4);
}

static void strict_five(SocketPipeline_T p) { SocketPipeline_add_limit(p, 5, 1); }
static void strict_units(SocketPipeline_T p) {
  SocketPipeline_add_lines(p, 100, 1);
  SocketPipeline_add_limit(p, 5, 1);
}
static void loose_units(SocketPipeline_T p) {
  SocketPipeline_add_lines(p, 100, 1);
  SocketPipeline_add_limit(p, 5, 0);
}

static void limits(void **state) {
  SocketLoop_T loop = *state;
  build_now = strict_five;
  for (int64_t cut = 1; cut < 9; cut++) {
    assert_int_equal(units_of(loop, "12345", 5, cut), 0);
    assert_int_equal(units_of(loop, "123456", 6, cut), SOCKET_ELIMIT);
    assert_int_equal(units_of(loop, "", 0, cut), 0);
  }
  EXPECT(strict_units, "ab\ncd\n", SOCKET_ELIMIT, "<3>ab\n");
  EXPECT(strict_units, "ab\nc\n", 0, "<3>ab\n<2>c\n");
  EXPECT(loose_units, "ab\ncd\nef\n", 0, "<3>ab\n<2>cd");
}

/* ---- The program's own */

/* Every pair of bytes becomes one unit, doubled; what stands alone at the end is left. */
static int64_t double_pairs(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                            void *user) {
  const char *bytes = data;
  int64_t used = 0;
  (void)end;
  ++*(int *)user;
  for (; used + 2 <= length; used += 2) {
    char pair[4] = {bytes[used], bytes[used + 1], bytes[used], bytes[used + 1]};
    int code = SocketPipeline_emit(pipeline, pair, sizeof pair);
    if (code == SOCKET_EAGAIN) return used;
    assert_int_equal(code, 0);
  }
  return used;
}

static int calls;
static void doubled(SocketPipeline_T p) { SocketPipeline_add_transform(p, double_pairs, &calls); }
static void doubled_twice(SocketPipeline_T p) {
  SocketPipeline_set_high_mark(p, 1);
  doubled(p), doubled(p);
}

static void the_programs_own(void **state) {
  SocketLoop_T loop = *state;
  EXPECT(doubled, "", 0, "");
  EXPECT(doubled, "abcdef", 0, "<4>abab<4>cdcd<4>efef");
  EXPECT(doubled, "abc", SOCKET_EPROTOCOL, "<4>abab");
  EXPECT(doubled_twice, "abcd", 0, "<4>abab<4>abab<4>cdcd<4>cdcd");
}

static int64_t one_at_the_end(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                              void *user) {
  (void)data, (void)user;
  if (end) assert_int_equal(SocketPipeline_emit(pipeline, "sum", 3), 0);
  assert_int_equal(SocketPipeline_emit(pipeline, NULL, 1), SOCKET_EINVAL);
  return length;
}
static int64_t never_enough(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                            void *user) {
  (void)pipeline, (void)data, (void)length, (void)end, (void)user;
  return 0;
}
static int64_t too_much(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                        void *user) {
  (void)pipeline, (void)data, (void)end, (void)user;
  return length + 1;
}
static int64_t refuses(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                       void *user) {
  (void)pipeline, (void)data, (void)end, (void)user, (void)length;
  return SOCKET_EACCES;
}
static void with_sum(SocketPipeline_T p) { SocketPipeline_add_transform(p, one_at_the_end, NULL); }
static void with_never(SocketPipeline_T p) { SocketPipeline_add_transform(p, never_enough, NULL); }
static void with_too_much(SocketPipeline_T p) { SocketPipeline_add_transform(p, too_much, NULL); }
static void with_refusal(SocketPipeline_T p) { SocketPipeline_add_transform(p, refuses, NULL); }

static void what_they_can_say(void **state) {
  SocketLoop_T loop = *state;
  EXPECT(with_sum, "abcdef", 0, "<3>sum");
  EXPECT(with_sum, "", 0, "<3>sum");
  EXPECT(with_too_much, "abc", SOCKET_EINVAL, "");
  EXPECT(with_refusal, "abc", SOCKET_EACCES, "");
  EXPECT(with_never, "abc", SOCKET_EPROTOCOL, "");
  build_now = with_never;
  assert_int_equal(units_of(loop, pattern(), 1 << 20, 0), SOCKET_ELIMIT);
}

/* A transform may make a lot of a little: what it may hold at a time is bounded. */
static int64_t most_held;
static int64_t amplify(SocketPipeline_T pipeline, const void *data, int64_t length, int end,
                       void *user) {
  static char block[10000];
  int *done = user;
  int64_t held = 0;
  (void)data, (void)end;
  for (; *done < 1000 && length; ++*done) {
    int code = SocketPipeline_emit(pipeline, block, sizeof block);
    if (code == SOCKET_EAGAIN) break;
    held += (int64_t)sizeof block;
  }
  if (held > most_held) most_held = held;
  return *done == 1000 ? length : 0;
}

static void amplification_is_bounded(void **state) {
  SocketLoop_T loop = *state;
  Recorder recorder;
  int done = 0;
  SocketPipeline_T p = pipeline_new(loop, &recorder);
  assert_int_equal(SocketPipeline_from_memory(p, "x", 1), 0);
  assert_int_equal(SocketPipeline_add_transform(p, amplify, &done), 0);
  assert_int_equal(SocketPipeline_to_file(p, "/dev/null", SOCKET_FILE_APPEND), 0);
  assert_int_equal(pipeline_run(loop, p, &recorder), 0);
  assert_int_equal(SocketPipeline_get_written(p), 10000000);
  assert_int_equal(SocketPipeline_get_taken(p), 1);
  assert_in_range(most_held, 10000, SOCKET_PIPELINE_HIGH_MARK);
  SocketPipeline_free(&p);
}

/* Large input, cut at random, through everything: nothing is lost, doubled or reordered. */
static void all_of_them(SocketPipeline_T p) {
  assert_int_equal(SocketPipeline_add_count(p), 0);
  assert_int_equal(SocketPipeline_add_lines(p, 100000, 1), 0);
  assert_int_equal(SocketPipeline_add_length_encode(p, 4, 200000), 0);
  assert_int_equal(SocketPipeline_add_length_decode(p, 4, 200000), 0);
  assert_int_equal(SocketPipeline_add_limit(p, 3000000, 0), 0);
}

static void a_lot_through_all_of_them(void **state) {
  const int64_t cuts[] = {0, 1, 7, 4096, 65536};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    int64_t length = cuts[i] == 1 ? 100000 : 3000000;
    Feed out = {pattern(), length, 0, 0, 0, 0, 0, 0, 0, NULL, NULL};
    assert_int_equal(transform_run(*state, pattern(), length, cuts[i], all_of_them, &out), 0);
    assert_int_equal(out.at, length);
  }
}

int main(void) {
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
  const struct CMUnitTest tests[] = {
      LOOP_TEST(lines),
      LOOP_TEST(length_prefixes),
      LOOP_TEST(encoding),
      LOOP_TEST(limits),
      LOOP_TEST(the_programs_own),
      LOOP_TEST(what_they_can_say),
      LOOP_TEST(amplification_is_bounded),
      LOOP_TEST(a_lot_through_all_of_them),
  };
  return cmocka_run_group_tests_name("pipeline: transforms", tests, NULL, NULL);
}
