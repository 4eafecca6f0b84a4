// What is reported, how often, and to whom.
#include "poll_test.hpp"

#include <arpa/inet.h>
#include <map>
#include <netinet/in.h>
#include <poll.h>

namespace {

void read_and_write(void **) {
  const Poll poll;
  const Pair pair;
  int tag = 0;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, &tag), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  pair.send();
  SocketEvent_T event = wait_one(poll);
  assert_int_equal(event.fd, pair.near_end.number);
  assert_int_equal(event.events, POLL_READ);
  assert_ptr_equal(event.data, &tag);
  // Both in one event; a NULL `data` is legal.
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, POLL_READ | POLL_WRITE, nullptr), 0);
  event = wait_one(poll);
  assert_int_equal(event.events, POLL_READ | POLL_WRITE);
  assert_null(event.data);
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, 0, POLL_READ), 0);
  assert_int_equal(wait_one(poll).events, POLL_WRITE);
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, POLL_READ, POLL_WRITE), 0);
  assert_int_equal(wait_one(poll).events, POLL_READ);
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, 0, &tag), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
}

void hangup_comes_unasked(void **) {
  const Poll poll;
  Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, 0, nullptr), 0);
  pair.send();
  assert_int_equal(wait_events(poll, 0).size(), 0);
  pair.hang_up();
  assert_int_equal(wait_one(poll).events & ~POLL_ERROR, POLL_HANGUP);
}

void error_comes_unasked(void **) {
  const Poll poll;
#if defined(_WIN32) // pipes are pairs of sockets there
  Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, 0, nullptr), 0);
  pair.hang_up();
  assert_int_equal(wait_one(poll).events, POLL_ERROR | POLL_HANGUP);
#else
  int ends[2];
  assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  Fd reader(ends[0]);
  const Fd writer(ends[1]);
  assert_int_equal(SocketPoll_add(poll, writer, 0, nullptr), 0);
  reader.close();
  assert_int_equal(wait_one(poll).events, POLL_ERROR);
#endif
}

void a_refused_connection_is_an_error(void **) {
  const Poll poll;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const Fd bound(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); // bound, not listening
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  assert_int_equal(bind(bound, generic, length), 0);
  assert_int_equal(getsockname(bound, generic, &length), 0);
  const Fd client(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int connected = connect(client, generic, length);
  assert_true(connected < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED));
  assert_int_equal(SocketPoll_add(poll, client, POLL_WRITE, nullptr), 0);
  const int events = wait_one(poll).events;
  assert_true(events & (POLL_ERROR | POLL_HANGUP));
  assert_true(events & POLL_WRITE);
}

void the_peer_closed_its_side(void **) {
  const Poll poll;
  const Pair pair, unasked;
  assert_true(poll.can(SOCKET_POLL_CAN_PEER_CLOSED));
  assert_int_equal(
      SocketPoll_add(poll, pair.near_end, POLL_READ | SOCKET_POLL_PEER_CLOSED, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, unasked.near_end, 0, nullptr), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
  shutdown(pair.far_end, SHUT_WR);
  shutdown(unasked.far_end, SHUT_WR);
  const SocketEvent_T event = wait_one(poll);
  assert_int_equal(event.fd, pair.near_end.number);
  assert_int_equal(event.events, POLL_READ | SOCKET_POLL_PEER_CLOSED);
}

void edge_reports_a_change_once(void **) {
  const Poll poll;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  assert_int_equal(wait_one(poll).events, POLL_READ);
  // Where edges cannot be had, the event repeats until the program has drained.
  assert_int_equal(wait_events(poll, 0).size(), poll.can(SOCKET_POLL_CAN_EDGE) ? 0 : 1);
  pair.send();
  assert_int_equal(wait_one(poll).events, POLL_READ);
  pair.drain();
  assert_int_equal(wait_events(poll, 0).size(), 0);
  // Emptied and filled between two waits: no backend may lose it.
  pair.send();
  assert_int_equal(wait_one(poll).events, POLL_READ);
  pair.drain();
  pair.send();
  assert_int_equal(wait_one(poll).events, POLL_READ);
  // mod re-arms: the condition that holds is reported again.
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, POLL_READ, nullptr), 0);
  assert_int_equal(wait_one(poll).events, POLL_READ);
}

