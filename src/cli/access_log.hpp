// The command: the access log. One line a response in the Common Log Format, gathered in memory and
// written at most kDelayMs late. A log that cannot be written never stops the server: lines are
// dropped, counted, and the loss is told on the standard error, once when it begins and once when
// it is over.
#pragma once

#include "SocketHTTP.h"
#include "SocketTimer.h"

#include <cstdint>
#include <ctime>
#include <string>

namespace cli {

class AccessLog {
public:
  explicit AccessLog(std::string path) : path_(std::move(path)) {}
  AccessLog(const AccessLog &) = delete;
  AccessLog &operator=(const AccessLog &) = delete;
  ~AccessLog();

  // False after it was explained on the standard error.
  bool open(SocketLoop_T loop);
  // Opens the file by its name again, after a rotation; the old one stays if that fails.
  void reopen();
  void add(SocketHTTP_T exchange);
  void flush();
  // From now on each line is written as it comes: the end is near.
  void hurry();

private:
  static constexpr int64_t kDelayMs = 100;
  static constexpr size_t kMaxPending = 65536;

  int open_file() const;
  const std::string &timestamp();
  void append_escaped(const char *text);
  void recover();

  const std::string path_;
  int fd_ = -1;
  SocketTimer_T timer_ = nullptr; // the loop frees it
  std::string pending_;
  int64_t lost_lines_ = 0;
  bool torn_ = false; // the last write ended inside of a line
  bool hurried_ = false;
  std::time_t stamped_at_ = -1;
  std::string stamp_;
};

} // namespace cli
