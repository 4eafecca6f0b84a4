// Net floor, TLS. What a program has configured, in values of our own: no library's type, nothing
// that a connection changes. A context makes a new one for each change, and connections keep the
// one that they began with.
#pragma once

#include "net/tls/policy.hpp"
#include "net/tls/secret.hpp"
#include "net/tls/ticket_keys.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace socketpoll::tls {

// A certificate with its chain, and its key, as PEM or DER; checked by the engine.
struct Credential {
  std::vector<std::string> names; // "example.com", "*.example.com"; of the certificate if empty
  std::string chain;
  Secret key;
  Secret password;
  std::string staple; // an OCSP response, DER
  std::string origin; // " (a.pem, b.pem)" for who is told that it is bad; empty: from memory
};

enum class PeerCheck : uint8_t {
  none,     // a server that asks for no certificate; a client that trusts whoever answers
  optional, // a server that takes none as well, but not a bad one
  required,
};

using Digest = std::array<uint8_t, 32>;

// The program's own opinion of the peer: its certificate and those that it sent along, as DER one
// after the other, and what was found of it, 0 or a code. 0: it is let in; otherwise why not.
using Judge = std::function<int(std::string_view chain, int verdict)>;

class KeyLog;
class SessionCache;

struct Settings {
  bool server = false;
  PeerCheck check = PeerCheck::none;
  bool system_authorities = false;
  Policy policy;
  std::vector<Credential> credentials;    // the first one is the default
  std::vector<std::string> authorities;   // PEM, any number of certificates each, or DER
  std::vector<std::string> alpn;          // best first
  std::vector<Digest> pins;               // SHA-256 of the key that the peer's certificate holds
  Judge judge;                            // none: what was found stands
  std::shared_ptr<TicketKeys> tickets;    // of a server; none: no session is resumed
  std::shared_ptr<SessionCache> sessions; // of a client; none: no session is kept
  std::shared_ptr<KeyLog> key_log;
};

} // namespace socketpoll::tls
