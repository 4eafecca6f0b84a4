/* Unix streams: their names and files, what connecting to them can meet, and who is there. */
#include "support/kinds_support.h"

#include <socketpoll/SocketSimulation.h>
#include <sys/file.h>
#include <sys/wait.h>

static void talks_over(const char *address) {
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair_at(loop, address);
  assert_string_equal(local_of(pair.server), address);
  assert_string_equal(peer_of(pair.server), "unix:");
  assert_string_equal(local_of(pair.client), "unix:");
  assert_string_equal(peer_of(pair.client), address);
  assert_int_equal(SocketListener_get_port(pair.listener), 0);
  passes(pair.client, pair.server, "hello");
  passes(pair.server, pair.client, "hello yourself");
  char small[8];
  assert_int_equal(SocketStream_get_peer(pair.client, small, sizeof small), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_local(pair.client, small, 5), SOCKET_EINVAL);
  assert_int_equal(SocketStream_get_local(pair.client, small, 6), 5);

  assert_int_equal(SocketStream_shutdown(pair.client), 0);
  assert_int_equal(SocketStream_start(pair.server), 0);
  pull_one(loop, SOCKET_EOF);
  assert_int_equal(SocketStream_write(pair.server, "bye", 3), 0);
  assert_int_equal(SocketStream_close(pair.server), 0);
  pull_one(loop, SOCKET_CLOSED);
  assert_int_equal(SocketStream_start(pair.client), 0);
  assert_int_equal(pull_one(loop, SOCKET_DATA).length, 3);
  pull_one(loop, SOCKET_EOF);
  SocketLoop_free(&loop);
}

static void streams_go_by_path_and_by_abstract_name(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  talks_over(folder.address);
  assert_false(exists(folder.file));
  remove_folder(&folder);
  char name[64];
  snprintf(name, sizeof name, "unix:@socketpoll-test-%d", (int)getpid());
  talks_over(name);
}

static void a_named_client_is_told(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = listen_at(loop, folder.address);
  char client_path[96], client_address[104];
  snprintf(client_path, sizeof client_path, "%s/client", folder.path);
  snprintf(client_address, sizeof client_address, "unix:%s", client_path);
  int client = raw_unix_bound(SOCK_STREAM, client_path, 0);
  assert_int_equal(raw_unix_connect(client, folder.file), 0);
  SocketStream_T server = pull_one(loop, SOCKET_ACCEPTED).subject;
  assert_ptr_equal(server ? listener : NULL, listener);
  assert_string_equal(peer_of(server), client_address);
  SocketLoop_free(&loop);
  close(client);
  unlink(client_path);
  remove_folder(&folder);
}

