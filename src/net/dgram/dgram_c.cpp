// extern "C" functions of SocketDgram.h.
#include "SocketDgram.h"

#include "net/dgram/dgram.hpp"
#include "net/object_c.hpp"

using namespace socketpoll;
using os::DgramOption;

namespace {

int set_option(SocketDgram_T dgram, DgramOption option, int value, int least, int most) noexcept {
  return with<Dgram>(dgram, [&](Dgram &self) {
    if (value < least || value > most) return Status(Error{SOCKET_EINVAL});
    return self.set_option(option, value);
  });
}

int set_early_option(SocketDgram_T dgram, DgramOption option, int on) noexcept {
  return with<Dgram>(dgram, [&](Dgram &self) { return self.set_early(option, on != 0); });
}

int change_membership(SocketDgram_T dgram, os::Membership action, const char *group,
                      const char *source, const char *interface_name, bool any_source) noexcept {
  return with<Dgram>(dgram, [&](Dgram &self) {
    if (!group || (!source && !any_source)) return Status(Error{SOCKET_EADDRESS});
    return self.change_membership(action, group, source, interface_name);
  });
}

template <class Ask> int format_name(SocketDgram_T dgram, char *out, int capacity, Ask &&ask) {
  return with<Dgram>(dgram, [&](Dgram &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    auto fd = self.open_fd();
    if (!fd.ok()) return fd;
    auto name = ask(*fd);
    if (!name.ok()) return name.error();
    return name->format({out, static_cast<size_t>(capacity)});
  });
}

Result<os::Departure> departure(const SockName *to, const void *data, int64_t length) noexcept {
  if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
  return os::Departure{to, bytes_of(data, length)};
}

// `find_target (self)` says whom it goes to.
template <class Find>
int send_one(SocketDgram_T dgram, const void *data, int64_t length, Find &&find_target) noexcept {
  return with<Dgram>(dgram, [&](Dgram &self) -> Status {
    if (!valid_bytes(data, length)) return Error{SOCKET_EINVAL};
    Result<const SockName *> to = find_target(self);
    return to.ok() ? self.send(*to, bytes_of(data, length)) : Status(to.error());
  });
}

template <class Find> int64_t send_segments(SocketDgram_T dgram, const void *data, int64_t length,
                                            int segment_size, Find &&find_target) noexcept {
  return with<Dgram>(dgram, [&](Dgram &self) -> Result<int64_t> {
    constexpr int kMostPayload = 65507;
    if (!valid_bytes(data, length) || segment_size < 1 || segment_size > kMostPayload)
      return Error{SOCKET_EINVAL};
    Result<const SockName *> to = find_target(self);
    if (!to.ok()) return to.error();
    return self.send_segments(*to, bytes_of(data, length), segment_size);
  });
}

} // namespace

SocketDgram_T SocketDgram_new(SocketLoop_T loop) {
  return new_on_loop<SocketDgram_T>(loop, [](Loop &on) { return Dgram::create(on); });
}

void SocketDgram_free(SocketDgram_T *dgram) { free_object<Dgram>(dgram); }

int SocketDgram_set_callback(SocketDgram_T dgram, SocketCallback_T callback, void *user) {
  return set_callback<Dgram>(dgram, callback, user);
}

int SocketDgram_bind(SocketDgram_T dgram, const char *address) {
  return with<Dgram>(dgram, [&](Dgram &self) {
    return address ? self.bind(address) : Status(Error{SOCKET_EINVAL});
  });
}

int SocketDgram_connect(SocketDgram_T dgram, const char *address) {
  return with<Dgram>(
      dgram, [&](Dgram &self) { return address ? self.connect(address) : self.disconnect(); });
}

int SocketDgram_start(SocketDgram_T dgram) {
  return with<Dgram>(dgram, [](Dgram &self) { return self.start(); });
}

int SocketDgram_pause(SocketDgram_T dgram) {
  return with<Dgram>(dgram, [](Dgram &self) {
    self.pause();
    return Status();
  });
}

// ---- Sending

int SocketDgram_send(SocketDgram_T dgram, const void *data, int64_t length) {
  SockName unused;
  return send_one(dgram, data, length,
                  [&](Dgram &self) { return self.send_target(nullptr, unused); });
}

int SocketDgram_send_to(SocketDgram_T dgram, const char *address, const void *data,
                        int64_t length) {
  SockName name;
  return send_one(dgram, data, length, [&](Dgram &self) {
    return address ? self.send_target(address, name) : Error{SOCKET_EINVAL};
  });
}

int SocketDgram_reply(SocketDgram_T dgram, void *source, const void *data, int64_t length) {
  return send_one(dgram, data, length, [&](Dgram &self) { return self.reply_target(source); });
}

int SocketDgram_send_batch(SocketDgram_T dgram, const char *address, const void *const *data,
                           const int64_t *lengths, int count) {
  return with<Dgram>(dgram, [&](Dgram &self) -> Result<int> {
    if (count < 0 || (count > 0 && (!data || !lengths))) return Error{SOCKET_EINVAL};
    SockName name;
    auto to = self.send_target(address, name);
    if (!to.ok()) return to.error();
    return self.send_each(count, [&](int i) { return departure(*to, data[i], lengths[i]); });
  });
}

int SocketDgram_reply_batch(SocketDgram_T dgram, void *const *sources, const void *const *data,
                            const int64_t *lengths, int count) {
  return with<Dgram>(dgram, [&](Dgram &self) -> Result<int> {
    if (count < 0 || (count > 0 && (!sources || !data || !lengths))) return Error{SOCKET_EINVAL};
    return self.send_each(count, [&](int i) -> Result<os::Departure> {
      auto to = self.reply_target(sources[i]);
      return to.ok() ? departure(*to, data[i], lengths[i]) : Result<os::Departure>(to.error());
    });
  });
}

