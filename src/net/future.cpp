#include "net/future.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>

namespace socketpoll {

namespace {

// Where threads other than the loops' wait. One for all: they are few, and completing a future that
// nobody waits for does not come here.
struct Gate {
  std::mutex mutex;
  std::condition_variable ended;
  static Gate &instance() {
    static Gate *const gate = new Gate; // never destroyed: threads may wait until the process ends
    return *gate;
  }
};

bool enough_done(std::span<Future *const> futures, size_t enough) noexcept {
  for (const Future *future : futures)
    if (future->done() && --enough == 0) return true;
  return false;
}

} // namespace

// ---- Beginning

Result<Future *> Future::create(Loop &loop, FutureSource &source, HandleWord subject,
                                int timeout_ms) {
  std::unique_ptr<Future> made(new Future(loop, &source, subject));
  made->reserve();
  if (const Status status = made->limit(timeout_ms); !status.ok()) return status.error();
  return adopt(std::move(made));
}

Status Future::limit(int timeout_ms) {
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  if (timeout_ms < 0) return {};
  loop().timers().join(*this);
  loop().timers().arm(*this, loop().clock().now_ns() + timeout_ms * kNsPerMs);
  return {};
}

Result<Future *> Future::create_sleep(Loop &loop, int64_t ms) {
  if (ms < 0) return Error{SOCKET_EINVAL};
  std::unique_ptr<Future> made(new Future(loop, nullptr, 0));
  made->reserve();
  made->elapsed_code_ = 0;
  loop.timers().join(*made);
  auto future = adopt(std::move(made));
  if (future.ok()) loop.timers().arm(**future, loop.clock().now_ns() + ns_of_ms(ms));
  return future;
}

Result<Future *> Future::create_open(Loop &loop) {
  return adopt(std::unique_ptr<Future>(new Future(loop, nullptr, 0)));
}

// ---- Ending

void Future::settle(int status, int64_t result, void *data) noexcept {
  if (done()) return;
  reserve();
  source_ = nullptr;
  status_ = status;
  result_ = result;
  data_ = data;
  if (status == 0 && progress() < result) progress(result);
  loop().timers().disarm(*this);
  // Whoever began to wait before this is seen below, whoever begins after it sees this.
  done_.store(true, std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_seq_cst) > 0) {
    const std::lock_guard lock(Gate::instance().mutex);
    Gate::instance().ended.notify_all();
  }
  while (FutureObserver *observer = observers_.pop_front()) observer->on_ended(*this);
  if (delivers_) raise(SOCKET_COMPLETED);
}

void Future::fail_because(int code, std::string_view why) noexcept {
  try {
    if (!done() && !why.empty()) failure_ = std::make_unique<const std::string>(why);
  } catch (const std::bad_alloc &) {
  }
  fail(code);
}

void Future::succeed_with_stream(HandleWord stream) noexcept {
  owns_stream_ = true;
  settle(0, 0, reinterpret_cast<void *>(stream));
}

void Future::give_up(int code) noexcept {
  if (FutureSource *source = std::exchange(source_, nullptr)) source->abandon(*this);
  settle(code, 0, data_);
}

void Future::cancel() noexcept {
  if (!done()) give_up(SOCKET_ECANCELED);
}

// After the loop was held up, what would have met the deadline may still lie in the kernel: it is
// missed only if the descriptors were looked at since.
void Future::on_timer() {
  if (elapsed_code_ == 0) return settle(0, 0, nullptr);
  if (deadline() > loop().looked_ns()) return loop().timers().arm(*this, deadline());
  give_up(elapsed_code_);
}

// A completion that comes from another thread. It names the future by its handle, which is stale if
// the future was freed on the way.
class Future::Completion final : public Posted {
public:
  Completion(HandleWord future, int status, int64_t result, void *data) noexcept
      : future_(future), result_(result), data_(data), status_(status) {}
  void deliver() override {
    const std::unique_ptr<Completion> self(this);
    auto found = HandleTable::instance().get(future_, kHandleKind);
    if (found.ok()) static_cast<Future *>(*found)->settle(status_, result_, data_);
  }

private:
  HandleWord future_;
  int64_t result_;
  void *data_;
  int status_;
};

