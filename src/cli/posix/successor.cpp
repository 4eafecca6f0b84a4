#include "successor.hpp"

#include "SocketListener.h"
#include "options.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace cli {

void Successor::start(SocketLoop_T loop, const std::vector<int> &sockets) {
  if (pid_) {
    complain(kFailed, "a successor is starting already");
    return;
  }
  int64_t pid = 0;
  word_ = SocketListener_spawn_successor(command_line_[0], command_line_, sockets.data(),
                                         static_cast<int>(sockets.size()), &pid);
  if (word_ < 0) {
    complain(kFailed, std::string(Socket_last_error_message()) + "; going on");
    return;
  }
  pid_ = static_cast<pid_t>(pid);
  watch_ = SocketWatch_new(loop, word_, POLL_READ);
  if (watch_) {
    SocketWatch_set_callback(watch_, on_word, this);
    return;
  }
  complain(kFailed, std::string(Socket_last_error_message()) + "; going on");
  abandon();
}

void Successor::on_word(const SocketCompletion_T *, void *user) {
  auto *self = static_cast<Successor *>(user);
  char word;
  const ssize_t count = read(self->word_, &word, 1);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const pid_t pid = self->pid_;
  self->forget();
  if (count == 1) return self->ready_(self->user_);
  int status = 0;
  kill(pid, SIGKILL); // if it is not gone yet, it can no longer tell us when it is ready
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string how = WIFEXITED(status) ? "with status " + std::to_string(WEXITSTATUS(status))
                                            : "by signal " + std::to_string(WTERMSIG(status));
  complain(kFailed, "the successor ended " + how + " before it was ready; going on");
}

void Successor::abandon() {
  if (pid_) kill(pid_, SIGTERM);
  forget();
}

void Successor::forget() {
  SocketWatch_free(&watch_);
  if (word_ >= 0) close(word_);
  word_ = -1;
  pid_ = 0;
}

} // namespace cli
