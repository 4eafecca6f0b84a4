// Where a pipeline's bytes go.
#pragma once

#include "SocketPipeline.h"

#include "net/buffer/buffer.hpp"
#include "net/stream/stream.hpp"

#include <memory>

namespace socketpoll {

class Pipeline;

class Sink {
public:
  virtual ~Sink() = default;
  // The pipeline starts; once. Throws std::bad_alloc.
  virtual Status begin() { return {}; }
  // Whether it takes more now; if not, it wakes the pipeline when it does.
  virtual bool ready() const noexcept { return true; }
  // Takes all of it; SOCKET_EAGAIN: nothing, until the pipeline is resumed. Throws std::bad_alloc.
  virtual Status push(std::span<const char> bytes) = 0;
  // Nothing more comes for the moment.
  virtual Status flush() { return {}; }
  // Nothing more comes. SOCKET_EAGAIN: it wakes the pipeline when everything has gone.
  virtual Status finish() { return flush(); }
  // It has ended; more than once.
  virtual void let_go() noexcept {}
  // Where it is one.
  virtual HandleWord stream() const noexcept { return 0; }
  int64_t written() const noexcept { return written_; }

protected:
  int64_t written_ = 0;
};

// Gathers small pieces, so that each does not cost a system call.
class GatheringSink : public Sink {
public:
  Status push(std::span<const char> bytes) override;
  Status flush() override;

protected:
  static constexpr size_t kGathered = 16384;
  virtual Status put(std::span<const char> bytes) = 0;
  size_t gathered() const noexcept { return gathered_; }

private:
  std::unique_ptr<char[]> buffer_;
  size_t gathered_ = 0;
};

class FileSink final : public GatheringSink {
public:
  explicit FileSink(Fd file) noexcept : file_(std::move(file)) {}
  Status finish() override;
  void let_go() noexcept override;

private:
  Status put(std::span<const char> bytes) override;
  Fd file_;
};

class StreamSink final : public GatheringSink, private StreamWriter {
public:
  StreamSink(Pipeline &pipeline, HandleWord stream) noexcept
      : pipeline_(pipeline), handle_(stream) {}
  ~StreamSink() override { let_go(); }
  Status begin() override;
  bool ready() const noexcept override;
  Status flush() override;
  Status finish() override;
  void let_go() noexcept override;
  HandleWord stream() const noexcept override { return handle_; }

private:
  Status put(std::span<const char> bytes) override;
  void on_taken(int64_t sent, int64_t unsent) noexcept override;
  void on_write_ended(int code) noexcept override;

  Pipeline &pipeline_;
  HandleWord handle_;
  Stream *stream_ = nullptr;
  int64_t in_flight_ = 0;
  bool broken_ = false;
};

class BufferSink final : public Sink {
public:
  explicit BufferSink(Ref<Buffer> buffer) noexcept : buffer_(std::move(buffer)) {}
  Status push(std::span<const char> bytes) override;

private:
  Ref<Buffer> buffer_;
};

class CallbackSink final : public Sink {
public:
  CallbackSink(Pipeline &pipeline, SocketPush_T call, void *user) noexcept
      : pipeline_(pipeline), call_(call), user_(user) {}
  Status push(std::span<const char> bytes) override;

private:
  Pipeline &pipeline_;
  SocketPush_T call_;
  void *user_;
};

} // namespace socketpoll
