/* The emulated kqueue against the sentences of kqueue(2). */
#define _GNU_SOURCE
#include <sys/event.h>

#include "cmocka_c.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int kq, near_end, far_end;
static char tag_a, tag_b;

static int begin(void **state) {
  int ends[2];
  (void)state;
  kq = kqueue();
  if (kq < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0) return -1;
  near_end = ends[0];
  far_end = ends[1];
  return 0;
}

static int end(void **state) {
  (void)state;
  close(near_end);
  close(far_end);
  return close(kq);
}

/* One change, with no room for its error in a list. */
static int change_to(int queue, int fd, int filter, int flags, unsigned fflags, intptr_t data,
                     void *udata) {
  struct kevent one;
  EV_SET(&one, fd, filter, flags, fflags, data, udata);
  return kevent(queue, &one, 1, NULL, 0, NULL);
}

static int change(int fd, int filter, int flags, void *udata) {
  return change_to(kq, fd, filter, flags, 0, 0, udata);
}

static int look(struct kevent *events, int room) {
  const struct timespec now = {0, 0};
  return kevent(kq, NULL, 0, events, room, &now);
}

static void assert_one(int fd, int filter, int flags, intptr_t data, void *udata) {
  struct kevent events[4];
  assert_int_equal(look(events, 4), 1);
  assert_int_equal(events[0].ident, fd);
  assert_int_equal(events[0].filter, filter);
  assert_int_equal(events[0].flags & EV_EOF, flags & EV_EOF);
  if (data >= 0) assert_int_equal(events[0].data, data);
  assert_ptr_equal(events[0].udata, udata);
}

static void assert_none(void) {
  struct kevent events[4];
  assert_int_equal(look(events, 4), 0);
}

static void sent(const char *text) {
  assert_int_equal(write(far_end, text, strlen(text)), strlen(text));
}

static void drained(void) {
  char buffer[256];
  while (read(near_end, buffer, sizeof buffer) > 0) {
  }
}

/* "The filter is executed upon the initial registration of a kevent in order to detect whether a
 * preexisting condition is present." */
static void a_preexisting_condition_is_reported(void **state) {
  (void)state;
  sent("abc");
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, &tag_a), 0);
  assert_one(near_end, EVFILT_READ, 0, 3, &tag_a); /* "data contains the number of bytes" */
}

/* "... and is also run when the user attempts to retrieve the event from the kqueue. If the filter
 * indicates that the condition that triggered the event no longer holds, the kevent is removed from
 * the kqueue and is not returned." */
static void what_no_longer_holds_is_not_returned(void **state) {
  (void)state;
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, NULL), 0);
  sent("abc");
  drained();
  assert_none();
}

static void a_level_repeats(void **state) {
  (void)state;
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, NULL), 0);
  sent("abc");
  for (int i = 0; i < 3; i++) assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  drained();
  assert_none();
}

/* "EV_CLEAR: After the event is retrieved by the user, its state is reset." */
static void clear_reports_a_change(void **state) {
  (void)state;
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD | EV_CLEAR, NULL), 0);
  sent("abc");
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  assert_none();
  sent("de");
  assert_one(near_end, EVFILT_READ, 0, 5, NULL);
}

/* "EV_ONESHOT: Causes the event to return only the first occurrence of the filter being triggered.
 * After the user retrieves the event from the kqueue, it is deleted." */
static void a_one_shot_is_deleted(void **state) {
  (void)state;
  sent("abc");
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD | EV_ONESHOT, NULL), 0);
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  assert_none();
  assert_int_equal(change(near_end, EVFILT_READ, EV_DELETE, NULL), -1);
  assert_int_equal(errno, ENOENT);
}

/* "EV_DISPATCH: Disable the event source immediately after delivery of an event." "EV_DISABLE:
 * Disable ident so kevent() will not return it. The filter itself is not disabled." "EV_ENABLE:
 * Permit kevent() to return the event if it is triggered." */
