// Net floor. SocketAsync_resolve: a lookup whose addresses stay with the future.
#pragma once

#include "net/future.hpp"
#include "net/names/resolver.hpp"

#include <optional>
#include <vector>

namespace socketpoll {

class ResolveFuture final : private FutureSource, public Future, private LookupDelegate {
public:
  // SOCKET_EINVAL (timeout) or the failures of Lookup::start. Throws std::bad_alloc.
  static Result<Future *> create(Loop &loop, std::string_view host, int family, int timeout_ms);

  std::span<const Address> addresses() const noexcept override { return addresses_; }

private:
  explicit ResolveFuture(Loop &loop) noexcept;
  void on_lookup(std::span<const Address> found, int code) override;
  void abandon(Future &) noexcept override { lookup_.reset(); }

  std::optional<Lookup> lookup_; // until there is an outcome
  std::vector<Address> addresses_;
};

} // namespace socketpoll
