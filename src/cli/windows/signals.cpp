// The system calls on a thread of its own, and ends the process when that call returns from
// anything but Ctrl-C and Ctrl-Break.
#include "signals.hpp"

#include "SocketError.h"
#include "options.hpp"

#include <winsock2.h>

#include <atomic>
#include <windows.h>

namespace cli {
namespace {

// What Windows itself waits at most when a window is closed.
constexpr DWORD kLastMs = 5000;

std::atomic<SocketLoop_T> loop_that_hears{nullptr};
SignalHandler handle_signal;
void *handler_user;

void interrupted(const SocketCompletion_T *, void *) {
  handle_signal(Signal::interrupt, handler_user);
}
void asked_to_end(const SocketCompletion_T *, void *) {
  handle_signal(Signal::terminate, handler_user);
}

BOOL WINAPI on_event(DWORD event) {
  const SocketLoop_T loop = loop_that_hears.load();
  if (!loop) return FALSE;
  const bool from_keyboard = event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
  if (SocketLoop_post(loop, from_keyboard ? interrupted : asked_to_end, nullptr) != 0) return FALSE;
  if (!from_keyboard) Sleep(kLastMs);
  return TRUE;
}

} // namespace

bool watch_signals(SocketLoop_T loop, bool, SignalHandler handler, void *user) {
  handle_signal = handler;
  handler_user = user;
  loop_that_hears = loop;
  if (SetConsoleCtrlHandler(on_event, TRUE)) return true;
  complain(kFailed, "cannot hear Ctrl-C: error " + std::to_string(GetLastError()));
  return false;
}

void release_signals() { loop_that_hears = nullptr; }

} // namespace cli
