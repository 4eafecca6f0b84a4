/* Many datagrams at a time: batches both ways, segments, joined datagrams, what is cut. */
#include "support/dgram_support.h"

#define SO_NO_CHECKSUMS 11 /* SO_NO_CHECK, asm-generic/socket.h */

/* Bytes that tell where they come from. */
static void number_bytes(char *bytes, int count) {
  for (int i = 0; i < count; i++) bytes[i] = (char)(i * 7 + i / 251);
}

typedef struct Sequence {
  SocketDgram_T expected;
  int got;
  int64_t bytes;
  const char *content;
  const char *from;
} Sequence;

static void next_number(const SocketCompletion_T *event, void *user) {
  Sequence *sequence = user;
  char text[16];
  assert_int_equal(event->kind, SOCKET_DATAGRAM);
  snprintf(text, sizeof text, "%d", sequence->got++);
  assert_int_equal(event->length, (int)strlen(text));
  assert_memory_equal(event->data, text, strlen(text));
  assert_string_equal(sender_of(event->subject, event->source), sequence->from);
}

static int send_numbers(SocketDgram_T from, const char *to, int first, int count) {
  static char texts[200][16];
  const void *data[200];
  int64_t lengths[200];
  for (int i = 0; i < count; i++) {
    lengths[i] = snprintf(texts[i], sizeof texts[i], "%d", first + i);
    data[i] = texts[i];
  }
  return SocketDgram_send_batch(from, to, data, lengths, count);
}

static void batches_arrive_one_by_one_in_order(void **state) {
  (void)state;
  static const char *const places[] = {"127.0.0.1:0", "[::1]:0"};
  for (int place = 0; place < 2; place++) {
    for (int pushed = 0; pushed < 2; pushed++) {
      SocketLoop_T loop = SocketLoop_new();
      char address[128], other_address[128];
      SocketDgram_T dgram = bound_at(loop, places[place], address);
      SocketDgram_T other = bound_at(loop, places[place], other_address);
      Sequence sequence = {.from = other_address};
      assert_int_equal(SocketDgram_set_batch(dgram, 16, 100), 0);
      if (pushed) SocketDgram_set_callback(dgram, next_number, &sequence);
      assert_int_equal(send_numbers(other, address, 0, 150), 150);
      int most = 0;
      while (sequence.got < 150) {
        SocketCompletion_T events[64];
        int count = pushed ? 0 : SocketLoop_wait(loop, events, 64, HANG_MS);
        if (pushed) assert_true(SocketLoop_run_once(loop, HANG_MS) > 0);
        for (int i = 0; i < count; i++) next_number(&events[i], &sequence);
        most = count > most ? count : most;
        assert_true(count <= 16);
      }
      if (!pushed) assert_int_equal(most, 16);
      SocketLoop_free(&loop);
    }
  }
}

static void what_does_not_fit_is_cut_and_said(void **state) {
  (void)state;
  for (int pushed = 0; pushed < 2; pushed++) {
    SocketLoop_T loop = SocketLoop_new();
    char address[128], other_address[128];
    Recorder recorder = {0};
    SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
    assert_int_equal(SocketDgram_set_batch(dgram, 4, 10), 0);
    send_text(other, address, "0123456789");
    send_text(other, address, "0123456789 and more");
    send_text(other, address, "");
    if (pushed) {
      SocketDgram_set_callback(dgram, record, &recorder);
      run_until(loop, &recorder.count[SOCKET_DATAGRAM], 3);
      assert_int_equal(recorder.bytes, 20);
    } else {
      SocketCompletion_T event = pull_text(loop, dgram, "0123456789");
      event = pull_one(loop, SOCKET_DATAGRAM);
      assert_int_equal(event.status, SOCKET_ETRUNCATED);
      assert_int_equal(event.length, 10);
      assert_memory_equal(event.data, "0123456789", 10);
      assert_int_equal(SocketDgram_reply(dgram, event.source, "cut", 3), 0);
      assert_int_equal(pull_one(loop, SOCKET_DATAGRAM).length, 0);
    }
    SocketLoop_free(&loop);
  }
  if (left_out_on_windows(WITHOUT_ABSTRACT_NAMES)) return;
  /* Without a batch only a unix datagram can be longer than the room. */
  SocketLoop_T loop = SocketLoop_new();
  static char block[100000];
  char address[128];
  abstract_name(address, "long");
  SocketDgram_T dgram = bound_at(loop, address, address), other = SocketDgram_new(loop);
  number_bytes(block, sizeof block);
  for (int pushed = 0; pushed < 2; pushed++) {
    Recorder recorder = {0};
    assert_int_equal(SocketDgram_send_to(other, address, block, sizeof block), 0);
    if (pushed) SocketDgram_set_callback(dgram, record, &recorder);
    if (pushed) run_until(loop, &recorder.count[SOCKET_DATAGRAM], 1);
    SocketCompletion_T event =
        pushed ? recorder.last[SOCKET_DATAGRAM] : pull_one(loop, SOCKET_DATAGRAM);
    assert_int_equal(event.status, SOCKET_ETRUNCATED);
    assert_int_equal(event.length, 65536);
    if (!pushed) assert_memory_equal(event.data, block, 65536);
  }
  SocketLoop_free(&loop);
}