static void operations_work_the_same(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T listener = listen_at(loop, folder.address);
  SocketFuture_T accepting = SocketAsync_accept(listener, HANG_MS);
  SocketFuture_T connecting = SocketAsync_connect(loop, folder.address, HANG_MS);
  assert_int_equal(SocketFuture_await(connecting, HANG_MS), 0);
  assert_int_equal(SocketFuture_await(accepting, HANG_MS), 0);
  SocketStream_T client = SocketFuture_get_data(connecting);
  SocketStream_T server = SocketFuture_get_data(accepting);
  SocketFuture_free(&connecting);
  SocketFuture_free(&accepting);
  passes(client, server, "there");
  passes(server, client, "and back");
  /* More than the kernel takes, read until the end. */
  static char sent[3000000], got[sizeof sent + 1];
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (char)(i * 7 + (i >> 10));
  SocketFuture_T writing = SocketAsync_write(client, sent, sizeof sent, HANG_MS);
  SocketFuture_T reading = SocketAsync_read_exactly(server, got, sizeof got, HANG_MS);
  assert_int_equal(outcome(writing), sizeof sent);
  assert_int_equal(SocketStream_shutdown(client), 0);
  assert_int_equal(outcome(reading), sizeof sent);
  assert_memory_equal(got, sent, sizeof sent);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

/* ---- Connecting */

static int connects(SocketLoop_T loop, const char *address) {
  SocketStream_T stream = SocketStream_connect(loop, address, HANG_MS);
  if (!stream) return Socket_last_error();
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
  const int code = event.kind == SOCKET_CLOSED ? event.status : 0;
  SocketStream_free(&stream);
  return code;
}

static void what_cannot_be_connected_is_told(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  char text[256];
  assert_int_equal(connects(loop, "unix:"), SOCKET_EADDRESS);
  assert_int_equal(connects(loop, "unix:@"), SOCKET_EADDRESS);
  snprintf(text, sizeof text, "unix:/%0*d", 107, 0);
  assert_int_equal(connects(loop, text), SOCKET_ENAMETOOLONG);
  assert_int_equal(connects(loop, folder.address), SOCKET_ENOENT);
  snprintf(text, sizeof text, "unix:%s/no/socket", folder.path);
  assert_int_equal(connects(loop, text), SOCKET_ENOENT);
  assert_int_equal(connects(loop, "unix:@socketpoll-nobody"), SOCKET_ECONNREFUSED);
  assert_int_equal(connects(loop, "unix:/dev/null"), SOCKET_ECONNREFUSED);
  assert_int_equal(connects(loop, "unix:/dev/null/socket"), SOCKET_ENOTDIR);
  close(raw_unix_bound(SOCK_STREAM, folder.file, 1));
  assert_int_equal(connects(loop, folder.address), SOCKET_ECONNREFUSED);
  unlink(folder.file);
  int datagrams = raw_unix_bound(SOCK_DGRAM, folder.file, 0);
  assert_int_equal(connects(loop, folder.address), SOCKET_ECONNREFUSED);
  close(datagrams);
  unlink(folder.file);
  if (geteuid() != 0) {
    int guarded = raw_unix_bound(SOCK_STREAM, folder.file, 1);
    chmod(folder.file, 0);
    assert_int_equal(connects(loop, folder.address), SOCKET_EACCES);
    close(guarded);
  }
  assert_null(SocketStream_connect(loop, folder.address, -2));
  assert_int_equal(Socket_last_error(), SOCKET_EINVAL);
  SocketFuture_T future = SocketAsync_connect(loop, folder.address, HANG_MS);
  assert_true(outcome(future) < 0);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

/* Fills the backlog of a socket that nobody accepts on; how many fit. */
static int fill_backlog(const char *path, int *fds, int most) {
  for (int count = 0; count < most; count++) {
    fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (raw_unix_connect(fds[count], path) == 0) continue;
    assert_int_equal(errno, EAGAIN);
    close(fds[count]);
    return count;
  }
  fail_msg("a backlog of %d", most);
  return most;
}

static void a_full_backlog_is_waited_for(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  int listener = raw_unix_bound(SOCK_STREAM, folder.file, 0), waiting[16];
  assert_int_equal(listen(listener, 1), 0);
  const int count = fill_backlog(folder.file, waiting, 16);

  SocketStream_T stream = SocketStream_connect(loop, folder.address, 100);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_ETIMEDOUT);
  SocketStream_free(&stream);
  assert_int_equal(outcome(SocketAsync_connect(loop, folder.address, 50)), SOCKET_ETIMEDOUT);
  SocketFuture_T canceled = SocketAsync_connect(loop, folder.address, -1);
  assert_int_equal(SocketLoop_run_once(loop, 20) >= 0, 1);
  assert_int_equal(SocketFuture_cancel(canceled), 0);
  SocketFuture_free(&canceled);

  /* Waiting costs next to nothing, and ends soon after there is room. */
  stream = SocketStream_connect(loop, folder.address, -1);
  const int64_t cpu = cpu_ms();
  SocketCompletion_T event;
  assert_int_equal(SocketLoop_wait(loop, &event, 1, 300), 0);
  assert_true(cpu_ms() - cpu < 100);
  const int accepted = accept(listener, NULL, NULL);
  assert_true(accepted >= 0);
  pull_one(loop, SOCKET_CONNECTED);
  assert_string_equal(peer_of(stream), folder.address);
  close(accepted);
  for (int i = 0; i < count; i++) close(waiting[i]);
  close(listener);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void closed_and_freed_while_it_waits(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  int listener = raw_unix_bound(SOCK_STREAM, folder.file, 0), waiting[16];
  assert_int_equal(listen(listener, 0), 0);
  const int count = fill_backlog(folder.file, waiting, 16);
  SocketStream_T closed = SocketStream_connect(loop, folder.address, -1);
  SocketStream_T freed = SocketStream_connect(loop, folder.address, -1);
  SocketStream_T left = SocketStream_connect(loop, folder.address, -1);
  assert_int_equal(SocketStream_get_peer(left, folder.path, 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketStream_close(closed), 0);
  pull_one(loop, SOCKET_CLOSED);
  SocketStream_free(&freed);
  close(listener);
  for (int i = 0; i < count; i++) close(waiting[i]);
  SocketCompletion_T event = pull_one(loop, SOCKET_CLOSED);
  assert_ptr_equal(event.subject, left);
  assert_int_equal(event.status, SOCKET_ECONNREFUSED);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

/* ---- The file */

static int listens(SocketLoop_T loop, const char *address) {
  SocketListener_T listener = SocketListener_new(loop);
  const int code = SocketListener_listen(listener, address);
  SocketListener_free(&listener);
  return code;
}

static void a_dead_socket_is_replaced_and_nothing_else(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (int i = 0; i < 3; i++) {
    int bound = raw_unix_bound(types[i], folder.file, types[i] != SOCK_DGRAM);
    assert_int_equal(listens(loop, folder.address), SOCKET_EADDRINUSE);
    assert_true(exists(folder.file));
    close(bound);
    assert_int_equal(listens(loop, folder.address), 0);
    assert_false(exists(folder.file));
  }
  /* Not even one whose backlog is full is dead. */
  int bound = raw_unix_bound(SOCK_STREAM, folder.file, 0), waiting[16];
  assert_int_equal(listen(bound, 0), 0);
  const int count = fill_backlog(folder.file, waiting, 16);
  assert_int_equal(listens(loop, folder.address), SOCKET_EADDRINUSE);
  for (int i = 0; i < count; i++) close(waiting[i]);
  close(bound);
  /* Nor one that another program is just looking at. */
  int lock = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_int_equal(flock(lock, LOCK_EX), 0);
  assert_int_equal(listens(loop, folder.address), SOCKET_EADDRINUSE);
  close(lock);
  assert_int_equal(listens(loop, folder.address), 0);

  close(open(folder.file, O_CREAT | O_WRONLY, 0600));
  assert_int_equal(listens(loop, folder.address), SOCKET_EADDRINUSE);
  assert_true(exists(folder.file));
  unlink(folder.file);
  assert_int_equal(symlink("nowhere", folder.file), 0);
  assert_int_equal(listens(loop, folder.address), SOCKET_EADDRINUSE);
  assert_true(exists(folder.file));
  SocketListener_T first = SocketListener_new(loop);
  unlink(folder.file);
  assert_int_equal(SocketListener_listen(first, folder.address), 0);
  assert_int_equal(listens(loop, folder.address), SOCKET_EADDRINUSE);
  assert_non_null(strstr(Socket_last_error_message(), folder.address));
  assert_int_equal(SocketListener_listen(first, folder.address), SOCKET_ESTATE);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void what_cannot_be_listened_on_is_told(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  char text[256];
  assert_int_equal(listens(loop, "unix:"), SOCKET_EADDRESS);
  snprintf(text, sizeof text, "unix:/%0*d", 107, 0);
  assert_int_equal(listens(loop, text), SOCKET_ENAMETOOLONG);
  snprintf(text, sizeof text, "unix:%s/no/socket", folder.path);
  assert_int_equal(listens(loop, text), SOCKET_ENOENT);
  assert_int_equal(listens(loop, "unix:/dev/null/socket"), SOCKET_ENOTDIR);
  const int code = listens(loop, "unix:/proc/socket");
  assert_true(code == SOCKET_EACCES || code == SOCKET_EPERM || code == SOCKET_ENOENT);
  if (geteuid() != 0) {
    chmod(folder.path, 0500);
    assert_int_equal(listens(loop, folder.address), SOCKET_EACCES);
    chmod(folder.path, 0700);
  }
  SocketSimulation_T simulation = SocketSimulation_new(1);
  SocketLoop_T simulated = SocketSimulation_new_loop(simulation);
  assert_int_equal(listens(simulated, folder.address), SOCKET_ENOTSUP);
  assert_null(SocketStream_connect(simulated, folder.address, -1));
  assert_int_equal(Socket_last_error(), SOCKET_ENOTSUP);
  SocketLoop_free(&simulated);
  SocketSimulation_free(&simulation);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void the_file_goes_with_its_socket(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  /* Another one under its name stays. */
  SocketListener_T listener = listen_at(loop, folder.address);
  unlink(folder.file);
  int other = raw_unix_bound(SOCK_STREAM, folder.file, 0);
  SocketListener_free(&listener);
  assert_true(exists(folder.file));
  close(other);
  /* So does one that another process accepts on, as a successor does. */
  listener = listen_at(loop, folder.address);
  int ends[2];
  char byte;
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  SocketListener_free(&listener);
  assert_true(exists(folder.file));
  close(ends[0]);
  close(ends[1]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  /* Which leaves a dead one, replaced by the next. */
  assert_int_equal(listens(loop, folder.address), 0);
  assert_false(exists(folder.file));
  /* Freeing the loop frees it as well. */
  listen_at(loop, folder.address);
  assert_true(exists(folder.file));
  SocketLoop_free(&loop);
  assert_false(exists(folder.file));
  remove_folder(&folder);
}

/* As of a socket that was handed over: the last who listens takes the file along. */
static void listeners_of_one_socket_share_its_file(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  SocketListener_T first = listen_at(loop, folder.address);
  SocketListener_T second = SocketListener_new(loop);
  assert_int_equal(SocketListener_listen_fd(second, dup(SocketListener_get_fd(first))), 0);
  SocketListener_free(&first);
  assert_true(exists(folder.file));
  SocketStream_T client = SocketStream_connect(loop, folder.address, HANG_MS);
  SocketStream_T server = NULL, probe = NULL;
  for (int seen = 0; seen < 4; seen++) { /* the first came only to see whether anybody is there */
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_ACCEPTED) {
      *(probe ? &server : &probe) = event.subject;
      assert_int_equal(SocketStream_start(event.subject), 0);
    } else if (event.kind == SOCKET_EOF) {
      assert_ptr_equal(event.subject, probe);
    } else {
      assert_int_equal(event.kind, SOCKET_CONNECTED);
    }
  }
  assert_int_equal(SocketStream_set_nodelay(server, 1), SOCKET_ENOTSUP);
  SocketStream_free(&client);
  SocketListener_free(&second);
  assert_false(exists(folder.file));
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void the_file_has_the_mode_it_was_given(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  const mode_t umask_before = umask(077);
  const int modes[] = {-1, 0600, 0666, 0777, 0};
  const int found[] = {0700, 0600, 0666, 0777, 0};
  for (int i = 0; i < 5; i++) {
    SocketListener_T listener = SocketListener_new(loop);
    assert_int_equal(SocketListener_set_mode(listener, modes[i]), 0);
    assert_int_equal(SocketListener_listen(listener, folder.address), 0);
    assert_int_equal(mode_of(folder.file), found[i]);
    assert_int_equal(SocketListener_set_mode(listener, 0600), SOCKET_ESTATE);
    SocketListener_free(&listener);
  }
  umask(umask_before);
  SocketListener_T listener = SocketListener_new(loop);
  assert_int_equal(SocketListener_set_mode(listener, -2), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_mode(listener, 01000), SOCKET_EINVAL);
  assert_int_equal(SocketListener_set_mode(listener, 0600), 0);
  assert_int_equal(SocketListener_listen(listener, "127.0.0.1:0"), SOCKET_ENOTSUP);
  assert_int_equal(SocketListener_listen(listener, "unix:@socketpoll-mode"), SOCKET_ENOTSUP);
  assert_int_equal(SocketListener_set_reuseport(listener, 1), 0);
  assert_int_equal(SocketListener_listen(listener, folder.address), SOCKET_ENOTSUP);
  assert_int_equal(SocketListener_set_reuseport(listener, 0), 0);
  assert_int_equal(SocketListener_set_send_buffer(listener, 10000), 0);
  assert_int_equal(SocketListener_listen(listener, folder.address), SOCKET_ENOTSUP);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

/* ---- The peer, and the options */

static void the_peer_can_be_asked_who_it_is(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair_at(loop, folder.address);
  int64_t pid = 0, uid = -5, gid = -5;
  assert_int_equal(SocketStream_get_peer_credentials(pair.server, &pid, &uid, &gid), 0);
  assert_true(pid == getpid() || pid == -1);
  assert_int_equal(uid, geteuid());
  assert_int_equal(gid, getegid());
  assert_int_equal(SocketStream_get_peer_credentials(pair.client, NULL, &uid, NULL), 0);
  assert_int_equal(SocketStream_get_peer_credentials(pair.client, NULL, NULL, NULL), 0);
  Pair tcp = make_pair(loop);
  assert_int_equal(SocketStream_get_peer_credentials(tcp.server, &pid, &uid, &gid), SOCKET_ENOTSUP);
  SocketStream_close(pair.client);
  pull_one(loop, SOCKET_CLOSED);
  assert_int_equal(SocketStream_get_peer_credentials(pair.client, &pid, NULL, NULL),
                   SOCKET_ECLOSED);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void options_of_tcp_are_not_supported(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair_at(loop, folder.address);
  assert_int_equal(SocketStream_set_nodelay(pair.client, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_keepalive(pair.client, 10, 1, 3), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_set_receive_buffer(pair.client, 10000), 0);
  assert_int_equal(SocketStream_set_send_buffer(pair.client, 10000), 0);
  assert_int_equal(SocketStream_set_raw(pair.client, 1), SOCKET_ENOTSUP);
  assert_int_equal(SocketStream_get_window(pair.client, NULL, NULL), SOCKET_ENOTSUP);
  assert_true(SocketStream_get_fd(pair.client) >= 0);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

static void a_broken_peer_costs_the_stream_and_no_signal(void **state) {
  skip_on_windows(WITHOUT_UNIX_SOCKETS);
  (void)state;
  Folder folder;
  make_folder(&folder);
  SocketLoop_T loop = SocketLoop_new();
  Pair pair = make_pair_at(loop, folder.address);
  SocketStream_free(&pair.client);
  assert_int_equal(SocketStream_write(pair.server, "x", 1), SOCKET_EPIPE);
  assert_int_equal(pull_one(loop, SOCKET_CLOSED).status, SOCKET_EPIPE);
  SocketLoop_free(&loop);
  remove_folder(&folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_go_by_path_and_by_abstract_name),
      cmocka_unit_test(a_named_client_is_told),
      cmocka_unit_test(operations_work_the_same),
      cmocka_unit_test(what_cannot_be_connected_is_told),
      cmocka_unit_test(a_full_backlog_is_waited_for),
      cmocka_unit_test(closed_and_freed_while_it_waits),
      cmocka_unit_test(a_dead_socket_is_replaced_and_nothing_else),
      cmocka_unit_test(what_cannot_be_listened_on_is_told),
      cmocka_unit_test(the_file_goes_with_its_socket),
      cmocka_unit_test(listeners_of_one_socket_share_its_file),
      cmocka_unit_test(the_file_has_the_mode_it_was_given),
      cmocka_unit_test(the_peer_can_be_asked_who_it_is),
      cmocka_unit_test(options_of_tcp_are_not_supported),
      cmocka_unit_test(a_broken_peer_costs_the_stream_and_no_signal),
  };
  return cmocka_run_group_tests_name("unix streams", tests, NULL, NULL);
}
