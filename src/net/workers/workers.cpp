#include "net/workers/workers.hpp"

#include "base/error.hpp"
#include "net/os/os_thread.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace socketpoll {

struct Workers::Worker {
  Workers *group = nullptr;
  int index = 0;
  HandleWord loop = 0;
  os::ThreadBody body;
  os::Thread thread;
  bool prepared = false; // its setup has returned `code`
  bool begun = false; // it runs its loop, which nobody else can claim from there on, or has ended
  int code = 0;
  char attempt[192] = ""; // what the setup tried when it failed
};

// The first thing that a worker's loop delivers.
class Workers::Began final : public Posted {
public:
  explicit Began(Worker &worker) noexcept : worker_(worker) {}
  void deliver() override {
    const std::unique_ptr<Began> self(this);
    const Lock lock(worker_.group->mutex_);
    worker_.begun = true;
    worker_.group->changed_.notify_all();
  }

private:
  Worker &worker_;
};

namespace {

constinit thread_local const Workers *group_of_this_thread = nullptr;

// What the thread's last error message says before its cause, where it is of this code.
void copy_attempt(int code, std::span<char> out) noexcept {
  if (last_error_code() != code) return;
  char cause[128];
  std::snprintf(cause, sizeof cause, ": %s (%s)", error_text(code), error_name(code));
  std::string_view message = last_error_message();
  if (!message.ends_with(cause)) return;
  message.remove_suffix(std::string_view(cause).size());
  std::snprintf(out.data(), out.size(), "%.*s", static_cast<int>(message.size()), message.data());
}

} // namespace

Workers::Workers() = default;
Workers::~Workers() = default;

Ref<Workers> Workers::create() { return Ref<Workers>::adopt(new Workers); }

bool Workers::is_mine() const noexcept { return group_of_this_thread == this; }

Status Workers::set_name(std::string_view prefix) {
  const Lock lock(mutex_);
  if (prefix.empty() || prefix.size() > kMostPrefix) return Error{SOCKET_EINVAL};
  if (state_ != State::idle) return Error{SOCKET_ESTATE};
  prefix_ = prefix;
  return {};
}

Status Workers::set_pinning(bool on) {
  const Lock lock(mutex_);
  if (state_ != State::idle) return Error{SOCKET_ESTATE};
  pinning_ = on;
  return {};
}

// ---- The start

Status Workers::start(int count, SocketWorkersSetup_T setup, void *user) {
  if (count < 0 || count > SOCKET_WORKERS_MAX) return Error{SOCKET_EINVAL};
  if (count == 0) count = std::min<int>(os::processor_count(), SOCKET_WORKERS_MAX);
  auto workers = std::make_unique<Worker[]>(static_cast<size_t>(count));
  Lock lock(mutex_);
  if (state_ != State::idle || closed_) return Error{SOCKET_ESTATE};
  state_ = State::starting;
  workers_ = std::move(workers);
  setup_ = setup;
  user_ = user;
  stopping_ = released_ = false;
  count_ = ended_ = status_ = 0;
  failed_ = -1;
  Status status;
  for (int i = 0; i < count && status.ok(); i++) {
    workers_[static_cast<size_t>(i)].index = i;
    status = start_one(lock, workers_[static_cast<size_t>(i)]);
    if (!status.ok() && !stopping_) failed_ = i;
  }
  if (!status.ok()) stopping_ = true;
  released_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] {
    return std::all_of(&workers_[0], &workers_[0] + count_,
                       [](const Worker &worker) { return worker.begun; });
  });
  if (status.ok() && status_) status = Error{status_};
  state_ = State::running;
  changed_.notify_all();
  if (!status.ok()) join_threads(lock);
  return status;
}

Status Workers::start_one(Lock &lock, Worker &worker) noexcept {
  worker.group = this;
  Result<HandleWord> made = Error{SOCKET_ENOMEM};
  try {
    made = Loop::create(nullptr);
  } catch (const std::bad_alloc &) {
  }
  Status status = made.ok() ? Status() : Status(made.error());
  if (status.ok()) {
    worker.loop = *made;
    worker.body = {run_thread, &worker};
    status = worker.thread.start(worker.body);
    if (!status.ok()) (void)Pinned<Loop>(worker.loop)->close();
  }
  if (!status.ok()) return explain(status.error(), "cannot start worker %d", worker.index);
  count_++;
  changed_.wait(lock, [&] { return worker.prepared; });
  if (worker.code && worker.attempt[0]) return explain(Error{worker.code}, "%s", worker.attempt);
  if (worker.code) return explain(Error{worker.code}, "cannot start worker %d", worker.index);
  return stopping_ ? Status(Error{SOCKET_ESTOPPED}) : Status();
}

