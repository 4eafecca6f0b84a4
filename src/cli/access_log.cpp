#include "access_log.hpp"

#include "options.hpp"
#include "system.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace cli {

AccessLog::~AccessLog() {
  flush();
  if (lost_lines_ > 0)
    complain(kFailed, std::to_string(lost_lines_) + " lines of " + path_ + " were lost");
  if (fd_ >= 0) close(fd_);
}

bool AccessLog::open(SocketLoop_T loop) {
  loop_ = loop;
  fd_ = open_to_append(path_.c_str());
  if (fd_ < 0) {
    complain(kFailed, "cannot append to " + path_ + ": " + std::strerror(errno));
    return false;
  }
  timer_ = SocketTimer_new(loop);
  if (!timer_) {
    complain(kFailed, Socket_last_error_message());
    return false;
  }
  const auto flush_now = [](const SocketCompletion_T *, void *log) {
    static_cast<AccessLog *>(log)->flush();
  };
  SocketTimer_set_callback(timer_, flush_now, this);
  return true;
}

void AccessLog::reopen() {
  const std::lock_guard lock(mutex_);
  write_pending();
  const int fd = open_to_append(path_.c_str());
  if (fd < 0) {
    complain(kFailed, "cannot append to " + path_ + ": " + std::strerror(errno));
    return;
  }
  close(fd_);
  fd_ = fd;
  torn_ = false;
}

// "[10/Oct/2000:13:55:36 +0000]", made anew once a second.
const std::string &AccessLog::timestamp() {
  const std::time_t now = std::time(nullptr);
  if (now == stamped_at_) return stamp_;
  stamped_at_ = now;
  const std::tm utc = utc_of(now);
  constexpr const char *kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];
  std::snprintf(text, sizeof text, "[%02d/%s/%d:%02d:%02d:%02d +0000]", utc.tm_mday,
                kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return stamp_ = text;
}

// What a client sent: nothing of it may end the quotes or the line, or reach a terminal as a
// command.
void AccessLog::append_escaped(const char *text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (; text && *text; text++) {
    const auto byte = static_cast<unsigned char>(*text);
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\')
      (((pending_ += "\\x") += kHex[byte >> 4]) += kHex[byte & 15]);
    else
      pending_ += *text;
  }
}

void AccessLog::add(SocketHTTP_T exchange) {
  const std::lock_guard lock(mutex_);
  if (pending_.size() >= kMaxPending) write_pending();
  char peer[128] = "-";
  if (SocketHTTP_get_peer(exchange, peer, sizeof peer) < 0) peer[0] = '-', peer[1] = 0;
  // Where a unix socket is bound is the client's own text.
  if (std::strncmp(peer, "unix:", 5) == 0) peer[5] = 0;
  const bool first = pending_.empty();
  pending_.append(peer).append(" - - ").append(timestamp()).append(" \"");
  append_escaped(SocketHTTP_get_method(exchange));
  pending_ += ' ';
  append_escaped(SocketHTTP_get_target(exchange));
  pending_ += SocketHTTP_get_version(exchange) == 10 ? " HTTP/1.0\" " : " HTTP/1.1\" ";
  const int64_t bytes = SocketHTTP_get_bytes_sent(exchange);
  pending_.append(std::to_string(SocketHTTP_get_status(exchange))).append(" ");
  pending_.append(bytes > 0 ? std::to_string(bytes) : "-").append("\n");
  if (hurried_ || (first && SocketLoop_post(loop_, start_timer, this) != 0)) write_pending();
}

// On the thread that the timer belongs to.
void AccessLog::start_timer(const SocketCompletion_T *, void *log) {
  SocketTimer_start(static_cast<AccessLog *>(log)->timer_, kDelayMs, 0);
}

void AccessLog::flush() {
  const std::lock_guard lock(mutex_);
  write_pending();
}

void AccessLog::write_pending() {
  if (pending_.empty()) return;
  const bool was_torn = torn_;
  if (was_torn) pending_.insert(pending_.begin(), '\n');
  size_t written = 0;
  while (written < pending_.size()) {
    const ssize_t count = write(fd_, pending_.data() + written, pending_.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    written += static_cast<size_t>(count);
  }
  const int error_number = errno;
  const bool complete = written == pending_.size();
  if (written > 0) torn_ = pending_[written - 1] != '\n';
  const auto rest = pending_.begin() + static_cast<std::ptrdiff_t>(written);
  const auto lost = std::count(rest, pending_.end(), '\n') - (was_torn && written == 0);
  pending_.clear();
  if (complete) return recover();
  if (lost_lines_ == 0)
    complain(kFailed, "cannot write to " + path_ + ": " + std::strerror(error_number) +
                          "; lines are being lost");
  lost_lines_ += lost;
}

void AccessLog::recover() {
  if (lost_lines_ == 0) return;
  complain(kFailed, std::to_string(lost_lines_) + " lines of " + path_ +
                        " were lost; it can be written again");
  lost_lines_ = 0;
}

void AccessLog::hurry() {
  const std::lock_guard lock(mutex_);
  hurried_ = true;
  write_pending();
}

} // namespace cli