Status Future::complete(HandleWord self, int status, int64_t result, void *data) {
  if (status > 0 || result < 0) return Error{SOCKET_EINVAL};
  const Pinned<Loop> loop(loop_handle_);
  if (!loop) return Error{SOCKET_EBADHANDLE};
  if (HandleTable::instance().owner(loop_handle_) == thread_token()) {
    if (claimed_.exchange(true)) return Error{SOCKET_ESTATE};
    settle(status, result, data);
    return {};
  }
  auto completion = std::make_unique<Completion>(self, status, result, data);
  if (claimed_.exchange(true)) return Error{SOCKET_ESTATE};
  return loop->post(std::move(completion));
}

// ---- Telling the program

void Future::then(SocketCallback_T callback, void *user) noexcept {
  set_target(callback, user);
  delivers_ = true;
  if (done() && !delivered_) raise(SOCKET_COMPLETED);
}

Status Future::release() noexcept {
  if (!delivers_ || delivered_) return Error{SOCKET_ESTATE};
  released_ = true;
  return {};
}

Result<int64_t> Future::result() const noexcept {
  if (const int code = status()) return Error{code};
  return result_;
}

void *Future::take_data() noexcept {
  owns_stream_ = false;
  return data_;
}

void Future::describe(SocketCompletion_T &event) noexcept {
  delivered_ = true;
  event.status = status_;
  event.length = status_ ? progress() : result_;
  event.source = reinterpret_cast<void *>(subject_);
  event.data = take_data();
  if (released_) dispose();
}

void Future::on_dispose() noexcept {
  if (!done()) give_up(SOCKET_ECANCELED);
  loop().timers().leave(*this);
  if (!owns_stream_) return;
  auto stream =
      HandleTable::instance().get(reinterpret_cast<HandleWord>(data_), HandleKind::stream);
  if (stream.ok()) static_cast<LoopObject *>(*stream)->dispose();
}

void Future::drop() noexcept {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    const std::unique_ptr<Future> last(this);
}

// ---- Waiting

Status Future::await(std::span<Future *const> futures, size_t enough, int timeout_ms) {
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  if (enough_done(futures, enough)) return {};
  const Pinned<Loop> loop(futures.front()->loop_handle());
  if (!loop) return Error{SOCKET_EBADHANDLE};
  if (HandleTable::instance().owner(futures.front()->loop_handle()) != thread_token())
    return block(futures, enough, timeout_ms);
  const Status status = loop->run_until([&] { return enough_done(futures, enough); }, timeout_ms);
  if (!status.ok()) return enough_done(futures, enough) ? Status() : status;
  return enough_done(futures, enough) ? Status() : Status(Error{SOCKET_ETIMEDOUT});
}

Status Future::block(std::span<Future *const> futures, size_t enough, int timeout_ms) {
  using namespace std::chrono;
  Gate &gate = Gate::instance();
  const auto deadline = steady_clock::now() + milliseconds(timeout_ms);
  const auto satisfied = [&] { return enough_done(futures, enough); };
  std::unique_lock lock(gate.mutex);
  for (Future *future : futures) future->waiters_.fetch_add(1, std::memory_order_seq_cst);
  bool ended = true;
  if (timeout_ms < 0)
    gate.ended.wait(lock, satisfied);
  else
    ended = gate.ended.wait_until(lock, deadline, satisfied);
  for (Future *future : futures) future->waiters_.fetch_sub(1, std::memory_order_seq_cst);
  return ended ? Status() : Status(Error{SOCKET_ETIMEDOUT});
}

PinnedFutures::~PinnedFutures() {
  for (const HandleWord word : words_) HandleTable::instance().unpin(word);
}

Status PinnedFutures::pin(const SocketFuture_T *handles, int count) {
  if (!handles || count < 1 || count > kMost) return Error{SOCKET_EINVAL};
  futures_.reserve(static_cast<size_t>(count));
  words_.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; i++) {
    const auto word = reinterpret_cast<HandleWord>(handles[i]);
    auto found = HandleTable::instance().pin(word, HandleKind::future);
    if (!found.ok()) return found.error();
    words_.push_back(word);
    futures_.push_back(static_cast<Future *>(*found));
    if (futures_.back()->loop_handle() != futures_.front()->loop_handle())
      return Error{SOCKET_EINVAL};
  }
  return {};
}

} // namespace socketpoll
