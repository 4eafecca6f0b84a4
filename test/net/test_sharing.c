/* Connections over many loops: listeners that share a port, one that deals its connections out,
 * and what a stream needs to move. */
#include "support/net_support.h"

#include <pthread.h>
#include <stdatomic.h>

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketWorkers.h>

#define WORKERS 3
#define CLIENTS 64

typedef struct Site {
  SocketWorkers_T workers;
  char address[64];
  atomic_int accepted[WORKERS], closed, freed;
  SocketLoop_T loops[WORKERS];
} Site;

static Site site;

/* Echoes, and closes at the peer's end. */
static void serve(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  switch (event->kind) {
  case SOCKET_DATA: assert_true(SocketStream_write(stream, event->data, event->length) >= 0); break;
  case SOCKET_EOF: SocketStream_close(stream); break;
  case SOCKET_CLOSED:
    SocketStream_free(&stream);
    atomic_fetch_add(&site.closed, 1);
    break;
  case SOCKET_ACCEPTED: /* moved here */
    assert_null(event->source);
    atomic_fetch_add((atomic_int *)user, 1);
    assert_int_equal(SocketStream_start(stream), 0);
    break;
  }
}

static void accept_here(const SocketCompletion_T *event, void *user) {
  SocketStream_T stream = event->subject;
  if (event->kind != SOCKET_ACCEPTED) return;
  atomic_fetch_add((atomic_int *)user, 1);
  SocketStream_set_callback(stream, serve, user);
  SocketStream_start(stream);
}

static int share_the_port(SocketLoop_T loop, int index, void *user) {
  (void)user;
  SocketListener_T listener = SocketListener_new(loop);
  SocketListener_set_callback(listener, accept_here, &site.accepted[index]);
  int code = SocketListener_set_reuseport(listener,
                                          index ? SOCKET_REUSEPORT_SHARE : SOCKET_REUSEPORT_FIRST);
  if (code == 0) code = SocketListener_listen(listener, site.address);
  if (code == 0)
    snprintf(site.address, sizeof site.address, "127.0.0.1:%d", SocketListener_get_port(listener));
  return code;
}

/* Each sends a word of its own, gets it back, and ends. */
static void run_clients(void) {
  int fds[CLIENTS];
  for (int i = 0; i < CLIENTS; i++) {
    char word[16];
    fds[i] = raw_connect(port_of(site.address));
    snprintf(word, sizeof word, "client %3d", i);
    assert_int_equal(write(fds[i], word, 10), 10);
  }
  for (int i = 0; i < CLIENTS; i++) {
    char word[16], back[16];
    snprintf(word, sizeof word, "client %3d", i);
    assert_int_equal(recv(fds[i], back, 10, MSG_WAITALL), 10);
    assert_memory_equal(word, back, 10);
    shutdown(fds[i], SHUT_WR);
    assert_int_equal(recv(fds[i], back, 1, 0), 0);
    close(fds[i]);
  }
}

static int sum_accepted(void) {
  int sum = 0;
  for (int i = 0; i < WORKERS; i++) sum += site.accepted[i];
  return sum;
}

static void the_kernel_spreads_them(void **state) {
  skip_on_windows(WITHOUT_SHARED_PORTS);
  (void)state;
  memset(&site, 0, sizeof site);
  strcpy(site.address, "127.0.0.1:0");
  site.workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(site.workers, WORKERS, share_the_port, NULL), 0);
  run_clients();
  assert_int_equal(sum_accepted(), CLIENTS);
  for (int i = 0; i < WORKERS; i++) /* by a hash: (2/3)^64 for none at all */
    assert_true(site.accepted[i] > 0);
  /* A second start of the program does not slip in. */
  SocketWorkers_T second = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(second, 1, share_the_port, NULL), SOCKET_EADDRINUSE);
  SocketWorkers_free(&second);
  SocketWorkers_free(&site.workers);
}

/* ---- One acceptor */

