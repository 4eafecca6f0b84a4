#pragma once
#include "base/result.hpp"
#include "net/loop.hpp"
#include <memory>
#include <string_view>
namespace socketpoll::http {
class Exchange;
class StaticFiles {
public:
  static Result<std::unique_ptr<StaticFiles>> open(Loop &, const char *, int) {
    return Error{SOCKET_ENOTSUP};
  }
  void serve(Exchange &, std::string_view) {}
};
} // namespace socketpoll::http
