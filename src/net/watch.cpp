#include "net/watch.hpp"

#include "net/loop.hpp"

#include <utility>

namespace socketpoll {

Watch::~Watch() { unwatch(); }

void Watch::want(int events) noexcept {
  wanted_ = static_cast<short>(events);
  if (effective() != registered_ && !List<Watch, ChangedTag>::contains(*this)) loop_.changed(*this);
}

Status Watch::want_now(int events) {
  wanted_ = static_cast<short>(events);
  const short effective = this->effective();
  if (effective == registered_) return {};
  if (effective == 0) {
    (void)loop_.poller().del(poll_number(fd_)); // what is not there need not leave
    registered_ = 0;
    return {};
  }
  const int level = effective | SOCKET_POLL_LEVEL;
  const Status status = registered_ ? loop_.poller().mod(poll_number(fd_), level, this)
                                    : loop_.poller().add(poll_number(fd_), level, this);
  if (status.ok()) registered_ = effective;
  return status;
}

bool Watch::hold_reading(bool on) noexcept {
  if (reading_held_ == on) return false;
  reading_held_ = on;
  if (fd_ >= 0) want(wanted_);
  if (!on) on_released();
  return true;
}

void Watch::unwatch() noexcept {
  List<Watch, ChangedTag>::remove(*this);
  if (registered_) (void)loop_.poller().del(poll_number(fd_));
  wanted_ = registered_ = 0;
  fd_ = -1;
}

void Watch::take_over(Watch &other) noexcept {
  unwatch();
  fd_ = std::exchange(other.fd_, -1);
  registered_ = std::exchange(other.registered_, short{0});
  if (registered_) registered_ |= kElsewhere;
  List<Watch, ChangedTag>::remove(other);
  want(std::exchange(other.wanted_, short{0}));
}

} // namespace socketpoll
