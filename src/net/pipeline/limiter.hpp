// SocketLimiter: the handle of a token bucket.
#pragma once

#include "net/pipeline/token_bucket.hpp"

#include <memory>

namespace socketpoll {

class Limiter final : public LoopObject {
public:
  static constexpr HandleKind kHandleKind = HandleKind::limiter;

  static Result<Limiter *> create(Loop &loop, int64_t rate, int64_t burst) {
    if (!TokenBucket::valid(rate, burst)) return Error{SOCKET_EINVAL};
    return adopt(std::unique_ptr<Limiter>(
        new Limiter(loop, std::make_shared<TokenBucket>(loop, rate, burst))));
  }
  const std::shared_ptr<TokenBucket> &bucket() const noexcept { return bucket_; }

private:
  Limiter(Loop &loop, std::shared_ptr<TokenBucket> bucket) noexcept
      : LoopObject(loop, kHandleKind), bucket_(std::move(bucket)) {}
  void describe(SocketCompletion_T &) noexcept override {}
  void on_dispose() noexcept override {}

  std::shared_ptr<TokenBucket> bucket_;
};

} // namespace socketpoll
