// Descriptors that are closed before they are dropped, and numbers that come back as other files.
#include "poll_test.hpp"

#include <sys/eventfd.h>

namespace {

// Makes `source` appear under `number`, which is closed.
Fd move_to(Fd source, int number) {
  if (source == number) return source;
  assert_int_equal(dup3(source, number, O_CLOEXEC), number);
  return Fd(number);
}

void del_of_a_closed_fd_succeeds(void **) {
  const Poll poll;
  wait_events(poll, 0); // a first wait may take a descriptor, and with it the number
  Pair pair;
  const int number = pair.near_end;
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ, nullptr), 0);
  pair.near_end.close();
  assert_fails(SocketPoll_mod(poll, number, POLL_READ, nullptr), EBADF);
  assert_fails(SocketPoll_modify_events(poll, number, POLL_WRITE, 0), EBADF);
  assert_fails(SocketPoll_add(poll, number, POLL_READ, nullptr), EBADF);
  assert_int_equal(wait_events(poll, 1).size(), 0); // and does not spin or report it
  assert_int_equal(SocketPoll_getregisteredcount(poll), 1);
  assert_int_equal(SocketPoll_del(poll, number), 0);
  assert_fails(SocketPoll_del(poll, number), EBADF);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 0);
}

void a_reused_number_is_not_the_old_file(void **) {
  const Poll poll;
  Pair first, second;
  const int number = first.near_end;
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  first.near_end.close();
  const Fd reused = move_to(std::move(second.near_end), number);
  second.send();
  assert_int_equal(wait_events(poll, 1).size(), 0); // nobody registered this file
  assert_fails(SocketPoll_mod(poll, number, POLL_READ, nullptr), ENOENT);
  assert_fails(SocketPoll_modify_events(poll, number, POLL_WRITE, 0), ENOENT);
  assert_int_equal(SocketPoll_del(poll, number), 0);
  assert_fails(SocketPoll_del(poll, number), ENOENT);
  assert_int_equal(wait_events(poll, 0).size(), 0);
}

// Whoever asks the kernel anew after each event must not ask about the number's next owner.
void a_number_reused_after_an_event(void **) {
  for (const int trigger : {0, int{SOCKET_POLL_LEVEL}, int{SOCKET_POLL_ONESHOT}}) {
    const Poll poll;
    int tag;
    Pair first, second, third;
    const int number = first.near_end;
    assert_int_equal(SocketPoll_add(poll, number, POLL_READ | trigger, nullptr), 0);
    first.send();
    assert_int_equal(wait_one(poll).fd, number);
    first.near_end.close();
    Fd reused = move_to(std::move(second.near_end), number);
    second.send();
    assert_int_equal(wait_events(poll, 5).size(), 0);
    assert_fails(SocketPoll_mod(poll, number, POLL_READ, nullptr), ENOENT);
    reused.close();
    reused = move_to(std::move(third.near_end), number);
    assert_int_equal(SocketPoll_add(poll, number, POLL_READ | trigger, &tag), 0);
    third.send();
    assert_ptr_equal(wait_one(poll).data, &tag);
  }
}

void an_event_on_its_way_ends_with_its_file(void **) {
  for (const bool again : {false, true}) {
    const Poll poll;
    int tag;
    Pair first, second;
    const int number = first.near_end;
    assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
    assert_int_equal(wait_events(poll, 0).size(), 0);
    first.send();
    first.near_end.close();
    const Fd reused = move_to(std::move(second.near_end), number);
    if (again) assert_int_equal(SocketPoll_add(poll, number, POLL_READ, &tag), 0);
    assert_int_equal(wait_events(poll, 5).size(), 0);
    second.send();
    if (again) assert_ptr_equal(wait_one(poll).data, &tag);
    if (!again) assert_int_equal(wait_events(poll, 5).size(), 0);
  }
}