static void disabled_and_enabled(void **state) {
  (void)state;
  sent("abc");
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD | EV_DISPATCH, NULL), 0);
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  assert_none();
  assert_int_equal(change(near_end, EVFILT_READ, EV_ENABLE, NULL), 0);
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  assert_int_equal(change(near_end, EVFILT_WRITE, EV_ADD | EV_DISABLE, NULL), 0);
  assert_none();
  assert_int_equal(change(near_end, EVFILT_WRITE, EV_ENABLE, NULL), 0);
  assert_one(near_end, EVFILT_WRITE, 0, -1, NULL);
  assert_int_equal(change(near_end, EVFILT_WRITE, EV_DISABLE, NULL), 0); /* active by now */
  assert_none();
}

/* "Re-adding an existing event will modify the parameters of the original event, and not result in
 * a duplicate entry. Adding an event automatically enables it." */
static void adding_again_modifies(void **state) {
  (void)state;
  sent("abc");
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, &tag_a), 0);
  assert_int_equal(change(near_end, EVFILT_READ, EV_DISABLE, &tag_a), 0);
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD | EV_CLEAR, &tag_b), 0);
  for (int i = 0; i < 2; i++) /* the trigger is as it was */
    assert_one(near_end, EVFILT_READ, 0, 3, &tag_b);
}

/* "A kevent is identified by an (ident, filter) pair": separate events of one fd. */
static void filters_are_separate(void **state) {
  (void)state;
  struct kevent events[4];
  sent("abc");
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, &tag_a), 0);
  assert_int_equal(change(near_end, EVFILT_WRITE, EV_ADD, &tag_b), 0);
  assert_int_equal(look(events, 4), 2);
  assert_int_equal(events[0].ident, events[1].ident);
  assert_int_equal(events[0].filter, EVFILT_READ);
  assert_int_equal(events[1].filter, EVFILT_WRITE);
  assert_true(events[1].data > 0); /* "the amount of space remaining in the write buffer" */
  /* What finds no room comes first the next time. */
  assert_int_equal(look(events, 1), 1);
  assert_int_equal(events[0].filter, EVFILT_READ);
  assert_int_equal(look(events, 1), 1);
  assert_int_equal(events[0].filter, EVFILT_WRITE);
  assert_int_equal(change(near_end, EVFILT_READ, EV_DELETE, NULL), 0);
  assert_one(near_end, EVFILT_WRITE, 0, -1, &tag_b);
}

/* "The per-socket low water mark value may be overridden on a per-filter basis by setting the
 * NOTE_LOWAT flag in fflags, and specifying the new low water mark in data." */
static void low_water_marks(void **state) {
  (void)state;
  assert_int_equal(change_to(kq, near_end, EVFILT_READ, EV_ADD, NOTE_LOWAT, 3, NULL), 0);
  assert_int_equal(change_to(kq, near_end, EVFILT_WRITE, EV_ADD, NOTE_LOWAT, INT_MAX, NULL), 0);
  sent("ab");
  assert_none();
  sent("c");
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
}

/* "If the read direction of the socket has shutdown, then the filter also sets EV_EOF in flags. It
 * is possible for EOF to be returned while there is still data pending in the socket buffer." */
static void the_end_of_a_socket(void **state) {
  (void)state;
  struct kevent events[4];
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, NULL), 0);
  assert_int_equal(change_to(kq, near_end, EVFILT_WRITE, EV_ADD, NOTE_LOWAT, INT_MAX, NULL), 0);
  sent("abc");
  shutdown(far_end, SHUT_WR);
  assert_one(near_end, EVFILT_READ, EV_EOF, 3, NULL);
  close(far_end);
  far_end = -1;
  assert_int_equal(look(events, 4), 2);
  assert_true(events[0].flags & events[1].flags & EV_EOF);
}

/* "EVFILT_WRITE ... The filter will set EV_EOF when the reader disconnects", and EVFILT_READ "when
 * the last writer disconnects". */
