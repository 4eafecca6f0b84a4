// Where a pipeline's bytes come from.
#pragma once

#include "SocketPipeline.h"

#include "net/pipeline/pipeline_stage.hpp"
#include "net/stream/mover.hpp"
#include "net/stream/stream.hpp"

#include <memory>

namespace socketpoll {

class Source : public Stage {
public:
  // Most of what one pull gives.
  static constexpr size_t kMost = 65536;

  // The pipeline starts; once. Throws std::bad_alloc.
  virtual Status begin() { return {}; }
  // It has ended; more than once. What was taken and not given goes back where it can.
  virtual void let_go() noexcept {}
  // Moves it by the kernel's hand if that can be: null where it cannot.
  virtual Result<MoverPtr> mover(Stream &, MoverOwner &) { return MoverPtr(); }
  // Of what the last pull gave, this end of it was not used.
  virtual void take_back(std::span<const char>) noexcept {}
  int64_t taken() const noexcept { return taken_; }

protected:
  Piece give(std::span<const char> bytes) noexcept {
    taken_ += static_cast<int64_t>(bytes.size());
    return {bytes, false};
  }

  int64_t taken_ = 0;
};

class FileSource final : public Source {
public:
  explicit FileSource(FileRange range) noexcept : range_(std::move(range)) {}
  Result<Piece> pull(size_t most) override;
  void let_go() noexcept override { range_.file.reset(); }
  Result<MoverPtr> mover(Stream &to, MoverOwner &owner) override {
    return Mover::of_file(range_, to, owner);
  }

private:
  FileRange range_; // length -1: to the end
  std::unique_ptr<char[]> buffer_;
};

class MemorySource final : public Source {
public:
  explicit MemorySource(std::span<const char> bytes) noexcept : rest_(bytes) {}
  Result<Piece> pull(size_t most) override;
  void let_go() noexcept override { rest_ = {}; }

private:
  std::span<const char> rest_;
};

class CallbackSource final : public Source {
public:
  CallbackSource(Pipeline &pipeline, SocketPull_T call, void *user) noexcept
      : pipeline_(pipeline), call_(call), user_(user) {}
  Result<Piece> pull(size_t most) override;

private:
  Pipeline &pipeline_;
  SocketPull_T call_;
  void *user_;
  std::unique_ptr<char[]> buffer_;
};

class StreamSource final : public Source, private StreamReader {
public:
  StreamSource(Pipeline &pipeline, HandleWord stream) noexcept
      : pipeline_(pipeline), handle_(stream) {}
  ~StreamSource() override { let_go(); }
  Status begin() override;
  Result<Piece> pull(size_t most) override;
  void let_go() noexcept override;
  void take_back(std::span<const char> bytes) noexcept override;
  Result<MoverPtr> mover(Stream &to, MoverOwner &owner) override;

private:
  std::span<char> receive_buffer() override;
  void on_data(std::span<char> bytes) override;
  void on_eof() override;
  void on_read_ended(int code) noexcept override;

  Pipeline &pipeline_;
  HandleWord handle_;
  Stream *stream_ = nullptr;
  Leftover rest_; // received, and not given yet
  ChunkRef given_;
  int code_ = 0;
  bool ended_ = false;
};

} // namespace socketpoll
