// Output over TLS against a model: both sides write bytes of every kind (copied, borrowed, lent in
// slices, of a file, in a buffer) and of every size, cancel, pause and go on, over a network that
// cuts what they send into pieces and has little room. What arrives is what was sent, to the byte,
// whatever the seed; what was borrowed or lent is let go of, and is spoilt as soon as it is.
#include "support/sanitized.h"
#include "support/simulated_seeds.hpp"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketBuf.h>
#include <socketpoll/SocketListener.h>
#include <socketpoll/SocketTLS.h>
#include <socketpoll/SocketTimer.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

namespace {

constexpr uint64_t kSeeds = SANITIZED ? 80 : 400;
constexpr int64_t kMost = 150000, kPeriod = 65536;
constexpr unsigned char kSpoilt = 0xEE;

SocketTLS_T servers[2], client;
int file = -1; // two periods of the pattern, and more

unsigned char pattern_at(int64_t offset) {
  return static_cast<unsigned char>(offset * 31 + (offset >> 8));
}

// What one side has sent to the other, by its own account.
struct Direction {
  int64_t phase = 0, sent = 0, received = 0;
  bool ended = false;
  unsigned char at(int64_t offset) const { return pattern_at(phase + offset); }
};

struct World {
  SocketSimulation_T simulation = nullptr;
  int borrowed = 0; // and not released
  int64_t random(int64_t below) { return SocketSimulation_random(simulation, below); }
};

using Bytes = std::vector<unsigned char>;

struct Loan {
  World &world;
  Bytes bytes;
};

void release(const void *bytes, void *user) {
  const std::unique_ptr<Loan> loan(static_cast<Loan *>(user));
  INVARIANT(bytes == loan->bytes.data());
  std::memset(loan->bytes.data(), kSpoilt, loan->bytes.size());
  loan->world.borrowed--;
}

class Side {
public:
  void join(World &world, SocketLoop_T loop, Direction &out, Direction &in) {
    world_ = &world;
    out_ = &out;
    in_ = &in;
    timer_ = SocketTimer_new(loop);
    SocketTimer_set_callback(
        timer_, [](const SocketCompletion_T *, void *self) { static_cast<Side *>(self)->act(); },
        this);
    actions_ = static_cast<int>(random(16)) + 1;
  }
  void own(SocketStream_T stream) {
    stream_ = stream;
    SocketStream_set_callback(
        stream,
        [](const SocketCompletion_T *event, void *self) {
          static_cast<Side *>(self)->on_event(*event);
        },
        this);
    if (random(3) == 0) INVARIANT(SocketStream_set_marks(stream, random(3000), 4000) == 0);
  }
  void begin() {
    INVARIANT(SocketStream_start(stream_) == 0);
    SocketTimer_start(timer_, random(3), 0);
  }
  void leave() {
    INVARIANT(closed_ && !operation_);
    SocketStream_free(&stream_);
    SocketTimer_free(&timer_);
    SocketBuf_free(&buf_);
  }

private:
  int64_t random(int64_t below) { return world_->random(below); }

  // Around the sizes of records, of what is kept ahead of the transport, and anything else.
  int64_t random_size() {
    static constexpr int64_t kEdges[] = {0, 1, 4096, 16383, 16384, 32766, 65536};
    switch (random(4)) {
    case 0: return std::max<int64_t>(0, kEdges[random(7)] - 2 + random(5));
    case 1: return random(200);
    case 2: return random(20000);
    default: return random(kMost);
    }
  }
  Bytes next(int64_t length) {
    Bytes bytes(static_cast<size_t>(length) + 1);
    for (int64_t i = 0; i < length; i++) bytes[static_cast<size_t>(i)] = out_->at(out_->sent + i);
    return bytes;
  }

  void on_event(const SocketCompletion_T &event) {
    INVARIANT(event.subject == stream_ && !closed_);
    switch (event.kind) {
    case SOCKET_CONNECTED: begin(); break;
    case SOCKET_DATA: check(event); break;
    case SOCKET_DRAINED: break;
    case SOCKET_EOF:
      INVARIANT(in_->ended && in_->received == in_->sent);
      saw_end_ = true;
      close_if_over();
      break;
    case SOCKET_CLOSED:
      INVARIANT(event.status == 0);
      closed_ = true;
      break;
    default: INVARIANT(false);
    }
  }
  void check(const SocketCompletion_T &event) {
    const auto *const got = static_cast<const unsigned char *>(event.data);
    INVARIANT(!paused_ && in_->received + event.length <= in_->sent);
    for (int64_t i = 0; i < event.length; i++) INVARIANT(got[i] == in_->at(in_->received + i));
    in_->received += event.length;
  }