static void deal_out(const SocketCompletion_T *event, void *user) {
  static int next;
  if (event->kind != SOCKET_ACCEPTED) return;
  const int index = next++ % WORKERS;
  int *dealt = user;
  SocketLoop_T to = SocketWorkers_get_loop(site.workers, index);
  SocketStream_T stream = event->subject;
  assert_int_equal(SocketStream_move(stream, to, serve, &site.accepted[index]), 0);
  assert_int_equal(SocketStream_start(stream), SOCKET_EBADHANDLE);
  ++*dealt;
}

static void *run_clients_thread(void *done) {
  run_clients();
  SocketLoop_stop((SocketLoop_T)done);
  return NULL;
}

static void one_listener_deals_them_out(void **state) {
  (void)state;
  memset(&site, 0, sizeof site);
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = listen_local(loop, site.address);
  int dealt = 0;
  pthread_t clients;
  SocketListener_set_callback(listener, deal_out, &dealt);
  SocketListener_set_max_connections(listener, 2); /* those that moved do not count */
  site.workers = SocketWorkers_new();
  assert_int_equal(SocketWorkers_start(site.workers, WORKERS, NULL, NULL), 0);
  assert_int_equal(pthread_create(&clients, NULL, run_clients_thread, loop), 0);
  assert_int_equal(SocketLoop_run(loop), 0);
  pthread_join(clients, NULL);
  assert_int_equal(dealt, CLIENTS);
  for (int i = 0; i < WORKERS; i++) assert_true(site.accepted[i] >= CLIENTS / WORKERS);
  SocketWorkers_free(&site.workers);
  SocketLoop_free(&loop);
}

/* ---- Moving */

static void what_was_not_read_moves_along(void **state) {
  (void)state;
  SocketLoop_T from = SocketLoop_new(), to = SocketLoop_new();
  int user = 0;
  RawPair pair = make_raw_pair(from);
  char back[8];
  assert_int_equal(write(pair.peer, "before", 6), 6);
  assert_int_equal(SocketStream_move(pair.stream, to, NULL, &user), 0);
  assert_int_equal(SocketStream_get_fd(pair.stream), SOCKET_EBADHANDLE);
  assert_int_equal(SocketLoop_run_once(from, 0), 0);
  SocketCompletion_T event = pull_one(to, SOCKET_ACCEPTED);
  assert_null(event.source);
  assert_ptr_equal(event.user, &user);
  SocketStream_T stream = event.subject;
  assert_int_equal(write(pair.peer, "-after", 6), 6);
  assert_int_equal(SocketStream_start(stream), 0);
  char all[16];
  for (int got = 0; got < 12;) {
    event = pull_one(to, SOCKET_DATA);
    memcpy(all + got, event.data, (size_t)event.length);
    got += (int)event.length;
    if (got == 12) assert_memory_equal(all, "before-after", 12);
  }
  assert_int_equal(SocketStream_write(stream, "answer", 6), 0);
  assert_int_equal(recv(pair.peer, back, 6, MSG_WAITALL), 6);
  assert_memory_equal(back, "answer", 6);
  /* Started once, it stays. */
  assert_int_equal(SocketStream_move(stream, from, NULL, NULL), SOCKET_ESTATE);
  SocketLoop_free(&from);
  SocketLoop_free(&to);
  close(pair.peer);
}

static void moves_twice_and_within_its_loop(void **state) {
  (void)state;
  SocketLoop_T first = SocketLoop_new(), second = SocketLoop_new();
  RawPair pair = make_raw_pair(first);
  assert_int_equal(SocketStream_move(pair.stream, first, NULL, NULL), 0);
  SocketStream_T stream = pull_one(first, SOCKET_ACCEPTED).subject;
  assert_int_equal(SocketStream_move(stream, second, NULL, NULL), 0);
  stream = pull_one(second, SOCKET_ACCEPTED).subject;
  assert_int_equal(SocketStream_move(stream, first, NULL, NULL), 0);
  stream = pull_one(first, SOCKET_ACCEPTED).subject;
  assert_int_equal(write(pair.peer, "x", 1), 1);
  SocketStream_start(stream);
  assert_int_equal(pull_one(first, SOCKET_DATA).length, 1);
  SocketLoop_free(&first);
  SocketLoop_free(&second);
  close(pair.peer);
}

