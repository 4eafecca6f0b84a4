// The outcome of an internal operation: a value, or one of the codes of SocketError.h.
// Exceptions are kept for allocation failure alone; everything else is a Status or a Result.
#pragma once

#include "SocketError.h"

#include <utility>

namespace socketpoll {

struct Error {
  int code;
};

class [[nodiscard]] Status {
public:
  constexpr Status() noexcept = default;
  constexpr Status(Error error) noexcept : code_(error.code) {}
  constexpr bool ok() const noexcept { return code_ == 0; }
  constexpr explicit operator bool() const noexcept { return ok(); }
  constexpr int code() const noexcept { return code_; }
  constexpr Error error() const noexcept { return {code_}; }

private:
  int code_ = 0;
};

// T must be default-constructible: a failed Result holds an empty one.
template <class T> class [[nodiscard]] Result {
public:
  constexpr Result(T value) noexcept : value_(std::move(value)) {}
  constexpr Result(Error error) noexcept : code_(error.code) {}
  constexpr bool ok() const noexcept { return code_ == 0; }
  constexpr explicit operator bool() const noexcept { return ok(); }
  constexpr int code() const noexcept { return code_; }
  constexpr Error error() const noexcept { return {code_}; }
  constexpr T &operator*() noexcept { return value_; }
  constexpr const T &operator*() const noexcept { return value_; }
  constexpr T *operator->() noexcept { return &value_; }
  constexpr T take() noexcept { return std::move(value_); }

private:
  T value_{};
  int code_ = 0;
};

} // namespace socketpoll
