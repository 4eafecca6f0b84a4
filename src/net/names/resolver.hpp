// Net floor. One question to the name service, from the loop's side. Where the answer comes from:
// numeric addresses and "localhost" (RFC 6761, 6.3) are answered here; else the loop's own hook is
// asked, where it has one (resolver_query.hpp); else the process's pool of threads, which has the
// cache (resolver_pool.hpp).
#pragma once

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/names/address.hpp"
#include "net/names/resolver_cache.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace socketpoll {

class Query;

class LookupDelegate {
public:
  // Addresses (port 0) not told before, best first, families taking turns (RFC 8305, 4). `code`:
  // SOCKET_EAGAIN while more may follow, which only a hook brings about; 0 with the last of them;
  // else why there is none. Called by the loop alone, never from inside start(); may destroy the
  // Lookup. Where it throws std::bad_alloc it has done nothing, and is told SOCKET_ENOMEM next.
  virtual void on_lookup(std::span<const Address> found, int code) = 0;

protected:
  ~LookupDelegate() = default;
};

// Destroying it forgets the question: nothing is told any more, and nothing is waited for.
class Lookup final : private Deferred {
public:
  Lookup(Loop &loop, LookupDelegate &delegate) noexcept : loop_(loop), delegate_(delegate) {}
  ~Lookup() override;

  // Asks, once. `family`: AF_UNSPEC, AF_INET or AF_INET6. SOCKET_EADDRESS or SOCKET_ENAMETOOLONG
  // for what can be no name (host_name.hpp); everything else is told. Throws std::bad_alloc.
  Status start(std::string_view host, int family);

private:
  friend struct Answer;
  friend class Query;

  void run_deferred() override;
  void on_no_memory() noexcept override {}
  void tell(std::span<const Address> found, int code) noexcept;

  void know(std::shared_ptr<const Resolved> outcome) noexcept;
  void ask_hook(const HostKey &key);
  void ask_pool(const HostKey &key);

  Loop &loop_;
  LookupDelegate &delegate_;
  std::shared_ptr<const Resolved> outcome_; // known at once, told in the next delivery
  // While the pool has the question: the key to it, and this, which outlives the lookup there.
  std::optional<HostKey> asked_;
  std::shared_ptr<Lookup *> self_;
  Query *query_ = nullptr; // the hook's, which ends this pointer with itself
};

} // namespace socketpoll
