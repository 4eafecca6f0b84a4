// What the extern "C" files of handles that any thread may use have in common: the object is pinned
// for as long as the call lasts, whoever frees the handle meanwhile.
#pragma once

#include "base/boundary.hpp"
#include "net/buffer/shared.hpp"

namespace socketpoll {

// Runs `body (object)`, which returns a Status or an integral Result, as `with` does.
template <class T, class Handle, class Body> auto with_pinned(Handle handle, Body &&body) noexcept {
  using Outcome = decltype(to_code(body(std::declval<T &>())));
  const Pinned<T> pinned(word_of_handle(handle));
  if (!pinned) return static_cast<Outcome>(record_error(SOCKET_EBADHANDLE));
  return guarded([&] { return body(*pinned); });
}

// The same for what is found through one handle and gets another: `body` returns a
// Result<HandleWord>.
template <class T, class Made, class Handle, class Body>
Made new_from_pinned(Handle handle, Body &&body) noexcept {
  return guarded_new<Made>([&]() -> Result<HandleWord> {
    const Pinned<T> pinned(word_of_handle(handle));
    if (!pinned) return Error{SOCKET_EBADHANDLE};
    return body(*pinned);
  });
}

// Gives the object a handle, which holds a reference to it. Throws std::bad_alloc.
template <class T> Result<HandleWord> publish(Ref<T> object) {
  constexpr auto let_go = [](void *held) noexcept {
    const Ref<T> last = Ref<T>::adopt(static_cast<T *>(held));
  };
  auto handle = HandleTable::instance().insert(T::kHandleKind, object.get(), 0, let_go);
  if (handle.ok()) static_cast<void>(object.leak());
  return handle;
}

// Module_free: `closed (object)` is called by the one caller who ended the handle.
template <class T, class Handle, class Body>
void free_pinned(Handle *variable, Body &&closed) noexcept {
  if (!variable || !*variable) return;
  const HandleWord handle = word_of_handle(*variable);
  *variable = nullptr;
  const Pinned<T> pinned(handle);
  if (pinned && HandleTable::instance().retire(handle, T::kHandleKind))
    closed(*pinned);
  else
    record_error(SOCKET_EBADHANDLE);
}

} // namespace socketpoll
