// The command: what one worker serves, on its loop. Made and stopped on that loop's thread.
#pragma once

#include "access_log.hpp"
#include "settings.hpp"

#include "SocketHTTPServer.h"

#include <vector>

namespace cli {

// The sockets of all workers, in the order of their making; shared by the setups, which run one
// after the other.
struct Sockets {
  std::vector<int> given; // by whoever started this process
  std::vector<int> open;  // what a successor has to be given: each of them is listened on
  int port = 0;           // that the first worker got
  int workers = 1;
};

class Site {
public:
  using Stopped = void (*)(Site &site, int status, void *user);

  Site(const Settings &settings, SocketTLS_T tls, AccessLog *log, Stopped stopped, void *user)
      : settings_(settings), tls_(tls), log_(log), stopped_(stopped), user_(user) {}
  Site(const Site &) = delete;
  Site &operator=(const Site &) = delete;

  // 0, or the code of what failed, which is the thread's last error. The loop frees what it opens.
  int open(SocketLoop_T loop, int index, Sockets &sockets);
  // Stops gently; `stopped` is called on the loop's thread, with 0 or SOCKET_ETIMEDOUT. With a
  // `grace`, requests that are on their way are awaited. Any thread.
  void stop(int grace_ms);

  static constexpr int kDrainMs = 10000;

private:
  int listen(int index, Sockets &sockets);
  int take_over(int fd, bool shared);
  static void on_exchange(SocketHTTP_T exchange, void *log) noexcept;
  static void on_event(const SocketCompletion_T *event, void *user);
  static void stop_here(const SocketCompletion_T *event, void *user);

  const Settings &settings_;
  const SocketTLS_T tls_; // nullptr: none
  AccessLog *const log_;
  const Stopped stopped_;
  void *const user_;
  int grace_ms_ = 0;
  SocketLoop_T loop_ = nullptr;
  SocketHTTPServer_T server_ = nullptr; // the loop frees it
};

} // namespace cli
