// SocketPipeline: pulls pieces through its stages into its sink, or leaves that to a mover.
//
// All of it happens in run_deferred: whoever has something new for the pipeline wakes it, and
// nothing calls the program from anywhere else.
#pragma once

#include "net/future.hpp"
#include "net/pipeline/pipeline_sinks.hpp"
#include "net/pipeline/pipeline_sources.hpp"
#include "net/pipeline/pipeline_transforms.hpp"

#include <memory>
#include <vector>

namespace socketpoll {

class Pipeline final : public LoopObject,
                       private Deferred,
                       private MoverOwner,
                       private FutureSource {
public:
  static constexpr HandleKind kHandleKind = HandleKind::pipeline;

  static Result<Pipeline *> create(Loop &loop) {
    return adopt(std::unique_ptr<Pipeline>(new Pipeline(loop)));
  }
  ~Pipeline() override;

  // ---- Building; SOCKET_ESTATE where it has one already, or is started
  Status set_source(std::unique_ptr<Source> source) noexcept;
  Status set_sink(std::unique_ptr<Sink> sink) noexcept;
  bool may_set_sink() const noexcept { return state_ == State::open && !sink_; }
  Status add(std::unique_ptr<Transform> transform);
  Result<int> add_count();
  Status set_high_mark(int64_t bytes) noexcept;
  Status set_progress(int64_t every) noexcept;
  Status set_zero_copy(bool on) noexcept;

  // ---- Running
  Status start();
  Result<Future *> start_as_future(int timeout_ms);
  void pause() noexcept;
  void resume() noexcept;
  Status cancel() noexcept;
  Status emit(std::span<const char> bytes);
  int64_t written() const noexcept { return zero_copy_ ? moved_ : sink_ ? sink_->written() : 0; }
  int64_t taken() const noexcept { return zero_copy_ ? taken_ : source_ ? source_->taken() : 0; }
  Result<int64_t> count(int counter) const noexcept;
  bool zero_copy() const noexcept { return zero_copy_; }

  // ---- For its parts
  void wake() noexcept;
  // It has failed, or finished.
  void end(int code) noexcept;
  bool ended() const noexcept { return state_ == State::ended; }
  int64_t high_mark() const noexcept { return high_mark_; }
  Result<Stream *> stream_of(HandleWord handle) noexcept;
  void set_emitter(Transform *emitter) noexcept { emitter_ = emitter; }
  SocketPipeline_T as_handle() const noexcept {
    return reinterpret_cast<SocketPipeline_T>(handle());
  }
  // What a callback returned, as a code.
  static int code_of(int64_t returned) noexcept;

private:
  explicit Pipeline(Loop &loop) noexcept : LoopObject(loop, kHandleKind) {}
  enum class State : uint8_t { open, running, finishing, ended };

  void run_deferred() override;
  void on_no_memory() noexcept override { end(SOCKET_ENOMEM); }
  void pump();
  // The next piece is there, or the end is; SOCKET_EAGAIN and failures.
  Status have_piece();
  void progressed() noexcept;
  void finish();
  Stage &last() noexcept;
  // Has the kernel do it, if it can.
  Status begin_mover();
  // Throws std::bad_alloc and has then begun nothing.
  Status begin_stages();
  void let_go() noexcept;

  void on_moved(int64_t bytes) noexcept override;
  void on_move_ended(int code) noexcept override { end(code); }
  void abandon(Future &future) noexcept override;
  void describe(SocketCompletion_T &event) noexcept override;
  void on_dispose() noexcept override;

  std::unique_ptr<Source> source_;
  std::unique_ptr<Sink> sink_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  MoverPtr mover_;
  Future *future_ = nullptr;
  Transform *emitter_ = nullptr; // whose callback is running
  std::span<const char> piece_;  // that the sink has not taken yet
  int64_t high_mark_ = SOCKET_PIPELINE_HIGH_MARK;
  int64_t progress_every_ = 0;
  int64_t progress_told_ = 0;
  int64_t moved_ = 0; // by the mover
  int64_t taken_ = 0;
  int code_ = 0;
  State state_ = State::open;
  bool has_piece_ = false;
  bool paused_ = false;
  bool pumping_ = false;
  bool woken_ = false; // meanwhile
  bool wants_zero_copy_ = true;
  bool zero_copy_ = false;
};

} // namespace socketpoll
