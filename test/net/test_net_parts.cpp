// The parts of the net floor by themselves: timer heap, chunk pool, output queue, and a
// transport that sends files.
#include "cmocka_cpp.hpp"

#include "SocketLoop.h"
#include "SocketStream.h"
#include "base/boundary.hpp"
#include "net/foreign_watch.hpp"
#include "net/stream/fd_transport.hpp"
#include "net/stream/listener.hpp"
#include "net/timer.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <sys/socket.h>

using namespace socketpoll;

namespace {

// ---- Timer heap

struct Node final : TimerNode {
  void on_timer() override {}
  void on_no_memory() noexcept override {}
};

// Random arming, moving, disarming and leaving against a multimap, whose equal keys keep their
// order of insertion.
void the_heap_agrees_with_a_model(void **) {
  std::mt19937 random(1);
  for (int run = 0; run < 20; run++) {
    TimerHeap heap;
    std::vector<std::unique_ptr<Node>> nodes;
    std::multimap<int64_t, Node *> model;
    const auto forget = [&](Node *node) {
      std::erase_if(model, [&](const auto &entry) { return entry.second == node; });
    };
    int64_t now = 0;
    for (int step = 0; step < 4000; step++) {
      const unsigned choice = random() % 100;
      if (nodes.empty() || choice < 10) {
        nodes.push_back(std::make_unique<Node>());
        heap.join(*nodes.back());
        continue;
      }
      const size_t which = random() % nodes.size();
      Node *node = nodes[which].get();
      if (choice < 60) {
        const int64_t deadline = now + static_cast<int64_t>(random() % 50);
        forget(node);
        heap.arm(*node, deadline);
        model.emplace(deadline, node);
      } else if (choice < 75) {
        forget(node);
        heap.disarm(*node);
      } else if (choice < 80) {
        forget(node);
        nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(which)); // leaves by itself
      } else {
        now += static_cast<int64_t>(random() % 10);
        heap.begin_round(now);
        while (TimerNode *due = heap.pop_due(now)) {
          assert_false(model.empty());
          assert_true(model.begin()->first <= now);
          assert_ptr_equal(due, model.begin()->second);
          assert_false(due->armed());
          model.erase(model.begin());
        }
        assert_true(model.empty() || model.begin()->first > now);
      }
      assert_int_equal(heap.empty(), model.empty());
      if (!model.empty() && random() % 2) { // otherwise more gathers behind the heap
        heap.sort(now);
        assert_int_equal(heap.next_deadline(), model.begin()->first);
      }
      for (const auto &entry : model) assert_true(entry.second->armed());
    }
  }
}

void what_is_armed_in_a_round_waits_for_the_next(void **) {
  TimerHeap heap;
  Node first, second;
  heap.join(first);
  heap.join(second);
  heap.arm(first, 5);
  heap.begin_round(5);
  assert_ptr_equal(heap.pop_due(5), &first);
  heap.arm(first, 5);
  heap.arm(second, 4);
  assert_null(heap.pop_due(5));
  heap.begin_round(5);
  assert_ptr_equal(heap.pop_due(5), &second);
  assert_ptr_equal(heap.pop_due(5), &first);
  assert_null(heap.pop_due(5));
}

// A delay counts from when the heap is sorted, whatever has happened to its place until then.
void delays_count_from_the_sorting(void **) {
  TimerHeap heap;
  Node soon, late, gone;
  for (Node *node : {&soon, &late, &gone}) heap.join(*node);
  heap.arm_after(gone, 1);
  heap.arm_after(late, 20);
  heap.arm_after(soon, 10);
  heap.disarm(gone);
  heap.sort(103);
  assert_int_equal(soon.deadline(), 113);
  assert_int_equal(late.deadline(), 123);
  heap.arm(soon, 5); // absolute again
  heap.sort(200);
  assert_int_equal(soon.deadline(), 5);
  assert_int_equal(heap.next_deadline(), 5);
}

// ---- Chunks

void chunks_come_back_when_nobody_holds_them(void **) {
  ChunkPool pool;
  char *bytes;
  {
    ChunkRef first = pool.take();
    assert_true(first.unique());
    bytes = first->bytes;
    ChunkRef second = first;
    assert_false(first.unique());
    first->used = 100;
    assert_int_equal(second->free_bytes(), Chunk::kBytes - 100);
    first = {};
    assert_false(static_cast<bool>(first));
    assert_true(second.unique());
    assert_ptr_not_equal(pool.take()->bytes, bytes);
    ChunkRef moved = std::move(second);
    assert_true(moved.unique());
  }
  const ChunkRef again = pool.take();
  assert_ptr_equal(again->bytes, bytes);
  assert_int_equal(again->used, 0);
  std::vector<ChunkRef> many;
  for (int i = 0; i < 200; i++) many.push_back(pool.take());
}