void level_repeats(void **) {
  const Poll poll;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  pair.send();
  for (int i = 0; i < 3; i++) assert_int_equal(wait_one(poll).events, POLL_READ);
  pair.drain();
  assert_int_equal(wait_events(poll, 0).size(), 0);
  pair.send();
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, 0, SOCKET_POLL_LEVEL), 0);
  assert_int_equal(wait_one(poll).events, POLL_READ);
  assert_int_equal(wait_events(poll, 0).size(), poll.can(SOCKET_POLL_CAN_EDGE) ? 0 : 1);
}

void a_one_shot_fires_once(void **) {
  const Poll poll;
  Pair pair;
  const int bits = POLL_READ | SOCKET_POLL_LEVEL | SOCKET_POLL_ONESHOT;
  assert_true(poll.can(SOCKET_POLL_CAN_ONESHOT));
  assert_int_equal(SocketPoll_add(poll, pair.near_end, bits, nullptr), 0);
  for (int round = 0; round < 3; round++) {
    pair.send();
    assert_int_equal(wait_one(poll).events, POLL_READ);
    pair.send();
    assert_int_equal(wait_events(poll, 0).size(), 0);
    assert_int_equal(round & 1 ? SocketPoll_modify_events(poll, pair.near_end, 0, 0)
                               : SocketPoll_mod(poll, pair.near_end, bits, nullptr),
                     0);
    assert_int_equal(wait_one(poll).events, POLL_READ);
    assert_int_equal(SocketPoll_mod(poll, pair.near_end, bits, nullptr), 0);
    pair.drain();
  }
  pair.send();
  assert_int_equal(wait_one(poll).events, POLL_READ);
  pair.hang_up(); // a fired one-shot reports not even this until it is armed again
  assert_int_equal(wait_events(poll, 0).size(), 0);
  assert_fails(SocketPoll_add(poll, pair.near_end, bits, nullptr), EEXIST);
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, 0, SOCKET_POLL_ONESHOT), 0);
  assert_true(wait_one(poll).events & POLL_HANGUP);
  assert_true(wait_one(poll).events & POLL_HANGUP);
}

void exclusive_can_be_modified(void **) {
  const Poll poll, second;
  const Pair pair;
  const int bits = POLL_READ | SOCKET_POLL_EXCLUSIVE;
  for (SocketPoll_T one : {poll.handle, second.handle})
    assert_int_equal(SocketPoll_add(one, pair.near_end, bits, nullptr), 0);
  assert_fails(SocketPoll_add(poll, pair.near_end, bits, nullptr), EEXIST);
  pair.send();
  // At least one of them hears of it; where the backend cannot be exclusive, or nobody was blocked,
  // both do.
  assert_true(wait_events(poll, 0).size() + wait_events(second, 0).size() >= 1);
  int tag = 0;
  assert_int_equal(SocketPoll_mod(poll, pair.near_end, bits | POLL_WRITE, &tag), 0);
  SocketEvent_T event = wait_one(poll);
  assert_int_equal(event.events, POLL_READ | POLL_WRITE);
  assert_ptr_equal(event.data, &tag);
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, SOCKET_POLL_LEVEL,
                                            SOCKET_POLL_EXCLUSIVE | POLL_WRITE),
                   0);
  for (int i = 0; i < 2; i++) assert_int_equal(wait_one(poll).events, POLL_READ);
  assert_int_equal(SocketPoll_modify_events(poll, pair.near_end, SOCKET_POLL_EXCLUSIVE, 0), 0);
  assert_int_equal(wait_one(poll).events, POLL_READ);
  assert_int_equal(SocketPoll_del(poll, pair.near_end), 0);
  assert_int_equal(wait_events(poll, 0).size(), 0);
}