void a_reused_number_can_be_added(void **) {
  const Poll poll;
  int old_tag, new_tag;
  Pair first, second;
  const int number = first.near_end;
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ, &old_tag), 0);
  first.near_end.close();
  const Fd reused = move_to(std::move(second.near_end), number);
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ, &new_tag), 0);
  assert_fails(SocketPoll_add(poll, number, POLL_READ, &new_tag), EEXIST);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 1);
  second.send();
  const SocketEvent_T event = wait_one(poll);
  assert_int_equal(event.fd, number);
  assert_ptr_equal(event.data, &new_tag);
}

void the_old_files_events_never_reach_the_new(void **) {
  const Poll poll;
  int old_tag, new_tag;
  Pair first, second;
  const int number = first.near_end;
  const Fd kept(dup(number)); // keeps the old file in an epoll set
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, &old_tag), 0);
  first.send();
  first.near_end.close();
  const Fd reused = move_to(std::move(second.near_end), number);
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ, &new_tag), 0);
  assert_int_equal(wait_events(poll, 5).size(), 0);
  second.send();
  assert_ptr_equal(wait_one(poll).data, &new_tag);
  assert_int_equal(SocketPoll_mod(poll, number, POLL_READ, &old_tag), 0);
  assert_ptr_equal(wait_one(poll).data, &old_tag);
  assert_int_equal(SocketPoll_del(poll, number), 0);
}

int64_t processor_ms() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return int64_t{used.tv_sec} * 1000 + used.tv_nsec / 1000000;
}

// A wait that span would use the processor for all of its time.
void assert_blocks(SocketPoll_T poll) {
  const int64_t before = processor_ms();
  assert_int_equal(wait_events(poll, 200).size(), 0);
  assert_true(processor_ms() - before < 100);
}

void an_orphan_does_not_spin(void **) {
  const Poll poll;
  Pair orphan, level, exclusive, fired, closed;
  int tags[3];
  const int number = orphan.near_end;
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, level.near_end, POLL_READ | SOCKET_POLL_LEVEL, &tags[0]),
                   0);
  assert_int_equal(
      SocketPoll_add(poll, exclusive.near_end, POLL_READ | SOCKET_POLL_EXCLUSIVE, &tags[1]), 0);
  const int one_shot = POLL_READ | SOCKET_POLL_ONESHOT;
  assert_int_equal(SocketPoll_add(poll, fired.near_end, one_shot, &tags[2]), 0);
  assert_int_equal(SocketPoll_add(poll, closed.near_end, POLL_READ, nullptr), 0);
  fired.send();
  assert_ptr_equal(wait_one(poll).data, &tags[2]);
  closed.near_end.close();
  const Fd kept(dup(number));
  orphan.send();
  orphan.near_end.close();
  assert_int_equal(SocketPoll_del(poll, number), 0);
  assert_blocks(poll);
  assert_blocks(poll);
  // All that was registered still is: the wakeup, each trigger, and a one-shot that has fired.
  level.send();
  for (int i = 0; i < 2; i++) assert_ptr_equal(wait_one(poll).data, &tags[0]);
  level.drain();
  exclusive.send();
  assert_ptr_equal(wait_one(poll).data, &tags[1]);
  exclusive.drain();
  assert_int_equal(wait_events(poll, 0).size(), 0);
  assert_int_equal(SocketPoll_mod(poll, fired.near_end, one_shot, &tags[2]), 0);
  assert_ptr_equal(wait_one(poll).data, &tags[2]);
  assert_int_equal(SocketPoll_wakeup(poll), 0);
  assert_int_equal(wait_events(poll, -1).size(), 0);
  assert_int_equal(SocketPoll_getregisteredcount(poll), 4);
  for (int fd : {level.near_end.number, exclusive.near_end.number, fired.near_end.number})
    assert_int_equal(SocketPoll_del(poll, fd), 0);
}

