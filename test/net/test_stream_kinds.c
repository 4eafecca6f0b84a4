/* Streams over descriptors of any kind: what is taken and what is refused, pipes and FIFOs, and the
 * flags that other processes share. */
#include "support/kinds_support.h"

#include <sys/resource.h>

#include <socketpoll/SocketSimulation.h>

static int nonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

/* The descriptor is not taken, for that reason, and stays open and as it was. */
static void refuses(SocketLoop_T loop, int fd, int code) {
  const int flags = fcntl(fd, F_GETFL);
  assert_null(SocketStream_new_fd(loop, fd));
  assert_int_equal(Socket_last_error(), code);
  assert_int_equal(fcntl(fd, F_GETFL), flags);
  if (flags >= 0) close(fd);
}

static void what_is_no_stream_is_refused(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  int pair[2];
  refuses(loop, -1, SOCKET_EBADF);
  refuses(loop, 1 << 30, SOCKET_EBADF);
  refuses(loop, 1000, SOCKET_EBADF);
  refuses(loop, open("/dev/null", O_RDONLY), SOCKET_EPERM);
  refuses(loop, open("/tmp", O_RDONLY), SOCKET_EPERM);
  refuses(loop, open("/proc/self/exe", O_RDONLY), SOCKET_EPERM);
  refuses(loop, socket(AF_INET, SOCK_STREAM, 0), SOCKET_ENOTCONN);
  if (!left_out_on_windows(WITHOUT_UNIX_SOCKETS))
    refuses(loop, socket(AF_UNIX, SOCK_STREAM, 0), SOCKET_ENOTCONN);
  refuses(loop, socket(AF_INET, SOCK_DGRAM, 0), SOCKET_ENOTSUP);
  refuses(loop, raw_listen(5, address), SOCKET_EINVAL);
  if (!left_out_on_windows(WITHOUT_UNIX_SOCKETS)) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    refuses(loop, pair[0], SOCKET_ENOTSUP);
    close(pair[1]);
  }
  assert_int_equal(pipe(pair), 0);
  SocketSimulation_T simulation = SocketSimulation_new(1);
  SocketLoop_T simulated = SocketSimulation_new_loop(simulation);
  SocketStream_T a = NULL, b = NULL;
  refuses(simulated, pair[0], SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_new_pipe(simulated, &a, &b), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_new_socketpair(loop, simulated, &a, &b), SOCKET_ENOTSUP);
  close(pair[1]);
  SocketLoop_free(&simulated);
  SocketSimulation_free(&simulation);
  assert_int_equal(SocketStream_new_pipe(loop, NULL, &b), SOCKET_EINVAL);
  assert_int_equal(SocketStream_new_pipe(loop, &a, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketStream_new_socketpair(loop, loop, NULL, &b), SOCKET_EINVAL);
  assert_null(a);
  assert_null(b);
  SocketLoop_free(&loop);
}

static void without_descriptors_nothing_is_made(void **state) {
  skip_on_windows(WITHOUT_FILE_LIMIT);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T a = NULL, b = NULL;
  struct rlimit before, low;
  getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = dup(0);
  close(lowest_free);
  low = before;
  low.rlim_cur = (rlim_t)lowest_free + 1;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  assert_int_equal(SocketStream_new_pipe(loop, &a, &b), SOCKET_EMFILE);
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &a, &b), SOCKET_EMFILE);
  setrlimit(RLIMIT_NOFILE, &before);
  assert_null(a);
  assert_null(b);
  SocketLoop_free(&loop);
}

static void sockets_are_taken_and_given_their_flags_back(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[64];
  int ends[2], listener = raw_listen(5, address);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const int mine = dup(ends[0]);
  SocketStream_T a = SocketStream_new_fd(loop, ends[0]);
  SocketStream_T b = SocketStream_new_fd(loop, ends[1]);
  assert_int_equal(SocketStream_get_fd(a), ends[0]);
  const int can_ask = !left_out_on_windows(WITHOUT_ASKING);
  if (can_ask) assert_true(nonblocking(mine));
  passes(a, b, "a pair");
  passes(b, a, "and back");
  if (!left_out_on_windows(WITHOUT_UNIX_SOCKETS)) assert_string_equal(peer_of(a), "unix:");
  SocketStream_free(&a);
  if (can_ask) assert_false(nonblocking(mine));
  close(mine);
  assert_int_equal(SocketStream_start(b), 0);
  pull_one(loop, SOCKET_EOF);
  /* One that never blocked stays so. */
  int fd = raw_connect(port_of(address)), accepted = accept(listener, NULL, NULL);
  const int kept = dup(fd);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  a = SocketStream_new_fd(loop, fd);
  assert_string_equal(peer_of(a), address);
  assert_int_equal(SocketStream_set_nodelay(a, 0), 0);
  SocketStream_free(&a);
  if (can_ask) assert_true(nonblocking(kept));
  close(kept);
  close(accepted);
  close(listener);
  SocketLoop_free(&loop);
}

