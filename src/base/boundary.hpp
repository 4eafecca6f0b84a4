// The one place where handles become objects and exceptions become codes. Every extern "C" function
// of a *_c.cpp file goes through one of these: nothing is thrown across the ABI, and every failure
// is recorded for Socket_last_error().
#pragma once

#include "base/error.hpp"
#include "base/handle_table.hpp"

#include <new>
#include <type_traits>

namespace socketpoll {

template <class Handle> HandleWord word_of_handle(Handle handle) noexcept {
  static_assert(std::is_pointer_v<Handle>);
  return reinterpret_cast<HandleWord>(handle);
}
template <class Handle> Handle handle_of_word(HandleWord word) noexcept {
  static_assert(std::is_pointer_v<Handle>);
  return reinterpret_cast<Handle>(word);
}

inline int to_code(Status status) noexcept { return status.ok() ? 0 : record_error(status.code()); }
template <class T> T to_code(Result<T> result) noexcept {
  static_assert(std::is_integral_v<T>);
  return result.ok() ? *result : static_cast<T>(record_error(result.code()));
}

// Runs `body`, which returns a Status or an integral Result, and hands its outcome to the caller as
// 0, a count or a negative code.
template <class Body> auto guarded(Body &&body) noexcept -> decltype(to_code(body())) {
  try {
    return to_code(body());
  } catch (const std::bad_alloc &) {
    return record_error(SOCKET_ENOMEM);
  }
}

// The same for a constructor: `body` returns a Result<HandleWord>, the caller gets a handle or
// NULL.
template <class Handle, class Body> Handle guarded_new(Body &&body) noexcept {
  try {
    Result<HandleWord> made = body();
    if (made.ok()) return handle_of_word<Handle>(*made);
    record_error(made.code());
  } catch (const std::bad_alloc &) {
    record_error(SOCKET_ENOMEM);
  }
  return nullptr;
}

// Looks up an object that stands on a loop of this thread.
template <class T, class Handle> Result<T *> find(Handle handle) noexcept {
  auto found = HandleTable::instance().get(word_of_handle(handle), T::kHandleKind);
  if (!found.ok()) return found.error();
  return static_cast<T *>(*found);
}

// Looks up the object and runs `body (object)`.
template <class T, class Handle, class Body> auto with(Handle handle, Body &&body) noexcept {
  using Outcome = decltype(to_code(body(std::declval<T &>())));
  auto found = find<T>(handle);
  if (!found.ok()) return static_cast<Outcome>(record_error(found.code()));
  return guarded([&] { return body(**found); });
}

// The same for a question whose answer is a pointer: NULL where the handle is bad.
template <class T, class Handle, class Body> auto with_pointer(Handle handle, Body &&body) noexcept
    -> decltype(body(std::declval<T &>())) {
  auto found = find<T>(handle);
  if (!found.ok()) {
    record_error(found.code());
    return nullptr;
  }
  try {
    return body(**found);
  } catch (const std::bad_alloc &) {
    record_error(SOCKET_ENOMEM);
    return nullptr;
  }
}

// Module_free: accepts NULL and a variable that holds NULL, nulls the variable, and calls
// `destroy (object)`. A stale handle is nulled; a foreign thread's call changes nothing.
template <class T, class Handle, class Body>
void free_handle(Handle *variable, Body &&destroy) noexcept {
  if (!variable || !*variable) return;
  auto found = find<T>(*variable);
  if (!found.ok()) {
    record_error(found.code());
    if (found.code() == SOCKET_EWRONGTHREAD) return;
  }
  *variable = nullptr;
  if (found.ok()) destroy(**found);
}

} // namespace socketpoll
