// What the extern "C" files of everything that stands on a loop have in common.
#pragma once

#include "base/boundary.hpp"
#include "net/loop.hpp"

namespace socketpoll {

// `make (loop)` returns a Result<T *>.
template <class Handle, class Make> Handle new_on_loop(SocketLoop_T loop, Make &&make) noexcept {
  return guarded_new<Handle>([&]() -> Result<HandleWord> {
    auto found = find<Loop>(loop);
    if (!found.ok()) return found.error();
    auto made = make(**found);
    if (!made.ok()) return made.error();
    return (*made)->handle();
  });
}

template <class T, class Handle> void free_object(Handle *variable) noexcept {
  free_handle<T>(variable, [](T &self) { self.dispose(); });
}

// Bytes as C hands them over: a pointer, which only a length of 0 lets be NULL, and an int64_t.
inline bool valid_bytes(const void *data, int64_t length) noexcept {
  return length >= 0 && (data || length == 0);
}
inline std::span<const char> bytes_of(const void *data, int64_t length) noexcept {
  return {static_cast<const char *>(data), static_cast<size_t>(length)};
}

// Room that C has for what it asked for.
inline bool is_room(const void *out, int64_t capacity) noexcept { return out && capacity > 0; }

// The text and a NUL; its length.
inline Result<int> write_text(std::string_view text, char *out, int capacity) noexcept {
  if (!is_room(out, capacity)) return Error{SOCKET_EINVAL};
  if (text.size() >= static_cast<size_t>(capacity)) return Error{SOCKET_ENOBUFS};
  text.copy(out, text.size());
  out[text.size()] = '\0';
  return static_cast<int>(text.size());
}

template <class T, class Handle>
int set_callback(Handle handle, SocketCallback_T callback, void *user) noexcept {
  return with<T>(handle, [&](T &self) {
    self.set_target(callback, user);
    return Status();
  });
}

} // namespace socketpoll
