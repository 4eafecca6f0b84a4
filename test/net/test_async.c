/* Operations on streams and listeners that complete once. */
#include "support/net_support.h"

#include <socketpoll/SocketAsync.h>

static int loop_setup(void **state) { return (*state = SocketLoop_new()) ? 0 : -1; }
static int loop_teardown(void **state) {
  SocketLoop_T loop = *state;
  SocketLoop_free(&loop);
  return 0;
}

/* Waits for it, frees it and gives its result. */
static int64_t finish(SocketFuture_T future) {
  assert_non_null(future);
  int64_t result = SocketFuture_await(future, HANG_MS);
  SocketFuture_free(&future);
  return result;
}

static SocketStream_T stream_of(SocketFuture_T future) {
  assert_non_null(future);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 0);
  SocketStream_T stream = SocketFuture_get_data(future);
  assert_non_null(stream);
  SocketFuture_free(&future);
  return stream;
}

static void assert_refused(SocketFuture_T future, int code) {
  assert_null(future);
  assert_int_equal(Socket_last_error(), code);
}

static Pair async_pair(SocketLoop_T loop) {
  char address[64];
  Pair pair;
  pair.listener = listen_local(loop, address);
  SocketFuture_T accept = SocketAsync_accept(pair.listener, -1);
  pair.client = stream_of(SocketAsync_connect(loop, address, HANG_MS));
  pair.server = stream_of(accept);
  return pair;
}

static void connect_and_accept(void **state) {
  Pair pair = async_pair(*state);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(*state, &event, 1, 0), 0); /* no events beside the outcomes */
  char buffer[16];
  assert_int_equal(finish(SocketAsync_write(pair.client, "hello", 5, -1)), 5);
  assert_int_equal(finish(SocketAsync_read(pair.server, buffer, sizeof buffer, -1)), 5);
  assert_memory_equal(buffer, "hello", 5);
}

static void accept_takes_what_waited(void **state) {
  char address[64];
  SocketListener_T listener = listen_local(*state, address);
  SocketStream_T client = stream_of(SocketAsync_connect(*state, address, HANG_MS));
  SocketFuture_T sleep = SocketAsync_sleep(*state, 1);
  while (SocketFuture_await(sleep, HANG_MS) < 0) {
  }
  SocketFuture_free(&sleep);
  SocketStream_T server = stream_of(SocketAsync_accept(listener, HANG_MS));
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(*state, &event, 1, 0), 0);
  SocketStream_free(&server);
  SocketStream_free(&client);
}

static void accept_refusals(void **state) {
  char address[64];
  SocketListener_T deaf = SocketListener_new(*state), listener = listen_local(*state, address);
  assert_refused(SocketAsync_accept(deaf, -1), SOCKET_ESTATE);
  assert_refused(SocketAsync_accept(listener, -2), SOCKET_EINVAL);
  SocketFuture_T waiting = SocketAsync_accept(listener, 5), canceled;
  assert_refused(SocketAsync_accept(listener, -1), SOCKET_EBUSY);
  assert_int_equal(finish(waiting), SOCKET_ETIMEDOUT);
  canceled = SocketAsync_accept(listener, -1);
  SocketListener_free(&listener);
  assert_int_equal(finish(canceled), SOCKET_ECANCELED);
}

static void accepted_and_never_asked_for(void **state) {
  char address[64];
  SocketListener_T listener = listen_local(*state, address);
  SocketFuture_T accept = SocketAsync_accept(listener, -1);
  SocketStream_T client = stream_of(SocketAsync_connect(*state, address, HANG_MS));
  assert_int_equal(SocketFuture_await(accept, HANG_MS), 0);
  SocketFuture_free(&accept); /* and the stream with it, so that the client sees the end */
  char byte;
  assert_int_equal(finish(SocketAsync_read(client, &byte, 1, HANG_MS)), 0);
}

static void connect_fails(void **state) {
  char address[64];
  assert_refused(SocketAsync_connect(*state, NULL, -1), SOCKET_EADDRESS);
  assert_refused(SocketAsync_connect(*state, "127.0.0.1:1", -2), SOCKET_EINVAL);
  close(raw_listen(1, address)); /* nobody listens there any more */
  assert_int_equal(finish(SocketAsync_connect(*state, address, HANG_MS)), SOCKET_ECONNREFUSED);
  SocketFuture_T canceled = SocketAsync_connect(*state, address, HANG_MS);
  assert_int_equal(SocketFuture_cancel(canceled), 0);
  assert_int_equal(finish(canceled), SOCKET_ECANCELED);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(*state, &event, 1, 0), 0); /* no trace of the streams */
}

