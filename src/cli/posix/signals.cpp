// The handler itself only writes a byte to a pipe (signal-safety(7)); everything else happens when
// the loop reads it.
#include "signals.hpp"

#include "SocketWatch.h"
#include "options.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace cli {
namespace {

struct Row {
  int number;
  Signal signal;
};
constexpr Row kSignals[] = {{SIGINT, Signal::interrupt},
                            {SIGTERM, Signal::terminate},
                            {SIGUSR2, Signal::hand_over},
                            {SIGHUP, Signal::reload}};

int pipe_ends[2] = {-1, -1};
SignalHandler handle_signal;
void *handler_user;

extern "C" void note_signal(int signal_number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(signal_number);
  // A full pipe holds enough of them.
  if (write(pipe_ends[1], &byte, 1) < 0) errno = saved;
  errno = saved;
}

extern "C" void read_signals(const SocketCompletion_T *, void *) {
  unsigned char numbers[16];
  ssize_t count;
  while ((count = read(pipe_ends[0], numbers, sizeof numbers)) > 0)
    for (ssize_t i = 0; i < count; i++)
      for (const Row &row : kSignals)
        if (row.number == numbers[i]) handle_signal(row.signal, handler_user);
}

} // namespace

bool watch_signals(SocketLoop_T loop, bool reloads, SignalHandler handler, void *user) {
  if (pipe(pipe_ends) != 0) {
    complain(kFailed, std::string("cannot open a pipe: ") + std::strerror(errno));
    return false;
  }
  for (const int end : pipe_ends) {
    fcntl(end, F_SETFD, FD_CLOEXEC);
    fcntl(end, F_SETFL, O_NONBLOCK);
  }
  handle_signal = handler;
  handler_user = user;
  SocketWatch_T watch = SocketWatch_new(loop, pipe_ends[0], POLL_READ);
  if (!watch) {
    complain(kFailed, Socket_last_error_message());
    return false;
  }
  SocketWatch_set_callback(watch, read_signals, nullptr);
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (const Row &row : kSignals)
    if (reloads || row.signal != Signal::reload) sigaction(row.number, &action, nullptr);
  return true;
}

void release_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
}

} // namespace cli
