// What bytes go through between a pipeline's source and its sink.
#pragma once

#include "SocketPipeline.h"

#include "net/pipeline/pipeline_stage.hpp"
#include "net/pipeline/token_bucket.hpp"

#include <memory>
#include <string>
#include <vector>

namespace socketpoll {

class Transform : public Stage {
public:
  void stand_on(Stage &upstream) noexcept { upstream_ = &upstream; }
  bool units() const noexcept override { return upstream_->units(); }
  // The most that passes, if every byte passes unchanged up to there and nothing else happens.
  virtual Result<int64_t> plain_limit() const noexcept { return Error{SOCKET_ENOTSUP}; }
  // Those that pass it were moved by the kernel.
  virtual void moved(int64_t) noexcept {}
  virtual int64_t count() const noexcept { return -1; }
  virtual Status emit(std::span<const char>) { return Error{SOCKET_ESTATE}; }
  // The pipeline has ended; more than once.
  virtual void let_go() noexcept {}

protected:
  Stage &upstream() noexcept { return *upstream_; }

private:
  Stage *upstream_ = nullptr;
};

class Limit final : public Transform {
public:
  Limit(int64_t bytes, bool strict) noexcept : left_(bytes), strict_(strict) {}
  Result<Piece> pull(size_t most) override;
  Result<int64_t> plain_limit() const noexcept override {
    return strict_ ? Result<int64_t>(Error{SOCKET_ENOTSUP}) : Result<int64_t>(left_);
  }

private:
  int64_t left_;
  bool strict_;
};

class Count final : public Transform {
public:
  Result<Piece> pull(size_t most) override;
  Result<int64_t> plain_limit() const noexcept override { return INT64_MAX; }
  void moved(int64_t bytes) noexcept override { count_ = bytes; }
  int64_t count() const noexcept override { return count_; }

private:
  int64_t count_ = 0;
};

class RateLimit final : public Transform, private BucketWaiter {
public:
  RateLimit(Pipeline &pipeline, std::shared_ptr<TokenBucket> bucket) noexcept
      : pipeline_(pipeline), bucket_(std::move(bucket)) {}
  ~RateLimit() override { let_go(); }
  Result<Piece> pull(size_t most) override;
  void let_go() noexcept override { bucket_->leave(*this); }

private:
  void on_tokens() noexcept override;
  Pipeline &pipeline_;
  std::shared_ptr<TokenBucket> bucket_;
};

// Cuts what comes into units. One that came whole is handed on where it lies.
class Framer : public Transform {
public:
  Result<Piece> pull(size_t most) override;
  bool units() const noexcept override { return true; }

protected:
  struct Cut {
    size_t begin = 0, length = 0; // of the unit
    size_t used = 0;              // what it takes up, 0: it is not complete
  };
  // The first unit of `bytes`, of which `seen` have been looked at before.
  virtual Result<Cut> cut(std::span<const char> bytes, size_t seen) = 0;
  // What stands at the end without being complete.
  virtual Result<Piece> last(std::span<const char> bytes) = 0;

private:
  std::span<const char> present() const noexcept;
  void use(size_t bytes) noexcept;
  // SOCKET_EAGAIN and the like.
  Status gather();

  std::span<const char> rest_; // of upstream's piece
  std::string carried_;        // an incomplete unit and what came after; rest_ is empty then
  size_t at_ = 0;              // where in carried_
  size_t seen_ = 0;
  bool ended_ = false;
};

class Lines final : public Framer {
public:
  Lines(int64_t max, bool keep_ends) noexcept
      : max_(static_cast<size_t>(max)), keep_ends_(keep_ends) {}

private:
  Result<Cut> cut(std::span<const char> bytes, size_t seen) override;
  Result<Piece> last(std::span<const char> bytes) override;
  size_t max_;
  bool keep_ends_;
};

class LengthDecode final : public Framer {
public:
  LengthDecode(int prefix, int64_t max) noexcept
      : prefix_(static_cast<size_t>(prefix)), max_(static_cast<size_t>(max)) {}

private:
  Result<Cut> cut(std::span<const char> bytes, size_t seen) override;
  Result<Piece> last(std::span<const char>) override { return Error{SOCKET_EPROTOCOL}; }
  size_t prefix_;
  size_t max_;
};

class LengthEncode final : public Transform {
public:
  LengthEncode(int prefix, int64_t max) noexcept;
  Result<Piece> pull(size_t most) override;
  bool units() const noexcept override { return true; }

private:
  size_t prefix_;
  size_t max_;
  std::vector<char> out_;
};

// The program's own.
class Custom final : public Transform {
public:
  Custom(Pipeline &pipeline, SocketTransform_T call, void *user) noexcept
      : pipeline_(pipeline), call_(call), user_(user) {}
  Result<Piece> pull(size_t most) override;
  bool units() const noexcept override { return true; }
  Status emit(std::span<const char> bytes) override;

private:
  // Units of one call, so that empty ones are bounded as well.
  static constexpr size_t kMostUnits = 65536;
  Status take_more();
  Status run();

  Pipeline &pipeline_;
  SocketTransform_T call_;
  void *user_;
  std::vector<char> in_; // not done with
  std::vector<char> out_;
  std::vector<size_t> units_; // sizes of what lies in out_
  size_t next_unit_ = 0;
  size_t at_ = 0; // where in out_
  bool refused_ = false;
  bool ended_ = false;
  bool finished_ = false;
};

} // namespace socketpoll
