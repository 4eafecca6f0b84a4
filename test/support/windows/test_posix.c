/* The POSIX of the other tests, itself tested: what of it is more than a renamed call. */
#include "cmocka_c.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define assert_fails(call, error_number)                                                           \
  do {                                                                                             \
    errno = 0;                                                                                     \
    assert_int_equal(call, -1);                                                                    \
    assert_int_equal(errno, error_number);                                                         \
  } while (0)

static void pairs_carry_bytes(void **state) {
  (void)state;
  int ends[2];
  char got[8] = "";
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  assert_fails(read(ends[0], got, sizeof got), EAGAIN);
  assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  assert_int_equal(write(ends[1], "abc", 3), 3);
  struct pollfd wait = {ends[0], POLLIN | POLLOUT, 0};
  assert_int_equal(poll(&wait, 1, 10000), 1);
  while (!(wait.revents & POLLIN)) assert_int_equal(poll(&wait, 1, 10000), 1);
  assert_int_equal(wait.revents, POLLIN | POLLOUT);
  assert_int_equal(recv(ends[0], got, sizeof got, MSG_PEEK), 3);
  assert_int_equal(read(ends[0], got, sizeof got), 3);
  assert_string_equal(got, "abc");
  assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
  assert_fails(send(ends[1], "x", 1, MSG_NOSIGNAL), EPIPE);
  wait.events = POLLIN;
  assert_int_equal(poll(&wait, 1, 10000), 1);
  assert_int_equal(read(ends[0], got, sizeof got), 0);
  close(ends[0]);
  close(ends[1]);
}

static void one_call_that_does_not_wait(void **state) {
  (void)state;
  int ends[2];
  char got[8];
  assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  assert_fails(recv(ends[0], got, sizeof got, MSG_DONTWAIT), EAGAIN);
  assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
  assert_int_equal(send(ends[1], "0123456789", 10, 0), 10);
  assert_int_equal(recv(ends[0], got, sizeof got, 0), sizeof got); /* the rest is lost */
  close(ends[0]);
  close(ends[1]);
}

static void numbers_that_are_no_fds(void **state) {
  (void)state;
  const int none[] = {-1, 0, 1, 2, 5, 123456788};
  char byte;
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    assert_fails(close(none[i]), EBADF);
    assert_fails(fcntl(none[i], F_GETFD), EBADF);
    assert_fails(read(none[i], &byte, 1), EBADF);
    assert_fails(recv(none[i], &byte, 1, 0), EBADF);
    assert_fails(dup(none[i]), EBADF);
  }
  int file = open("/proc/self/exe", O_RDONLY);
  assert_true(file > 0);
  assert_fails(recv(file, &byte, 1, 0), ENOTSOCK);
  assert_int_equal(read(file, &byte, 1), 1);
  assert_int_equal(byte, 'M');
  close(file);
  assert_fails(fcntl(file, F_GETFD), EBADF);
}

static void a_number_can_be_taken_again(void **state) {
  (void)state;
  int ends[2];
  char got[2] = "";
  for (int i = 0; i < 100; i++) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const int number = ends[0], kept = dup(number), other = socket(AF_INET, SOCK_STREAM, 0);
    close(number);
    assert_int_equal(dup2(kept, number), number);
    close(kept);
    assert_int_equal(dup2(ends[1], other), other);
    int error = -1;
    socklen_t length = sizeof error;
    assert_int_equal(getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    assert_int_equal(error, 0);
    assert_int_equal(write(other, "x", 1), 1);
    assert_int_equal(read(number, got, 1), 1);
    close(number);
    close(other);
    close(ends[1]);
  }
}

static void counters(void **state) {
  (void)state;
  uint64_t value = 0;
  int fd = eventfd(3, EFD_NONBLOCK);
  assert_int_equal(read(fd, &value, sizeof value), sizeof value);
  assert_int_equal(value, 3);
  assert_fails(read(fd, &value, sizeof value), EAGAIN);
  assert_int_equal(eventfd_write(fd, 1), 0);
  assert_int_equal(read(fd, &value, sizeof value), sizeof value);
  close(fd);
}

static int visited;
static int visit(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)where;
  visited++;
  return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static void files(void **state) {
  (void)state;
  char folder[] = "/tmp/socketpoll-test-XXXXXX", name[64], other[64], got[8] = "";
  struct stat about, again;
  const struct timespec times[2] = {{1000000000, 0}, {1000000001, 123456700}};
  assert_non_null(mkdtemp(folder));
  assert_int_equal(stat(folder, &about), 0);
  assert_true(S_ISDIR(about.st_mode));
  snprintf(name, sizeof name, "%s/a", folder);
  snprintf(other, sizeof other, "%s/b", folder);
  assert_fails(open(name, O_RDONLY), ENOENT);
  int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
  assert_true(fd > 0);
  assert_fails(open(name, O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
  assert_int_equal(write(fd, "hello", 5), 5);
  assert_int_equal(pwrite(fd, "j", 1, 0), 1);
  assert_int_equal(pread(fd, got, sizeof got, 0), 5);
  assert_string_equal(got, "jello");
  assert_int_equal(pread(fd, got, sizeof got, 5), 0);
  assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
  assert_int_equal(ftruncate(fd, 3), 0);
  assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
  assert_int_equal(fstat(fd, &about), 0);
  assert_int_equal(about.st_size, 3);
  assert_int_equal(about.st_mtim.tv_sec, 1000000001);
  assert_int_equal(about.st_mtim.tv_nsec, 123456700);
  assert_int_equal(rename(name, other), 0); /* open, and yet */
  assert_int_equal(stat(other, &again), 0);
  assert_int_equal(again.st_ino, about.st_ino);
  assert_fails(rmdir(folder), ENOTEMPTY);
  assert_int_equal(truncate(other, 1), 0);
  int replacement = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  close(replacement);
  assert_int_equal(rename(name, other), 0); /* over an open one */
  assert_int_equal(access(name, 0), -1);
  assert_int_equal(pread(fd, got, sizeof got, 0), 1);
  close(fd);
  assert_int_equal(nftw(folder, visit, 16, FTW_DEPTH | FTW_PHYS), 0);
  assert_int_equal(visited, 2);
  assert_fails(stat(folder, &about), ENOENT);
}

static void a_file_without_a_name(void **state) {
  (void)state;
  char name[] = "/tmp/socketpoll-test-XXXXXX", byte;
  int fd = mkstemp(name);
  assert_true(fd > 0);
  assert_int_equal(unlink(name), 0);
  assert_fails(open(name, O_RDONLY), ENOENT);
  assert_int_equal(write(fd, "x", 1), 1);
  assert_int_equal(pread(fd, &byte, 1, 0), 1);
  close(fd);
  FILE *file = tmpfile();
  assert_non_null(file);
  fputs("text", file);
  fflush(file);
  assert_int_equal(lseek(fileno(file), 0, SEEK_END), 4);
  fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs_carry_bytes),
      cmocka_unit_test(one_call_that_does_not_wait),
      cmocka_unit_test(numbers_that_are_no_fds),
      cmocka_unit_test(a_number_can_be_taken_again),
      cmocka_unit_test(counters),
      cmocka_unit_test(files),
      cmocka_unit_test(a_file_without_a_name),
  };
  return cmocka_run_group_tests_name("posix", tests, NULL, NULL);
}
