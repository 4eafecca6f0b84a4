// The command socketpoll(1): which of its commands was meant?
#include "commands.hpp"
#include "system.hpp"

#include "SocketVersion.h"

#include <cstdio>
#include <new>

namespace cli {

const char *const kHelp =
    "usage: socketpoll serve [OPTION...] [DIR]    serve a folder over HTTP (default: this one)\n"
    "       socketpoll cert [OPTION...] NAME...   make a certificate for development\n"
    "       socketpoll info                       version, features and backends\n"
    "       socketpoll --help | --version\n"
    "\n"
    "Options of serve:\n"
    "  --port NUMBER        listen on this port (default 8080; 0 picks a free one)\n"
    "  --bind ADDRESS       listen on this address (default 127.0.0.1; 0.0.0.0 or :: for all;\n"
    "                       unix:PATH for a unix socket)\n"
    "  --workers NUMBER     serve with so many threads (default 1; 0 or auto: one for each core)\n"
    "  --tls                serve over TLS, with a certificate made on the spot, or with\n"
    "  --cert FILE          this one and those that lead to its authority (PEM), and\n"
    "  --key FILE           its private key\n"
    "  --no-listing         do not list a folder that has no index.html\n"
    "  --access-log FILE    append a line in the Common Log Format for each request\n"
    "  --quiet              write nothing to the standard output\n"
    "\n"
    "Options of cert, which writes NAME.crt and NAME.key:\n"
    "  --authority          one that signs others, instead of a server's\n"
    "  --client             a client's\n"
    "  --issuer PATH        signed by the authority in PATH.crt and PATH.key, not by itself\n"
    "  --rsa                with a key of RSA-2048 (default ECDSA P-256)\n"
    "  --days NUMBER        valid for so long (default 90)\n"
    "  --out PATH           write PATH.crt and PATH.key\n"
    "\n"
    "Ctrl-C or SIGTERM completes the responses that have begun; a second one ends at once.\n"
    "SIGHUP reads the certificate and opens the access log anew; SIGUSR2 starts a successor from "
    "the same command line, "
    "which\n"
    "takes over without a connection lost. The manual: man socketpoll\n";

namespace {

int run(int count, char **values) {
  if (count < 2) {
    std::fputs(kHelp, stderr);
    return kMisused;
  }
  const std::string command = values[1];
  Arguments rest(count - 2, values + 2);
  if (command == "serve") return serve(rest, values);
  if (command == "cert") return cert(rest);
  if (command == "info") return info(rest);
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  if (command == "--version") {
    std::printf("socketpoll %s\n", Socket_version());
    return kDone;
  }
  return complain(kMisused, "there is no command " + command + "; see socketpoll --help");
}

} // namespace
} // namespace cli

int main(int count, char **values) {
  try {
    values = cli::command_line(count, values);
    const int status = cli::run(count, values);
    // A full disk or a closed pipe shows here at last.
    if (std::fflush(stdout) != 0 && status == cli::kDone)
      return cli::complain(cli::kFailed, "cannot write to the standard output");
    return status;
  } catch (const std::bad_alloc &) {
    return cli::complain(cli::kFailed, "out of memory");
  }
}