static void read_exactly(void **state) {
  Pair pair = async_pair(*state);
  char buffer[8];
  SocketFuture_T read = SocketAsync_read_exactly(pair.server, buffer, 8, -1);
  assert_int_equal(SocketStream_write(pair.client, "1234", 4), 0);
  while (SocketFuture_get_progress(read) < 4) SocketLoop_run_once(*state, 10);
  assert_int_equal(SocketFuture_is_done(read), 0);
  assert_int_equal(SocketStream_write(pair.client, "567890", 6), 0);
  assert_int_equal(finish(read), 8);
  assert_memory_equal(buffer, "12345678", 8);
  SocketStream_shutdown(pair.client);
  assert_int_equal(finish(SocketAsync_read_exactly(pair.server, buffer, 8, -1)), 2);
  assert_memory_equal(buffer, "90", 2);
  assert_int_equal(finish(SocketAsync_read_exactly(pair.server, buffer, 8, -1)), 0);
  assert_int_equal(finish(SocketAsync_read(pair.server, buffer, 8, -1)), 0);
}

static void read_until(void **state) {
  Pair pair = async_pair(*state);
  char line[16];
  const char *text = "one\r\ntwo\r\n\r\nlong line without an end";
  assert_int_equal(SocketStream_write(pair.client, text, (int64_t)strlen(text)), 0);
  assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 16, "\r\n", 2, -1)), 5);
  assert_memory_equal(line, "one\r\n", 5);
  assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 16, "\r\n", 2, -1)), 5);
  assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 16, "\r\n", 2, -1)), 2);
  assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 8, "\r\n", 2, -1)),
                   SOCKET_ENOBUFS);
  assert_memory_equal(line, "long lin", 8);
  assert_int_equal(finish(SocketAsync_read(pair.server, line, 2, -1)), 2);
  assert_memory_equal(line, "e ", 2);
  SocketStream_shutdown(pair.client);
  assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 16, "\r\n", 2, -1)), 14);
  assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 16, "\r\n", 2, -1)), 0);
}

/* The delimiter arrives in two pieces, at every position, and behind a false start. */
static void read_until_in_pieces(void **state) {
  Pair pair = async_pair(*state);
  const char *text = "abab-abac";
  char line[16];
  for (int cut = 1; cut < 9; cut++) {
    SocketFuture_T read = SocketAsync_read_until(pair.server, line, 16, "abac", 4, -1);
    SocketStream_write(pair.client, text, cut);
    while (SocketFuture_get_progress(read) < cut) SocketLoop_run_once(*state, 10);
    assert_int_equal(SocketFuture_is_done(read), 0);
    SocketStream_write(pair.client, text + cut, 9 - cut);
    assert_int_equal(finish(read), 9);
    assert_memory_equal(line, text, 9);
  }
}

/* What was left over by an operation is the first that events deliver. */
static void events_after_operations(void **state) {
  for (int push = 0; push < 2; push++) {
    Pair pair = async_pair(*state);
    Recorder recorder = {0};
    char line[16];
    SocketStream_write(pair.client, "line\nrest", 9);
    SocketStream_shutdown(pair.client);
    assert_int_equal(finish(SocketAsync_read_until(pair.server, line, 16, "\n", 1, -1)), 5);
    if (push) SocketStream_set_callback(pair.server, record, &recorder);
    assert_int_equal(SocketStream_start(pair.server), 0);
    assert_refused(SocketAsync_read(pair.server, line, 16, -1), SOCKET_ESTATE);
    if (push) {
      run_until(*state, &recorder.count[SOCKET_EOF], 1);
      assert_int_equal(recorder.bytes, 4);
    } else {
      SocketCompletion_T event = pull_one(*state, SOCKET_DATA);
      assert_int_equal(event.length, 4);
      assert_memory_equal(event.data, "rest", 4);
      pull_one(*state, SOCKET_EOF);
    }
    SocketStream_free(&pair.server);
    SocketStream_free(&pair.client);
  }
}

