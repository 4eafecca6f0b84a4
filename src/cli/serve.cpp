// The command: `socketpoll serve`. The main thread's loop hears signals and flushes the log; it
// serves as well if there is one worker, otherwise each worker has a thread and a loop of its own.
#include "access_log.hpp"
#include "commands.hpp"
#include "settings.hpp"
#include "signals.hpp"
#include "site.hpp"
#include "successor.hpp"

#include "SocketListener.h"
#include "SocketVersion.h"
#include "SocketWorkers.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <netdb.h>
#include <new>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace cli {
namespace {

// How long requests that were on their way when a successor took over are awaited.
constexpr int kHandoverGraceMs = 1000;

// Each connection takes a descriptor, and the soft limit is made for select(2).
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int library_failed() { return complain(kFailed, Socket_last_error_message()); }

// "http://127.0.0.1:8080" or "unix:/path" of a socket that somebody else has bound.
std::string url_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const auto *address = reinterpret_cast<const sockaddr *>(&storage);
  char host[64], port[16];
  const int unknown = getsockname(fd, reinterpret_cast<sockaddr *>(&storage), &length);
  const auto *local = reinterpret_cast<const sockaddr_un *>(&storage);
  if (unknown == 0 && address->sa_family == AF_UNIX && local->sun_path[0] == '/')
    return std::string("unix:") + local->sun_path;
  if (unknown || address->sa_family == AF_UNIX ||
      getnameinfo(address, length, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "descriptor " + std::to_string(fd);
  const std::string text = host;
  return "http://" + (address->sa_family == AF_INET6 ? "[" + text + "]" : text) + ":" + port;
}

class Service {
public:
  Service(Settings settings, char *const *command_line)
      : settings_(std::move(settings)), successor_(command_line, hand_over, this) {}
  Service(const Service &) = delete;
  Service &operator=(const Service &) = delete;
  // The log and the sites outlive what calls them.
  ~Service() {
    SocketWorkers_free(&workers_);
    successor_.abandon();
    SocketLoop_free(&loop_);
  }

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
    if (!find_sockets() || !start_sites()) {
      library_failed();
      return false;
    }
    const int signals[] = {SIGINT, SIGTERM, SIGUSR2, SIGHUP};
    if (!watch_signals(loop_, signals, log_ ? 4 : 3, on_signal, this)) return false;
    if (!settings_.quiet) announce();
    SocketListener_activation_ready();
    return true;
  }

  bool find_sockets() {
    const int given = SocketListener_activation_count();
    for (int i = 0; i < given; i++) {
      const int fd = SocketListener_activation_fd(i);
      if (fd < 0) return false;
      sockets_.given.push_back(fd);
    }
    return given >= 0;
  }

  bool start_sites() {
    sockets_.workers = settings_.workers;
    for (int i = 0; i < settings_.workers; i++)
      sites_.push_back(std::make_unique<Site>(settings_, log_.get(), on_stopped, this));
    serving_ = settings_.workers;
    if (settings_.workers == 1) return open_site(loop_, 0, this) == 0;
    workers_ = SocketWorkers_new();
    return workers_ && SocketWorkers_start(workers_, settings_.workers, open_site, this) == 0;
  }

  static int open_site(SocketLoop_T loop, int index, void *user) {
    auto *self = static_cast<Service *>(user);
    try {
      return self->sites_[static_cast<size_t>(index)]->open(loop, index, self->sockets_);
    } catch (const std::bad_alloc &) {
      return SOCKET_ENOMEM;
    }
  }

  void announce() const {
    const std::string own = settings_.over_unix() ? "" : "http://";
    const std::string url =
        sockets_.given.empty() ? own + settings_.address(sockets_.port) : url_of(sockets_.given[0]);
    std::printf("socketpoll %s serving %s on %s (%s, %d worker%s; Ctrl-C stops)\n",
                Socket_version(), settings_.folder.c_str(), url.c_str(),
                SocketLoop_get_backend_name(loop_), settings_.workers,
                settings_.workers == 1 ? "" : "s");
    std::fflush(stdout);
  }

  static void on_signal(int signal_number, void *user) {
    auto *self = static_cast<Service *>(user);
    if (signal_number == SIGHUP) return self->log_->reopen();
    if (self->stopping_) return;
    if (signal_number == SIGUSR2) return self->successor_.start(self->loop_, self->sockets_.open);
    self->successor_.abandon();
    self->stop(0);
  }

  static void hand_over(void *user) { static_cast<Service *>(user)->stop(kHandoverGraceMs); }

  void stop(int grace_ms) {
    stopping_ = true;
    // The next one ends the process without our help, whatever we are busy with then.
    release_signal(SIGINT);
    release_signal(SIGTERM);
    if (log_) log_->hurry();
    for (auto &site : sites_) site->stop(grace_ms);
  }

  // On a worker's thread.
  static void on_stopped(Site &, int status, void *user) {
    auto *self = static_cast<Service *>(user);
    if (status != 0) self->cut_off_ = true;
    if (self->serving_.fetch_sub(1) == 1 && SocketLoop_post(self->loop_, all_stopped, self) != 0)
      SocketLoop_stop(self->loop_);
  }

  static void all_stopped(const SocketCompletion_T *, void *user) {
    auto *self = static_cast<Service *>(user);
    if (self->cut_off_)
      self->status_ = complain(kFailed, "cut off what was not answered within " +
                                            std::to_string(Site::kDrainMs / 1000) + " s");
    SocketLoop_stop(self->loop_);
  }

  const Settings settings_;
  std::unique_ptr<AccessLog> log_;
  std::vector<std::unique_ptr<Site>> sites_;
  Sockets sockets_;
  Successor successor_;
  SocketLoop_T loop_ = nullptr;
  SocketWorkers_T workers_ = nullptr;
  std::atomic<int> serving_{0};
  std::atomic<bool> cut_off_{false};
  bool stopping_ = false;
  int status_ = kDone;
};

} // namespace

int serve(Arguments &arguments, char *const *command_line) {
  Settings settings;
  if (const int misused = read_settings(arguments, settings)) return misused;
  if (settings.help) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  raise_descriptor_limit();
  // The log and the standard output may be pipes whose readers went away.
  std::signal(SIGPIPE, SIG_IGN);
  return Service(std::move(settings), command_line).run();
}

} // namespace cli