// ---- Addresses

// ---- The output queue

struct TestLoop {
  TestLoop() : handle(SocketLoop_new()), loop(**find<Loop>(handle)) {}
  TestLoop(const TestLoop &) = delete;
  ~TestLoop() { SocketLoop_free(&handle); }
  void turn() { assert_true(SocketLoop_run_once(handle, 0) >= 0); }
  SocketLoop_T handle;
  Loop &loop;
};

struct Sockets {
  Sockets() {
    int fds[2];
    assert_int_equal(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    near_end = Fd(fds[0]);
    far_end = Fd(fds[1]);
    const int tiny = 1;
    ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
  }
  // Appends what has come to `into`; false at the end.
  bool read_some(std::string &into) {
    char block[3000];
    const ssize_t got = ::read(far_end.get(), block, sizeof block);
    if (got > 0) into.append(block, static_cast<size_t>(got));
    return got != 0;
  }
  Fd near_end, far_end;
};

std::shared_ptr<const Fd> file_of(const std::string &content) {
  std::FILE *file = std::tmpfile();
  assert_non_null(file);
  assert_int_equal(std::fwrite(content.data(), 1, content.size(), file), content.size());
  std::fflush(file);
  auto fd = std::make_shared<const Fd>(::dup(::fileno(file)));
  std::fclose(file);
  return fd;
}

std::string noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char &byte : text) byte = static_cast<char>(random());
  return text;
}

void count_release(const void *, void *user) { ++*static_cast<int *>(user); }

Borrowed borrowed(std::string_view text, int &released) {
  Borrowed loan;
  loan.bytes = text;
  loan.release = count_release;
  loan.user = &released;
  return loan;
}

// Copies, loans, owned bytes and file ranges of many sizes, in random order, through a tiny socket.
void the_queue_keeps_every_order(void **) {
  std::mt19937 random(3);
  TestLoop loop;
  Sockets sockets;
  const std::string source = noise(300000, 9);
  const auto file = file_of(source);
  std::string expected, got;
  int released = 0, lent = 0;
  const auto owner = std::make_shared<const std::string>(source);
  {
    OutputQueue queue(loop.loop);
    for (int i = 0; i < 300; i++) {
      const size_t offset = random() % 200000;
      const size_t length = random() % ((random() & 1) ? 40000 : 300);
      const std::string_view part = std::string_view(source).substr(offset, length);
      size_t skip = 0;
      switch (random() % 4) {
      case 0: queue.append_copy(part); break;
      case 1:
        skip = std::min<size_t>(part.size(), random() % 20);
        queue.append_borrowed(borrowed(part, released), skip);
        lent++;
        break;
      case 2: {
        Borrowed owned;
        owned.bytes = std::string_view(*owner).substr(offset, length);
        owned.owner = owner;
        queue.append_borrowed(std::move(owned), 0);
        break;
      }
      default:
        queue.append_file({file, static_cast<int64_t>(offset), static_cast<int64_t>(length)});
      }
      expected += part.substr(skip);
      assert_int_equal(queue.bytes(), expected.size() - got.size() - 0);
      if (random() % 3 == 0) {
        const int64_t before = queue.bytes();
        auto sent = queue.flush(sockets.near_end.get());
        assert_true(sent.ok());
        assert_int_equal(queue.bytes(), before - *sent);
        std::string piece;
        while (static_cast<int64_t>(piece.size()) < *sent) sockets.read_some(piece);
        got += piece;
      }
    }
    while (!queue.empty()) {
      assert_true(queue.flush(sockets.near_end.get()).ok());
      sockets.read_some(got);
    }
    sockets.near_end.reset();
    while (sockets.read_some(got)) {
    }
    assert_true(got == expected);
  }
  loop.turn();
  assert_int_equal(released, lent);
  assert_int_equal(owner.use_count(), 1);
}

void a_cut_file_is_an_error(void **) {
  TestLoop loop;
  Sockets sockets;
  OutputQueue queue(loop.loop);
  queue.append_file({file_of("short"), 0, 100});
  assert_int_equal(queue.flush(sockets.near_end.get()).code(), SOCKET_EIO);
  queue.clear();
  assert_true(queue.empty());
  queue.append_file({file_of("short"), 0, 0});
  assert_true(queue.empty());
}

void clearing_gives_loans_back_later(void **) {
  TestLoop loop;
  int released = 0;
  {
    OutputQueue queue(loop.loop);
    queue.append_borrowed(borrowed("abc", released), 1);
    assert_int_equal(queue.bytes(), 2);
    queue.append_borrowed(borrowed("abc", released), 3);
    assert_int_equal(queue.bytes(), 2);
    assert_int_equal(released, 0);
  }
  assert_int_equal(released, 0);
  loop.turn();
  assert_int_equal(released, 2);
}

// ---- A transport that sends files

