#include "settings.hpp"

#include "SocketWorkers.h"

namespace cli {
namespace {

bool parse_workers(const std::string &value, int &workers) {
  if (value == "auto")
    workers = 0;
  else if (!parse_number(value, SOCKET_WORKERS_MAX, workers))
    return false;
  if (workers == 0) workers = SocketWorkers_processors();
  return true;
}

// 0, or the exit status after it was explained.
int take_option(std::string_view name, const std::string &value, Settings &settings) {
  if (name == "--port" && !parse_number(value, 65535, settings.port))
    return complain(kMisused, "--port takes a number up to 65535, not " + value);
  if (name == "--workers" && !parse_workers(value, settings.workers))
    return complain(kMisused, "--workers takes a number up to " +
                                  std::to_string(SOCKET_WORKERS_MAX) + " or auto, not " + value);
  if (name == "--bind" && value.empty()) return complain(kMisused, "--bind takes an address");
  if (name == "--bind") settings.bind = value;
  if (name == "--access-log") settings.log = value;
  if (name == "--tls" || name == "--cert" || name == "--key") settings.tls = true;
  if (name == "--cert") settings.certificate = value;
  if (name == "--key") settings.key = value;
  if (name == "--no-listing") settings.listing = false;
  if (name == "--quiet") settings.quiet = true;
  if (name == "--help" || name == "-h") settings.help = true;
  return 0;
}

} // namespace

std::string Settings::address(int on_port) const {
  if (over_unix()) return bind;
  const bool bare_ipv6 = bind.find(':') != std::string::npos && bind[0] != '[';
  return (bare_ipv6 ? "[" + bind + "]" : bind) + ":" + std::to_string(on_port);
}

int read_settings(Arguments &arguments, Settings &settings) {
  const std::vector<Option> known = {
      {"--port", true},   {"--bind", true},  {"--workers", true}, {"--no-listing", false},
      {"--tls", false},   {"--cert", true},  {"--key", true},     {"--access-log", true},
      {"--quiet", false}, {"--help", false}, {"-h", false}};
  bool has_folder = false;
  for (;;) {
    switch (arguments.next(known)) {
    case Arguments::Kind::end:
      if (settings.certificate.empty() != settings.key.empty())
        return complain(kMisused, "--cert and --key belong together");
      return 0;
    case Arguments::Kind::misuse: return kMisused;
    case Arguments::Kind::operand:
      if (has_folder) return complain(kMisused, "more than one folder: " + arguments.value());
      settings.folder = arguments.value();
      has_folder = true;
      break;
    case Arguments::Kind::option:
      if (const int misused = take_option(arguments.name(), arguments.value(), settings))
        return misused;
    }
  }
}

} // namespace cli