  void act() {
    if (actions_-- <= 0) return finish();
    switch (random(10)) {
    case 0:
    case 1: write_copied(); break;
    case 2:
    case 3: write_borrowed(); break;
    case 4: write_lent(); break;
    case 5: write_slices(); break;
    case 6: write_file(); break;
    case 7: write_buffer(); break;
    case 8: pause_or_go_on(); break;
    case 9: cancel(); break;
    }
    SocketTimer_start(timer_, random(4), 0);
  }
  void write_copied() {
    Bytes bytes = next(random_size());
    const auto length = static_cast<int64_t>(bytes.size()) - 1;
    if (SocketStream_write(stream_, bytes.data(), length) >= 0) out_->sent += length;
    std::memset(bytes.data(), kSpoilt, bytes.size());
  }
  void write_borrowed() {
    auto loan = std::make_unique<Loan>(Loan{*world_, next(random_size())});
    const auto length = static_cast<int64_t>(loan->bytes.size()) - 1;
    world_->borrowed++; // it may be released inside the call
    Loan *const lent = loan.release();
    if (SocketStream_write_ref(stream_, lent->bytes.data(), length, release, lent) >= 0)
      out_->sent += length;
    else
      release(lent->bytes.data(), lent);
  }
  void write_lent() {
    if (operation_) return;
    const int64_t length = random_size();
    lent_ = next(length);
    began(SocketAsync_write(stream_, lent_.data(), length, -1), length);
  }
  // Some of them empty, many of them small.
  void write_slices() {
    if (operation_) return;
    const int64_t length = random_size();
    lent_ = next(length);
    std::vector<const void *> pieces;
    std::vector<int64_t> lengths;
    for (int64_t at = 0; at < length && pieces.size() < 1000;) {
      const bool last = pieces.size() == 999;
      const int64_t part =
          last ? length - at : std::min(length - at, random(random(4) ? 300 : 20000));
      pieces.push_back(lent_.data() + at);
      lengths.push_back(part);
      at += part;
    }
    if (pieces.empty()) return;
    began(SocketAsync_writev(stream_, pieces.data(), lengths.data(),
                             static_cast<int>(pieces.size()), -1),
          length);
  }
  void write_file() {
    if (operation_) return;
    const int64_t length = random_size(), offset = (out_->phase + out_->sent) % kPeriod;
    began(SocketAsync_send_file(stream_, file, offset, length, -1), length);
  }
  void write_buffer() {
    if (operation_) return;
    const int64_t length = random_size();
    const Bytes bytes = next(length);
    SocketBuf_free(&buf_);
    buf_ = SocketBuf_new(0);
    INVARIANT(SocketBuf_write(buf_, bytes.data(), length) == 0);
    began(SocketAsync_write_buf(stream_, buf_, -1), length);
  }
  void pause_or_go_on() {
    INVARIANT((paused_ ? SocketStream_start(stream_) : SocketStream_pause(stream_)) == 0);
    paused_ = !paused_;
  }

  void began(SocketFuture_T operation, int64_t length) {
    operation_ = operation;
    length_ = length;
    INVARIANT(operation);
    out_->sent += length; // what did not go is taken back when it ends
    INVARIANT(SocketFuture_then(
                  operation,
                  [](const SocketCompletion_T *event, void *self) {
                    INVARIANT(event->status == 0);
                    static_cast<Side *>(self)->ended(event->length);
                  },
                  this) == 0);
  }
  void ended(int64_t went) {
    INVARIANT(went >= 0 && went <= length_);
    out_->sent -= length_ - went;
    std::fill(lent_.begin(), lent_.end(), kSpoilt);
    lent_ = {};
    SocketFuture_free(&operation_);
    if (actions_ < 0) finish();
  }
  void cancel() {
    if (!operation_ || SocketFuture_is_done(operation_) == 1) return;
    INVARIANT(SocketFuture_cancel(operation_) == 0);
    ended(SocketFuture_get_progress(operation_));
  }

  void finish() {
    if (paused_) pause_or_go_on();
    if (operation_ || out_->ended) return;
    out_->ended = true;
    INVARIANT(SocketStream_shutdown(stream_) == 0);
    close_if_over();
  }
  void close_if_over() {
    if (saw_end_ && out_->ended) INVARIANT(SocketStream_close(stream_) == 0);
  }

