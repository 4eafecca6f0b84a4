/* SocketStream through the C ABI: output, its queue, its marks, its deadlines and its failures. */
#include "support/net_support.h"

#include <sched.h>
#include <signal.h>

static void no_sigpipe(int number) {
  (void)number;
  static const char text[] = "SIGPIPE was raised\n";
  if (write(2, text, sizeof text - 1) < 0) _exit(98);
  _exit(99);
}

static int expect_no_sigpipe(void **state) {
  (void)state;
  signal(SIGPIPE, no_sigpipe);
  return 0;
}

/* Reads from the peer until nothing more comes, running the loop meanwhile. */
static int64_t drain_peer(SocketLoop_T loop, int peer, int64_t wanted) {
  static char block[65536];
  int64_t got = 0;
  while (got < wanted) {
    ssize_t part = recv(peer, block, sizeof block, MSG_DONTWAIT);
    if (part == 0) break;
    if (part > 0)
      got += part;
    else
      assert_true(SocketLoop_run_once(loop, 1) >= 0);
  }
  return got;
}

static void the_marks_refuse_and_drain(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Recorder recorder = {0};
  SocketStream_set_callback(pair.stream, record, &recorder);
  assert_int_equal(SocketStream_set_marks(pair.stream, 1000, 100000), 0);
  int64_t taken = 0;
  assert_int_equal(write_until_refused(pair.stream, &taken), SOCKET_EAGAIN);
  int64_t queued = SocketStream_get_queued(pair.stream);
  assert_true(queued >= 100000);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_EAGAIN);
  assert_int_equal(SocketStream_get_queued(pair.stream), queued); /* nothing was taken */
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  assert_int_equal(drain_peer(loop, pair.peer, taken), taken);
  run_until(loop, &recorder.count[SOCKET_DRAINED], 1);
  assert_int_equal(SocketStream_get_queued(pair.stream), 0);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  assert_int_equal(recorder.count[SOCKET_DRAINED], 1);
  /* Below the low mark nothing is owed. */
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), 0);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  assert_int_equal(recorder.count[SOCKET_DRAINED], 1);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void lowered_marks_still_drain(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  static char block[65536];
  int64_t taken = 0;
  while (SocketStream_get_queued(pair.stream) == 0) {
    assert_true(SocketStream_write(pair.stream, block, sizeof block) >= 0);
    taken += (int64_t)sizeof block;
  }
  /* Under the default low mark; over the new high one. */
  assert_int_equal(SocketStream_set_marks(pair.stream, 10, 100), 0);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_EAGAIN);
  assert_int_equal(drain_peer(loop, pair.peer, taken), taken);
  pull_one(loop, SOCKET_DRAINED);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void after_shutdown_a_full_queue_is_no_reason_to_wait(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  int64_t taken = 0;
  assert_int_equal(write_until_refused(pair.stream, &taken), SOCKET_EAGAIN);
  assert_int_equal(SocketStream_shutdown(pair.stream), 0);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_ESTATE);
  assert_int_equal(drain_peer(loop, pair.peer, taken + 1), taken); /* then the end */
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void close_flushes_and_refuses_more(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  int64_t taken = 0;
  assert_int_equal(write_until_refused(pair.stream, &taken), SOCKET_EAGAIN);
  assert_int_equal(SocketStream_close(pair.stream), 0);
  assert_int_equal(SocketStream_close(pair.stream), 0);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_ESTATE);
  assert_int_equal(drain_peer(loop, pair.peer, taken + 1), taken);
  SocketCompletion_T event;
  int closed = 0;
  while (!closed) {
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    closed = event.kind == SOCKET_CLOSED;
    assert_true(closed || event.kind == SOCKET_DRAINED);
  }
  assert_int_equal(event.status, 0);
  assert_int_equal(SocketStream_write(pair.stream, "x", 1), SOCKET_ECLOSED);
  close(pair.peer);
  SocketLoop_free(&loop);
}

/* ---- write_ref */

typedef struct Loan {
  int released;
  int in_call;
  const void *data;
} Loan;

static void release(const void *data, void *user) {
  Loan *loan = user;
  assert_int_equal(loan->in_call, 0);
  assert_ptr_equal(data, loan->data);
  loan->released++;
}

static int64_t lend(SocketStream_T stream, Loan *loan, const void *data, int64_t length) {
  loan->data = data;
  loan->in_call = 1;
  int64_t outcome = SocketStream_write_ref(stream, data, length, release, loan);
  loan->in_call = 0;
  return outcome;
}

