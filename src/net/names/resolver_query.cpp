#include "net/names/resolver_query.hpp"

#include "net/names/host_name.hpp"

#include <utility>

namespace socketpoll {

Status Query::add(std::string_view text) {
  if (state_ == State::finished) return Error{SOCKET_ESTATE};
  if (!lookup_) return Error{SOCKET_ECANCELED};
  auto address = parse_host(text, AF_UNSPEC);
  if (!address.ok()) return address.error();
  if (key_.family != AF_UNSPEC && key_.family != address->family) return Error{SOCKET_EAFNOSUPPORT};
  if (count_ == kMostAddresses) return Error{SOCKET_ELIMIT};
  found_.push_back(*address);
  count_++;
  loop().defer(*this);
  return {};
}

Status Query::finish(int code) noexcept {
  if (code > 0 || code == SOCKET_EAGAIN) return Error{SOCKET_EINVAL};
  if (state_ == State::finished) return Error{SOCKET_ESTATE};
  state_ = State::finished;
  code_ = code ? code : int{SOCKET_ENONAME};
  loop().defer(*this);
  return {};
}

void Query::abandon() noexcept {
  lookup_ = nullptr;
  if (state_ == State::asked)
    loop().defer(*this);
  else
    dispose();
}

void Query::run_deferred() {
  if (!lookup_) return dispose();
  if (state_ == State::unasked) return ask();
  tell();
}

void Query::ask() {
  state_ = State::asked;
  asked_as_ = reinterpret_cast<SocketQuery_T>(handle());
  const int family = key_.family == AF_INET    ? SOCKET_FAMILY_IPV4
                     : key_.family == AF_INET6 ? SOCKET_FAMILY_IPV6
                                               : SOCKET_FAMILY_ANY;
  loop().count_event();
  hook_.ask(reinterpret_cast<SocketLoop_T>(loop().handle()), key_.name.c_str(), family, asked_as_,
            hook_.user);
}

void Query::tell() noexcept {
  std::vector<Address> found = std::move(found_);
  found_.clear();
  interleave_families(found);
  Lookup &lookup = *lookup_;
  if (state_ != State::finished) return lookup.tell(found, SOCKET_EAGAIN);
  dispose();
  lookup.tell(found, count_ ? 0 : code_);
}

void Query::on_dispose() noexcept {
  List<Deferred, DeferredTag>::remove(*this);
  if (lookup_) std::exchange(lookup_, nullptr)->query_ = nullptr;
  // Also when the loop is freed: what the program keeps for the query must end somewhere.
  if (state_ != State::asked || !hook_.cancel) return;
  loop().count_event();
  hook_.cancel(asked_as_, hook_.user);
}

} // namespace socketpoll
