// A future for several others: for the first of them, or for all.
#pragma once

#include "net/future.hpp"

#include <memory>

namespace socketpoll {

class FutureGroup final : public Future {
public:
  enum class Until : uint8_t { first, all };

  // The members stand on the same loop, at least one. Throws std::bad_alloc.
  static Result<Future *> create(Loop &loop, std::span<Future *const> members, Until until);
  ~FutureGroup() override;

private:
  class Member;
  FutureGroup(Loop &loop, size_t count, Until until);
  void on_dispose() noexcept override;
  void on_member(size_t index, Future &member) noexcept;

  const std::unique_ptr<Member[]> members_;
  const size_t count_;
  size_t left_;
  const Until until_;
};

} // namespace socketpoll