static void batches_say_how_far_they_got(void **state) {
  (void)state;
  static char block[70000];
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128];
  SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
  const void *data[] = {"a", "b", block, "c"};
  int64_t lengths[] = {1, 1, sizeof block, 1};
  assert_int_equal(SocketDgram_send_batch(other, address, data, lengths, 4), 2);
  assert_int_equal(SocketDgram_send_batch(other, address, data + 2, lengths + 2, 2),
                   SOCKET_EMSGSIZE);
  lengths[2] = -1;
  assert_int_equal(SocketDgram_send_batch(other, address, data, lengths, 4), 2);
  assert_int_equal(SocketDgram_send_batch(other, address, data + 2, lengths + 2, 2), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_batch(other, address, NULL, NULL, 0), 0);
  assert_int_equal(SocketDgram_send_batch(other, address, NULL, lengths, 1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_batch(other, address, data, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_batch(other, address, data, lengths, -1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_batch(other, NULL, data, lengths, 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_send_batch(other, "[::1]:1", data, lengths, 1), SOCKET_EAFNOSUPPORT);
  assert_int_equal(SocketDgram_set_batch(dgram, -1, 10), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_set_batch(dgram, SOCKET_DGRAM_MAX_BATCH + 1, 10), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_set_batch(dgram, 1, 0), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_set_batch(dgram, 1, (1 << 20) + 1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_set_batch(dgram, SOCKET_DGRAM_MAX_BATCH, 1 << 20), 0);
  assert_int_equal(SocketDgram_set_batch(dgram, 0, 0), 0);
  for (int i = 0; i < 4; i++) assert_int_equal(pull_one(loop, SOCKET_DATAGRAM).length, 1);
  /* To the connected peer; a unix queue is soon full. */
  if (left_out_on_windows(WITHOUT_ABSTRACT_NAMES)) {
    SocketLoop_free(&loop);
    return;
  }
  char name[128];
  abstract_name(name, "full");
  SocketDgram_T server = bound_at(loop, name, name), client = SocketDgram_new(loop);
  SocketDgram_pause(server);
  assert_int_equal(SocketDgram_connect(client, name), 0);
  int went, total = 0;
  while ((went = send_numbers(client, NULL, total, 150)) > 0) total += went;
  assert_int_equal(went, SOCKET_EAGAIN);
  Sequence sequence = {.from = NULL};
  SocketDgram_start(server);
  for (int drained = 0; sequence.got < total || !drained;) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_DRAINED)
      drained = 1;
    else
      sequence.got++;
  }
  SocketLoop_free(&loop);
}

static void a_wait_is_answered_in_one_call(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], one[128], two[128];
  SocketDgram_T dgram = bound(loop, address);
  SocketDgram_T clients[] = {bound(loop, one), bound(loop, two)};
  for (int i = 0; i < 8; i++) send_text(clients[i % 2], address, i % 2 ? "odd" : "even");
  for (int answered = 0; answered < 8;) {
    SocketCompletion_T events[8];
    void *sources[9];
    const void *data[9];
    int64_t lengths[9];
    int count = SocketLoop_wait(loop, events, 8, HANG_MS), ours = 0;
    for (int i = 0; i < count; i++) {
      if (events[i].subject != dgram) continue;
      sources[ours] = events[i].source;
      data[ours] = events[i].data;
      lengths[ours++] = events[i].length;
    }
    if (ours == 0) continue;
    /* Up to the token that is none. */
    sources[ours] = clients;
    data[ours] = "x";
    lengths[ours] = 1;
    assert_int_equal(SocketDgram_reply_batch(dgram, sources, data, lengths, ours + 1), ours);
    assert_int_equal(SocketDgram_reply_batch(dgram, sources + ours, data, lengths, 1),
                     SOCKET_EBADHANDLE);
    assert_int_equal(SocketDgram_reply_batch(dgram, NULL, data, lengths, 1), SOCKET_EINVAL);
    answered += ours;
    for (int i = 0; i < 2; i++) SocketDgram_pause(clients[i]);
  }
  for (int i = 0; i < 2; i++) SocketDgram_start(clients[i]);
  for (int i = 0; i < 8; i++) {
    SocketCompletion_T event = pull_one(loop, SOCKET_DATAGRAM);
    assert_int_equal(event.length, event.subject == clients[0] ? 4 : 3);
  }
  SocketLoop_free(&loop);
}

static void next_segment(const SocketCompletion_T *event, void *user) {
  Sequence *sequence = user;
  assert_int_equal(event->kind, SOCKET_DATAGRAM);
  assert_int_equal(event->status, 0);
  assert_memory_equal(event->data, sequence->content + sequence->bytes, (size_t)event->length);
  assert_string_equal(sender_of(event->subject, event->source), sequence->from);
  sequence->bytes += event->length;
  sequence->got++;
}

/* One way: sends with segments, receives with or without joining, pushed or pulled, in batches or
 * not; the datagrams are the same. */
static void check_segments(const char *place, int gro, int pushed, int batch, int plain) {
  static char block[200000];
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128];
  SocketDgram_T dgram = bound_at(loop, place, address),
                other = bound_at(loop, place, other_address);
  Sequence sequence = {.content = block, .from = other_address};
  number_bytes(block, sizeof block);
  if (gro && SocketDgram_set_gro(dgram, 1) != 0) skip_on_this_system(WITHOUT_GRO);
  if (batch) assert_int_equal(SocketDgram_set_batch(dgram, batch, 2000), 0);
  if (pushed) SocketDgram_set_callback(dgram, next_segment, &sequence);
  assert_int_equal(SocketDgram_set_receive_buffer(dgram, 4 << 20), 0);
  if (plain) { /* the kernel segments only what it may checksum */
    int on = 1;
    assert_int_equal(
        setsockopt(SocketDgram_get_fd(other), SOL_SOCKET, SO_NO_CHECKSUMS, &on, sizeof on), 0);
  }
  const int64_t total = 100000;
  int64_t sent = 0;
  while (sent < total) {
    int64_t went = SocketDgram_send_segments(other, address, block + sent, total - sent, 1200);
    assert_true(went > 0);
    sent += went;
  }
  assert_int_equal(sent, total);
  int most = 0;
  while (sequence.bytes < total) {
    SocketCompletion_T events[128];
    int count = pushed ? 0 : SocketLoop_wait(loop, events, 128, HANG_MS);
    if (pushed) assert_true(SocketLoop_run_once(loop, HANG_MS) > 0);
    for (int i = 0; i < count; i++) next_segment(&events[i], &sequence);
    most = count > most ? count : most;
  }
  assert_int_equal(sequence.bytes, total);
  assert_int_equal(sequence.got, (int)((total + 1199) / 1200));
  const int can = SocketDgram_get_capabilities(dgram);
  if (gro && !pushed && !plain && (can & SOCKET_DGRAM_CAN_SEGMENT)) assert_true(most > 40);
  SocketLoop_free(&loop);
}

