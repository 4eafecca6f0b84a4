/* Terminals as streams: both ends of a pty, what hangs up, and the settings that are put back. */
#include "support/kinds_support.h"

#include <sys/ioctl.h>
#include <termios.h>

typedef struct Pty {
  int master, slave;
} Pty;

static Pty open_pty(void) {
  Pty pty;
  pty.master = posix_openpt(O_RDWR | O_NOCTTY);
  assert_true(pty.master >= 0);
  assert_int_equal(grantpt(pty.master), 0);
  assert_int_equal(unlockpt(pty.master), 0);
  pty.slave = open(ptsname(pty.master), O_RDWR | O_NOCTTY);
  assert_true(pty.slave >= 0);
  return pty;
}

static int nonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

static int echoes(int terminal) {
  struct termios settings;
  assert_int_equal(tcgetattr(terminal, &settings), 0);
  return (settings.c_lflag & (ECHO | ICANON)) != 0;
}

static void a_terminal_is_a_stream(void **state) {
  skip_on_windows(WITHOUT_TERMINALS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pty pty = open_pty();
  const int shell = dup(pty.slave), kept = dup(pty.master);
  SocketStream_T terminal = SocketStream_new_fd(loop, pty.slave);
  SocketStream_T keyboard = SocketStream_new_fd(loop, pty.master);
  assert_non_null(terminal);
  assert_non_null(keyboard);
  /* The shell's description is left alone; that of the controlling side cannot be. */
  assert_false(nonblocking(shell));
  assert_true(nonblocking(kept));
  assert_true(nonblocking(pty.slave));
  /* A line is there once it is ended, and was echoed meanwhile. */
  char line[64];
  assert_int_equal(SocketStream_write(keyboard, "typed\n", 6), 0);
  assert_int_equal(outcome(SocketAsync_read(terminal, line, sizeof line, HANG_MS)), 6);
  assert_memory_equal(line, "typed\n", 6);
  assert_int_equal(outcome(SocketAsync_read_exactly(keyboard, line, 7, HANG_MS)), 7);
  assert_memory_equal(line, "typed\r\n", 7);
  assert_int_equal(SocketStream_shutdown(terminal), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_nodelay(terminal, 1), SOCKET_ENOTSUP);
  passes(terminal, keyboard, "shown");
  SocketStream_free(&keyboard);
  assert_false(nonblocking(kept));
  close(kept);
  close(shell);
  SocketLoop_free(&loop);
}

static void raw_mode_is_put_back(void **state) {
  skip_on_windows(WITHOUT_TERMINALS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pty pty = open_pty();
  const int shell = dup(pty.slave);
  SocketStream_T terminal = SocketStream_new_fd(loop, pty.slave);
  assert_true(echoes(shell));
  assert_int_equal(SocketStream_set_raw(terminal, 0), 0);
  assert_int_equal(SocketStream_set_raw(terminal, 1), 0);
  assert_int_equal(SocketStream_set_raw(terminal, 1), 0);
  assert_false(echoes(shell));
  char key[2];
  assert_int_equal(write(pty.master, "k", 1), 1);
  assert_int_equal(outcome(SocketAsync_read(terminal, key, 2, HANG_MS)), 1);
  assert_int_equal(SocketStream_set_raw(terminal, 0), 0);
  assert_true(echoes(shell));
  assert_int_equal(SocketStream_set_raw(terminal, 1), 0);
  assert_int_equal(SocketStream_close(terminal), 0);
  pull_one(loop, SOCKET_CLOSED);
  assert_int_equal(SocketStream_set_raw(terminal, 0), SOCKET_ECLOSED);
  SocketStream_free(&terminal);
  assert_true(echoes(shell));
  close(shell);
  close(pty.master);
  SocketLoop_free(&loop);
}

static void the_window_has_a_size(void **state) {
  skip_on_windows(WITHOUT_TERMINALS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pty pty = open_pty();
  const struct winsize size = {24, 80, 0, 0};
  assert_int_equal(ioctl(pty.master, TIOCSWINSZ, &size), 0);
  SocketStream_T terminal = SocketStream_new_fd(loop, pty.slave);
  int columns = 0, rows = 0;
  assert_int_equal(SocketStream_get_window(terminal, &columns, &rows), 0);
  assert_int_equal(columns, 80);
  assert_int_equal(rows, 24);
  assert_int_equal(SocketStream_get_window(terminal, NULL, NULL), 0);
  close(pty.master);
  SocketLoop_free(&loop);
}

static void hanging_up_is_the_end(void **state) {
  skip_on_windows(WITHOUT_TERMINALS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pty pty = open_pty();
  SocketStream_T keyboard = SocketStream_new_fd(loop, pty.master);
  assert_int_equal(write(pty.slave, "last", 4), 4);
  close(pty.slave);
  assert_int_equal(SocketStream_start(keyboard), 0);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 4);
  pull_one(loop, SOCKET_EOF);
  /* Level-triggered and hung up for good: nothing spins. */
  SocketCompletion_T event;
  const int64_t cpu = cpu_ms();
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 200), 0);
  assert_true(cpu_ms() - cpu < 100);
  SocketStream_free(&keyboard);

  pty = open_pty();
  SocketStream_T terminal = SocketStream_new_fd(loop, pty.slave);
  close(pty.master);
  char byte;
  assert_int_equal(outcome(SocketAsync_read(terminal, &byte, 1, HANG_MS)), 0);
  assert_int_equal(SocketStream_write(terminal, "x", 1), SOCKET_EIO);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EIO);
  SocketLoop_free(&loop);
}

static void output_for_nobody_breaks_the_stream(void **state) {
  skip_on_windows(WITHOUT_TERMINALS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  Pty pty = open_pty();
  SocketStream_T keyboard = SocketStream_new_fd(loop, pty.master);
  assert_int_equal(SocketStream_set_write_timeout(keyboard, -1), 0);
  int64_t taken = 0;
  assert_int_equal(write_until_refused(keyboard, &taken), SOCKET_EAGAIN);
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0); /* a reader may come yet */
  close(pty.slave);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EPIPE);
  SocketLoop_free(&loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_terminal_is_a_stream),
      cmocka_unit_test(raw_mode_is_put_back),
      cmocka_unit_test(the_window_has_a_size),
      cmocka_unit_test(hanging_up_is_the_end),
      cmocka_unit_test(output_for_nobody_breaks_the_stream),
  };
  return cmocka_run_group_tests_name("terminals", tests, NULL, NULL);
}