  World *world_ = nullptr;
  Direction *out_ = nullptr, *in_ = nullptr;
  SocketStream_T stream_ = nullptr;
  SocketTimer_T timer_ = nullptr;
  SocketFuture_T operation_ = nullptr;
  SocketBuf_T buf_ = nullptr;
  Bytes lent_;
  int64_t length_ = 0;
  int actions_ = 0;
  bool paused_ = false, saw_end_ = false, closed_ = false;
};

void on_accepted(const SocketCompletion_T *event, void *user) {
  INVARIANT(event->kind == SOCKET_ACCEPTED);
  Side &side = *static_cast<Side *>(user);
  side.own(static_cast<SocketStream_T>(event->subject));
  side.begin();
}

void run() {
  World world;
  world.simulation = SocketSimulation_new(present_seed);
  SocketLoop_T loops[] = {SocketSimulation_new_loop(world.simulation),
                          SocketSimulation_new_loop(world.simulation)};
  SocketSimulation_set_delay(world.simulation, 0, static_cast<int>(world.random(3000)));
  if (world.random(2))
    SocketSimulation_set_piece(world.simulation, 1 + static_cast<int>(world.random(5000)));
  SocketSimulation_set_buffer(world.simulation, 1000 + static_cast<int>(world.random(100000)));
  Direction up, down;
  down.phase = 777;
  Side ours, theirs;
  ours.join(world, loops[0], up, down);
  theirs.join(world, loops[1], down, up);
  SocketListener_T listener = SocketListener_new(loops[1]);
  SocketListener_set_callback(listener, on_accepted, &theirs);
  INVARIANT(SocketListener_set_tls(listener, servers[present_seed % 2]) == 0);
  INVARIANT(SocketListener_listen(listener, "127.0.0.1:443") == 0);
  // One name a version: sessions are resumed, and never with the other.
  const char *const name = present_seed % 2 ? "a.example" : "b.example";
  ours.own(SocketStream_connect_tls(loops[0], "127.0.0.1:443", client, name, -1));
  INVARIANT(SocketSimulation_run(world.simulation, -1) == 0);
  for (const Direction *one : {&up, &down}) INVARIANT(one->ended && one->received == one->sent);
  INVARIANT(world.borrowed == 0);
  ours.leave();
  theirs.leave();
  SocketListener_free(&listener);
  end_world(world.simulation);
}

int make_all(void **) {
  static char authority[SOCKET_TLS_PEM_BYTES], authority_key[SOCKET_TLS_PEM_BYTES];
  static char chain[SOCKET_TLS_PEM_BYTES], key[SOCKET_TLS_PEM_BYTES];
  const int64_t now = std::time(nullptr);
  assert_int_equal(SocketTLS_make_certificate(
                       "Test authority", SOCKET_TLS_AUTHORITY, now - 86400, now + 86400, nullptr,
                       nullptr, authority, sizeof authority, authority_key, sizeof authority_key),
                   0);
  assert_int_equal(SocketTLS_make_certificate("a.example,b.example", SOCKET_TLS_SERVER_CERTIFICATE,
                                              now - 86400, now + 86400, authority, authority_key,
                                              chain, sizeof chain, key, sizeof key),
                   0);
  static const char *const policies[] = {"modern", "custom:ECDHE-ECDSA-AES128-GCM-SHA256"};
  for (int i = 0; i < 2; i++) {
    servers[i] = SocketTLS_new_server();
    assert_int_equal(SocketTLS_set_policy(servers[i], policies[i]), 0);
    assert_int_equal(SocketTLS_add_certificate(servers[i], nullptr, chain,
                                               static_cast<int64_t>(std::strlen(chain)), key,
                                               static_cast<int64_t>(std::strlen(key))),
                     1);
  }
  client = SocketTLS_new_client();
  assert_int_equal(SocketTLS_set_system_authorities(client, 0), 0);
  assert_int_equal(
      SocketTLS_add_authorities(client, authority, static_cast<int64_t>(std::strlen(authority))),
      0);
  std::FILE *const written = std::tmpfile();
  for (int64_t i = 0; i < 2 * kPeriod + kMost; i++) std::fputc(pattern_at(i), written);
  std::fflush(written);
  file = fileno(written);
  return 0;
}

int free_all(void **) {
  for (SocketTLS_T &server : servers) SocketTLS_free(&server);
  SocketTLS_free(&client);
  return 0;
}

void every_seed(void **) {
  for (present_seed = 0; present_seed < kSeeds; present_seed++) run();
}

} // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(every_seed)};
  return cmocka_run_group_tests_name("TLS: model", tests, make_all, free_all);
}
