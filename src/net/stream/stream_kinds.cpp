// Streams over descriptors of any kind, and what only some kinds can do.
#include "net/stream/stream.hpp"
#include "net/stream/stream_extras.hpp"

namespace socketpoll {

// ---- Made of a descriptor. Everything that can fail comes before the descriptor is touched.

Result<Stream *> Stream::without_fd(Loop &loop, Medium medium) {
  if (loop.network()) return Error{SOCKET_ENOTSUP}; // a simulated one
  return adopt(
      std::unique_ptr<Stream>(new Stream(loop, std::make_unique<FdTransport>(loop, medium))));
}

void Stream::attach(Fd fd, const os::Traits &traits) noexcept {
  static_cast<FdTransport &>(*transport_).attach(std::move(fd), traits);
}

Result<Stream *> Stream::adopt_fd(Loop &loop, int fd) {
  auto traits = os::traits_of(fd);
  if (!traits.ok()) return traits.error();
  auto stream = without_fd(loop, traits->medium);
  if (!stream.ok()) return stream;
  if (const Status status = os::make_nonblocking(fd, *traits); !status.ok()) {
    (*stream)->dispose();
    return status.error();
  }
  (*stream)->attach(Fd(fd), *traits);
  return stream;
}

namespace {
// Both or none.
template <class Make> Result<Stream::Pair> make_two(Make &&make) {
  Stream::Pair pair;
  try {
    for (Stream **one : {&pair.first, &pair.second}) {
      Result<Stream *> made = make(one == &pair.first);
      if (!made.ok()) {
        if (pair.first) pair.first->dispose();
        return made.error();
      }
      *one = *made;
    }
  } catch (const std::bad_alloc &) {
    if (pair.first) pair.first->dispose();
    throw;
  }
  return pair;
}
} // namespace

Result<Stream::Pair> Stream::socketpair(Loop &loop_a, Loop &loop_b) {
  auto ends = os::unix_pair();
  if (!ends.ok()) return ends.error();
  auto pair =
      make_two([&](bool first) { return without_fd(first ? loop_a : loop_b, ends->medium); });
  if (!pair.ok()) return pair;
  pair->first->attach(std::move(ends->a), {ends->medium});
  pair->second->attach(std::move(ends->b), {ends->medium});
  return pair;
}

Result<Stream::Pair> Stream::pipe(Loop &loop) {
  auto ends = os::pipe_ends();
  if (!ends.ok()) return ends.error();
  auto pair = make_two([&](bool) { return without_fd(loop, Medium::plain); });
  if (!pair.ok()) return pair;
  pair->first->attach(std::move(ends->read_end), {Medium::plain, true, false});
  pair->second->attach(std::move(ends->write_end), {Medium::plain, false, true});
  return pair;
}

// ---- What not every medium has

Result<int> Stream::tcp_fd() const noexcept {
  if (transport_->medium() != Medium::tcp) return Error{SOCKET_ENOTSUP};
  return open_fd();
}

Result<int> Stream::socket_fd() const noexcept {
  if (transport_->medium() == Medium::plain) return Error{SOCKET_ENOTSUP};
  return open_fd();
}

Result<SockName> Stream::own_name() const noexcept {
  const auto fd = socket_fd();
  return fd.ok() ? os::own_name(*fd) : Result<SockName>(fd.error());
}

Result<SockName> Stream::peer_name() const noexcept {
  const auto fd = socket_fd();
  return fd.ok() ? os::name_of_peer(*fd) : Result<SockName>(fd.error());
}

Result<os::Credentials> Stream::peer_credentials() const noexcept {
  if (transport_->medium() != Medium::unix_socket) return Error{SOCKET_ENOTSUP};
  const auto fd = open_fd();
  return fd.ok() ? os::peer_credentials(*fd) : Result<os::Credentials>(fd.error());
}

StreamExtras &Stream::extras() {
  if (!extras_) extras_ = std::make_unique<StreamExtras>();
  return *extras_;
}

Result<int64_t> Stream::send_fds(std::span<const char> bytes, std::span<const int> fds) {
  if (transport_->medium() != Medium::unix_socket) return Error{SOCKET_ENOTSUP};
  if (const Status status = may_write(); !status.ok()) return status.error();
  return written(transport_->write_fds(bytes, fds));
}

Status Stream::set_max_fds(int most) {
  if (transport_->medium() != Medium::unix_socket || transport_->engine())
    return Error{SOCKET_ENOTSUP};
  extras().fds.set_most(most);
  return {};
}

Result<int> Stream::take_fds(std::span<int> out) {
  if (transport_->medium() != Medium::unix_socket) return Error{SOCKET_ENOTSUP};
  if (!extras_) return 0;
  return extras_->fds.take(out, !pending(SOCKET_DATA));
}

Result<size_t> Stream::receive_with_fds(int fd, std::span<char> into) {
  auto received = extras_->fds.receive(fd, into);
  if (!received.ok() || *received == 0) return received;
  loop().stats().add(SOCKET_STAT_RECEIVED, static_cast<int64_t>(*received));
  on_data(into.first(*received));
  return received;
}

Status Stream::set_raw(bool on) {
  const auto fd = open_fd();
  if (!fd.ok()) return fd.error();
  if (transport_->medium() != Medium::plain) return Error{SOCKET_ENOTSUP};
  if (!on) {
    if (extras_) extras_->raw.reset();
    return {};
  }
  if (extras().raw) return {};
  auto raw = os::RawTerminal::begin(*fd);
  if (!raw.ok()) return raw.error();
  extras_->raw = raw.take();
  return {};
}

Result<os::WindowSize> Stream::window_size() const noexcept {
  const auto fd = open_fd();
  return fd.ok() ? os::window_size(*fd) : Result<os::WindowSize>(fd.error());
}

} // namespace socketpoll