static void run_until_released(SocketLoop_T loop, Loan *loan) {
  for (int turns = 0; !loan->released && turns < 1000; turns++)
    assert_true(SocketLoop_run_once(loop, 1) >= 0);
  assert_int_equal(loan->released, 1);
}

static char big[8 << 20];

static void a_loan_sent_at_once_is_released_once(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Loan loan = {0}, empty = {0};
  assert_int_equal(lend(pair.stream, &loan, "hello", 5), 0);
  assert_int_equal(loan.released, 0);
  run_until_released(loop, &loan);
  assert_int_equal(lend(pair.stream, &empty, big, 0), 0);
  run_until_released(loop, &empty);
  assert_int_equal(loan.released, 1);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void a_queued_loan_is_released_when_it_is_sent(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Loan loan = {0};
  assert_true(lend(pair.stream, &loan, big, sizeof big) > 0);
  SocketLoop_run_once(loop, 10);
  assert_int_equal(loan.released, 0);
  Loan refused = {0};
  assert_int_equal(lend(pair.stream, &refused, big, 1), SOCKET_EAGAIN);
  assert_int_equal(drain_peer(loop, pair.peer, sizeof big), sizeof big);
  run_until_released(loop, &loan);
  SocketLoop_run_once(loop, 10);
  assert_int_equal(refused.released, 0);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void a_queued_loan_is_released_when_the_peer_resets(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Loan loan = {0}, refused = {0};
  assert_true(lend(pair.stream, &loan, big, sizeof big) > 0);
  raw_reset(pair.peer);
  int status = pull_one(loop, SOCKET_CLOSED).status;
  assert_true(status == SOCKET_ECONNRESET || status == SOCKET_EPIPE);
  run_until_released(loop, &loan);
  assert_int_equal(lend(pair.stream, &refused, big, 1), SOCKET_ECLOSED);
  SocketLoop_free(&loop);
  assert_int_equal(refused.released, 0);
  assert_int_equal(loan.released, 1);
}

static void queued_loans_are_released_when_the_stream_is_freed(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  Loan loan = {0};
  assert_true(lend(pair.stream, &loan, big, sizeof big) > 0);
  SocketStream_free(&pair.stream);
  run_until_released(loop, &loan);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void queued_loans_are_released_when_the_loop_is_freed(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop), other = make_raw_pair(loop), third = make_raw_pair(loop);
  Loan loan = {0}, sent = {0}, orphan = {0};
  assert_true(lend(pair.stream, &loan, big, sizeof big) > 0);
  assert_int_equal(lend(other.stream, &sent, "x", 1), 0);
  assert_true(lend(third.stream, &orphan, big, sizeof big) > 0);
  SocketStream_free(&third.stream);
  SocketLoop_free(&loop);
  assert_int_equal(loan.released, 1);
  assert_int_equal(sent.released, 1);
  assert_int_equal(orphan.released, 1);
  close(pair.peer);
  close(other.peer);
  close(third.peer);
}

static void free_the_loop(const SocketCompletion_T *event, void *user) {
  (void)event;
  SocketLoop_free(user);
}

static void and_when_it_is_freed_inside_a_callback(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new(), copy = loop;
  RawPair pair = make_raw_pair(loop);
  Loan loan = {0};
  assert_true(lend(pair.stream, &loan, big, sizeof big) > 0);
  SocketStream_set_callback(pair.stream, free_the_loop, &loop);
  SocketStream_start(pair.stream);
  assert_int_equal(write(pair.peer, "x", 1), 1);
  assert_int_equal(SocketLoop_run(copy), SOCKET_ESTOPPED);
  assert_null(loop);
  assert_int_equal(loan.released, 1);
  close(pair.peer);
}

/* Copies and loans of every size, in turn, through tiny buffers, to a reader that checks each byte.
 */
static void mixed_writes_keep_their_order(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_set_send_buffer(pair.stream, 4096);
  SocketStream_set_marks(pair.stream, 0, 1 << 30);
  enum { kTotal = 3000000 };
  char *pattern = malloc(kTotal), *got = malloc(kTotal);
  for (int i = 0; i < kTotal; i++) pattern[i] = (char)(i * 7 + (i >> 10));
  static Loan loans[4000];
  memset(loans, 0, sizeof loans);
  int lent = 0, at = 0;
  unsigned random = 1;
  while (at < kTotal) {
    random = random * 1103515245u + 12345u;
    int size = 1 + (int)((random >> 8) % ((random & 64) ? 40000 : 400));
    if (size > kTotal - at) size = kTotal - at;
    int64_t outcome;
    if ((random & 128) && lent < 4000) {
      outcome = lend(pair.stream, &loans[lent++], pattern + at, size);
    } else {
      char *copy = malloc((size_t)size);
      memcpy(copy, pattern + at, (size_t)size);
      outcome = SocketStream_write(pair.stream, copy, size);
      memset(copy, 0x55, (size_t)size);
      free(copy);
    }
    assert_true(outcome >= 0);
    at += size;
  }
  for (int read_bytes = 0; read_bytes < kTotal;) {
    ssize_t part = recv(pair.peer, got + read_bytes, (size_t)(kTotal - read_bytes), MSG_DONTWAIT);
    if (part > 0)
      read_bytes += (int)part;
    else
      SocketLoop_run_once(loop, 1);
  }
  assert_memory_equal(pattern, got, kTotal);
  for (int i = 0; i < lent; i++) run_until_released(loop, &loans[i]);
  free(pattern);
  free(got);
  close(pair.peer);
  SocketLoop_free(&loop);
}

/* ---- Failures and deadlines */

static void a_reset_while_writing_closes_once(void **state) {
  (void)state;
  for (int reading = 0; reading < 2; reading++) {
    SocketLoop_T loop = SocketLoop_new();
    RawPair pair = make_raw_pair(loop);
    Recorder recorder = {0};
    SocketStream_set_callback(pair.stream, record, &recorder);
    if (reading) SocketStream_start(pair.stream);
    raw_reset(pair.peer);
    int64_t outcome = SocketStream_write(pair.stream, "x", 1);
    assert_true(outcome == SOCKET_ECONNRESET || outcome == SOCKET_EPIPE);
    assert_int_equal(recorder.order[0], 0);
    int64_t again = SocketStream_write(pair.stream, "x", 1);
    assert_true(again == SOCKET_ECLOSED || again == outcome);
    run_until(loop, &recorder.count[SOCKET_CLOSED], 1);
    assert_int_equal(recorder.last[SOCKET_CLOSED].status, outcome);
    assert_int_equal(SocketLoop_run_once(loop, 20), 0);
    assert_int_equal(recorder.order[1], 0);
    SocketLoop_free(&loop);
  }
}

/* The peer answers, closes, and gets more of our output: its answer must not be lost. */
static void an_answer_survives_the_failing_write(void **state) {
  skip_on_younger_wine(WITHOUT_LAST_WORDS);
  (void)state;
  static char answer[100000];
  for (int push = 0; push < 2; push++) {
    SocketLoop_T loop = SocketLoop_new();
    RawPair pair = make_raw_pair(loop);
    Recorder recorder = {0};
    SocketStream_set_callback(pair.stream, push ? record : NULL, &recorder);
    SocketStream_start(pair.stream);
    assert_int_equal(write(pair.peer, answer, sizeof answer), sizeof answer);
    close(pair.peer);
    int64_t outcome = 0; /* the first one draws the reset, a later one meets it */
    for (int64_t until = monotonic_ms() + HANG_MS; outcome >= 0 && monotonic_ms() < until;)
      outcome = SocketStream_write(pair.stream, "x", 1);
    assert_true(outcome == SOCKET_EPIPE || outcome == SOCKET_ECONNRESET);
    while (recorder.count[SOCKET_CLOSED] == 0) {
      SocketCompletion_T event;
      if (push)
        assert_true(SocketLoop_run_once(loop, HANG_MS) > 0);
      else if (SocketLoop_wait(loop, &event, 1, HANG_MS) == 1)
        record(&event, &recorder);
      else
        fail();
    }
    assert_int_equal(recorder.bytes, sizeof answer);
    assert_int_equal(recorder.count[SOCKET_EOF], outcome == SOCKET_EPIPE);
    assert_int_equal(recorder.last[SOCKET_CLOSED].status, outcome);
    SocketLoop_free(&loop);
  }
}

static void pausing_a_broken_stream_ends_it(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_start(pair.stream);
  raw_reset(pair.peer);
  int64_t outcome = SocketStream_write(pair.stream, "x", 1);
  assert_true(outcome < 0);
  assert_int_equal(SocketStream_pause(pair.stream), 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, outcome);
  SocketLoop_free(&loop);
}

static void closing_a_broken_stream_keeps_its_reason(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_start(pair.stream);
  raw_reset(pair.peer);
  int64_t outcome = SocketStream_write(pair.stream, "x", 1);
  assert_int_equal(SocketStream_shutdown(pair.stream), 0);
  assert_int_equal(SocketStream_close(pair.stream), 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, outcome);
  SocketLoop_free(&loop);
}

static void a_peer_that_reads_nothing_times_out(void **state) {
  (void)state;
  for (int closing = 0; closing < 2; closing++) {
    SocketLoop_T loop = SocketLoop_new();
    RawPair pair = make_raw_pair(loop);
    Recorder recorder = {0};
    SocketStream_set_callback(pair.stream, record, &recorder);
    SocketStream_set_write_timeout(pair.stream, 60);
    int64_t taken = 0, start = monotonic_ms();
    write_until_refused(pair.stream, &taken);
    if (closing) SocketStream_close(pair.stream);
    run_until(loop, &recorder.count[SOCKET_CLOSED], 1);
    assert_true(monotonic_ms() - start >= 59);
    assert_int_equal(recorder.last[SOCKET_CLOSED].status, SOCKET_ETIMEDOUT);
    close(pair.peer);
    SocketLoop_free(&loop);
  }
}

/* The deadline starts with the write, however long the loop has been left alone before. */
static void a_write_after_a_long_rest_has_its_whole_time(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketStream_set_write_timeout(pair.stream, 300);
  SocketStream_set_idle_timeout(pair.stream, 300);
  for (int64_t until = monotonic_ms() + 400; monotonic_ms() < until;) sched_yield();
  int64_t taken = 0, start = monotonic_ms();
  write_until_refused(pair.stream, &taken);
  SocketStream_start(pair.stream);
  pull_one(loop, SOCKET_CLOSED);
  assert_true(monotonic_ms() - start >= 250);
  close(pair.peer);
  SocketLoop_free(&loop);
}

static void a_peer_that_sends_nothing_times_out(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketCompletion_T event;
  assert_int_equal(SocketStream_set_idle_timeout(pair.stream, 50), 0);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 150), 0); /* it does not read yet */
  int64_t start = monotonic_ms();
  SocketStream_start(pair.stream);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_ETIMEDOUT);
  assert_true(monotonic_ms() - start >= 49);
  close(pair.peer);
  SocketLoop_free(&loop);
}