static void the_ends_of_pipes(void **state) {
  (void)state;
  int pipes[4];
  assert_int_equal(pipe(pipes), 0);
  assert_int_equal(pipe(pipes + 2), 0);
  assert_int_equal(change(pipes[0], EVFILT_READ, EV_ADD, NULL), 0);
  assert_none();
  assert_int_equal(write(pipes[1], "ab", 2), 2);
  assert_one(pipes[0], EVFILT_READ, 0, 2, NULL);
  close(pipes[1]);
  assert_one(pipes[0], EVFILT_READ, EV_EOF, 2, NULL);
  close(pipes[0]);
  assert_int_equal(change(pipes[3], EVFILT_WRITE, EV_ADD, NULL), 0);
  assert_one(pipes[3], EVFILT_WRITE, 0, -1, NULL);
  close(pipes[2]);
  assert_one(pipes[3], EVFILT_WRITE, EV_EOF, -1, NULL);
  assert_int_equal(change(pipes[3], EVFILT_WRITE, EV_DELETE, NULL), 0);
  assert_int_equal(change(pipes[3], EVFILT_WRITE, EV_ADD, NULL), -1); /* as FreeBSD and macOS do */
  assert_int_equal(errno, EPIPE);
  close(pipes[3]);
}

/* A connection that is refused ends in both directions, "and returns the socket error (if any) in
 * fflags". A socket that was never connected has no event. */
static void a_refused_connection(void **state) {
  (void)state;
  struct kevent events[4];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  const int bound = socket(AF_INET, SOCK_STREAM, 0);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(bound, (struct sockaddr *)&address, length), 0);
  assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &length), 0);
  assert_int_equal(change(client, EVFILT_READ, EV_ADD, NULL), 0);
  assert_int_equal(change(client, EVFILT_WRITE, EV_ADD, NULL), 0);
  assert_none();
  assert_int_equal(connect(client, (struct sockaddr *)&address, length), -1);
  const struct timespec patience = {10, 0};
  int count = kevent(kq, NULL, 0, events, 4, &patience);
  assert_int_equal(count, 2);
  for (int i = 0; i < count; i++) {
    assert_true(events[i].flags & EV_EOF);
    assert_int_not_equal(events[i].fflags, 0);
  }
  close(client);
  close(bound);
}

/* "Sockets which have previously been passed to listen(2) return when there is an incoming
 * connection pending." */
static void a_listening_socket(void **state) {
  (void)state;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  assert_int_equal(change(listener, EVFILT_READ, EV_ADD, NULL), 0);
  assert_none();
  assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
  assert_one(listener, EVFILT_READ, 0, 1, NULL);
  /* The end of this side's sending shows at EVFILT_WRITE alone. */
  assert_int_equal(change(listener, EVFILT_READ, EV_DELETE, NULL), 0);
  shutdown(client, SHUT_WR);
  assert_int_equal(change(client, EVFILT_READ, EV_ADD, NULL), 0);
  assert_none();
  assert_int_equal(change(client, EVFILT_WRITE, EV_ADD, NULL), 0);
  assert_one(client, EVFILT_WRITE, EV_EOF, -1, NULL);
  close(client);
  close(listener);
}

/* EVFILT_USER: "triggered by user level code"; "the lower 24 bits of the fflags may be used". */
static void user_events(void **state) {
  (void)state;
  struct kevent events[4];
  assert_int_equal(change_to(kq, 7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, &tag_a), 0);
  assert_none();
  assert_int_equal(change_to(kq, 7, EVFILT_USER, 0, NOTE_FFCOPY | 0x6, 0, &tag_a), 0);
  assert_none();
  assert_int_equal(change_to(kq, 7, EVFILT_USER, 0, NOTE_FFAND | 0x3, 0, &tag_a), 0);
  assert_int_equal(change_to(kq, 7, EVFILT_USER, 0, NOTE_TRIGGER | NOTE_FFOR | 0x8, 0, &tag_a), 0);
  assert_int_equal(look(events, 4), 1);
  assert_int_equal(events[0].filter, EVFILT_USER);
  assert_int_equal(events[0].ident, 7);
  assert_int_equal(events[0].fflags, 0xa);
  assert_none(); /* EV_CLEAR */
  assert_int_equal(change_to(kq, 8, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL), -1);
  assert_int_equal(errno, ENOENT);
  assert_int_equal(change_to(kq, 8, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL), 0);
  for (int i = 0; i < 2; i++) assert_one(8, EVFILT_USER, 0, 0, NULL); /* without it, it repeats */
  assert_int_equal(change(8, EVFILT_USER, EV_DELETE, NULL), 0);
  assert_none();
}

