// SocketBuf against a model: many buffers that share blocks in every way, changed at random, each
// compared after every step with a string that shares nothing. Then the same in several threads.
#include "cmocka_cpp.hpp"

#include "SocketBuf.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Random = std::mt19937;

int64_t length_of(const std::string &text) { return static_cast<int64_t>(text.size()); }

struct Modelled {
  SocketBuf_T buf;
  std::string readable;
  std::string taken; // since bytes were last added or moved

  bool agrees() const {
    return SocketBuf_get_readable(buf) == length_of(readable) &&
           readable.compare(0, readable.size(), static_cast<const char *>(SocketBuf_get_data(buf)),
                            readable.size()) == 0;
  }
  void add(const std::string &text) {
    readable += text;
    taken.clear();
  }
  void take(size_t length) {
    taken += readable.substr(0, length);
    readable.erase(0, length);
  }
};

class World {
public:
  explicit World(unsigned seed) : random_(seed), pool_(SocketBufPool_new(96, 6)) {}
  World(const World &) = delete;
  World &operator=(const World &) = delete;
  ~World() {
    for (Modelled &one : all_) SocketBuf_free(&one.buf);
    SocketBufPool_free(&pool_);
  }
  // False where a buffer and its model differ.
  bool step() {
    if (all_.empty() || pick(6) == 0) make();
    if (all_.size() > 12) drop();
    if (all_.empty()) return true;
    change(all_[pick(all_.size())]);
    return std::all_of(all_.begin(), all_.end(), [](const Modelled &one) { return one.agrees(); });
  }

private:
  size_t pick(size_t count) { return random_() % count; }
  std::string noise(size_t most) {
    std::string text(pick(most + 1), '\0');
    for (char &byte : text) byte = static_cast<char>('a' + pick(3));
    return text;
  }
  void make() {
    Modelled made{};
    switch (pick(4)) {
    case 0: made.buf = SocketBuf_new(static_cast<int64_t>(pick(100))); break;
    case 1: made.buf = SocketBufPool_take(pool_); break;
    case 2: {
      auto *lent = new std::string(noise(60));
      made.readable = *lent;
      made.buf = SocketBuf_new_ref(
          lent->data(), length_of(*lent),
          [](const void *, void *user) {
            const std::unique_ptr<std::string> last(static_cast<std::string *>(user));
          },
          lent);
      break;
    }
    default: {
      if (all_.empty()) return;
      const Modelled &from = all_[pick(all_.size())];
      const size_t offset = pick(from.readable.size() + 1);
      made.readable = from.readable.substr(offset, pick(80));
      made.buf = SocketBuf_slice(from.buf, static_cast<int64_t>(offset), length_of(made.readable));
    }
    }
    if (made.buf) all_.push_back(std::move(made));
  }
  void drop() {
    const size_t which = pick(all_.size());
    SocketBuf_free(&all_[which].buf);
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(which));
  }
  void change(Modelled &one) {
    switch (pick(9)) {
    case 0: {
      const std::string text = noise(40);
      if (SocketBuf_write(one.buf, text.data(), length_of(text)) == 0 && !text.empty())
        one.add(text);
      break;
    }
    case 1: {
      const std::string text = noise(30) + "!";
      void *room = SocketBuf_reserve(one.buf, length_of(text));
      if (!room) break;
      std::copy(text.begin(), text.end(), static_cast<char *>(room));
      if (SocketBuf_commit(one.buf, length_of(text)) != 0) one.readable = "refused";
      one.add(text);
      break;
    }
    case 2:
      if (SocketBuf_put_u16(one.buf, 0x4142) == 0) one.add("AB");
      break;
    case 3: {
      const size_t length = pick(one.readable.size() + 1);
      if (SocketBuf_consume(one.buf, static_cast<int64_t>(length)) == 0) one.take(length);
      break;
    }
    case 4: {
      const size_t length = pick(one.taken.size() + 1);
      if (SocketBuf_rewind(one.buf, static_cast<int64_t>(length)) != 0) one.readable = "refused";
      one.readable.insert(0, one.taken, one.taken.size() - length);
      one.taken.resize(one.taken.size() - length);
      break;
    }
    case 5: {
      const std::string needle = noise(4) + "a";
      const size_t from = pick(one.readable.size() + 2);
      const size_t at = one.readable.find(needle, from);
      const int64_t wanted =
          at == std::string::npos ? int64_t{SOCKET_ENOENT} : static_cast<int64_t>(at);
      if (SocketBuf_find(one.buf, needle.data(), length_of(needle), static_cast<int64_t>(from)) !=
          wanted)
        one.readable = "found elsewhere";
      break;
    }
    case 6: // its own bytes
      if (!one.readable.empty() && one.readable.size() < 1000 &&
          SocketBuf_write(one.buf, SocketBuf_get_data(one.buf), length_of(one.readable)) == 0)
        one.add(std::string(one.readable));
      break;
    case 7:
      if (SocketBuf_compact(one.buf) == 0) one.taken.clear();
      break;
    default:
      if (pick(3) == 0 && SocketBuf_clear(one.buf) == 0) one.readable = one.taken = "";
    }
  }

  Random random_;
  SocketBufPool_T pool_;
  std::vector<Modelled> all_;
};