/* Neither a consumer nor a loop that was held up makes an idle peer of a busy one. */
static void a_late_program_is_not_an_idle_peer(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  SocketCompletion_T event;
  SocketStream_set_idle_timeout(pair.stream, 100);
  SocketStream_start(pair.stream);
  static char block[40000];
  assert_int_equal(write(pair.peer, block, sizeof block), sizeof block);
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  SocketLoop_run_once(loop, 250); /* an event waits to be fetched all this time */
  for (int64_t got = 0; got < (int64_t)sizeof block;) {
    for (int64_t until = monotonic_ms() + 150; monotonic_ms() < until;) sched_yield();
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    assert_int_equal(event.kind, SOCKET_DATA);
    got += event.length;
  }
  shutdown(pair.peer, SHUT_WR);
  pull_one(loop, SOCKET_EOF);
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 200), 0); /* an ended side is not idle */
  close(pair.peer);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_marks_refuse_and_drain),
      cmocka_unit_test(lowered_marks_still_drain),
      cmocka_unit_test(after_shutdown_a_full_queue_is_no_reason_to_wait),
      cmocka_unit_test(close_flushes_and_refuses_more),
      cmocka_unit_test(a_loan_sent_at_once_is_released_once),
      cmocka_unit_test(a_queued_loan_is_released_when_it_is_sent),
      cmocka_unit_test(a_queued_loan_is_released_when_the_peer_resets),
      cmocka_unit_test(queued_loans_are_released_when_the_stream_is_freed),
      cmocka_unit_test(queued_loans_are_released_when_the_loop_is_freed),
      cmocka_unit_test(and_when_it_is_freed_inside_a_callback),
      cmocka_unit_test(mixed_writes_keep_their_order),
      cmocka_unit_test(a_reset_while_writing_closes_once),
      cmocka_unit_test(an_answer_survives_the_failing_write),
      cmocka_unit_test(pausing_a_broken_stream_ends_it),
      cmocka_unit_test(closing_a_broken_stream_keeps_its_reason),
      cmocka_unit_test(a_peer_that_reads_nothing_times_out),
      cmocka_unit_test(a_write_after_a_long_rest_has_its_whole_time),
      cmocka_unit_test(a_peer_that_sends_nothing_times_out),
      cmocka_unit_test(a_late_program_is_not_an_idle_peer),
  };
  return cmocka_run_group_tests_name("stream output", tests, expect_no_sigpipe, NULL);
}
