// The command: the access log. One line a response in the Common Log Format, gathered in memory and
// written at most kDelayMs late. A log that cannot be written never stops the server: lines are
// dropped, counted, and the loss is told on the standard error, once when it begins and once when
// it is over. All workers share one: whatever they add, its lines are whole and in one file.
#pragma once

#include "SocketHTTP.h"
#include "SocketTimer.h"

#include <cstdint>
#include <ctime>
#include <mutex>
#include <string>

namespace cli {

class AccessLog {
public:
  explicit AccessLog(std::string path) : path_(std::move(path)) {}
  AccessLog(const AccessLog &) = delete;
  AccessLog &operator=(const AccessLog &) = delete;
  ~AccessLog();

  // `loop` writes the lines that were gathered. False after it was explained on the standard error.
  bool open(SocketLoop_T loop);
  // All of these from any thread.
  // Opens the file by its name again, after a rotation; the old one stays if that fails.
  void reopen();
  void add(SocketHTTP_T exchange);
  void flush();
  // From now on each line is written as it comes: the end is near.
  void hurry();

private:
  static constexpr int64_t kDelayMs = 100;
  static constexpr size_t kMaxPending = 65536;

  static void start_timer(const SocketCompletion_T *event, void *log);
  void write_pending();
  const std::string &timestamp();
  void append_escaped(const char *text);
  void recover();

  const std::string path_;
  SocketLoop_T loop_ = nullptr;
  SocketTimer_T timer_ = nullptr; // the loop frees it
  std::mutex mutex_;              // guards all that follows
  int fd_ = -1;
  std::string pending_;
  int64_t lost_lines_ = 0;
  bool torn_ = false; // the last write ended inside of a line
  bool hurried_ = false;
  std::time_t stamped_at_ = -1;
  std::string stamp_;
};

} // namespace cli
