#include "net/names/resolver.hpp"

#include "net/names/host_name.hpp"
#include "net/names/resolver_pool.hpp"
#include "net/names/resolver_query.hpp"

#include <new>
#include <utility>

namespace socketpoll {

namespace {

std::shared_ptr<const Resolved> resolved(std::vector<Address> addresses, int code = 0) {
  return std::make_shared<Resolved>(Resolved{std::move(addresses), code});
}

std::vector<Address> loopback_of(int family) {
  std::vector<Address> wanted;
  for (const Address &address : loopback_addresses())
    if (family == AF_UNSPEC || family == address.family) wanted.push_back(address);
  return wanted;
}

} // namespace

Lookup::~Lookup() {
  if (query_) query_->abandon();
  if (!self_) return;
  *self_ = nullptr;
  ResolverPool::forget(*asked_, self_);
}

Status Lookup::start(std::string_view host, int family) {
  if (auto address = parse_host(host, family); address.ok()) {
    know(resolved({*address}));
    return {};
  }
  if (const Status status = check_host_name(host); !status.ok()) return status;
  if (is_localhost(host)) {
    know(resolved(loopback_of(family)));
    return {};
  }
  const HostKey key(host, family);
  if (loop_.resolver_hook().ask)
    ask_hook(key);
  else if (loop_.network())
    know(resolved({}, SOCKET_ENONAME)); // a simulation does not depend on the world's names
  else
    ask_pool(key);
  return {};
}

void Lookup::ask_hook(const HostKey &key) {
  auto query = Query::create(loop_, *this, key);
  if (query.ok())
    query_ = *query;
  else
    know(resolved({}, query.code()));
}

void Lookup::ask_pool(const HostKey &key) {
  asked_ = key;
  auto self = std::make_shared<Lookup *>(this);
  auto known = ResolverPool::instance().ask(key, std::make_unique<Answer>(loop_.handle(), self));
  if (!known.ok())
    know(resolved({}, known.code()));
  else if (*known)
    know(known.take());
  else
    self_ = std::move(self);
}

void Lookup::know(std::shared_ptr<const Resolved> outcome) noexcept {
  outcome_ = std::move(outcome);
  loop_.defer(*this);
}

void Lookup::run_deferred() {
  const std::shared_ptr<const Resolved> outcome = std::move(outcome_);
  tell(outcome->addresses, outcome->code);
}

void Lookup::tell(std::span<const Address> found, int code) noexcept {
  LookupDelegate &delegate = delegate_; // which may destroy this
  try {
    delegate.on_lookup(found, code);
    return;
  } catch (const std::bad_alloc &) {
  }
  try {
    delegate.on_lookup({}, SOCKET_ENOMEM);
  } catch (const std::bad_alloc &) {
  }
}

void Answer::deliver() {
  const std::unique_ptr<Answer> self(this);
  Lookup *lookup = *asker;
  if (!lookup) return;
  lookup->self_.reset();
  lookup->tell(outcome->addresses, outcome->code);
}

} // namespace socketpoll