/* ---- Pipes */

static void a_pipe_has_one_direction(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T reader, writer;
  char byte, text[128];
  int64_t pid;
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  passes(writer, reader, "downstream");
  assert_int_equal(SocketStream_write(reader, "x", 1), SOCKET_ESTATE);
  assert_int_equal(SocketStream_shutdown(reader), SOCKET_ESTATE);
  assert_null(SocketAsync_write(reader, "x", 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);
  assert_int_equal(SocketStream_start(writer), SOCKET_ESTATE);
  assert_null(SocketAsync_read(writer, &byte, 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);

  assert_int_equal(SocketStream_get_peer(reader, text, sizeof text), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_local(writer, text, sizeof text), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_nodelay(writer, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_keepalive(writer, 0, 0, 0), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_receive_buffer(reader, 10000), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_send_buffer(writer, 10000), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_peer_credentials(reader, &pid, NULL, NULL), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_max_fds(reader, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_send_fds(writer, "x", 1, &(int){0}, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_raw(reader, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_window(reader, NULL, NULL), SOCKET_ENOTSUP);

  assert_int_equal(SocketStream_start(reader), 0);
  assert_int_equal(SocketStream_shutdown(writer), 0);
  assert_int_equal(SocketStream_shutdown(writer), 0);
  assert_ptr_equal(pull_one(loop, SOCKET_EOF).subject, reader);
  assert_int_equal(SocketStream_write(writer, "x", 1), SOCKET_ESTATE);
  assert_int_equal(SocketStream_get_fd(writer), SOCKET_ECLOSED);
  assert_int_equal(SocketStream_close(writer), 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, 0);
  assert_int_equal(SocketStream_close(reader), 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, 0);
  SocketLoop_free(&loop);
}

static char sent[2000000], got[sizeof sent + 1];

static void fill_sent(void) {
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (char)(i * 13 + (i >> 11));
}

static int released;

static void count_release(const void *data, void *user) {
  (void)data;
  (void)user;
  released++;
}

/* Queued copies and loans, the marks, and the end behind them all. */
static void output_is_queued_as_for_sockets(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T reader, writer;
  fill_sent();
  released = 0;
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  assert_int_equal(SocketStream_set_marks(writer, 1000, 1500000), 0);
  assert_true(SocketStream_write(writer, sent, 1000000) > 0);
  assert_true(SocketStream_write_ref(writer, sent + 1000000, 1000000, count_release, NULL) > 0);
  assert_int_equal(SocketStream_write(writer, "x", 1), SOCKET_EAGAIN);
  assert_int_equal(SocketStream_shutdown(writer), 0);
  assert_true(SocketStream_get_fd(writer) >= 0); /* until all is sent */
  SocketFuture_T reading = SocketAsync_read_exactly(reader, got, sizeof got, HANG_MS);
  pull_one(loop, SOCKET_DRAINED);
  assert_int_equal(outcome(reading), sizeof sent);
  assert_memory_equal(got, sent, sizeof sent);
  assert_int_equal(released, 1);
  assert_int_equal(SocketStream_get_queued(writer), 0);
  SocketLoop_free(&loop);
}

static void operations_work_the_same(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T reader, writer;
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  const void *const pieces[] = {"a line\nand ", "", "a rest"};
  const int64_t lengths[] = {11, 0, 6};
  assert_int_equal(outcome(SocketAsync_writev(writer, pieces, lengths, 3, HANG_MS)), 17);
  assert_int_equal(outcome(SocketAsync_read_until(reader, got, 100, "\n", 1, HANG_MS)), 7);
  assert_int_equal(outcome(SocketAsync_read_exactly(reader, got, 10, HANG_MS)), 10);
  assert_memory_equal(got, "and a rest", 10);
  assert_int_equal(outcome(SocketAsync_read(reader, got, 10, 20)), SOCKET_ETIMEDOUT);
  fill_sent();
  SocketFuture_T writing = SocketAsync_write(writer, sent, sizeof sent, HANG_MS);
  assert_int_equal(SocketStream_write(writer, "x", 1), SOCKET_EBUSY);
  assert_int_equal(outcome(SocketAsync_read_exactly(reader, got, sizeof sent, HANG_MS)),
                   sizeof sent);
  assert_int_equal(outcome(writing), sizeof sent);
  assert_memory_equal(got, sent, sizeof sent);
  writing = SocketAsync_write(writer, sent, sizeof sent, 20);
  assert_int_equal(outcome(writing), SOCKET_ETIMEDOUT);
  assert_int_equal(SocketStream_get_queued(writer), 0);
  SocketLoop_free(&loop);
}

static void timeouts_work_the_same(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T reader, writer;
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  assert_int_equal(SocketStream_set_idle_timeout(reader, 20), 0);
  assert_int_equal(SocketStream_start(reader), 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_ETIMEDOUT);
  SocketStream_free(&reader);
  SocketStream_free(&writer);
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  assert_int_equal(SocketStream_set_write_timeout(writer, 20), 0);
  assert_true(SocketStream_write(writer, sent, sizeof sent) > 0);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_ETIMEDOUT);
  SocketLoop_free(&loop);
}

static void no_reader_is_an_error_and_no_signal(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T reader, writer;
  signal(SIGPIPE, SIG_DFL);
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  SocketStream_free(&reader);
  assert_int_equal(SocketStream_write(writer, "x", 1), SOCKET_EPIPE);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EPIPE);
  SocketStream_free(&writer);
  /* Told while output waits. */
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  assert_true(SocketStream_write(writer, sent, sizeof sent) > 0);
  SocketStream_free(&reader);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EPIPE);
  SocketStream_free(&writer);
  /* And to an operation. */
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  SocketFuture_T writing = SocketAsync_write(writer, sent, sizeof sent, HANG_MS);
  SocketStream_free(&reader);
  assert_int_equal(outcome(writing), SOCKET_EPIPE);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EPIPE);
  /* One that was pending before stays so. */
  sigset_t block, pending;
  sigemptyset(&block);
  sigaddset(&block, SIGPIPE);
  sigprocmask(SIG_BLOCK, &block, NULL);
  raise(SIGPIPE);
  SocketStream_free(&writer);
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  SocketStream_free(&reader);
  assert_int_equal(SocketStream_write(writer, "x", 1), SOCKET_EPIPE);
  sigpending(&pending);
  assert_true(sigismember(&pending, SIGPIPE));
  signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_UNBLOCK, &block, NULL);
  signal(SIGPIPE, SIG_DFL);
  SocketLoop_free(&loop);
}

/* ---- What other processes share */

static void a_shared_pipe_stays_blocking(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  const int other_reader = dup(ends[0]), other_writer = dup(ends[1]);
  SocketStream_T reader = SocketStream_new_fd(loop, ends[0]);
  SocketStream_T writer = SocketStream_new_fd(loop, ends[1]);
  assert_int_equal(SocketStream_get_fd(reader), ends[0]);
  assert_true(nonblocking(ends[0]));
  assert_true(nonblocking(ends[1]));
  assert_false(fcntl(ends[0], F_GETFD) & FD_CLOEXEC); /* as it was handed over */
  assert_false(nonblocking(other_reader));
  assert_false(nonblocking(other_writer));
  passes(writer, reader, "beside a blocking reader");
  close(other_writer);
  SocketStream_free(&writer);
  SocketStream_start(reader);
  pull_one(loop, SOCKET_EOF);
  SocketStream_free(&reader);
  close(other_reader);
  SocketLoop_free(&loop);
}

/* As of `echo text | program`, when echo is gone before the program looks. */
static void a_pipe_whose_writer_has_gone_is_read_to_its_end(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "text", 4), 4);
  close(ends[1]);
  const int other = dup(ends[0]);
  SocketStream_T reader = SocketStream_new_fd(loop, ends[0]);
  assert_false(nonblocking(other));
  close(other);
  assert_int_equal(outcome(SocketAsync_read_exactly(reader, got, 100, HANG_MS)), 4);
  assert_int_equal(outcome(SocketAsync_read(reader, got, 100, HANG_MS)), 0);
  SocketLoop_free(&loop);
}