/* "If an error occurs while processing an element of the changelist and there is enough room in the
 * eventlist, then the event will be placed in the eventlist with EV_ERROR set in flags and the
 * system error in data. Otherwise, -1 will be returned, and errno will be set." */
static void errors_of_changes(void **state) {
  (void)state;
  struct kevent changes[3], events[4];
  const int closed = dup(near_end);
  close(closed);
  sent("abc");
  EV_SET(&changes[0], closed, EVFILT_READ, EV_ADD, 0, 0, &tag_a);
  EV_SET(&changes[1], near_end, EVFILT_READ, EV_ADD, 0, 0, &tag_b);
  EV_SET(&changes[2], near_end, EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
  assert_int_equal(kevent(kq, changes, 3, NULL, 0, NULL), -1);
  assert_int_equal(errno, EBADF);
  assert_none(); /* what follows the error was not processed */
  assert_int_equal(kevent(kq, changes, 3, events, 4, NULL), 2);
  assert_int_equal(events[0].flags, EV_ERROR);
  assert_int_equal(events[0].ident, closed);
  assert_int_equal(events[0].data, EBADF);
  assert_ptr_equal(events[0].udata, &tag_a);
  assert_int_equal(events[1].data, ENOENT);
  assert_one(near_end, EVFILT_READ, 0, 3, &tag_b);
  assert_int_equal(change(near_end, 17, EV_ADD, NULL), -1); /* no such filter */
  assert_int_equal(errno, EINVAL);
  assert_int_equal(change(kqueue(), EVFILT_WRITE, EV_ADD, NULL), -1);
  assert_int_equal(errno, EINVAL);
}

/* "EV_RECEIPT: This flag is useful for making bulk changes to a kqueue without draining any pending
 * events. When passed as input, it forces EV_ERROR to always be returned. When a filter is
 * successfully added, the data field will be zero." */
static void receipts(void **state) {
  (void)state;
  struct kevent changes[2], events[4];
  sent("abc");
  EV_SET(&changes[0], near_end, EVFILT_READ, EV_ADD | EV_RECEIPT, 0, 0, &tag_a);
  EV_SET(&changes[1], near_end, EVFILT_WRITE, EV_DELETE | EV_RECEIPT, 0, 0, &tag_b);
  assert_int_equal(kevent(kq, changes, 2, events, 4, NULL), 2);
  assert_int_equal(events[0].flags, EV_ERROR);
  assert_int_equal(events[0].data, 0);
  assert_int_equal(events[1].flags, EV_ERROR);
  assert_int_equal(events[1].data, ENOENT);
  assert_one(near_end, EVFILT_READ, 0, 3, &tag_a);
}

/* "Calling close(2) on a file descriptor will remove any kevents that reference the descriptor." */
static void a_closed_descriptor_is_forgotten(void **state) {
  (void)state;
  sent("abc");
  const int other = dup(near_end);
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, NULL), 0);
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  close(near_end); /* the file lives on */
  assert_none();
  assert_int_equal(change(near_end, EVFILT_READ, EV_DELETE, NULL), -1);
  assert_int_equal(errno, EBADF);
  assert_int_equal(dup2(other, near_end), near_end);
  assert_int_equal(change(near_end, EVFILT_READ, EV_DELETE, NULL), -1);
  assert_int_equal(errno, ENOENT);
  /* And so is one whose number is another file. */
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, NULL), 0);
  assert_int_equal(dup2(kq, near_end), near_end);
  assert_int_equal(change(near_end, EVFILT_READ, EV_ENABLE, NULL), -1);
  assert_int_equal(errno, ENOENT);
  assert_none();
  close(other);
}

