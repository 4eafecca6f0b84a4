// The command. What `socketpoll serve --tls` shows: a certificate from files, or one of its own
// that lasts as long as the process may, whose fingerprint is told so that it can be compared.
#pragma once

#include "settings.hpp"

#include "SocketTLS.h"

namespace cli {

constexpr int64_t kDay = 86400; // seconds

class Certificate {
public:
  Certificate() = default;
  Certificate(const Certificate &) = delete;
  Certificate &operator=(const Certificate &) = delete;
  ~Certificate() { SocketTLS_free(&tls_); }

  // 0, or the code of what failed, which is the thread's last error.
  int open(const Settings &settings);
  // Files that have been renewed; what is wrong with them is told, and the old one stays.
  void reload();
  // NULL without TLS.
  SocketTLS_T handle() const { return tls_; }
  // Of one that was made on the spot; otherwise empty.
  const std::string &fingerprint() const { return fingerprint_; }

private:
  int make(const Settings &settings);

  SocketTLS_T tls_ = nullptr;
  std::string fingerprint_;
};

} // namespace cli