static void fifos_are_pipes(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Folder folder;
  make_folder(&folder);
  assert_int_equal(mkfifo(folder.file, 0600), 0);
  int reading = open(folder.file, O_RDONLY | O_NONBLOCK), writing = open(folder.file, O_WRONLY);
  fcntl(reading, F_SETFL, 0);
  int shared = dup(reading);
  SocketStream_T reader = SocketStream_new_fd(loop, reading);
  SocketStream_T writer = SocketStream_new_fd(loop, writing);
  assert_false(nonblocking(shared));
  passes(writer, reader, "by name");
  SocketStream_free(&writer);
  assert_int_equal(outcome(SocketAsync_read(reader, got, 1, HANG_MS)), 0);
  SocketStream_free(&reader);
  close(shared);
  /* Opened anew, it would never hear that the last writer has gone. */
  reading = open(folder.file, O_RDONLY | O_NONBLOCK);
  writing = open(folder.file, O_WRONLY);
  fcntl(reading, F_SETFL, 0);
  assert_int_equal(write(writing, "left", 4), 4);
  close(writing);
  shared = dup(reading);
  reader = SocketStream_new_fd(loop, reading);
  assert_true(nonblocking(shared));
  assert_int_equal(outcome(SocketAsync_read_exactly(reader, got, 5, HANG_MS)), 4);
  SocketStream_free(&reader);
  assert_false(nonblocking(shared));
  close(shared);
  /* Both ways at once: no half of it can end. */
  reader = SocketStream_new_fd(loop, open(folder.file, O_RDWR));
  passes(reader, reader, "to itself");
  assert_int_equal(SocketStream_shutdown(reader), SOCKET_ENOTSUP);
  passes(reader, reader, "still");
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void a_pair_may_stand_on_two_loops(void **state) {
  (void)state;
  SocketLoop_T one = SocketLoop_new(), other = SocketLoop_new();
  SocketStream_T a, b;
  assert_int_equal(SocketStream_new_socketpair(one, other, &a, &b), 0);
  assert_int_equal(SocketStream_write(a, "over", 4), 0);
  assert_int_equal(SocketStream_start(b), 0);
  assert_int_equal(pull_one(other, SOCKET_DATA).length, 4);
  SocketLoop_free(&one);
  pull_one(other, SOCKET_EOF);
  SocketLoop_free(&other);
}

/* Bytes go from any kind to any other, without a copy where the kernel can. */
static void splices_between_all_kinds(void **state) {
  skip_on_windows(WITHOUT_PIPES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketStream_T in_reader, in_writer, a, b, out_reader, out_writer;
  fill_sent();
  assert_int_equal(SocketStream_new_pipe(loop, &in_reader, &in_writer), 0);
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &a, &b), 0);
  assert_int_equal(SocketStream_new_pipe(loop, &out_reader, &out_writer), 0);
  assert_null(SocketAsync_splice(in_writer, a, 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);
  assert_null(SocketAsync_splice(b, out_reader, 1, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ESTATE);
  SocketFuture_T to_socket = SocketAsync_splice(in_reader, a, -1, HANG_MS);
  SocketFuture_T to_pipe = SocketAsync_splice(b, out_writer, sizeof sent, HANG_MS);
  SocketFuture_T writing = SocketAsync_write(in_writer, sent, sizeof sent, HANG_MS);
  assert_int_equal(outcome(SocketAsync_read_exactly(out_reader, got, sizeof sent, HANG_MS)),
                   sizeof sent);
  assert_memory_equal(got, sent, sizeof sent);
  assert_int_equal(outcome(writing), sizeof sent);
  assert_int_equal(outcome(to_pipe), sizeof sent);
  SocketStream_free(&in_writer);
  assert_int_equal(outcome(to_socket), sizeof sent);
  SocketLoop_free(&loop);
}

static void sockets_move_and_others_do_not(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new(), other = SocketLoop_new();
  SocketStream_T a, b, reader, writer;
  assert_int_equal(SocketStream_new_socketpair(loop, NULL, &a, &b), 0);
  assert_int_equal(SocketStream_move(b, other, NULL, NULL), 0);
  b = pull_one(other, SOCKET_ACCEPTED).subject;
  if (left_out_on_windows(WITHOUT_UNIX_SOCKETS)) { /* the pair is one of TCP */
    passes(a, b, "moved");
    SocketLoop_free(&loop);
    SocketLoop_free(&other);
    return;
  }
  assert_string_equal(peer_of(b), "unix:");
  assert_int_equal(SocketStream_set_max_fds(b, 1), 0); /* it is still a unix socket */
  assert_int_equal(SocketStream_set_nodelay(b, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_new_pipe(loop, &reader, &writer), 0);
  assert_int_equal(SocketStream_move(writer, other, NULL, NULL), SOCKET_ENOTSUP);
  passes(writer, reader, "still here");
  SocketLoop_free(&loop);
  SocketLoop_free(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_no_stream_is_refused),
      cmocka_unit_test(without_descriptors_nothing_is_made),
      cmocka_unit_test(sockets_are_taken_and_given_their_flags_back),
      cmocka_unit_test(a_pipe_has_one_direction),
      cmocka_unit_test(output_is_queued_as_for_sockets),
      cmocka_unit_test(operations_work_the_same),
      cmocka_unit_test(timeouts_work_the_same),
      cmocka_unit_test(no_reader_is_an_error_and_no_signal),
      cmocka_unit_test(a_shared_pipe_stays_blocking),
      cmocka_unit_test(a_pipe_whose_writer_has_gone_is_read_to_its_end),
      cmocka_unit_test(fifos_are_pipes),
      cmocka_unit_test(a_pair_may_stand_on_two_loops),
      cmocka_unit_test(splices_between_all_kinds),
      cmocka_unit_test(sockets_move_and_others_do_not),
  };
  return cmocka_run_group_tests_name("kinds of streams", tests, NULL, NULL);
}