static void segments_are_datagrams(void **state) {
  (void)state;
  for (int way = 0; way < 32; way++)
    check_segments(way & 16 ? "[::1]:0" : "127.0.0.1:0", way & 1, way & 2, way & 4 ? 8 : 0,
                   way & 8);
}

static void segments_go_everywhere(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], other_address[128], name[128];
  SocketDgram_T dgram = bound(loop, address), other = bound(loop, other_address);
  assert_int_equal(SocketDgram_send_segments(other, address, "abcdefg", 7, 3), 7);
  pull_text(loop, dgram, "abc");
  pull_text(loop, dgram, "def");
  SocketCompletion_T event = pull_text(loop, dgram, "g");
  assert_int_equal(SocketDgram_reply_segments(dgram, event.source, "abcd", 4, 2), 4);
  pull_text(loop, other, "ab");
  pull_text(loop, other, "cd");
  assert_int_equal(SocketDgram_reply_segments(dgram, event.source, "abcd", 4, 2),
                   SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_send_segments(other, NULL, "abcd", 4, 2), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_connect(other, address), 0);
  assert_int_equal(SocketDgram_send_segments(other, NULL, "abcd", 4, 65507), 4);
  pull_text(loop, dgram, "abcd");
  assert_int_equal(SocketDgram_send_segments(other, NULL, NULL, 0, 10), 0);
  assert_int_equal(SocketDgram_send_segments(other, NULL, "abcd", 4, 0), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_segments(other, NULL, "abcd", 4, 65508), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_segments(other, NULL, "abcd", -1, 1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_segments(other, NULL, NULL, 1, 1), SOCKET_EINVAL);
  if (left_out_on_windows(WITHOUT_ABSTRACT_NAMES)) {
    SocketLoop_free(&loop);
    return;
  }
  /* Unix datagrams know no segments. */
  abstract_name(name, "segments");
  SocketDgram_T server = bound_at(loop, name, name), client = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_send_segments(client, name, "abcdefg", 7, 3), 7);
  pull_text(loop, server, "abc");
  pull_text(loop, server, "def");
  pull_text(loop, server, "g");
  assert_int_equal(SocketDgram_set_gro(server, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketDgram_set_gro(server, 0), 0);
  /* Asked for before there is a socket, it is kept where it can be. */
  SocketDgram_T fresh = SocketDgram_new(loop);
  assert_true(SocketDgram_get_capabilities(fresh) >= 0);
  (void)SocketDgram_set_gro(fresh, 1);
  abstract_name(name, "joined");
  assert_int_equal(SocketDgram_bind(fresh, name), 0);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_arrive_one_by_one_in_order),
      cmocka_unit_test(what_does_not_fit_is_cut_and_said),
      cmocka_unit_test(batches_say_how_far_they_got),
      cmocka_unit_test(a_wait_is_answered_in_one_call),
      cmocka_unit_test(segments_are_datagrams),
      cmocka_unit_test(segments_go_everywhere),
  };
  return cmocka_run_group_tests_name("datagram batches", tests, NULL, NULL);
}