/* The end that an operation was told of is told again by events, once. */
static void end_seen_by_both(void **state) {
  Pair pair = async_pair(*state);
  char byte;
  SocketCompletion_T event;
  SocketStream_shutdown(pair.client);
  assert_int_equal(finish(SocketAsync_read(pair.server, &byte, 1, -1)), 0);
  assert_int_equal(SocketLoop_wait(*state, &event, 1, 0), 0);
  assert_int_equal(SocketStream_start(pair.server), 0);
  pull_one(*state, SOCKET_EOF);
  SocketStream_pause(pair.server);
  SocketStream_start(pair.server);
  assert_int_equal(SocketLoop_wait(*state, &event, 1, 0), 0);
}

static void read_refusals(void **state) {
  Pair pair = async_pair(*state);
  char byte;
  assert_refused(SocketAsync_read(pair.server, NULL, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_read(pair.server, &byte, 0, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_read(pair.server, &byte, -1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_read(pair.server, &byte, 1, -2), SOCKET_EINVAL);
  assert_refused(SocketAsync_read_exactly(pair.server, &byte, 0, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_read_until(pair.server, &byte, 1, NULL, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_read_until(pair.server, &byte, 1, "x", 0, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_read_until(pair.server, &byte, 1, "12345678901234567", 17, -1),
                 SOCKET_EINVAL);
  SocketFuture_T read = SocketAsync_read(pair.server, &byte, 1, -1);
  assert_refused(SocketAsync_read(pair.server, &byte, 1, -1), SOCKET_EBUSY);
  assert_int_equal(SocketStream_start(pair.server), SOCKET_EBUSY);
  SocketStream_close(pair.server);
  assert_int_equal(finish(read), SOCKET_ECLOSED);
  assert_refused(SocketAsync_read(pair.server, &byte, 1, -1), SOCKET_ECLOSED);
  assert_refused(SocketAsync_write(pair.server, &byte, 1, -1), SOCKET_ECLOSED);
}

/* After a timeout or a cancel the buffer is the caller's, and the bytes come to the next reader. */
static void reader_gives_up(void **state) {
  Pair pair = async_pair(*state);
  char *buffer = malloc(16), other[16];
  SocketFuture_T read = SocketAsync_read_exactly(pair.server, buffer, 16, 5);
  SocketStream_write(pair.client, "abc", 3);
  assert_int_equal(SocketFuture_await(read, HANG_MS), SOCKET_ETIMEDOUT);
  int64_t had = SocketFuture_get_progress(read);
  SocketFuture_free(&read);
  read = SocketAsync_read(pair.server, buffer, 16, -1);
  if (had == 0) had = SocketFuture_await(read, HANG_MS);
  SocketFuture_cancel(read);
  SocketFuture_free(&read);
  assert_int_equal(had, 3);
  free(buffer); /* the sanitizer watches it */
  SocketStream_write(pair.client, "def", 3);
  assert_int_equal(finish(SocketAsync_read(pair.server, other, 16, -1)), 3);
  assert_memory_equal(other, "def", 3);
}

static void freed_handles_cancel(void **state) {
  Pair pair = async_pair(*state);
  char byte;
  SocketFuture_T read = SocketAsync_read(pair.server, &byte, 1, -1);
  SocketStream_free(&pair.server);
  assert_int_equal(SocketFuture_get_status(read), SOCKET_ECANCELED);
  SocketFuture_free(&read);
}

static void peer_resets(void **state) {
  char address[64], byte;
  SocketListener_T listener = listen_local(*state, address);
  int peer = raw_connect(port_of(address));
  SocketStream_T server = stream_of(SocketAsync_accept(listener, HANG_MS));
  SocketFuture_T read = SocketAsync_read(server, &byte, 1, -1);
  raw_reset(peer);
  assert_int_equal(finish(read), SOCKET_ECONNRESET);
  assert_refused(SocketAsync_read(server, &byte, 1, -1), SOCKET_ECLOSED);
  SocketCompletion_T event = pull_one(*state, SOCKET_CLOSED);
  assert_int_equal(event.status, SOCKET_ECONNRESET);
}

/* ---- Writing */

enum { LARGE = 8 << 20 };

static char *pattern(void) {
  char *bytes = malloc(LARGE);
  for (int i = 0; i < LARGE; i++) bytes[i] = (char)(i * 7 + (i >> 12));
  return bytes;
}

static void write_large(void **state) {
  Pair pair = async_pair(*state);
  char *out = pattern(), *in = malloc(LARGE);
  SocketFuture_T write = SocketAsync_write(pair.client, out, LARGE, -1);
  assert_int_equal(SocketFuture_is_done(write), 0);
  assert_refused(SocketAsync_write(pair.client, out, 1, -1), SOCKET_EBUSY);
  assert_int_equal(SocketStream_write(pair.client, out, 1), SOCKET_EBUSY);
  assert_int_equal(finish(SocketAsync_read_exactly(pair.server, in, LARGE, HANG_MS)), LARGE);
  assert_int_equal(finish(write), LARGE);
  assert_memory_equal(in, out, LARGE);
  free(in);
  free(out);
}

static void write_in_pieces(void **state) {
  Pair pair = async_pair(*state);
  char *out = pattern(), *in = malloc(LARGE);
  const void *data[200];
  int64_t lengths[200], total = 0;
  for (int i = 0; i < 200; i++) {
    data[i] = out + total;
    lengths[i] = i % 3 == 0 ? 0 : i * 200;
    total += lengths[i];
  }
  assert_int_equal(SocketStream_get_queued(pair.client), 0);
  SocketFuture_T write = SocketAsync_writev(pair.client, data, lengths, 200, -1);
  assert_int_equal(finish(SocketAsync_read_exactly(pair.server, in, total, HANG_MS)), total);
  assert_int_equal(finish(write), total);
  assert_memory_equal(in, out, (size_t)total);
  free(in);
  free(out);
}

static void write_refusals(void **state) {
  Pair pair = async_pair(*state);
  const void *data[1] = {"x"};
  int64_t lengths[1] = {-1};
  assert_refused(SocketAsync_write(pair.client, NULL, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_write(pair.client, "x", 1, -2), SOCKET_EINVAL);
  assert_refused(SocketAsync_writev(pair.client, NULL, lengths, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_writev(pair.client, data, NULL, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_writev(pair.client, data, lengths, 1, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_writev(pair.client, data, lengths, 0, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_writev(pair.client, data, lengths, 1025, -1), SOCKET_EINVAL);
  assert_int_equal(finish(SocketAsync_write(pair.client, NULL, 0, -1)), 0);
  SocketStream_shutdown(pair.client);
  assert_refused(SocketAsync_write(pair.client, "x", 1, -1), SOCKET_ESTATE);
}

/* A write that gives up takes back its memory; what went before it, and how much, is known, and
 * what follows comes right behind that. */
static void writer_gives_up(void **state) {
  Pair pair = async_pair(*state);
  char *out = pattern(), *in = malloc(LARGE);
  SocketFuture_T write = SocketAsync_write(pair.client, out, LARGE, 10);
  assert_int_equal(SocketFuture_await(write, HANG_MS), SOCKET_ETIMEDOUT);
  int64_t went = SocketFuture_get_progress(write);
  SocketFuture_free(&write);
  assert_true(went > 0 && went < LARGE);
  assert_int_equal(SocketStream_get_queued(pair.client), 0);
  char *copy = malloc((size_t)went);
  memcpy(copy, out, (size_t)went);
  free(out);
  write = SocketAsync_write(pair.client, "tail", 4, -1);
  assert_int_equal(finish(SocketAsync_read_exactly(pair.server, in, went + 4, HANG_MS)), went + 4);
  assert_int_equal(finish(write), 4);
  assert_memory_equal(in, copy, (size_t)went);
  assert_memory_equal(in + went, "tail", 4);
  free(copy);
  free(in);
}

static void writer_loses_its_peer(void **state) {
  char address[64];
  SocketListener_T listener = listen_local(*state, address);
  int peer = raw_connect(port_of(address));
  SocketStream_T server = stream_of(SocketAsync_accept(listener, HANG_MS));
  char *out = pattern();
  SocketFuture_T write = SocketAsync_write(server, out, LARGE, HANG_MS);
  raw_reset(peer);
  int64_t result = finish(write);
  assert_true(result == SOCKET_ECONNRESET || result == SOCKET_EPIPE);
  SocketFuture_T freed = SocketAsync_write(server, out, LARGE, HANG_MS);
  assert_null(freed);
  free(out);
}

static void writer_and_stream_freed(void **state) {
  for (int order = 0; order < 2; order++) {
    Pair pair = async_pair(*state);
    char *out = pattern(), byte;
    SocketFuture_T write = SocketAsync_write(pair.client, out, LARGE, -1);
    SocketFuture_T read = SocketAsync_read(pair.client, &byte, 1, -1); /* both at a time */
    if (order == 0) SocketFuture_free(&write);
    SocketStream_free(&pair.client);
    free(out);
    if (order == 1) {
      assert_int_equal(SocketFuture_get_status(write), SOCKET_ECANCELED);
      assert_true(SocketFuture_get_progress(write) > 0);
      SocketFuture_free(&write);
    }
    assert_int_equal(finish(read), SOCKET_ECANCELED);
  }
}

/* Closing lets a write that is under way go on to its end. */
static void close_behind_a_write(void **state) {
  Pair pair = async_pair(*state);
  char *out = pattern(), *in = malloc(LARGE);
  SocketFuture_T write = SocketAsync_write(pair.client, out, LARGE, -1);
  assert_int_equal(SocketStream_close(pair.client), 0);
  assert_int_equal(finish(SocketAsync_read_exactly(pair.server, in, LARGE, HANG_MS)), LARGE);
  assert_int_equal(finish(write), LARGE);
  SocketCompletion_T event = {0};
  while (event.kind != SOCKET_CLOSED) {
    assert_int_equal(SocketLoop_wait(*state, &event, 1, HANG_MS), 1);
    assert_true(event.kind == SOCKET_DRAINED || event.kind == SOCKET_CLOSED);
  }
  assert_int_equal(event.status, 0);
  free(in);
  free(out);
}

/* ---- Delivery of outcomes */

struct Chain {
  SocketStream_T from, to;
  char buffer[64];
  int64_t moved;
  int done;
};

static void on_read(const SocketCompletion_T *event, void *user);

static void on_written(const SocketCompletion_T *event, void *user) {
  struct Chain *chain = user;
  assert_int_equal(event->status, 0);
  chain->moved += event->length;
  SocketFuture_T next = SocketAsync_read(chain->from, chain->buffer, sizeof chain->buffer, -1);
  SocketFuture_then(next, on_read, chain);
  SocketFuture_release(next);
}

static void on_read(const SocketCompletion_T *event, void *user) {
  struct Chain *chain = user;
  assert_int_equal(event->status, 0);
  assert_ptr_equal(event->source, chain->from);
  assert_ptr_equal(event->data, chain->buffer);
  if (event->length == 0) {
    chain->done = 1;
    return;
  }
  SocketFuture_T next = SocketAsync_write(chain->to, chain->buffer, event->length, -1);
  SocketFuture_then(next, on_written, chain);
  SocketFuture_release(next);
}

static void a_chain_of_callbacks(void **state) {
  Pair in = async_pair(*state), out = async_pair(*state);
  struct Chain chain = {.from = in.server, .to = out.client};
  char message[300], got[300];
  memset(message, 'm', sizeof message);
  SocketFuture_T first = SocketAsync_read(chain.from, chain.buffer, sizeof chain.buffer, -1);
  SocketFuture_then(first, on_read, &chain);
  SocketFuture_release(first);
  SocketStream_write(in.client, message, sizeof message);
  SocketStream_shutdown(in.client);
  assert_int_equal(finish(SocketAsync_read_exactly(out.server, got, sizeof got, HANG_MS)), 300);
  run_until(*state, &chain.done, 1);
  assert_int_equal(chain.moved, 300);
}

/* A loop without a single callback. */
static void pulled_outcomes(void **state) {
  Pair pair = async_pair(*state);
  char buffer[8];
  SocketFuture_T read = SocketAsync_read(pair.server, buffer, sizeof buffer, -1);
  SocketFuture_then(read, NULL, buffer);
  SocketFuture_T write = SocketAsync_write(pair.client, "ping", 4, -1);
  SocketFuture_then(write, NULL, NULL);
  for (int seen = 0; seen < 2; seen++) {
    SocketCompletion_T event = pull_one(*state, SOCKET_COMPLETED);
    assert_int_equal(event.length, 4);
    if (event.subject == (void *)read) assert_ptr_equal(event.user, buffer);
  }
  SocketFuture_free(&read);
  SocketFuture_free(&write);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(connect_and_accept),
      TEST(accept_takes_what_waited),
      TEST(accept_refusals),
      TEST(accepted_and_never_asked_for),
      TEST(connect_fails),
      TEST(read_exactly),
      TEST(read_until),
      TEST(read_until_in_pieces),
      TEST(events_after_operations),
      TEST(end_seen_by_both),
      TEST(read_refusals),
      TEST(reader_gives_up),
      TEST(freed_handles_cancel),
      TEST(peer_resets),
      TEST(write_large),
      TEST(write_in_pieces),
      TEST(write_refusals),
      TEST(writer_gives_up),
      TEST(writer_loses_its_peer),
      TEST(writer_and_stream_freed),
      TEST(close_behind_a_write),
      TEST(a_chain_of_callbacks),
      TEST(pulled_outcomes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