int64_t SocketDgram_send_segments(SocketDgram_T dgram, const char *address, const void *data,
                                  int64_t length, int segment_size) {
  SockName name;
  return send_segments(dgram, data, length, segment_size,
                       [&](Dgram &self) { return self.send_target(address, name); });
}

int64_t SocketDgram_reply_segments(SocketDgram_T dgram, void *source, const void *data,
                                   int64_t length, int segment_size) {
  return send_segments(dgram, data, length, segment_size,
                       [&](Dgram &self) { return self.reply_target(source); });
}

// ---- Options

int SocketDgram_set_batch(SocketDgram_T dgram, int count, int bytes_each) {
  return with<Dgram>(dgram, [&](Dgram &self) { return self.set_batch(count, bytes_each); });
}

int SocketDgram_set_gro(SocketDgram_T dgram, int on) {
  return with<Dgram>(dgram, [&](Dgram &self) { return self.set_gro(on != 0); });
}

int SocketDgram_get_capabilities(SocketDgram_T dgram) {
  return with<Dgram>(dgram, [](Dgram &self) -> Result<int> {
    if (auto fd = self.open_fd(); fd.ok()) return os::dgram_capabilities(*fd, self.family());
    auto probe = os::dgram_socket(AF_INET);
    if (!probe.ok()) return probe.error();
    return os::dgram_capabilities(probe->get(), AF_INET);
  });
}

int SocketDgram_set_broadcast(SocketDgram_T dgram, int on) {
  return set_option(dgram, DgramOption::broadcast, on != 0, 0, 1);
}

int SocketDgram_set_reuseaddr(SocketDgram_T dgram, int on) {
  return set_early_option(dgram, DgramOption::reuseaddr, on);
}

int SocketDgram_set_reuseport(SocketDgram_T dgram, int on) {
  return set_early_option(dgram, DgramOption::reuseport, on);
}

int SocketDgram_set_v6only(SocketDgram_T dgram, int on) {
  return set_early_option(dgram, DgramOption::v6only, on);
}

int SocketDgram_set_receive_buffer(SocketDgram_T dgram, int bytes) {
  return set_option(dgram, DgramOption::receive_buffer, bytes, 1, INT32_MAX);
}

int SocketDgram_set_send_buffer(SocketDgram_T dgram, int bytes) {
  return set_option(dgram, DgramOption::send_buffer, bytes, 1, INT32_MAX);
}

int SocketDgram_set_ttl(SocketDgram_T dgram, int hops) {
  return set_option(dgram, DgramOption::ttl, hops, 1, 255);
}

int SocketDgram_set_multicast_ttl(SocketDgram_T dgram, int hops) {
  return set_option(dgram, DgramOption::multicast_ttl, hops, 0, 255);
}

int SocketDgram_set_multicast_loop(SocketDgram_T dgram, int on) {
  return set_option(dgram, DgramOption::multicast_loop, on != 0, 0, 1);
}

int SocketDgram_set_multicast_interface(SocketDgram_T dgram, const char *interface_name) {
  return with<Dgram>(dgram, [&](Dgram &self) -> Status {
    auto index = interface_name && *interface_name ? os::interface_index(interface_name)
                                                   : Result<uint32_t>(uint32_t{0});
    if (!index.ok()) return index.error();
    return self.set_option(DgramOption::multicast_interface, static_cast<int>(*index));
  });
}

int SocketDgram_join(SocketDgram_T dgram, const char *group, const char *interface_name) {
  return change_membership(dgram, os::Membership::join, group, nullptr, interface_name, true);
}

int SocketDgram_leave(SocketDgram_T dgram, const char *group, const char *interface_name) {
  return change_membership(dgram, os::Membership::leave, group, nullptr, interface_name, true);
}

int SocketDgram_join_source(SocketDgram_T dgram, const char *group, const char *source,
                            const char *interface_name) {
  return change_membership(dgram, os::Membership::join, group, source, interface_name, false);
}

int SocketDgram_leave_source(SocketDgram_T dgram, const char *group, const char *source,
                             const char *interface_name) {
  return change_membership(dgram, os::Membership::leave, group, source, interface_name, false);
}

// ---- What it is

int SocketDgram_get_sender(SocketDgram_T dgram, void *source, char *out, int capacity) {
  return with<Dgram>(dgram, [&](Dgram &self) -> Result<int> {
    if (!out || capacity < 1) return Error{SOCKET_EINVAL};
    auto name = self.find_sender(source);
    if (!name.ok()) return name.error();
    return (*name)->format({out, static_cast<size_t>(capacity)});
  });
}

void *SocketDgram_get_last_source(SocketDgram_T dgram) {
  return with_pointer<Dgram>(dgram, [](Dgram &self) -> void * {
    const HandleWord token = self.last_source();
    if (!token) record_error(SOCKET_ESTATE);
    return reinterpret_cast<void *>(token);
  });
}

int SocketDgram_get_local(SocketDgram_T dgram, char *out, int capacity) {
  return format_name(dgram, out, capacity, os::local_name);
}

int SocketDgram_get_peer(SocketDgram_T dgram, char *out, int capacity) {
  return format_name(dgram, out, capacity, os::peer_name);
}

int SocketDgram_get_port(SocketDgram_T dgram) {
  return with<Dgram>(dgram, [](Dgram &self) -> Result<int> {
    auto fd = self.open_fd();
    if (!fd.ok()) return fd;
    auto name = os::local_name(*fd);
    return name.ok() ? Result<int>(int{name->port()}) : name.error();
  });
}

int SocketDgram_get_fd(SocketDgram_T dgram) {
  return with<Dgram>(dgram, [](Dgram &self) { return self.open_fd(); });
}