struct Sink final : TransportSink {
  std::span<char> receive_buffer() override { return room; }
  void on_data(std::span<char> bytes) override { received += bytes.size(); }
  void on_drain() override { drains++; }
  void on_eof() override {}
  void on_close(int code) override {
    closes++;
    close_code = code;
  }
  char room[1000];
  size_t received = 0;
  int drains = 0, closes = 0, close_code = 1;
};

struct Sender {
  Sender() : transport(new FdTransport(loop.loop, std::move(sockets.near_end))) {
    transport->set_sink(&sink);
    transport->set_low_mark(1000);
  }
  ~Sender() {
    transport->set_sink(nullptr);
    transport->abort(0);
    loop.loop.retire(*transport.release());
  }
  Status send(std::string_view head, const std::string &content, int64_t length) {
    return transport->write_file(head, {file_of(content), 0, length});
  }
  TestLoop loop;
  Sockets sockets;
  Sink sink;
  std::unique_ptr<FdTransport> transport;
};

void a_file_follows_its_head(void **) {
  Sender sender;
  const std::string content = noise(300000, 4);
  assert_true(sender.send("head", content, static_cast<int64_t>(content.size())).ok());
  std::string got;
  while (got.size() < content.size() + 4) {
    sender.sockets.read_some(got);
    sender.loop.turn();
  }
  assert_true(got == "head" + content);
  sender.loop.turn();
  assert_int_equal(sender.sink.drains, 1);
  // What goes at once was never queued, and drains nothing.
  const int large = 1 << 20;
  ::setsockopt(sender.transport->fd(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  assert_true(sender.send("", content.substr(0, 5000), 5000).ok());
  assert_int_equal(sender.transport->queued(), 0);
  sender.loop.turn();
  assert_int_equal(sender.sink.drains, 1);
}

void a_cut_file_closes_the_transport(void **) {
  Sender sender;
  assert_int_equal(sender.send("head", "short", 100).code(), SOCKET_EIO);
  assert_false(sender.transport->open());
  assert_int_equal(sender.sink.closes, 0); // never from inside the call
  sender.loop.turn();
  sender.loop.turn();
  assert_int_equal(sender.sink.closes, 1);
  assert_int_equal(sender.sink.close_code, SOCKET_EIO);
  assert_int_equal(sender.send("head", "short", 5).code(), SOCKET_EIO);
}

int raised = 0;

void a_broken_sendfile_raises_no_signal(void **) {
  skip_on_windows(WITHOUT_SIGNALS);
  std::signal(SIGPIPE, [](int) { raised++; });
  sigset_t pipe_only, before, pending;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  for (const bool blocked : {false, true}) {
    pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &pipe_only, &before);
    Sockets sockets;
    sockets.far_end.reset();
    const auto file = file_of("content");
    assert_int_equal(os::send_file(sockets.near_end.get(), file->get(), 0, 7).code(), SOCKET_EPIPE);
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
  }
  // One that was pending before is the program's own.
  ::raise(SIGPIPE);
  Sockets sockets;
  sockets.far_end.reset();
  assert_int_equal(os::send_file(sockets.near_end.get(), file_of("x")->get(), 0, 1).code(),
                   SOCKET_EPIPE);
  sigpending(&pending);
  assert_true(sigismember(&pending, SIGPIPE));
  assert_int_equal(raised, 0);
  pthread_sigmask(SIG_UNBLOCK, &pipe_only, nullptr);
  assert_int_equal(raised, 1);
}

// What an idle connection costs. The whole of a plain HTTP connection has 512 bytes to live in.
void connections_stay_small(void **) {
  if (sizeof(void *) != 8) return;
  assert_in_range(sizeof(FdTransport), 1, 192);
  assert_in_range(sizeof(Stream), 1, 288);
  assert_in_range(sizeof(Timer), 1, 160);
  assert_in_range(sizeof(TimerNode), 1, 32);
  assert_in_range(sizeof(FdRecord), 1, 16);
  assert_in_range(sizeof(Address), 1, 20);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_heap_agrees_with_a_model),
      cmocka_unit_test(what_is_armed_in_a_round_waits_for_the_next),
      cmocka_unit_test(delays_count_from_the_sorting),
      cmocka_unit_test(chunks_come_back_when_nobody_holds_them),
      cmocka_unit_test(the_queue_keeps_every_order),
      cmocka_unit_test(a_cut_file_is_an_error),
      cmocka_unit_test(clearing_gives_loans_back_later),
      cmocka_unit_test(a_file_follows_its_head),
      cmocka_unit_test(a_cut_file_closes_the_transport),
      cmocka_unit_test(a_broken_sendfile_raises_no_signal),
      cmocka_unit_test(connections_stay_small),
  };
  return cmocka_run_group_tests_name("net parts", tests, nullptr, nullptr);
}