// ---- On a worker's thread

void Workers::run_thread(void *argument) noexcept {
  Worker &worker = *static_cast<Worker *>(argument);
  worker.group->run(worker);
}

int Workers::set_up(Worker &worker, Loop &loop) noexcept {
  char name[16];
  std::snprintf(name, sizeof name, "%s-%d", prefix_.c_str(), worker.index);
  os::name_this_thread(name);
  Status status = loop.claim();
  if (status.ok() && pinning_) status = os::pin_this_thread(worker.index);
  if (!status.ok() || !setup_) return status.code();
  const auto handle = reinterpret_cast<SocketLoop_T>(loop.handle());
  const int code = setup_(handle, worker.index, user_);
  return code > 0 ? int{SOCKET_EUNKNOWN} : code;
}

void Workers::run(Worker &worker) noexcept {
  group_of_this_thread = this;
  const Pinned<Loop> loop(worker.loop);
  // What it needs of the group stays as it is while that is starting.
  const int failed = loop ? set_up(worker, *loop) : int{SOCKET_EBADHANDLE};
  bool go = false;
  {
    Lock lock(mutex_);
    worker.code = failed;
    if (failed) copy_attempt(failed, worker.attempt);
    worker.prepared = true;
    changed_.notify_all();
    if (!failed) changed_.wait(lock, [&] { return released_; });
    go = !failed && !stopping_;
  }
  Status outcome;
  try {
    if (go) outcome = loop->post(std::make_unique<Began>(worker));
    if (go && outcome.ok()) outcome = loop->run();
  } catch (const std::bad_alloc &) {
    outcome = Error{SOCKET_ENOMEM};
  }
  if (loop) (void)loop->close();
  const Lock lock(mutex_);
  // SOCKET_ESTOPPED: a callback has freed the loop.
  if (!outcome.ok() && outcome.code() != SOCKET_ESTOPPED) {
    if (!status_) status_ = outcome.code();
    if (state_ == State::starting && failed_ < 0) failed_ = worker.index;
    stop_loops();
  }
  worker.begun = true;
  ended_++;
  changed_.notify_all();
}

// ---- The end

void Workers::stop_loops() noexcept {
  stopping_ = true;
  for (int i = 0; i < count_; i++)
    if (const Pinned<Loop> loop(workers_[static_cast<size_t>(i)].loop); loop) loop->stop();
}

void Workers::stop() noexcept {
  const Lock lock(mutex_);
  if (state_ != State::idle) stop_loops();
}

Status Workers::join(int timeout_ms) {
  using namespace std::chrono;
  if (timeout_ms < -1) return Error{SOCKET_EINVAL};
  if (is_mine()) return Error{SOCKET_ESTATE};
  const auto deadline = steady_clock::now() + milliseconds(timeout_ms);
  const auto over = [&] {
    return state_ == State::idle || (state_ == State::running && ended_ == count_);
  };
  Lock lock(mutex_);
  if (timeout_ms < 0)
    changed_.wait(lock, over);
  else if (!changed_.wait_until(lock, deadline, over))
    return Error{SOCKET_ETIMEDOUT};
  if (state_ == State::running) join_threads(lock);
  return status_ ? Status(Error{status_}) : Status();
}

// They have ended, or are about to.
void Workers::join_threads(Lock &lock) noexcept {
  state_ = State::joining;
  lock.unlock();
  for (int i = 0; i < count_; i++) workers_[static_cast<size_t>(i)].thread.join();
  lock.lock();
  workers_.reset();
  count_ = 0;
  state_ = State::idle;
  changed_.notify_all();
}

void Workers::close() noexcept {
  {
    const Lock lock(mutex_);
    closed_ = true;
  }
  stop();
  (void)join(-1);
}

// ---- What is asked of it

int Workers::count() {
  const Lock lock(mutex_);
  return count_;
}

int Workers::failed() {
  const Lock lock(mutex_);
  return failed_;
}

Result<HandleWord> Workers::loop(int index) {
  const Lock lock(mutex_);
  if (index < 0 || index >= count_) return Error{SOCKET_EINVAL};
  return workers_[static_cast<size_t>(index)].loop;
}

} // namespace socketpoll
