// Net floor. A question to a loop's hook, as the program sees it. It outlives the lookup that
// asked: what the hook has heard of ends with the program's finish or with its cancel callback,
// exactly one of them, and the handle is stale after that.
#pragma once

#include "net/loop.hpp"
#include "net/names/resolver.hpp"
#include "net/names/resolver_hook.hpp"

#include <vector>

namespace socketpoll {

class Query final : public LoopObject, private Deferred {
public:
  static constexpr HandleKind kHandleKind = HandleKind::query;

  // The hook is called in the next delivery. Throws std::bad_alloc.
  static Result<Query *> create(Loop &loop, Lookup &lookup, const HostKey &key) {
    auto query = adopt(std::unique_ptr<Query>(new Query(loop, lookup, key)));
    if (query.ok()) loop.defer(**query);
    return query;
  }

  // ---- From the program; told to the lookup in the next delivery.
  // SOCKET_EADDRESS, SOCKET_EAFNOSUPPORT for another family than was asked for, SOCKET_ELIMIT,
  // SOCKET_ECANCELED. Throws std::bad_alloc.
  Status add(std::string_view address);
  Status finish(int code) noexcept;

  // ---- From the lookup: nobody wants to know any more.
  void abandon() noexcept;

private:
  enum class State : uint8_t { unasked, asked, finished };

  Query(Loop &loop, Lookup &lookup, const HostKey &key)
      : LoopObject(loop, kHandleKind), hook_(loop.resolver_hook()), lookup_(&lookup), key_(key) {}

  void run_deferred() override;
  void on_no_memory() noexcept override {}
  void describe(SocketCompletion_T &) noexcept override {}
  void on_dispose() noexcept override;
  void ask();
  void tell() noexcept;

  const ResolverHook hook_;
  Lookup *lookup_; // nullptr: abandoned
  const HostKey key_;
  std::vector<Address> found_; // not told yet
  size_t count_ = 0;
  SocketQuery_T asked_as_ = nullptr;
  int code_ = 0;
  State state_ = State::unasked;
};

} // namespace socketpoll
