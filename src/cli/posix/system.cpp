#include "system.hpp"

#include <csignal>
#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace cli {

char **command_line(int &, char **values) { return values; }

void prepare_process() {
  // Each connection takes a descriptor, and the soft limit is made for select(2).
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  // The log and the standard output may be pipes whose readers went away.
  std::signal(SIGPIPE, SIG_IGN);
}

int open_to_append(const char *path) {
  return ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
}

int create_file(const char *path, bool secret) {
  return ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
}

std::tm utc_of(std::time_t time) {
  std::tm utc{};
  gmtime_r(&time, &utc);
  return utc;
}

int duplicate_socket(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }
void close_socket(int fd) { close(fd); }

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

} // namespace cli
