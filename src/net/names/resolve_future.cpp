#include "net/names/resolve_future.hpp"

namespace socketpoll {

ResolveFuture::ResolveFuture(Loop &loop) noexcept : Future(loop, this, 0) { reserve(); }

Result<Future *> ResolveFuture::create(Loop &loop, std::string_view host, int family,
                                       int timeout_ms) {
  std::unique_ptr<ResolveFuture> made(new ResolveFuture(loop));
  if (const Status status = made->limit(timeout_ms); !status.ok()) return status.error();
  made->lookup_.emplace(loop, static_cast<LookupDelegate &>(*made));
  if (const Status status = made->lookup_->start(host, family); !status.ok()) return status.error();
  auto future = adopt(std::move(made));
  if (!future.ok()) return future.error();
  return static_cast<Future *>(*future);
}

void ResolveFuture::on_lookup(std::span<const Address> found, int code) {
  addresses_.insert(addresses_.end(), found.begin(), found.end());
  if (code == SOCKET_EAGAIN) return;
  lookup_.reset();
  if (code)
    fail(code);
  else
    succeed(static_cast<int64_t>(addresses_.size()));
}

} // namespace socketpoll
