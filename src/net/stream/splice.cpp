#include "net/stream/splice.hpp"

#include "net/os/os_file.hpp"
#include "net/stream/mover.hpp"

namespace socketpoll {

namespace {

// Belongs to itself from the moment that it has a future until that ends.
class Operation final : public Retired, private FutureSource, private MoverOwner {
public:
  template <class MakeMover>
  static Result<Future *> begin(Stream &subject, int timeout_ms, MakeMover &&make_mover) {
    std::unique_ptr<Operation> made(new Operation(subject.loop()));
    Result<MoverPtr> mover = make_mover(static_cast<MoverOwner &>(*made));
    if (!mover.ok()) return mover.error();
    made->mover_ = mover.take();
    auto future = Future::create(subject.loop(), *made, subject.handle(), timeout_ms);
    if (!future.ok()) return future;
    made->future_ = *future;
    made->mover_->begin();
    made.release();
    return future;
  }

private:
  explicit Operation(Loop &loop) noexcept : loop_(loop) {}
  void abandon(Future &future) noexcept override {
    const int64_t taken = finish();
    future.progress(taken);
  }
  void on_moved(int64_t bytes) noexcept override { future_->progress(bytes); }
  void on_move_ended(int code) noexcept override {
    const int64_t lost = mover_->lost();
    const int64_t taken = finish();
    if (code)
      future_->fail(code, lost);
    else
      future_->succeed(taken);
  }
  int64_t finish() noexcept {
    const MoverPtr mover = std::move(mover_); // a file's count is right once it has stopped
    Mover &stopped = *mover;
    stopped.let_go();
    loop_.retire(*this);
    return stopped.taken();
  }

  Loop &loop_;
  MoverPtr mover_;
  Future *future_ = nullptr;
};

} // namespace

Result<Future *> begin_splice(Stream &from, Stream &to, int64_t length, int timeout_ms) {
  return Operation::begin(
      from, timeout_ms, [&](MoverOwner &owner) { return Mover::between(from, to, length, owner); });
}

Result<Future *> begin_send_file(Stream &to, int fd, int64_t offset, int64_t length,
                                 int timeout_ms) {
  return Operation::begin(to, timeout_ms, [&](MoverOwner &owner) -> Result<MoverPtr> {
    auto file = os::duplicate(fd);
    if (!file.ok()) return file.error();
    if (const Status status = os::check_file(fd); !status.ok()) return status.error();
    const auto shared = std::make_shared<const Fd>(file.take());
    return Mover::of_file({shared, offset, length}, to, owner);
  });
}

} // namespace socketpoll
