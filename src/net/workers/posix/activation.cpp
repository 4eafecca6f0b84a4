#include "net/workers/activation.hpp"

#include "base/error.hpp"
#include "net/os/os_socket.hpp"
#include "net/os/posix/descriptors.hpp"
#include "net/os/posix/os_process.hpp"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

extern char **environ;

namespace socketpoll::activation {

namespace {

constexpr const char *kOurVariables[] = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                                         "LISTEN_PIDFDID", kReadyVariable};

constinit std::atomic<bool> told_ready{false};

// A whole decimal number in the environment. SOCKET_ENOENT: not set.
Result<int64_t> number_of(const char *variable) noexcept {
  const char *text = std::getenv(variable);
  if (!text) return Error{SOCKET_ENOENT};
  int64_t number = 0;
  const char *end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stop != end || stop == text || number < 0)
    return explain(Error{SOCKET_EINVAL}, "cannot read %s=%s", variable, text);
  return number;
}

// Whether what the environment says is meant for this process and not for one that started it.
Result<bool> ours() noexcept {
  const auto pid = number_of("LISTEN_PID");
  if (pid.code() == SOCKET_ENOENT) return false;
  if (!pid.ok()) return pid.error();
  return *pid == ::getpid();
}

bool is_ours(std::string_view setting) noexcept {
  for (const std::string_view variable : kOurVariables)
    if (setting.starts_with(variable) && setting.substr(variable.size()).starts_with('='))
      return true;
  return false;
}

// As execvp(3), which may not be called between fork(2) and execve(2).
Result<std::string> find_program(const std::string &name) {
  if (name.empty()) return Error{SOCKET_ENOENT};
  if (name.find('/') != std::string::npos) return name;
  const char *path = std::getenv("PATH");
  std::string_view folders = path ? path : "/usr/local/bin:/usr/bin:/bin";
  for (;;) {
    const size_t colon = folders.find(':');
    const std::string folder(folders.substr(0, colon));
    std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (colon == std::string_view::npos) return Error{SOCKET_ENOENT};
    folders.remove_prefix(colon + 1);
  }
}

} // namespace

Result<int> count() noexcept {
  const auto mine = ours();
  if (!mine.ok()) return mine.error();
  const auto passed = number_of("LISTEN_FDS");
  if (!*mine || passed.code() == SOCKET_ENOENT) return 0;
  if (!passed.ok()) return passed.error();
  if (*passed > kMostFds)
    return explain(Error{SOCKET_EINVAL}, "cannot take %lld descriptors over",
                   static_cast<long long>(*passed));
  for (int i = 0; i < static_cast<int>(*passed); i++) ::fcntl(kFirstFd + i, F_SETFD, FD_CLOEXEC);
  if (const auto number = number_of(kReadyVariable); number.ok() && !told_ready.load())
    ::fcntl(static_cast<int>(*number), F_SETFD, FD_CLOEXEC);
  return static_cast<int>(*passed);
}

Result<int> fd(int index) noexcept {
  const auto passed = count();
  if (!passed.ok()) return passed;
  if (index < 0 || index >= *passed) return Error{SOCKET_EINVAL};
  if (::fcntl(kFirstFd + index, F_GETFD) < 0) return Error{SOCKET_EBADF};
  return kFirstFd + index;
}

Result<std::string_view> name(int index) noexcept {
  const auto passed = count();
  if (!passed.ok()) return passed.error();
  if (index < 0 || index >= *passed) return Error{SOCKET_EINVAL};
  const char *text = std::getenv("LISTEN_FDNAMES");
  std::string_view names = text ? text : "";
  for (; index > 0; index--) {
    const size_t colon = names.find(':');
    if (colon == std::string_view::npos) return std::string_view("unknown");
    names.remove_prefix(colon + 1);
  }
  names = names.substr(0, names.find(':'));
  return names.empty() ? std::string_view("unknown") : names;
}

Status ready() noexcept {
  const auto mine = ours();
  const auto number = number_of(kReadyVariable);
  if (!mine.ok() || !*mine || !number.ok() || *number > INT32_MAX || told_ready.exchange(true))
    return {};
  // The predecessor may be gone, which is no matter now.
  const Fd predecessor(static_cast<int>(*number));
  os::forbid_sigpipe(predecessor.get());
  (void)!::send(predecessor.get(), "\n", 1, os::kNoSignal);
  return {};
}

Result<Successor> spawn(const char *program, const char *const *arguments,
                        std::span<const int> fds) {
  for (const int fd : fds)
    if (::fcntl(fd, F_GETFD) < 0) return Error{SOCKET_EBADF};
  auto path = find_program(program);
  if (!path.ok()) return path.error();
  int ends[2];
  if (!os::new_pair(SOCK_STREAM, ends)) return last_system_error();
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  ::fcntl(theirs.get(), F_SETFL, 0); // the successor's one word is not to be refused

  const int count = static_cast<int>(fds.size());
  std::vector<int> passed(fds.begin(), fds.end());
  passed.push_back(theirs.get());
  std::vector<int> moved(passed.size());
  std::string listen_fds = "LISTEN_FDS=" + std::to_string(count);
  std::string listen_pid = "LISTEN_PID=" + std::string(os::kPidDigits + 1, '\0');
  std::string ready_fd = std::string(kReadyVariable) + "=" + std::to_string(kFirstFd + count);
  std::vector<char *> environment;
  for (char **setting = environ; setting && *setting; setting++)
    if (!is_ours(*setting)) environment.push_back(*setting);
  for (std::string *setting : {&listen_fds, &listen_pid, &ready_fd})
    environment.push_back(setting->data());
  environment.push_back(nullptr);

  os::Launch launch;
  launch.path = path->c_str();
  launch.arguments = const_cast<char *const *>(arguments);
  launch.environment = environment.data();
  launch.pid_digits = listen_pid.data() + std::strlen("LISTEN_PID=");
  launch.fds = passed;
  launch.moved = moved;
  launch.first_fd = kFirstFd;
  auto pid = os::launch(launch);
  if (!pid.ok()) return pid.error();
  return Successor{ours.release(), *pid};
}

} // namespace socketpoll::activation
