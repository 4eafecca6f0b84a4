// The command: `socketpoll serve`. The main thread's loop hears signals and flushes the log; it
// serves as well if there is one worker, otherwise each worker has a thread and a loop of its own.
#include "access_log.hpp"
#include "certificate.hpp"
#include "commands.hpp"
#include "settings.hpp"
#include "signals.hpp"
#include "site.hpp"
#include "successor.hpp"
#include "system.hpp"

#include "SocketListener.h"
#include "SocketVersion.h"
#include "SocketWorkers.h"

#include <atomic>
#include <cstdio>
#include <memory>
#include <new>

namespace cli {
namespace {

// How long requests that were on their way when a successor took over are awaited.
constexpr int kHandoverGraceMs = 1000;

int library_failed() { return complain(kFailed, Socket_last_error_message()); }

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
    release_signals();
    SocketLoop_free(&loop_);
  }

  int run() {
    if (!(loop_ = SocketLoop_new())) return library_failed();
    if (!settings_.log.empty()) {
      log_ = std::make_unique<AccessLog>(settings_.log);
      if (!log_->open(loop_)) return kFailed;
    }
    if (certificate_.open(settings_) != 0) return library_failed();
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
    if (!watch_signals(loop_, log_ != nullptr || certificate_.handle() != nullptr, on_signal, this))
      return false;
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
      sites_.push_back(
          std::make_unique<Site>(settings_, certificate_.handle(), log_.get(), on_stopped, this));
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
    std::string url =
        sockets_.given.empty() ? own + settings_.address(sockets_.port) : url_of(sockets_.given[0]);
    if (settings_.tls && url.compare(0, 7, "http://") == 0) url = "https" + url.substr(4);
    std::printf("socketpoll %s serving %s on %s (%s, %d worker%s; Ctrl-C stops)\n",
                Socket_version(), settings_.folder.c_str(), url.c_str(),
                SocketLoop_get_backend_name(loop_), settings_.workers,
                settings_.workers == 1 ? "" : "s");
    if (!certificate_.fingerprint().empty())
      std::printf("certificate made on the spot, SHA-256 %s\n", certificate_.fingerprint().c_str());
    std::fflush(stdout);
  }

  static void on_signal(Signal signal, void *user) {
    auto *self = static_cast<Service *>(user);
    if (signal == Signal::reload) {
      self->certificate_.reload();
      if (self->log_) self->log_->reopen();
      return;
    }
    if (self->stopping_) return;
    if (signal == Signal::hand_over)
      return self->successor_.start(self->loop_, self->sockets_.open);
    self->successor_.abandon();
    self->stop(0);
  }

  static void hand_over(void *user) { static_cast<Service *>(user)->stop(kHandoverGraceMs); }

  void stop(int grace_ms) {
    stopping_ = true;
    // The next one ends the process without our help, whatever we are busy with then.
    release_signals();
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
  Certificate certificate_;
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
  prepare_process();
  return Service(std::move(settings), command_line).run();
}

} // namespace cli
