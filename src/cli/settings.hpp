// The command: what `socketpoll serve` is to do.
#pragma once

#include "options.hpp"

#include <string>

namespace cli {

struct Settings {
  int port = 8080;
  std::string bind = "127.0.0.1";
  std::string folder = ".";
  std::string log;
  std::string certificate, key; // files; none: made on the spot where tls is on
  int workers = 1;
  bool tls = false;
  bool listing = true;
  bool quiet = false;
  bool help = false;

  bool over_unix() const { return bind.compare(0, 5, "unix:") == 0; }
  // "127.0.0.1:8080", "[::1]:8080", "unix:/path".
  std::string address(int on_port) const;
};

// 0, or the exit status after it was explained.
int read_settings(Arguments &arguments, Settings &settings);

} // namespace cli
