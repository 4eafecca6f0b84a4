// The command: `socketpoll serve`.
#include "access_log.hpp"
#include "commands.hpp"
#include "signals.hpp"

#include "SocketHTTPServer.h"
#include "SocketVersion.h"

#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <sys/resource.h>

namespace cli {
namespace {

constexpr int kDrainMs = 10000;

struct Settings {
  int port = 8080;
  std::string bind = "127.0.0.1";
  std::string folder = ".";
  std::string log;
  bool listing = true;
  bool quiet = false;
  bool help = false;

  // "127.0.0.1:8080", "[::1]:8080".
  std::string address(int on_port) const {
    const bool bare_ipv6 = bind.find(':') != std::string::npos && bind[0] != '[';
    return (bare_ipv6 ? "[" + bind + "]" : bind) + ":" + std::to_string(on_port);
  }
};

// 0, or the exit status after it was explained.
int read_settings(Arguments &arguments, Settings &settings) {
  const std::vector<Option> known = {
      {"--port", true},       {"--bind", true},   {"--no-listing", false},
      {"--access-log", true}, {"--quiet", false}, {"--help", false},
      {"-h", false}};
  bool has_folder = false;
  for (;;) {
    switch (arguments.next(known)) {
    case Arguments::Kind::end: return 0;
    case Arguments::Kind::misuse: return kMisused;
    case Arguments::Kind::operand:
      if (has_folder) return complain(kMisused, "more than one folder: " + arguments.value());
      settings.folder = arguments.value();
      has_folder = true;
      break;
    case Arguments::Kind::option:
      const std::string_view name = arguments.name();
      const std::string &value = arguments.value();
      if (name == "--port" && !parse_number(value, 65535, settings.port))
        return complain(kMisused, "--port takes a number up to 65535, not " + value);
      if (name == "--bind" && value.empty()) return complain(kMisused, "--bind takes an address");
      if (name == "--bind") settings.bind = value;
      if (name == "--access-log") settings.log = value;
      if (name == "--no-listing") settings.listing = false;
      if (name == "--quiet") settings.quiet = true;
      if (name == "--help" || name == "-h") settings.help = true;
    }
  }
}

// Each connection takes a descriptor, and the soft limit is made for select(2).
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int library_failed() { return complain(kFailed, Socket_last_error_message()); }

class Service {
public:
  explicit Service(Settings settings) : settings_(std::move(settings)) {}
  Service(const Service &) = delete;
  Service &operator=(const Service &) = delete;
  // The log outlives what writes to it.
  ~Service() { SocketLoop_free(&loop_); }

  int run() {
    if (!(loop_ = SocketLoop_new())) return library_failed();
    if (!settings_.log.empty()) {
      log_ = std::make_unique<AccessLog>(settings_.log);
      if (!log_->open(loop_)) return kFailed;
    }
    if (!start()) return kFailed;
    if (SocketLoop_run(loop_) != 0) return library_failed();
    return status_;
  }

private:
  bool start() {
    const int flags = settings_.listing ? SOCKET_HTTP_LISTING : 0;
    server_ = SocketHTTPServer_new(loop_);
    if (!server_ || SocketHTTPServer_static(server_, "/", settings_.folder.c_str(), flags) != 0 ||
        SocketHTTPServer_listen(server_, settings_.address(settings_.port).c_str()) != 0 ||
        SocketHTTPServer_set_callback(server_, on_stopped, this) != 0 ||
        (log_ && SocketHTTPServer_set_log(server_, on_exchange, log_.get()) != 0)) {
      library_failed();
      return false;
    }
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    if (!watch_signals(loop_, signals, log_ ? 3 : 2, on_signal, this)) return false;
    if (!settings_.quiet) announce();
    return true;
  }

  void announce() const {
    const std::string address = settings_.address(SocketHTTPServer_get_port(server_));
    std::printf("socketpoll %s serving %s on http://%s (%s, 1 worker; Ctrl-C stops)\n",
                Socket_version(), settings_.folder.c_str(), address.c_str(),
                SocketLoop_get_backend_name(loop_));
    std::fflush(stdout);
  }

  static void on_exchange(SocketHTTP_T exchange, void *log) noexcept {
    try {
      static_cast<AccessLog *>(log)->add(exchange);
    } catch (const std::bad_alloc &) {
      // A line less; nothing may be thrown into the library.
    }
  }

  static void on_signal(int signal_number, void *user) {
    auto *self = static_cast<Service *>(user);
    if (signal_number == SIGHUP) return self->log_->reopen();
    // The next one ends the process without our help, whatever we are busy with then.
    release_signal(SIGINT);
    release_signal(SIGTERM);
    if (self->log_) self->log_->hurry();
    SocketHTTPServer_stop(self->server_, kDrainMs);
  }

  static void on_stopped(const SocketCompletion_T *event, void *user) {
    auto *self = static_cast<Service *>(user);
    if (event->kind != SOCKET_HTTP_STOPPED) return;
    if (event->status != 0)
      self->status_ = complain(kFailed, "cut off what was not answered within " +
                                            std::to_string(kDrainMs / 1000) + " s");
    SocketLoop_stop(self->loop_);
  }

  const Settings settings_;
  std::unique_ptr<AccessLog> log_;
  SocketLoop_T loop_ = nullptr;
  SocketHTTPServer_T server_ = nullptr; // the loop frees it
  int status_ = kDone;
};

} // namespace

int serve(Arguments &arguments) {
  Settings settings;
  if (const int misused = read_settings(arguments, settings)) return misused;
  if (settings.help) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  raise_descriptor_limit();
  // The log and the standard output may be pipes whose readers went away.
  std::signal(SIGPIPE, SIG_IGN);
  return Service(std::move(settings)).run();
}

} // namespace cli
