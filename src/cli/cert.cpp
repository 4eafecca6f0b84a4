// The command: `socketpoll cert`, which makes authorities and certificates for development.
#include "certificate.hpp"
#include "commands.hpp"
#include "system.hpp"

#include "SocketTLS.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace cli {
namespace {

constexpr int kMostDays = 36500;
constexpr long kMostFile = 1 << 20;

struct Request {
  std::vector<std::string> names;
  std::string issuer; // without ".crt" and ".key"
  std::string out;
  int days = 90;
  int kind = SOCKET_TLS_SERVER_CERTIFICATE;
  bool rsa = false;
};

// 0, or the exit status after it was explained.
int take_option(std::string_view name, const std::string &value, Request &request) {
  if (name == "--days" && (!parse_number(value, kMostDays, request.days) || request.days < 1))
    return complain(kMisused,
                    "--days takes a number up to " + std::to_string(kMostDays) + ", not " + value);
  if (name == "--issuer") request.issuer = value;
  if (name == "--out") request.out = value;
  if (name == "--authority") request.kind = SOCKET_TLS_AUTHORITY;
  if (name == "--client") request.kind = SOCKET_TLS_CLIENT_CERTIFICATE;
  if (name == "--rsa") request.rsa = true;
  return 0;
}

int read_request(Arguments &arguments, Request &request) {
  const std::vector<Option> known = {{"--authority", false}, {"--client", false}, {"--rsa", false},
                                     {"--days", true},       {"--issuer", true},  {"--out", true}};
  for (;;) {
    switch (arguments.next(known)) {
    case Arguments::Kind::end:
      if (request.names.empty()) return complain(kMisused, "cert needs a name, such as localhost");
      if (request.out.empty()) request.out = request.names[0];
      return 0;
    case Arguments::Kind::misuse: return kMisused;
    case Arguments::Kind::operand: request.names.push_back(arguments.value()); break;
    case Arguments::Kind::option:
      if (const int misused = take_option(arguments.name(), arguments.value(), request))
        return misused;
    }
  }
}

int file_failed(const std::string &path) {
  return complain(kFailed, path + ": " + std::strerror(errno));
}

int read_file(const std::string &path, std::string &text) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rb"),
                                                              std::fclose);
  if (!file) return file_failed(path);
  char piece[4096];
  while (const size_t got = std::fread(piece, 1, sizeof piece, file.get())) {
    text.append(piece, got);
    if (text.size() > kMostFile) return complain(kFailed, path + " is no certificate");
  }
  return std::ferror(file.get()) ? file_failed(path) : 0;
}

// Nothing that is there is overwritten: it may be somebody's only key.
int write_file(const std::string &path, const char *text, bool secret) {
  const int fd = create_file(path.c_str(), secret);
  if (fd < 0) return file_failed(path);
  const auto length = std::strlen(text);
  const bool written = ::write(fd, text, static_cast<unsigned>(length)) == static_cast<int>(length);
  const bool closed = ::close(fd) == 0;
  return written && closed ? 0 : file_failed(path);
}

int make(const Request &request) {
  char certificate[SOCKET_TLS_PEM_BYTES], key[SOCKET_TLS_PEM_BYTES], fingerprint[128];
  std::string issuer, issuer_key, names;
  const bool signed_by_other = !request.issuer.empty();
  if (signed_by_other) {
    if (const int failed = read_file(request.issuer + ".crt", issuer)) return failed;
    if (const int failed = read_file(request.issuer + ".key", issuer_key)) return failed;
  }
  for (const std::string &name : request.names) names += (names.empty() ? "" : ",") + name;
  const auto now = static_cast<int64_t>(std::time(nullptr));
  const int code = SocketTLS_make_certificate(
      names.c_str(), request.kind | (request.rsa ? int{SOCKET_TLS_RSA} : 0), now - kDay,
      now + request.days * kDay, signed_by_other ? issuer.c_str() : nullptr,
      signed_by_other ? issuer_key.c_str() : nullptr, certificate, sizeof certificate, key,
      sizeof key);
  if (code < 0) return complain(kFailed, Socket_last_error_message());
  const std::string base = request.out;
  if (const int failed = write_file(base + ".key", key, true)) return failed;
  if (const int failed = write_file(base + ".crt", certificate, false)) return failed;
  SocketTLS_fingerprint(certificate, static_cast<int64_t>(std::strlen(certificate)), fingerprint,
                        sizeof fingerprint);
  std::printf("%s.crt and %s.key: %s, %d days, SHA-256 %s\n", base.c_str(), base.c_str(),
              names.c_str(), request.days, fingerprint);
  return kDone;
}

} // namespace

int cert(Arguments &arguments) {
  Request request;
  if (const int misused = read_request(arguments, request)) return misused;
  return make(request);
}

} // namespace cli