void many_orphans_do_not_spin(void **) {
  const Poll poll(2);
  const Pair live;
  std::vector<Pair> pairs(8);
  std::vector<Fd> kept;
  assert_int_equal(SocketPoll_add(poll, live.near_end, POLL_READ, nullptr), 0);
  for (int round = 0; round < 3; round++) {
    for (Pair &pair : pairs) {
      pair = Pair();
      kept.emplace_back(dup(pair.near_end));
      assert_int_equal(SocketPoll_add(poll, pair.near_end, POLL_READ | SOCKET_POLL_LEVEL, nullptr),
                       0);
      pair.send();
      const int number = pair.near_end;
      pair.near_end.close();
      assert_int_equal(SocketPoll_del(poll, number), 0);
    }
    assert_blocks(poll);
    live.send();
    assert_int_equal(wait_one(poll).fd, live.near_end.number);
    live.drain();
  }
}

void an_orphan_whose_number_is_back(void **) {
  const Poll poll;
  Pair pair;
  const int number = pair.near_end;
  const Fd kept(dup(number));
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  pair.send();
  pair.near_end.close();
  assert_int_equal(SocketPoll_del(poll, number), 0);
  const Fd back = move_to(Fd(dup(kept)), number); // the same file under the same number again
  assert_blocks(poll);
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ, nullptr), 0);
  assert_int_equal(wait_one(poll).fd, number);
}

void the_pollable_fd_survives_an_orphan(void **) {
  const Poll poll;
  if (!poll.can(SOCKET_POLL_CAN_POLLABLE_FD)) {
    assert_fails(SocketPoll_get_fd(poll), EOPNOTSUPP);
    return;
  }
  const int before = SocketPoll_get_fd(poll);
  Pair orphan;
  const Pair live;
  const int number = orphan.near_end;
  const Fd kept(dup(number));
  assert_int_equal(SocketPoll_add(poll, number, POLL_READ | SOCKET_POLL_LEVEL, nullptr), 0);
  assert_int_equal(SocketPoll_add(poll, live.near_end, POLL_READ, nullptr), 0);
  orphan.send();
  orphan.near_end.close();
  assert_int_equal(SocketPoll_del(poll, number), 0);
  assert_int_equal(wait_events(poll, 5).size(), 0);
  assert_int_equal(SocketPoll_get_fd(poll), before);
  assert_true(fcntl(before, F_GETFD) & FD_CLOEXEC);
  const Poll outer;
  assert_int_equal(SocketPoll_add(outer, before, POLL_READ, nullptr), 0);
  assert_int_equal(wait_events(outer, 0).size(), 0);
  live.send();
  assert_int_equal(wait_one(outer).fd, before);
}

void a_closed_eventfd_is_quiet(void **) {
  const Poll poll;
  Fd counter(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  const int number = counter;
  const int bits = POLL_READ | SOCKET_POLL_LEVEL;
  assert_int_equal(SocketPoll_add(poll, number, bits, nullptr), 0);
  assert_int_equal(wait_one(poll).fd, number);
  counter.close();
  assert_blocks(poll);
  // A wait has noticed, so that even a file without an inode of its own can follow it.
  counter = move_to(Fd(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)), number);
  assert_int_equal(SocketPoll_add(poll, number, bits, nullptr), 0);
  assert_int_equal(wait_one(poll).fd, number);
}

} // namespace

int run_closed_fd_tests() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(del_of_a_closed_fd_succeeds),
      cmocka_unit_test(a_reused_number_is_not_the_old_file),
      cmocka_unit_test(a_number_reused_after_an_event),
      cmocka_unit_test(an_event_on_its_way_ends_with_its_file),
      cmocka_unit_test(a_reused_number_can_be_added),
      cmocka_unit_test(the_old_files_events_never_reach_the_new),
      cmocka_unit_test(an_orphan_does_not_spin),
      cmocka_unit_test(many_orphans_do_not_spin),
      cmocka_unit_test(an_orphan_whose_number_is_back),
      cmocka_unit_test(the_pollable_fd_survives_an_orphan),
      cmocka_unit_test(a_closed_eventfd_is_quiet),
  };
  return cmocka_run_group_tests_name("poll: closed fds", tests, nullptr, nullptr);
}