static void what_may_not_move(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new(), to = SocketLoop_new(), gone = SocketLoop_new();
  SocketLoop_T stale = gone;
  static char buffer[8];
  SocketLoop_free(&gone);
  RawPair pair = make_raw_pair(loop);
  SocketStream_T stream = pair.stream;
  assert_int_equal(SocketStream_move(stream, stale, NULL, NULL), SOCKET_EBADHANDLE);
  assert_int_equal(SocketStream_move(stream, NULL, NULL, NULL), SOCKET_EBADHANDLE);
  /* A reader; what it left over; and after all that it may. */
  SocketFuture_T read = SocketAsync_read(stream, buffer, 2, -1);
  assert_non_null(read);
  assert_int_equal(SocketStream_move(stream, to, NULL, NULL), SOCKET_ESTATE);
  assert_int_equal(write(pair.peer, "abcd", 4), 4);
  assert_int_equal(SocketFuture_await(read, HANG_MS), 2);
  SocketFuture_free(&read);
  /* Queued output. */
  int64_t taken = 0;
  assert_int_equal(write_until_refused(stream, &taken), SOCKET_EAGAIN);
  assert_int_equal(SocketStream_move(stream, to, NULL, NULL), SOCKET_ESTATE);
  SocketStream_free(&stream);
  close(pair.peer);
  SocketListener_free(&pair.listener);
  /* Shut down, closed, and not connected yet. */
  pair = make_raw_pair(loop);
  assert_int_equal(SocketStream_shutdown(pair.stream), 0);
  assert_int_equal(SocketStream_move(pair.stream, to, NULL, NULL), SOCKET_ESTATE);
  assert_int_equal(SocketStream_close(pair.stream), 0);
  assert_int_equal(SocketStream_move(pair.stream, to, NULL, NULL), SOCKET_ECLOSED);
  stream = SocketStream_connect(loop, "127.0.0.1:9", -1);
  assert_int_equal(SocketStream_move(stream, to, NULL, NULL), SOCKET_ENOTCONN);
  close(pair.peer);
  SocketLoop_free(&loop);
  SocketLoop_free(&to);
}

static void what_a_splice_uses_stays(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new(), to = SocketLoop_new();
  RawPair source = make_raw_pair(loop), target = make_raw_pair(loop);
  char back[4];
  SocketFuture_T splice = SocketAsync_splice(source.stream, target.stream, 4, -1);
  assert_non_null(splice);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(SocketStream_move(i ? source.stream : target.stream, to, NULL, NULL),
                     SOCKET_ESTATE);
    assert_int_equal(SocketLoop_run_once(loop, 0), 0);
  }
  assert_int_equal(write(source.peer, "abcd", 4), 4);
  assert_int_equal(SocketFuture_await(splice, HANG_MS), 4);
  assert_int_equal(recv(target.peer, back, 4, MSG_WAITALL), 4);
  SocketFuture_free(&splice);
  assert_int_equal(SocketStream_move(target.stream, to, NULL, NULL), 0);
  pull_one(to, SOCKET_ACCEPTED);
  close(source.peer);
  close(target.peer);
  SocketLoop_free(&loop);
  SocketLoop_free(&to);
}

static void lost_on_the_way_it_is_closed(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new(), to = SocketLoop_new();
  RawPair pair = make_raw_pair(loop);
  char byte;
  assert_int_equal(SocketStream_move(pair.stream, to, NULL, NULL), 0);
  SocketLoop_free(&to);
  assert_int_equal(recv(pair.peer, &byte, 1, 0), 0);
  SocketLoop_free(&loop);
  close(pair.peer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_kernel_spreads_them),
      cmocka_unit_test(one_listener_deals_them_out),
      cmocka_unit_test(what_was_not_read_moves_along),
      cmocka_unit_test(moves_twice_and_within_its_loop),
      cmocka_unit_test(what_may_not_move),
      cmocka_unit_test(what_a_splice_uses_stays),
      cmocka_unit_test(lost_on_the_way_it_is_closed),
  };
  return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