void buffers_agree_with_a_model(void **) {
  for (unsigned seed = 0; seed < 200; seed++) {
    World world(seed);
    int steps = 0;
    while (steps < 300 && world.step()) steps++;
    if (steps < 300) print_error("seed %u differs at step %d\n", seed, steps);
    assert_int_equal(steps, 300);
  }
}

// ---- Threads. Assertions run on the main thread only: cmocka leaves a failed test by longjmp.

void slices_are_used_everywhere_at_once(void **) {
  constexpr int kThreads = 4, kRounds = 3000;
  SocketBufPool_T pool = SocketBufPool_new(256, 64);
  std::mutex mutex;
  std::deque<Modelled> waiting; // handed from any thread to any other
  std::atomic<int> wrong{0};
  const auto work = [&](unsigned seed) {
    Random random(seed);
    for (int i = 0; i < kRounds; i++) {
      Modelled mine{};
      {
        std::lock_guard lock(mutex);
        if (!waiting.empty()) {
          mine = std::move(waiting.front());
          waiting.pop_front();
        }
      }
      if (!mine.buf) mine.buf = SocketBufPool_take(pool);
      if (!mine.buf) continue;
      const std::string text(random() % 60, static_cast<char>('a' + random() % 26));
      if (SocketBuf_write(mine.buf, text.data(), length_of(text)) == 0) mine.add(text);
      if (!mine.agrees()) wrong++;
      Modelled part{};
      const size_t half = mine.readable.size() / 2;
      part.buf = SocketBuf_slice(mine.buf, 0, static_cast<int64_t>(half));
      part.readable = mine.readable.substr(0, half);
      if (SocketBuf_consume(mine.buf, static_cast<int64_t>(half)) != 0) wrong++;
      mine.take(half);
      std::lock_guard lock(mutex);
      for (Modelled *one : {&mine, &part}) {
        if (waiting.size() < 40 && random() % 4)
          waiting.push_back(std::move(*one));
        else
          SocketBuf_free(&one->buf);
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; i++) threads.emplace_back(work, i);
  for (std::thread &thread : threads) thread.join();
  for (Modelled &one : waiting) {
    assert_true(one.agrees());
    SocketBuf_free(&one.buf);
  }
  assert_int_equal(wrong, 0);
  assert_int_equal(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_IN_USE), 0);
  assert_true(SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_HIGH) <= 64);
  assert_int_equal(SocketBufPool_trim(pool),
                   SocketBufPool_get_stat(pool, SOCKET_BUF_POOL_HIGH) * 256);
  SocketBufPool_free(&pool);
}

// What the program must not do is an error as well, and every byte is there once or not at all.
void two_threads_on_one_buffer_are_told_so(void **) {
  constexpr int kRounds = 20000;
  SocketBuf_T buf = SocketBuf_new(0);
  std::atomic<int64_t> added{0};
  std::atomic<int> wrong{0};
  const auto work = [&] {
    for (int i = 0; i < kRounds; i++) {
      const int code = SocketBuf_put_u32(buf, 1);
      if (code == 0)
        added += 4;
      else if (code != SOCKET_EBUSY)
        wrong++;
    }
  };
  std::thread other(work);
  work();
  other.join();
  assert_int_equal(wrong, 0);
  assert_int_equal(SocketBuf_get_readable(buf), added);
  for (int64_t i = 0; i < added / 4; i++) assert_int_equal(SocketBuf_get_u32(buf), 1);
  SocketBuf_free(&buf);
}

void freeing_races_with_use(void **) {
  SocketBufPool_T pool = SocketBufPool_new(64, 2);
  std::atomic<SocketBuf_T> current{nullptr};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread user([&] {
    while (!done) {
      const int code = SocketBuf_put_u8(current.load(), 1);
      if (code != 0 && code != SOCKET_EBADHANDLE && code != SOCKET_ELIMIT) wrong++;
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 5000; i++) {
    SocketBuf_T buf = SocketBufPool_take(pool);
    if (!buf) continue; // the other thread is still in the call that ends the last one
    current = buf;
    SocketBuf_free(&buf);
  }
  SocketBufPool_free(&pool);
  done = true;
  user.join();
  assert_int_equal(wrong, 0);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(buffers_agree_with_a_model),
      cmocka_unit_test(slices_are_used_everywhere_at_once),
      cmocka_unit_test(two_threads_on_one_buffer_are_told_so),
      cmocka_unit_test(freeing_races_with_use),
  };
  return cmocka_run_group_tests_name("buffers and a model", tests, nullptr, nullptr);
}