void a_batch_is_bounded_and_nobody_starves(void **) {
  const Poll poll(3);
  std::vector<Pair> pairs(10);
  std::map<int, int> seen;
  for (const Pair &pair : pairs) {
    assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ | SOCKET_POLL_LEVEL, nullptr),
                     0);
    pair.send();
  }
  // Nobody drains, so all stay ready: 40 waits of 3 give each of 10 its turn 12 times.
  for (int i = 0; i < 40; i++) {
    const auto events = wait_events(poll, 10000);
    assert_int_equal(events.size(), 3);
    for (const SocketEvent_T &event : events) seen[event.fd]++;
  }
  for (const Pair &pair : pairs) assert_in_range(seen[pair.near_end], 11, 13);
}

void a_wakeup_leaves_room_for_nobody_else(void **) {
  const Poll poll(1);
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  pair.send();
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  size_t events = 0; // at most one of three waits is given to the wakeup
  for (int i = 0; i < 3; i++) events += wait_events(poll, 10000).size();
  assert_true(events >= 2);
}

void a_batch_lives_until_the_next_wait(void **) {
  const Poll poll, other;
  const Pair pair;
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  SocketEvent_T *events;
  assert_int_equal(SocketPoll_wait(poll, &events, -1), 1);
  assert_int_equal(SocketPoll_del(poll, pair.near_end), 0);
  assert_int_equal(wait_events(other, 0).size(), 0);
  assert_int_equal(events[0].fd, pair.near_end.number);
  assert_int_equal(events[0].events, POLL_READ);
}

void a_batch_outlives_its_poll(void **) {
  const Pair pair;
  SocketEvent_T *events;
  SocketPoll_T poll = SocketPoll_new(0);
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  assert_int_equal(SocketPoll_wait(poll, &events, -1), 1);
  SocketPoll_free(&poll);
  assert_int_equal(events[0].fd, pair.near_end.number);
  const Poll next;
  assert_int_equal(wait_events(next, 0).size(), 0);
}

void a_foreign_loop_can_watch_it(void **) {
  const Poll poll;
  const Pair pair;
  if (!poll.can(SOCKET_POLL_CAN_POLLABLE_FD)) {
    assert_fails(SocketPoll_get_fd(poll), EOPNOTSUPP);
    return;
  }
  const int fd = SocketPoll_get_fd(poll);
  assert_true(fd >= 0);
  pollfd foreign{fd, POLLIN, 0};
  assert_int_equal(::poll(&foreign, 1, 0), 0);
  assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ, nullptr), 0);
  pair.send();
  assert_int_equal(::poll(&foreign, 1, 10000), 1);
  assert_int_equal(wait_events(poll, 0).size(), 1);
  assert_int_equal(::poll(&foreign, 1, 0), 0);
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  assert_int_equal(::poll(&foreign, 1, 10000), 1);
  assert_int_equal(wait_events(poll, -1).size(), 0);
  assert_int_equal(::poll(&foreign, 1, 0), 0);
  assert_fails(SocketPoll_add(poll, fd, POLL_READ, nullptr), EINVAL);
  const Poll outer; // polls nest
  assert_int_equal(SocketPoll_add(outer, fd, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  pair.send();
  assert_int_equal(wait_one(outer).fd, fd);
  if (outer.can(SOCKET_POLL_CAN_POLLABLE_FD))
    assert_fails(SocketPoll_add(poll, SocketPoll_get_fd(outer), POLL_READ, nullptr), ELOOP);
}

} // namespace

int run_readiness_tests() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(read_and_write),
      cmocka_unit_test(hangup_comes_unasked),
      cmocka_unit_test(error_comes_unasked),
      cmocka_unit_test(a_refused_connection_is_an_error),
      cmocka_unit_test(the_peer_closed_its_side),
      cmocka_unit_test(edge_reports_a_change_once),
      cmocka_unit_test(level_repeats),
      cmocka_unit_test(a_one_shot_fires_once),
      cmocka_unit_test(exclusive_can_be_modified),
      cmocka_unit_test(a_batch_is_bounded_and_nobody_starves),
      cmocka_unit_test(a_wakeup_leaves_room_for_nobody_else),
      cmocka_unit_test(a_batch_lives_until_the_next_wait),
      cmocka_unit_test(a_batch_outlives_its_poll),
      cmocka_unit_test(a_foreign_loop_can_watch_it),
  };
  return cmocka_run_group_tests_name("poll: readiness", tests, nullptr, nullptr);
}