/* "The kqueue() system call ... returns a descriptor": that can be waited for like any. */
static void a_kqueue_can_be_polled(void **state) {
  (void)state;
  struct pollfd foreign = {kq, POLLIN, 0};
  assert_int_equal(change(near_end, EVFILT_READ, EV_ADD, NULL), 0);
  assert_int_equal(poll(&foreign, 1, 0), 0);
  sent("abc");
  assert_int_equal(poll(&foreign, 1, 0), 1);
  assert_one(near_end, EVFILT_READ, 0, 3, NULL);
  assert_int_equal(poll(&foreign, 1, 0), 1); /* still so */
  const int outer = kqueue();
  struct kevent event;
  assert_int_equal(change_to(outer, kq, EVFILT_READ, EV_ADD, 0, 0, &tag_a), 0);
  assert_int_equal(kevent(outer, NULL, 0, &event, 1, NULL), 1);
  assert_int_equal(event.ident, kq);
  drained();
  assert_none();
  assert_int_equal(poll(&foreign, 1, 0), 0);
  close(outer);
}

/* "If timeout is a non-NULL pointer, it specifies a maximum interval to wait for an event";
 * "if nevents is zero, kevent() will return immediately even if there is a timeout specified". */
static void timeouts(void **state) {
  (void)state;
  struct kevent event;
  struct timespec before, after, limit = {0, 20000000};
  clock_gettime(CLOCK_MONOTONIC, &before);
  assert_int_equal(kevent(kq, NULL, 0, &event, 1, &limit), 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >=
              limit.tv_nsec);
  limit.tv_sec = 3600;
  assert_int_equal(kevent(kq, NULL, 0, NULL, 0, &limit), 0);
  limit.tv_nsec = 1000000000;
  assert_int_equal(kevent(kq, NULL, 0, &event, 1, &limit), -1);
  assert_int_equal(errno, EINVAL);
  assert_int_equal(kevent(near_end, NULL, 0, &event, 1, NULL), -1);
  assert_int_equal(errno, EBADF);
}

/* "The queue is not inherited by a child created with fork(2)." */
static void a_child_does_not_inherit(void **state) {
  (void)state;
  int status;
  const pid_t child = fork();
  if (child == 0) {
    struct kevent event;
    _exit(kevent(kq, NULL, 0, &event, 1, NULL) == -1 && errno == EBADF ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void *take_three(void *fds) {
  struct kevent event;
  for (int i = 0; i < 3; i++) {
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1) break;
    ((int *)fds)[i] = (int)event.ident;
  }
  return fds;
}

/* Changes take effect on who is blocked, and each event goes to one of them. */
static void many_threads(void **state) {
  (void)state;
  pthread_t threads[2];
  int seen[6] = {0}, sum = 0;
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, take_three, seen + 3 * i), 0);
  for (int i = 1; i <= 6; i++)
    assert_int_equal(change_to(kq, i, EVFILT_USER, EV_ADD | (i & 1 ? EV_CLEAR : EV_ONESHOT),
                               NOTE_TRIGGER, 0, NULL),
                     0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 6; i++) sum += 1 << seen[i];
  assert_int_equal(sum, 0x7e);
}

int main(void) {
#define queue_test(function) cmocka_unit_test_setup_teardown(function, begin, end)
  const struct CMUnitTest tests[] = {
      queue_test(a_preexisting_condition_is_reported),
      queue_test(what_no_longer_holds_is_not_returned),
      queue_test(a_level_repeats),
      queue_test(clear_reports_a_change),
      queue_test(a_one_shot_is_deleted),
      queue_test(disabled_and_enabled),
      queue_test(adding_again_modifies),
      queue_test(filters_are_separate),
      queue_test(low_water_marks),
      queue_test(the_end_of_a_socket),
      queue_test(the_ends_of_pipes),
      queue_test(a_refused_connection),
      queue_test(a_listening_socket),
      queue_test(user_events),
      queue_test(errors_of_changes),
      queue_test(receipts),
      queue_test(a_closed_descriptor_is_forgotten),
      queue_test(a_kqueue_can_be_polled),
      queue_test(timeouts),
      queue_test(a_child_does_not_inherit),
      queue_test(many_threads),
  };
  return cmocka_run_group_tests_name("emulated kqueue", tests, NULL, NULL);
}
